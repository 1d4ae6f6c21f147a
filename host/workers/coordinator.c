/* Trains a sweep by workers; see coordinator.h. batch_queue.h decides which batch is
 * next; worker_pool.h reaches the workers. */
#include "host/workers/coordinator.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "host/sweep/live_report.h"
#include "host/workers/batch_queue.h"
#include "host/workers/process_pool.h"
#include "host/workers/protocol.h"

enum { DEFAULT_TIMEOUT = 1800 };

/* Seconds between looks whether to stop, and the least seconds between two syncs of
 * the journal. Lines that come sooner share one sync, so that a thousand workers wait
 * for the disk no longer than one. */
static const double LOOK_EVERY = 0.2, SYNC_EVERY = 0.01;

/* Seconds that workers get before they are killed: STOPPING for those that must finish
 * a step and write a checkpoint, ENDING for those whose process is about to exit. */
static const double ENDING = 5, STOPPING = 20;

typedef struct worker {
    bool is_running, is_ready;
    bool was_silent;   /* it sent nothing for too long and was killed */
    int64_t batch;     /* FT_NO_BATCH: idle */
    double last_heard; /* on the coordinator's clock */
    /* what to send once the journal is on disk; NULL: nothing */
    cJSON *answer;
} worker;

typedef struct coordinator {
    ft_sweep *sweep;
    const ft_worker_pool *pool;
    worker *workers;     /* (pool->n_workers) */
    int32_t *spoke;      /* (pool->n_workers): numbers that the last wait returned */
    int32_t idle_deaths; /* deaths of workers without a batch, since one was last ready */
    int32_t n_waiting;   /* workers whose answer is not sent yet */
    double last_sync;
    ft_awake_clock clock; /* read once a round */
    ft_batch_queue queue;
    ft_stop told; /* the stop that workers were told */
    double told_at;
    bool knows_device;
    ft_sweep_device device; /* as the first worker that was ready described it */
} coordinator;

static double now(const coordinator *c)
{
    return c->pool->now(c->pool->context);
}

static double timeout_of(const coordinator *c)
{
    double timeout = c->sweep->request->worker_timeout;
    return timeout > 0 ? timeout : DEFAULT_TIMEOUT;
}

/* Sends a message. If the worker is gone, the next read from it says so; the only
 * failure is FT_NO_MEMORY: nothing was sent. */
static ft_status say(const coordinator *c, int32_t number, cJSON *message, ft_error *err)
{
    ft_status status = c->pool->send(c->pool->context, number, message, err);
    return status == FT_NO_MEMORY ? status : FT_OK;
}

/* Takes back the answer that was not sent yet; NULL if there is none. */
static cJSON *take_answer(coordinator *c, int32_t number)
{
    cJSON *message = c->workers[number].answer;
    if (message) c->n_waiting--;
    c->workers[number].answer = NULL;
    return message;
}

/* Keeps the answer to a worker until the journal is on disk. Takes ownership of the
 * message. */
static ft_status answer(coordinator *c, int32_t number, cJSON *message, ft_error *err)
{
    if (!message) return ft_no_memory(err, "a message", 256);
    cJSON_Delete(take_answer(c, number));
    c->workers[number].answer = message;
    c->n_waiting++;
    return FT_OK;
}

/* -- workers come and go -- */

static ft_status start_worker(coordinator *c, int32_t number, ft_error *err)
{
    ft_status status = c->pool->start(c->pool->context, number, err);
    if (status == FT_OK)
        c->workers[number] =
            (worker){.is_running = true, .batch = FT_NO_BATCH, .last_heard = c->clock.seconds};
    return status;
}

static void reap(coordinator *c, int32_t number, double seconds, char *how, size_t size)
{
    c->pool->reap(c->pool->context, number, seconds, how, size);
    c->workers[number].is_running = false;
    cJSON_Delete(take_answer(c, number));
}

/* A worker that dies before it has a batch is restarted. The limit is the retries of a
 * batch, for each worker. */
