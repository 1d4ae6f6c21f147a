/* Writes and reads checkpoints; see checkpoint.h. */
#include "model/checkpoint.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/checksum.h"
#include "base/json.h"
#include "base/text.h"
#include "model/safetensors.h"

static const char *const matrix_names[] = {"params", "m", "v"};
enum { N_MATRICES = 3, BEST_CHARS = 32, CHECKSUM_CHARS = 16 };

static void name_of_best(char name[BEST_CHARS], size_t slot)
{
    snprintf(name, BEST_CHARS, "best.%zu", slot);
}

static const char *checksum_text(uint32_t checksum, char out[CHECKSUM_CHARS])
{
    snprintf(out, CHECKSUM_CHARS, "%08lx", (unsigned long)checksum);
    return out;
}

/* The numbers of an ft_epoch and of an ft_slot_state, all of them double or all
 * int64_t. */
typedef struct field {
    const char *key;
    size_t offset;
} field;

static const field epoch_reals[] = {
    {"loss", offsetof(ft_epoch, loss)},
    {"val_loss", offsetof(ft_epoch, val_loss)},
    {"learning_rate", offsetof(ft_epoch, learning_rate)},
    {"grad_norm", offsetof(ft_epoch, grad_norm)},
    {"seconds", offsetof(ft_epoch, seconds)},
    {"tokens_per_second", offsetof(ft_epoch, tokens_per_second)},
};
static const field reals[] = {
    {"loss_sum", offsetof(ft_slot_state, loss_sum)},
    {"norm_sum", offsetof(ft_slot_state, norm_sum)},
    {"seconds", offsetof(ft_slot_state, seconds)},
    {"last_learning_rate", offsetof(ft_slot_state, last_learning_rate)},
};
static const field counters[] = {
    {"step", offsetof(ft_slot_state, step)},
    {"next_window", offsetof(ft_slot_state, next_window)},
    {"epoch_steps", offsetof(ft_slot_state, epoch_steps)},
    {"tokens", offsetof(ft_slot_state, tokens)},
};
enum {
    N_EPOCH_REALS = sizeof epoch_reals / sizeof *epoch_reals,
    N_REALS = sizeof reals / sizeof *reals,
    N_COUNTERS = sizeof counters / sizeof *counters,
};
static const double MOST_COUNTED = 9007199254740992.0; /* what a double holds exactly */

static void *member(const void *of, const field *f)
{
    return (char *)(uintptr_t)of + f->offset;
}

/* Adds a number. NaN and infinities, which JSON lacks, are added as text. */
static bool put(cJSON *object, const char *key, double value)
{
    char text[FT_NUMBER_CHARS];
    if (isfinite(value)) return cJSON_AddNumberToObject(object, key, value) != NULL;
    return cJSON_AddStringToObject(object, key, ft_format_double(value, text)) != NULL;
}

static bool put_reals(cJSON *object, const field *fields, int n, const void *of)
{
    bool ok = true;
    for (int i = 0; i < n && ok; i++)
        ok = put(object, fields[i].key, *(const double *)member(of, &fields[i]));
    return ok;
}

static cJSON *add_object(cJSON *list)
{
    cJSON *object = cJSON_CreateObject();
    if (object && cJSON_AddItemToArray(list, object)) return object;
    cJSON_Delete(object);
    return NULL;
}

static bool put_epoch(cJSON *history, const ft_epoch *epoch)
{
    cJSON *object = add_object(history);
    return object && put(object, "epoch", epoch->epoch) &&
           put_reals(object, epoch_reals, N_EPOCH_REALS, epoch);
}

static bool put_slot_state(cJSON *slots, const ft_slot_state *s)
{
    cJSON *slot = add_object(slots);
    bool ok = slot && put(slot, "config", s->config);
    if (!ok || s->config < 0) return ok;
    ok = put(slot, "ended", s->ended) && cJSON_AddBoolToObject(slot, "due", s->due) &&
         put_reals(slot, reals, N_REALS, s);
    for (int i = 0; i < N_COUNTERS && ok; i++)
        ok = put(slot, counters[i].key, (double)*(const int64_t *)member(s, &counters[i]));
    cJSON *history = ok ? cJSON_AddArrayToObject(slot, "history") : NULL;
    ok = history != NULL;
    for (int32_t i = 0; i < s->n_epochs && ok; i++) ok = put_epoch(history, &s->history[i]);
    return ok;
}

