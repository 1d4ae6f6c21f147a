/* A checkpoint that is damaged or contradicts itself is dropped: its batch is trained
 * from the beginning, with the same results, and one line says so. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checksum.h"
#include "base/file.h"
#include "base/philox.h"
#include "base/text.h"
#include "models.h"
#include "scratch.h"
#include "trial.h"

TestSuite(checkpoint, .init = scratch_enter, .fini = scratch_leave);

enum { N = 3, SLOTS = 2 };

/* Milestones in slot 0, early stopping in slot 1, one that waits. */
static void batch(ft_train_config configs[N])
{
    configs[0] = trial_config(2);
    configs[1] = trial_config(3);
    configs[2] = trial_config(0);
}

/* Trains up to `steps` steps and leaves a checkpoint. */
static void leave_checkpoint(trial *t, const ft_train_config *configs, int steps, const char *path)
{
    t->stop_after = steps;
    cr_assert_eq(trial_train(t, configs, N, SLOTS, path), FT_INTERRUPTED);
    cr_assert_eq(access(path, F_OK), 0);
    t->stop_after = 0;
}

static void expect_results_of(const trial *t, const trial *whole)
{
    for (int i = 0; i < N; i++) expect_same_results(trial_last_of(t, i), trial_last_of(whole, i), i);
}

/* -- state that is whole, but says what cannot be -- */

typedef struct edit {
    int steps;               /* after so many the checkpoint is left */
    const char *what, *path; /* "slots.0.next_window" */
    const char *value;       /* JSON; NULL: it is taken away */
} edit;

#define EPOCH_AT(number, val_loss)                                                                           \
    "{\"epoch\":" #number ",\"loss\":4,\"val_loss\":" #val_loss                                              \
    ",\"learning_rate\":0.001,\"grad_norm\":1,\"seconds\":1,\"tokens_per_second\":1}"

/* Each slot is in its second epoch after 4 steps, three a epoch. */
static const edit edits[] = {
    {4, "a history of all epochs in an unfinished slot", "slots.0.history",
     "[" EPOCH_AT(1, 4) "," EPOCH_AT(2, 3) "," EPOCH_AT(3, 2) "," EPOCH_AT(4, 1) "]"},
    {4, "more epochs than the configuration has", "slots.1.history",
     "[" EPOCH_AT(1, 4) "," EPOCH_AT(2, 3) "," EPOCH_AT(3, 2) "," EPOCH_AT(4, 1) "]"},
    {4, "fewer epochs than steps", "slots.0.history", "[]"},
    {4, "an epoch under another number", "slots.0.history", "[" EPOCH_AT(2, 4) "]"},
    {4, "an epoch without a finite loss", "slots.0.history.0.loss", "\"inf\""},
    {4, "an epoch without a loss", "slots.0.history.0.loss", NULL},
    {4, "an epoch of less than no time", "slots.0.history.0.seconds", "-1"},
    {4, "an epoch's rate that is no number", "slots.0.history.0.learning_rate", "\"nan\""},
    {4, "no history", "slots.0.history", NULL},
    {4, "windows beyond the epoch's", "slots.0.next_window", "1000000"},
    {4, "all windows of an epoch that goes on", "slots.0.next_window", "12"},
    {4, "windows that no step takes", "slots.0.next_window", "3"},
    {4, "fewer than no windows", "slots.0.next_window", "-4"},
    {4, "half a window", "slots.0.next_window", "3.5"},
    {4, "no next window", "slots.0.next_window", NULL},
    {4, "more steps than were taken", "slots.0.step", "5"},
    {4, "more steps than there can be", "slots.0.step", "9007199254740992"},
    {4, "fewer steps than the epoch had", "slots.0.step", "0"},
    {4, "steps without windows", "slots.0.epoch_steps", "2"},
    {4, "no steps of an epoch under way", "slots.0.epoch_steps", "0"},
    {4, "more tokens than the windows hold", "slots.0.tokens", "1000000"},
    {4, "no tokens of an epoch under way", "slots.0.tokens", "0"},
    {4, "an infinite loss of one that goes on", "slots.0.loss_sum", "\"inf\""},
    {4, "no loss", "slots.0.loss_sum", "null"},
    {4, "a rate that is no number", "slots.0.last_learning_rate", "\"nan\""},
    {4, "less than no time", "slots.0.seconds", "-1"},
    {4, "an end before the last epoch", "slots.0.ended", "1"},
    {4, "pruned in an epoch", "slots.0.ended", "2"},
    {4, "diverged, with a finite loss", "slots.0.ended", "3"},
    {4, "an end that there is not", "slots.0.ended", "4"},
    {4, "a result in an epoch", "slots.0.due", "true"},
    {4, "a result that may be due", "slots.0.due", "1"},
    {4, "a configuration in two slots", "slots.0.config", "1"},
    {4, "a configuration that waits", "slots.0.config", "2"},
    {4, "a configuration that there is not", "slots.0.config", "3"},
    {4, "no number of a configuration", "slots.0.config", "0.5"},
    {4, "a slot that is free though one waits", "slots.0", "{\"config\":-1}"},
    {4, "nothing left to do", "slots", "[{\"config\":-1},{\"config\":-1}]"},
    {4, "a slot too few", "slots", "[{\"config\":-1}]"},
    {4, "no slots", "slots", "{}"},
    {4, "all have been in a slot", "next", "3"},
    {4, "fewer have been in a slot", "next", "1"},
    {4, "more than there are", "next", "4"},
    {4, "no next one", "next", NULL},
    {4, "another rank", "rank", "16"},
    {4, "other targets", "targets", "1"},
    {4, "another kind", "kind", "1"},
    {4, "another batch", "batch", "7"},
    {7, "early stopping that came too late", "slots.1.history", "[" EPOCH_AT(1, 1) "," EPOCH_AT(2, 4) "]"},
};
enum { N_EDITS = sizeof edits / sizeof *edits };