static ft_status count_idle_death(coordinator *c, const worker *w, const char *why, ft_error *err)
{
    int32_t most = ft_batch_queue_retries(c->sweep) * (c->knows_device ? c->pool->n_workers : 1);
    if (++c->idle_deaths >= most)
        return ft_fail(err, FT_FAILED, "workers end before they begin, %d of them in a row: %s",
                       (int)c->idle_deaths, why);
    ft_engine_say(c->sweep->engine, "a worker ended %s: %s",
                  w->is_ready ? "between two batches" : "before it began", why);
    return FT_OK;
}

static ft_status handle_death(coordinator *c, int32_t number, ft_error *err)
{
    char why[200];
    worker *w = &c->workers[number];
    int64_t batch = w->batch;
    reap(c, number, ENDING, why, sizeof why);
    if (w->was_silent)
        snprintf(why, sizeof why, "its worker process gave no sign of life for %g s", timeout_of(c));
    w->batch = FT_NO_BATCH;
    if (batch == FT_NO_BATCH) return count_idle_death(c, w, why, err);
    return ft_batch_queue_requeue_after_death(&c->queue, (size_t)batch, c->told != FT_STOP_NOT, why, err);
}

/* Gives idle workers batches, and starts workers where one is missing for them. */
static ft_status assign(coordinator *c, ft_error *err)
{
    ft_status status = FT_OK;
    for (int32_t i = 0; i < c->pool->n_workers && status == FT_OK; i++) {
        worker *w = &c->workers[i];
        if (w->is_running && (!w->is_ready || w->batch != FT_NO_BATCH)) continue;
        if (ft_batch_queue_is_empty(&c->queue)) break;
        if (!w->is_running) {
            status = start_worker(c, i, err);
            continue;
        }
        int64_t batch = ft_batch_queue_take(&c->queue);
        w->batch = batch;
        w->last_heard = c->clock.seconds;
        status = say(c, i, ft_batch_queue_describe(&c->queue, (size_t)batch), err);
    }
    return status;
}

/* -- what workers say -- */

/* Reads the epochs of n trajectories out of a message. */
static ft_status read_epochs(const coordinator *c, const cJSON *message, int n, size_t *trajectories,
                             ft_epoch *epochs, ft_error *err)
{
    const cJSON *number = cJSON_GetObjectItemCaseSensitive(message, "trajectories"),
                *at = cJSON_GetObjectItemCaseSensitive(message, "epochs"),
                *loss = cJSON_GetObjectItemCaseSensitive(message, "val_losses");
    number = number ? number->child : NULL;
    at = at ? at->child : NULL;
    loss = loss ? loss->child : NULL;
    for (int k = 0; k < n; k++) {
        if (!cJSON_IsNumber(number) || !cJSON_IsNumber(at) || !(number->valuedouble >= 0) ||
            !(number->valuedouble < (double)c->sweep->plan.n_trajectories) || at->valueint < 1)
            return ft_fail(err, FT_FAILED, "a worker speaks of a trajectory that is not of the plan");
        trajectories[k] = (size_t)number->valuedouble;
        epochs[k].epoch = at->valueint;
        epochs[k].val_loss = cJSON_IsNumber(loss) ? loss->valuedouble : (double)NAN;
        number = number->next;
        at = at->next;
        loss = loss ? loss->next : NULL;
    }
    return FT_OK;
}

static ft_status hear_epochs(coordinator *c, int32_t number, const cJSON *message, ft_error *err)
{
    int n = cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(message, "trajectories"));
    size_t *trajectories = calloc((size_t)n + 1, sizeof *trajectories);
    ft_epoch *epochs = calloc((size_t)n + 1, sizeof *epochs);
    bool *pruned = calloc((size_t)n + 1, sizeof *pruned);
    ft_status status = trajectories && epochs && pruned
                           ? read_epochs(c, message, n, trajectories, epochs, err)
                           : ft_no_memory(err, "the scheduler", (size_t)n * sizeof *epochs);
    if (status == FT_OK) status = ft_sweep_judge(c->sweep, trajectories, epochs, n, pruned, err);
    if (status == FT_OK) {
        cJSON *reply = ft_message("type", "prune"), *list = cJSON_CreateArray();
        for (int k = 0; k < n; k++) ft_json_append(&list, cJSON_CreateBool(pruned[k]));
        ft_json_set(&reply, "pruned", list);
        status = answer(c, number, reply, err);
    }
    free(pruned);
    free(epochs);
    free(trajectories);
    return status;
}

