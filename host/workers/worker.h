/* Trains an adapter batch and records every configuration in it. */
#ifndef FT_HOST_WORKERS_WORKER_H
#define FT_HOST_WORKERS_WORKER_H

#include "host/experiment/run_context.h"
#include "host/experiment/worker_callbacks.h"
#include "host/sweep/plan.h"

typedef struct ft_job {
    /* (n_configs) of the whole sweep, or the one of a run of its own */
    const ft_hyperparameters *configs;
    size_t n_configs;
    const ft_plan *plan;
    /* (n_trajectories) of the batch, in the order in which they take slots */
    const size_t *trajectories;
    size_t n_trajectories;
    int32_t slots;
    const char *checkpoint; /* of the batch; NULL: a run of its own */
    /* nothing is trained: what is not recorded yet failed, and why; NULL: train */
    const char *failure;
} ft_job;

/* FT_OK when every configuration of the batch is recorded, failed ones included.
 * Otherwise what is recorded stays: FT_INTERRUPTED; FT_NO_MEMORY, a device or a full
 * disk. The run context has its device. */
ft_status ft_worker_train(ft_run_context *run_context, const ft_job *job,
                          const ft_worker_callbacks *callbacks, ft_error *err);

#endif
