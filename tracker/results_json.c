/* results.json: an experiment to JSON and back. The reader takes files of any origin, so
 * it checks every type. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "tracker/experiment.h"

/* An epoch's figures: the JSON keys beside their places. */
typedef struct epoch_field {
    const char *key;
    size_t offset;
} epoch_field;

static const epoch_field epoch_fields[] = {
    {"loss", offsetof(ft_epoch_record, loss)},
    {"val_loss", offsetof(ft_epoch_record, val_loss)},
    {"learning_rate", offsetof(ft_epoch_record, learning_rate)},
    {"grad_norm", offsetof(ft_epoch_record, grad_norm)},
    {"seconds", offsetof(ft_epoch_record, seconds)},
    {"tokens_per_second", offsetof(ft_epoch_record, tokens_per_second)},
};
enum { N_EPOCH_FIELDS = sizeof epoch_fields / sizeof *epoch_fields };

static const char *const metrics_keys[FT_N_SPLITS] = {"train_metrics", "val_metrics", "test_metrics"};

/* Gives `item` to `object`; false (item freed) when either could not be made. */
static bool put(cJSON *object, const char *key, cJSON *item)
{
    if (item && cJSON_AddItemToObject(object, key, item)) return true;
    cJSON_Delete(item);
    return false;
}

static cJSON *object_or_empty(const cJSON *object)
{
    return object ? cJSON_Duplicate(object, 1) : cJSON_CreateObject();
}

static cJSON *history_to_json(const ft_experiment *experiment)
{
    cJSON *list = cJSON_CreateArray();
    for (size_t i = 0; list && i < experiment->n_epochs; i++) {
        const ft_epoch_record *record = &experiment->training_history[i];
        cJSON *entry = cJSON_CreateObject();
        bool ok = entry && put(entry, "epoch", cJSON_CreateNumber((double)record->epoch));
        for (int f = 0; ok && f < N_EPOCH_FIELDS; f++) {
            double value;
            memcpy(&value, (const char *)record + epoch_fields[f].offset, sizeof value);
            ok = put(entry, epoch_fields[f].key, ft_json_number(value));
        }
        if (!ok || !cJSON_AddItemToArray(list, entry)) {
            cJSON_Delete(entry);
            cJSON_Delete(list);
            return NULL;
        }
    }
    return list;
}

cJSON *ft_experiment_to_json(const ft_experiment *e)
{
    cJSON *root = cJSON_CreateObject();
    if (!root) return NULL;
    bool ok = put(root, "experiment_id", cJSON_CreateString(e->experiment_id ? e->experiment_id : "")) &&
              put(root, "timestamp", cJSON_CreateString(e->timestamp ? e->timestamp : "")) &&
              put(root, "hyperparams", object_or_empty(e->hyperparams));
    for (int s = 0; ok && s < FT_N_SPLITS; s++)
        ok = put(root, metrics_keys[s], ft_metrics_to_json(&e->metrics[s]));
    ok = ok && put(root, "data_insights", object_or_empty(e->data_insights)) &&
         put(root, "training_history", history_to_json(e)) &&
         put(root, "notes", cJSON_CreateString(e->notes ? e->notes : "")) &&
         put(root, "model_path", cJSON_CreateString(e->model_path ? e->model_path : "")) &&
         put(root, "error", e->error ? cJSON_CreateString(e->error) : cJSON_CreateNull()) &&
         put(root, "run", object_or_empty(e->run));
    if (!ok) {
        cJSON_Delete(root);
        return NULL;
    }
    return root;
}

ft_status ft_experiment_write(const ft_experiment *experiment, ft_error *err)
{
    if (!experiment->directory)
        return ft_fail(err, FT_FAILED, "an experiment without a directory cannot be written");
    char *path = ft_join_path(experiment->directory, "results.json");
    cJSON *root = ft_experiment_to_json(experiment);
    ft_status status = path && root ? ft_json_write(path, root, err) : ft_no_memory(err, "results.json", 0);
    cJSON_Delete(root);
    free(path);
    return status;
}

static ft_status read_text(const cJSON *root, const char *key, char **text, ft_error *err)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(root, key);
    if (!item || cJSON_IsNull(item)) return FT_OK;
    if (!cJSON_IsString(item)) return ft_fail(err, FT_BAD_INPUT, "\"%s\" must be text", key);
    *text = ft_copy_string(item->valuestring);
    return *text ? FT_OK : ft_no_memory(err, key, strlen(item->valuestring));
}

/* Moves an object out of the file's tree. */
static ft_status take_object(cJSON *root, const char *key, cJSON **object, ft_error *err)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(root, key);
    if (!item || cJSON_IsNull(item)) return FT_OK;
    if (!cJSON_IsObject(item)) return ft_fail(err, FT_BAD_INPUT, "\"%s\" must be an object", key);
    *object = cJSON_DetachItemFromObjectCaseSensitive(root, key);
    return FT_OK;
}

