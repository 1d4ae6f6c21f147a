/* Residual add and RMS norm.
 *
 * Forward: x_out = x + dropout(y), rstd = 1 / sqrt(mean(x_out^2) + eps), h = h_scale * dropout(x_out * rstd *
 * w); x_out, h and rstd are overwritten. Backward, with e = h_scale * dropout'(dh), g = e * w, n features: dx
 * += rstd * (g - x_out * rstd^2 * sum(g * x_out) / n), or dx = where dx_is_zero; dy = dropout'(dx) is
 * overwritten; dweight += sum over rows of e * x_out * rstd, adapter by adapter, in the rows' order. Both
 * read each row twice, the second time from the cache: the first pass gives the row's sum. */
#include "kernels/cuda/device.h"
#include "kernels/cuda/kernel.h"

enum { ROWS_PER_BLOCK = 4, ROW_THREADS = ROWS_PER_BLOCK * FT_WARP, COLUMNS = 32, ROW_GROUPS = 8 };

/* A norm weight as a tensor of one row. */
__device__ __forceinline__ ft_tensor weight_of(const float *weight, int64_t weight_stride, int32_t adapter,
                                               int64_t cols)
{
    ft_tensor w = {(void *)(weight + adapter * weight_stride), FT_F32, 1, cols, 0};
    return w;
}

/* A warp a row. */
__global__ void __launch_bounds__(ROW_THREADS)
    add_norm_forward_kernel(ft_adapter_batch batch, int32_t length, ft_tensor x, ft_tensor y, uint32_t y_site,
                            const float *weight, int64_t weight_stride, float eps, uint32_t h_site,
                            float h_scale, ft_tensor x_out, ft_tensor h, float *rstd)
{
    int64_t row = (int64_t)blockIdx.x * ROWS_PER_BLOCK + threadIdx.x / FT_WARP;
    int lane = threadIdx.x % FT_WARP;
    if (row >= x.rows) return;
    int32_t sequence = (int32_t)(row / length), t = (int32_t)(row % length);
    bool x_fours = ft_in_fours(x), y_fours = ft_in_fours(y), out_fours = ft_in_fours(x_out),
         h_fours = ft_in_fours(h);
    bool writes = y.data || x_out.data != x.data;
    int n_units = ft_units(x.cols);
    ft_dropout y_dropout = ft_dropout_of(batch, batch.model_dropout, y_site, sequence);
    float squares = 0;
    for (int unit = lane; unit < n_units; unit += FT_WARP) {
        float v[FT_UNIT], added[FT_UNIT];
        ft_load_unit(x, x_fours, row, unit, v);
        if (y.data) {
            ft_load_unit(y, y_fours, row, unit, added);
            ft_drop_unit(y_dropout, length, t, unit, added);
            for (int i = 0; i < FT_UNIT; i++) v[i] += added[i];
        }
        for (int i = 0; i < FT_UNIT; i++) squares += v[i] * v[i];
        if (writes) ft_store_unit(x_out, out_fours, row, unit, v);
    }
    float r = 1.0f / sqrtf(ft_warp_sum(squares) / (float)x.cols + eps);
    if (lane == 0) rstd[row] = r;

    ft_dropout h_dropout = ft_dropout_of(batch, batch.model_dropout, h_site, sequence);
    ft_tensor w = weight_of(weight, weight_stride, batch.adapter_of[sequence], x.cols);
    bool w_fours = ft_in_fours(w);
    for (int unit = lane; unit < n_units; unit += FT_WARP) {
        float v[FT_UNIT], factor[FT_UNIT];
        ft_load_unit(x_out, out_fours, row, unit, v); /* this lane's own, of the loop before */
        ft_load_unit(w, w_fours, 0, unit, factor);
        for (int i = 0; i < FT_UNIT; i++) v[i] *= h_scale * r * factor[i];
        ft_drop_unit(h_dropout, length, t, unit, v);
        ft_store_unit(h, h_fours, row, unit, v);
    }
}

