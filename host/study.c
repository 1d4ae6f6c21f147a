/* What all experiments of a run or a sweep share; see study.h. */
#include "host/study.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "host/run_record.h"
#include "host/train_config.h"
#include "tracker/baselines.h"

/* Whether data and model allow configuration `index`. The adapter that training goes on from replaces what
 * the hyperparameters say of rank, alpha and targets. */
static ft_status check_config(const ft_study *study, const ft_hyperparameters *configs, size_t index,
                              size_t n_configs, ft_error *err)
{
    ft_status status = FT_OK;
    bool is_its_own = n_configs > 1; /* rather than a fault that any configuration would meet */
    if (!study->start) {
        ft_adapter_spec spec = ft_adapter_spec_of(&configs[index]);
        status = ft_adapter_check(&spec, &study->weights->config, err);
    }
    if (status == FT_OK) {
        status = ft_dataset_check(&study->dataset, (int32_t)configs[index].prediction_length, err);
        is_its_own = index > 0;
    }
    if (status != FT_OK && is_its_own) {
        char which[80];
        snprintf(which, sizeof which, "configuration %zu of %zu", index + 1, n_configs);
        ft_error_prefix(err, which);
    }
    return status;
}

static ft_status read_data(ft_study *study, ft_error *err)
{
    const ft_experiment_request *request = study->request;
    ft_dataset_source source = {.train = request->data.train,
                                .val = request->data.val,
                                .test = request->data.test,
                                .data = request->data.data,
                                .target = request->target,
                                .timestamp = request->data.timestamp,
                                .id = request->data.id,
                                .train_last = request->data.train_last};
    ft_status status = FT_OK;
    if (request->data.split) {
        source.has_split = true;
        status = ft_split_fractions_parse(request->data.split, source.split, err);
    }
    if (status == FT_OK) status = ft_dataset_read(&source, &study->dataset, err);
    if (status == FT_OK) status = ft_dataset_insights(&study->dataset, &study->insights, err);
    if (status != FT_OK) return status;
    study->series = ft_dataset_series(&study->dataset);
    return study->series ? FT_OK
                         : ft_no_memory(err, "the series", study->dataset.n_items * sizeof(ft_series));
}

/* Makes the directory of results, and looks whether experiments can be made in it before any time is spent.
 */
static ft_status make_results(const char *path, ft_error *err)
{
    ft_status status = ft_make_directories(path, err);
    if (status == FT_OK && access(path, W_OK | X_OK) != 0)
        status = ft_fail(err, FT_BAD_INPUT, "%s: cannot be written: %s", path, strerror(errno));
    return status;
}

ft_status ft_study_open(ft_engine *engine, const ft_experiment_request *request,
                        const ft_hyperparameters *configs, size_t n_configs, ft_study *study, ft_error *err)
{
    *study = (ft_study){.engine = engine,
                        .request = request,
                        .season = request->season > 0 ? request->season : 1,
                        .eval_windows = request->eval_windows > 0 ? request->eval_windows : 256};
    study->name = ft_copy_string(request->name ? request->name : "experiment");
    ft_status status =
        study->name ? ft_experiment_check_name(study->name, err) : ft_no_memory(err, "a name", 16);
    if (status == FT_OK && !request->model)
        status = ft_fail(err, FT_BAD_INPUT,
                         "no model given (--model DIR; ftgpu model init makes an untrained one)");
    if (status == FT_OK && !request->target)
        status = ft_fail(err, FT_BAD_INPUT, "no target column given (--target COLUMN)");
    if (status == FT_OK) status = read_data(study, err);
    if (status == FT_OK) status = ft_weights_read(request->model, &study->weights, err);
    if (status == FT_OK && request->adapter)
        status = ft_adapter_read(request->adapter, study->weights, &study->start, err);
    for (size_t i = 0; i < n_configs && status == FT_OK; i++)
        status = check_config(study, configs, i, n_configs, err);
    if (status == FT_OK) status = make_results(engine->settings.results, err);
    if (status == FT_OK)
        status = ft_chronos_create(engine->backend, study->weights, true, &study->chronos, err);
    if (status == FT_OK) status = ft_trainable_create(study->chronos, NULL, 0, false, &study->base, err);
    if (status != FT_OK) ft_study_close(study);
    return status;
}

