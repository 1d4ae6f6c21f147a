/* Residual add and RMS norm.
 *
 * Forward: x_out = x + dropout(y), rstd = 1 / sqrt(mean(x_out^2) + eps), h = h_scale *
 * dropout(x_out * rstd * w). x_out, h and rstd are overwritten.
 *
 * Backward, with e = h_scale * dropout'(dh), g = e * w and n features:
 *
 *   dx += rstd * (g - x_out * rstd^2 * sum(g * x_out) / n)     (= with dx_is_zero)
 *   dy = dropout'(dx)                                          (overwritten)
 *   dweight += sum over the adapter's rows of e * x_out * rstd
 *
 * Design: a lane has a unit of 32 features, so half a warp takes a row of up to 512
 * features and a warp a longer one. All loads are issued at once, and the masks are drawn
 * while they are in flight. A lane keeps its unit until the row's sum is known; only rows
 * of more than 1024 features are read twice, the second time from the cache. For the
 * gradient of the weight (full training, ln_tuning) many blocks sum over pieces of the
 * rows, and a second kernel adds their sums in order.
 *
 * Floor, bytes an element with bf16 activations: forward 4 (x) + 4 (x_out) + 2 (y) + 2
 * (h), backward 4 (x_out) + 8 (dx) + 2 (dh) + 2 (dy), the weight's gradient 4 (x_out) + 2
 * (dh). */
#include "kernels/cuda/device.h"
#include "kernels/cuda/kernel.h"

enum { ROW_THREADS = 128 };
/* The weight's gradient: a block has 64 features (two threads a row) and the rows of one
 * piece. */
enum {
    GRADIENT_THREADS = 128,
    ROWS_AT_ONCE = GRADIENT_THREADS * FT_UNIT / FT_CHUNK,
    PIECE_ROWS = 256,
    TOTAL_THREADS = 64
};

/* A norm weight as a tensor with one row. */
__device__ __forceinline__ ft_tensor weight_of(const float *weight, int64_t weight_stride, int32_t adapter,
                                               int64_t cols)
{
    ft_tensor w = {(void *)(weight + adapter * weight_stride), FT_F32, 1, cols, 0};
    return w;
}

/* How lanes share a row: LANES of them, which with HELD have at most one unit each. */
template <int LANES_, bool HELD_> struct row_shape {
    static constexpr int LANES = LANES_;
    static constexpr bool HELD = HELD_;
};

/* Sum over the LANES lanes of a row. */
template <int LANES> __device__ __forceinline__ float row_sum(float value)
{
    return LANES == FT_WARP ? ft_warp_sum(value) : ft_half_warp_sum(value);
}

/* slots: add_norm_forward_kernel<row_shape<32, true>> mma 0 plain 1820 dropout 2050 */
/* slots: add_norm_backward_kernel<row_shape<32, true>> mma 0 plain 2370 dropout 2701 */

template <class Shape>
__global__ void __launch_bounds__(ROW_THREADS, 4)
    add_norm_forward_kernel(ft_adapter_batch batch, int32_t length, ft_tensor x, ft_tensor y, uint32_t y_site,
                            const float *weight, int64_t weight_stride, float eps, uint32_t h_site,
                            float h_scale, ft_tensor x_out, ft_tensor h, float *rstd)
{
    constexpr int LANES = Shape::LANES;
    constexpr bool HELD = Shape::HELD;
    int64_t row = (int64_t)blockIdx.x * (ROW_THREADS / LANES) + threadIdx.x / LANES;
    int lane = threadIdx.x % LANES;
    if (row >= x.rows) return;
    int32_t sequence = (int32_t)(row / length), t = (int32_t)(row % length);
    bool x_eights = ft_in_eights(x), y_eights = ft_in_eights(y), out_eights = ft_in_eights(x_out),
         h_eights = ft_in_eights(h);
    bool writes = y.data || x_out.data != x.data;
    int n_units = ft_units(x.cols);
    float v[4][8], squares = 0;
    for (int unit = lane; unit < n_units; unit += LANES) {
        ft_eight x_got[4], y_got[4];
#pragma unroll
        for (int w = 0; w < 4; w++) {
            x_got[w] = ft_fetch8(x, x_eights, row, ft_unit_col(unit, w));
            if (y.data) y_got[w] = ft_fetch8(y, y_eights, row, ft_unit_col(unit, w));
        }
        ft_dropout dropout = ft_dropout_of(batch, batch.model_dropout, y_site, sequence);
        unsigned keep = y.data ? ft_keep_unit(dropout, length, t, unit) : 0;
#pragma unroll
        for (int w = 0; w < 4; w++) {
            ft_unpack8(x_got[w], v[w]);
            if (y.data) {
                float added[8];
                ft_unpack8(y_got[w], added);
                ft_drop8(dropout, keep, w, added);
                for (int i = 0; i < 8; i++) v[w][i] += added[i];
            }
            for (int i = 0; i < 8; i++) squares += v[w][i] * v[w][i];
            if (writes) ft_store8(x_out, out_eights, row, ft_unit_col(unit, w), v[w]);
        }
        if (HELD) break;
    }
    float r = 1.0f / sqrtf(row_sum<LANES>(squares) / (float)x.cols + eps);
    if (lane == 0) rstd[row] = r;

    ft_dropout dropout = ft_dropout_of(batch, batch.model_dropout, h_site, sequence);
    ft_tensor norm = weight_of(weight, weight_stride, batch.adapter_of[sequence], x.cols);
    bool norm_eights = ft_in_eights(norm);
    for (int unit = lane; unit < n_units; unit += LANES) {
        ft_eight norm_got[4];
#pragma unroll
        for (int w = 0; w < 4; w++) {
            int col = ft_unit_col(unit, w);
            norm_got[w] = ft_fetch8(norm, norm_eights, 0, col);
            /* written by this lane in the loop before */
            if (!HELD) ft_load8(x_out, out_eights, row, col, v[w]);
        }
        unsigned keep = ft_keep_unit(dropout, length, t, unit);
#pragma unroll
        for (int w = 0; w < 4; w++) {
            int col = ft_unit_col(unit, w);
            float factor[8];
            ft_unpack8(norm_got[w], factor);
            for (int i = 0; i < 8; i++) v[w][i] *= h_scale * r * factor[i];
            ft_drop8(dropout, keep, w, v[w]);
            ft_store8(h, h_eights, row, col, v[w]);
        }
        if (HELD) break;
    }
}

