/* The life of a worker process: it opens its device, trains what the coordinator hands it (protocol.h), ends
 * with it. */
#ifndef FT_HOST_WORKER_PROCESS_H
#define FT_HOST_WORKER_PROCESS_H

#include "host/grid.h"
#include "host/protocol.h"
#include "host/study.h"

/* Returns when the coordinator says so or is gone. The engine's progress and stop become the coordinator's.
 * devices: (n_devices) as --device; of several each has a process, which train together (team.h). */
void ft_worker_process(ft_study *study, const ft_grid *grid, const char *const *devices, int32_t n_devices,
                       ft_channel *channel);

#endif
