/* Which batch is next after workers have died. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "host/experiment/engine.h"
#include "host/workers/batch_queue.h"

/* Eight configurations, each a trajectory, in batches of five and three, and their
 * handing out. */
enum { CONFIGURATIONS = 8 };
static char results[64];
static size_t members[CONFIGURATIONS];
static ft_trajectory trajectories[CONFIGURATIONS];
static ft_sweep_request request;
static ft_engine engine;
static ft_sweep sweep;
static ft_batch_queue queue;

static void open_queue(void)
{
    static const char text[] =
        "{\"schema_version\":6,\"trajectories\":8,\"configurations\":[1,2,3,4,5,6,7,8],"
        "\"batches\":[[0,5,2],[5,3,2]]}";
    cJSON *plan = NULL;
    ft_error err = {""};
    strcpy(results, "/tmp/ftgpu_queue_XXXXXX");
    cr_assert(mkdtemp(results));
    for (size_t i = 0; i < CONFIGURATIONS; i++) {
        members[i] = i;
        trajectories[i] = (ft_trajectory){i, 1};
    }
    sweep = (ft_sweep){.engine = &engine,
                       .request = &request,
                       .plan = {.members = members,
                                .n_members = CONFIGURATIONS,
                                .trajectories = trajectories,
                                .n_trajectories = CONFIGURATIONS}};
    cr_assert_eq(ft_json_parse(text, strlen(text), "plan", &plan, &err), FT_OK, "%s", err.message);
    cr_assert_eq(ft_sweep_store_open(results, "s", (ft_shard){0}, plan, NULL, NULL, &sweep.store, &err),
                 FT_OK, "%s", err.message);
    cr_assert_eq(ft_batch_queue_open(&queue, &sweep, &err), FT_OK, "%s", err.message);
    cJSON_Delete(plan);
}

static void close_queue(void)
{
    ft_batch_queue_close(&queue);
    ft_sweep_store_close(sweep.store);
    ft_remove_tree(results);
}

TestSuite(queue, .init = open_queue, .fini = close_queue);

/* The next batch is this one, and its worker dies. */
static void die_at(int64_t batch)
{
    ft_error err = {""};
    int64_t taken = ft_batch_queue_take(&queue);
    cr_assert_eq(taken, batch, "batch %d came instead of %d", (int)taken, (int)batch);
    cr_assert_eq(ft_batch_queue_requeue_after_death(&queue, (size_t)batch, false, "died", &err), FT_OK, "%s",
                 err.message);
}

/* The next batch is this one, and there is not enough memory for it. */
static void lack_memory_at(int64_t batch)
{
    ft_error err = {""};
    int64_t taken = ft_batch_queue_take(&queue);
    cr_assert_eq(taken, batch, "batch %d came instead of %d", (int)taken, (int)batch);
    cr_assert_eq(ft_batch_queue_split_on_oom(&queue, (size_t)batch, "no memory", &err), FT_OK, "%s",
                 err.message);
}

static void record(size_t configuration)
{
    char id[32], path[128];
    ft_error err = {""};
    snprintf(id, sizeof id, "s_%03zu_20260101_000000", configuration + 1);
    snprintf(path, sizeof path, "%s/%s", results, id);
    cr_assert_eq(ft_make_directories(path, &err), FT_OK, "%s", err.message);
    strcat(path, "/results.json");
    cr_assert_eq(ft_write_file(path, "{}", 2, &err), FT_OK, "%s", err.message);
    cr_assert_eq(ft_sweep_store_start(sweep.store, configuration, id, &err), FT_OK, "%s", err.message);
    cr_assert_eq(ft_sweep_store_finish(sweep.store, configuration, id, false, &err), FT_OK, "%s",
                 err.message);
}

static size_t n_batches(void)
{
    size_t n = 0;
    ft_sweep_store_batches(sweep.store, &n);
    return n;
}

Test(queue, goes_on_after_a_death_and_cuts_in_two_after_the_second)
{
    die_at(0);
    cr_expect_eq(n_batches(), 2);
    die_at(0);
    cr_expect_eq(n_batches(), 4);
}

Test(queue, cuts_nothing_that_brings_results_between_deaths)
{
    for (size_t i = 0; i < 3; i++) {
        die_at(0);
        record(i);
    }
    cr_expect_eq(n_batches(), 2);
    die_at(0); /* the first without a result before */
    die_at(0);
    cr_assert_eq(n_batches(), 5, "it brings no more: two halves, and what is recorded");
    size_t n = 0;
    cr_expect_eq(ft_sweep_store_batches(sweep.store, &n)[2].count, 1, "two of five were left");
}

