/* Records a trained adapter as an experiment on disk: evaluates it, and writes
 * forecasts.csv, adapter/ and results.json. */
#ifndef FT_HOST_EXPERIMENT_RECORD_H
#define FT_HOST_EXPERIMENT_RECORD_H

#include "host/experiment/run_context.h"
#include "host/experiment/worker_callbacks.h"

/* A configuration's place in a sweep. */
typedef struct ft_sweep_place {
    size_t index, total; /* index: from 0 */
    /* (n_shared) the other configurations of its adapter batch, from 0 */
    const size_t *shared_with;
    size_t n_shared;
} ft_sweep_place;

/* Evaluates and records one configuration; place is NULL for a single run. FT_OK also
 * when it was recorded as failed (outcome->failed). FT_INTERRUPTED if the evaluation
 * was stopped: in a sweep nothing of the experiment stays, since the batch's
 * checkpoint has its adapter; a single run is recorded with its last adapter and an
 * error that says how far it came. Any other status means that nothing can be recorded
 * (as on a full disk); a single run's adapter stays, and the message says where. */
ft_status ft_record_experiment(ft_run_context *run_context, const ft_hyperparameters *config,
                               const ft_sweep_place *place, const ft_train_result *result,
                               const ft_worker_callbacks *callbacks, ft_outcome *outcome, ft_error *err);

/* Records a configuration as failed without training it; `error` is the reason. */
ft_status ft_record_failure(ft_run_context *run_context, const ft_hyperparameters *config,
                            const ft_sweep_place *place, const char *error,
                            const ft_worker_callbacks *callbacks, ft_outcome *outcome, ft_error *err);

#endif
