/* What all experiments of a run or a sweep share: data, base model on the device,
 * baselines. */
#ifndef FT_HOST_EXPERIMENT_RUN_CONTEXT_H
#define FT_HOST_EXPERIMENT_RUN_CONTEXT_H

#include "host/data/season.h"
#include "host/experiment/engine.h"
#include "host/experiment/evaluation.h"
#include "host/search/hyperparameters.h"
#include "model/chronos.h"
#include "model/trainer.h"

/* Metrics of the base model and of seasonal naive, for one choice of context_length and
 * prediction_length. */
typedef struct ft_run_context_baseline {
    int64_t context_length, prediction_length;
    ft_metrics zero_shot[FT_N_SPLITS], naive[FT_N_SPLITS];
    double seconds;        /* that computing both took */
    ft_forecasts examples; /* of both in some test windows: lines of forecasts.csv */
    ft_text windows;       /* sums of both in all test windows: lines of baselines.csv */
    ft_text window_starts; /* of all windows: lines of windows.csv */
} ft_run_context_baseline;

/* Results whose adapters are evaluated between _lead and _dismiss
 * (run_context_evaluation.h), and the samples of some of them. */
typedef struct ft_due_results {
    const ft_train_result *results; /* (n), not owned */
    int32_t n;
    /* of results [first, first + count); NULL: none yet */
    ft_evaluation_samples *samples;
    int32_t first, count;
    double seconds; /* that sampling them took */
    int32_t timed;  /* results before this one have had their share of the seconds */
    /* a call for several of them has failed: each is sampled alone */
    bool has_failed_together;
} ft_due_results;

typedef struct ft_run_context {
    ft_engine *engine;
    const ft_experiment_request *request;
    const char *model; /* the request's, or the built-in one's name */
    char *name;        /* prefix of the experiments' names */
    int64_t season, eval_windows, eval_samples;
    /* where `season` comes from: "--season", or the frequency in words */
    char season_reason[FT_SEASON_REASON_CHARS];
    ft_dataset dataset;
    ft_series *series;
    cJSON *insights;
    ft_weights *weights;
    /* where the weights were read; NULL on a rank that did not read them */
    char *model_directory;
    ft_chronos *chronos;
    ft_trainable *base;                 /* the base model on the device */
    ft_adapter *start;                  /* read from request->adapter, or NULL */
    ft_run_context_baseline *baselines; /* (n_baselines) */
    size_t n_baselines;
    /* ranks that evaluate together with this one, between _lead and _dismiss
     * (run_context_evaluation.h); else NULL */
    ft_comm *evaluators;
    ft_due_results due;
} ft_run_context;

/* Reads everything that the request names; opens no device. Launched processes all
 * read the data; rank 0 reads the model and broadcasts it; all succeed or all fail.
 * Checks every configuration against data and model, so that a sweep does not fail
 * hours later. Keeps pointers to engine and request, which must outlive it. */
ft_status ft_run_context_open(ft_engine *engine, const ft_experiment_request *request,
                              const ft_hyperparameters *configs, size_t n_configs,
                              ft_run_context *run_context, ft_error *err);
void ft_run_context_close(ft_run_context *run_context);

/* Makes the results directory, opens the engine's device and copies the base model to
 * it. Needed by everything that computes. */
ft_status ft_run_context_attach(ft_run_context *run_context, ft_error *err);

#endif