static ft_status read_epoch(const cJSON *entry, size_t index, ft_experiment *experiment, ft_error *err)
{
    ft_epoch_record record = {.epoch = (int64_t)index + 1};
    const cJSON *epoch = cJSON_GetObjectItemCaseSensitive(entry, "epoch");
    if (cJSON_IsNumber(epoch) && epoch->valuedouble >= 0 && epoch->valuedouble < 1e15)
        record.epoch = (int64_t)epoch->valuedouble;
    for (int f = 0; f < N_EPOCH_FIELDS; f++) {
        const cJSON *item = cJSON_GetObjectItemCaseSensitive(entry, epoch_fields[f].key);
        if (item && !cJSON_IsNumber(item) && !cJSON_IsNull(item))
            return ft_fail(err, FT_BAD_INPUT, "training_history[%zu].%s must be a number or null", index,
                           epoch_fields[f].key);
        /* 1e999 reads as infinity: no value that anything follows from. */
        double value = item && cJSON_IsNumber(item) && isfinite(item->valuedouble) ? item->valuedouble : NAN;
        memcpy((char *)&record + epoch_fields[f].offset, &value, sizeof value);
    }
    return ft_experiment_add_epoch(experiment, &record, err);
}

static ft_status read_history(const cJSON *root, ft_experiment *experiment, ft_error *err)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(root, "training_history");
    if (!list || cJSON_IsNull(list)) return FT_OK;
    if (!cJSON_IsArray(list)) return ft_fail(err, FT_BAD_INPUT, "\"training_history\" must be a list");
    size_t index = 0;
    for (const cJSON *entry = list->child; entry; entry = entry->next, index++) {
        if (!cJSON_IsObject(entry))
            return ft_fail(err, FT_BAD_INPUT, "training_history[%zu] must be an object", index);
        ft_status status = read_epoch(entry, index, experiment, err);
        if (status != FT_OK) return status;
    }
    return FT_OK;
}

/* A column of the comparison table each: an experiment with more of them is none. */
enum { MAX_HYPERPARAMS = 1000 };

static ft_status from_json(cJSON *root, ft_experiment *e, ft_error *err)
{
    if (!cJSON_IsObject(root)) return ft_fail(err, FT_BAD_INPUT, "not an experiment: it holds no object");
    ft_status status = read_text(root, "experiment_id", &e->experiment_id, err);
    if (status == FT_OK && (!e->experiment_id || !*e->experiment_id))
        return ft_fail(err, FT_BAD_INPUT, "not an experiment: it has no \"experiment_id\"");
    if (status == FT_OK) status = take_object(root, "hyperparams", &e->hyperparams, err);
    if (status == FT_OK && !e->hyperparams)
        return ft_fail(err, FT_BAD_INPUT, "not an experiment: it has no \"hyperparams\"");
    if (status == FT_OK && cJSON_GetArraySize(e->hyperparams) > MAX_HYPERPARAMS)
        return ft_fail(err, FT_BAD_INPUT, "\"hyperparams\" holds more than %d keys", MAX_HYPERPARAMS);
    for (int s = 0; status == FT_OK && s < FT_N_SPLITS; s++) {
        status = ft_metrics_from_json(cJSON_GetObjectItemCaseSensitive(root, metrics_keys[s]), &e->metrics[s],
                                      err);
        if (status != FT_OK) ft_error_prefix(err, metrics_keys[s]);
    }
    if (status == FT_OK) status = read_text(root, "timestamp", &e->timestamp, err);
    if (status == FT_OK) status = take_object(root, "data_insights", &e->data_insights, err);
    if (status == FT_OK) status = read_history(root, e, err);
    if (status == FT_OK) status = read_text(root, "notes", &e->notes, err);
    if (status == FT_OK) status = read_text(root, "model_path", &e->model_path, err);
    if (status == FT_OK) status = read_text(root, "error", &e->error, err);
    if (status == FT_OK) status = take_object(root, "run", &e->run, err);
    return status;
}

static ft_status read_part(const char *directory, const ft_json_part *part, ft_experiment *experiment,
                           ft_error *err)
{
    *experiment = (ft_experiment){0};
    cJSON *root = NULL;
    char *path = ft_join_path(directory, "results.json");
    if (!path) return ft_no_memory(err, "a path", strlen(directory) + 16);
    ft_status status = ft_json_read_part(path, part, &root, err);
    if (status == FT_OK) {
        status = from_json(root, experiment, err);
        if (status != FT_OK) ft_error_prefix(err, path);
    }
    if (status == FT_OK) {
        experiment->directory = ft_copy_string(directory);
        if (!experiment->directory) status = ft_no_memory(err, "a path", strlen(directory) + 1);
    }
    if (status != FT_OK) ft_experiment_free(experiment);
    cJSON_Delete(root);
    free(path);
    return status;
}

ft_status ft_experiment_read_part(const char *directory, ft_detail detail, ft_experiment *experiment,
                                  ft_error *err)
{
    static const char *const no_insights[] = {"data_insights", NULL},
                             *const no_history[] = {"data_insights", "training_history", NULL},
                             *const essence[] = {FT_RUN_ESSENCE, NULL},
                             *const and_baselines[] = {FT_RUN_ESSENCE, "baseline_metrics", "season", NULL};
    static const ft_json_part parts[] = {[FT_WHOLE] = {0},
                                         [FT_HISTORY] = {no_insights, "run", essence},
                                         [FT_SCORES] = {no_history, "run", essence},
                                         [FT_BASELINES] = {no_history, "run", and_baselines}};
    return read_part(directory, &parts[detail], experiment, err);
}

ft_status ft_experiment_read(const char *directory, ft_experiment *experiment, ft_error *err)
{
    return ft_experiment_read_part(directory, FT_WHOLE, experiment, err);
}
