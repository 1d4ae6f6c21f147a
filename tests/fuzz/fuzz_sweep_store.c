/* The state of a sweep in any condition: plan.json, then the journals of the whole sweep
 * and of its shards 1 and 2, divided by lines "===". Checksums are added where possible,
 * so that well-formed nonsense gets past them. The state is opened twice with the plan
 * that it holds; the second time finds what the first has written. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/sealed.h"
#include "base/text.h"
#include "host/sweep/store.h"
#include "tests/fuzz/fuzz.h"

/* Whatever the journals say, these must stay untouched: files outside, those of another
 * sweep, and finished results. */
static const char *const others[] = {"outside", "results/other_001_20260101_000000/adapter",
                                     "results/s_001_20260101_000000/results.json",
                                     "results/s_002_20260101_000000/results.json"};
enum { N_OTHERS = sizeof others / sizeof *others };

/* Replaces the C library's fsync, which takes most of the time: power cuts are tested
 * elsewhere. */
int fsync(int descriptor)
{
    (void)descriptor;
    return 0;
}

static const char *path_of(const char *name)
{
    static char paths[4][256];
    static int next;
    next = (next + 1) % 4;
    snprintf(paths[next], sizeof paths[next], "%s/%s", fuzz_directory(), name);
    return paths[next];
}

static void put(const char *name, const void *bytes, size_t size)
{
    FILE *file = fopen(path_of(name), "w");
    FUZZ_EXPECT(file && fwrite(bytes, 1, size, file) == size && fclose(file) == 0);
}

static void make_directory(const char *name)
{
    ft_error err;
    FUZZ_EXPECT(ft_make_directories(path_of(name), &err) == FT_OK);
}

static void make_scene(void)
{
    make_directory("results/.sweeps/s");
    make_directory("results/other_001_20260101_000000");
    make_directory("results/s_001_20260101_000000");
    make_directory("results/s_002_20260101_000000");
    make_directory("results/s_003_20260101_000000"); /* unfinished */
    for (size_t i = 0; i < N_OTHERS; i++) put(others[i], "{}", 2);
}

/* The object in a text, sealed; as it is where it is none. Its end is a line's where it
 * is one. */
static void add_sealed(ft_text *out, const char *text, size_t size, ft_sealed_form form)
{
    cJSON *object = NULL;
    ft_error err;
    bool is_object = !ft_sealed_is_whole(text, size, form) &&
                     ft_json_parse(text, size, "text", &object, &err) == FT_OK && cJSON_IsObject(object) &&
                     object->child;
    char *sealed = is_object ? ft_sealed_print(object, form) : NULL;
    if (sealed)
        ft_text_add(out, sealed);
    else
        ft_text_add_bytes(out, text, size);
    free(sealed);
    cJSON_Delete(object);
}

/* A journal of which the lines that are objects are sealed, but for those that begin with
 * a blank. */
static void put_journal(const char *name, const char *text, size_t size)
{
    ft_text sealed = FT_TEXT_EMPTY;
    for (size_t at = 0; at < size;) {
        const char *end = memchr(text + at, '\n', size - at);
        size_t length = end ? (size_t)(end - text) - at : size - at;
        if (length > 0 && text[at] == ' ')
            ft_text_add_bytes(&sealed, text + at, length);
        else
            add_sealed(&sealed, text + at, length, FT_SEALED_LINE);
        if (end) ft_text_add(&sealed, "\n");
        at += length + 1;
    }
    put(name, sealed.data ? sealed.data : "", sealed.length);
    ft_text_free(&sealed);
}

/* Batches that nobody has cut in two hold each trajectory once. */
static void check_batches(const ft_sweep_store *store, size_t n_trajectories)
{
    size_t n = 0, *held = calloc(n_trajectories + 1, sizeof *held);
    const ft_sweep_batch *batches = ft_sweep_store_batches(store, &n);
    FUZZ_EXPECT(held && n > 0);
    for (size_t b = 0; b < n; b++) {
        FUZZ_EXPECT(batches[b].count > 0 && batches[b].slots >= 1 &&
                    (size_t)batches[b].slots <= batches[b].count);
        for (size_t i = 0; i < batches[b].count; i++) {
            FUZZ_EXPECT(batches[b].trajectories[i] < n_trajectories);
            if (!batches[b].is_split) held[batches[b].trajectories[i]]++;
        }
    }
    for (size_t t = 0; t < n_trajectories; t++) FUZZ_EXPECT(held[t] == 1);
    free(held);
    const ft_pruning_decision *decisions = ft_sweep_store_pruning_decisions(store, &n);
    for (size_t i = 0; i < n; i++)
        FUZZ_EXPECT(decisions[i].trajectory < n_trajectories && decisions[i].epoch > 0);
}

static bool never_over(void *context, size_t batch)
{
    (void)context;
    (void)batch;
    return false;
}

/* Opens the state; returns what is done, a bit a configuration of the first 64. *opened
 * tells. */
static uint64_t open_state(const cJSON *plan, ft_shard shard, bool *opened)
{
    ft_sweep_store *store = NULL;
    ft_error err = {""};
    ft_status status = ft_sweep_store_open(path_of("results"), "s", shard, plan, NULL, NULL, &store, &err);
    fuzz_check(status, &err, NULL);
    *opened = status == FT_OK;
    for (size_t i = 0; i < N_OTHERS; i++) FUZZ_EXPECT(access(path_of(others[i]), F_OK) == 0);
    if (status != FT_OK) return 0;
    const size_t count = (size_t)cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(plan, "configurations"));
    check_batches(store, (size_t)cJSON_GetObjectItemCaseSensitive(plan, "trajectories")->valuedouble);
    uint64_t done = 0;
    for (size_t i = 0; i < count && i < 64; i++)
        if (ft_sweep_store_done(store, i)) done |= (uint64_t)1 << i;
    FUZZ_EXPECT((done & ~(uint64_t)3) == 0); /* only the first two have a result */
    FUZZ_EXPECT(ft_sweep_store_tidy(store, never_over, NULL, &err) == FT_OK);
    ft_sweep_store_close(store);
    return done;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const journals[] = {"results/.sweeps/s/journal.jsonl",
                                           "results/.sweeps/s/journal.1.jsonl",
                                           "results/.sweeps/s/journal.2.jsonl"};
    size_t part_size = 0;
    make_scene();
    const char *part = (const char *)fuzz_part(&data, &size, &part_size);
    ft_text sealed = FT_TEXT_EMPTY;
    if (part) add_sealed(&sealed, part, part_size, FT_SEALED_FILE);
    put("results/.sweeps/s/plan.json", sealed.data ? sealed.data : "", sealed.length);
    cJSON *plan = NULL;
    ft_error err;
    if (sealed.length > 0 && ft_json_parse(sealed.data, sealed.length, "plan", &plan, &err) == FT_OK)
        cJSON_DeleteItemFromObjectCaseSensitive(plan, "crc32");
    if (!cJSON_IsObject(plan)) {
        cJSON_Delete(plan);
        plan = cJSON_CreateObject();
    }
    for (int i = 0; i < 3; i++) {
        part = (const char *)fuzz_part(&data, &size, &part_size);
        put_journal(journals[i], part ? part : "", part ? part_size : 0);
    }
    bool opened = false, again = false;
    const uint64_t done = open_state(plan, (ft_shard){0, 0}, &opened);
    FUZZ_EXPECT(open_state(plan, (ft_shard){2, 2}, &again) == done && again == opened);
    ft_text_free(&sealed);
    cJSON_Delete(plan);
    return 0;
}
