/* Operations that work row by row: embedding, residual add + RMS norm, ReLU, each with
 * its dropout. */
#include <omp.h>
#include <string.h>

#include "kernels/cpu/dropout.h"
#include "kernels/cpu/operations.h"
#include "kernels/cpu/vector.h"

/* The dropout of the adapter of a row, remembered from row to row. */
typedef struct row_dropout {
    ft_dropout dropout;
    int32_t adapter;
} row_dropout;

static inline const ft_dropout *dropout_for(row_dropout *last, const ft_adapter_batch *batch, int32_t adapter,
                                            uint32_t site)
{
    if (last->adapter != adapter) {
        last->adapter = adapter;
        last->dropout = ft_dropout_of(batch, batch->model_dropout, adapter, site);
    }
    return &last->dropout;
}

static const row_dropout no_dropout = {.adapter = -1};

/* Room for a row in each thread, `padded` floats apart. NULL: no memory; synchronize says
 * so. */
static float *thread_rows(ft_backend *self, int64_t padded)
{
    return ft_cpu_scratch(ft_cpu_of(self), FT_SCRATCH_OPERATION,
                          (size_t)(self->n_threads * padded) * sizeof(float));
}

static void embedding_forward(ft_backend *self, const ft_adapter_batch *batch, int32_t length,
                              ft_tensor table, const int32_t *ids, uint32_t dropout_site, ft_tensor out)
{
    const int64_t padded = ft_padded(out.cols, FT_GROUP);
    float *buffers = thread_rows(self, padded);
    if (!buffers) return;
#pragma omp parallel num_threads(self->n_threads)
    {
        float *buffer = buffers + omp_get_thread_num() * padded;
        row_dropout dropout = no_dropout;
#pragma omp for schedule(static)
        for (int64_t row = 0; row < out.rows; row++) {
            ft_place place = ft_place_of(batch, length, row);
            if (ids[row] >= 0)
                ft_read_row(table, ids[row], 0, out.cols, padded, buffer);
            else
                memset(buffer, 0, (size_t)padded * sizeof *buffer);
            ft_drop_row(dropout_for(&dropout, batch, place.adapter, dropout_site), place, padded, buffer);
            ft_write_row(out, row, 0, out.cols, buffer);
        }
    }
}

/* Each thread takes a range of columns and goes through the rows in order, so that rows
 * with one id add up in order. */
static void embedding_backward(ft_backend *self, const ft_adapter_batch *batch, int32_t length,
                               ft_tensor dout, const int32_t *ids, uint32_t dropout_site, ft_tensor dtable)
{
    const int64_t groups = ft_padded(dout.cols, FT_GROUP) / FT_GROUP;
#pragma omp parallel for schedule(static) num_threads(self->n_threads)
    for (int64_t group = 0; group < groups; group++) {
        const int64_t first = group * FT_GROUP,
                      count = dout.cols - first < FT_GROUP ? dout.cols - first : FT_GROUP;
        row_dropout dropout = no_dropout;
        for (int64_t row = 0; row < dout.rows; row++) {
            float buffer[FT_GROUP];
            ft_place place = ft_place_of(batch, length, row);
            ft_read_row(dout, row, first, count, FT_GROUP, buffer);
            const ft_dropout *drop = dropout_for(&dropout, batch, place.adapter, dropout_site);
            if (drop->threshold) {
                ft_vector factor[FT_DRAWN][FT_GROUP_VECTORS];
                ft_draw_factors(drop, place, group, factor);
                for (int v = 0; v < FT_GROUP_VECTORS; v++)
                    ft_store(buffer + v * FT_LANES, ft_load(buffer + v * FT_LANES) * factor[0][v]);
            }
            float *to = (float *)ft_row_address(dtable, ids[row]) + first;
            for (int64_t i = 0; i < count; i++) to[i] += buffer[i];
        }
    }
}