/* The state as text; NULL when memory runs out. */
static char *print_state(const ft_trainable *t, uint32_t batch, const ft_slot_state *states, int32_t next)
{
    char *text = NULL;
    cJSON *state = cJSON_CreateObject();
    cJSON *slots = state ? cJSON_AddArrayToObject(state, "slots") : NULL;
    bool ok = slots && put(state, "batch", batch) && put(state, "next", next) &&
              put(state, "rank", t->rank) && put(state, "targets", t->targets) && put(state, "kind", t->kind);
    for (int32_t g = 0; g < t->n_adapters && ok; g++) ok = put_slot_state(slots, &states[g]);
    if (ok) text = ft_json_print_line(state);
    cJSON_Delete(state);
    return text;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const ft_tensor_to_store *)a)->name, ((const ft_tensor_to_store *)b)->name);
}

static uint32_t add_tensor(uint32_t checksum, const char *name, const void *data, size_t bytes)
{
    return ft_checksum(ft_checksum(checksum, name, strlen(name)), data, bytes);
}

/* Renames whatever is at the checkpoint's path but is no regular file (a pipe, a
 * device, a link, a directory): it must not be written to. */
static ft_status make_way(const char *path, ft_error *err)
{
    struct stat there;
    if (lstat(path, &there) != 0 || S_ISREG(there.st_mode)) return FT_OK;
    ft_text aside = FT_TEXT_EMPTY;
    ft_text_addf(&aside, "%s.replaced", path);
    ft_status status = FT_OK;
    if (aside.failed)
        status = ft_no_memory(err, path, strlen(path));
    else if (rename(path, aside.data) != 0)
        status =
            ft_fail(err, FT_FAILED, "%s: is no file and cannot be moved away: %s", path, strerror(errno));
    ft_text_free(&aside);
    return status;
}