/* g = e * w for group w of a unit, from dh and the norm's weight. */
__device__ __forceinline__ void gradient_of(const ft_eight &dh, const ft_eight &norm,
                                            const ft_dropout &dropout, unsigned keep, int w, float h_scale,
                                            float g[8])
{
    float factor[8];
    ft_unpack8(dh, g);
    ft_drop8(dropout, keep, w, g);
    ft_unpack8(norm, factor);
    for (int i = 0; i < 8; i++) g[i] *= h_scale * factor[i];
}

template <class Shape>
__global__ void __launch_bounds__(ROW_THREADS, Shape::HELD ? 3 : 2)
    add_norm_backward_kernel(ft_adapter_batch batch, int32_t length, ft_tensor x_out, const float *rstd,
                             const float *weight, int64_t weight_stride, uint32_t h_site, float h_scale,
                             ft_tensor dh, ft_tensor dx, bool dx_is_zero, uint32_t y_site, ft_tensor dy)
{
    constexpr int LANES = Shape::LANES;
    constexpr bool HELD = Shape::HELD;
    int64_t row = (int64_t)blockIdx.x * (ROW_THREADS / LANES) + threadIdx.x / LANES;
    int lane = threadIdx.x % LANES;
    if (row >= x_out.rows) return;
    int32_t sequence = (int32_t)(row / length), t = (int32_t)(row % length);
    bool x_eights = ft_in_eights(x_out), dh_eights = ft_in_eights(dh), dx_eights = ft_in_eights(dx),
         dy_eights = ft_in_eights(dy);
    int n_units = ft_units(x_out.cols);
    ft_tensor norm = weight_of(weight, weight_stride, batch.adapter_of[sequence], x_out.cols);
    bool norm_eights = ft_in_eights(norm);
    float g[4][8], v[4][8]; /* v: x_out */
    auto load = [&](int unit) {
        ft_eight dh_got[4], x_got[4];
#pragma unroll
        for (int w = 0; w < 4; w++) {
            int col = ft_unit_col(unit, w);
            dh_got[w] = ft_fetch8(dh, dh_eights, row, col);
            x_got[w] = ft_fetch8(x_out, x_eights, row, col);
        }
        ft_dropout dropout = ft_dropout_of(batch, batch.model_dropout, h_site, sequence);
        unsigned keep = ft_keep_unit(dropout, length, t, unit);
#pragma unroll
        for (int w = 0; w < 4; w++) {
            ft_eight factor = ft_fetch8(norm, norm_eights, 0, ft_unit_col(unit, w));
            gradient_of(dh_got[w], factor, dropout, keep, w, h_scale, g[w]);
            ft_unpack8(x_got[w], v[w]);
        }
    };
    ft_dropout y_dropout;
    unsigned y_keep = 0;
    ft_eight dx_got[4];
    auto load_rest = [&](int unit) { /* loads what is needed after the sum */
                                     if (dy.data) {
                                         y_dropout =
                                             ft_dropout_of(batch, batch.model_dropout, y_site, sequence);
                                         y_keep = ft_keep_unit(y_dropout, length, t, unit);
                                     }
#pragma unroll
                                     for (int w = 0; w < 4; w++)
                                         if (!dx_is_zero)
                                             dx_got[w] = ft_fetch8(dx, dx_eights, row, ft_unit_col(unit, w));
    };
    float along = 0; /* g . x_out */
    for (int unit = lane; unit < n_units; unit += LANES) {
        load(unit);
        if (HELD) load_rest(unit);
#pragma unroll
        for (int w = 0; w < 4; w++)
            for (int i = 0; i < 8; i++) along += g[w][i] * v[w][i];
        if (HELD) break;
    }
    float r = rstd[row], back = r * r * (row_sum<LANES>(along) / (float)x_out.cols);
    for (int unit = lane; unit < n_units; unit += LANES) {
        if (!HELD) load(unit), load_rest(unit);
#pragma unroll
        for (int w = 0; w < 4; w++) {
            int col = ft_unit_col(unit, w);
            float sum[8] = {0};
            if (!dx_is_zero) ft_unpack8(dx_got[w], sum);
            for (int i = 0; i < 8; i++) sum[i] += r * (g[w][i] - v[w][i] * back);
            ft_store8(dx, dx_eights, row, col, sum);
            if (!dy.data) continue;
            ft_drop8(y_dropout, y_keep, w, sum);
            ft_store8(dy, dy_eights, row, col, sum);
        }
        if (HELD) break;
    }
}

