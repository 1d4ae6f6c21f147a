/* Where the training of an adapter batch stands, on disk; see checkpoint.h. */
#include "model/checkpoint.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "model/safetensors.h"

static const char *const matrix_names[] = {"params", "m", "v"};
enum { N_MATRICES = 3, BEST_CHARS = 32 };

static void name_of_best(char name[BEST_CHARS], size_t slot)
{
    snprintf(name, BEST_CHARS, "best.%zu", slot);
}

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

/* Counters of an ft_standing that are whole numbers, with their limits. */
static const struct {
    const char *key;
    size_t offset;
    bool wide; /* int64_t, else int32_t */
} counters[] = {
    {"step", offsetof(ft_standing, step), true},
    {"best_epoch", offsetof(ft_standing, best_epoch), false},
    {"epochs_without_gain", offsetof(ft_standing, epochs_without_gain), false},
    {"next_window", offsetof(ft_standing, next_window), true},
    {"epoch_steps", offsetof(ft_standing, epoch_steps), true},
    {"tokens", offsetof(ft_standing, tokens), true},
};
static const struct {
    const char *key;
    size_t offset;
} reals[] = {
    {"best_val_loss", offsetof(ft_standing, best_val_loss)},
    {"loss_sum", offsetof(ft_standing, loss_sum)},
    {"norm_sum", offsetof(ft_standing, norm_sum)},
    {"seconds", offsetof(ft_standing, seconds)},
    {"last_learning_rate", offsetof(ft_standing, last_learning_rate)},
};
enum { N_COUNTERS = sizeof counters / sizeof *counters, N_REALS = sizeof reals / sizeof *reals };

static void *member(const ft_standing *s, size_t offset)
{
    return (char *)(uintptr_t)s + offset;
}

static bool put_standing(cJSON *slots, const ft_standing *s)
{
    cJSON *slot = cJSON_CreateObject();
    if (!slot || !cJSON_AddItemToArray(slots, slot)) {
        cJSON_Delete(slot);
        return false;
    }
    bool ok = put(slot, "config", s->config);
    if (s->config < 0) return ok;
    ok = ok && put(slot, "ended", s->ended) && cJSON_AddBoolToObject(slot, "due", s->due);
    for (int i = 0; i < N_COUNTERS && ok; i++) {
        const void *at = member(s, counters[i].offset);
        ok = put(slot, counters[i].key,
                 counters[i].wide ? (double)*(const int64_t *)at : (double)*(const int32_t *)at);
    }
    for (int i = 0; i < N_REALS && ok; i++)
        ok = put(slot, reals[i].key, *(const double *)member(s, reals[i].offset));
    cJSON *history = ok ? cJSON_AddArrayToObject(slot, "history") : NULL;
    ok = history != NULL;
    for (int32_t i = 0; i < s->n_epochs && ok; i++) ok = put_epoch(history, &s->history[i]);
    return ok;
}

/* The counters as text; NULL when memory runs out. */
static char *print_standings(const ft_trainable *t, const ft_standing *standings, int32_t next)
{
    char *text = NULL;
    cJSON *state = cJSON_CreateObject();
    cJSON *slots = state ? cJSON_AddArrayToObject(state, "slots") : NULL;
    bool ok = slots && put(state, "next", next) && put(state, "rank", t->rank) &&
              put(state, "targets", t->targets) && put(state, "kind", t->kind);
    for (int32_t g = 0; g < t->n_adapters && ok; g++) ok = put_standing(slots, &standings[g]);
    if (ok) text = ft_json_print_line(state);
    cJSON_Delete(state);
    return text;
}

/* The matrices of all slots on the host, (N_MATRICES, n_adapters, n_params). */
static ft_status read_matrices(const ft_trainable *t, float *values, ft_error *err)
{
    const ft_tensor sources[N_MATRICES] = {t->params, t->m, t->v};
    size_t count = (size_t)t->n_adapters * (size_t)t->n_params;
    ft_status status = FT_OK;
    for (int i = 0; i < N_MATRICES && status == FT_OK; i++)
        status = ft_read_tensor(t->model->backend, sources[i], values + count * (size_t)i, err);
    return status;
}

