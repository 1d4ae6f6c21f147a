/* Low-rank adapters, each on its own rows.
 *
 * Forward:  u = scale * dropout(x) A^T (overwritten),  y += u B^T.
 * Backward: db += dy^T u,  du = scale * dy B (overwritten),  da += du^T dropout(x),  dx += dropout'(du A).
 *
 * Six products, one kernel: each block makes a 64x64 tile of one adapter's result, 4x4 elements a thread,
 * from tiles of its two operands in shared memory. Tiles of rows never reach over an adapter's end. A
 * thread's columns are 16 apart, as the numbers of one Philox block are. Sums are in f32, in an order that
 * depends on the shape alone. */
#include "kernels/cuda/device.h"
#include "kernels/cuda/kernel.h"

enum { SIDE = 16, THREADS = SIDE * SIDE, TILE = 64, PITCH = TILE + 1 };

enum lora_product { DOWN, UP, DOWN_BACK, UP_BACK, GRADIENT_A, GRADIENT_B };

/* The adapter of a block and its rows. */
struct segment {
    int32_t adapter;
    int64_t first, rows, tile; /* tile: first row of the block's tile, counted from `first` */
};

/* One operand: rows [first, first + rows) of a tensor, with dropout or without. */
struct operand {
    ft_tensor t;
    int64_t first, rows;
    ft_dropout dropout; /* of the segment's adapter; its `sequence` is set row by row */
    int32_t length, first_sequence;
};

/* Block y of the row products: adapters' tiles one after the other. False: beyond the last. */
__device__ bool find_segment(const ft_adapter_batch &batch, int32_t length, int64_t tile, segment *found)
{
    for (int32_t g = 0; g < batch.n_adapters; g++) {
        int64_t rows = (int64_t)(batch.sequence_start[g + 1] - batch.sequence_start[g]) * length;
        int64_t tiles = (rows + TILE - 1) / TILE;
        if (tile < tiles) {
            found->adapter = g;
            found->first = (int64_t)batch.sequence_start[g] * length;
            found->rows = rows;
            found->tile = tile * TILE;
            return true;
        }
        tile -= tiles;
    }
    return false;
}

/* Elements [row, row + 64) x [col, col + 64) of an operand into tile[i][k]: i the row, or with `turned` the
 * column. Zeros outside. col is a multiple of 64. */
__device__ void fill(const operand &from, int64_t row, int64_t col, bool turned, float (*tile)[PITCH])
{
    int across = threadIdx.x % SIDE, down = threadIdx.x / SIDE;
    for (int r = down; r < TILE; r += SIDE) {
        float v[4] = {0, 0, 0, 0};
        if (row + r < from.rows) {
            int64_t at = from.first + row + r;
            for (int w = 0; w < 4; w++) {
                int64_t c = col + across + 16 * w;
                if (c < from.t.cols) v[w] = ft_load(from.t, at, c);
            }
            if (from.dropout.active) {
                float factor[4];
                ft_dropout dropout = from.dropout;
                dropout.sequence = (uint32_t)((int32_t)(at / from.length) - from.first_sequence);
                ft_dropout_factors(dropout, (uint32_t)(col + across),
                                   (uint32_t)(from.length - 1 - at % from.length), 0, factor);
                for (int w = 0; w < 4; w++) v[w] *= factor[w];
            }
        }
        for (int w = 0; w < 4; w++) {
            int c = across + 16 * w;
            if (turned)
                tile[c][r] = v[w];
            else
                tile[r][c] = v[w];
        }
    }
}

__device__ operand whole(ft_tensor t, const segment &at)
{
    operand made = {t, at.first, at.rows, {false, {{0, 0}}, 0, 0, 1.0f}, 1, 0};
    return made;
}

/* An adapter's A or B. */
__device__ operand parameters(const void *data, const ft_lora &lora, int32_t adapter, int64_t rows,
                              int64_t cols)
{
    ft_tensor t = {(void *)((const float *)data + adapter * lora.adapter_stride), FT_F32, rows, cols, cols};
    operand made = {t, 0, rows, {false, {{0, 0}}, 0, 0, 1.0f}, 1, 0};
    return made;
}

