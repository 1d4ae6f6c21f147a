/* Records a trained adapter as an experiment on disk; see record.h. */
#include "host/experiment/record.h"
#include "host/experiment/model_source.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "host/experiment/run_context_evaluation.h"
#include "host/experiment/run_record.h"
#include "host/experiment/scores.h"
#include "host/search/train_config.h"
#include "model/adapter_kinds.h"
#include "tracker/baseline_windows.h"
#include "tracker/baselines.h"
#include "tracker/window_starts.h"

/* Writes baselines.csv and windows.csv. The baselines were evaluated before
 * (describe). */
static ft_status write_windows(ft_run_context *run_context, const ft_hyperparameters *config,
                               const char *directory, ft_error *err)
{
    const ft_run_context_baseline *baseline = NULL;
    ft_status status = ft_run_context_baseline_of(run_context, config, &baseline, err);
    if (status == FT_OK) status = ft_baseline_windows_write(directory, &baseline->windows, err);
    return status == FT_OK ? ft_window_starts_write(directory, &baseline->window_starts, err) : status;
}

/* Evaluates the adapter: metrics, forecasts.csv, baselines.csv and windows.csv. */
static ft_status evaluate(ft_run_context *run_context, const ft_hyperparameters *config,
                          const ft_train_result *result, ft_experiment *experiment, ft_error *err)
{
    char *path = ft_join_path(experiment->directory, "forecasts.csv");
    if (!path) return ft_no_memory(err, "a path", strlen(experiment->directory));
    double seconds = 0;
    ft_status status =
        ft_run_context_evaluate(run_context, config, result, path, experiment->metrics, &seconds, err);
    free(path);
    if (status == FT_OK) status = write_windows(run_context, config, experiment->directory, err);
    return status == FT_OK ? ft_run_record_seconds(experiment->run, "evaluation", seconds, err) : status;
}

static ft_scores scores_of(const ft_metrics *m)
{
    ft_scores scores;
    for (int i = 0; i < FT_N_METRICS; i++) *ft_score(&scores, (ft_metric)i) = ft_metrics_get(m, (ft_metric)i);
    return scores;
}

static void report(const ft_experiment *experiment, ft_outcome *outcome)
{
    *outcome = (ft_outcome){.failed = experiment->error != NULL,
                            .train = scores_of(&experiment->metrics[FT_TRAIN]),
                            .val = scores_of(&experiment->metrics[FT_VAL]),
                            .test = scores_of(&experiment->metrics[FT_TEST])};
    strncpy(outcome->experiment_id, experiment->experiment_id, sizeof outcome->experiment_id - 1);
    strncpy(outcome->directory, experiment->directory, sizeof outcome->directory - 1);
    if (experiment->error) strncpy(outcome->error, experiment->error, sizeof outcome->error - 1);
}

/* Adds the number of series, and how many of them have training windows, with a note
 * if not all do. */
static ft_status add_series(ft_run_context *run_context, const ft_hyperparameters *config,
                            ft_experiment *experiment, ft_error *err)
{
    const size_t n_items = run_context->dataset.n_items;
    ft_text note = FT_TEXT_EMPTY;
    const size_t n_short =
        ft_dataset_count_short(&run_context->dataset, (int32_t)config->prediction_length, &note);
    bool ok = !note.failed && cJSON_AddNumberToObject(experiment->run, "series", (double)n_items) &&
              cJSON_AddNumberToObject(experiment->run, "series_trained_on", (double)(n_items - n_short));
    ft_status status = ok ? FT_OK : ft_no_memory(err, "the record of a run", 64);
    if (status == FT_OK && n_short) status = ft_experiment_add_note(experiment, note.data, err);
    ft_text_free(&note);
    return status;
}

/* Fills in what is known before training. */
static ft_status describe(ft_run_context *run_context, const ft_hyperparameters *config,
                          const ft_sweep_place *place, ft_experiment *experiment, ft_error *err)
{
    ft_hyperparameters recorded = *config;
    /* A start adapter decides type, rank, alpha and targets, whatever the hyperparameters
     * say. */
    if (run_context->start) ft_hyperparameters_set_spec(&recorded, &run_context->start->spec);
    experiment->hyperparams = ft_hyperparameters_to_json(&recorded);
    experiment->data_insights = cJSON_Duplicate(run_context->insights, true);
    experiment->run = ft_run_record(run_context, place);
    if (!experiment->hyperparams || !experiment->data_insights || !experiment->run)
        return ft_no_memory(err, "the record of a run", 4096);
    const ft_run_context_baseline *baseline = NULL;
    ft_status status = ft_run_context_baseline_of(run_context, config, &baseline, err);
    if (status == FT_OK) status = ft_baseline_put(experiment, "zero_shot", baseline->zero_shot, err);
    if (status == FT_OK) status = ft_baseline_put(experiment, "seasonal_naive", baseline->naive, err);
    if (status == FT_OK)
        status = ft_run_record_seconds(experiment->run, "baseline_evaluation", baseline->seconds, err);
    if (status == FT_OK && run_context->request->notes)
        status = ft_experiment_add_note(experiment, run_context->request->notes, err);
    return status == FT_OK ? add_series(run_context, config, experiment, err) : status;
}

