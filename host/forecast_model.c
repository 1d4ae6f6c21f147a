/* The model and the adapter of a forecast; see forecast_model.h. */
#include "host/forecast_model.h"
#include "host/hub/hub.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "host/experiment/run_record.h"
#include "model/adapter_kinds.h"
#include "model/pretrained/builtin.h"
#include "tracker/select.h"
#include "tracker/verdict.h"

void ft_forecast_model_free(ft_forecast_model *found)
{
    free(found->model);
    free(found->adapter);
    free(found->experiment_id);
    free(found->chosen_by);
    free(found->harm);
    free(found->hash);
    *found = (ft_forecast_model){0};
}

/* A copy; *copy stays NULL where there is no text. */
static ft_status keep(const char *text, char **copy, ft_error *err)
{
    *copy = text ? ft_copy_string(text) : NULL;
    return !text || *copy ? FT_OK : ft_no_memory(err, "a path", strlen(text));
}

/* The text of a key, NULL where it is missing or empty. */
static const char *text_of(const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsString(item) && *item->valuestring ? item->valuestring : NULL;
}

/* A length that results.json may hold; 0: none. */
static int64_t length_of(const cJSON *hyperparams, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(hyperparams, key);
    const bool is_length = cJSON_IsNumber(item) && item->valuedouble >= 1 && item->valuedouble <= 65536;
    return is_length ? (int64_t)item->valuedouble : 0;
}

/* "<directory>/<name>" where that exists; else *path is NULL. */
static ft_status look(const char *directory, const char *name, char **path, ft_error *err)
{
    bool exists = false;
    *path = ft_join_path(directory, name);
    if (!*path) return ft_no_memory(err, "a path", strlen(directory));
    const ft_status status = ft_path_exists(*path, &exists, err);
    if (status == FT_OK && exists) return FT_OK;
    free(*path);
    *path = NULL;
    return status;
}

/* The adapter or model that the experiment trained: beside its results.json, else at
 * its recorded path. */
static ft_status find_trained(const ft_experiment *experiment, char **path, ft_error *err)
{
    const char *recorded = experiment->model_path, *slash = recorded ? strrchr(recorded, '/') : NULL;
    if (!recorded || !*recorded)
        return ft_fail(err, FT_BAD_INPUT, "experiment %s has no model_path", experiment->experiment_id);
    ft_status status = look(experiment->directory,
                            !slash     ? recorded
                            : slash[1] ? slash + 1
                                       : "adapter",
                            path, err);
    if (status == FT_OK && !*path) status = look("", recorded, path, err);
    if (status == FT_OK && !*path)
        status = ft_fail(err, FT_BAD_INPUT, "experiment %s: its adapter is neither in %s nor at %s",
                         experiment->experiment_id, experiment->directory, recorded);
    return status;
}

/* Whether a model lies there; then *path is the directory's. */
static ft_status look_for_model(const char *start, const char *directory, char **path, ft_error *err)
{
    char *config = NULL;
    ft_status status = FT_OK;
    *path = start && *directory != '/' ? ft_join_path(start, directory) : ft_copy_string(directory);
    if (!*path) return ft_no_memory(err, "a path", strlen(directory));
    status = look(*path, "config.json", &config, err);
    if (status != FT_OK || !config) {
        free(*path);
        *path = NULL;
    }
    free(config);
    return status;
}

/* The base model, where it was: by the path as the run had it, from here or from where
 * the run was started; or in the Hugging Face cache. Nothing is fetched: a path that
 * is gone may look like a name on the Hub. */
static ft_status find_base(const ft_experiment *experiment, char **path, ft_error *err)
{
    const char *recorded = text_of(experiment->run, "model"), *start = text_of(experiment->run, "directory");
    *path = NULL;
    if (!recorded)
        return ft_fail(err, FT_BAD_INPUT,
                       "experiment %s does not say which model it was tuned from; give it by --model",
                       experiment->experiment_id);
    ft_status status = look_for_model(NULL, recorded, path, err);
    if (status == FT_OK && !*path && start) status = look_for_model(start, recorded, path, err);
    if (status == FT_OK && !*path) status = ft_hub_find(recorded, path, err);
    if (status != FT_OK || *path) return status;
    const char *hash = text_of(experiment->run, "model_hash");
    return ft_fail(
        err, FT_BAD_INPUT,
        "experiment %s: its base model was %s%s%s%s%s%s, where no model is now; give it by --model",
        experiment->experiment_id, recorded, start ? " in " : "", start ? start : "", hash ? " (" : "",
        hash ? hash : "", hash ? ")" : "");
}

