/* Each byte of a sweep's plan and journal is changed in turn. The sweep then opens as it
 * was, or with a line on what is lost, or is refused. It never claims a result that does
 * not exist, and never loses one that does. By default some bytes are tried; with
 * FTGPU_ALL_MUTATIONS (./test.sh --all) all of them, with more values. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sweep_scratch.h"

TestSuite(sweep_mutations, .init = sweep_enter, .fini = sweep_leave, .timeout = 590);

/* What an opened sweep has. */
typedef struct snapshot {
    bool is_done[CONFIGURATIONS], has_failed[CONFIGURATIONS];
    size_t n_batches, n_decisions;
    bool has_remark;
} snapshot;

typedef struct text {
    char *bytes;
    size_t size;
} text;

static text plan, journal;

static text read_text(const char *name)
{
    char *bytes = sweep_read(sweep_store_path(name));
    return (text){bytes, strlen(bytes)};
}

/* Done; done, but failed; begun and finished, but not journalled; begun; and two whose
 * batch was split. */
static void make_sweep(void)
{
    ft_error err = {""};
    const ft_pruning_decision decisions[] = {{0, 1, 2.5, false}, {1, 1, 7.25, true}};
    ft_sweep_store *store = sweep_must_open(0, 0);
    cr_assert_eq(ft_sweep_store_judge(store, decisions, 2, &err), FT_OK, "%s", err.message);
    sweep_record(store, 0, sweep_id(0));
    sweep_start(store, 1, sweep_id(1), true);
    sweep_write(sweep_path("s_002_20260101_000000/results.json"), "{\"error\":\"out of memory\"}");
    cr_assert_eq(ft_sweep_store_finish(store, 1, sweep_id(1), true, &err), FT_OK, "%s", err.message);
    cr_assert_eq(ft_sweep_store_split(store, 2, (size_t[]){4, 5}, 2, &err), FT_OK, "%s", err.message);
    sweep_start(store, 2, sweep_id(2), true);
    sweep_start(store, 3, sweep_id(3), false);
    ft_sweep_store_close(store);
    plan = read_text("plan.json");
    journal = read_text("journal.jsonl");
}

static void put(const char *name, const text *content)
{
    FILE *file = fopen(sweep_store_path(name), "w");
    cr_assert(file && fwrite(content->bytes, 1, content->size, file) == content->size && fclose(file) == 0);
}

/* Opens the sweep as it was left, but for one byte of one file. */
static ft_status open_mutant(const text *mutated, size_t at, char value, ft_sweep_store **store,
                             ft_error *err)
{
    const char kept = mutated->bytes[at];
    mutated->bytes[at] = value;
    put("plan.json", &plan);
    put("journal.jsonl", &journal);
    mutated->bytes[at] = kept;
    sweep_make_experiment(sweep_id(3), false);
    return sweep_open(0, 0, 0, store, err);
}

static snapshot look(const ft_sweep_store *store, const char *what)
{
    snapshot s = {.has_remark = ft_sweep_store_remark(store, 0) != NULL};
    for (size_t i = 0; i < CONFIGURATIONS; i++) {
        const char *id = ft_sweep_store_done(store, i);
        cr_assert(!id || strcmp(id, sweep_id(i)) == 0, "%s: another result, %s", what, id);
        s.is_done[i] = id != NULL;
        s.has_failed[i] = ft_sweep_store_failed(store, i);
    }
    ft_sweep_store_batches(store, &s.n_batches);
    const ft_pruning_decision *decisions = ft_sweep_store_pruning_decisions(store, &s.n_decisions);
    for (size_t i = 0; i < s.n_decisions; i++)
        cr_assert(decisions[i].pruned ? decisions[i].trajectory == 1 && decisions[i].val_loss == 7.25
                                      : decisions[i].trajectory == 0 && decisions[i].val_loss == 2.5,
                  "%s: another pruning decision", what);
    return s;
}

/* What is on disk whatever was mutated. */
static void check_files(const char *what)
{
    char path[64];
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/results.json", sweep_id(i));
        cr_assert(sweep_exists(sweep_path(path)), "%s: %s is gone", what, path);
    }
}

static void check(const snapshot *got, const snapshot *whole, const char *what)
{
    bool is_whole = got->n_batches == whole->n_batches && got->n_decisions == whole->n_decisions;
    for (size_t i = 0; i < CONFIGURATIONS; i++) {
        cr_assert(!got->is_done[i] || whole->is_done[i], "%s: configuration %zu is not done", what, i + 1);
        cr_assert(!got->is_done[i] || got->has_failed[i] == whole->has_failed[i], "%s: failure of %zu", what,
                  i + 1);
        is_whole = is_whole && got->is_done[i] == whole->is_done[i];
    }
    cr_assert(is_whole || got->has_remark, "%s: something is lost, and nothing was said", what);
    cr_assert_not(sweep_exists(sweep_path(sweep_id(3))), "%s: an unfinished experiment stays", what);
    check_files(what);
}

static void mutate(const text *mutated, const char *name, const snapshot *whole)
{
    static const char values[] = {'\n', '0', '"', '\0', '}', ' ', '\xff'};
    size_t n = 0;
    for (size_t at = 0; at < mutated->size; at++)
        for (size_t v = 0; v <= sizeof values; v++) {
            const char was = mutated->bytes[at], value = v == 0 ? (char)(was ^ 1) : values[v - 1];
            ft_sweep_store *store = NULL;
            ft_error err = {""};
            char what[64];
            if (value == was) continue;
            snprintf(what, sizeof what, "%s, byte %zu as 0x%02x", name, at, (unsigned char)value);
            ft_status status = open_mutant(mutated, at, value, &store, &err);
            if (mutated == &plan) {
                cr_assert_eq(status, FT_BAD_INPUT, "%s: %d, %s", what, (int)status, err.message);
                cr_assert(strstr(err.message, "/.sweeps/s/plan.json "), "%s: %s", what, err.message);
                check_files(what);
            } else {
                cr_assert_eq(status, FT_OK, "%s: %s", what, err.message);
                const snapshot got = look(store, what);
                check(&got, whole, what);
            }
            ft_sweep_store_close(store);
            n++;
        }
    cr_assert_gt(n, 6 * mutated->size);
}

Test(sweep_mutations, no_byte_of_a_state_makes_it_another)
{
    make_sweep();
    ft_sweep_store *store = NULL;
    ft_error err = {""};
    cr_assert_eq(open_mutant(&journal, 0, '{', &store, &err), FT_OK, "%s", err.message);
    const snapshot whole = look(store, "the sweep as it was left");
    ft_sweep_store_close(store);
    const snapshot wanted = {
        .is_done = {true, true, true}, .has_failed = {false, true}, .n_batches = 5, .n_decisions = 2};
    cr_assert(memcmp(&whole, &wanted, sizeof whole) == 0);
    mutate(&plan, "plan.json", &whole);
    mutate(&journal, "journal.jsonl", &whole);
    free(plan.bytes);
    free(journal.bytes);
}
