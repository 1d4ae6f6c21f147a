/* Each operation of a backend by itself, at the shapes that Chronos models have,
 * against the device's own limits: what `ftgpu bench ops` and bench/gpu_check.sh
 * print. */
#ifndef FT_HOST_BENCH_OPS_H
#define FT_HOST_BENCH_OPS_H

#include "host/bench/bench.h"

/* What the device reaches at best; both measured, not looked up. 0: that measurement
 * failed. */
typedef struct ft_bench_limits {
    /* of a copy of 256 MiB or less, read and written bytes counted */
    double bytes_per_second;
    /* of a square matrix product in the backend's type, the best size's */
    double flops_per_second;
} ft_bench_limits;

/* One operation at one shape. */
typedef struct ft_bench_op {
    /* as in kernels/backend.h; "copy", "matrix product": the limits themselves */
    const char *operation;
    /* of the model, and where in it: "encoder", "decode step"; "limit" */
    const char *size, *place;
    char shape[64];
    /* of one call, the median of job->steps bursts of calls; of limits the least */
    double seconds;
    /* multiplications and additions of matrix products; every input and result once */
    double flops, bytes;
    ft_error failure; /* "", or why it could not be timed: then seconds are 0 */
} ft_bench_op;

/* The time in seconds below which it cannot get: that of its products at the matrix
 * rate or that of its bytes at the rate of a copy, whichever is longer; 0 where a
 * limit that it needs is unknown. Small tensors stay in caches, which are faster than
 * memory. */
double ft_bench_floor(const ft_bench_op *op, const ft_bench_limits *limits, bool *by_bytes);

typedef void ft_bench_report(void *context, const ft_bench_op *op, const ft_bench_limits *limits);

/* Calls `report` with the two limits and with each operation whose name contains
 * `operation` (NULL: all), in the order of a training step and a forecast, at the
 * shapes of job->size (NULL: every size from nano to large) with the job's batch,
 * lengths, rank, series and samples. The first `skip` operations are left out. One
 * that fails is reported as such and the next runs on a new backend. FT_BAD_INPUT
 * where no operation has such a name, FT_FAILED where the device is lost
 * (ft_bench_recover). */
ft_status ft_bench_ops(ft_bench_device *device, const ft_bench_job *job, const char *operation, int64_t skip,
                       ft_bench_report *report, void *context, ft_error *err);

#endif
