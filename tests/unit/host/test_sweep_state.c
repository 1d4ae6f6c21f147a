/* What a sweep remembers on disk when several processes share it: locks, journals, and whose a batch is. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "host/sweep_state.h"

static char results[64];

static void make_results(void)
{
    strcpy(results, "/tmp/ftgpu_state_XXXXXX");
    cr_assert(mkdtemp(results));
}

static void remove_results(void)
{
    ft_remove_tree(results);
}

TestSuite(sweep_state, .init = make_results, .fini = remove_results);

/* Six configurations, each a trajectory, in three batches of two; `seed` makes it another sweep. */
static ft_status open_state(int32_t index, int32_t count, int seed, ft_sweep_state **state, ft_error *err)
{
    char text[256];
    cJSON *plan = NULL;
    snprintf(
        text, sizeof text,
        "{\"seed\":%d,\"configurations\":[[1],[2],[3],[4],[5],[6]],\"batches\":[[0,2,2],[2,2,2],[4,2,2]]}",
        seed);
    cr_assert_eq(ft_json_parse(text, strlen(text), "plan", &plan, err), FT_OK);
    ft_status status = ft_sweep_state_open(results, "s", (ft_shard){index, count}, plan, state, err);
    cJSON_Delete(plan);
    return status;
}

static ft_sweep_state *must_open(int32_t index, int32_t count)
{
    ft_sweep_state *state = NULL;
    ft_error err = {""};
    cr_assert_eq(open_state(index, count, 0, &state, &err), FT_OK, "%s", err.message);
    return state;
}

static void expect_refused(int32_t index, int32_t count, int seed, const char *why)
{
    ft_sweep_state *state = NULL;
    ft_error err = {""};
    cr_expect_eq(open_state(index, count, seed, &state, &err), FT_BAD_INPUT, "%d/%d", index, count);
    cr_expect(strstr(err.message, why), "%d/%d: %s", index, count, err.message);
    ft_sweep_state_close(state);
}

/* An experiment's directory, with a result in it or none. */
static void make_experiment(const char *id, bool has_result)
{
    char path[128];
    ft_error err;
    snprintf(path, sizeof path, "%s/%s", results, id);
    cr_assert_eq(ft_make_directories(path, &err), FT_OK);
    strcat(path, "/results.json");
    if (has_result) cr_assert_eq(ft_write_file(path, "{\"error\":null}", 14, &err), FT_OK);
}

static bool has_experiment(const char *id)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", results, id);
    return ft_path_exists(path);
}

static void start(ft_sweep_state *state, size_t index, const char *id, bool has_result)
{
    ft_error err;
    cr_assert_eq(ft_sweep_state_start(state, index, id, &err), FT_OK);
    make_experiment(id, has_result);
}

static void record(ft_sweep_state *state, size_t index, const char *id)
{
    ft_error err;
    start(state, index, id, true);
    cr_assert_eq(ft_sweep_state_finish(state, index, id, false, &err), FT_OK);
}

Test(sweep_state, shards_share_what_one_process_has_alone)
{
    ft_sweep_state *one = must_open(1, 2);
    expect_refused(1, 2, 0, "shard 1/2 of sweep \"s\" is being run by process ");
    expect_refused(0, 0, 0, "is being run by process ");
    expect_refused(2, 3, 0, "shards of the same number");
    expect_refused(2, 2, 1, "its seed differs");
    ft_sweep_state *two = must_open(2, 2);
    ft_sweep_state_close(one);
    expect_refused(0, 0, 0, "shard 2/2");
    one = must_open(1, 2);
    ft_sweep_state_close(one);
    ft_sweep_state_close(two);
    ft_sweep_state *whole = must_open(0, 0);
    expect_refused(1, 2, 0, "is being run by process ");
    ft_sweep_state_close(whole);
    ft_sweep_state_close(must_open(3, 3));
}

/* The lock is the kernel's: the file that a dead process left, on this host or another, holds nobody up. */
Test(sweep_state, what_a_dead_process_left_is_no_lock)
{
    static const char *const holders[] = {
        "process 1 on another-host since 2020-01-01 00:00:00\n",
        "process 999999999 on this host since 2020-01-01 00:00:00, shard 2/3\n", "", "\xff\xff"};
    char path[128];
    ft_error err;
    ft_sweep_state_close(must_open(0, 0));
    for (size_t i = 0; i < sizeof holders / sizeof *holders; i++) {
        snprintf(path, sizeof path, "%s/.sweeps/s/lock", results);
        cr_assert_eq(ft_write_file(path, holders[i], strlen(holders[i]), &err), FT_OK);
        ft_sweep_state_close(must_open(0, 0));
        ft_sweep_state_close(must_open(1, 2));
    }
}

Test(sweep_state, each_batch_is_one_shards)
{
    for (int32_t count = 1; count <= 4; count++) {
        int owners[3] = {0};
        for (int32_t index = 1; index <= count; index++) {
            ft_sweep_state *state = must_open(index, count);
            for (size_t b = 0; b < 3; b++) owners[b] += ft_sweep_state_owns(state, b);
            ft_sweep_state_close(state);
        }
        for (size_t b = 0; b < 3; b++) cr_expect_eq(owners[b], 1, "batch %zu of %d shards", b, count);
    }
}

