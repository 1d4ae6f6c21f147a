/* The checkpoint of a small training, which is resumed for one step. The input is the
 * text of the state. The tensors of a real checkpoint, the batch's number and the right
 * checksum are added, so that mutations reach the code that checks the state. An input
 * that begins with a NUL byte is a whole file: the bytes after it.
 *
 * Whatever the state says, training resumes from it or starts from the beginning, and its
 * results fit the configurations. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "base/json.h"
#include "model/safetensors.h"
#include "model/trainer.h"
#include "tests/fuzz/fuzz.h"

enum { CONFIGS = 3, SLOTS = 2, ROWS = 90, CONTEXT = 12, PREDICTION = 6, EPOCHS = 3, STEPS = 5 };

static float values[ROWS];
static const ft_series series = {values, {0, 70, 82, ROWS}};
static const int32_t milestones[] = {1};
static ft_train_config configs[CONFIGS];
static ft_weights *weights;
static ft_chronos *chronos;

/* The real checkpoint: its tensors, by name, and what tells its batch from others. */
static struct {
    ft_tensor_to_store tensors[2 * SLOTS + 3];
    size_t bytes[2 * SLOTS + 3], count;
    double batch;
} real;

static int steps_left, lines;

ft_status __real_ft_checkpoint_write(const char *path, uint32_t batch, const ft_trainable *trainable,
                                     const ft_slot_state *states, int32_t next, ft_error *err);
ft_status __wrap_ft_checkpoint_write(const char *path, uint32_t batch, const ft_trainable *trainable,
                                     const ft_slot_state *states, int32_t next, ft_error *err);

/* The first is written, of others it is looked at what would be. */
ft_status __wrap_ft_checkpoint_write(const char *path, uint32_t batch, const ft_trainable *trainable,
                                     const ft_slot_state *states, int32_t next, ft_error *err)
{
    if (real.count == 0) return __real_ft_checkpoint_write(path, batch, trainable, states, next, err);
    FUZZ_EXPECT(next >= 0 && next <= CONFIGS);
    for (int g = 0; g < SLOTS; g++) {
        const ft_slot_state *s = &states[g];
        FUZZ_EXPECT(s->config < next);
        if (s->config < 0) continue;
        FUZZ_EXPECT(s->n_epochs >= 0 && s->n_epochs <= configs[s->config].epochs);
        FUZZ_EXPECT(s->ended != FT_TRAINING || s->n_epochs < configs[s->config].epochs);
        FUZZ_EXPECT(s->step >= 0 && s->step < 1000 && s->next_window >= 0 && s->next_window < ROWS);
        FUZZ_EXPECT(s->best_epoch <= s->n_epochs && s->epochs_without_gain <= s->n_epochs);
    }
    return FT_OK;
}

static void check(const ft_train_result *result)
{
    FUZZ_EXPECT(result->index >= 0 && result->index < CONFIGS);
    FUZZ_EXPECT(result->n_epochs >= 0 && result->n_epochs <= configs[result->index].epochs);
    FUZZ_EXPECT(result->best_epoch >= 0 && result->best_epoch <= result->n_epochs);
    for (int32_t e = 0; e < result->n_epochs; e++) {
        FUZZ_EXPECT(result->history[e].epoch == e + 1);
        FUZZ_EXPECT(isfinite(result->history[e].loss));
    }
    FUZZ_EXPECT(result->status == FT_DIVERGED || ft_train_has_adapter(result));
}

static ft_status take(void *context, const ft_train_result *results, int32_t n, ft_error *err)
{
    (void)context;
    (void)err;
    FUZZ_EXPECT(n > 0 && n <= SLOTS);
    for (int32_t i = 0; i < n; i++) check(&results[i]);
    return FT_OK;
}

static ft_stop stop(void *context)
{
    (void)context;
    return steps_left-- > 0 ? FT_STOP_NOT : FT_STOP_NOW;
}

static void say(void *context, const char *line)
{
    (void)context;
    FUZZ_EXPECT(strstr(line, "checkpoint.safetensors") && strlen(line) < 2000);
    lines++;
}