void ft_study_close(ft_study *study)
{
    ft_trainable_free(study->base);
    ft_chronos_free(study->chronos);
    ft_adapter_free(study->start);
    ft_weights_free(study->weights);
    cJSON_Delete(study->insights);
    free(study->series);
    ft_dataset_free(&study->dataset);
    free(study->baselines);
    free(study->name);
    *study = (ft_study){0};
}

static ft_evaluation evaluation_of(const ft_study *study, const ft_hyperparameters *config)
{
    return (ft_evaluation){.engine = study->engine,
                           .dataset = &study->dataset,
                           .series = study->series,
                           .context_length = (int32_t)config->context_length,
                           .prediction_length = (int32_t)config->prediction_length,
                           .eval_windows = study->eval_windows,
                           .season = study->season,
                           .seed = (uint32_t)config->seed};
}

/* The baselines for the configuration's lengths, computed when first asked for. */
static ft_status baseline_of(ft_study *study, const ft_hyperparameters *config, const ft_study_baseline **out,
                             ft_error *err)
{
    for (size_t i = 0; i < study->n_baselines; i++) {
        *out = &study->baselines[i];
        if ((*out)->context_length == config->context_length &&
            (*out)->prediction_length == config->prediction_length)
            return FT_OK;
    }
    ft_study_baseline *grown = realloc(study->baselines, (study->n_baselines + 1) * sizeof *grown);
    if (!grown) return ft_no_memory(err, "baselines", (study->n_baselines + 1) * sizeof *grown);
    study->baselines = grown;
    ft_study_baseline *baseline = &grown[study->n_baselines];
    *baseline = (ft_study_baseline){.context_length = config->context_length,
                                    .prediction_length = config->prediction_length};
    ft_evaluation evaluation = evaluation_of(study, config);
    ft_engine_say(study->engine, "evaluating the model before tuning and seasonal naive (season %lld)",
                  (long long)study->season);
    ft_status status = ft_evaluate_adapter(&evaluation, study->base, 0, NULL, baseline->zero_shot, err);
    if (status == FT_OK) status = ft_evaluate_naive(&evaluation, baseline->naive, err);
    if (status != FT_OK) return status;
    study->n_baselines++;
    *out = baseline;
    return FT_OK;
}

/* Progress of one experiment. */
typedef struct progress {
    const ft_study *study;
    const char *label;
    int64_t epochs;
} progress;

static void epoch_ended(void *context, int32_t index, const ft_epoch *epoch)
{
    const progress *p = context;
    (void)index;
    ft_engine_say(p->study->engine,
                  "%s  epoch %d/%lld  loss %.4f  val_loss %.4f  lr %.3g  grad_norm %.3g  %.0f tokens/s",
                  p->label, epoch->epoch, (long long)p->epochs, epoch->loss, epoch->val_loss,
                  epoch->learning_rate, epoch->grad_norm, epoch->tokens_per_second);
}

static bool should_stop(void *context)
{
    return ft_engine_stopped(((const progress *)context)->study->engine);
}