/* Whether a file of the experiment exists; true if that cannot be told. */
static bool may_exist(const char *path)
{
    bool exists = true;
    ft_error ignored;
    return ft_path_exists(path, &exists, &ignored) != FT_OK || exists;
}

/* Whether results.json may exist. Then the experiment is complete, even if something
 * failed afterwards. */
static bool may_be_recorded(const ft_experiment *experiment)
{
    char *path = ft_join_path(experiment->directory, "results.json");
    bool may_be = !path || may_exist(path);
    free(path);
    return may_be;
}

/* Whether a failure is recorded with the experiment instead of failing the whole
 * sweep. Lack of memory is only if `may_lack_memory`. An interrupted run is recorded
 * if it has an adapter to go on from. */
static bool is_own_failure(ft_status status, const ft_experiment *experiment, const ft_sweep_place *place,
                           bool may_lack_memory)
{
    return (status == FT_NO_MEMORY && may_lack_memory) || status == FT_DIVERGED ||
           (status == FT_INTERRUPTED && !place && experiment->model_path);
}

/* Cleans up after an experiment that could not be recorded. In a sweep the checkpoint
 * has everything worth keeping, so its directory is removed; of a single run the
 * adapter is kept, and the message names it. */
static ft_status leave_unrecorded(const ft_experiment *experiment, const ft_sweep_place *place,
                                  ft_status status, ft_error *err)
{
    if (place || !experiment->model_path || !may_exist(experiment->model_path)) {
        ft_remove_tree(experiment->directory);
        return status;
    }
    const ft_error why = *err;
    return ft_fail(err, status, "%s; the trained adapter is in %s", why.message, experiment->model_path);
}

/* A pruned trajectory is recorded with its history, without metrics. */
static ft_status add_pruned(ft_experiment *experiment, const ft_train_result *result, ft_error *err)
{
    char note[96];
    snprintf(note, sizeof note, "pruned after epoch %d by its val_loss", result->n_epochs);
    if (!cJSON_AddNumberToObject(experiment->run, "pruned_at_epoch", result->n_epochs))
        return ft_no_memory(err, "the record of a run", 64);
    return ft_experiment_add_note(experiment, note, err);
}

/* Adds which epoch was the best by val_loss (null: there is none), and whose weights are
 * kept. */
static ft_status add_kept_epoch(ft_experiment *experiment, const ft_train_result *result, ft_error *err)
{
    cJSON *run = experiment->run;
    bool ok = result->best_epoch > 0 ? cJSON_AddNumberToObject(run, "best_epoch", result->best_epoch) != NULL
                                     : cJSON_AddNullToObject(run, "best_epoch") != NULL;
    if (ok && ft_train_has_adapter(result))
        ok = cJSON_AddNumberToObject(run, "kept_epoch", result->kept_epoch) != NULL;
    return ok ? FT_OK : ft_no_memory(err, "the record of a run", 64);
}

/* Writes the result's adapter into the experiment's directory. */
static ft_status write_adapter(const ft_run_context *run_context, const ft_hyperparameters *config,
                               const ft_train_result *result, ft_experiment *experiment, ft_error *err)
{
    experiment->model_path = ft_join_path(experiment->directory, "adapter");
    if (!experiment->model_path) return ft_no_memory(err, "a path", strlen(experiment->directory));
    ft_adapter *adapter = NULL;
    ft_status status = ft_train_read_adapter(result, &adapter, err);
    if (status != FT_OK) return status;
    /* a full model's config.json states the lengths it was trained with */
    adapter->config.chronos.context_length = (int32_t)config->context_length;
    adapter->config.chronos.prediction_length = (int32_t)config->prediction_length;
    /* A full model is written with the base model's config.json. */
    const char *directory = run_context->model_directory, *base = run_context->model;
    if (directory)
        base = ft_adapter_kinds[adapter->spec.kind].replaces_weights ? directory
                                                                     : ft_model_public_name(base, directory);
    status = ft_adapter_write(experiment->model_path, adapter, run_context->weights, base, err);
    ft_adapter_free(adapter);
    return status;
}

