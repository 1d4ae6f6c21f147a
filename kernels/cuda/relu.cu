/* ReLU with dropout, in place, a unit of a row a thread.
 *
 * Forward: f = dropout(relu(f)). Backward: df = df * dropout scale where f > 0, else 0; what forward dropped
 * or cut off is 0 in f, so that no number is drawn again. */
#include "kernels/cuda/device.h"
#include "kernels/cuda/kernel.h"

enum { THREADS = 128 };

__global__ void __launch_bounds__(THREADS)
    relu_forward_kernel(ft_adapter_batch batch, int32_t length, uint32_t site, ft_tensor f)
{
    int n_units = ft_units(f.cols);
    int64_t index = (int64_t)blockIdx.x * THREADS + threadIdx.x, row = index / n_units;
    int unit = (int)(index % n_units);
    if (row >= f.rows) return;
    ft_dropout dropout = ft_dropout_of(batch, batch.model_dropout, site, (int32_t)(row / length));
    bool fours = ft_in_fours(f);
    float v[FT_UNIT];
    ft_load_unit(f, fours, row, unit, v);
    for (int i = 0; i < FT_UNIT; i++)
        if (v[i] < 0) v[i] = 0; /* a NaN stays one */
    ft_drop_unit(dropout, length, (int32_t)(row % length), unit, v);
    ft_store_unit(f, fours, row, unit, v);
}

__global__ void __launch_bounds__(THREADS)
    relu_backward_kernel(ft_adapter_batch batch, int32_t length, uint32_t site, ft_tensor f, ft_tensor df)
{
    int n_units = ft_units(f.cols);
    int64_t index = (int64_t)blockIdx.x * THREADS + threadIdx.x, row = index / n_units;
    int unit = (int)(index % n_units);
    if (row >= f.rows) return;
    ft_dropout dropout = ft_dropout_of(batch, batch.model_dropout, site, (int32_t)(row / length));
    bool fours = ft_in_fours(df);
    float v[FT_UNIT], gradient[FT_UNIT];
    ft_load_unit(f, ft_in_fours(f), row, unit, v);
    ft_load_unit(df, fours, row, unit, gradient);
    for (int i = 0; i < FT_UNIT; i++) gradient[i] = v[i] > 0 ? gradient[i] * dropout.scale : 0.0f;
    ft_store_unit(df, fours, row, unit, gradient);
}

static unsigned blocks_of(const ft_tensor &f)
{
    int64_t n_units = ft_cuda_ceil(f.cols, FT_CHUNK) * (FT_CHUNK / FT_UNIT);
    return (unsigned)ft_cuda_ceil(f.rows * n_units, THREADS);
}

static void relu_forward(ft_backend *self, const ft_adapter_batch *batch, int32_t length,
                         uint32_t dropout_site, ft_tensor f)
{
    ft_cuda *cuda = ft_cuda_of(self);
    if (f.rows == 0 || !ft_cuda_enter(cuda)) return;
    CUDA_LAUNCH(cuda, relu_forward_kernel, dim3(blocks_of(f)), dim3(THREADS), 0, *batch, length, dropout_site,
                f);
}

static void relu_backward(ft_backend *self, const ft_adapter_batch *batch, int32_t length,
                          uint32_t dropout_site, ft_tensor f, ft_tensor df)
{
    ft_cuda *cuda = ft_cuda_of(self);
    if (f.rows == 0 || !ft_cuda_enter(cuda)) return;
    CUDA_LAUNCH(cuda, relu_backward_kernel, dim3(blocks_of(f)), dim3(THREADS), 0, *batch, length,
                dropout_site, f, df);
}

void ft_cuda_relu_operations(ft_backend *base)
{
    base->relu_forward = relu_forward;
    base->relu_backward = relu_backward;
}