/* One-dimensional grid: (blocks of FT_CHUNK features, pieces). parts: (pieces, cols) gets
 * each piece's sum of each feature. With shared_weight, the rows of all adapters are cut
 * as if they were one adapter's. */
__global__ void __launch_bounds__(GRADIENT_THREADS, 4)
    norm_weight_parts_kernel(ft_adapter_batch batch, int32_t length, ft_tensor x_out, const float *rstd,
                             uint32_t h_site, float h_scale, ft_tensor dh, bool shared_weight, float *parts)
{
    FT_SHARED(float, sums, [ROWS_AT_ONCE][FT_CHUNK + 4]);
    unsigned block = blockIdx.x;
    int chunk = ft_take_index(&block, ft_cuda_ceil(x_out.cols, FT_CHUNK));
    int64_t index = block, first_col = (int64_t)chunk * FT_CHUNK;
    ft_piece piece = {0, index * PIECE_ROWS, min((index + 1) * (int64_t)PIECE_ROWS, x_out.rows)};
    if (!shared_weight && !ft_find_piece(batch, length, PIECE_ROWS, index, &piece)) return;
    int half = threadIdx.x % 2, group = threadIdx.x / 2, unit = chunk * 2 + half;
    bool x_eights = ft_in_eights(x_out), dh_eights = ft_in_eights(dh);
    float sum[FT_UNIT] = {0};
    for (int64_t row = piece.first + group; row < piece.end; row += ROWS_AT_ONCE) {
        float factor = h_scale * rstd[row];
        ft_dropout dropout = ft_dropout_of(batch, batch.model_dropout, h_site, (int32_t)(row / length));
        unsigned keep = ft_keep_unit(dropout, length, (int32_t)(row % length), unit);
#pragma unroll
        for (int w = 0; w < 4; w++) {
            float e[8], v[8];
            ft_eight dh_got = ft_fetch8(dh, dh_eights, row, ft_unit_col(unit, w));
            ft_load8(x_out, x_eights, row, ft_unit_col(unit, w), v);
            ft_unpack8(dh_got, e);
            ft_drop8(dropout, keep, w, e);
            for (int i = 0; i < 8; i++) sum[8 * w + i] += factor * e[i] * v[i];
        }
    }
    for (int i = 0; i < FT_UNIT; i++) sums[group][ft_unit_col(half, i / 8) + i % 8] = sum[i];
    __syncthreads();
    int64_t col = first_col + threadIdx.x;
    if (threadIdx.x >= FT_CHUNK || col >= x_out.cols) return;
    float total = 0;
    for (int i = 0; i < ROWS_AT_ONCE; i++) total += sums[i][threadIdx.x];
    parts[index * x_out.cols + col] = total;
}

/* One-dimensional grid: (blocks of TOTAL_THREADS features, adapters, or one for all). One
 * thread a feature. */
