/* Each operation of a backend by itself, at the shapes that Chronos models have, against the device's own
 * limits: what `ftgpu bench ops` and bench/gpu_check.sh print. */
#ifndef FT_HOST_BENCH_OPS_H
#define FT_HOST_BENCH_OPS_H

#include "host/bench.h"

/* What the device reaches at best; both measured, not looked up. */
typedef struct ft_bench_limits {
    double bytes_per_second; /* of a copy of 256 MiB, read and written bytes counted */
    double flops_per_second; /* of a square matrix product in the backend's type, the best size's */
} ft_bench_limits;
ft_status ft_bench_measure_limits(ft_backend *backend, ft_bench_limits *limits, ft_error *err);

/* One operation at one shape. */
typedef struct ft_bench_op {
    const char *operation;    /* as in kernels/backend.h */
    const char *size, *place; /* of the model, and where in it: "encoder", "decode step" */
    char shape[64];
    double seconds;      /* of one call, the median of job->steps bursts of calls */
    double flops, bytes; /* multiplications and additions of matrix products; every input and result once */
} ft_bench_op;

/* The time in seconds below which it cannot get: that of its products at the matrix rate or that of its bytes
 * at the rate of a copy, whichever is longer. Small tensors stay in caches, which are faster than memory. */
double ft_bench_floor(const ft_bench_op *op, const ft_bench_limits *limits, bool *by_bytes);

/* Calls `report` with each operation whose name contains `operation` (NULL: all), in the order of a training
 * step and a forecast, at the shapes of job->size (NULL: every size from nano to large) with the job's batch,
 * lengths, rank, series and samples. FT_BAD_INPUT where no operation has such a name. */
ft_status ft_bench_ops(ft_backend *backend, const ft_bench_job *job, const char *operation,
                       void (*report)(void *context, const ft_bench_op *op), void *context, ft_error *err);

#endif