/* g = e * w of a unit, with the row of x_out beside it. */
__device__ __forceinline__ void load_gradient(const ft_tensor &dh, bool dh_fours, const ft_tensor &w,
                                              bool w_fours, const ft_dropout &dropout, float h_scale,
                                              int32_t length, int64_t row, int unit, float g[FT_UNIT])
{
    float factor[FT_UNIT];
    ft_load_unit(dh, dh_fours, row, unit, g);
    ft_drop_unit(dropout, length, (int32_t)(row % length), unit, g);
    ft_load_unit(w, w_fours, 0, unit, factor);
    for (int i = 0; i < FT_UNIT; i++) g[i] *= h_scale * factor[i];
}

/* A warp a row. */
__global__ void __launch_bounds__(ROW_THREADS)
    add_norm_backward_kernel(ft_adapter_batch batch, int32_t length, ft_tensor x_out, const float *rstd,
                             const float *weight, int64_t weight_stride, uint32_t h_site, float h_scale,
                             ft_tensor dh, ft_tensor dx, bool dx_is_zero, uint32_t y_site, ft_tensor dy)
{
    int64_t row = (int64_t)blockIdx.x * ROWS_PER_BLOCK + threadIdx.x / FT_WARP;
    int lane = threadIdx.x % FT_WARP;
    if (row >= x_out.rows) return;
    int32_t sequence = (int32_t)(row / length), t = (int32_t)(row % length);
    bool x_fours = ft_in_fours(x_out), dh_fours = ft_in_fours(dh), dx_fours = ft_in_fours(dx),
         dy_fours = ft_in_fours(dy);
    int n_units = ft_units(x_out.cols);
    ft_dropout h_dropout = ft_dropout_of(batch, batch.model_dropout, h_site, sequence);
    ft_dropout y_dropout = ft_dropout_of(batch, batch.model_dropout, y_site, sequence);
    ft_tensor w = weight_of(weight, weight_stride, batch.adapter_of[sequence], x_out.cols);
    bool w_fours = ft_in_fours(w);
    float along = 0; /* g . x_out */
    for (int unit = lane; unit < n_units; unit += FT_WARP) {
        float g[FT_UNIT], v[FT_UNIT];
        load_gradient(dh, dh_fours, w, w_fours, h_dropout, h_scale, length, row, unit, g);
        ft_load_unit(x_out, x_fours, row, unit, v);
        for (int i = 0; i < FT_UNIT; i++) along += g[i] * v[i];
    }
    float r = rstd[row], back = r * r * (ft_warp_sum(along) / (float)x_out.cols);
    for (int unit = lane; unit < n_units; unit += FT_WARP) {
        float g[FT_UNIT], v[FT_UNIT], sum[FT_UNIT] = {0};
        load_gradient(dh, dh_fours, w, w_fours, h_dropout, h_scale, length, row, unit, g);
        ft_load_unit(x_out, x_fours, row, unit, v);
        if (!dx_is_zero) ft_load_unit(dx, dx_fours, row, unit, sum);
        for (int i = 0; i < FT_UNIT; i++) sum[i] += r * (g[i] - v[i] * back);
        ft_store_unit(dx, dx_fours, row, unit, sum);
        if (!dy.data) continue;
        ft_drop_unit(y_dropout, length, t, unit, sum);
        ft_store_unit(dy, dy_fours, row, unit, sum);
    }
}

/* dweight of one adapter (of all, where they share one weight) and 32 features a block: ROW_GROUPS threads a
 * feature take the rows in turn. Full training alone. */