__global__ void __launch_bounds__(TOTAL_THREADS)
    norm_weight_total_kernel(ft_adapter_batch batch, int32_t length, int64_t rows, int64_t cols,
                             bool shared_weight, const float *parts, float *dweight, int64_t weight_stride)
{
    unsigned adapter = blockIdx.x;
    int64_t block = ft_take_index(&adapter, ft_cuda_ceil(cols, TOTAL_THREADS));
    int64_t col = block * TOTAL_THREADS + threadIdx.x, first = 0;
    if (col >= cols) return;
    ft_piece all = {0, 0, rows};
    if (!shared_weight) {
        for (unsigned g = 0; g < adapter; g++)
            first += ft_pieces_in(ft_rows_of(batch, length, g), PIECE_ROWS);
        all = ft_rows_of(batch, length, adapter);
    }
    int64_t end = first + ft_pieces_in(all, PIECE_ROWS);
    float total = 0;
#pragma unroll 8
    for (int64_t piece = first; piece < end; piece++) total += parts[piece * cols + col];
    dweight[adapter * weight_stride + col] += total;
}

/* Calls launch with the row_shape for rows of `cols` features. */
template <class Launch> static void for_shape(int64_t cols, Launch launch)
{
    if (ft_units(cols) <= FT_WARP / 2)
        launch(row_shape<FT_WARP / 2, true>());
    else if (ft_units(cols) <= FT_WARP)
        launch(row_shape<FT_WARP, true>());
    else
        launch(row_shape<FT_WARP, false>());
}

static void add_norm_forward(ft_backend *self, const ft_adapter_batch *batch, int32_t length, ft_tensor x,
                             ft_tensor y, uint32_t y_site, const void *weight, int64_t weight_stride,
                             float eps, uint32_t h_site, float h_scale, ft_tensor x_out, ft_tensor h,
                             void *rstd)
{
    ft_cuda *cuda = ft_cuda_of(self);
    if (x.rows == 0 || !ft_cuda_enter(cuda)) return;
    auto launch = [&](auto shape) {
        using Shape = decltype(shape);
        CUDA_LAUNCH(cuda, add_norm_forward_kernel<Shape>, ft_cuda_ceil(x.rows, ROW_THREADS / Shape::LANES),
                    ROW_THREADS, 0, *batch, length, x, y, y_site, (const float *)weight, weight_stride, eps,
                    h_site, h_scale, x_out, h, (float *)rstd);
    };
    for_shape(x.cols, launch);
}

static void norm_weight_gradient(ft_cuda *cuda, const ft_adapter_batch *batch, int32_t length,
                                 ft_tensor x_out, const float *rstd, uint32_t h_site, float h_scale,
                                 ft_tensor dh, float *dweight, int64_t weight_stride)
{
    bool shared_weight = weight_stride == 0;
    int64_t pieces = ft_cuda_ceil(x_out.rows, PIECE_ROWS) + (shared_weight ? 0 : batch->n_adapters);
    float *parts = (float *)ft_cuda_scratch(cuda, FT_CUDA_NORM_WEIGHT_PARTS,
                                            (size_t)(pieces * x_out.cols) * sizeof *parts);
    if (!parts) return;
    CUDA_LAUNCH(cuda, norm_weight_parts_kernel, ft_cuda_ceil(x_out.cols, FT_CHUNK) * pieces, GRADIENT_THREADS,
                0, *batch, length, x_out, rstd, h_site, h_scale, dh, shared_weight, parts);
    int64_t weights = shared_weight ? 1 : batch->n_adapters;
    CUDA_LAUNCH(cuda, norm_weight_total_kernel, ft_cuda_ceil(x_out.cols, TOTAL_THREADS) * weights,
                TOTAL_THREADS, 0, *batch, length, x_out.rows, x_out.cols, shared_weight, parts, dweight,
                weight_stride);
}

static void add_norm_backward(ft_backend *self, const ft_adapter_batch *batch, int32_t length,
                              ft_tensor x_out, const void *rstd, const void *weight, int64_t weight_stride,
                              uint32_t h_site, float h_scale, ft_tensor dh, ft_tensor dx, bool dx_is_zero,
                              uint32_t y_site, ft_tensor dy, void *dweight)
{
    ft_cuda *cuda = ft_cuda_of(self);
    if (x_out.rows == 0 || !ft_cuda_enter(cuda)) return;
    if (dweight) /* first, since dy may share memory with dh */
        norm_weight_gradient(cuda, batch, length, x_out, (const float *)rstd, h_site, h_scale, dh,
                             (float *)dweight, weight_stride);
    auto launch = [&](auto shape) {
        using Shape = decltype(shape);
        CUDA_LAUNCH(cuda, add_norm_backward_kernel<Shape>,
                    ft_cuda_ceil(x_out.rows, ROW_THREADS / Shape::LANES), ROW_THREADS, 0, *batch, length,
                    x_out, (const float *)rstd, (const float *)weight, weight_stride, h_site, h_scale, dh, dx,
                    dx_is_zero, y_site, dy);
    };
    for_shape(x_out.cols, launch);
}

void ft_cuda_norm_operations(ft_backend *base)
{
    base->add_norm_forward = add_norm_forward;
    base->add_norm_backward = add_norm_backward;
}
