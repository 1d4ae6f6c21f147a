/* Trains a sweep by worker processes: hands out adapter batches, writes the journal,
 * and survives the death of any worker. docs/architecture.md §5. */
#ifndef FT_HOST_WORKERS_COORDINATOR_H
#define FT_HOST_WORKERS_COORDINATOR_H

#include "host/sweep/run.h"
#include "host/workers/worker_pool.h"

/* Trains the whole sweep by worker processes of this host. The sweep was opened, but
 * not started. FT_INTERRUPTED when the engine was told to stop; FT_BAD_INPUT when the
 * engine has already opened its device, after which a process cannot fork. */
ft_status ft_coordinate(ft_sweep *sweep, ft_error *err);
/* The same with any worker pool. None of its workers runs before or after. */
ft_status ft_coordinate_pool(ft_sweep *sweep, const ft_worker_pool *pool, ft_error *err);

#endif
