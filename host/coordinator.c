/* Trains a sweep by workers; see coordinator.h. Which batch is next is handout.h's to say, how workers are
 * reached the crew's (crew.h). */
#include "host/coordinator.h"

#include <math.h>
#include <stdlib.h>

#include "host/handout.h"
#include "host/process_crew.h"
#include "host/protocol.h"

enum { DEFAULT_TIMEOUT = 1800, TRIES_TO_START = 3 };

/* Looks this often, in seconds, whether it was told to stop; puts its journal on disk this often at most:
 * what comes sooner waits for the others, so that the disk holds up a thousand workers no more than one. */
static const double LOOK_EVERY = 0.2, SYNC_EVERY = 0.01;

typedef struct worker {
    bool is_running, is_ready;
    int64_t batch; /* FT_NO_BATCH: idle */
    double last_heard;
    cJSON *answer; /* to what it waits for, as soon as the journal is on disk; NULL: none */
} worker;

typedef struct coordinator {
    ft_sweep *sweep;
    const ft_crew *crew;
    worker *workers;     /* (crew->n_workers) */
    int32_t *spoke;      /* (crew->n_workers), of the last wait */
    int32_t idle_deaths; /* of workers without a batch, since one was last ready */
    int32_t n_waiting;   /* workers that have an answer to come */
    double last_sync;
    ft_handout handout;
    ft_stop told; /* how workers were told to stop */
} coordinator;

static double now(const coordinator *c)
{
    return c->crew->now(c->crew->context);
}

/* One that is gone is noticed when it is next listened to. */
static void say(const coordinator *c, int32_t number, cJSON *message)
{
    ft_error gone;
    (void)c->crew->send(c->crew->context, number, message, &gone);
}

/* Takes back what was to be answered; NULL where that is nothing. */
static cJSON *take_answer(coordinator *c, int32_t number)
{
    cJSON *message = c->workers[number].answer;
    if (message) c->n_waiting--;
    c->workers[number].answer = NULL;
    return message;
}

/* What a worker waits for is said when the journal is on disk. The message becomes the coordinator's. */
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
    ft_status status = c->crew->start(c->crew->context, number, err);
    if (status == FT_OK)
        c->workers[number] = (worker){.is_running = true, .batch = FT_NO_BATCH, .last_heard = now(c)};
    return status;
}

static void reap(coordinator *c, int32_t number, char *how, size_t size)
{
    c->crew->reap(c->crew->context, number, how, size);
    c->workers[number].is_running = false;
    cJSON_Delete(take_answer(c, number));
}

static ft_status bury(coordinator *c, int32_t number, ft_error *err)
{
    char why[200];
    worker *w = &c->workers[number];
    int64_t batch = w->batch;
    reap(c, number, why, sizeof why);
    w->batch = FT_NO_BATCH;
    if (batch != FT_NO_BATCH)
        return ft_handout_bury(&c->handout, (size_t)batch, c->told != FT_STOP_NOT, why, err);
    c->idle_deaths++;
    return c->idle_deaths < TRIES_TO_START * c->crew->n_workers
               ? FT_OK
               : ft_fail(err, FT_FAILED, "workers end before they begin: %s", why);
}

/* Gives idle workers batches, and starts workers where one is missing for them. */
static ft_status assign(coordinator *c, ft_error *err)
{
    ft_status status = FT_OK;
    for (int32_t i = 0; i < c->crew->n_workers && status == FT_OK; i++) {
        worker *w = &c->workers[i];
        if (w->is_running && (!w->is_ready || w->batch != FT_NO_BATCH)) continue;
        if (ft_handout_is_empty(&c->handout)) break;
        if (!w->is_running) {
            status = start_worker(c, i, err);
            continue;
        }
        int64_t batch = ft_handout_take(&c->handout);
        w->batch = batch;
        w->last_heard = now(c);
        cJSON *message = ft_handout_describe(&c->handout, (size_t)batch);
        if (!message) return ft_no_memory(err, "a message", 4096);
        say(c, i, message);
    }
    return status;
}