static void add_norm_forward(ft_backend *self, const ft_adapter_batch *batch, int32_t length, ft_tensor x,
                             ft_tensor y, uint32_t y_site, const void *weight, int64_t weight_stride,
                             float eps, uint32_t h_site, float h_scale, ft_tensor x_out, ft_tensor h,
                             void *rstd)
{
    const int64_t d = x.cols, padded = ft_padded(d, FT_GROUP);
    const bool writes = y.data || x_out.data != x.data;
    float *buffers = ft_cpu_scratch(ft_cpu_of(self), FT_SCRATCH_OPERATION,
                                    (size_t)(self->n_threads * 3 * padded) * sizeof(float));
    if (!buffers) return;
#pragma omp parallel num_threads(self->n_threads)
    {
        float *sum = buffers + omp_get_thread_num() * 3 * padded, *other = sum + padded,
              *scale = other + padded;
        row_dropout y_dropout = no_dropout, h_dropout = no_dropout;
        int32_t adapter = -1;
#pragma omp for schedule(static)
        for (int64_t row = 0; row < x.rows; row++) {
            ft_place place = ft_place_of(batch, length, row);
            if (place.adapter != adapter) {
                adapter = place.adapter;
                const float *from = (const float *)weight + adapter * weight_stride;
                for (int64_t i = 0; i < padded; i++) scale[i] = i < d ? from[i] : 0.0f;
            }
            ft_read_row(x, row, 0, d, padded, sum);
            if (y.data) {
                ft_read_row(y, row, 0, d, padded, other);
                ft_drop_row(dropout_for(&y_dropout, batch, adapter, y_site), place, padded, other);
                ft_add_row(sum, other, padded);
            }
            if (writes) ft_write_row(x_out, row, 0, d, sum);
            ft_vector squares = ft_set(0.0f);
            for (int64_t i = 0; i < padded; i += FT_LANES) squares += ft_load(sum + i) * ft_load(sum + i);
            const float r = 1.0f / sqrtf(ft_sum(squares) / (float)d + eps);
            ((float *)rstd)[row] = r;
            for (int64_t i = 0; i < padded; i += FT_LANES)
                ft_store(sum + i, ft_load(sum + i) * (r * h_scale) * ft_load(scale + i));
            ft_drop_row(dropout_for(&h_dropout, batch, adapter, h_site), place, padded, sum);
            ft_write_row(h, row, 0, d, sum);
        }
    }
}

/* Adds element i of the sums, added up over the ranges, to dweight, of d elements an
 * adapter, weight_stride apart. sums: (n_ranges, n_sums, padded), the ranges `pitch`
 * floats apart. Adapters that share one weight (weight_stride 0) share its gradient: the
 * first one's elements add all. */
static void add_weight_gradient(const float *sums, int64_t pitch, int64_t n_ranges, int64_t n_sums,
                                int64_t padded, int64_t i, int64_t d, void *dweight, int64_t weight_stride)
{
    bool is_shared = weight_stride == 0;
    if (i % padded >= d || (is_shared && i >= padded)) return;
    float total = 0.0f;
    for (int64_t at = i; at < n_sums * padded; at += padded) {
        for (int64_t range = 0; range < n_ranges; range++) total += sums[range * pitch + at];
        if (!is_shared) break;
    }
    ((float *)dweight)[i / padded * weight_stride + i % padded] += total;
}

/* With n = x * rstd (the normed row before its weight), f = h_scale * dropout'(dh) and e
 * = f * weight:
 *   dx += rstd * (e - n * mean(e * n)),   dweight += f * n.
 * The rows are cut into `n_threads` ranges, each with its own sums of dweight, added up
 * in the ranges' order. */
