/* A sweep's state after crashes, full disks, failing disks and edits by hand: no finished
 * result is lost, nothing outside is touched, and a message names what cannot be
 * resumed. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/sealed.h"
#include "sweep_scratch.h"

TestSuite(sweep_faults, .init = sweep_enter, .fini = sweep_leave);

/* Replaces the C library's function: paths that contain `failing` get this error. */
static const char *failing;
static int failure;

int fstatat(int directory, const char *restrict path, struct stat *restrict info, int flags)
{
    if (failing && strstr(path, failing)) {
        errno = failure;
        return -1;
    }
    return (int)syscall(SYS_newfstatat, directory, path, info, flags);
}

/* The states after one was written: config 1 is done, 2 is begun, the others are to be
 * done. */
static void leave_begun(void)
{
    ft_sweep_store *store = sweep_must_open(0, 0);
    sweep_record(store, 0, sweep_id(0));
    sweep_start(store, 1, sweep_id(1), false);
    ft_sweep_store_close(store);
}

static void expect_file(const char *name, bool exists)
{
    cr_expect_eq(sweep_exists(sweep_path(name)), exists, "%s", name);
}

static bool has_remark(const ft_sweep_store *store, const char *what)
{
    for (size_t i = 0; ft_sweep_store_remark(store, i); i++)
        if (strstr(ft_sweep_store_remark(store, i), what)) return true;
    return false;
}

static bool is_over(void *context, size_t batch)
{
    (void)context;
    return batch == 0;
}

/* -- what is removed -- */

Test(sweep_faults, no_directory_is_removed_but_the_sweeps_own)
{
    static const char *const ids[] = {
        "..",
        ".",
        "",
        "../outside",
        "other_001_20260101_000000",
        "s_002_20260101_000000",  /* another configuration's */
        "s_0001_20260101_000000", /* of a sweep of more */
        "s_001_20260101_000000/..",
        "s_001_20260101_000000_1",
        "s_001_20260101_000000_02",
        "s_001_20260101_00000",
        "s_001_20260101_0000000",
        "s_001_2026010x_000000",
        "s_001",
        ".sweeps",
    };
    ft_error err;
    ft_sweep_store_close(sweep_must_open(0, 0));
    cr_assert_eq(ft_make_directories(sweep_path("../outside"), &err), FT_OK);
    sweep_write(sweep_path("../outside/thesis"), "mine");
    sweep_make_experiment("other_001_20260101_000000", false);
    sweep_make_experiment(sweep_id(1), false);
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        char event[128];
        snprintf(event, sizeof event, "{\"event\":\"started\",\"configuration\":1,\"experiment_id\":\"%s\"}",
                 ids[i]);
        sweep_journal("journal.jsonl", event);
        ft_sweep_store *store = sweep_must_open(0, 0);
        char where[64]; /* of which the first ten are told one by one */
        snprintf(where, sizeof where, "/.sweeps/s/journal.jsonl:%zu: ", i + 1);
        cr_expect_eq(has_remark(store, where), i < 10, "id \"%s\"", ids[i]);
        cr_expect_null(ft_sweep_store_done(store, 0));
        cr_expect_eq(ft_sweep_store_start(store, 0, ids[i], &err), FT_BAD_INPUT, "%s", ids[i]);
        ft_sweep_store_close(store);
        cr_assert(sweep_exists(sweep_path("../outside/thesis")), "id \"%s\"", ids[i]);
        cr_assert(sweep_exists(sweep_path("other_001_20260101_000000/forecasts.csv")), "id \"%s\"", ids[i]);
    }
}

Test(sweep_faults, an_unfinished_experiment_is_taken_away_and_nothing_stays)
{
    leave_begun();
    ft_sweep_store_close(sweep_must_open(0, 0));
    expect_file(sweep_id(1), false);
    expect_file(sweep_id(0), true);
    cr_expect_eq(rmdir(sweep_store_path("discarded")), 0, "discarded/ is not empty");
}

