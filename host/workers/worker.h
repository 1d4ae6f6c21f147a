/* Trains an adapter batch and records every configuration in it. */
#ifndef FT_HOST_WORKERS_WORKER_H
#define FT_HOST_WORKERS_WORKER_H

#include "host/experiment/run_context.h"
#include "host/experiment/worker_callbacks.h"
#include "host/sweep/plan.h"

typedef struct ft_job {
    /* (n_configs): all of the sweep, or the single one of a run */
    const ft_hyperparameters *configs;
    size_t n_configs;
    const ft_plan *plan;
    /* (n_trajectories) of the batch, in the order in which they take slots */
    const size_t *trajectories;
    size_t n_trajectories;
    int32_t slots;
    const char *checkpoint; /* path of the batch's checkpoint; NULL for a run */
    /* train nothing, and record the unrecorded configurations as failed for this
     * reason; NULL: train */
    const char *failure;
} ft_job;

/* Trains a batch. FT_OK when every configuration is recorded, failed ones included.
 * Otherwise what is recorded stays: FT_INTERRUPTED when told to stop, FT_NO_MEMORY, or
 * the failure of a device or disk. The run context has its device. */
ft_status ft_worker_train(ft_run_context *run_context, const ft_job *job,
                          const ft_worker_callbacks *callbacks, ft_error *err);

#endif
