/* What all experiments of a run or a sweep share; see run_context.h. */
#include "host/experiment/run_context.h"
#include "host/experiment/model_source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "base/utf8.h"
#include "host/search/train_config.h"
#include "model/pretrained/builtin.h"

/* Checks configuration `index` against data and model. A start adapter overrides the
 * rank, alpha and targets of the hyperparameters. */
static ft_status check_config(const ft_run_context *run_context, const ft_hyperparameters *configs,
                              size_t index, size_t n_configs, ft_error *err)
{
    ft_status status = FT_OK;
    /* the message then names the configuration */
    bool is_its_own = n_configs > 1;
    if (!run_context->start) {
        ft_adapter_spec spec = ft_adapter_spec_of(&configs[index]);
        status = ft_adapter_check(&spec, &run_context->weights->config, err);
    }
    if (status == FT_OK) {
        status = ft_dataset_check(&run_context->dataset, (int32_t)configs[index].prediction_length, err);
        is_its_own = index > 0;
    }
    if (status != FT_OK && is_its_own) {
        char which[80];
        snprintf(which, sizeof which, "configuration %zu of %zu", index + 1, n_configs);
        ft_error_prefix(err, which);
    }
    return status;
}

/* Reports the series that are too short for training, once for each prediction_length. */
static ft_status say_short_series(const ft_run_context *run_context, const ft_hyperparameters *configs,
                                  size_t n_configs, ft_error *err)
{
    for (size_t i = 0; i < n_configs; i++) {
        size_t earlier = 0;
        while (configs[earlier].prediction_length != configs[i].prediction_length) earlier++;
        if (earlier < i) continue;
        ft_text note = FT_TEXT_EMPTY;
        size_t count =
            ft_dataset_count_short(&run_context->dataset, (int32_t)configs[i].prediction_length, &note);
        bool failed = note.failed;
        if (count && !failed)
            ft_engine_say(run_context->engine, "note: %s (prediction_length %lld)", note.data,
                          (long long)configs[i].prediction_length);
        ft_text_free(&note);
        if (failed) return ft_no_memory(err, "a note", 256);
    }
    return FT_OK;
}

static ft_status read_data(ft_run_context *run_context, ft_error *err)
{
    const ft_experiment_request *request = run_context->request;
    ft_dataset_source source = {.train = request->data.train,
                                .val = request->data.val,
                                .test = request->data.test,
                                .data = request->data.data,
                                .target = request->target,
                                .csv = request->data.csv,
                                .train_last = request->data.train_last};
    ft_status status = FT_OK;
    if (request->data.data && !request->data.split && !request->data.train)
        return ft_fail(err, FT_BAD_INPUT,
                       "--data needs --split, which cuts it into training, validation and test rows: --split "
                       "0.7,0.15,0.15");
    if (request->data.split) {
        source.has_split = true;
        status = ft_split_fractions_parse(request->data.split, source.split, err);
    }
    if (status == FT_OK) status = ft_dataset_read(&source, &run_context->dataset, err);
    if (status == FT_OK) status = ft_dataset_insights(&run_context->dataset, &run_context->insights, err);
    if (status != FT_OK) return status;
    ft_engine_say_notes(run_context->engine, run_context->dataset.notes.data);
    run_context->series = ft_dataset_series(&run_context->dataset);
    return run_context->series
               ? FT_OK
               : ft_no_memory(err, "the series", run_context->dataset.n_items * sizeof(ft_series));
}

/* Reports dates without a row, which training takes no notice of. */
static ft_status say_gaps(ft_run_context *run_context, ft_error *err)
{
    const ft_text *gaps = &run_context->dataset.dates_found.gaps;
    ft_status status = ft_dataset_look_at_dates(&run_context->dataset, err);
    if (status == FT_OK && gaps->length > 0) ft_engine_say(run_context->engine, "note: %s", gaps->data);
    return status;
}

/* The season of days is 1, as in GluonTS: seasonal naive repeats the last row. Where
 * weeks matter that is easy to beat, and a person should know. */
static void say_daily_season(const ft_run_context *run_context)
{
    if (run_context->request->season <= 0 && strcmp(run_context->season_reason, "1 day") == 0)
        ft_engine_say(
            run_context->engine,
            "note: daily rows have season 1, so seasonal naive repeats the last row: with --season 7 "
            "it repeats the last week");
}

/* The season as asked for, or that of the dates' frequency. */
static ft_status choose_season(ft_run_context *run_context, ft_error *err)
{
    char *reason = run_context->season_reason;
    run_context->season = run_context->request->season;
    snprintf(reason, sizeof run_context->season_reason, "--season");
    return run_context->season > 0
               ? FT_OK
               : ft_season_of_dataset(&run_context->dataset, &run_context->season, reason, err);
}