/* -- what workers say -- */

static bool configuration_of(const coordinator *c, const cJSON *message, size_t *configuration)
{
    double number = ft_message_number(message, "configuration", -1);
    if (!(number >= 0 && number < (double)c->sweep->grid.count)) return false;
    *configuration = (size_t)number;
    return true;
}

/* Reads what a message says of the epochs of n trajectories. */
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
        cJSON *reply = ft_message("do", "prune");
        cJSON *list = reply ? cJSON_AddArrayToObject(reply, "pruned") : NULL;
        for (int k = 0; k < n && list; k++) cJSON_AddItemToArray(list, cJSON_CreateBool(pruned[k]));
        status = answer(c, number, reply, err);
    }
    free(pruned);
    free(epochs);
    free(trajectories);
    return status;
}

/* The worker is through with its batch, one way or the other. */
static ft_status hear_done(coordinator *c, worker *w, const cJSON *message, ft_error *err)
{
    if (w->batch == FT_NO_BATCH) return FT_OK;
    size_t batch = (size_t)w->batch;
    ft_status ended = (ft_status)ft_message_number(message, "status", FT_FAILED);
    const char *why = ft_message_text(message, "message");
    w->batch = FT_NO_BATCH;
    if (ended == FT_OK) return ft_handout_end(&c->handout, batch, err);
    if (ended == FT_INTERRUPTED && c->told != FT_STOP_NOT) return ft_handout_return(&c->handout, batch, err);
    if (ended == FT_NO_MEMORY) return ft_handout_shrink(&c->handout, batch, why, err);
    return ft_fail(err, ended, "%s", *why ? why : "a worker left its batch undone");
}

/* A configuration is about to be recorded, or is: the worker goes on when that is in the journal. */
static ft_status hear_record(coordinator *c, int32_t number, const cJSON *message, size_t configuration,
                             ft_error *err)
{
    ft_status status;
    if (ft_message_is(message, "say", "begin")) {
        status =
            ft_sweep_begin_record(c->sweep, configuration, ft_message_text(message, "experiment_id"), err);
    } else {
        ft_outcome outcome;
        ft_outcome_from_json(cJSON_GetObjectItemCaseSensitive(message, "outcome"), &outcome);
        status = ft_sweep_finish_record(c->sweep, configuration, &outcome, err);
    }
    return status == FT_OK ? answer(c, number, ft_message("do", "go"), err) : status;
}

static ft_status hear(coordinator *c, int32_t number, const cJSON *message, ft_error *err)
{
    size_t configuration = 0;
    worker *w = &c->workers[number];
    w->last_heard = now(c);
    if (ft_message_is(message, "say", "ready")) {
        w->is_ready = true;
        c->idle_deaths = 0;
        return FT_OK;
    }
    if (ft_message_is(message, "say", "line")) {
        ft_engine_say(c->sweep->engine, "%s", ft_message_text(message, "text"));
        return FT_OK;
    }
    if (ft_message_is(message, "say", "failed"))
        return ft_fail(err, (ft_status)ft_message_number(message, "status", FT_FAILED), "%s",
                       ft_message_text(message, "message"));
    if (ft_message_is(message, "say", "epochs")) return hear_epochs(c, number, message, err);
    if (ft_message_is(message, "say", "done")) return hear_done(c, w, message, err);
    if ((ft_message_is(message, "say", "begin") || ft_message_is(message, "say", "finish")) &&
        configuration_of(c, message, &configuration))
        return hear_record(c, number, message, configuration, err);
    return FT_OK; /* "alive" */
}

