/* How a worker, who trains and records, speaks with whoever hands it adapter batches
 * and keeps the journal: in the same process (sweep.c) or by messages to another
 * (protocol.h). Configurations and trajectories are numbered from 0, as in the plan. */
#ifndef FT_HOST_EXPERIMENT_WORKER_CALLBACKS_H
#define FT_HOST_EXPERIMENT_WORKER_CALLBACKS_H

#include "host/ftgpu.h"
#include "model/trainer.h"

typedef struct ft_worker_callbacks {
    void *context;
    /* Whether the result of a configuration is on disk already. */
    bool (*is_recorded)(void *context, size_t configuration);
    /* Before an experiment's directory is made; what is in it is removed if its record
     * never comes. Again where another process has made a directory of that name
     * meanwhile: the last counts. */
    ft_status (*begin)(void *context, size_t configuration, const char *experiment_id, ft_error *err);
    /* The experiment's results.json is on disk. */
    ft_status (*finish)(void *context, size_t configuration, const ft_outcome *outcome, ft_error *err);
    /* After epochs of n trajectories: sets which are pruned, (n), all false before.
     * The same epochs have the same answers, also after a crash. Where there is no
     * answer training must end as it is: a checkpoint would hold a trajectory that was
     * to be pruned. NULL: none is pruned. */
    ft_status (*epochs)(void *context, const size_t *trajectories, const ft_epoch *epochs, int32_t n,
                        bool *pruned, ft_error *err);
    ft_stop (*stop)(void *context); /* asked often */
} ft_worker_callbacks;

#endif
