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

/* Says which series are too short for training: once for each prediction_length. */
static ft_status say_short_series(const ft_study *study, const ft_hyperparameters *configs, size_t n_configs,
                                  ft_error *err)
{
    for (size_t i = 0; i < n_configs; i++) {
        size_t earlier = 0;
        while (configs[earlier].prediction_length != configs[i].prediction_length) earlier++;
        if (earlier < i) continue;
        ft_text note = FT_TEXT_EMPTY;
        size_t count = ft_dataset_count_short(&study->dataset, (int32_t)configs[i].prediction_length, &note);
        bool failed = note.failed;
        if (count && !failed)
            ft_engine_say(study->engine, "note: %s (prediction_length %lld)", note.data,
                          (long long)configs[i].prediction_length);
        ft_text_free(&note);
        if (failed) return ft_no_memory(err, "a note", 256);
    }
    return FT_OK;
}

static ft_status read_data(ft_study *study, ft_error *err)
{
    const ft_experiment_request *request = study->request;
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
    if (status == FT_OK) status = ft_dataset_read(&source, &study->dataset, err);
    if (status == FT_OK) status = ft_dataset_insights(&study->dataset, &study->insights, err);
    if (status != FT_OK) return status;
    ft_engine_say_notes(study->engine, study->dataset.notes.data);
    study->series = ft_dataset_series(&study->dataset);
    return study->series ? FT_OK
                         : ft_no_memory(err, "the series", study->dataset.n_items * sizeof(ft_series));
}

/* Makes the directory of results, and looks whether experiments can be made in it before any time is spent.
 */
static ft_status make_results(const char *path, ft_error *err)
{
    /* It goes to worker processes and into results.json as text. */
    if (!ft_is_utf8(path))
        return ft_fail(err, FT_BAD_INPUT, "%s: is not UTF-8, choose another --results", path);
    ft_status status = ft_make_directories(path, err);
    if (status == FT_OK && access(path, W_OK | X_OK) != 0)
        status = ft_fail(err, ft_status_of_errno(errno), "%s: cannot be written: %s", path, strerror(errno));
    return status;
}

/* Of launched processes one reads the model. */
static ft_status read_model(ft_study *study, ft_error *err)
{
    ft_comm *launcher = study->engine->launcher;
    bool reads = !launcher || launcher->rank == 0;
    ft_status status = reads ? ft_model_read(study->engine, study->request->model, &study->weights,
                                             &study->model_directory, err)
                             : FT_OK;
    status = ft_comm_agree(launcher, status, NULL, err);
    return status == FT_OK && launcher ? ft_weights_share(launcher, &study->weights, err) : status;
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
        status =
            ft_fail(err, FT_BAD_INPUT, "no model given (--model DIR, or ORG/NAME on the Hugging Face Hub)");
    if (status == FT_OK && !request->target)
        status = ft_fail(err, FT_BAD_INPUT, "no target column given (--target COLUMN)");
    if (status == FT_OK) status = read_data(study, err);
    status = ft_comm_agree(engine->launcher, status, NULL, err);
    if (status == FT_OK) status = read_model(study, err);
    if (status == FT_OK && request->adapter)
        status = ft_adapter_read(request->adapter, study->weights, &study->start, err);
    for (size_t i = 0; i < n_configs && status == FT_OK; i++)
        status = check_config(study, configs, i, n_configs, err);
    if (status == FT_OK) status = say_short_series(study, configs, n_configs, err);
    status = ft_comm_agree(engine->launcher, status, NULL, err);
    if (status != FT_OK) ft_study_close(study);
    return status;
}

ft_status ft_study_attach(ft_study *study, ft_error *err)
{
    ft_comm *launcher = study->engine->launcher;
    bool records = !launcher || launcher->rank == 0;
    ft_status status = records ? make_results(study->engine->settings.results, err) : FT_OK;
    status = ft_comm_agree(launcher, status, NULL, err);
    if (status == FT_OK) status = ft_engine_attach(study->engine, err);
    if (status != FT_OK) return status;
    status = ft_chronos_create(study->engine->backend, study->weights, true, &study->chronos, err);
    if (status == FT_OK) status = ft_trainable_create(study->chronos, NULL, 0, false, &study->base, err);
    return ft_comm_agree(launcher, status, NULL, err);
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
    free(study->model_directory);
    *study = (ft_study){0};
}