ft_status ft_checkpoint_write(const char *path, const ft_trainable *t, const ft_standing *standings,
                              int32_t next, ft_error *err)
{
    size_t n = (size_t)t->n_adapters, count = n * (size_t)t->n_params, n_tensors = N_MATRICES;
    float *values = malloc(count * N_MATRICES * sizeof *values);
    char *state = print_standings(t, standings, next);
    ft_tensor_to_store *tensors = calloc(n + N_MATRICES, sizeof *tensors);
    char(*names)[BEST_CHARS] = calloc(n, sizeof *names);
    ft_status status = values && state && tensors && names
                           ? read_matrices(t, values, err)
                           : ft_no_memory(err, "a checkpoint", count * N_MATRICES * sizeof *values);
    if (status == FT_OK) {
        for (int i = 0; i < N_MATRICES; i++)
            tensors[i] = (ft_tensor_to_store){matrix_names[i],
                                              FT_STORED_F32,
                                              2,
                                              {t->n_adapters, t->n_params},
                                              values + count * (size_t)i};
        for (size_t g = 0; g < n; g++) {
            if (standings[g].config < 0 || !standings[g].best) continue;
            name_of_best(names[g], g);
            tensors[n_tensors++] =
                (ft_tensor_to_store){names[g], FT_STORED_F32, 1, {t->n_params}, standings[g].best};
        }
        const char *metadata[] = {"state", state};
        status = ft_safetensors_write(path, tensors, n_tensors, metadata, 1, err);
    }
    free(names);
    free(tensors);
    free(state);
    free(values);
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

static ft_status read_tensor(const ft_safetensors *file, const char *name, int64_t rows, int64_t cols,
                             float *out, ft_error *err)
{
    const ft_stored_tensor *tensor = ft_safetensors_find(file, name);
    if (!tensor) return ft_fail(err, FT_BAD_INPUT, "%s: tensor %s is missing", file->path, name);
    return ft_safetensors_read_matrix(file, tensor, rows, cols, out, err);
}

/* One slot from the text; false where something is missing or does not fit the configurations. */
static bool parse_standing(const cJSON *slot, const int32_t *max_epochs, int32_t n_configs, ft_standing *s)
{
    double config = get(slot, "config");
    s->config = -1;
    if (config == -1) return true;
    if (!(config >= 0 && config < n_configs && config == floor(config))) return false;
    int32_t epochs = max_epochs[(int32_t)config];
    const cJSON *history = cJSON_GetObjectItemCaseSensitive(slot, "history"), *entry;
    const cJSON *due = cJSON_GetObjectItemCaseSensitive(slot, "due");
    int64_t ended = get_count(slot, "ended", FT_TRAINING_DIVERGED);
    if (!cJSON_IsArray(history) || cJSON_GetArraySize(history) > epochs || !cJSON_IsBool(due) || ended < 0)
        return false;
    for (int i = 0; i < N_COUNTERS; i++) {
        int64_t value = get_count(slot, counters[i].key, counters[i].wide ? 9007199254740992.0 : epochs);
        if (value < 0) return false;
        void *at = member(s, counters[i].offset);
        if (counters[i].wide)
            *(int64_t *)at = value;
        else
            *(int32_t *)at = (int32_t)value;
    }
    for (int i = 0; i < N_REALS; i++) *(double *)member(s, reals[i].offset) = get(slot, reals[i].key);
    s->ended = (ft_training_end)ended;
    s->due = cJSON_IsTrue(due);
    s->history = calloc((size_t)epochs, sizeof *s->history);
    if (!s->history) return false;
    cJSON_ArrayForEach(entry, history)
    {
        ft_epoch *epoch = &s->history[s->n_epochs++];
        epoch->epoch = s->n_epochs;
        for (int i = 0; i < N_EPOCH_FIELDS; i++)
            *(double *)(void *)((char *)epoch + epoch_fields[i].offset) = get(entry, epoch_fields[i].key);
    }
    s->config = (int32_t)config;
    return s->best_epoch <= s->n_epochs;
}

static bool parse_standings(const cJSON *state, const ft_trainable *t, const int32_t *max_epochs,
                            int32_t n_configs, ft_standing *standings, int32_t *next)
{
    const cJSON *slots = cJSON_GetObjectItemCaseSensitive(state, "slots"), *slot;
    int64_t first_waiting = get_count(state, "next", n_configs);
    if (!cJSON_IsArray(slots) || cJSON_GetArraySize(slots) != t->n_adapters || first_waiting < 0 ||
        get_count(state, "rank", 1024) != t->rank || get_count(state, "kind", 8) != (int64_t)t->kind ||
        get_count(state, "targets", 255) != (int64_t)t->targets)
        return false;
    *next = (int32_t)first_waiting;
    int32_t g = 0;
    cJSON_ArrayForEach(slot, slots)
    {
        if (!parse_standing(slot, max_epochs, n_configs, &standings[g])) return false;
        g++;
    }
    return true;
}

/* The matrices from the file to the device, by way of one on the host. */
static ft_status write_matrices(const ft_safetensors *file, ft_trainable *t, ft_error *err)
{
    const ft_tensor targets[N_MATRICES] = {t->params, t->m, t->v};
    size_t bytes = (size_t)t->n_adapters * (size_t)t->n_params * sizeof(float);
    float *values = malloc(bytes);
    ft_status status = values ? FT_OK : ft_no_memory(err, "a checkpoint", bytes);
    for (int i = 0; i < N_MATRICES && status == FT_OK; i++) {
        status = read_tensor(file, matrix_names[i], t->n_adapters, t->n_params, values, err);
        if (status == FT_OK) status = ft_write_tensor(t->model->backend, targets[i], values, err);
    }
    free(values);
    return status;
}

static ft_status read_best(const ft_safetensors *file, const ft_trainable *t, ft_standing *standings,
                           ft_error *err)
{
    ft_status status = FT_OK;
    for (int32_t g = 0; g < t->n_adapters && status == FT_OK; g++) {
        char name[BEST_CHARS];
        name_of_best(name, (size_t)g);
        if (standings[g].config < 0 || !ft_safetensors_find(file, name)) continue;
        size_t bytes = (size_t)t->n_params * sizeof(float);
        standings[g].best = malloc(bytes);
        status = standings[g].best ? read_tensor(file, name, 1, t->n_params, standings[g].best, err)
                                   : ft_no_memory(err, "the best weights", bytes);
    }
    return status;
}

ft_status ft_checkpoint_read(const char *path, ft_trainable *t, const int32_t *max_epochs, int32_t n_configs,
                             ft_standing *standings, int32_t *next, ft_error *err)
{
    ft_safetensors *file = NULL;
    cJSON *state = NULL;
    ft_status status = ft_safetensors_open(path, &file, err);
    const char *text = status == FT_OK ? ft_safetensors_metadata(file, "state") : NULL;
    if (status == FT_OK && !text) status = ft_fail(err, FT_BAD_INPUT, "%s: no state in its metadata", path);
    if (status == FT_OK) status = ft_json_parse(text, strlen(text), path, &state, err);
    if (status == FT_OK && !parse_standings(state, t, max_epochs, n_configs, standings, next))
        status = ft_fail(err, FT_BAD_INPUT, "%s: not a checkpoint of this adapter batch", path);
    if (status == FT_OK) status = write_matrices(file, t, err);
    if (status == FT_OK) status = read_best(file, t, standings, err);
    cJSON_Delete(state);
    ft_safetensors_close(file);
    return status;
}