Test(queue, lets_halves_wait_where_their_whole_was)
{
    die_at(0);
    die_at(0);
    for (int64_t next = 2; next < 4; next++) cr_expect_eq(ft_batch_queue_take(&queue), next);
    cr_expect_eq(ft_batch_queue_take(&queue), 1, "the shorter batch comes after the halves of the longer");
    cr_expect(ft_batch_queue_is_empty(&queue));
}

Test(queue, cuts_a_half_again_at_its_first_death_until_one_is_left_to_blame)
{
    die_at(0);
    die_at(0); /* 2: configurations 0 to 2, 3: 3 and 4 */
    die_at(2); /* 4: 0 and 1, 5: 2 */
    cr_expect_eq(n_batches(), 6);
    cr_expect_eq(ft_batch_queue_take(&queue), 3);
    die_at(4); /* 6: 0, 7: 1 */
    cr_expect_eq(n_batches(), 8);
    die_at(5);
    cr_expect_null(queue.statuses[5].given_up, "one that stands alone has all its tries");
    die_at(5);
    cr_expect_str_eq(queue.statuses[5].given_up, "died, 2 times");
}

static void leave_undone(int64_t batch, ft_status status)
{
    ft_error err = {""};
    cr_assert_eq(ft_batch_queue_take(&queue), batch);
    cr_expect_eq(ft_batch_queue_end(&queue, (size_t)batch, &err), status, "%s", err.message);
}

static void write_checkpoint(size_t batch)
{
    ft_error err = {""};
    cr_assert_eq(ft_write_file(ft_sweep_store_checkpoint(sweep.store, batch), "weights", 7, &err), FT_OK,
                 "%s", err.message);
}

/* The checkpoint of a batch takes a result for recorded that somebody has deleted
 * since. */
Test(queue, begins_a_batch_anew_whose_results_are_gone)
{
    char checkpoint[256];
    snprintf(checkpoint, sizeof checkpoint, "%s", ft_sweep_store_checkpoint(sweep.store, 0));
    for (size_t i = 1; i < 5; i++) record(i);
    write_checkpoint(0);
    leave_undone(0, FT_OK);
    cr_expect_neq(access(checkpoint, F_OK), 0, "it would be gone on from the checkpoint again");
    cr_expect_eq(ft_batch_queue_take(&queue), 0);
    record(0);
    ft_error err = {""};
    write_checkpoint(0);
    cr_expect_eq(ft_batch_queue_end(&queue, 0, &err), FT_OK, "%s", err.message);
    cr_expect_neq(access(checkpoint, F_OK), 0);
    cr_expect_eq(ft_batch_queue_take(&queue), 1, "the batch is over");
}

Test(queue, fails_where_a_batch_stays_undone_however_often_it_begins)
{
    leave_undone(0, FT_OK);
    record(0);
    leave_undone(0, FT_OK); /* it brought a result */
    leave_undone(0, FT_FAILED);
}

Test(queue, tries_again_what_lacked_memory_before_it_is_cut)
{
    lack_memory_at(0);
    cr_expect_eq(n_batches(), 2, "another program may have had the memory for a moment");
    lack_memory_at(0); /* 2: configurations 0 to 2, 3: 3 and 4 */
    cr_expect_eq(n_batches(), 4);
    lack_memory_at(2); /* 4: 0 and 1, 5: 2 */
    cr_expect_eq(n_batches(), 6, "half of it is cut at once");
}

Test(queue, tries_again_the_one_trajectory_that_is_left_of_what_lacked_memory)
{
    cr_assert_eq(ft_batch_queue_take(&queue), 0);
    cr_assert_eq(ft_batch_queue_take(&queue), 1);
    for (size_t i = 5; i < 7; i++) record(i);
    ft_error err = {""};
    cr_assert_eq(ft_batch_queue_split_on_oom(&queue, 1, "no memory", &err), FT_OK, "%s", err.message);
    cr_expect_null(queue.statuses[1].given_up);
    cr_assert_eq(ft_batch_queue_split_on_oom(&queue, 1, "no memory", &err), FT_OK, "%s", err.message);
    cr_expect_str_eq(queue.statuses[1].given_up, "no memory");
    cr_expect_eq(n_batches(), 2);
    cr_expect_eq(ft_batch_queue_split_on_oom(&queue, 1, "again", &err), FT_NO_MEMORY);
}