/* Grid: (column tiles, row tiles of all adapters) or, of gradients, (column tiles, row tiles, adapters).
 * `left` is x, u, dy or du; `right` the other row operand of a gradient; `out` the result of a row product.
 */
template <int PRODUCT>
__global__ void __launch_bounds__(THREADS, 2)
    lora_kernel(ft_adapter_batch batch, int32_t length, ft_lora lora, ft_tensor left, ft_tensor right,
                ft_tensor out)
{
    FT_SHARED(float, a, [TILE][PITCH]);
    FT_SHARED(float, b, [TILE][PITCH]);
    constexpr bool gradient = PRODUCT == GRADIENT_A || PRODUCT == GRADIENT_B;
    segment at;
    if constexpr (gradient) {
        int32_t g = (int32_t)blockIdx.z;
        at = {g, (int64_t)batch.sequence_start[g] * length,
              (int64_t)(batch.sequence_start[g + 1] - batch.sequence_start[g]) * length, 0};
    } else if (!find_segment(batch, length, blockIdx.y, &at)) {
        return;
    }
    if (at.rows == 0) return; /* an adapter without sequences */

    /* Both operands as (i, k) and (j, k); `turned` ones lie with k as their rows. */
    operand i_side = whole(left, at), j_side;
    int64_t k_count, i_first = gradient ? (int64_t)blockIdx.y * (int64_t)TILE : at.tile,
                     j_first = (int64_t)blockIdx.x * TILE;
    constexpr bool j_turned = PRODUCT == DOWN_BACK || PRODUCT == UP_BACK || gradient;
    if constexpr (PRODUCT == DOWN || PRODUCT == UP_BACK)
        j_side = parameters(lora.a, lora, at.adapter, lora.rank, lora.in_features);
    else if constexpr (PRODUCT == UP || PRODUCT == DOWN_BACK)
        j_side = parameters(lora.b, lora, at.adapter, lora.out_features, lora.rank);
    else
        j_side = whole(right, at);
    if constexpr (gradient)
        k_count = at.rows;
    else
        k_count = left.cols;

    ft_dropout dropout = {false, {{0, 0}}, 0, 0, 1.0f};
    int32_t first_sequence = batch.sequence_start[at.adapter];
    if constexpr (PRODUCT == DOWN || PRODUCT == GRADIENT_A || PRODUCT == UP_BACK)
        dropout = ft_dropout_of(batch, batch.lora_dropout, lora.dropout_site, first_sequence);
    if constexpr (PRODUCT == DOWN || PRODUCT == GRADIENT_A) {
        operand &x = PRODUCT == DOWN ? i_side : j_side;
        x.dropout = dropout;
        x.length = length;
        x.first_sequence = first_sequence;
    }

    int across = threadIdx.x % SIDE, down = threadIdx.x / SIDE;
    float sum[4][4] = {{0}};
    for (int64_t k = 0; k < k_count; k += TILE) {
        if constexpr (gradient)
            fill(i_side, k, i_first, true, a);
        else
            fill(i_side, i_first, k, false, a);
        if constexpr (j_turned)
            fill(j_side, k, j_first, true, b);
        else
            fill(j_side, j_first, k, false, b);
        __syncthreads();
        int n = k_count - k < TILE ? (int)(k_count - k) : (int)TILE;
        for (int e = 0; e < n; e++) {
            float x[4], y[4];
#pragma unroll
            for (int p = 0; p < 4; p++) x[p] = a[down + SIDE * p][e], y[p] = b[across + SIDE * p][e];
#pragma unroll
            for (int p = 0; p < 4; p++)
#pragma unroll
                for (int q = 0; q < 4; q++) sum[p][q] += x[p] * y[q];
        }
        __syncthreads();
    }

    float scale = batch.lora_scale[at.adapter];
    for (int p = 0; p < 4; p++) {
        int64_t i = i_first + down + SIDE * p;
        if constexpr (gradient) {
            int64_t i_count = left.cols, j_count = right.cols;
            float *data =
                (float *)(PRODUCT == GRADIENT_A ? lora.da : lora.db) + at.adapter * lora.adapter_stride;
            for (int q = 0; q < 4; q++) {
                int64_t j = j_first + across + SIDE * q;
                if (i < i_count && j < j_count) data[i * j_count + j] += sum[p][q];
            }
        } else {
            if (i >= at.rows) continue;
            int64_t row = at.first + i;
            float factor[4] = {1, 1, 1, 1};
            if (PRODUCT == UP_BACK && dropout.active) {
                dropout.sequence = (uint32_t)((int32_t)(row / length) - first_sequence);
                ft_dropout_factors(dropout, (uint32_t)(j_first + across),
                                   (uint32_t)(length - 1 - row % length), 0, factor);
            }
            for (int q = 0; q < 4; q++) {
                int64_t j = j_first + across + SIDE * q;
                if (j >= out.cols) continue;
                float value = sum[p][q];
                if (PRODUCT == DOWN || PRODUCT == DOWN_BACK)
                    value *= scale;
                else
                    value = ft_load(out, row, j) + value * factor[q];
                ft_store(out, row, j, value);
            }
        }
    }
}