Test(sweep_faults, a_result_anywhere_in_an_unfinished_experiment_keeps_it)
{
    ft_error err;
    char inner[96];
    leave_begun();
    snprintf(inner, sizeof inner, "%s/moved_here/other_001", sweep_id(1));
    cr_assert_eq(ft_make_directories(sweep_path(inner), &err), FT_OK);
    strcat(inner, "/results.json");
    sweep_write(sweep_path(inner), "{}");
    ft_sweep_store *store = NULL;
    (void)sweep_open(0, 0, 0, &store, &err);
    ft_sweep_store_close(store);
    expect_file(inner, true);
}

Test(sweep_faults, a_result_that_a_crash_left_in_discarded_is_put_back)
{
    leave_begun();
    sweep_make_experiment(sweep_id(1), true);
    ft_error err;
    cr_assert_eq(ft_make_directories(sweep_store_path("discarded"), &err), FT_OK);
    cr_assert_eq(rename(sweep_path(sweep_id(1)), sweep_store_path("discarded/s_002_20260101_000000")), 0);
    ft_sweep_store *store = sweep_must_open(0, 0);
    cr_expect(ft_sweep_store_done(store, 1));
    ft_sweep_store_close(store);
    expect_file("s_002_20260101_000000/results.json", true);
}

Test(sweep_faults, a_link_in_the_place_of_an_unfinished_experiment_stays)
{
    leave_begun();
    ft_remove_tree(sweep_path(sweep_id(1)));
    ft_error err;
    cr_assert_eq(ft_make_directories(sweep_path("../outside"), &err), FT_OK);
    sweep_write(sweep_path("../outside/thesis"), "mine");
    cr_assert_eq(symlink("../outside", sweep_path(sweep_id(1))), 0);
    ft_sweep_store_close(sweep_must_open(0, 0));
    expect_file("s_002_20260101_000000/thesis", true);
}

/* -- errors of the disk -- */

Test(sweep_faults, a_result_that_cannot_be_looked_at_is_not_missing)
{
    const int codes[] = {EIO, ESTALE, EACCES, ELOOP};
    for (size_t i = 0; i < 4; i++) {
        sweep_leave();
        sweep_enter();
        leave_begun();
        for (size_t config = 0; config < 2; config++) {
            char file[64];
            snprintf(file, sizeof file, "%s/results.json", sweep_id(config));
            if (config == 1) sweep_make_experiment(sweep_id(1), true);
            failing = file;
            failure = codes[i];
            sweep_expect_refused(0, 0, 0, FT_FAILED, file);
            sweep_expect_refused(0, 0, 0, FT_FAILED, strerror(codes[i]));
            failing = NULL;
            expect_file(file, true);
        }
        ft_sweep_store *store = sweep_must_open(0, 0);
        cr_expect(ft_sweep_store_done(store, 0) && ft_sweep_store_done(store, 1));
        ft_sweep_store_close(store);
    }
}

Test(sweep_faults, a_result_that_cannot_be_looked_at_later_is_not_missing)
{
    ft_error err;
    ft_sweep_store *store = sweep_must_open(0, 0);
    sweep_record(store, 0, sweep_id(0));
    failing = "results.json";
    failure = EIO;
    cr_expect_eq(ft_sweep_store_refresh(store, &err), FT_FAILED);
    cr_expect_eq(ft_sweep_store_settle(store, 0, &err), FT_FAILED);
    failing = NULL;
    cr_expect(ft_sweep_store_done(store, 0));
    ft_sweep_store_close(store);
}

Test(sweep_faults, a_plan_that_cannot_be_read_is_not_missing)
{
    leave_begun();
    sweep_write(sweep_store_path("checkpoints/batch_1.safetensors"), "weights");
    char *journal = sweep_read(sweep_store_path("journal.jsonl"));
    /* A link to itself: ELOOP, as root, too. */
    cr_assert_eq(rename(sweep_store_path("plan.json"), sweep_store_path("kept")), 0);
    cr_assert_eq(symlink("plan.json", sweep_store_path("plan.json")), 0);
    sweep_expect_refused(0, 0, 0, FT_BAD_INPUT, "plan.json");
    sweep_expect_refused(0, 0, 1, FT_BAD_INPUT, "plan.json");
    /* And gone, while what was done of it is not. */
    cr_assert_eq(unlink(sweep_store_path("plan.json")), 0);
    sweep_expect_refused(0, 0, 0, FT_BAD_INPUT, "plan.json is gone");
    cr_assert_eq(rename(sweep_store_path("kept"), sweep_store_path("plan.json")), 0);
    cr_expect(sweep_exists(sweep_store_path("checkpoints/batch_1.safetensors")));
    char *after = sweep_read(sweep_store_path("journal.jsonl"));
    cr_expect_str_eq(after, journal);
    free(journal);
    free(after);
}

