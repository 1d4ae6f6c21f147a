/* What a worker process does: opens its device, trains what the coordinator sends it
 * (protocol.h), and exits with the coordinator. */
#ifndef FT_HOST_WORKERS_WORKER_PROCESS_H
#define FT_HOST_WORKERS_WORKER_PROCESS_H

#include "host/sweep/run.h"
#include "host/workers/protocol.h"

/* Runs until the coordinator hangs up or is gone. Returns the exit status of the
 * process: 0, or FT_WORKER_NO_MEMORY when a message could not be sent or read. Sets
 * the engine's progress and stop callbacks to talk to the coordinator. devices:
 * (n_devices), each as in --device; with several, each gets a process (rank_group.h).
 * When the sweep has no plan yet, "ready" tells the coordinator what the plan needs to
 * know of the device. */
int ft_worker_process(ft_sweep *sweep, const char *const *devices, int32_t n_devices, ft_channel *channel);
enum { FT_WORKER_NO_MEMORY = 72 };

#endif