/* The worker is done with its batch, finished or not. */
static ft_status hear_done(coordinator *c, worker *w, const cJSON *message, ft_error *err)
{
    if (w->batch == FT_NO_BATCH) return FT_OK;
    size_t batch = (size_t)w->batch;
    ft_status ended = (ft_status)ft_message_number(message, "status", FT_FAILED);
    const char *why = ft_message_text(message, "message");
    w->batch = FT_NO_BATCH;
    if (ended == FT_OK) return ft_batch_queue_end(&c->queue, batch, err);
    if (ended == FT_INTERRUPTED && c->told != FT_STOP_NOT)
        return ft_batch_queue_requeue(&c->queue, batch, err);
    if (ended == FT_NO_MEMORY) return ft_batch_queue_split_on_oom(&c->queue, batch, why, err);
    return ft_fail(err, ended, "%s", *why ? why : "a worker left its batch undone");
}

/* A configuration is about to be recorded, or is recorded. The worker waits for an
 * answer, which is sent once the journal line is on disk. */
static ft_status hear_record(coordinator *c, int32_t number, const cJSON *message, ft_error *err)
{
    double value = ft_message_number(message, "configuration", -1);
    if (!(value >= 0 && value < (double)c->sweep->grid.count))
        return ft_fail(err, FT_FAILED, "a worker speaks of a configuration that is not of the sweep");
    size_t configuration = (size_t)value;
    ft_status status;
    if (ft_message_is(message, "type", "begin")) {
        status =
            ft_sweep_begin_record(c->sweep, configuration, ft_message_text(message, "experiment_id"), err);
    } else {
        ft_outcome outcome;
        ft_outcome_from_json(cJSON_GetObjectItemCaseSensitive(message, "outcome"), &outcome);
        status = ft_sweep_finish_record(c->sweep, configuration, &outcome, err);
    }
    return status == FT_OK ? answer(c, number, ft_message("type", "go"), err) : status;
}

static ft_status hear_event(const coordinator *c, const cJSON *message, ft_error *err)
{
    ft_event event;
    if (!ft_event_from_json(cJSON_GetObjectItemCaseSensitive(message, "event"), &event) ||
        event.configuration > c->sweep->grid.count)
        return ft_fail(err, FT_FAILED, "a worker sent an event that is not of the sweep");
    ft_sweep_tell(c->sweep, &event);
    return FT_OK;
}

/* The device that the plan is made for, from a worker's "ready". */
static ft_sweep_device device_of(const coordinator *c, const cJSON *ready)
{
    return (ft_sweep_device){.bf16 = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(ready, "bf16")),
                             .is_gpu = c->pool->is_gpu,
                             .n_workers = c->pool->n_workers,
                             .ranks = c->pool->ranks,
                             .memory_bytes = (size_t)ft_message_number(ready, "memory_bytes", 0) /
                                             (size_t)c->pool->sharing,
                             .busy_rows = (int64_t)ft_message_number(ready, "busy_rows", 0)};
}

static void hear_ready(coordinator *c, worker *w, const cJSON *message)
{
    w->is_ready = true;
    c->idle_deaths = 0;
    if (!c->knows_device) c->device = device_of(c, message);
    c->knows_device = true;
}