static ft_status describe(const ft_experiment *experiment, const ft_forecast_job *job,
                          ft_forecast_model *found, ft_error *err)
{
    const char *type = text_of(experiment->hyperparams, "adapter_type");
    const ft_adapter_properties *kind = type ? ft_adapter_kind_named(type) : NULL;
    const bool is_full = kind && kind->replaces_weights;
    found->context_length = length_of(experiment->hyperparams, "context_length");
    found->prediction_length = length_of(experiment->hyperparams, "prediction_length");
    ft_status status = keep(experiment->experiment_id, &found->experiment_id, err);
    if (status == FT_OK) status = find_trained(experiment, is_full ? &found->model : &found->adapter, err);
    if (status == FT_OK && is_full && job->model)
        return ft_fail(err, FT_BAD_INPUT,
                       "experiment %s was tuned as a whole (adapter_type %s): leave out --model",
                       experiment->experiment_id, type);
    if (status != FT_OK || is_full) return status;
    status = keep(text_of(experiment->run, "model_hash"), &found->hash, err);
    if (status == FT_OK)
        status =
            job->model ? keep(job->model, &found->model, err) : find_base(experiment, &found->model, err);
    return status;
}

/* The best of all results may be of other data. */
static void warn_of_another_target(const ft_engine *engine, const ft_experiment *experiment,
                                   const char *target)
{
    const char *tuned = text_of(experiment->run, "target");
    if (tuned && target && strcmp(tuned, target) != 0)
        ft_engine_say(engine, "warning: experiment %s was tuned on the target \"%s\", not on \"%s\"",
                      experiment->experiment_id, tuned, target);
}

/* The first option that says what "best" means, and is not asked for; NULL: none. */
static const char *find_needless(const ft_forecast_job *job)
{
    return job->metric ? "metric" : job->split ? "split" : job->match ? "match" : NULL;
}

/* "the best by validation: val mae 1.25, test 2.5" */
static ft_status describe_choice(const ft_experiment *best, ft_metric metric, ft_split split,
                                 char **chosen_by, ft_error *err)
{
    const double value = ft_metrics_get(&best->metrics[split], metric),
                 test = ft_metrics_get(&best->metrics[FT_TEST], metric);
    ft_text text = FT_TEXT_EMPTY;
    ft_text_addf(&text, "the best by %s: %s %s %.4g", split == FT_TEST ? "test" : "validation",
                 ft_split_names[split], ft_metric_names[metric], value);
    if (split == FT_TEST)
        ft_text_add(&text, ", which is optimistic");
    else if (isfinite(test))
        ft_text_addf(&text, ", test %.4g", test);
    ft_status status = text.failed ? ft_no_memory(err, "text", text.length) : keep(text.data, chosen_by, err);
    ft_text_free(&text);
    return status;
}

/* The best of several data sets is that of the easiest one. */
static void warn_of_several_data_sets(const ft_engine *engine, const ft_experiments *experiments)
{
    ft_text line = FT_TEXT_EMPTY;
    ft_experiments_describe_data(experiments, &line);
    if (line.length > 0 && !line.failed) ft_engine_say(engine, "warning: %s", line.data);
    ft_text_free(&line);
}

/* The best of trials that all did harm is still the best of them. */
static ft_status describe_harm(const ft_experiments *experiments, const ft_experiment *best, ft_metric metric,
                               ft_split split, char **harm, ft_error *err)
{
    ft_judgement judgement;
    ft_text line = FT_TEXT_EMPTY;
    ft_status status = ft_judge(best, experiments, metric, split, &judgement, err);
    if (status != FT_OK || judgement.verdict != FT_VERDICT_DO_NOT_SHIP) return status;
    ft_judgement_describe(&judgement, &line);
    status = line.failed ? ft_no_memory(err, "text", line.length) : keep(line.data, harm, err);
    ft_text_free(&line);
    return status;
}

