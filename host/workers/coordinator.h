/* Trains a sweep by workers: hands out adapter batches, keeps the journal, and
 * outlives the death of any of them. docs/architecture.md §5. */
#ifndef FT_HOST_WORKERS_COORDINATOR_H
#define FT_HOST_WORKERS_COORDINATOR_H

#include "host/sweep/run.h"
#include "host/workers/worker_pool.h"

/* From workers' start to the last record, by processes of this host. FT_INTERRUPTED
 * when the engine was told to stop; FT_BAD_INPUT when the engine has opened its device
 * already. The sweep is opened, not started. */
ft_status ft_coordinate(ft_sweep *sweep, ft_error *err);
/* The same by any worker pool, none of which is running before or after. */
ft_status ft_coordinate_pool(ft_sweep *sweep, const ft_worker_pool *pool, ft_error *err);

#endif
