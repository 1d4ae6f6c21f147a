/* Reopens the device after a failure; see device.h. */
#include "host/bench/device.h"

/* Checks that the device still works. */
static ft_status try_device(ft_backend *backend, ft_error *err)
{
    void *block = backend->allocate(backend, 1, err);
    if (!block) return FT_FAILED;
    backend->zero(backend, block, 1);
    ft_status status = backend->synchronize(backend, err);
    backend->release(backend, block);
    return status;
}

ft_status ft_bench_recover(ft_bench_device *device, ft_error *err)
{
    ft_error cause = {""};
    ft_status status = device->reopen(device->context, &device->backend, &cause);
    if (status == FT_OK) status = try_device(device->backend, &cause);
    if (status == FT_OK) return FT_OK;
    return ft_fail(err, FT_FAILED, "the device is lost, and the rest was not measured: %s", cause.message);
}