/* The item at a path whose last part is *last, NULL where it has no parts left. */
static cJSON *walk(cJSON *item, const char *path, const char **last)
{
    for (const char *dot; (dot = strchr(path, '.')); path = dot + 1) {
        char *part = ft_copy_bytes(path, (size_t)(dot - path));
        item = cJSON_IsArray(item) ? cJSON_GetArrayItem(item, atoi(part)) : cJSON_GetObjectItem(item, part);
        free(part);
    }
    *last = path;
    return item;
}

static char *edited(const char *text, const edit *e)
{
    ft_error err;
    cJSON *state = NULL, *value = NULL;
    const char *last;
    expect_ok(ft_json_parse(text, strlen(text), "state", &state, &err), &err);
    if (e->value) expect_ok(ft_json_parse(e->value, strlen(e->value), e->value, &value, &err), &err);
    cJSON *parent = walk(state, e->path, &last);
    cr_assert(parent);
    if (cJSON_IsArray(parent)) {
        cr_assert(cJSON_ReplaceItemInArray(parent, atoi(last), value));
    } else {
        cJSON_DeleteItemFromObject(parent, last);
        if (value) cJSON_AddItemToObject(parent, last, value);
    }
    char *out = ft_json_print_line(state);
    cJSON_Delete(state);
    return out;
}

/* Writes the checkpoint again with another state, its checksum as checkpoint.h says. */
static void edit_checkpoint(const char *path, const edit *e)
{
    enum { MOST = 8 };
    static const char *const order[] = {"best.0", "best.1", "m", "params", "v"};
    ft_error err;
    ft_safetensors *file;
    ft_tensor_to_store tensors[MOST];
    size_t n = 0;
    expect_ok(ft_safetensors_open(path, &file, &err), &err);
    char *state = edited(ft_safetensors_metadata(file, "state"), e);
    uint32_t checksum = ft_checksum(0, state, strlen(state));
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        const ft_stored_tensor *stored = ft_safetensors_find(file, order[i]);
        if (!stored) continue;
        void *data = malloc((size_t)stored->bytes);
        expect_ok(ft_safetensors_read(file, stored, data, &err), &err);
        checksum = ft_checksum(checksum, order[i], strlen(order[i]));
        checksum = ft_checksum(checksum, data, (size_t)stored->bytes);
        tensors[n] = (ft_tensor_to_store){
            .name = order[i], .dtype = stored->dtype, .n_dims = stored->n_dims, .data = data};
        memcpy(tensors[n++].shape, stored->shape, sizeof stored->shape);
    }
    cr_assert_eq(n, file->count);
    char digits[16];
    snprintf(digits, sizeof digits, "%08x", (unsigned)checksum);
    const char *metadata[] = {"state", state, "crc32", digits};
    expect_ok(ft_safetensors_write(path, tensors, n, metadata, 2, &err), &err);
    for (size_t i = 0; i < n; i++) free((void *)(uintptr_t)tensors[i].data);
    free(state);
    ft_safetensors_close(file);
}