/* Makes the results directory and checks that experiments can be made in it, before
 * time is spent on training. */
static ft_status make_results(const char *path, ft_error *err)
{
    /* The path is sent to workers and written to results.json as text. */
    if (!ft_is_utf8(path))
        return ft_fail(err, FT_BAD_INPUT, "%s: is not UTF-8, choose another --results", path);
    ft_status status = ft_make_directories(path, err);
    if (status == FT_OK && access(path, W_OK | X_OK) != 0)
        status = ft_fail(err, ft_status_of_errno(errno), "%s: cannot be written: %s", path, strerror(errno));
    return status;
}

/* Rank 0 of launched processes reads the model and broadcasts it. */
static ft_status read_model(ft_run_context *run_context, ft_error *err)
{
    ft_comm *launcher = run_context->engine->launcher;
    bool reads = !launcher || launcher->rank == 0;
    ft_status status = reads ? ft_model_read(run_context->engine, run_context->model, &run_context->weights,
                                             &run_context->model_directory, err)
                             : FT_OK;
    status = ft_comm_agree(launcher, status, NULL, err);
    return status == FT_OK && launcher ? ft_weights_broadcast(launcher, &run_context->weights, err) : status;
}

ft_status ft_run_context_open(ft_engine *engine, const ft_experiment_request *request,
                              const ft_hyperparameters *configs, size_t n_configs,
                              ft_run_context *run_context, ft_error *err)
{
    *run_context = (ft_run_context){.engine = engine,
                                    .request = request,
                                    .model = request->model ? request->model : ft_builtin_name,
                                    .eval_windows = request->eval_windows > 0 ? request->eval_windows
                                                                              : FT_DEFAULT_EVAL_WINDOWS};
    run_context->name = ft_copy_string(request->name ? request->name : "experiment");
    ft_status status = run_context->name ? ft_experiment_check_name(run_context->name, err)
                                         : ft_no_memory(err, "a name", 16);
    if (status == FT_OK && !request->target)
        status = ft_fail(err, FT_BAD_INPUT, "no target column given (--target COLUMN)");
    if (status == FT_OK) status = read_data(run_context, err);
    if (status == FT_OK) status = choose_season(run_context, err);
    status = ft_comm_agree(engine->launcher, status, NULL, err);
    if (status == FT_OK) status = read_model(run_context, err);
    if (status == FT_OK)
        run_context->eval_samples = request->eval_samples > 0
                                        ? request->eval_samples
                                        : run_context->weights->config.chronos.num_samples;
    if (status == FT_OK && request->adapter)
        status = ft_adapter_read(request->adapter, run_context->weights, &run_context->start, err);
    for (size_t i = 0; i < n_configs && status == FT_OK; i++)
        status = check_config(run_context, configs, i, n_configs, err);
    if (status == FT_OK) say_daily_season(run_context);
    if (status == FT_OK) status = say_gaps(run_context, err);
    if (status == FT_OK) status = say_short_series(run_context, configs, n_configs, err);
    status = ft_comm_agree(engine->launcher, status, NULL, err);
    if (status != FT_OK) ft_run_context_close(run_context);
    return status;
}

ft_status ft_run_context_attach(ft_run_context *run_context, ft_error *err)
{
    ft_comm *launcher = run_context->engine->launcher;
    bool records = !launcher || launcher->rank == 0;
    ft_status status = records ? make_results(run_context->engine->settings.results, err) : FT_OK;
    status = ft_comm_agree(launcher, status, NULL, err);
    if (status == FT_OK) status = ft_engine_attach(run_context->engine, err);
    if (status != FT_OK) return status;
    status = ft_chronos_create(run_context->engine->backend, run_context->weights, true,
                               &run_context->chronos, err);
    if (status == FT_OK)
        status = ft_trainable_create(run_context->chronos, NULL, 0, false, &run_context->base, err);
    return ft_comm_agree(launcher, status, NULL, err);
}

void ft_run_context_close(ft_run_context *run_context)
{
    ft_trainable_free(run_context->base);
    ft_chronos_free(run_context->chronos);
    ft_adapter_free(run_context->start);
    ft_weights_free(run_context->weights);
    cJSON_Delete(run_context->insights);
    free(run_context->series);
    ft_dataset_free(&run_context->dataset);
    for (size_t i = 0; i < run_context->n_baselines; i++) {
        ft_forecasts_close(&run_context->baselines[i].examples);
        ft_text_free(&run_context->baselines[i].windows);
        ft_text_free(&run_context->baselines[i].window_starts);
    }
    free(run_context->baselines);
    free(run_context->name);
    free(run_context->model_directory);
    *run_context = (ft_run_context){0};
}
