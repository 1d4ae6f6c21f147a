/* The device that is measured, and opening it anew: a failure may stay with a backend,
 * and what comes after it shall not fail for that. */
#ifndef FT_HOST_BENCH_DEVICE_H
#define FT_HOST_BENCH_DEVICE_H

#include "kernels/backend.h"

typedef struct ft_bench_device {
    ft_backend *backend; /* the opener's; NULL: it is lost */
    /* Frees *backend (unless NULL) and opens another; NULL on failure. */
    ft_status (*reopen)(void *context, ft_backend **backend, ft_error *err);
    void *context;
} ft_bench_device;

/* After a failure: a new backend. Fails, saying so, where the device is lost to this
 * process: no backend can be opened on it, or it does nothing. */
ft_status ft_bench_recover(ft_bench_device *device, ft_error *err);

#endif