/* Trains into `result` and adds its history to the experiment. */
static ft_status train(ft_study *study, const ft_hyperparameters *config, const ft_sweep_place *place,
                       ft_experiment *experiment, ft_train_result *result, ft_error *err)
{
    char label[64] = "run";
    if (place) snprintf(label, sizeof label, "%zu/%zu", place->index + 1, place->total);
    progress watched = {study, label, config->epochs};
    const char *checkpoint = place ? ft_sweep_state_checkpoint(place->state, place->index) : NULL;
    ft_train_settings settings = {.context_length = (int32_t)config->context_length,
                                  .prediction_length = (int32_t)config->prediction_length,
                                  .eval_windows = study->eval_windows,
                                  .epoch = epoch_ended,
                                  .checkpoints = &checkpoint,
                                  .stop = should_stop,
                                  .context = &watched};
    ft_train_config train = ft_train_config_of(config, &study->weights->config, study->start);
    ft_status status = ft_train(study->chronos, study->weights, study->series,
                                (int32_t)study->dataset.n_items, &train, 1, &settings, result, err);
    for (int32_t i = 0; i < result->n_epochs && status == FT_OK; i++) {
        const ft_epoch *e = &result->history[i];
        ft_epoch_record record = {e->epoch,     e->loss,    e->val_loss,         e->learning_rate,
                                  e->grad_norm, e->seconds, e->tokens_per_second};
        status = ft_experiment_add_epoch(experiment, &record, err);
    }
    return status;
}

/* Metrics and forecasts.csv of what was trained. */
static ft_status evaluate(ft_study *study, const ft_hyperparameters *config, const ft_adapter *adapter,
                          ft_experiment *experiment, ft_error *err)
{
    char *path = ft_join_path(experiment->directory, "forecasts.csv");
    if (!path) return ft_no_memory(err, "a path", strlen(experiment->directory));
    ft_trainable *tuned = NULL;
    ft_status status = ft_trainable_create(study->chronos, &adapter, 1, false, &tuned, err);
    ft_evaluation evaluation = evaluation_of(study, config);
    if (status == FT_OK) status = ft_evaluate_adapter(&evaluation, tuned, 0, path, experiment->metrics, err);
    if (tuned && tuned->kind == FT_FULL) {
        ft_error failed;
        ft_status restored = ft_trainable_restore(tuned, study->weights, &failed);
        if (restored != FT_OK && status == FT_OK) status = ft_fail(err, restored, "%s", failed.message);
    }
    ft_trainable_free(tuned);
    free(path);
    return status;
}

static ft_status add_baselines(ft_study *study, const ft_hyperparameters *config, ft_experiment *experiment,
                               ft_error *err)
{
    const ft_study_baseline *baseline = NULL;
    ft_status status = baseline_of(study, config, &baseline, err);
    if (status == FT_OK) status = ft_baseline_put(experiment, "zero_shot", baseline->zero_shot, err);
    if (status == FT_OK) status = ft_baseline_put(experiment, "seasonal_naive", baseline->naive, err);
    return status;
}

/* Everything of an experiment but results.json. */
static ft_status train_and_evaluate(ft_study *study, const ft_hyperparameters *config,
                                    const ft_sweep_place *place, ft_experiment *experiment,
                                    ft_train_result *result, ft_error *err)
{
    ft_status status = add_baselines(study, config, experiment, err);
    if (status == FT_OK) status = train(study, config, place, experiment, result, err);
    if (status != FT_OK) return status;
    if (result->adapter && (result->status == FT_OK || !place)) {
        experiment->model_path = ft_join_path(experiment->directory, "adapter");
        if (!experiment->model_path) return ft_no_memory(err, "a path", strlen(experiment->directory));
        status = ft_adapter_write(experiment->model_path, result->adapter, study->weights,
                                  study->request->model, err);
    }
    if (status == FT_OK && result->status != FT_OK)
        return ft_fail(err, result->status, "%s", result->error.message);
    return status == FT_OK ? evaluate(study, config, result->adapter, experiment, err) : status;
}