/* Writes the tensors, state, and the checksum of both. Sorts `tensors`. */
static ft_status write_checked(const char *path, const char *state, ft_tensor_to_store *tensors, size_t n,
                               ft_error *err)
{
    char digits[CHECKSUM_CHARS];
    uint32_t checksum = ft_checksum(0, state, strlen(state));
    qsort(tensors, n, sizeof *tensors, by_name);
    for (size_t i = 0; i < n; i++) {
        size_t count = 1;
        for (int d = 0; d < tensors[i].n_dims; d++) count *= (size_t)tensors[i].shape[d];
        checksum = add_tensor(checksum, tensors[i].name, tensors[i].data, count * sizeof(float));
    }
    const char *metadata[] = {"state", state, "crc32", checksum_text(checksum, digits)};
    ft_status status = make_way(path, err);
    return status == FT_OK ? ft_safetensors_write(path, tensors, n, metadata, 2, err) : status;
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

ft_status ft_checkpoint_write(const char *path, uint32_t batch, const ft_trainable *t,
                              const ft_slot_state *states, int32_t next, ft_error *err)
{
    size_t n = (size_t)t->n_adapters, count = n * (size_t)t->n_params, n_tensors = N_MATRICES;
    float *values = malloc(count * N_MATRICES * sizeof *values);
    char *state = print_state(t, batch, states, next);
    ft_tensor_to_store *tensors = calloc(n + N_MATRICES, sizeof *tensors);
    char(*names)[BEST_CHARS] = calloc(n, sizeof *names);
    ft_status status = values && state && tensors && names
                           ? read_matrices(t, values, err)
                           : ft_no_memory(err, "a checkpoint", count * N_MATRICES * sizeof *values);
    if (status == FT_OK) {
        for (int i = 0; i < N_MATRICES; i++)
            tensors[i] = (ft_tensor_to_store){
                matrix_names[i], FT_STORED_F32, 2, {t->n_adapters, t->n_params}, values + count * (size_t)i};
        for (size_t g = 0; g < n; g++) {
            if (states[g].config < 0 || !states[g].best) continue;
            name_of_best(names[g], g);
            tensors[n_tensors++] =
                (ft_tensor_to_store){names[g], FT_STORED_F32, 1, {t->n_params}, states[g].best};
        }
        status = write_checked(path, state, tensors, n_tensors, err);
    }
    free(names);
    free(tensors);
    free(state);
    free(values);
    return status;
}

/* -- reading: a value of the wrong type or out of range counts as missing -- */

static bool get_real(const cJSON *object, const char *key, double *value)
{
    static const struct {
        const char *text;
        double value;
    } not_finite[] = {{"nan", NAN}, {"inf", INFINITY}, {"-inf", -INFINITY}};
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    if (cJSON_IsNumber(item)) *value = item->valuedouble;
    for (size_t i = 0; i < 3 && cJSON_IsString(item); i++) {
        if (strcmp(item->valuestring, not_finite[i].text) != 0) continue;
        *value = not_finite[i].value;
        return true;
    }
    return cJSON_IsNumber(item);
}

static bool get_reals(const cJSON *object, const field *fields, int n, void *of)
{
    bool ok = true;
    for (int i = 0; i < n && ok; i++) ok = get_real(object, fields[i].key, member(of, &fields[i]));
    return ok;
}

/* A whole number in [least, most], or least - 1. */
static int64_t get_whole(const cJSON *object, const char *key, int64_t least, double most)
{
    double value = NAN;
    bool ok =
        get_real(object, key, &value) && value >= (double)least && value <= most && value == floor(value);
    return ok ? (int64_t)value : least - 1;
}

static bool parse_history(const cJSON *history, int32_t max_epochs, ft_slot_state *s)
{
    const cJSON *entry;
    if (!cJSON_IsArray(history) || cJSON_GetArraySize(history) > max_epochs) return false;
    cJSON_ArrayForEach(entry, history)
    {
        ft_epoch *epoch = &s->history[s->n_epochs++];
        epoch->epoch = (int32_t)get_whole(entry, "epoch", 1, max_epochs);
        if (!get_reals(entry, epoch_reals, N_EPOCH_REALS, epoch)) return false;
    }
    return true;
}

/* Whether the slot's values are all there; s->history has room for the configuration's
 * epochs. */
static bool parse_slot_state(const cJSON *slot, int32_t max_epochs, ft_slot_state *s)
{
    const cJSON *due = cJSON_GetObjectItemCaseSensitive(slot, "due");
    int64_t ended = get_whole(slot, "ended", 0, FT_TRAINING_DIVERGED);
    if (!cJSON_IsBool(due) || ended < 0 || !get_reals(slot, reals, N_REALS, s)) return false;
    s->ended = (ft_training_end)ended;
    s->due = cJSON_IsTrue(due);
    for (int i = 0; i < N_COUNTERS; i++) {
        int64_t value = get_whole(slot, counters[i].key, 0, MOST_COUNTED);
        if (value < 0) return false;
        *(int64_t *)member(s, &counters[i]) = value;
    }
    return parse_history(cJSON_GetObjectItemCaseSensitive(slot, "history"), max_epochs, s);
}

static ft_status parse_slots(const cJSON *slots, const char *path, const int32_t *max_epochs,
                             int32_t n_configs, ft_slot_state *states, ft_error *err)
{
    const cJSON *slot;
    ft_slot_state *s = states;
    cJSON_ArrayForEach(slot, slots)
    {
        int64_t config = get_whole(slot, "config", -1, n_configs - 1);
        if (config < -1) return ft_fail(err, FT_BAD_INPUT, "%s: no configuration of its batch", path);
        s->config = (int32_t)config;
        if (config >= 0) {
            size_t bytes = (size_t)max_epochs[config] * sizeof *s->history;
            s->history = calloc(1, bytes);
            if (!s->history) return ft_no_memory(err, "the training history", bytes);
            if (!parse_slot_state(slot, max_epochs[config], s))
                return ft_fail(err, FT_BAD_INPUT, "%s: the state of a slot is not whole", path);
        }
        s++;
    }
    return FT_OK;
}

static ft_status parse_state(const char *text, const char *path, uint32_t batch, const ft_trainable *t,
                             const int32_t *max_epochs, int32_t n_configs, ft_slot_state *states,
                             int32_t *next, ft_error *err)
{
    cJSON *state = NULL;
    ft_status status = ft_json_parse(text, strlen(text), path, &state, err);
    if (status != FT_OK) return status;
    const cJSON *slots = cJSON_GetObjectItemCaseSensitive(state, "slots");
    int64_t first_waiting = get_whole(state, "next", 0, n_configs);
    if (get_whole(state, "batch", 0, UINT32_MAX) != batch || first_waiting < 0 || !cJSON_IsArray(slots) ||
        cJSON_GetArraySize(slots) != t->n_adapters || get_whole(state, "rank", 0, INT32_MAX) != t->rank ||
        get_whole(state, "targets", 0, UINT32_MAX) != t->targets ||
        get_whole(state, "kind", 0, INT32_MAX) != (int64_t)t->kind)
        status = ft_fail(err, FT_BAD_INPUT, "%s: it is of another adapter batch", path);
    else
        status = parse_slots(slots, path, max_epochs, n_configs, states, err);
    *next = (int32_t)first_waiting;
    cJSON_Delete(state);
    return status;
}

/* Whether the state and the tensors are those that were written. */
static ft_status check(const ft_safetensors *file, ft_error *err)
{
    const char *state = ft_safetensors_metadata(file, "state"),
               *stored = ft_safetensors_metadata(file, "crc32");
    if (!state || !stored)
        return ft_fail(err, FT_BAD_INPUT, "%s: its metadata has no state or no checksum", file->path);
    char digits[CHECKSUM_CHARS];
    uint32_t checksum = ft_checksum(0, state, strlen(state));
    ft_status status = FT_OK;
    for (size_t i = 0; i < file->count && status == FT_OK; i++) {
        const ft_stored_tensor *tensor = &file->tensors[i];
        void *data = malloc((size_t)tensor->bytes + 1);
        status = data ? ft_safetensors_read(file, tensor, data, err)
                      : ft_no_memory(err, "a checkpoint", tensor->bytes);
        if (status == FT_OK) checksum = add_tensor(checksum, tensor->name, data, (size_t)tensor->bytes);
        free(data);
    }
    if (status == FT_OK && strcmp(checksum_text(checksum, digits), stored) != 0)
        status = ft_fail(err, FT_BAD_INPUT, "%s: damaged: its checksum is %s, not %.20s", file->path, digits,
                         stored);
    return status;
}

static ft_status read_tensor(const ft_safetensors *file, const char *name, int64_t rows, int64_t cols,
                             float *out, ft_error *err)
{
    const ft_stored_tensor *tensor = ft_safetensors_find(file, name);
    if (!tensor) return ft_fail(err, FT_BAD_INPUT, "%s: tensor %s is missing", file->path, name);
    return ft_safetensors_read_matrix(file, tensor, rows, cols, out, err);
}

/* Copies the matrices from the file to the device, one at a time by way of the host. */
static ft_status read_to_device(const ft_safetensors *file, ft_trainable *t, ft_error *err)
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

static ft_status read_best(const ft_safetensors *file, const ft_trainable *t, ft_slot_state *states,
                           ft_error *err)
{
    ft_status status = FT_OK;
    for (int32_t g = 0; g < t->n_adapters && status == FT_OK; g++) {
        char name[BEST_CHARS];
        name_of_best(name, (size_t)g);
        if (states[g].config < 0 || !ft_safetensors_find(file, name)) continue;
        size_t bytes = (size_t)t->n_params * sizeof(float);
        states[g].best = malloc(bytes);
        status = states[g].best ? read_tensor(file, name, 1, t->n_params, states[g].best, err)
                                : ft_no_memory(err, "the best weights", bytes);
    }
    return status;
}

ft_status ft_checkpoint_read(const char *path, uint32_t batch, ft_trainable *t, const int32_t *max_epochs,
                             int32_t n_configs, ft_slot_state *states, int32_t *next, ft_error *err)
{
    ft_safetensors *file = NULL;
    ft_status status = ft_safetensors_open(path, &file, err);
    if (status == FT_OK) status = check(file, err);
    if (status == FT_OK)
        status = parse_state(ft_safetensors_metadata(file, "state"), path, batch, t, max_epochs, n_configs,
                             states, next, err);
    if (status == FT_OK) status = read_to_device(file, t, err);
    if (status == FT_OK) status = read_best(file, t, states, err);
    ft_safetensors_close(file);
    /* A file that the disk cannot read counts as damaged. */
    return status == FT_FAILED ? FT_BAD_INPUT : status;
}