Test(sweep_state, what_any_shard_records_counts)
{
    ft_sweep_state *one = must_open(1, 2), *two = must_open(2, 2);
    ft_error err = {""};
    record(two, 2, "s_003");
    cr_expect_null(ft_sweep_state_done(one, 2));
    cr_assert_eq(ft_sweep_state_refresh(one, &err), FT_OK, "%s", err.message);
    cr_expect_str_eq(ft_sweep_state_done(one, 2), "s_003");
    ft_sweep_state_close(one);
    ft_sweep_state_close(two);
    ft_sweep_state *whole = must_open(0, 0);
    cr_expect_str_eq(ft_sweep_state_done(whole, 2), "s_003");
    ft_sweep_state_close(whole);
}

Test(sweep_state, what_another_shard_is_at_is_left_alone)
{
    ft_sweep_state *two = must_open(2, 2);
    start(two, 2, "s_003", false);
    ft_sweep_state *one = must_open(1, 2);
    cr_expect(has_experiment("s_003"));
    ft_sweep_state_close(one);
    ft_sweep_state_close(two);
    /* Its own shard knows that it died at it; so does whoever finds nobody at the sweep. */
    two = must_open(2, 2);
    cr_expect_not(has_experiment("s_003"));
    start(two, 2, "s_003_2", false);
    ft_sweep_state_close(two);
    ft_sweep_state_close(must_open(1, 3));
    cr_expect_not(has_experiment("s_003_2"));
}

Test(sweep_state, a_result_without_its_line_is_adopted_for_all)
{
    ft_sweep_state *two = must_open(2, 2);
    start(two, 2, "s_003", true);
    ft_sweep_state_close(two);
    ft_sweep_state *three = must_open(3, 3), *first = must_open(1, 3);
    cr_expect_str_eq(ft_sweep_state_done(three, 2), "s_003");
    cr_assert(ft_sweep_state_done(first, 2));
    ft_sweep_state_close(first);
    ft_sweep_state_close(three);
}

Test(sweep_state, halves_are_the_shards_and_keep_their_numbers)
{
    ft_error err = {""};
    size_t n = 0;
    ft_sweep_state *one = must_open(1, 3), *two = must_open(2, 3);
    cr_assert_eq(ft_sweep_state_split(two, 1, (size_t[]){2, 3}, 2, &err), FT_OK);
    cr_assert_eq(ft_sweep_state_split(one, 0, (size_t[]){0, 1}, 2, &err), FT_OK);
    ft_sweep_state_batches(one, &n);
    cr_assert_eq(n, 5);
    cr_expect(ft_sweep_state_owns(one, 3) && ft_sweep_state_owns(one, 4));
    const ft_sweep_batch *batches = ft_sweep_state_batches(two, &n);
    char checkpoint[256];
    snprintf(checkpoint, sizeof checkpoint, "%s", ft_sweep_state_checkpoint(two, 4));
    size_t number = batches[4].number;
    cr_expect_eq(batches[4].trajectories[0], 3);
    ft_sweep_state_close(one);
    ft_sweep_state_close(two);
    /* Whoever reads the journals, in whichever order they were written. */
    two = must_open(2, 3);
    batches = ft_sweep_state_batches(two, &n);
    cr_assert_eq(n, 7);
    bool found = false;
    for (size_t b = 3; b < n; b++) {
        cr_expect_eq(ft_sweep_state_owns(two, b),
                     batches[b].trajectories[0] == 2 || batches[b].trajectories[0] == 3);
        if (batches[b].number != number) continue;
        found = true;
        cr_expect_eq(batches[b].trajectories[0], 3);
        cr_expect_str_eq(ft_sweep_state_checkpoint(two, b), checkpoint);
    }
    cr_expect(found);
    ft_sweep_state_close(two);
}

Test(sweep_state, halves_of_halves_are_found_in_any_journal)
{
    /* The whole is split by shard 2, its half, later, by shard 1, whose journal is read first. */
    ft_error err = {""};
    cJSON *plan = NULL;
    const char *text = "{\"configurations\":[[1],[2],[3],[4]],\"batches\":[[0,4,4]]}";
    cr_assert_eq(ft_json_parse(text, strlen(text), "plan", &plan, &err), FT_OK);
    ft_sweep_state *state = NULL;
    size_t n = 0, *of = (size_t[]){0, 1, 2, 3};
    cr_assert_eq(ft_sweep_state_open(results, "s", (ft_shard){2, 2}, plan, &state, &err), FT_OK);
    cr_assert_eq(ft_sweep_state_split(state, 0, of, 4, &err), FT_OK);
    ft_sweep_state_close(state);
    cr_assert_eq(ft_sweep_state_open(results, "s", (ft_shard){1, 1}, plan, &state, &err), FT_OK);
    cr_assert_eq(ft_sweep_state_split(state, 2, of + 2, 2, &err), FT_OK);
    ft_sweep_state_close(state);
    cr_assert_eq(ft_sweep_state_open(results, "s", (ft_shard){0, 0}, plan, &state, &err), FT_OK, "%s",
                 err.message);
    const ft_sweep_batch *batches = ft_sweep_state_batches(state, &n);
    cr_assert_eq(n, 5);
    cr_expect(batches[2].is_split && !batches[1].is_split);
    cr_expect_eq(batches[3].count, 1);
    cr_expect_eq(batches[3].trajectories[0], 2);
    cr_expect_eq(batches[3].number, 5);
    cr_expect_eq(batches[4].number, 6);
    ft_sweep_state_close(state);
    cJSON_Delete(plan);
}
