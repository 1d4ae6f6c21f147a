/* run_ops with a mistake planted in relu_backward in f32, to see that run_ops tells it
 * (test_run_ops.sh). The program is linked with --wrap=ft_cuda_create. $PLANTED says
 * which mistake:
 *
 *   fault   the third call's kernel dies, as of a memory access that is not allowed
 *   noise   the last bit of one element is another in every other call */
#include <cstdlib>

#include "planted.h"

extern "C" {
ft_status __real_ft_cuda_create(int device, ft_dtype dtype, ft_backend **backend, ft_error *err);
ft_status __wrap_ft_cuda_create(int device, ft_dtype dtype, ft_backend **backend, ft_error *err);
}

static decltype(ft_backend::relu_backward) plain_relu_backward;
static int calls;

/* Stands still. */
static void dying_kernel(float *)
{
    if (threadIdx.x == 0) __syncthreads();
}

static void noise_kernel(float *at)
{
    *at = __uint_as_float(__float_as_uint(*at) ^ 1u);
}

static void planted_relu_backward(ft_backend *self, const ft_adapter_batch *batch, int32_t length,
                                  uint32_t dropout_site, ft_tensor f, ft_tensor df)
{
    ft_cuda *cuda = ft_cuda_of(self);
    bool dies = strcmp(getenv("PLANTED"), "fault") == 0;
    calls++;
    plain_relu_backward(self, batch, length, dropout_site, f, df);
    if (dies && calls == 3)
        CUDA_LAUNCH(cuda, dying_kernel, 1, N, 0, (float *)df.data);
    else if (!dies && calls % 2 == 0)
        CUDA_LAUNCH(cuda, noise_kernel, 1, 1, 0, (float *)df.data);
}

ft_status __wrap_ft_cuda_create(int device, ft_dtype dtype, ft_backend **backend, ft_error *err)
{
    ft_status status = __real_ft_cuda_create(device, dtype, backend, err);
    if (status != FT_OK || dtype != FT_F32 || !getenv("PLANTED")) return status;
    plain_relu_backward = (*backend)->relu_backward;
    (*backend)->relu_backward = planted_relu_backward;
    return status;
}