__global__ void __launch_bounds__(COLUMNS *ROW_GROUPS, 2)
    norm_weight_gradient_kernel(ft_adapter_batch batch, int32_t length, ft_tensor x_out, const float *rstd,
                                uint32_t h_site, float h_scale, ft_tensor dh, float *dweight,
                                int64_t weight_stride, bool shared_weight)
{
    FT_SHARED(float, parts, [ROW_GROUPS][COLUMNS]);
    int32_t g = (int32_t)blockIdx.y;
    int64_t col = (int64_t)blockIdx.x * COLUMNS + threadIdx.x;
    int64_t first = shared_weight ? 0 : (int64_t)batch.sequence_start[g] * length;
    int64_t end = shared_weight ? x_out.rows : (int64_t)batch.sequence_start[g + 1] * length;
    float sum = 0;
    for (int64_t row = first + threadIdx.y; row < end && col < x_out.cols; row += ROW_GROUPS) {
        ft_dropout dropout = ft_dropout_of(batch, batch.model_dropout, h_site, (int32_t)(row / length));
        float e = h_scale * ft_load(dh, row, col);
        if (dropout.active) {
            uint32_t position = (uint32_t)(length - 1 - row % length);
            float factor[4];
            ft_dropout_factors(dropout, (uint32_t)col, position, 0, factor);
            /* By comparison: an index into registers would put them into local memory. */
            uint32_t word = ft_philox_word((uint32_t)col);
            e *= word == 0 ? factor[0] : word == 1 ? factor[1] : word == 2 ? factor[2] : factor[3];
        }
        sum += e * ft_load(x_out, row, col) * rstd[row];
    }
    parts[threadIdx.y][threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.y != 0 || col >= x_out.cols) return;
    float total = 0;
    for (int group = 0; group < ROW_GROUPS; group++) total += parts[group][threadIdx.x];
    dweight[g * weight_stride + col] += total;
}

static void add_norm_forward(ft_backend *self, const ft_adapter_batch *batch, int32_t length, ft_tensor x,
                             ft_tensor y, uint32_t y_site, const void *weight, int64_t weight_stride,
                             float eps, uint32_t h_site, float h_scale, ft_tensor x_out, ft_tensor h,
                             void *rstd)
{
    ft_cuda *cuda = ft_cuda_of(self);
    if (x.rows == 0 || !ft_cuda_enter(cuda)) return;
    CUDA_LAUNCH(cuda, add_norm_forward_kernel, dim3((unsigned)ft_cuda_ceil(x.rows, ROWS_PER_BLOCK)),
                dim3(ROW_THREADS), 0, *batch, length, x, y, y_site, (const float *)weight, weight_stride, eps,
                h_site, h_scale, x_out, h, (float *)rstd);
}

static void add_norm_backward(ft_backend *self, const ft_adapter_batch *batch, int32_t length,
                              ft_tensor x_out, const void *rstd, const void *weight, int64_t weight_stride,
                              uint32_t h_site, float h_scale, ft_tensor dh, ft_tensor dx, bool dx_is_zero,
                              uint32_t y_site, ft_tensor dy, void *dweight)
{
    ft_cuda *cuda = ft_cuda_of(self);
    if (x_out.rows == 0 || !ft_cuda_enter(cuda)) return;
    if (dweight) { /* first, since dy may lie where dh is */
        bool shared_weight = weight_stride == 0;
        dim3 grid((unsigned)ft_cuda_ceil(x_out.cols, COLUMNS),
                  shared_weight ? 1 : (unsigned)batch->n_adapters);
        CUDA_LAUNCH(cuda, norm_weight_gradient_kernel, grid, dim3(COLUMNS, ROW_GROUPS), 0, *batch, length,
                    x_out, (const float *)rstd, h_site, h_scale, dh, (float *)dweight, weight_stride,
                    shared_weight);
    }
    CUDA_LAUNCH(cuda, add_norm_backward_kernel, dim3((unsigned)ft_cuda_ceil(x_out.rows, ROWS_PER_BLOCK)),
                dim3(ROW_THREADS), 0, *batch, length, x_out, (const float *)rstd, (const float *)weight,
                weight_stride, h_site, h_scale, dh, dx, dx_is_zero, y_site, dy);
}

void ft_cuda_norm_operations(ft_backend *base)
{
    base->add_norm_forward = add_norm_forward;
    base->add_norm_backward = add_norm_backward;
}
