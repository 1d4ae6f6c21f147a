/* What a sweep remembers on disk when several processes share it: locks, journals, and
 * whose a batch is. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "sweep_scratch.h"

TestSuite(sweep_store, .init = sweep_enter, .fini = sweep_leave);

Test(sweep_store, shards_share_what_one_process_has_alone)
{
    ft_sweep_store *one = sweep_must_open(1, 2);
    sweep_expect_refused(1, 2, 0, FT_BAD_INPUT, "shard 1/2 of sweep \"s\" is being run by process ");
    sweep_expect_refused(0, 0, 0, FT_BAD_INPUT, "is being run by process ");
    sweep_expect_refused(2, 3, 0, FT_BAD_INPUT, "shards of the same number");
    sweep_expect_refused(2, 2, 1, FT_BAD_INPUT, "its seed differs");
    ft_sweep_store *two = sweep_must_open(2, 2);
    ft_sweep_store_close(one);
    sweep_expect_refused(0, 0, 0, FT_BAD_INPUT, "shard 2/2");
    one = sweep_must_open(1, 2);
    ft_sweep_store_close(one);
    ft_sweep_store_close(two);
    ft_sweep_store *whole = sweep_must_open(0, 0);
    sweep_expect_refused(1, 2, 0, FT_BAD_INPUT, "is being run by process ");
    ft_sweep_store_close(whole);
    ft_sweep_store_close(sweep_must_open(3, 3));
}

/* Killed, and started again at once: what is on its way out is waited for. */
Test(sweep_store, a_process_that_is_going_is_no_refusal)
{
    int ends[2];
    char ready = 0;
    cr_assert_eq(pipe(ends), 0);
    const pid_t holder = fork();
    if (holder == 0) {
        ft_sweep_store *held = sweep_must_open(0, 0);
        if (held && write(ends[1], "r", 1) == 1) nanosleep(&(struct timespec){.tv_nsec = 400000000}, NULL);
        _exit(0);
    }
    cr_assert(holder > 0 && read(ends[0], &ready, 1) == 1);
    ft_sweep_store_close(sweep_must_open(0, 0));
    waitpid(holder, NULL, 0);
}

/* The lock is the kernel's: the file that a dead process left, on this host or another,
 * holds nobody up. */
Test(sweep_store, what_a_dead_process_left_is_no_lock)
{
    static const char *const holders[] = {
        "process 1 on another-host since 2020-01-01 00:00:00\n",
        "process 999999999 on this host since 2020-01-01 00:00:00, shard 2/3\n", "", "\xff\xff"};
    ft_sweep_store_close(sweep_must_open(0, 0));
    for (size_t i = 0; i < sizeof holders / sizeof *holders; i++) {
        sweep_write(sweep_store_path("lock"), holders[i]);
        ft_sweep_store_close(sweep_must_open(0, 0));
        ft_sweep_store_close(sweep_must_open(1, 2));
    }
}

Test(sweep_store, each_batch_is_one_shards)
{
    for (int32_t count = 1; count <= 4; count++) {
        int owners[3] = {0};
        for (int32_t index = 1; index <= count; index++) {
            ft_sweep_store *store = sweep_must_open(index, count);
            for (size_t b = 0; b < 3; b++) owners[b] += ft_sweep_store_owns(store, b);
            ft_sweep_store_close(store);
        }
        for (size_t b = 0; b < 3; b++) cr_expect_eq(owners[b], 1, "batch %zu of %d shards", b, count);
    }
}

Test(sweep_store, what_any_shard_records_counts)
{
    ft_sweep_store *one = sweep_must_open(1, 2), *two = sweep_must_open(2, 2);
    ft_error err = {""};
    sweep_record(two, 2, sweep_id(2));
    cr_expect_null(ft_sweep_store_done(one, 2));
    cr_assert_eq(ft_sweep_store_refresh(one, &err), FT_OK, "%s", err.message);
    cr_expect_str_eq(ft_sweep_store_done(one, 2), sweep_id(2));
    ft_sweep_store_close(one);
    ft_sweep_store_close(two);
    ft_sweep_store *whole = sweep_must_open(0, 0);
    cr_expect_str_eq(ft_sweep_store_done(whole, 2), sweep_id(2));
    ft_sweep_store_close(whole);
}

Test(sweep_store, what_another_shard_is_at_is_left_alone)
{
    ft_sweep_store *two = sweep_must_open(2, 2);
    sweep_start(two, 2, sweep_id(2), false);
    ft_sweep_store *one = sweep_must_open(1, 2);
    cr_expect(sweep_exists(sweep_path(sweep_id(2))));
    ft_sweep_store_close(one);
    ft_sweep_store_close(two);
    /* Its own shard knows that it died at it; so does whoever finds nobody at the
     * sweep. */
    two = sweep_must_open(2, 2);
    cr_expect_not(sweep_exists(sweep_path(sweep_id(2))));
    sweep_start(two, 2, "s_003_20260101_000000_2", false);
    ft_sweep_store_close(two);
    ft_sweep_store_close(sweep_must_open(1, 3));
    cr_expect_not(sweep_exists(sweep_path("s_003_20260101_000000_2")));
}