/* Adds history and adapter, and evaluates the adapter unless training was interrupted. */
static ft_status add_result(ft_run_context *run_context, const ft_hyperparameters *config,
                            const ft_train_result *result, ft_experiment *experiment, ft_error *err)
{
    ft_status status = FT_OK;
    for (int32_t i = 0; i < result->n_epochs && status == FT_OK; i++) {
        const ft_epoch *e = &result->history[i];
        ft_epoch_record record = {e->epoch,     e->loss,    e->val_loss,         e->learning_rate,
                                  e->grad_norm, e->seconds, e->tokens_per_second};
        status = ft_experiment_add_epoch(experiment, &record, err);
    }
    if (status == FT_OK) status = add_kept_epoch(experiment, result, err);
    if (status == FT_OK && ft_train_has_adapter(result))
        status = write_adapter(run_context, config, result, experiment, err);
    if (status != FT_OK) return status;
    if (result->status != FT_OK) return ft_fail(err, result->status, "%s", result->error);
    return result->pruned ? add_pruned(experiment, result, err)
                          : evaluate(run_context, config, result, experiment, err);
}

/* What the `begin` callback needs, which announces an experiment's id before its
 * directory is made. */
typedef struct announcement {
    const ft_worker_callbacks *callbacks;
    size_t index;
} announcement;

static ft_status announce(void *context, const char *experiment_id, ft_error *err)
{
    const announcement *what = context;
    return what->callbacks->begin(what->callbacks->context, what->index, experiment_id, err);
}

static ft_status record(ft_run_context *run_context, const ft_hyperparameters *config,
                        const ft_sweep_place *place, bool may_lack_memory, const ft_train_result *result,
                        const ft_worker_callbacks *callbacks, ft_outcome *outcome, ft_error *err)
{
    ft_experiment experiment = {0};
    int64_t number = place ? (int64_t)place->index + 1 : 0, total = place ? (int64_t)place->total : 0;
    size_t index = place ? place->index : 0;
    announcement what = {callbacks, index};
    const ft_announcer announcer = {announce, &what};
    ft_status status = ft_experiment_begin(&experiment, run_context->engine->settings.results,
                                           run_context->name, number, total, NULL, &announcer, err);
    if (status != FT_OK) return status;
    status = describe(run_context, config, place, &experiment, err);
    if (status == FT_OK) status = add_result(run_context, config, result, &experiment, err);
    ft_status ended = status;
    if (is_own_failure(status, &experiment, place, may_lack_memory)) {
        experiment.error = ft_copy_string(err->message);
        status = experiment.error ? FT_OK : ft_no_memory(err, "an error message", sizeof err->message);
    }
    if (status == FT_OK) status = ft_experiment_add_metric_notes(&experiment, err);
    if (status == FT_OK) status = ft_experiment_write(&experiment, err);
    if (status == FT_OK) {
        report(&experiment, outcome);
        if (!outcome->failed && result->pruned) outcome->pruned_at_epoch = result->n_epochs;
        status = callbacks->finish(callbacks->context, index, outcome, err);
        /* not the experiment's fault: it is complete */
        if (status == FT_NO_MEMORY) status = FT_FAILED;
    }
    if (status != FT_OK && !may_be_recorded(&experiment))
        status = leave_unrecorded(&experiment, place, status, err);
    if (status == FT_OK && ended == FT_INTERRUPTED)
        status = ft_fail(err, FT_INTERRUPTED, "%s: %s; ftgpu run --adapter %s continues from there",
                         experiment.experiment_id, experiment.error, experiment.model_path);
    ft_experiment_free(&experiment);
    return status;
}

ft_status ft_record_experiment(ft_run_context *run_context, const ft_hyperparameters *config,
                               const ft_sweep_place *place, const ft_train_result *result,
                               const ft_worker_callbacks *callbacks, ft_outcome *outcome, ft_error *err)
{
    /* In a sweep, which may be unattended, lack of memory is retried; only the second
     * failure is recorded. */
    ft_status status = record(run_context, config, place, !place, result, callbacks, outcome, err);
    if (status == FT_NO_MEMORY && place)
        status = record(run_context, config, place, true, result, callbacks, outcome, err);
    return status;
}

ft_status ft_record_failure(ft_run_context *run_context, const ft_hyperparameters *config,
                            const ft_sweep_place *place, const char *error,
                            const ft_worker_callbacks *callbacks, ft_outcome *outcome, ft_error *err)
{
    /* FT_DIVERGED, so that any failure is recorded with the experiment. */
    ft_train_result result = {.status = FT_DIVERGED, .error = error, .ended = true};
    return ft_record_experiment(run_context, config, place, &result, callbacks, outcome, err);
}
