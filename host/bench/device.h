/* The device being measured. After a failure it is reopened, since a backend may keep
 * failing and later measurements should not. */
#ifndef FT_HOST_BENCH_DEVICE_H
#define FT_HOST_BENCH_DEVICE_H

#include "kernels/backend.h"

typedef struct ft_bench_device {
    ft_backend *backend; /* owned by whoever opened it; NULL: the device is lost */
    /* Frees *backend (unless NULL) and opens a new one; NULL on failure. */
    ft_status (*reopen)(void *context, ft_backend **backend, ft_error *err);
    void *context;
} ft_bench_device;

/* Opens a new backend after a failure. Fails if the device is lost to this process: no
 * backend opens on it, or it does not work. */
ft_status ft_bench_recover(ft_bench_device *device, ft_error *err);

#endif