/* -- the journal -- */

/* The journal's file may grow by so many bytes. */
static void limit_journal(long bytes)
{
    struct stat info;
    struct rlimit limit;
    cr_assert_eq(stat(sweep_store_path("journal.jsonl"), &info), 0);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = bytes < 0 ? limit.rlim_max : (rlim_t)(info.st_size + bytes);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

Test(sweep_faults, a_write_cut_short_leaves_whole_lines_and_is_the_last)
{
    ft_error err = {""};
    ft_sweep_store *store = sweep_must_open(0, 0);
    sweep_record(store, 0, sweep_id(0));
    sweep_start(store, 1, sweep_id(1), true);
    limit_journal(20);
    char *before = sweep_read(sweep_store_path("journal.jsonl"));
    cr_expect_eq(ft_sweep_store_finish(store, 1, sweep_id(1), false, &err), FT_FAILED);
    cr_expect(strstr(err.message, "journal.jsonl: cannot be written: File too large"), "%s", err.message);
    limit_journal(-1);
    /* There is room again, and yet: others have been told of the failure. */
    cr_expect_eq(ft_sweep_store_start(store, 2, sweep_id(2), &err), FT_FAILED);
    cr_expect_eq(ft_sweep_store_sync(store, &err), FT_FAILED);
    cr_expect_eq(ft_sweep_store_check(store, &err), FT_FAILED);
    cr_expect(strstr(err.message, "File too large"), "%s", err.message);
    char *after = sweep_read(sweep_store_path("journal.jsonl"));
    cr_expect_str_eq(after, before);
    free(before);
    free(after);
    ft_sweep_store_close(store);
    store = sweep_must_open(0, 0);
    cr_expect_null(ft_sweep_store_remark(store, 0));
    cr_expect(ft_sweep_store_done(store, 0) && ft_sweep_store_done(store, 1));
    ft_sweep_store_close(store);
}

/* Replaces a byte of a line of the journal, from 1. */
static void damage_line(int line, const char *of)
{
    char *text = sweep_read(sweep_store_path("journal.jsonl")), *at = text;
    for (int i = 1; i < line; i++) at = strchr(at, '\n') + 1;
    at = strstr(at, of);
    cr_assert(at);
    *at = '#';
    sweep_write(sweep_store_path("journal.jsonl"), text);
    free(text);
}

Test(sweep_faults, a_damaged_line_costs_what_it_told_and_no_more)
{
    ft_error err;
    /* lines 1, 2: the first; 3, 4: the second; ... */
    ft_sweep_store *store = sweep_must_open(0, 0);
    for (size_t i = 0; i < 4; i++) sweep_record(store, i, sweep_id(i));
    sweep_start(store, 4, sweep_id(4), false); /* 9 */
    ft_sweep_store_close(store);
    damage_line(2, "done");
    damage_line(3, "2026");
    damage_line(7, "started");
    damage_line(8, "crc32");
    damage_line(9, "\"configuration");
    store = sweep_must_open(0, 0);
    cr_expect(ft_sweep_store_done(store, 0), "its result is on disk and it was begun");
    cr_expect(ft_sweep_store_done(store, 1) && ft_sweep_store_done(store, 2));
    cr_expect_null(ft_sweep_store_done(store, 3), "nothing tells of it any more");
    cr_expect_null(ft_sweep_store_done(store, 4));
    for (size_t i = 0; i < 5; i++) {
        static const int lines[] = {2, 3, 7, 8, 9};
        char where[64];
        snprintf(where, sizeof where, "/.sweeps/s/journal.jsonl:%d: damaged", lines[i]);
        cr_expect(has_remark(store, where), "%s", where);
    }
    cr_expect_null(ft_sweep_store_remark(store, 5));
    expect_file("s_004_20260101_000000/results.json", true);
    expect_file(sweep_id(4), false);
    cr_expect_eq(ft_sweep_store_start(store, 3, "s_004_20260101_000000_2", &err), FT_OK);
    ft_sweep_store_close(store);
    /* It makes no way for another: what is damaged may have been work. */
    sweep_expect_refused(0, 0, 1, FT_BAD_INPUT, "its seed differs");
}

Test(sweep_faults, half_a_line_before_a_whole_one_costs_the_half)
{
    ft_sweep_store *store = sweep_must_open(0, 0);
    sweep_record(store, 0, sweep_id(0));
    ft_sweep_store_close(store);
    FILE *journal = fopen(sweep_store_path("journal.jsonl"), "a");
    cr_assert(journal);
    fputs("{\"event\":\"done\",\"confi", journal);
    fclose(journal);
    sweep_make_experiment(sweep_id(2), true);
    sweep_journal("journal.jsonl",
                  "{\"event\":\"done\",\"configuration\":3,\"experiment_id\":\"s_003_20260101_000000\"}");
    store = sweep_must_open(0, 0);
    cr_expect(ft_sweep_store_done(store, 0) && ft_sweep_store_done(store, 2));
    cr_expect(has_remark(store, "journal.jsonl:3: damaged"));
    ft_sweep_store_close(store);
}

Test(sweep_faults, well_formed_lines_of_no_such_sweep_are_passed_over)
{
    static const char *const events[] = {
        "{\"event\":\"done\",\"configuration\":7,\"experiment_id\":\"s_007_20260101_000000\"}",
        "{\"event\":\"done\",\"configuration\":0,\"experiment_id\":\"s_000_20260101_000000\"}",
        "{\"event\":\"done\",\"configuration\":1.5,\"experiment_id\":\"s_001_20260101_000000\"}",
        "{\"event\":\"done\",\"configuration\":1}",
        "{\"configuration\":1}",
        "{\"event\":\"judged\",\"trajectory\":7,\"epoch\":1,\"val_loss\":1,\"pruned\":true}",
        "{\"event\":\"split\",\"batch\":1,\"trajectories\":[1,3]}", /* of another batch */
        "{\"event\":\"split\",\"batch\":1,\"trajectories\":[2,1]}",
        "{\"event\":\"split\",\"batch\":2,\"trajectories\":[3]}",
        "{\"event\":\"split\",\"batch\":4,\"trajectories\":[1,2]}",
    };
    ft_sweep_store_close(sweep_must_open(0, 0));
    for (size_t i = 0; i < sizeof events / sizeof *events; i++) sweep_journal("journal.jsonl", events[i]);
    ft_sweep_store *store = sweep_must_open(0, 0);
    for (size_t i = 0; i < sizeof events / sizeof *events; i++) {
        char where[64];
        snprintf(where, sizeof where, "journal.jsonl:%zu: ", i + 1);
        cr_expect(has_remark(store, where), "%s", events[i]);
    }
    size_t n = 0;
    ft_sweep_store_batches(store, &n);
    cr_expect_eq(n, 3);
    ft_sweep_store_pruning_decisions(store, &n);
    cr_expect_eq(n, 0);
    for (size_t i = 0; i < CONFIGURATIONS; i++) cr_expect_null(ft_sweep_store_done(store, i));
    ft_sweep_store_close(store);
}

/* -- the plan -- */

Test(sweep_faults, a_plan_that_does_not_hold_together_is_refused)
{
    static const struct {
        const char *from, *to;
    } faults[] = {
        {"[[0,2,2],[2,2,2],[4,2,2]]", "[]"},
        {"[[0,2,2],[2,2,2],[4,2,2]]", "[[0,1,1]]"},
        {"[[0,2,2],[2,2,2],[4,2,2]]", "[[0,2,2],[2,2,2],[4,1,1]]"},
        {"[[0,2,2],[2,2,2],[4,2,2]]", "[[0,2,2],[0,2,2],[2,2,2],[4,2,2]]"},
        {"[[0,2,2],[2,2,2],[4,2,2]]", "[[0,3,2],[2,2,2],[4,2,2]]"},
        {"[[0,2,2],[2,2,2],[4,2,2]]", "[[0,2,3],[2,2,2],[4,2,2]]"},
        {"[[0,2,2],[2,2,2],[4,2,2]]", "[[0,2,2],[2,2,2],[4,3,2]]"},
        {"[[0,2,2],[2,2,2],[4,2,2]]", "[[0,2,2],[2,2,2],[4,2,2,1]]"},
        {"[[0,2,2],[2,2,2],[4,2,2]]", "[[0,2,2],[2,2,2],[4,2]]"},
        {"[[0,2,2],[2,2,2],[4,2,2]]", "{}"},
        {"\"trajectories\":6", "\"trajectories\":5"},
        {"\"trajectories\":6", "\"trajectories\":7"},
        {"\"trajectories\":6", "\"trajectories\":null"},
        {"[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\"]", "[]"},
    };
    leave_begun();
    char *whole = sweep_read(sweep_store_path("plan.json")),
         *journal = sweep_read(sweep_store_path("journal.jsonl"));
    cJSON *plan = sweep_plan(0);
    char *line = ft_json_print_line(plan);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        char text[512];
        const char *at = strstr(line, faults[i].from);
        cr_assert(at, "%s", faults[i].from);
        snprintf(text, sizeof text, "%.*s%s%s", (int)(at - line), line, faults[i].to,
                 at + strlen(faults[i].from));
        cJSON *faulty = NULL;
        ft_error err;
        cr_assert_eq(ft_json_parse(text, strlen(text), "plan", &faulty, &err), FT_OK, "%s", err.message);
        char *sealed = ft_sealed_print(faulty, FT_SEALED_FILE);
        sweep_write(sweep_store_path("plan.json"), sealed);
        sweep_expect_refused(0, 0, 0, FT_BAD_INPUT, "/.sweeps/s/plan.json has ");
        sweep_expect_refused(0, 0, 1, FT_BAD_INPUT, "put back a copy");
        expect_file(sweep_id(1), true);
        free(sealed);
        cJSON_Delete(faulty);
    }
    sweep_write(sweep_store_path("plan.json"), whole);
    char *after = sweep_read(sweep_store_path("journal.jsonl"));
    cr_expect_str_eq(after, journal);
    ft_sweep_store_close(sweep_must_open(0, 0));
    free(after);
    free(journal);
    free(line);
    free(whole);
    cJSON_Delete(plan);
}

