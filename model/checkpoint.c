/* Where the training of one adapter stands, on disk; see checkpoint.h. */
#include "model/checkpoint.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "model/safetensors.h"

static const char *const row_names[] = {"params", "m", "v", "best"};
enum { N_DEVICE_ROWS = 3, BEST = 3, N_ROWS = 4 };

static const struct {
    const char *key;
    size_t offset;
} epoch_fields[] = {
    {"loss", offsetof(ft_epoch, loss)},
    {"val_loss", offsetof(ft_epoch, val_loss)},
    {"learning_rate", offsetof(ft_epoch, learning_rate)},
    {"grad_norm", offsetof(ft_epoch, grad_norm)},
    {"seconds", offsetof(ft_epoch, seconds)},
    {"tokens_per_second", offsetof(ft_epoch, tokens_per_second)},
};
enum { N_EPOCH_FIELDS = sizeof epoch_fields / sizeof *epoch_fields };

/* A number or, where it is not finite, null. */
static bool put(cJSON *object, const char *key, double value)
{
    cJSON *number = ft_json_number(value);
    if (number && cJSON_AddItemToObject(object, key, number)) return true;
    cJSON_Delete(number);
    return false;
}

static bool put_epoch(cJSON *history, const ft_epoch *epoch)
{
    cJSON *object = cJSON_CreateObject();
    if (!object || !cJSON_AddItemToArray(history, object)) {
        cJSON_Delete(object);
        return false;
    }
    bool ok = put(object, "epoch", epoch->epoch);
    for (int i = 0; i < N_EPOCH_FIELDS && ok; i++)
        ok = put(object, epoch_fields[i].key,
                 *(const double *)(const void *)((const char *)epoch + epoch_fields[i].offset));
    return ok;
}

/* The counters as text; NULL when memory runs out. */
static char *print_standing(const ft_trainable *t, const ft_standing *s)
{
    char *text = NULL;
    cJSON *state = cJSON_CreateObject();
    cJSON *history = state ? cJSON_AddArrayToObject(state, "history") : NULL;
    bool ok = history && put(state, "rank", t->rank) && put(state, "targets", t->targets) &&
              put(state, "kind", t->kind) && put(state, "step", (double)s->step) &&
              cJSON_AddBoolToObject(state, "ended", s->ended) && put(state, "best_epoch", s->best_epoch) &&
              put(state, "epochs_without_gain", s->epochs_without_gain) &&
              put(state, "best_val_loss", s->best_val_loss);
    for (int32_t i = 0; i < s->n_epochs && ok; i++) ok = put_epoch(history, &s->history[i]);
    if (ok) text = ft_json_print_line(state);
    cJSON_Delete(state);
    return text;
}

ft_status ft_checkpoint_write(const char *path, const ft_trainable *t, int32_t index, const ft_standing *s,
                              ft_error *err)
{
    size_t count = (size_t)t->n_params;
    float *rows = malloc(count * N_DEVICE_ROWS * sizeof *rows);
    char *state = print_standing(t, s);
    ft_tensor_to_store tensors[N_ROWS];
    ft_status status =
        rows && state ? FT_OK : ft_no_memory(err, "a checkpoint", count * N_DEVICE_ROWS * sizeof *rows);
    for (int i = 0; i < N_ROWS; i++)
        tensors[i] = (ft_tensor_to_store){
            row_names[i], FT_STORED_F32, 1, {t->n_params}, i == BEST ? s->best : rows + count * (size_t)i};
    const ft_tensor sources[N_DEVICE_ROWS] = {t->params, t->m, t->v};
    for (int i = 0; i < N_DEVICE_ROWS && status == FT_OK; i++)
        status = ft_read_tensor(t->model->backend, ft_trainable_row(t, sources[i], index),
                                rows + count * (size_t)i, err);
    const char *metadata[] = {"state", state};
    if (status == FT_OK)
        status = ft_safetensors_write(path, tensors, s->best ? N_ROWS : N_DEVICE_ROWS, metadata, 1, err);
    free(state);
    free(rows);
    return status;
}

