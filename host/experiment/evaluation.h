/* Forecasts over the splits of a dataset, and their metrics. docs/reference.md §6 and
 * §7. */
#ifndef FT_HOST_EXPERIMENT_EVALUATION_H
#define FT_HOST_EXPERIMENT_EVALUATION_H

#include "host/data/dataset.h"
#include "host/experiment/engine.h"
#include "model/trainable.h"
#include "model/windows.h"
#include "tracker/experiment.h"
#include "tracker/forecasts.h"

/* A dataset as series for the model, and the settings of its evaluation. */
typedef struct ft_evaluation {
    const ft_engine *engine;
    const ft_dataset *dataset;
    const ft_series *series; /* (dataset->n_items), views of its items */
    int32_t context_length, prediction_length;
    int64_t eval_windows, eval_samples, season;
    /* ranks that share the forecasts; NULL: this process alone */
    ft_comm *comm;
    /* Where a baseline's forecasts of some test windows are added; or NULL. */
    ft_forecasts *examples;
    /* Where lines of baselines.csv are added, one for each test window; or NULL. */
    ft_text *baseline_windows;
    /* Where ft_evaluate_naive adds the lines of windows.csv, one for each window of all
     * splits; or NULL. */
    ft_text *window_starts;
    const ft_text *more_lines; /* for the end of forecasts.csv; or NULL */
} ft_evaluation;

/* Views of the dataset's items; malloc'd, NULL when memory runs out. */
ft_series *ft_dataset_series(const ft_dataset *dataset);

/* The seed of all evaluations, whatever the hyperparameter `seed`: experiments are
 * compared by common random numbers, so that only their models differ
 * (docs/reference.md §9). */
enum { FT_EVALUATION_SEED = 0 };

/* Sampled forecasts of the windows of every split, by one adapter or several. */
typedef struct ft_evaluation_samples ft_evaluation_samples;

/* Samples the forecasts of all adapters of the trainable (of the base model, where it has
 * none) in one call. A forecast does not depend on which adapters are beside it.
 * FT_INTERRUPTED when the engine was told to stop. With several ranks all must call it:
 * each forecasts a part of the windows, all get the samples, and a failure of one fails
 * all. */
ft_status ft_evaluation_sample(const ft_evaluation *evaluation, const ft_trainable *trainable,
                               ft_evaluation_samples **samples, ft_error *err);
void ft_evaluation_samples_free(ft_evaluation_samples *samples);
/* Bytes of the samples of one adapter. */
ft_status ft_evaluation_sample_bytes(const ft_evaluation *evaluation, size_t *bytes, ft_error *err);

/* Metrics of adapter `index` (0 for the base model) on every split; writes
 * forecasts.csv to `forecasts_path` unless NULL. */
ft_status ft_evaluation_measure(const ft_evaluation *evaluation, const ft_evaluation_samples *samples,
                                int32_t index, const char *forecasts_path, ft_metrics metrics[FT_N_SPLITS],
                                ft_error *err);

/* Metrics of the seasonal naive forecast on the same windows. */
ft_status ft_evaluate_naive(const ft_evaluation *evaluation, ft_metrics metrics[FT_N_SPLITS], ft_error *err);

#endif
