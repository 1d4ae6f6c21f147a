/* Token embedding.
 *
 * Forward: out[row] = dropout(table[ids[row]]), or zeros where ids[row] < 0; out is
 * overwritten. Backward: dtable[ids[row]] += dropout'(dout[row]), without atomics, so
 * that every run gives the same bits.
 *
 * Design: forward takes half a warp a row. Backward takes a block a token. Its threads
 * scan all ids, 4096 at a time with all loads in flight, and list the token's rows; each
 * warp sums some of those rows in registers, and the warps' sums are added in order. Most
 * tokens have one row or none, and then no other warp works.
 *
 * Floor, bytes: forward 4 (out) an element, with the table in the cache; backward 4
 * (dout) and 8 (dtable, for tokens that occur). */
#include "kernels/cuda/device.h"
#include "kernels/cuda/kernel.h"

enum { LANES = FT_WARP / 2, GATHER_THREADS = 128, ROWS_PER_BLOCK = GATHER_THREADS / LANES };
enum { WARPS = 4, SCATTER_THREADS = WARPS * FT_WARP, COLUMNS = FT_WARP * FT_UNIT };
enum { LOADS = 32, AT_ONCE = SCATTER_THREADS * LOADS /* ids */ };

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
        /* drawn while the loads are in flight */
        unsigned keep = ft_keep_unit(dropout, length, t, unit);
#pragma unroll
        for (int w = 0; w < 4; w++) {
            float v[8];
            ft_unpack8(got[w], v);
            ft_drop8(dropout, keep, w, v);
            ft_store8(out, out_eights, row, ft_unit_col(unit, w), v);
        }
    }
}

/* Lists the rows of a token among rows [first, first + AT_ONCE) and returns their number.
 * The order depends only on the ids. rows: shared, (AT_ONCE); counts: shared, (WARPS). */
__device__ __forceinline__ int list_rows(const int32_t *ids, int64_t n_rows, int64_t first, int32_t token,
                                         int *rows, int *counts)
{
    int warp = (int)threadIdx.x / FT_WARP, lane = (int)threadIdx.x % FT_WARP, place = 0, count = 0;
    int32_t id[LOADS];
    unsigned own_rows = 0; /* bit l: the thread's l-th row has the token */
#pragma unroll
    for (int l = 0; l < LOADS; l++) {
        int64_t row = first + l * SCATTER_THREADS + threadIdx.x;
        id[l] = row < n_rows ? ids[row] : -1;
    }
#pragma unroll
    for (int l = 0; l < LOADS; l++) own_rows |= (id[l] == token ? 1u : 0u) << l;
    if (!__syncthreads_or(own_rows != 0)) return 0;
    int own = __popc(own_rows);
    int before = own;
#pragma unroll
    for (int lanes = 1; lanes < FT_WARP; lanes *= 2) {
        int other = __shfl_up_sync(FT_ALL_LANES, before, lanes);
        if (lane >= lanes) before += other;
    }
    if (lane == FT_WARP - 1) counts[warp] = before;
    __syncthreads();
#pragma unroll
    for (int w = 0; w < WARPS; w++) {
        if (w < warp) place += counts[w];
        count += counts[w];
    }
    place += before - own;
    for (; own_rows; own_rows &= own_rows - 1)
        rows[place++] = (__ffs(own_rows) - 1) * SCATTER_THREADS + (int)threadIdx.x;
    __syncthreads();
    return count;
}

/* One-dimensional grid: (tokens, parts of COLUMNS features). A lane has one unit of the
 * token's row. */
__global__ void __launch_bounds__(SCATTER_THREADS, 5)
    embedding_backward_kernel(ft_adapter_batch batch, int32_t length, ft_tensor dout, const int32_t *ids,
                              uint32_t site, ft_tensor dtable)
{
    FT_SHARED(float, sums, [WARPS][COLUMNS]); /* holds the list of rows before */
    FT_SHARED(int, counts, [WARPS]);
    static_assert(sizeof(int) * AT_ONCE <= sizeof(float) * WARPS * COLUMNS, "the list lies where sums will");
    unsigned part = blockIdx.x;
    int32_t token = ft_take_index(&part, dtable.rows);
    int warp = threadIdx.x / FT_WARP, lane = threadIdx.x % FT_WARP, unit = (int)part * FT_WARP + lane;
    int *rows = (int *)sums, found = 0;
    bool eights = ft_in_eights(dout), has_unit = unit < ft_units(dtable.cols);
    float sum[FT_UNIT] = {0};
    for (int64_t first = 0; first < dout.rows; first += AT_ONCE) {
        int count = list_rows(ids, dout.rows, first, token, rows, counts);
        found += count;
        for (int n = warp; has_unit && n < count; n += WARPS) {
            int64_t row = first + rows[n];
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
        if (count > 0) __syncthreads(); /* all threads have read the list */
    }
    if (found == 0) return;
    int n_sums = min(found, (int)WARPS); /* warps that may have rows */
    if (warp < n_sums)
        for (int e = 0; e < FT_UNIT; e++) sums[warp][ft_unit_col(lane, e / 8) + e % 8] = sum[e];
    __syncthreads();
    int col = threadIdx.x * 8;
    int64_t table_col = (int64_t)part * COLUMNS + col;
    if (table_col >= dtable.cols) return;
    bool table_eights = ft_in_eights(dtable);
    float total[8];
    ft_load8(dtable, table_eights, token, table_col, total);
    for (int w = 0; w < n_sums; w++)
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