Test(sweep_store, a_result_without_its_line_is_adopted_for_all)
{
    ft_sweep_store *two = sweep_must_open(2, 2);
    sweep_start(two, 2, sweep_id(2), true);
    ft_sweep_store_close(two);
    ft_sweep_store *three = sweep_must_open(3, 3), *first = sweep_must_open(1, 3);
    cr_expect_str_eq(ft_sweep_store_done(three, 2), sweep_id(2));
    cr_assert(ft_sweep_store_done(first, 2));
    ft_sweep_store_close(first);
    ft_sweep_store_close(three);
}

Test(sweep_store, halves_are_the_shards_and_keep_their_numbers)
{
    ft_error err = {""};
    size_t n = 0;
    ft_sweep_store *one = sweep_must_open(1, 3), *two = sweep_must_open(2, 3);
    cr_assert_eq(ft_sweep_store_split(two, 1, (size_t[]){2, 3}, 2, &err), FT_OK);
    cr_assert_eq(ft_sweep_store_split(one, 0, (size_t[]){0, 1}, 2, &err), FT_OK);
    ft_sweep_store_batches(one, &n);
    cr_assert_eq(n, 5);
    cr_expect(ft_sweep_store_owns(one, 3) && ft_sweep_store_owns(one, 4));
    const ft_sweep_batch *batches = ft_sweep_store_batches(two, &n);
    char checkpoint[256];
    snprintf(checkpoint, sizeof checkpoint, "%s", ft_sweep_store_checkpoint(two, 4));
    size_t number = batches[4].number;
    cr_expect_eq(batches[4].trajectories[0], 3);
    ft_sweep_store_close(one);
    ft_sweep_store_close(two);
    /* Whoever reads the journals, in whichever order they were written. */
    two = sweep_must_open(2, 3);
    batches = ft_sweep_store_batches(two, &n);
    cr_assert_eq(n, 7);
    bool found = false;
    for (size_t b = 3; b < n; b++) {
        cr_expect_eq(ft_sweep_store_owns(two, b),
                     batches[b].trajectories[0] == 2 || batches[b].trajectories[0] == 3);
        if (batches[b].number != number) continue;
        found = true;
        cr_expect_eq(batches[b].trajectories[0], 3);
        cr_expect_str_eq(ft_sweep_store_checkpoint(two, b), checkpoint);
    }
    cr_expect(found);
    ft_sweep_store_close(two);
}

Test(sweep_store, halves_of_halves_are_found_in_any_journal)
{
    /* The whole is split by shard 2, its half, later, by shard 1, whose journal is read
     * first. */
    ft_error err = {""};
    cJSON *plan = NULL;
    const char *text =
        "{\"schema_version\":6,\"trajectories\":4,\"configurations\":[1,2,3,4],\"batches\":[[0,4,4]]}";
    cr_assert_eq(ft_json_parse(text, strlen(text), "plan", &plan, &err), FT_OK);
    ft_sweep_store *store = NULL;
    size_t n = 0, *of = (size_t[]){0, 1, 2, 3};
    cr_assert_eq(ft_sweep_store_open(sweep_results(), "s", (ft_shard){2, 2}, plan, NULL, NULL, &store, &err),
                 FT_OK);
    cr_assert_eq(ft_sweep_store_split(store, 0, of, 4, &err), FT_OK);
    ft_sweep_store_close(store);
    cr_assert_eq(ft_sweep_store_open(sweep_results(), "s", (ft_shard){1, 1}, plan, NULL, NULL, &store, &err),
                 FT_OK);
    cr_assert_eq(ft_sweep_store_split(store, 2, of + 2, 2, &err), FT_OK);
    ft_sweep_store_close(store);
    cr_assert_eq(ft_sweep_store_open(sweep_results(), "s", (ft_shard){0, 0}, plan, NULL, NULL, &store, &err),
                 FT_OK, "%s", err.message);
    const ft_sweep_batch *batches = ft_sweep_store_batches(store, &n);
    cr_assert_eq(n, 5);
    cr_expect(batches[2].is_split && !batches[1].is_split);
    cr_expect_eq(batches[3].count, 1);
    cr_expect_eq(batches[3].trajectories[0], 2);
    cr_expect_eq(batches[3].number, 7);
    cr_expect_eq(batches[4].number, 8);
    ft_sweep_store_close(store);
    cJSON_Delete(plan);
}
