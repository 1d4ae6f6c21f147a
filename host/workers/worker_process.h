/* The life of a worker process: it opens its device, trains what the coordinator hands
 * it (protocol.h), ends with it. */
#ifndef FT_HOST_WORKERS_WORKER_PROCESS_H
#define FT_HOST_WORKERS_WORKER_PROCESS_H

#include "host/sweep/run.h"
#include "host/workers/protocol.h"

/* Returns when the coordinator has hung up or is gone: what the process is to exit
 * with, 0, or FT_WORKER_NO_MEMORY where it could not say or hear what it had to. The
 * engine's progress and stop become the coordinator's. devices: (n_devices) as
 * --device; of several each has a process, which train together (rank_group.h). A
 * sweep that has no plan yet hears what its plan must know of the device. */
int ft_worker_process(ft_sweep *sweep, const char *const *devices, int32_t n_devices, ft_channel *channel);
enum { FT_WORKER_NO_MEMORY = 72 };

#endif