Test(sweep_faults, a_damaged_plan_and_one_of_another_version_are_refused)
{
    leave_begun();
    char *whole = sweep_read(sweep_store_path("plan.json"));
    const size_t length = strlen(whole);
    char *text = strdup(whole);
    for (size_t cut = 0; cut < length; cut += 10) {
        text[length - 1 - cut] = '\0';
        sweep_write(sweep_store_path("plan.json"), text);
        sweep_expect_refused(0, 0, 0, FT_BAD_INPUT, "/.sweeps/s/plan.json is damaged; put back a copy");
    }
    cJSON *plan = sweep_plan(0);
    cJSON_SetNumberValue(cJSON_GetObjectItemCaseSensitive(plan, "schema_version"), 5);
    char *old = ft_json_print(plan), *sealed = ft_sealed_print(plan, FT_SEALED_FILE);
    for (int i = 0; i < 2; i++) {
        sweep_write(sweep_store_path("plan.json"), i == 0 ? old : sealed);
        sweep_expect_refused(0, 0, 0, FT_BAD_INPUT,
                             "another version of ftgpu (its schema_version is 5, not 6)");
    }
    sweep_write(sweep_store_path("plan.json"), whole);
    ft_sweep_store_close(sweep_must_open(0, 0));
    free(sealed);
    free(old);
    free(text);
    free(whole);
    cJSON_Delete(plan);
}

