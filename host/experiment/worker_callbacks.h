/* Callbacks by which a worker reports to the process that writes the journal: in the
 * same process (sweep.c), or by messages to the coordinator (protocol.h).
 * Configurations and trajectories are numbered from 0, as in the plan. */
#ifndef FT_HOST_EXPERIMENT_WORKER_CALLBACKS_H
#define FT_HOST_EXPERIMENT_WORKER_CALLBACKS_H

#include "host/ftgpu.h"
#include "model/trainer.h"

typedef struct ft_worker_callbacks {
    void *context;
    /* Whether a configuration's result is on disk already. */
    bool (*is_recorded)(void *context, size_t configuration);
    /* Called before an experiment's directory is made: without a record later, the
     * directory is removed. Called again with another id if another process made a
     * directory of that name first; the last id counts. */
    ft_status (*begin)(void *context, size_t configuration, const char *experiment_id, ft_error *err);
    /* Called when the experiment's results.json is on disk. */
    ft_status (*finish)(void *context, size_t configuration, const ft_outcome *outcome, ft_error *err);
    /* Called after epochs of n trajectories; sets which of them are pruned: (n),
     * initially false. The same epochs always get the same answer, also after a crash.
     * On failure training must end without a checkpoint, which might hold a trajectory
     * that should have been pruned. NULL: nothing is pruned. */
    ft_status (*epochs)(void *context, const size_t *trajectories, const ft_epoch *epochs, int32_t n,
                        bool *pruned, ft_error *err);
    ft_stop (*stop)(void *context); /* asked often */
    /* Receives the events BASELINES, TRAINING, EPOCH and EVALUATING, without
     * configurations and what_varies. May be NULL. */
    void (*event)(void *context, const ft_event *event);
} ft_worker_callbacks;

#endif
