/* ReLU with dropout, in place.
 *
 * Forward: f = dropout(relu(f)). Backward: df *= dropout scale where f > 0, else df = 0.
 * What forward dropped or clipped is 0 in f, so no random number is drawn again.
 *
 * Design: forward takes a unit of 32 features a thread and draws the mask while they
 * load; backward takes eight. Loads and stores are 16 bytes. This is a pass of its own
 * because cuBLASLt's epilogues know ReLU but not our dropout.
 *
 * Floor, bytes: forward 2 + 2 an element of bf16 activations, backward 2 (f) + 4 (df). */
#include "kernels/cuda/device.h"
#include "kernels/cuda/kernel.h"

enum { THREADS = 128 };

__global__ void __launch_bounds__(THREADS, 6)
    relu_forward_kernel(ft_adapter_batch batch, int32_t length, uint32_t site, ft_tensor f)
{
    int n_units = ft_units(f.cols);
    int64_t index = (int64_t)blockIdx.x * THREADS + threadIdx.x, row = index / n_units;
    int unit = (int)(index % n_units);
    if (row >= f.rows) return;
    bool eights = ft_in_eights(f);
    ft_eight got[4];
#pragma unroll
    for (int w = 0; w < 4; w++) got[w] = ft_fetch8(f, eights, row, ft_unit_col(unit, w));
    /* Drawn while the loads are in flight: */
    ft_dropout dropout = ft_dropout_of(batch, batch.model_dropout, site, (int32_t)(row / length));
    unsigned keep = ft_keep_unit(dropout, length, (int32_t)(row % length), unit);
#pragma unroll
    for (int w = 0; w < 4; w++) {
        float v[8];
        ft_unpack8(got[w], v);
        for (int i = 0; i < 8; i++)
            if (v[i] < 0) v[i] = 0; /* keeps a NaN */
        ft_drop8(dropout, keep, w, v);
        ft_store8(f, eights, row, ft_unit_col(unit, w), v);
    }
}

__global__ void __launch_bounds__(THREADS, 8)
    relu_backward_kernel(ft_adapter_batch batch, int32_t length, uint32_t site, ft_tensor f, ft_tensor df)
{
    int64_t eights_a_row = (f.cols + 7) / 8, index = (int64_t)blockIdx.x * THREADS + threadIdx.x;
    int64_t row = index / eights_a_row, col = index % eights_a_row * 8;
    if (row >= f.rows) return;
    float scale = ft_dropout_of(batch, batch.model_dropout, site, (int32_t)(row / length)).scale;
    bool df_eights = ft_in_eights(df);
    float v[8], gradient[8];
    ft_eight got = ft_fetch8(f, ft_in_eights(f), row, col);
    ft_load8(df, df_eights, row, col, gradient);
    ft_unpack8(got, v);
    for (int i = 0; i < 8; i++) gradient[i] = v[i] > 0 ? gradient[i] * scale : 0.0f;
    ft_store8(df, df_eights, row, col, gradient);
}

static void relu_forward(ft_backend *self, const ft_adapter_batch *batch, int32_t length,
                         uint32_t dropout_site, ft_tensor f)
{
    ft_cuda *cuda = ft_cuda_of(self);
    if (f.rows == 0 || !ft_cuda_enter(cuda)) return;
    CUDA_LAUNCH(cuda, relu_forward_kernel, ft_cuda_ceil(f.rows * ft_units(f.cols), THREADS), THREADS, 0,
                *batch, length, dropout_site, f);
}

static void relu_backward(ft_backend *self, const ft_adapter_batch *batch, int32_t length,
                          uint32_t dropout_site, ft_tensor f, ft_tensor df)
{
    ft_cuda *cuda = ft_cuda_of(self);
    if (f.rows == 0 || !ft_cuda_enter(cuda)) return;
    CUDA_LAUNCH(cuda, relu_backward_kernel, ft_cuda_ceil(f.rows * ft_cuda_ceil(f.cols, 8), THREADS), THREADS,
                0, *batch, length, dropout_site, f, df);
}

void ft_cuda_relu_operations(ft_backend *base)
{
    base->relu_forward = relu_forward;
    base->relu_backward = relu_backward;
}
