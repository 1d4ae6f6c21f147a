/* From a trained adapter to an experiment on disk: its evaluation, forecasts.csv,
 * adapter/ and results.json. */
#ifndef FT_HOST_EXPERIMENT_RECORD_H
#define FT_HOST_EXPERIMENT_RECORD_H

#include "host/experiment/run_context.h"
#include "host/experiment/worker_callbacks.h"

/* A configuration's place in a sweep. */
typedef struct ft_sweep_place {
    size_t index, total; /* index from 0 */
    /* (n_shared) other configurations of its adapter batch, from 0 */
    const size_t *shared_with;
    size_t n_shared;
} ft_sweep_place;

/* Evaluates and records one configuration; place is NULL for a run of its own. FT_OK
 * also when it was recorded as failed (outcome->failed). FT_INTERRUPTED when
 * evaluation was stopped: of a sweep's experiment nothing stays, for its adapter is in
 * the batch's checkpoint; a run of its own is recorded with its last adapter and an
 * error that says how far it came. Any other status: nothing can be recorded (a full
 * disk); the adapter of a run of its own stays, and the message says where. */
ft_status ft_record_experiment(ft_run_context *run_context, const ft_hyperparameters *config,
                               const ft_sweep_place *place, const ft_train_result *result,
                               const ft_worker_callbacks *callbacks, ft_outcome *outcome, ft_error *err);

/* Records a configuration that was never trained to its end: `error` says why. */
ft_status ft_record_failure(ft_run_context *run_context, const ft_hyperparameters *config,
                            const ft_sweep_place *place, const char *error,
                            const ft_worker_callbacks *callbacks, ft_outcome *outcome, ft_error *err);

#endif
