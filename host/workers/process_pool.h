/* Workers that are processes of this host, one a device, or rank groups of them
 * (rank_group.h). */
#ifndef FT_HOST_WORKERS_PROCESS_POOL_H
#define FT_HOST_WORKERS_PROCESS_POOL_H

#include "host/sweep/run.h"
#include "host/workers/worker_pool.h"

/* Threads that each of n worker processes on the CPU has; 0: all. */
int64_t ft_process_pool_threads(const ft_engine_settings *settings, int64_t n_processes);

/* Places workers on the devices that the sweep's request and engine name; starts none.
 * Freed by ft_process_pool_close, when none is running. The sweep must outlive the
 * worker pool. */
ft_status ft_process_pool_open(ft_sweep *sweep, ft_worker_pool *pool, ft_error *err);
/* The same for n_workers of `ranks` devices each, which are taken from gpus, (n_gpus),
 * one after the other, again from the first where there are too few; CPUs where there
 * are none. */
ft_status ft_process_pool_place(ft_sweep *sweep, int32_t n_workers, int32_t ranks, const int32_t *gpus,
                                int32_t n_gpus, ft_worker_pool *pool, ft_error *err);
void ft_process_pool_close(ft_worker_pool *pool);

#endif