static double get(const cJSON *object, const char *key)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsNumber(value) ? value->valuedouble : NAN;
}

/* A whole number in [0, most], or -1. */
static int64_t get_count(const cJSON *object, const char *key, double most)
{
    double value = get(object, key);
    return value >= 0 && value <= most && value == floor(value) ? (int64_t)value : -1;
}

/* Counters from the text; false where something is missing or does not fit the trainable. */
static bool parse_standing(const cJSON *state, const ft_trainable *t, int32_t max_epochs, ft_standing *s)
{
    const cJSON *history = cJSON_GetObjectItemCaseSensitive(state, "history"), *entry;
    const cJSON *ended = cJSON_GetObjectItemCaseSensitive(state, "ended");
    int64_t step = get_count(state, "step", 4294967295.0),
            best_epoch = get_count(state, "best_epoch", max_epochs);
    int64_t without_gain = get_count(state, "epochs_without_gain", max_epochs);
    if (!cJSON_IsArray(history) || !cJSON_IsBool(ended) || cJSON_GetArraySize(history) > max_epochs ||
        step < 0 || best_epoch < 0 || without_gain < 0 || get_count(state, "rank", 1024) != t->rank ||
        get_count(state, "kind", 8) != (int64_t)t->kind ||
        get_count(state, "targets", 255) != (int64_t)t->targets)
        return false;
    s->step = step;
    s->ended = cJSON_IsTrue(ended);
    s->best_epoch = (int32_t)best_epoch;
    s->epochs_without_gain = (int32_t)without_gain;
    s->best_val_loss = get(state, "best_val_loss");
    s->n_epochs = 0;
    cJSON_ArrayForEach(entry, history)
    {
        ft_epoch *epoch = &s->history[s->n_epochs++];
        epoch->epoch = s->n_epochs;
        for (int i = 0; i < N_EPOCH_FIELDS; i++)
            *(double *)(void *)((char *)epoch + epoch_fields[i].offset) = get(entry, epoch_fields[i].key);
    }
    return true;
}

static ft_status read_row(const ft_safetensors *file, const char *name, int64_t count, float *out,
                          ft_error *err)
{
    const ft_stored_tensor *tensor = ft_safetensors_find(file, name);
    if (!tensor) return ft_fail(err, FT_BAD_INPUT, "%s: tensor %s is missing", file->path, name);
    return ft_safetensors_read_matrix(file, tensor, 1, count, out, err);
}

ft_status ft_checkpoint_read(const char *path, ft_trainable *t, int32_t index, int32_t max_epochs,
                             ft_standing *s, ft_error *err)
{
    ft_safetensors *file = NULL;
    cJSON *state = NULL;
    float *row = malloc((size_t)t->n_params * sizeof *row);
    ft_status status = row ? ft_safetensors_open(path, &file, err)
                           : ft_no_memory(err, "a checkpoint", (size_t)t->n_params * sizeof *row);
    const char *text = status == FT_OK ? ft_safetensors_metadata(file, "state") : NULL;
    if (status == FT_OK && !text) status = ft_fail(err, FT_BAD_INPUT, "%s: no state in its metadata", path);
    if (status == FT_OK) status = ft_json_parse(text, strlen(text), path, &state, err);
    if (status == FT_OK && !parse_standing(state, t, max_epochs, s))
        status = ft_fail(err, FT_BAD_INPUT, "%s: not a checkpoint of this configuration", path);
    const ft_tensor targets[N_DEVICE_ROWS] = {t->params, t->m, t->v};
    for (int i = 0; i < N_DEVICE_ROWS && status == FT_OK; i++) {
        status = read_row(file, row_names[i], t->n_params, row, err);
        if (status == FT_OK)
            status = ft_write_tensor(t->model->backend, ft_trainable_row(t, targets[i], index), row, err);
    }
    if (status == FT_OK && ft_safetensors_find(file, row_names[BEST])) {
        status = read_row(file, row_names[BEST], t->n_params, row, err);
        if (status == FT_OK) {
            s->best = row;
            row = NULL;
        }
    }
    cJSON_Delete(state);
    ft_safetensors_close(file);
    free(row);
    return status;
}