static ft_status hear(coordinator *c, int32_t number, const cJSON *message, ft_error *err)
{
    worker *w = &c->workers[number];
    w->last_heard = c->clock.seconds;
    if (ft_message_is(message, "type", "ready")) {
        hear_ready(c, w, message);
        return FT_OK;
    }
    if (ft_message_is(message, "type", "line")) {
        ft_engine_say(c->sweep->engine, "%s", ft_message_text(message, "text"));
        return FT_OK;
    }
    if (ft_message_is(message, "type", "event")) return hear_event(c, message, err);
    if (ft_message_is(message, "type", "failed"))
        return ft_fail(err, (ft_status)ft_message_number(message, "status", FT_FAILED), "%s",
                       ft_message_text(message, "message"));
    if (ft_message_is(message, "type", "epochs")) return hear_epochs(c, number, message, err);
    if (ft_message_is(message, "type", "done")) return hear_done(c, w, message, err);
    if (ft_message_is(message, "type", "begin") || ft_message_is(message, "type", "finish"))
        return hear_record(c, number, message, err);
    return FT_OK; /* "heartbeat" */
}

/* Handles all messages that a worker has sent. A malformed line counts as its death. */
static ft_status listen_to(coordinator *c, int32_t number, ft_error *err)
{
    ft_status status = FT_OK;
    while (status == FT_OK) {
        cJSON *message = NULL;
        status = c->pool->receive(c->pool->context, number, &message, err);
        if (status == FT_FAILED) {
            c->pool->kill(c->pool->context, number);
            return handle_death(c, number, err);
        }
        if (!message) break;
        status = hear(c, number, message, err);
        cJSON_Delete(message);
    }
    return status;
}

/* -- the whole -- */

static ft_status tell_all_to_stop(coordinator *c, ft_stop how, ft_error *err)
{
    ft_status status = FT_OK;
    if (how <= c->told) return FT_OK;
    c->told = how;
    c->told_at = c->clock.seconds;
    for (int32_t i = 0; i < c->pool->n_workers && status == FT_OK; i++) {
        if (!c->workers[i].is_running) continue;
        cJSON *message = ft_message("type", "stop");
        ft_json_set(&message, "how", cJSON_CreateNumber(how));
        status = say(c, i, message, err);
    }
    return status;
}

/* Kills busy workers that sent nothing for longer than the timeout. Once they were
 * told to stop now, the timeout is STOPPING seconds. */
static void end_silent(coordinator *c)
{
    const bool is_stopping = c->told == FT_STOP_NOW;
    const double timeout = is_stopping ? fmin(STOPPING, timeout_of(c)) : timeout_of(c);
    for (int32_t i = 0; i < c->pool->n_workers; i++) {
        worker *w = &c->workers[i];
        bool is_busy = w->is_running && (w->batch != FT_NO_BATCH || !w->is_ready);
        const double since = is_stopping ? fmax(w->last_heard, c->told_at) : w->last_heard;
        if (!is_busy || w->was_silent || c->clock.seconds - since <= timeout) continue;
        ft_engine_say(c->sweep->engine, "a worker gave no sign of life for %g s and is ended", timeout);
        w->was_silent = true;
        c->pool->kill(c->pool->context, i);
    }
}

/* Syncs the journal and sends all answers that wait for it. */
static ft_status say_answers(coordinator *c, ft_error *err)
{
    ft_status status = ft_sweep_store_sync(c->sweep->store, err);
    c->last_sync = now(c);
    for (int32_t i = 0; i < c->pool->n_workers && status == FT_OK; i++) {
        cJSON *message = take_answer(c, i);
        if (message) status = say(c, i, message, err);
    }
    return status;
}

/* One round: waits for messages, handles them, syncs and answers. */
static ft_status listen_to_all(coordinator *c, ft_error *err)
{
    ft_status status = FT_OK;
    double sync_in = c->last_sync + SYNC_EVERY - now(c);
    double seconds = c->n_waiting == 0 ? LOOK_EVERY : sync_in > 0 ? sync_in : 0;
    int32_t n = c->pool->wait(c->pool->context, seconds, c->spoke);
    (void)ft_awake_seconds(&c->clock, now(c));
    for (int32_t i = 0; i < n && status == FT_OK; i++)
        if (c->workers[c->spoke[i]].is_running) status = listen_to(c, c->spoke[i], err);
    if (status == FT_OK && c->n_waiting > 0 && now(c) >= c->last_sync + SYNC_EVERY)
        status = say_answers(c, err);
    if (status == FT_OK) end_silent(c);
    return status;
}