static ft_scores scores_of(const ft_metrics *m)
{
    if (!m->evaluated) return (ft_scores){NAN, NAN, NAN, NAN, NAN, NAN, NAN};
    return (ft_scores){m->mae, m->rmse, m->mase, m->directional_accuracy, m->smape, m->wql, m->coverage_80};
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

/* Fills what is known before training. */
static ft_status describe(ft_study *study, const ft_hyperparameters *config, ft_experiment *experiment,
                          ft_error *err)
{
    ft_hyperparameters recorded = *config;
    if (study->start) {
        /* The adapter that training goes on from decides what it is. */
        const ft_adapter_spec *spec = &study->start->spec;
        recorded.adapter_type = spec->kind;
        if (spec->kind == FT_LORA) {
            recorded.lora_rank = spec->rank;
            recorded.lora_alpha = (double)spec->alpha;
            recorded.use_rslora = spec->use_rslora;
            recorded.lora_targets = spec->targets;
        }
    }
    experiment->hyperparams = ft_hyperparameters_to_json(&recorded);
    experiment->data_insights = cJSON_Duplicate(study->insights, true);
    experiment->run = ft_run_record(study);
    if (!experiment->hyperparams || !experiment->data_insights || !experiment->run)
        return ft_no_memory(err, "the record of a run", 4096);
    return study->request->notes ? ft_experiment_add_note(experiment, study->request->notes, err) : FT_OK;
}

/* Whether results.json is there: then the experiment is whole, whatever failed after it. */
static bool experiment_is_recorded(const ft_experiment *experiment)
{
    char *path = ft_join_path(experiment->directory, "results.json");
    bool exists = path && ft_path_exists(path);
    free(path);
    return exists;
}

/* Whether the failure belongs to the experiment, and is recorded with it, rather than to the whole sweep. An
 * interrupted run is recorded where it has an adapter to go on from. */
static bool is_own_failure(ft_status status, const ft_experiment *experiment, const ft_sweep_place *place)
{
    return status == FT_NO_MEMORY || status == FT_DIVERGED ||
           (status == FT_INTERRUPTED && !place && experiment->model_path);
}

/* What becomes of the directory of an experiment that could not be recorded. Of a sweep's, the checkpoint
 * holds all that is worth keeping; the adapter of a run of its own is all that there is. */
static ft_status leave_unrecorded(const ft_experiment *experiment, const ft_sweep_place *place,
                                  ft_status status, ft_error *err)
{
    if (place || !experiment->model_path || !ft_path_exists(experiment->model_path)) {
        ft_remove_tree(experiment->directory);
        return status;
    }
    const ft_error why = *err;
    return ft_fail(err, status, "%s; the trained adapter is in %s", why.message, experiment->model_path);
}

ft_status ft_study_run(ft_study *study, const ft_hyperparameters *config, const ft_sweep_place *place,
                       ft_outcome *outcome, ft_error *err)
{
    ft_error unwanted = {""};
    if (!err) err = &unwanted; /* its message is recorded */
    ft_experiment experiment = {0};
    ft_train_result result = {0};
    int64_t number = place ? (int64_t)place->index + 1 : 0, total = place ? (int64_t)place->total : 0;
    ft_status status = ft_experiment_begin(&experiment, study->engine->settings.results, study->name, number,
                                           total, NULL, err);
    if (status != FT_OK) return status;
    if (place) status = ft_sweep_state_start(place->state, place->index, experiment.experiment_id, err);
    if (status == FT_OK) status = describe(study, config, &experiment, err);
    if (status == FT_OK) status = train_and_evaluate(study, config, place, &experiment, &result, err);
    ft_status ended = status;
    if (is_own_failure(status, &experiment, place)) {
        experiment.error = ft_copy_string(err->message);
        status = experiment.error ? FT_OK : ft_no_memory(err, "an error message", sizeof err->message);
    }
    if (status == FT_OK) status = ft_experiment_add_metric_notes(&experiment, err);
    if (status == FT_OK) status = ft_experiment_write(&experiment, err);
    if (status == FT_OK && place)
        status = ft_sweep_state_finish(place->state, place->index, experiment.experiment_id,
                                       experiment.error != NULL, err);
    if (status == FT_OK)
        report(&experiment, outcome);
    else if (!experiment_is_recorded(&experiment))
        status = leave_unrecorded(&experiment, place, status, err);
    if (status == FT_OK && ended == FT_INTERRUPTED)
        status = ft_fail(err, FT_INTERRUPTED, "%s: %s; ftgpu run --adapter %s goes on from there",
                         experiment.experiment_id, experiment.error, experiment.model_path);
    ft_train_result_free(&result);
    ft_experiment_free(&experiment);
    return status;
}
