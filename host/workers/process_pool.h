/* A worker pool of processes of this host, one for each device, or a rank group of
 * several (rank_group.h). */
#ifndef FT_HOST_WORKERS_PROCESS_POOL_H
#define FT_HOST_WORKERS_PROCESS_POOL_H

#include "host/sweep/run.h"
#include "host/workers/worker_pool.h"

/* Threads of each of n worker processes on the CPU; 0: all cores. */
int64_t ft_process_pool_threads(const ft_engine_settings *settings, int64_t n_processes);

/* Assigns the devices that the engine's settings name to workers; starts none. The
 * sweep must outlive the pool. Freed by ft_process_pool_close when no worker runs. */
ft_status ft_process_pool_open(ft_sweep *sweep, ft_worker_pool *pool, ft_error *err);
/* The same for n_workers of `ranks` devices each. Devices are taken from gpus:
 * (n_gpus), in turn and again from the first when there are too few; n_gpus 0 means
 * CPUs. */
ft_status ft_process_pool_place(ft_sweep *sweep, int32_t n_workers, int32_t ranks, const int32_t *gpus,
                                int32_t n_gpus, ft_worker_pool *pool, ft_error *err);
void ft_process_pool_close(ft_worker_pool *pool);

#endif
