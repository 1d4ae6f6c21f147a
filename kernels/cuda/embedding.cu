/* Token embedding.
 *
 * Forward: out[row] = dropout(table[ids[row]]), zeros where ids[row] < 0; out is overwritten.
 * Backward: dtable[ids[row]] += dropout'(dout[row]), without atomics, so that the bits do not change from run
 * to run.
 *
 * Design: forward half a warp a row. Backward a block a token: its warps look through all ids, 128 at a time,
 * and sum the rows of their own in registers, without a barrier; the warps' sums are then added in order.
 * Floor, bytes: forward 4 (out) an element, the table staying in the cache; backward 4 (dout) and 8 (dtable,
 * of tokens that occur). */
#include "kernels/cuda/device.h"
#include "kernels/cuda/kernel.h"

enum { LANES = FT_WARP / 2, GATHER_THREADS = 128, ROWS_PER_BLOCK = GATHER_THREADS / LANES };
enum { WARPS = 4, SCATTER_THREADS = WARPS * FT_WARP, COLUMNS = FT_WARP * FT_UNIT, IDS = 4 };

__global__ void __launch_bounds__(GATHER_THREADS, 4)
    embedding_forward_kernel(ft_adapter_batch batch, int32_t length, ft_tensor table, const int32_t *ids,
                             uint32_t site, ft_tensor out)
{
    int64_t row = (int64_t)blockIdx.x * ROWS_PER_BLOCK + threadIdx.x / LANES;
    if (row >= out.rows) return;
    int32_t sequence = (int32_t)(row / length), t = (int32_t)(row % length), id = ids[row];
    ft_dropout dropout = ft_dropout_of(batch, batch.model_dropout, site, sequence);
    bool table_eights = ft_in_eights(table), out_eights = ft_in_eights(out);
    int n_units = ft_units(out.cols);
    for (int unit = threadIdx.x % LANES; unit < n_units; unit += LANES) {
        ft_eight got[4] = {};
#pragma unroll
        for (int w = 0; w < 4; w++)
            if (id >= 0) got[w] = ft_fetch8(table, table_eights, id, ft_unit_col(unit, w));
        unsigned keep = ft_keep_unit(dropout, length, t, unit); /* while they come */
#pragma unroll
        for (int w = 0; w < 4; w++) {
            float v[8];
            ft_unpack8(got[w], v);
            ft_drop8(dropout, keep, w, v);
            ft_store8(out, out_eights, row, ft_unit_col(unit, w), v);
        }
    }
}

/* Ids [first, first + 4), -1 beyond the last row. */
__device__ __forceinline__ void load_ids(const int32_t *ids, int64_t rows, int64_t first, int32_t id[IDS])
{
    if (((uintptr_t)ids & 15) == 0 && first + IDS <= rows) {
        uint4 raw = *(const uint4 *)(ids + first);
        id[0] = (int32_t)raw.x, id[1] = (int32_t)raw.y, id[2] = (int32_t)raw.z, id[3] = (int32_t)raw.w;
        return;
    }
    for (int i = 0; i < IDS; i++) id[i] = first + i < rows ? ids[first + i] : -1;
}

/* Grid, in one dimension: (tokens, parts of COLUMNS features); a unit of the token's row a lane. */
__global__ void __launch_bounds__(SCATTER_THREADS, 4)
    embedding_backward_kernel(ft_adapter_batch batch, int32_t length, ft_tensor dout, const int32_t *ids,
                              uint32_t site, ft_tensor dtable)
{
    FT_SHARED(float, sums, [WARPS][COLUMNS]);
    unsigned part = blockIdx.x;
    int32_t token = ft_take_index(&part, dtable.rows);
    int warp = threadIdx.x / FT_WARP, lane = threadIdx.x % FT_WARP, unit = (int)part * FT_WARP + lane;
    bool eights = ft_in_eights(dout), any = false, has_unit = unit < ft_units(dtable.cols);
    float sum[FT_UNIT] = {0};
    for (int64_t first = warp * FT_WARP * IDS; first < dout.rows; first += SCATTER_THREADS * IDS) {
        int32_t id[IDS];
        load_ids(ids, dout.rows, first + lane * IDS, id);
#pragma unroll
        for (int i = 0; i < IDS; i++) {
            for (unsigned left = __ballot_sync(FT_ALL_LANES, id[i] == token); left; left &= left - 1) {
                any = true;
                if (!has_unit) continue;
                int64_t row = first + (__ffs(left) - 1) * IDS + i;
                ft_dropout dropout = ft_dropout_of(batch, batch.model_dropout, site, (int32_t)(row / length));
                unsigned keep = ft_keep_unit(dropout, length, (int32_t)(row % length), unit);
#pragma unroll
                for (int w = 0; w < 4; w++) {
                    float gradient[8];
                    ft_load8(dout, eights, row, ft_unit_col(unit, w), gradient);
                    ft_drop8(dropout, keep, w, gradient);
                    for (int e = 0; e < 8; e++) sum[8 * w + e] += gradient[e];
                }
            }
        }
    }
    if (!__syncthreads_or(any)) return;
    for (int e = 0; e < FT_UNIT; e++) sums[warp][ft_unit_col(lane, e / 8) + e % 8] = sum[e];
    __syncthreads();
    int col = threadIdx.x * 8;
    int64_t table_col = (int64_t)part * COLUMNS + col;
    bool table_eights = ft_in_eights(dtable);
    float total[8];
    ft_load8(dtable, table_eights, token, table_col, total);
    for (int w = 0; w < WARPS; w++)
        for (int e = 0; e < 8; e++) total[e] += sums[w][col + e];
    ft_store8(dtable, table_eights, token, table_col, total);
}

static void embedding_forward(ft_backend *self, const ft_adapter_batch *batch, int32_t length,
                              ft_tensor table, const int32_t *ids, uint32_t dropout_site, ft_tensor out)
{
    ft_cuda *cuda = ft_cuda_of(self);
    if (out.rows == 0 || !ft_cuda_enter(cuda)) return;
    CUDA_LAUNCH(cuda, embedding_forward_kernel, ft_cuda_ceil(out.rows, ROWS_PER_BLOCK), GATHER_THREADS, 0,
                *batch, length, table, ids, dropout_site, out);
}

static void embedding_backward(ft_backend *self, const ft_adapter_batch *batch, int32_t length,
                               ft_tensor dout, const int32_t *ids, uint32_t dropout_site, ft_tensor dtable)
{
    ft_cuda *cuda = ft_cuda_of(self);
    if (dout.rows == 0 || !ft_cuda_enter(cuda)) return;
    CUDA_LAUNCH(cuda, embedding_backward_kernel, dtable.rows * ft_cuda_ceil(dtable.cols, COLUMNS),
                SCATTER_THREADS, 0, *batch, length, dout, ids, dropout_site, dtable);
}

void ft_cuda_embedding_operations(ft_backend *base)
{
    base->embedding_forward = embedding_forward;
    base->embedding_backward = embedding_backward;
}
