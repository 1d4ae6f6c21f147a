/* The coordinator until its first worker is ready, with a simulated worker pool and a
 * simulated clock. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "host/experiment/engine.h"
#include "host/workers/coordinator.h"
#include "host/workers/protocol.h"

/* What workers do when they are started. */
typedef enum conduct { DIE, HANG, FAIL, TALK_NONSENSE } conduct;

typedef struct pool {
    conduct conduct;
    double now, suspended; /* seconds: how long the process is suspended in each wait */
    int n_started, n_killed, n_reaped, n_waits;
    bool is_running, is_gone, has_spoken;
    double stop_at; /* when the engine is told to stop; 0: never */
} pool;

static double now(void *context)
{
    return ((pool *)context)->now;
}

static ft_status start(void *context, int32_t worker, ft_error *err)
{
    pool *c = context;
    (void)err;
    cr_assert_eq(worker, 0, "only the first is needed before there is a plan");
    cr_assert_not(c->is_running);
    c->n_started++;
    c->is_running = true;
    c->is_gone = c->conduct == DIE;
    c->has_spoken = false;
    return FT_OK;
}

static ft_status send_to(void *context, int32_t worker, cJSON *message, ft_error *err)
{
    (void)context, (void)worker, (void)err;
    cJSON_Delete(message);
    return FT_OK;
}

static ft_status receive_from(void *context, int32_t worker, cJSON **message, ft_error *err)
{
    pool *c = context;
    (void)worker;
    *message = NULL;
    if (c->is_gone || c->conduct == TALK_NONSENSE) return ft_fail(err, FT_FAILED, "gone");
    if (c->conduct == FAIL && !c->has_spoken) {
        *message = ft_message("type", "failed");
        ft_json_set(message, "status", cJSON_CreateNumber(FT_BAD_INPUT));
        ft_json_set_string(message, "message", "no such device");
        c->has_spoken = true;
    }
    return FT_OK;
}

static int32_t wait_for_words(void *context, double seconds, int32_t *spoke)
{
    pool *c = context;
    cr_assert_lt(c->n_waits++, 1000000, "the coordinator waits for ever");
    c->now += seconds + c->suspended;
    spoke[0] = 0;
    return c->is_running && (c->is_gone || c->conduct == TALK_NONSENSE || c->conduct == FAIL);
}

static void kill_worker(void *context, int32_t worker)
{
    pool *c = context;
    (void)worker;
    c->n_killed++;
    c->is_gone = true;
}

static void hang_up(void *context, int32_t worker)
{
    (void)worker;
    ((pool *)context)->is_gone = true;
}

static void reap(void *context, int32_t worker, double seconds, char *how, size_t size)
{
    pool *c = context;
    (void)worker, (void)seconds;
    cr_assert(c->is_running && (c->is_gone || c->conduct == TALK_NONSENSE));
    c->is_running = false;
    c->n_reaped++;
    snprintf(how, size, "it died");
}

static int stop(void *context)
{
    const pool *c = context;
    return c->stop_at > 0 && c->now >= c->stop_at ? FT_STOP_AT_EPOCH : FT_STOP_NOT;
}

static ft_status coordinate(pool *c, ft_sweep_request request, ft_error *err)
{
    ft_engine engine = {.settings = {.stop = stop, .context = c}};
    ft_sweep sweep = {.engine = &engine, .request = &request};
    const ft_worker_pool body = {.context = c,
                                 .n_workers = 4,
                                 .ranks = 1,
                                 .sharing = 1,
                                 .now = now,
                                 .start = start,
                                 .send = send_to,
                                 .receive = receive_from,
                                 .wait = wait_for_words,
                                 .kill = kill_worker,
                                 .hang_up = hang_up,
                                 .reap = reap};
    ft_status status = ft_coordinate_pool(&sweep, &body, err);
    cr_expect_not(c->is_running, "a worker is left");
    cr_expect_eq(c->n_reaped, c->n_started);
    return status;
}

TestSuite(coordinator, .timeout = 500);

Test(coordinator, starts_a_first_worker_that_dies_again_as_often_as_retries_say)
{
    static const int64_t retries[] = {0, 1, 5};
    static const int tries[] = {2, 1, 5};
    for (int i = 0; i < 3; i++) {
        pool c = {.conduct = DIE};
        ft_error err = {""};
        cr_expect_eq(coordinate(&c, (ft_sweep_request){.retries = retries[i]}, &err), FT_FAILED);
        cr_expect_eq(c.n_started, tries[i]);
        cr_expect(strstr(err.message, "end before they begin") && strstr(err.message, "it died"), "%s",
                  err.message);
    }
}

Test(coordinator, ends_a_first_worker_that_hangs)
{
    pool c = {.conduct = HANG};
    ft_error err = {""};
    cr_expect_eq(coordinate(&c, (ft_sweep_request){.worker_timeout = 30}, &err), FT_FAILED);
    cr_expect_eq(c.n_started, 2);
    cr_expect(strstr(err.message, "its worker process gave no sign of life for 30 s"), "%s", err.message);
    cr_expect(c.now >= 60 && c.now < 63, "after %g s", c.now);
}

Test(coordinator, stops_while_the_first_worker_hangs)
{
    pool c = {.conduct = HANG, .stop_at = 100};
    ft_error err = {""};
    cr_expect_eq(coordinate(&c, (ft_sweep_request){0}, &err), FT_INTERRUPTED);
    cr_expect_eq(c.n_started, 1);
    cr_expect_lt(c.now, 101);
}

Test(coordinator, ends_nobody_for_the_time_in_which_all_are_suspended)
{
    pool c = {.conduct = HANG, .suspended = 3600, .stop_at = 25 * 3600};
    ft_error err = {""};
    cr_expect_eq(coordinate(&c, (ft_sweep_request){.worker_timeout = 30}, &err), FT_INTERRUPTED);
    cr_expect_eq(c.n_started, 1, "%s", err.message);
}

Test(coordinator, tells_what_a_first_worker_says_that_cannot_open_its_device)
{
    pool c = {.conduct = FAIL};
    ft_error err = {""};
    cr_expect_eq(coordinate(&c, (ft_sweep_request){0}, &err), FT_BAD_INPUT);
    cr_expect_str_eq(err.message, "no such device");
    cr_expect_eq(c.n_started, 1);
}

Test(coordinator, ends_who_says_what_is_no_message)
{
    pool c = {.conduct = TALK_NONSENSE};
    ft_error err = {""};
    cr_expect_eq(coordinate(&c, (ft_sweep_request){0}, &err), FT_FAILED);
    cr_expect_eq(c.n_started, 2);
    cr_expect_geq(c.n_killed, 2);
}