ParameterizedTestParameters(checkpoint, what_cannot_be_is_refused)
{
    static int numbers[N_EDITS];
    for (int i = 0; i < N_EDITS; i++) numbers[i] = i;
    return cr_make_param_array(int, numbers, N_EDITS);
}

ParameterizedTest(int *number, checkpoint, what_cannot_be_is_refused)
{
    const edit *e = &edits[*number];
    const char *path = scratch_path("batch.safetensors");
    trial t, whole;
    ft_train_config configs[N];
    batch(configs);
    trial_open(&t);
    trial_open(&whole);
    cr_assert_eq(trial_train(&whole, configs, N, SLOTS, NULL), FT_OK);
    leave_checkpoint(&t, configs, e->steps, path);
    edit_checkpoint(path, e);
    trial_forget(&t);
    cr_assert_eq(trial_train(&t, configs, N, SLOTS, path), FT_OK, "%s", e->what);
    cr_expect_eq(t.n_said, 1, "%s: %d lines: %s", e->what, t.n_said, t.said);
    cr_expect(strstr(t.said, path), "%s: %s", e->what, t.said);
    expect_results_of(&t, &whole);
    trial_close(&whole);
    trial_close(&t);
}

Test(checkpoint, written_again_as_it_is_it_is_accepted)
{
    static const edit same = {4, "nothing is changed", "rank", "8"};
    const char *path = scratch_path("batch.safetensors");
    trial t, whole;
    ft_train_config configs[N];
    batch(configs);
    trial_open(&t);
    trial_open(&whole);
    cr_assert_eq(trial_train(&whole, configs, N, SLOTS, NULL), FT_OK);
    for (int steps = 1; steps < whole.steps - 1; steps++) {
        unlink(path);
        leave_checkpoint(&t, configs, steps, path);
        edit_checkpoint(path, &same);
        int before = t.steps - 1;
        t.steps = 0;
        cr_assert_eq(trial_train(&t, configs, N, SLOTS, path), FT_OK);
        cr_expect_eq(t.n_said, 0, "after %d steps: %s", steps, t.said);
        cr_expect_eq(before + t.steps, whole.steps, "after %d steps", steps);
        expect_results_of(&t, &whole);
        trial_forget(&t);
    }
    trial_close(&whole);
    trial_close(&t);
}

/* -- what a crash between a checkpoint and its results leaves -- */

Test(checkpoint, left_before_any_result_it_is_accepted)
{
    const char *path = scratch_path("batch.safetensors");
    trial whole, t;
    ft_error err;
    /* A milestone, early stopping, pruning, divergence, the last epoch. */
    ft_train_config configs[N_CONFIGS];
    trial_configs(configs);
    configs[1].learning_rate = 1e30;
    configs[1].max_grad_norm = 0;
    configs[3].learning_rate = 0;
    trial_open(&t);
    trial_open(&whole);
    whole.prune = t.prune = 0;
    cr_assert_eq(trial_train(&whole, configs, N_CONFIGS, 2, NULL), FT_OK);
    cr_assert(trial_last_of(&whole, 0)->pruned);
    cr_assert_eq(trial_last_of(&whole, 1)->status, FT_DIVERGED);
    cr_assert_eq(trial_last_of(&whole, 2)->n_epochs, MOST_EPOCHS);
    cr_assert_lt(trial_last_of(&whole, 3)->n_epochs, configs[3].epochs);
    int n = 0;
    for (int i = 0; i < N_CONFIGS; i++)
        for (int e = 0; e <= MOST_EPOCHS; e++) n += whole.at[i][e].times;
    for (int crash = 0; crash < n; crash++) {
        unlink(path);
        trial_forget(&t);
        t.results_left = crash;
        ft_train_settings settings = trial_settings(&t, 2, path);
        cr_assert_eq(
            ft_train(t.model.chronos, t.model.weights, &t.series, 1, configs, N_CONFIGS, &settings, &err),
            FT_FAILED);
        cr_assert_eq(trial_train(&t, configs, N_CONFIGS, 2, path), FT_OK);
        cr_expect_eq(t.n_said, 0, "before result %d: %s", crash, t.said);
        for (int i = 0; i < N_CONFIGS; i++) {
            const taken *got = trial_last_of(&t, i), *expected = trial_last_of(&whole, i);
            cr_expect_eq(got->status, expected->status);
            cr_expect_eq(got->pruned, expected->pruned);
            if (expected->adapter) expect_same_results(got, expected, i);
        }
    }
    trial_close(&whole);
    trial_close(&t);
}