/* All that a worker has said; a broken line means that it is gone. */
static ft_status listen_to(coordinator *c, int32_t number, ft_error *err)
{
    ft_status status = FT_OK;
    ft_error gone;
    while (status == FT_OK) {
        cJSON *message = NULL;
        if (c->crew->receive(c->crew->context, number, &message, &gone) != FT_OK) {
            c->crew->kill(c->crew->context, number);
            return bury(c, number, err);
        }
        if (!message) break;
        status = hear(c, number, message, err);
        cJSON_Delete(message);
    }
    return status;
}

/* -- the whole -- */

static void tell_all_to_stop(coordinator *c, ft_stop how)
{
    if (how <= c->told) return;
    c->told = how;
    for (int32_t i = 0; i < c->crew->n_workers; i++) {
        cJSON *message = c->workers[i].is_running ? ft_message("do", "stop") : NULL;
        if (!message) continue;
        cJSON_AddNumberToObject(message, "how", how);
        say(c, i, message);
    }
}

/* Ends those that are at work and have said nothing for too long. */
static void end_silent(coordinator *c)
{
    double timeout =
        c->sweep->request->worker_timeout > 0 ? c->sweep->request->worker_timeout : DEFAULT_TIMEOUT;
    double oldest = now(c) - timeout;
    for (int32_t i = 0; i < c->crew->n_workers; i++) {
        const worker *w = &c->workers[i];
        bool is_busy = w->is_running && (w->batch != FT_NO_BATCH || !w->is_ready);
        if (!is_busy || w->last_heard >= oldest) continue;
        ft_engine_say(c->sweep->engine, "a worker gave no sign of life for %.0f s and is ended", timeout);
        c->crew->kill(c->crew->context, i);
    }
}

/* Puts on disk what was journalled, and answers all that wait for it. */
static ft_status say_answers(coordinator *c, ft_error *err)
{
    ft_status status = ft_sweep_state_sync(c->sweep->state, err);
    c->last_sync = now(c);
    for (int32_t i = 0; i < c->crew->n_workers && status == FT_OK; i++) {
        cJSON *message = take_answer(c, i);
        if (message) say(c, i, message);
    }
    return status;
}

static ft_status listen_to_all(coordinator *c, ft_error *err)
{
    ft_status status = FT_OK;
    ft_error unsaid;
    double sync_in = c->last_sync + SYNC_EVERY - now(c);
    double seconds = c->n_waiting == 0 ? LOOK_EVERY : sync_in > 0 ? sync_in : 0;
    int32_t n = c->crew->wait(c->crew->context, seconds, c->spoke);
    for (int32_t i = 0; i < n && status == FT_OK; i++)
        if (c->workers[c->spoke[i]].is_running) status = listen_to(c, c->spoke[i], err);
    /* After a failure too: those that wait for an answer finish what they are at. */
    ft_status synced = FT_OK;
    if (c->n_waiting > 0 && now(c) >= c->last_sync + SYNC_EVERY)
        synced = say_answers(c, status == FT_OK ? err : &unsaid);
    if (status == FT_OK) status = synced;
    if (status == FT_OK) end_silent(c);
    return status;
}

static bool any_busy(const coordinator *c)
{
    for (int32_t i = 0; i < c->crew->n_workers; i++)
        if (c->workers[i].is_running && c->workers[i].batch != FT_NO_BATCH) return true;
    return false;
}

/* What the plan must know, as the first worker's "ready" tells it. */
static ft_sweep_device device_of(const coordinator *c, const cJSON *ready)
{
    return (ft_sweep_device){.bf16 = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(ready, "bf16")),
                             .is_gpu = c->crew->is_gpu,
                             .n_workers = c->crew->n_workers,
                             .ranks = c->crew->ranks,
                             .memory_bytes = (size_t)ft_message_number(ready, "memory_bytes", 0) /
                                             (size_t)c->crew->sharing,
                             .busy_rows = (int64_t)ft_message_number(ready, "busy_rows", 0)};
}

