/* Stand-ins for the CUDA backend and NCCL in a build without them. */
#include "kernels/backend.h"
#include "kernels/comm.h"

int ft_cuda_device_count(void)
{
    return 0;
}

ft_status ft_cuda_create(int device, ft_dtype dtype, ft_backend **backend, ft_error *err)
{
    (void)device;
    (void)dtype;
    *backend = NULL;
    return ft_fail(err, FT_BAD_INPUT,
                   "this build has no CUDA backend (it was built without nvcc or CUDA's headers)");
}

void ft_cuda_describe(bool open, ft_cuda_parts *parts)
{
    (void)open;
    *parts = (ft_cuda_parts){.code = ""};
}

static ft_status no_nccl(ft_error *err)
{
    return ft_fail(err, FT_BAD_INPUT, "this build has no NCCL (it was built without nvcc or CUDA's headers)");
}

ft_status ft_comm_nccl_id(ft_comm_id *id, ft_error *err)
{
    *id = (ft_comm_id){{0}};
    return no_nccl(err);
}

ft_status ft_comm_nccl(ft_backend *backend, const ft_comm_id *id, int rank, int size, double timeout_seconds,
                       ft_comm **comm, ft_error *err)
{
    (void)backend, (void)id, (void)rank, (void)size, (void)timeout_seconds;
    *comm = NULL;
    return no_nccl(err);
}