Test(sweep_faults, what_was_recorded_before_a_split_stays_in_a_batch)
{
    ft_error err;
    size_t n = 0;
    cJSON *plan = NULL;
    ft_sweep_store *store = NULL;
    const char *text =
        "{\"schema_version\":6,\"trajectories\":4,\"configurations\":[1,2,3,4],\"batches\":[[0,4,4]]}";
    cr_assert_eq(ft_json_parse(text, strlen(text), "plan", &plan, &err), FT_OK);
    for (int start = 0; start < 2; start++) {
        cr_assert_eq(
            ft_sweep_store_open(sweep_results(), "s", (ft_shard){0, 0}, plan, NULL, NULL, &store, &err),
            FT_OK, "%s", err.message);
        if (start == 0) cr_assert_eq(ft_sweep_store_split(store, 0, (size_t[]){0, 1, 3}, 3, &err), FT_OK);
        const ft_sweep_batch *batches = ft_sweep_store_batches(store, &n);
        cr_assert_eq(n, 4);
        cr_expect(batches[0].is_split);
        cr_expect(batches[1].count == 2 && batches[1].trajectories[0] == 0 &&
                  batches[1].trajectories[1] == 1);
        cr_expect(batches[2].count == 1 && batches[2].trajectories[0] == 3);
        cr_expect(batches[3].count == 1 && batches[3].trajectories[0] == 2 && !batches[3].is_split);
        ft_sweep_store_close(store);
    }
    cJSON_Delete(plan);
}

