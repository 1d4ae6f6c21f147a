/* The share of a training step in which the device waits for the host. */
#ifndef FT_HOST_BENCH_HOST_SHARE_H
#define FT_HOST_BENCH_HOST_SHARE_H

#include "host/bench/bench.h"

/* Trains as ft_train does: the host makes the next batch while the device computes,
 * and queues its step where the device runs ahead (ft_stepper_runs_ahead). share: 1 -
 * (time of the device alone) / (time of a step), medians of job->steps measurements,
 * at least 0. A device that runs ahead repeats the same steps without the host for its
 * time alone; on a CPU that is the time in kernels. */
ft_status ft_bench_host_share(ft_chronos *chronos, const ft_adapter *adapter, const ft_bench_job *job,
                              double *share, ft_error *err);

#endif
