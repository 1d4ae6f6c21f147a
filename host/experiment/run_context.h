/* What all experiments of a run or a sweep share: data, base model on the device, baselines. */
#ifndef FT_HOST_EXPERIMENT_RUN_CONTEXT_H
#define FT_HOST_EXPERIMENT_RUN_CONTEXT_H

#include "host/experiment/engine.h"
#include "host/experiment/evaluation.h"
#include "host/search/hyperparameters.h"
#include "model/chronos.h"

/* The model before tuning and seasonal naive, for one choice of lengths and one seed of the samples. */
typedef struct ft_run_context_baseline {
    int64_t context_length, prediction_length, seed;
    ft_metrics zero_shot[FT_N_SPLITS], naive[FT_N_SPLITS];
    double seconds;        /* that both took */
    ft_forecasts examples; /* what both forecast in some test windows: lines of forecasts.csv */
} ft_run_context_baseline;

typedef struct ft_run_context {
    ft_engine *engine;
    const ft_experiment_request *request;
    char *name; /* of the experiments */
    int64_t season, eval_windows;
    ft_dataset dataset;
    ft_series *series;
    cJSON *insights;
    ft_weights *weights;
    char *model_directory; /* where they were read; NULL on a rank that did not read them */
    ft_chronos *chronos;
    ft_trainable *base;                 /* the model before tuning */
    ft_adapter *start;                  /* of request->adapter, or NULL */
    ft_run_context_baseline *baselines; /* (n_baselines) */
    size_t n_baselines;
    ft_comm
        *evaluators; /* ranks that evaluate with this one for the time (run_context_evaluation.h), or NULL */
} ft_run_context;

/* Reads everything that the request names, without a device. Of launched processes all read the data, one the
 * model, which it sends to the others; all succeed or fail. All configurations are checked against the data
 * and the model first, so that a sweep does not find out hours later. The run context keeps pointers to
 * engine and request. */
ft_status ft_run_context_open(ft_engine *engine, const ft_experiment_request *request,
                              const ft_hyperparameters *configs, size_t n_configs,
                              ft_run_context *run_context, ft_error *err);
void ft_run_context_close(ft_run_context *run_context);

/* Makes the directory of results, opens the engine's device and puts the base model on it; what follows needs
 * that. */
ft_status ft_run_context_attach(ft_run_context *run_context, ft_error *err);

#endif