/* -- leftovers -- */

Test(sweep_faults, what_crashes_leave_is_tidied_away_but_not_another_shards)
{
    ft_error err;
    ft_sweep_store_close(sweep_must_open(0, 0));
    ft_sweep_store *two = sweep_must_open(2, 2); /* has the second batch */
    static const struct {
        const char *name;
        bool stays;
    } files[] = {
        {"checkpoints/batch_1.safetensors", false},              /* over */
        {"checkpoints/batch_1.safetensors.tmp.1234.5", false},   /* torn */
        {"checkpoints/batch_3.safetensors", true},               /* gone on with */
        {"checkpoints/batch_3.safetensors.tmp.00ff00ff", false}, /* torn */
        /* there is no such batch */
        {"checkpoints/batch_7.safetensors", false},
        {"checkpoints/batch_2.safetensors", true}, /* the other shard's */
        {"checkpoints/batch_2.safetensors.tmp.1.1", true},
        {"checkpoints/batch_8.safetensors", true},
        {"checkpoints/notes.txt", true},
        {"plan.json.tmp.1234.5", false},
        {"plan.json.tmp.0a0b0c0d", false},
        {"comparison.csv.tmp.1.2", true}, /* somebody may be writing it */
    };
    enum { N_FILES = sizeof files / sizeof *files };
    for (size_t i = 0; i < N_FILES; i++) sweep_write(sweep_store_path(files[i].name), "x");
    ft_sweep_store *one = sweep_must_open(1, 2);
    sweep_start(one, 0, sweep_id(0), false);
    sweep_start(two, 2, sweep_id(2), false);
    /* What could not be removed when it was discarded: this shard's, and another's. */
    char own[128], others[128];
    snprintf(own, sizeof own, "%s", sweep_store_path("discarded/s_001_20260102_000000"));
    snprintf(others, sizeof others, "%s", sweep_store_path("discarded/s_003_20260102_000000"));
    cr_assert_eq(ft_make_directories(own, &err), FT_OK);
    cr_assert_eq(ft_make_directories(others, &err), FT_OK);
    cr_assert_eq(ft_sweep_store_tidy(one, is_over, NULL, &err), FT_OK, "%s", err.message);
    for (size_t i = 0; i < N_FILES; i++)
        cr_expect_eq(sweep_exists(sweep_store_path(files[i].name)), files[i].stays, "%s", files[i].name);
    expect_file(sweep_id(0), false);
    expect_file(sweep_id(2), true);
    cr_expect_not(sweep_exists(own));
    cr_expect(sweep_exists(others));
    ft_sweep_store_close(one);
    ft_sweep_store_close(two);
}

/* -- the lock -- */

Test(sweep_faults, a_lock_that_leads_elsewhere_is_refused)
{
    static const char *const locks[] = {"lock", "lock.opening", "lock.1"};
    ft_sweep_store_close(sweep_must_open(1, 1));
    sweep_write(sweep_path("../thesis"), "mine");
    for (size_t i = 0; i < 3; i++) {
        char *kept = NULL;
        cr_assert_eq(unlink(sweep_store_path(locks[i])), 0, "%s", locks[i]);
        cr_assert_eq(symlink(sweep_path("../thesis"), sweep_store_path(locks[i])), 0);
        sweep_expect_refused(1, 1, 0, FT_BAD_INPUT, "is a symbolic link");
        unlink(sweep_store_path(locks[i]));
        cr_assert_eq(link(sweep_path("../thesis"), sweep_store_path(locks[i])), 0);
        sweep_expect_refused(1, 1, 0, FT_BAD_INPUT, "a hard link");
        unlink(sweep_store_path(locks[i]));
        kept = sweep_read(sweep_path("../thesis"));
        cr_expect_str_eq(kept, "mine", "%s", locks[i]);
        free(kept);
        ft_sweep_store_close(sweep_must_open(1, 1));
    }
}

