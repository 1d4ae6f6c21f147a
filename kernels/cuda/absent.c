/* What the program calls of the CUDA backend where it was built without. */
#include "kernels/backend.h"

int ft_cuda_device_count(void)
{
    return 0;
}

ft_status ft_cuda_create(int device, ft_dtype dtype, ft_backend **backend, ft_error *err)
{
    (void)device;
    (void)dtype;
    *backend = NULL;
    return ft_fail(err, FT_BAD_INPUT, "this build has no CUDA backend (it was built without nvcc)");
}
