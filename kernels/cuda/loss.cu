/* Softmax and cross entropy in one kernel.
 *
 * loss_sum[g] += the sum, in double, of -log softmax(logits)[label] over the adapter's
 * counted rows. With label_scale, the logits are overwritten by label_scale[g] * (softmax
 * - onehot), 0 in rows that do not count.
 *
 * Design: one block a row, which reads the logits once into registers (up to a vocabulary
 * of HELD; what is beyond is read again in each step), then computes the maximum, the
 * exponentials and their sum, and the gradient in place. The rows' losses go through
 * scratch memory, so that they are always added in the same order.
 *
 * Floor, bytes: 4 (read) + 4 (written) a logit. */
#include "kernels/cuda/device.h"
#include "kernels/cuda/kernel.h"

enum { THREADS = 256, PIECES = 4, STRIDE = THREADS * 4, HELD = STRIDE * PIECES, NOT_COUNTED = -100 };

__device__ __forceinline__ void load_logits(const ft_tensor &logits, bool fours, int64_t row, int col,
                                            float v[4])
{
    ft_load4(logits, fours, row, col, v);
#pragma unroll
    for (int e = 0; e < 4; e++)
        if (col + e >= logits.cols) v[e] = -INFINITY;
}

/* v: exp(logit - largest) on entry, the gradient on return. `label`: the column of the
 * label. */
__device__ __forceinline__ void store_gradient(const ft_tensor &logits, bool fours, int64_t row, int col,
                                               int32_t label, float scale, float inverse_sum, float v[4])
{
#pragma unroll
    for (int e = 0; e < 4; e++) v[e] = scale * (v[e] * inverse_sum - (col + e == label ? 1.0f : 0.0f));
    ft_store4(logits, fours, row, col, v);
}

/* slots: cross_entropy_kernel mma 0 plain 137 dropout 137 */

__global__ void __launch_bounds__(THREADS, 4)
    cross_entropy_kernel(ft_adapter_batch batch, int32_t length, ft_tensor logits, const int32_t *labels,
                         const float *label_scale, double *row_loss)
{
    FT_SHARED(float, largest_parts, [THREADS / FT_WARP]);
    FT_SHARED(float, sum_parts, [THREADS / FT_WARP]);
    int64_t row = blockIdx.x;
    int32_t label = labels[row];
    bool fours = ft_in_fours(logits);
    int first = threadIdx.x * 4;
    if (label == NOT_COUNTED) {
        const float zeros[4] = {0, 0, 0, 0};
        for (int col = first; label_scale && col < logits.cols; col += STRIDE)
            ft_store4(logits, fours, row, col, zeros);
        if (threadIdx.x == 0) row_loss[row] = 0;
        return;
    }
    /* Read the label's logit before any thread overwrites it. */
    float own = ft_load(logits, row, label), held[PIECES][4], v[4], largest = -INFINITY, sum = 0;
#pragma unroll
    for (int p = 0; p < PIECES; p++) {
        load_logits(logits, fours, row, first + p * STRIDE, held[p]);
        for (int e = 0; e < 4; e++) largest = fmaxf(largest, held[p][e]);
    }
    for (int col = first + HELD; col < logits.cols; col += STRIDE) {
        load_logits(logits, fours, row, col, v);
        for (int e = 0; e < 4; e++) largest = fmaxf(largest, v[e]);
    }
    largest = ft_block_max<THREADS>(largest, largest_parts);
#pragma unroll
    for (int p = 0; p < PIECES; p++)
        for (int e = 0; e < 4; e++) sum += held[p][e] = expf(held[p][e] - largest);
    for (int col = first + HELD; col < logits.cols; col += STRIDE) {
        load_logits(logits, fours, row, col, v);
        for (int e = 0; e < 4; e++) sum += expf(v[e] - largest);
    }
    sum = ft_block_sum<THREADS>(sum, sum_parts);
    if (threadIdx.x == 0) row_loss[row] = (double)largest + log((double)sum) - (double)own;
    if (!label_scale) return;
    float scale = label_scale[batch.adapter_of[row / length]], inverse_sum = 1 / sum;
#pragma unroll
    for (int p = 0; p < PIECES; p++)
        store_gradient(logits, fours, row, first + p * STRIDE, label, scale, inverse_sum, held[p]);
    for (int col = first + HELD; col < logits.cols; col += STRIDE) {
        load_logits(logits, fours, row, col, v);
        for (int e = 0; e < 4; e++) v[e] = expf(v[e] - largest);
        store_gradient(logits, fours, row, col, label, scale, inverse_sum, v);
    }
}

/* One block per adapter. */
__global__ void __launch_bounds__(THREADS, 2)
    loss_sum_kernel(ft_adapter_batch batch, int32_t length, const double *row_loss, double *loss_sum)
{
    FT_SHARED(double, parts, [THREADS / FT_WARP]);
    int32_t g = (int32_t)blockIdx.x;
    int64_t end = (int64_t)batch.sequence_start[g + 1] * length;
    double sum = 0;
    for (int64_t row = (int64_t)batch.sequence_start[g] * length + threadIdx.x; row < end; row += THREADS)
        sum += row_loss[row];
    sum = ft_block_sum<THREADS>(sum, parts);
    if (threadIdx.x == 0) loss_sum[g] += sum;
}

static void cross_entropy(ft_backend *self, const ft_adapter_batch *batch, int32_t length, ft_tensor logits,
                          const int32_t *labels, const float *label_scale, double *loss_sum)
{
    ft_cuda *cuda = ft_cuda_of(self);
    if (logits.rows == 0 || !ft_cuda_enter(cuda)) return;
    double *row_loss =
        (double *)ft_cuda_scratch(cuda, FT_CUDA_LOSS_ROWS, (size_t)logits.rows * sizeof *row_loss);
    if (!row_loss) return;
    CUDA_LAUNCH(cuda, cross_entropy_kernel, logits.rows, THREADS, 0, *batch, length, logits, labels,
                label_scale, row_loss);
    CUDA_LAUNCH(cuda, loss_sum_kernel, batch->n_adapters, THREADS, 0, *batch, length, row_loss, loss_sum);
}

void ft_cuda_loss_operations(ft_backend *base)
{
    base->cross_entropy = cross_entropy;
}
