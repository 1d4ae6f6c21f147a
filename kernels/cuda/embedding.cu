/* Token embedding.
 *
 * Forward: out[row] = dropout(table[ids[row]]), zeros where ids[row] < 0; out is overwritten.
 * Backward: dtable[ids[row]] += dropout'(dout[row]), added to in the rows' order, so that the bits do not
 * change from run to run: each token's row is one block's, which looks through all ids for its own. */
#include "kernels/cuda/device.h"
#include "kernels/cuda/kernel.h"

enum { ROWS_PER_BLOCK = 4, GATHER_THREADS = ROWS_PER_BLOCK * FT_WARP, SCATTER_THREADS = 128 };

/* A warp a row. */
__global__ void __launch_bounds__(GATHER_THREADS)
    embedding_forward_kernel(ft_adapter_batch batch, int32_t length, ft_tensor table, const int32_t *ids,
                             uint32_t site, ft_tensor out)
{
    int64_t row = (int64_t)blockIdx.x * ROWS_PER_BLOCK + threadIdx.x / FT_WARP;
    if (row >= out.rows) return;
    int32_t sequence = (int32_t)(row / length), t = (int32_t)(row % length), id = ids[row];
    ft_dropout dropout = ft_dropout_of(batch, batch.model_dropout, site, sequence);
    bool table_fours = ft_in_fours(table), out_fours = ft_in_fours(out);
    int n_units = ft_units(out.cols);
    for (int unit = threadIdx.x % FT_WARP; unit < n_units; unit += FT_WARP) {
        float v[FT_UNIT] = {0};
        if (id >= 0) ft_load_unit(table, table_fours, id, unit, v);
        ft_drop_unit(dropout, length, t, unit, v);
        ft_store_unit(out, out_fours, row, unit, v);
    }
}

/* A block a token. Ids are looked at SCATTER_THREADS at a time; the rows found are added in order, each
 * thread with its own features. */
__global__ void __launch_bounds__(SCATTER_THREADS)
    embedding_backward_kernel(ft_adapter_batch batch, int32_t length, ft_tensor dout, const int32_t *ids,
                              uint32_t site, ft_tensor dtable)
{
    FT_SHARED(unsigned, found, [SCATTER_THREADS / FT_WARP]);
    int32_t token = (int32_t)blockIdx.x;
    bool dout_fours = ft_in_fours(dout), dtable_fours = ft_in_fours(dtable);
    int n_units = ft_units(dtable.cols);
    for (int64_t first = 0; first < dout.rows; first += SCATTER_THREADS) {
        int64_t mine = first + threadIdx.x;
        bool matches = mine < dout.rows && ids[mine] == token;
        unsigned votes = __ballot_sync(FT_ALL_LANES, matches);
        if (threadIdx.x % FT_WARP == 0) found[threadIdx.x / FT_WARP] = votes;
        __syncthreads();
        for (int warp = 0; warp < SCATTER_THREADS / FT_WARP; warp++) {
            for (unsigned left = found[warp]; left; left &= left - 1) {
                int64_t row = first + warp * FT_WARP + __ffs(left) - 1;
                ft_dropout dropout = ft_dropout_of(batch, batch.model_dropout, site, (int32_t)(row / length));
                for (int unit = threadIdx.x; unit < n_units; unit += SCATTER_THREADS) {
                    float gradient[FT_UNIT], sum[FT_UNIT];
                    ft_load_unit(dout, dout_fours, row, unit, gradient);
                    ft_drop_unit(dropout, length, (int32_t)(row % length), unit, gradient);
                    ft_load_unit(dtable, dtable_fours, token, unit, sum);
                    for (int i = 0; i < FT_UNIT; i++) sum[i] += gradient[i];
                    ft_store_unit(dtable, dtable_fours, token, unit, sum);
                }
            }
        }
        __syncthreads();
    }
}

static void embedding_forward(ft_backend *self, const ft_adapter_batch *batch, int32_t length,
                              ft_tensor table, const int32_t *ids, uint32_t dropout_site, ft_tensor out)
{
    ft_cuda *cuda = ft_cuda_of(self);
    if (out.rows == 0 || !ft_cuda_enter(cuda)) return;
    CUDA_LAUNCH(cuda, embedding_forward_kernel, dim3((unsigned)ft_cuda_ceil(out.rows, ROWS_PER_BLOCK)),
                dim3(GATHER_THREADS), 0, *batch, length, table, ids, dropout_site, out);
}

static void embedding_backward(ft_backend *self, const ft_adapter_batch *batch, int32_t length,
                               ft_tensor dout, const int32_t *ids, uint32_t dropout_site, ft_tensor dtable)
{
    ft_cuda *cuda = ft_cuda_of(self);
    if (dout.rows == 0 || !ft_cuda_enter(cuda)) return;
    CUDA_LAUNCH(cuda, embedding_backward_kernel, dim3((unsigned)dtable.rows), dim3(SCATTER_THREADS), 0,
                *batch, length, dout, ids, dropout_site, dtable);
}

void ft_cuda_embedding_operations(ft_backend *base)
{
    base->embedding_forward = embedding_forward;
    base->embedding_backward = embedding_backward;
}