static ft_status find_best(const ft_engine *engine, const ft_forecast_job *job, ft_experiments *experiments,
                           const ft_experiment **best, ft_forecast_model *found, ft_error *err)
{
    ft_metric metric;
    ft_split split;
    const size_t n_all = experiments->count;
    const ft_selection selection = {.match = job->match};
    ft_status status = ft_metric_parse(job->metric ? job->metric : "mae", &metric, err);
    if (status == FT_OK) status = ft_split_parse(job->split ? job->split : "val", &split, err);
    if (status == FT_OK) status = ft_experiments_select(experiments, &selection, err);
    if (status == FT_OK && experiments->count == 0 && n_all > 0)
        return ft_fail(err, FT_BAD_INPUT, "none of the %zu experiments in %s matches %s", n_all,
                       engine->settings.results, job->match);
    if (status == FT_OK) warn_of_several_data_sets(engine, experiments);
    if (status == FT_OK) status = ft_experiments_best(experiments, metric, split, best, err);
    if (status == FT_OK) status = describe_choice(*best, metric, split, &found->chosen_by, err);
    return status == FT_OK ? describe_harm(experiments, *best, metric, split, &found->harm, err) : status;
}

static ft_status find_by_experiment(const ft_engine *engine, const ft_forecast_job *job,
                                    ft_forecast_model *found, ft_error *err)
{
    ft_experiments experiments = {0};
    const ft_experiment *chosen = NULL;
    const bool is_best = strcmp(job->experiment, "best") == 0;
    if (find_needless(job) && !is_best)
        return ft_fail(err, FT_BAD_INPUT, "--%s says what --experiment best means, but %s is asked for",
                       find_needless(job), job->experiment);
    ft_status status = ft_experiments_load(engine->settings.results, FT_WHOLE, &experiments, err);
    if (status != FT_OK) return status;
    for (size_t i = 0; i < experiments.n_warnings; i++)
        ft_engine_say(engine, "warning: %s", experiments.warnings[i]);
    if (experiments.n_unfinished)
        ft_engine_say(engine, "warning: %s: %zu unfinished (no results.json: still running, or killed)",
                      engine->settings.results, experiments.n_unfinished);
    status = is_best ? find_best(engine, job, &experiments, &chosen, found, err)
                     : ft_experiments_find(&experiments, job->experiment, &chosen, err);
    if (status == FT_OK && chosen->error && chosen->model_path && *chosen->model_path)
        ft_engine_say(engine, "warning: experiment %s: %s", chosen->experiment_id, chosen->error);
    else if (status == FT_OK && chosen->error)
        status = ft_fail(err, FT_BAD_INPUT, "experiment %s failed: %s", chosen->experiment_id, chosen->error);
    if (status == FT_OK) warn_of_another_target(engine, chosen, job->target);
    if (status == FT_OK) status = describe(chosen, job, found, err);
    if (status == FT_OK && found->adapter && !found->hash)
        ft_engine_say(
            engine,
            "warning: experiment %s: results.json has no model_hash: whether %s is the model that it "
            "was tuned on cannot be checked",
            found->experiment_id, found->model);
    ft_experiments_free(&experiments);
    return status;
}

ft_status ft_forecast_model_find(const ft_engine *engine, const ft_forecast_job *job,
                                 ft_forecast_model *found, ft_error *err)
{
    ft_status status = FT_OK;
    *found = (ft_forecast_model){0};
    if (job->experiment && job->adapter)
        return ft_fail(err, FT_BAD_INPUT, "--experiment and --adapter: give one of them");
    if (find_needless(job) && !job->experiment)
        return ft_fail(err, FT_BAD_INPUT, "--%s says what --experiment best means, but that is not given",
                       find_needless(job));
    if (job->experiment) {
        status = find_by_experiment(engine, job, found, err);
    } else {
        status = keep(job->model ? job->model : ft_builtin_name, &found->model, err);
        if (status == FT_OK) status = keep(job->adapter, &found->adapter, err);
    }
    if (status != FT_OK) ft_forecast_model_free(found);
    return status;
}

ft_status ft_forecast_model_check(const ft_forecast_model *found, const ft_weights *weights, ft_error *err)
{
    char hash[FT_HASH_CHARS];
    if (!found->hash || strcmp(found->hash, ft_hash_text(weights->checksum, hash)) == 0) return FT_OK;
    return ft_fail(
        err, FT_BAD_INPUT,
        "%s: is not the model that experiment %s was tuned on (%s instead of %s): give that one by "
        "--model, or, to forecast with this one all the same, --adapter %s instead of --experiment",
        found->model, found->experiment_id, hash, found->hash, found->adapter);
}