static dim3 row_grid(const ft_adapter_batch *batch, ft_tensor out)
{
    return dim3((unsigned)ft_cuda_ceil(out.cols, TILE),
                (unsigned)(ft_cuda_ceil(out.rows, TILE) + batch->n_adapters));
}

static dim3 gradient_grid(const ft_adapter_batch *batch, int32_t rows, int32_t cols)
{
    return dim3((unsigned)ft_cuda_ceil(cols, TILE), (unsigned)ft_cuda_ceil(rows, TILE),
                (unsigned)batch->n_adapters);
}

static void lora_forward(ft_backend *self, const ft_adapter_batch *batch, int32_t length, const ft_lora *lora,
                         ft_tensor x, ft_tensor y, ft_tensor u)
{
    ft_cuda *cuda = ft_cuda_of(self);
    ft_tensor absent = {};
    if (x.rows == 0 || lora->rank == 0 || !ft_cuda_enter(cuda)) return;
    CUDA_LAUNCH(cuda, lora_kernel<DOWN>, row_grid(batch, u), dim3(THREADS), 0, *batch, length, *lora, x,
                absent, u);
    CUDA_LAUNCH(cuda, lora_kernel<UP>, row_grid(batch, y), dim3(THREADS), 0, *batch, length, *lora, u, absent,
                y);
}

static void lora_backward(ft_backend *self, const ft_adapter_batch *batch, int32_t length,
                          const ft_lora *lora, ft_tensor x, ft_tensor u, ft_tensor dy, ft_tensor dx,
                          ft_tensor du)
{
    ft_cuda *cuda = ft_cuda_of(self);
    ft_tensor absent = {};
    if (x.rows == 0 || lora->rank == 0 || !ft_cuda_enter(cuda)) return;
    CUDA_LAUNCH(cuda, lora_kernel<GRADIENT_B>, gradient_grid(batch, lora->out_features, lora->rank),
                dim3(THREADS), 0, *batch, length, *lora, dy, u, absent);
    CUDA_LAUNCH(cuda, lora_kernel<DOWN_BACK>, row_grid(batch, du), dim3(THREADS), 0, *batch, length, *lora,
                dy, absent, du);
    CUDA_LAUNCH(cuda, lora_kernel<GRADIENT_A>, gradient_grid(batch, lora->rank, lora->in_features),
                dim3(THREADS), 0, *batch, length, *lora, du, x, absent);
    if (!dx.data) return;
    CUDA_LAUNCH(cuda, lora_kernel<UP_BACK>, row_grid(batch, dx), dim3(THREADS), 0, *batch, length, *lora, du,
                absent, dx);
}

void ft_cuda_lora_operations(ft_backend *base)
{
    base->lora_forward = lora_forward;
    base->lora_backward = lora_backward;
}