static void add_norm_backward(ft_backend *self, const ft_adapter_batch *batch, int32_t length,
                              ft_tensor x_out, const void *rstd, const void *weight, int64_t weight_stride,
                              uint32_t h_site, float h_scale, ft_tensor dh, ft_tensor dx, bool dx_is_zero,
                              uint32_t y_site, ft_tensor dy, void *dweight)
{
    const int64_t d = x_out.cols, padded = ft_padded(d, FT_GROUP), n_threads = self->n_threads;
    const int64_t n_sums = dweight ? batch->n_adapters : 0;
    const int64_t per_thread = (4 + n_sums) * padded;
    float *buffers = ft_cpu_scratch(ft_cpu_of(self), FT_SCRATCH_OPERATION,
                                    (size_t)(n_threads * per_thread) * sizeof(float));
    if (!buffers) return;
#pragma omp parallel num_threads(self->n_threads)
    {
        const int64_t thread = omp_get_thread_num(), n_ranges = omp_get_num_threads();
        float *n = buffers + thread * per_thread, *e = n + padded, *gradient = e + padded,
              *scale = gradient + padded;
        float *sums = scale + padded;
        row_dropout y_dropout = no_dropout, h_dropout = no_dropout;
        int32_t adapter = -1;
        for (int64_t i = 0; i < n_sums * padded; i++) sums[i] = 0.0f;
        for (int64_t row = x_out.rows * thread / n_ranges; row < x_out.rows * (thread + 1) / n_ranges;
             row++) {
            ft_place place = ft_place_of(batch, length, row);
            if (place.adapter != adapter) {
                adapter = place.adapter;
                const float *from = (const float *)weight + adapter * weight_stride;
                for (int64_t i = 0; i < padded; i++) scale[i] = i < d ? from[i] : 0.0f;
            }
            const float r = ((const float *)rstd)[row];
            ft_read_row(x_out, row, 0, d, padded, n);
            ft_read_row(dh, row, 0, d, padded, e);
            ft_drop_row(dropout_for(&h_dropout, batch, adapter, h_site), place, padded, e);
            if (h_scale != 1.0f) ft_scale_row(e, h_scale, padded);
            if (dx_is_zero)
                memset(gradient, 0, (size_t)padded * sizeof(float));
            else
                ft_read_row(dx, row, 0, d, padded, gradient);
            if (dweight) {
                float *sum = sums + adapter * padded;
                for (int64_t i = 0; i < padded; i += FT_LANES)
                    ft_store(sum + i, ft_load(sum + i) + ft_load(e + i) * (ft_load(n + i) * r));
            }
            ft_vector products = ft_set(0.0f);
            for (int64_t i = 0; i < padded; i += FT_LANES) {
                ft_vector normed = ft_load(n + i) * r, weighted = ft_load(e + i) * ft_load(scale + i);
                products += normed * weighted;
                ft_store(n + i, normed);
                ft_store(e + i, weighted);
            }
            const float mean = ft_sum(products) / (float)d;
            for (int64_t i = 0; i < padded; i += FT_LANES)
                ft_store(gradient + i, ft_load(gradient + i) + r * (ft_load(e + i) - ft_load(n + i) * mean));
            ft_write_row(dx, row, 0, d, gradient);
            if (dy.data) {
                ft_drop_row(dropout_for(&y_dropout, batch, adapter, y_site), place, padded, gradient);
                ft_write_row(dy, row, 0, d, gradient);
            }
        }
        if (dweight) {
#pragma omp barrier
#pragma omp for schedule(static)
            for (int64_t i = 0; i < n_sums * padded; i++)
                add_weight_gradient(buffers + 4 * padded, per_thread, n_ranges, n_sums, padded, i, d, dweight,
                                    weight_stride);
        }
    }
}

static void relu_forward(ft_backend *self, const ft_adapter_batch *batch, int32_t length,
                         uint32_t dropout_site, ft_tensor f)
{
    const int64_t padded = ft_padded(f.cols, FT_GROUP);
    float *buffers = thread_rows(self, padded);
    if (!buffers) return;
#pragma omp parallel num_threads(self->n_threads)
    {
        float *buffer = buffers + omp_get_thread_num() * padded;
        row_dropout dropout = no_dropout;
#pragma omp for schedule(static)
        for (int64_t row = 0; row < f.rows; row++) {
            ft_place place = ft_place_of(batch, length, row);
            ft_read_row(f, row, 0, f.cols, padded, buffer);
            /* NaN stays NaN: a diverged run must show. */
            for (int64_t i = 0; i < padded; i += FT_LANES) {
                ft_vector value = ft_load(buffer + i);
                ft_store(buffer + i, ft_choose(ft_less(value, ft_set(0.0f)), ft_set(0.0f), value));
            }
            ft_drop_row(dropout_for(&dropout, batch, place.adapter, dropout_site), place, padded, buffer);
            ft_write_row(f, row, 0, f.cols, buffer);
        }
    }
}

static void relu_backward(ft_backend *self, const ft_adapter_batch *batch, int32_t length,
                          uint32_t dropout_site, ft_tensor f, ft_tensor df)
{
    enum { CHUNK = 512 };
#pragma omp parallel num_threads(self->n_threads)
    {
        row_dropout dropout = no_dropout;
#pragma omp for schedule(static)
        for (int64_t row = 0; row < f.rows; row++) {
            const float scale =
                dropout_for(&dropout, batch, batch->adapter_of[row / length], dropout_site)->scale;
            float value[CHUNK], gradient[CHUNK];
            for (int64_t first = 0; first < f.cols; first += CHUNK) {
                int64_t count = f.cols - first < CHUNK ? f.cols - first : CHUNK;
                ft_read_row(f, row, first, count, count, value);
                ft_read_row(df, row, first, count, count, gradient);
                for (int64_t i = 0; i < count; i++)
                    gradient[i] = value[i] > 0.0f ? gradient[i] * scale : 0.0f;
                ft_write_row(df, row, first, count, gradient);
            }
        }
    }
}

void FT_FOR_ISA(ft_cpu_row_operations)(ft_backend *backend)
{
    backend->embedding_forward = embedding_forward;
    backend->embedding_backward = embedding_backward;
    backend->add_norm_forward = add_norm_forward;
    backend->add_norm_backward = add_norm_backward;
    backend->relu_forward = relu_forward;
    backend->relu_backward = relu_backward;
}
