/* Times each operation of a backend at the shapes that Chronos models have, and the
 * device's limits: what `ftgpu bench ops` and bench/gpu_check.sh print. */
#ifndef FT_HOST_BENCH_OPS_H
#define FT_HOST_BENCH_OPS_H

#include "host/bench/bench.h"

/* What the device reaches at best, measured. 0: that measurement failed. */
typedef struct ft_bench_limits {
    /* of a copy of at most 256 MiB, counting bytes read and written */
    double bytes_per_second;
    /* of a square matrix product in the backend's matrix type, at its best size */
    double flops_per_second;
} ft_bench_limits;

/* One operation at one shape. */
typedef struct ft_bench_op {
    /* as in kernels/backend.h; "copy" and "matrix product" for the limits */
    const char *operation;
    /* of the model, and the place in it: "encoder", "decode step"; "limit" */
    const char *size, *place;
    char shape[64];
    /* of one call: the median of job->steps bursts; for limits the minimum */
    double seconds;
    /* FLOPs of matrix products; bytes of every input and result, once */
    double flops, bytes;
    ft_error failure; /* "", or why it could not be timed; then seconds is 0 */
} ft_bench_op;

/* The least time, in seconds, that the limits allow: that of its FLOPs at the matrix
 * rate, or of its bytes at the copy rate, whichever is longer (*by_bytes). 0 if a
 * limit it needs is unknown. Small tensors stay in caches and may be faster than this. */
double ft_bench_floor(const ft_bench_op *op, const ft_bench_limits *limits, bool *by_bytes);

typedef void ft_bench_report(void *context, const ft_bench_op *op, const ft_bench_limits *limits);

/* Calls `report` with the two limits, then with each operation whose name contains
 * `operation` (NULL: all), in the order of a training step and a forecast, at the
 * shapes of job->size (NULL: every size from nano to large) with the job's batch,
 * lengths, rank, series and samples. Leaves out the first `skip` operations. An
 * operation that fails is reported as failed, and the next runs on a new backend.
 * FT_BAD_INPUT if no operation has such a name; FT_FAILED if the device is lost
 * (ft_bench_recover). */
ft_status ft_bench_ops(ft_bench_device *device, const ft_bench_job *job, const char *operation, int64_t skip,
                       ft_bench_report *report, void *context, ft_error *err);

#endif