static bool any_busy(const coordinator *c)
{
    for (int32_t i = 0; i < c->pool->n_workers; i++)
        if (c->workers[i].is_running && c->workers[i].batch != FT_NO_BATCH) return true;
    return false;
}

/* Starts one worker and waits until it has its device, which the plan depends on. */
static ft_status meet_device(coordinator *c, ft_error *err)
{
    ft_status status = FT_OK;
    while (status == FT_OK && !c->knows_device) {
        if (ft_engine_stop(c->sweep->engine) != FT_STOP_NOT)
            return ft_fail(err, FT_INTERRUPTED, "interrupted");
        if (!c->workers[0].is_running) status = start_worker(c, 0, err);
        if (status == FT_OK) status = listen_to_all(c, err);
    }
    return status;
}

static ft_status run(coordinator *c, ft_error *err)
{
    ft_status status = ft_batch_queue_open(&c->queue, c->sweep, err);
    while (status == FT_OK) {
        ft_stop stop = ft_engine_stop(c->sweep->engine);
        if (stop != FT_STOP_NOT) status = tell_all_to_stop(c, stop, err);
        if (status == FT_OK) status = ft_sweep_store_check(c->sweep->store, err);
        if (status == FT_OK && c->told == FT_STOP_NOT) status = assign(c, err);
        if (status != FT_OK) break;
        if (!any_busy(c) && (c->told != FT_STOP_NOT || ft_batch_queue_is_empty(&c->queue))) break;
        status = listen_to_all(c, err);
        if (c->n_waiting == 0) ft_live_report_update(c->sweep, false);
    }
    if (status == FT_OK && c->told != FT_STOP_NOT && !ft_batch_queue_is_empty(&c->queue))
        status = ft_fail(err, FT_INTERRUPTED, "interrupted");
    return status;
}

/* Ends all workers, when everything is trained or after a failure. Workers that wait
 * for an answer exit without it; those that train stop and write a checkpoint; one
 * that still opens its device has nothing to keep and is killed. */
static void end_workers(coordinator *c)
{
    char ignored[200];
    for (int32_t i = 0; i < c->pool->n_workers; i++) {
        const worker *w = &c->workers[i];
        if (w->is_running) (w->is_ready ? c->pool->hang_up : c->pool->kill)(c->pool->context, i);
    }
    const double until = now(c) + ENDING;
    for (int32_t i = 0; i < c->pool->n_workers; i++)
        if (c->workers[i].is_running) reap(c, i, fmax(until - now(c), 0), ignored, sizeof ignored);
}

ft_status ft_coordinate_pool(ft_sweep *sweep, const ft_worker_pool *pool, ft_error *err)
{
    coordinator c = {.sweep = sweep, .pool = pool, .last_sync = -INFINITY};
    c.clock.looked_at = now(&c);
    c.workers = calloc((size_t)pool->n_workers, sizeof *c.workers);
    c.spoke = calloc((size_t)pool->n_workers, sizeof *c.spoke);
    ft_status status = c.workers && c.spoke ? meet_device(&c, err)
                                            : ft_no_memory(err, "the coordinator",
                                                           (size_t)pool->n_workers * sizeof *c.workers);
    if (status == FT_OK) ft_sweep_settle_dtype(sweep, c.device.bf16);
    if (status == FT_OK) status = ft_sweep_start(sweep, &c.device, err);
    if (status == FT_OK) {
        ft_sweep_store_gather(sweep->store);
        status = run(&c, err);
    }
    if (c.workers) end_workers(&c);
    ft_batch_queue_close(&c.queue);
    free(c.spoke);
    free(c.workers);
    return status;
}

ft_status ft_coordinate(ft_sweep *sweep, ft_error *err)
{
    ft_worker_pool pool;
    ft_status status = ft_process_pool_open(sweep, &pool, err);
    if (status == FT_OK) status = ft_coordinate_pool(sweep, &pool, err);
    ft_process_pool_close(&pool);
    return status;
}