/* -- bytes that are damaged -- */

/* A random number below `bound`, number `index` of mutation `seed`. */
static size_t draw(uint32_t seed, uint32_t index, size_t bound)
{
    return bound ? ft_philox(ft_philox_key_of(seed, 0, 1), index, 0, 0, 0).word[0] % bound : 0;
}

/* Damages a file's bytes; there is room for 64 more. Returns the new size. */
static size_t damage(uint32_t seed, char *bytes, size_t size)
{
    uint64_t header;
    memcpy(&header, bytes, 8);
    header += 8;
    size_t at = draw(seed, 1, size), length = 1 + draw(seed, 2, 64), from = draw(seed, 3, size - 64);
    /* small beside the tensors */
    if (draw(seed, 4, 2)) at = draw(seed, 1, (size_t)header);
    if (length > size - at) length = size - at;
    switch (draw(seed, 5, 8)) {
    case 0:
        bytes[at] = (char)(bytes[at] ^ 1 << draw(seed, 6, 8));
        return size;
    case 1: /* a digit of the header: it stays whole, with another number */
    case 2:
        while (at >= header || bytes[at] < '0' || bytes[at] > '9') at = at + 1 < header ? at + 1 : 8;
        bytes[at] = (char)('0' + draw(seed, 6, 10));
        return size;
    case 3:
        for (size_t i = 0; i < length; i++) bytes[at + i] = (char)draw(seed, 7 + (uint32_t)i, 256);
        return size;
    case 4:
        memset(bytes + at, 0, length);
        return size;
    case 5:
        memmove(bytes + at, bytes + from, length);
        return size;
    case 6:
        return at;
    default:
        memcpy(bytes + size, bytes + from, length);
        return size + length;
    }
}

/* Few in every run, 1,000 where tests may take long. */
static uint32_t n_mutations(void)
{
    const char *wanted = getenv("FTGPU_CHECKPOINT_MUTATIONS");
    return wanted ? (uint32_t)atoi(wanted) : 25;
}

Test(checkpoint, damaged_anywhere_it_gives_the_same_results, .timeout = 3000)
{
    const char *path = scratch_path("batch.safetensors");
    trial t, whole;
    ft_error err;
    ft_train_config configs[N];
    uint32_t n_refused = 0, n = n_mutations();
    batch(configs);
    trial_open(&t);
    trial_open(&whole);
    cr_assert_eq(trial_train(&whole, configs, N, SLOTS, NULL), FT_OK);
    for (uint32_t seed = 1; seed <= n; seed++) {
        char *bytes;
        size_t size;
        unlink(path);
        leave_checkpoint(&t, configs, 1 + (int)draw(seed, 0, 8), path);
        trial_forget(&t);
        expect_ok(ft_read_file(path, SIZE_MAX / 2, &bytes, &size, &err), &err);
        char *damaged = malloc(size + 64);
        memcpy(damaged, bytes, size);
        size_t new_size = damage(seed, damaged, size);
        bool same = new_size == size && memcmp(bytes, damaged, size) == 0;
        expect_ok(ft_write_file(path, damaged, new_size, &err), &err);
        cr_assert_eq(trial_train(&t, configs, N, SLOTS, path), FT_OK, "mutation %u", seed);
        cr_assert_leq(t.n_said, same ? 0 : 1, "mutation %u: %s", seed, t.said);
        n_refused += (uint32_t)t.n_said;
        expect_results_of(&t, &whole);
        trial_forget(&t);
        free(damaged);
        free(bytes);
    }
    /* What is accepted differs where nothing is read: in blanks, or by a digit that is
     * the same. */
    cr_expect_geq(n_refused, n * 3 / 4, "only %u of %u are refused", n_refused, n);
    trial_close(&whole);
    trial_close(&t);
}