/* Goes on from the file by so many steps. */
static void train(const char *path, int steps)
{
    const ft_train_settings settings = {.context_length = CONTEXT,
                                        .prediction_length = PREDICTION,
                                        .eval_windows = 2,
                                        .slots = SLOTS,
                                        .checkpoint = path,
                                        .results = take,
                                        .stop = stop,
                                        .say = say};
    ft_error err = {""};
    steps_left = steps;
    lines = 0;
    ft_status status = ft_train(chronos, weights, &series, 1, configs, CONFIGS, &settings, &err);
    if (status != FT_OK && status != FT_INTERRUPTED) fprintf(stderr, "%s\n", err.message);
    FUZZ_EXPECT(status == FT_OK || status == FT_INTERRUPTED);
    FUZZ_EXPECT(lines <= 1);
}

static void read_real(const char *path)
{
    ft_error err;
    ft_safetensors *file;
    cJSON *state = NULL;
    fuzz_check(ft_safetensors_open(path, &file, &err), &err, NULL);
    const char *text = ft_safetensors_metadata(file, "state");
    fuzz_check(ft_json_parse(text, strlen(text), "state", &state, &err), &err, NULL);
    real.batch = cJSON_GetObjectItem(state, "batch")->valuedouble;
    cJSON_Delete(state);
    for (size_t i = 0; i < file->count; i++) {
        const ft_stored_tensor *tensor = &file->tensors[i];
        void *data = malloc((size_t)tensor->bytes);
        fuzz_check(ft_safetensors_read(file, tensor, data, &err), &err, NULL);
        real.tensors[i] =
            (ft_tensor_to_store){strdup(tensor->name), tensor->dtype, tensor->n_dims, {0}, data};
        memcpy(real.tensors[i].shape, tensor->shape, sizeof tensor->shape);
        real.bytes[i] = (size_t)tensor->bytes;
    }
    real.count = file->count;
    ft_safetensors_close(file);
}

static void prepare(void)
{
    ft_error err;
    ft_backend *backend;
    char path[128];
    for (int i = 0; i < ROWS; i++) values[i] = 10 + 3 * sinf((float)i * 0.3f);
    for (int i = 0; i < CONFIGS; i++)
        configs[i] = (ft_train_config){.spec = {FT_LORA, 2, 4, 0, false, FT_TARGET_Q},
                                       .learning_rate = 1e-3,
                                       .epochs = EPOCHS,
                                       .batch_size = 4,
                                       .window_stride = PREDICTION,
                                       .seed = (uint32_t)i};
    configs[0].milestones = milestones;
    configs[0].n_milestones = 1;
    configs[1].early_stopping_patience = 2;
    FUZZ_EXPECT(ft_ref_create(FT_F32, &backend, &err) == FT_OK);
    FUZZ_EXPECT(ft_weights_read(FT_GOLDEN_DIR "/model_tied", &weights, &err) == FT_OK);
    FUZZ_EXPECT(ft_chronos_create(backend, weights, true, &chronos, &err) == FT_OK);
    snprintf(path, sizeof path, "%s/real.checkpoint.safetensors", fuzz_directory());
    train(path, STEPS);
    read_real(path);
}

/* The input with the batch's number, where it is an object. */
static char *state_of(const uint8_t *data, size_t size)
{
    ft_error err;
    cJSON *state = NULL, *number = cJSON_CreateNumber(real.batch);
    char *text = NULL;
    if (ft_json_parse((const char *)data, size, "state", &state, &err) == FT_OK && cJSON_IsObject(state)) {
        if (!cJSON_ReplaceItemInObjectCaseSensitive(state, "batch", number)) cJSON_Delete(number);
        text = ft_json_print_line(state);
    } else {
        cJSON_Delete(number);
    }
    cJSON_Delete(state);
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (real.count == 0) prepare();
    if (size > 0 && data[0] == 0) {
        train(fuzz_put("checkpoint.safetensors", data + 1, size - 1), 1);
        return 0;
    }
    char *state = state_of(data, size), path[128], digits[16];
    if (!state) return 0;
    uint32_t checksum = ft_checksum(0, state, strlen(state));
    for (size_t i = 0; i < real.count; i++) {
        const ft_tensor_to_store *tensor = &real.tensors[i];
        checksum = ft_checksum(checksum, tensor->name, strlen(tensor->name));
        checksum = ft_checksum(checksum, tensor->data, real.bytes[i]);
    }
    snprintf(digits, sizeof digits, "%08x", (unsigned)checksum);
    const char *metadata[] = {"state", state, "crc32", digits};
    snprintf(path, sizeof path, "%s/state.checkpoint.safetensors", fuzz_directory());
    ft_error err;
    FUZZ_EXPECT(ft_safetensors_write(path, real.tensors, real.count, metadata, 2, &err) == FT_OK);
    train(path, 1);
    free(state);
    return 0;
}