/* Until the first worker has its device. */
static ft_status meet_device(coordinator *c, ft_sweep_device *device, ft_error *err)
{
    ft_status status = start_worker(c, 0, err);
    while (status == FT_OK && !c->workers[0].is_ready) {
        cJSON *message = NULL;
        ft_error gone;
        if (c->crew->receive(c->crew->context, 0, &message, &gone) != FT_OK) {
            char why[200];
            reap(c, 0, why, sizeof why);
            return ft_fail(err, FT_FAILED, "the first worker did not come up: %s", why);
        }
        if (message) {
            status = hear(c, 0, message, err);
            *device = device_of(c, message);
        } else {
            c->crew->wait(c->crew->context, LOOK_EVERY, c->spoke);
        }
        cJSON_Delete(message);
    }
    return status;
}

static ft_status run(coordinator *c, ft_error *err)
{
    ft_status status = ft_handout_open(&c->handout, c->sweep, err);
    while (status == FT_OK) {
        ft_stop stop = ft_engine_stop(c->sweep->engine);
        if (stop != FT_STOP_NOT) tell_all_to_stop(c, stop);
        status = ft_sweep_state_check(c->sweep->state, err);
        if (status == FT_OK && c->told == FT_STOP_NOT) status = assign(c, err);
        if (status != FT_OK) break;
        if (!any_busy(c) && (c->told != FT_STOP_NOT || ft_handout_is_empty(&c->handout))) break;
        status = listen_to_all(c, err);
    }
    if (status == FT_OK && c->told != FT_STOP_NOT && !ft_handout_is_empty(&c->handout))
        status = ft_fail(err, FT_INTERRUPTED, "interrupted");
    return status;
}

/* After a failure the others finish their epoch and keep what they have. */
static void wind_down(coordinator *c)
{
    ft_error unsaid;
    /* Where nothing can be journalled, they wait for answers that never come: their checkpoints are what
     * stays. */
    if (ft_sweep_state_check(c->sweep->state, &unsaid) != FT_OK) return;
    tell_all_to_stop(c, FT_STOP_AT_EPOCH);
    while (any_busy(c) && ft_engine_stop(c->sweep->engine) != FT_STOP_NOW)
        if (listen_to_all(c, &unsaid) != FT_OK) break;
}

static void end_workers(coordinator *c)
{
    for (int32_t i = 0; i < c->crew->n_workers; i++) {
        const worker *w = &c->workers[i];
        char unsaid[200];
        if (!w->is_running) continue;
        if (w->batch == FT_NO_BATCH && w->is_ready)
            say(c, i, ft_message("do", "end"));
        else
            c->crew->kill(c->crew->context, i);
        reap(c, i, unsaid, sizeof unsaid);
    }
}

ft_status ft_coordinate_crew(ft_sweep *sweep, const ft_crew *crew, ft_error *err)
{
    coordinator c = {.sweep = sweep, .crew = crew, .last_sync = -INFINITY};
    ft_sweep_device device = {0};
    c.workers = calloc((size_t)crew->n_workers, sizeof *c.workers);
    c.spoke = calloc((size_t)crew->n_workers, sizeof *c.spoke);
    ft_status status = c.workers && c.spoke ? meet_device(&c, &device, err)
                                            : ft_no_memory(err, "the coordinator",
                                                           (size_t)crew->n_workers * sizeof *c.workers);
    if (status == FT_OK) status = ft_sweep_start(sweep, &device, err);
    if (status == FT_OK) {
        ft_sweep_state_gather(sweep->state);
        status = run(&c, err);
        if (status != FT_OK && status != FT_INTERRUPTED) wind_down(&c);
    }
    if (c.workers) end_workers(&c);
    ft_handout_close(&c.handout);
    free(c.spoke);
    free(c.workers);
    return status;
}

ft_status ft_coordinate(ft_sweep *sweep, ft_error *err)
{
    ft_crew crew;
    ft_status status = ft_process_crew_open(sweep, &crew, err);
    if (status == FT_OK) status = ft_coordinate_crew(sweep, &crew, err);
    ft_process_crew_close(&crew);
    return status;
}