Test(sweep_faults, no_directory_of_the_state_leads_elsewhere)
{
    static const char *const directories[] = {".sweeps", ".sweeps/s", ".sweeps/s/checkpoints",
                                              ".sweeps/s/discarded"};
    ft_sweep_store_close(sweep_must_open(0, 0));
    for (size_t i = 0; i < 4; i++) {
        cr_assert_eq(rename(sweep_path(directories[i]), sweep_path("../elsewhere")), 0, "%s", directories[i]);
        cr_assert_eq(symlink(sweep_path("../elsewhere"), sweep_path(directories[i])), 0);
        sweep_expect_refused(0, 0, 0, FT_BAD_INPUT, "is a symbolic link");
        unlink(sweep_path(directories[i]));
        cr_assert_eq(rename(sweep_path("../elsewhere"), sweep_path(directories[i])), 0, "%s", directories[i]);
    }
    ft_sweep_store_close(sweep_must_open(0, 0));
}

static void wait_for_a_look(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 150000000}, NULL);
}

Test(sweep_faults, who_has_lost_its_lock_stops_and_changes_nothing)
{
    static const char *const locks[] = {"lock", "lock.1"};
    for (size_t i = 0; i < 4; i++) { /* removed, replaced */
        ft_error err = {""};
        const char *lock = locks[i % 2];
        ft_sweep_store *store = sweep_must_open(1, 1);
        cr_assert_eq(ft_sweep_store_check(store, &err), FT_OK, "%s", err.message);
        sweep_write(ft_sweep_store_checkpoint(store, 0), "weights");
        sweep_start(store, 1, i == 0 ? sweep_id(1) : "s_002_20260102_000000", false);
        if (i < 2)
            cr_assert_eq(unlink(sweep_store_path(lock)), 0);
        else
            sweep_write(sweep_store_path(lock), "process 1 on this host since now\n");
        wait_for_a_look();
        cr_expect_eq(ft_sweep_store_check(store, &err), FT_FAILED, "%s", lock);
        cr_expect(strstr(err.message, "/lock") && strstr(err.message, "was removed or replaced"), "%s",
                  err.message);
        char *before = sweep_read(sweep_store_path("journal.1.jsonl"));
        cr_expect_eq(ft_sweep_store_start(store, 2, sweep_id(2), &err), FT_FAILED);
        cr_expect_eq(ft_sweep_store_split(store, 0, (size_t[]){0, 1}, 2, &err), FT_FAILED);
        cr_expect_eq(ft_sweep_store_settle(store, 1, &err), FT_FAILED);
        cr_expect_eq(ft_sweep_store_tidy(store, is_over, NULL, &err), FT_FAILED);
        ft_sweep_store_drop_checkpoint(store, 0);
        cr_expect(sweep_exists(sweep_store_path("checkpoints/batch_1.safetensors")));
        char *after = sweep_read(sweep_store_path("journal.1.jsonl"));
        cr_expect_str_eq(after, before);
        free(before);
        free(after);
        ft_sweep_store_close(store);
    }
}

Test(sweep_faults, whose_lock_was_removed_still_has_its_journal)
{
    ft_sweep_store *first = sweep_must_open(0, 0);
    cr_assert_eq(unlink(sweep_store_path("lock")), 0);
    sweep_expect_refused(0, 0, 0, FT_BAD_INPUT, "journal.jsonl: another process still has it");
    sweep_expect_refused(1, 2, 0, FT_BAD_INPUT, "journal.jsonl: another process still has it");
    ft_sweep_store_close(first);
    ft_sweep_store_close(sweep_must_open(0, 0));
}
