/* Trains a sweep in worker processes; see coordinator.h.
 *
 * A worker is a fork of this process, which has touched no device and started no thread: it has the data and
 * the weights without reading them again, and so has the one that takes a dead one's place. */
#define _GNU_SOURCE
#include "host/coordinator.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "host/devices.h"
#include "host/protocol.h"
#include "host/worker_process.h"

enum { NO_BATCH = -1, MOST_WORKERS = 1024, DEFAULT_RETRIES = 2, DEFAULT_TIMEOUT = 1800 };

typedef struct worker {
    pid_t pid; /* 0: not running */
    ft_channel channel;
    bool ready;
    int64_t batch; /* NO_BATCH: idle */
    double last_heard;
    char device[32]; /* as --device */
} worker;

/* What is known of a batch beyond its journal. */
typedef struct batch_fate {
    int32_t deaths; /* of workers that had it */
    bool is_given_up;
    char why[256];
} batch_fate;

typedef struct coordinator {
    ft_sweep *sweep;
    worker *workers;
    int32_t n_workers, idle_deaths; /* workers that died without a batch, one after the other */
    int64_t threads;                /* of a worker on the CPU; 0: all */
    batch_fate *fates;              /* (n_fates) */
    size_t n_fates;
    ft_stop told; /* how workers were told to stop */
} coordinator;

/* -- starting and ending workers -- */

static ft_status start_worker(coordinator *c, worker *w, ft_error *err)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return ft_fail(err, FT_FAILED, "a worker's socket: %s", strerror(errno));
    fflush(NULL);
    pid_t parent = getpid(), pid = fork();
    if (pid < 0) {
        close(ends[0]);
        close(ends[1]);
        return ft_fail(err, FT_FAILED, "a worker process: %s", strerror(errno));
    }
    if (pid == 0) {
        /* Stops come from the coordinator, to which a terminal or a scheduler sends its signals as well. */
        signal(SIGINT, SIG_IGN);
        signal(SIGTERM, SIG_IGN);
        signal(SIGUSR1, SIG_IGN);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) _exit(1);
        for (int32_t i = 0; i < c->n_workers; i++)
            if (c->workers[i].pid > 0) close(c->workers[i].channel.fd);
        close(ends[0]);
        ft_engine_settings *settings = &c->sweep->engine->settings;
        settings->device = w->device;
        settings->threads = c->threads;
        ft_channel channel = {.fd = ends[1]};
        ft_worker_process(&c->sweep->study, &c->sweep->grid, &channel);
        _exit(0);
    }
    close(ends[1]);
    w->pid = pid;
    w->channel = (ft_channel){.fd = ends[0]};
    w->ready = false;
    w->batch = NO_BATCH;
    w->last_heard = ft_now_seconds();
    return FT_OK;
}

/* How a process ended, in words. */
static void describe_end(int wait_status, char *text, size_t size)
{
    if (WIFSIGNALED(wait_status))
        snprintf(text, size, "its worker process was ended by signal %d (%s)", WTERMSIG(wait_status),
                 strsignal(WTERMSIG(wait_status)));
    else
        snprintf(text, size, "its worker process ended with status %d", WEXITSTATUS(wait_status));
}

static void reap(worker *w, char *text, size_t size)
{
    int wait_status = 0;
    while (waitpid(w->pid, &wait_status, 0) < 0 && errno == EINTR) continue;
    describe_end(wait_status, text, size);
    ft_channel_close(&w->channel);
    w->pid = 0;
}

/* -- batches -- */

static ft_status know_batches(coordinator *c, ft_error *err)
{
    size_t n = 0;
    ft_sweep_state_batches(c->sweep->state, &n);
    if (n <= c->n_fates) return FT_OK;
    batch_fate *grown = realloc(c->fates, n * sizeof *grown);
    if (!grown) return ft_no_memory(err, "the coordinator", n * sizeof *grown);
    for (size_t i = c->n_fates; i < n; i++) grown[i] = (batch_fate){0};
    c->fates = grown;
    c->n_fates = n;
    return FT_OK;
}

static int32_t retries(const coordinator *c)
{
    return c->sweep->request->retries > 0 ? (int32_t)c->sweep->request->retries : DEFAULT_RETRIES;
}

/* Cuts a batch in two, or gives up what is left of it: one trajectory. What is told is kept with it. */
static ft_status split_or_give_up(coordinator *c, size_t batch, const char *why, ft_error *err)
{
    bool is_split = false;
    size_t before = c->n_fates;
    ft_status status = ft_sweep_split(c->sweep, batch, &is_split, err);
    if (status == FT_OK) status = know_batches(c, err);
    if (status != FT_OK) return status;
    if (!is_split) {
        c->fates[batch].is_given_up = true;
        snprintf(c->fates[batch].why, sizeof c->fates[batch].why, "%s", why);
        return FT_OK;
    }
    /* A half that brings its worker down as well is cut at once; one that stands alone has all its tries. */
    size_t n = 0;
    const ft_sweep_batch *batches = ft_sweep_state_batches(c->sweep->state, &n);
    for (size_t i = before; i < n; i++) c->fates[i].deaths = batches[i].count > 1 ? retries(c) - 1 : 0;
    return FT_OK;
}

/* The worker is gone. Its batch is to be gone on with, cut in two, or given up. */
static ft_status bury(coordinator *c, worker *w, ft_error *err)
{
    char why[200];
    reap(w, why, sizeof why);
    if (w->batch == NO_BATCH) {
        c->idle_deaths++;
        return c->idle_deaths < 3 ? FT_OK : ft_fail(err, FT_FAILED, "workers end before they begin: %s", why);
    }
    size_t batch = (size_t)w->batch, n = 0;
    w->batch = NO_BATCH;
    const ft_sweep_batch *b = &ft_sweep_state_batches(c->sweep->state, &n)[batch];
    ft_status status = FT_OK;
    for (size_t i = 0; i < b->count && status == FT_OK; i++) {
        const ft_trajectory *t = &c->sweep->plan.trajectories[b->trajectories[i]];
        for (size_t k = 0; k < t->count && status == FT_OK; k++)
            status = ft_sweep_state_settle(c->sweep->state, c->sweep->plan.members[t->first + k], err);
    }
    batch_fate *fate = &c->fates[batch];
    fate->deaths++;
    if (status != FT_OK || c->told != FT_STOP_NOT) return status;
    if (fate->is_given_up) return ft_fail(err, FT_FAILED, "a failure cannot be recorded: %s", why);
    ft_engine_say(c->sweep->engine, "a batch of %zu trajectories: %s", b->count, why);
    if (fate->deaths < retries(c)) return FT_OK;
    char told[256];
    snprintf(told, sizeof told, "%s, %d times", why, fate->deaths);
    return split_or_give_up(c, batch, told, err);
}

static bool has_work(const coordinator *c, size_t batch)
{
    if (ft_sweep_is_over(c->sweep, batch)) return false;
    for (int32_t i = 0; i < c->n_workers; i++)
        if (c->workers[i].pid > 0 && c->workers[i].batch == (int64_t)batch) return false;
    return true;
}

/* The next batch that nobody has, or NO_BATCH. */
static int64_t next_batch(const coordinator *c)
{
    for (size_t b = 0; b < c->n_fates; b++)
        if (has_work(c, b)) return (int64_t)b;
    return NO_BATCH;
}

/* {"do":"train",...}; NULL when memory runs out. */
static cJSON *describe_batch(coordinator *c, size_t batch)
{
    size_t n = 0;
    ft_sweep *sweep = c->sweep;
    const ft_sweep_batch *b = &ft_sweep_state_batches(sweep->state, &n)[batch];
    const char *checkpoint = ft_sweep_state_checkpoint(sweep->state, batch);
    cJSON *message = ft_message("do", "train");
    bool ok =
        message && checkpoint && cJSON_AddNumberToObject(message, "slots", b->slots) &&
        cJSON_AddStringToObject(message, "checkpoint", checkpoint) &&
        cJSON_AddBoolToObject(message, "judge", sweep->scheduling != FT_SCHEDULER_NONE) &&
        cJSON_AddStringToObject(message, "failure", c->fates[batch].is_given_up ? c->fates[batch].why : "");
    cJSON *trajectories = ok ? cJSON_AddArrayToObject(message, "trajectories") : NULL;
    cJSON *numbers = trajectories ? cJSON_AddArrayToObject(message, "numbers") : NULL;
    cJSON *recorded = numbers ? cJSON_AddArrayToObject(message, "recorded") : NULL;
    ok = recorded != NULL;
    for (size_t i = 0; i < b->count && ok; i++) {
        const ft_trajectory *t = &sweep->plan.trajectories[b->trajectories[i]];
        cJSON *members = cJSON_CreateArray();
        ok = cJSON_AddItemToArray(numbers, cJSON_CreateNumber((double)b->trajectories[i])) && members &&
             cJSON_AddItemToArray(trajectories, members);
        for (size_t k = 0; k < t->count && ok; k++) {
            size_t member = sweep->plan.members[t->first + k];
            ok = cJSON_AddItemToArray(members, cJSON_CreateNumber((double)member));
            if (ft_sweep_state_done(sweep->state, member))
                ok = ok && cJSON_AddItemToArray(recorded, cJSON_CreateNumber((double)member));
        }
    }
    if (ok) return message;
    cJSON_Delete(message);
    return NULL;
}

/* Gives idle workers batches, and starts workers where one is missing for them. */
static ft_status assign(coordinator *c, ft_error *err)
{
    ft_status status = FT_OK;
    for (int32_t i = 0; i < c->n_workers && status == FT_OK; i++) {
        worker *w = &c->workers[i];
        if (w->pid > 0 && (!w->ready || w->batch != NO_BATCH)) continue;
        int64_t batch = next_batch(c);
        if (batch == NO_BATCH) break;
        if (w->pid == 0) {
            status = start_worker(c, w, err);
            continue;
        }
        cJSON *message = describe_batch(c, (size_t)batch);
        ft_error gone;
        if (!message) return ft_no_memory(err, "a message", 4096);
        w->batch = batch;
        w->last_heard = ft_now_seconds();
        /* One that is gone is noticed when it is next listened to. */
        if (ft_channel_send(&w->channel, message, &gone) != FT_OK) continue;
    }
    return status;
}

/* -- what workers say -- */

static ft_status answer(worker *w, cJSON *message)
{
    ft_error gone;
    ft_channel_send(&w->channel, message, &gone);
    return FT_OK;
}

static bool configuration_of(const coordinator *c, const cJSON *message, size_t *configuration)
{
    double number = ft_message_number(message, "configuration", -1);
    if (!(number >= 0 && number < (double)c->sweep->grid.count)) return false;
    *configuration = (size_t)number;
    return true;
}

static ft_status hear_epochs(coordinator *c, worker *w, const cJSON *message, ft_error *err)
{
    const cJSON *numbers = cJSON_GetObjectItemCaseSensitive(message, "trajectories");
    const cJSON *at = cJSON_GetObjectItemCaseSensitive(message, "epochs");
    const cJSON *losses = cJSON_GetObjectItemCaseSensitive(message, "val_losses");
    int n = cJSON_GetArraySize(numbers);
    size_t *trajectories = calloc((size_t)n + 1, sizeof *trajectories);
    ft_epoch *epochs = calloc((size_t)n + 1, sizeof *epochs);
    bool *pruned = calloc((size_t)n + 1, sizeof *pruned);
    ft_status status = trajectories && epochs && pruned
                           ? FT_OK
                           : ft_no_memory(err, "the scheduler", (size_t)n * sizeof *epochs);
    for (int k = 0; k < n && status == FT_OK; k++) {
        const cJSON *number = cJSON_GetArrayItem(numbers, k), *epoch = cJSON_GetArrayItem(at, k),
                    *loss = cJSON_GetArrayItem(losses, k);
        if (!cJSON_IsNumber(number) || !cJSON_IsNumber(epoch) || !(number->valuedouble >= 0) ||
            !(number->valuedouble < (double)c->sweep->plan.n_trajectories) || epoch->valueint < 1)
            status = ft_fail(err, FT_FAILED, "a worker speaks of a trajectory that is not of the plan");
        else {
            trajectories[k] = (size_t)number->valuedouble;
            epochs[k].epoch = epoch->valueint;
            epochs[k].val_loss = cJSON_IsNumber(loss) ? loss->valuedouble : (double)NAN;
        }
    }
    if (status == FT_OK) status = ft_sweep_judge(c->sweep, trajectories, epochs, n, pruned, err);
    cJSON *reply = ft_message("do", "prune");
    cJSON *list = reply ? cJSON_AddArrayToObject(reply, "pruned") : NULL;
    for (int k = 0; k < n && list; k++) cJSON_AddItemToArray(list, cJSON_CreateBool(pruned && pruned[k]));
    free(pruned);
    free(epochs);
    free(trajectories);
    if (status == FT_OK) return answer(w, reply);
    cJSON_Delete(reply);
    return status;
}

/* The worker is through with its batch, one way or the other. */
static ft_status hear_done(coordinator *c, worker *w, const cJSON *message, ft_error *err)
{
    if (w->batch == NO_BATCH) return FT_OK;
    size_t batch = (size_t)w->batch;
    ft_status ended = (ft_status)ft_message_number(message, "status", FT_FAILED);
    const char *why = ft_message_text(message, "message");
    w->batch = NO_BATCH;
    c->idle_deaths = 0;
    if (ended == FT_OK && ft_sweep_is_over(c->sweep, batch)) {
        ft_sweep_state_end_batch(c->sweep->state, batch);
        return FT_OK;
    }
    if (ended == FT_INTERRUPTED && c->told != FT_STOP_NOT) return FT_OK;
    if (ended == FT_NO_MEMORY && !c->fates[batch].is_given_up) return split_or_give_up(c, batch, why, err);
    return ft_fail(err, ended == FT_OK ? FT_FAILED : ended, "%s",
                   *why ? why : "a worker left its batch undone");
}

static ft_status hear(coordinator *c, worker *w, const cJSON *message, ft_error *err)
{
    size_t configuration = 0;
    w->last_heard = ft_now_seconds();
    if (ft_message_is(message, "say", "ready")) {
        w->ready = true;
        return FT_OK;
    }
    if (ft_message_is(message, "say", "line")) {
        ft_engine_say(c->sweep->engine, "%s", ft_message_text(message, "text"));
        return FT_OK;
    }
    if (ft_message_is(message, "say", "failed"))
        return ft_fail(err, (ft_status)ft_message_number(message, "status", FT_FAILED), "%s",
                       ft_message_text(message, "message"));
    if (ft_message_is(message, "say", "epochs")) return hear_epochs(c, w, message, err);
    if (ft_message_is(message, "say", "done")) return hear_done(c, w, message, err);
    if (ft_message_is(message, "say", "begin") && configuration_of(c, message, &configuration)) {
        ft_status status =
            ft_sweep_begin_record(c->sweep, configuration, ft_message_text(message, "experiment_id"), err);
        return status == FT_OK ? answer(w, ft_message("do", "go")) : status;
    }
    if (ft_message_is(message, "say", "finish") && configuration_of(c, message, &configuration)) {
        ft_outcome outcome;
        ft_outcome_from_json(cJSON_GetObjectItemCaseSensitive(message, "outcome"), &outcome);
        ft_status status = ft_sweep_finish_record(c->sweep, configuration, &outcome, err);
        return status == FT_OK ? answer(w, ft_message("do", "go")) : status;
    }
    return FT_OK; /* "alive" */
}

/* All that a worker has said; a broken line means that it is gone. */
static ft_status listen_to(coordinator *c, worker *w, ft_error *err)
{
    ft_status status = FT_OK;
    ft_error gone;
    for (;;) {
        cJSON *message = NULL;
        if (ft_channel_receive(&w->channel, 0, &message, &gone) != FT_OK) {
            kill(w->pid, SIGKILL);
            return bury(c, w, err);
        }
        if (!message) return FT_OK;
        status = hear(c, w, message, err);
        cJSON_Delete(message);
        if (status != FT_OK) return status;
    }
}

/* -- the whole -- */

static void tell_all_to_stop(coordinator *c, ft_stop how)
{
    if (how <= c->told) return;
    c->told = how;
    for (int32_t i = 0; i < c->n_workers; i++) {
        cJSON *message = c->workers[i].pid > 0 ? ft_message("do", "stop") : NULL;
        if (!message) continue;
        cJSON_AddNumberToObject(message, "how", how);
        answer(&c->workers[i], message);
    }
}

/* Waits for something to be said, a fifth of a second at most. */
static void wait_for_words(const coordinator *c)
{
    struct pollfd waiting[MOST_WORKERS];
    nfds_t n = 0;
    for (int32_t i = 0; i < c->n_workers; i++)
        if (c->workers[i].pid > 0) waiting[n++] = (struct pollfd){c->workers[i].channel.fd, POLLIN, 0};
    poll(waiting, n, 200);
}

static ft_status listen_to_all(coordinator *c, ft_error *err)
{
    double timeout =
        c->sweep->request->worker_timeout > 0 ? c->sweep->request->worker_timeout : DEFAULT_TIMEOUT;
    ft_status status = FT_OK;
    wait_for_words(c);
    for (int32_t i = 0; i < c->n_workers && status == FT_OK; i++) {
        worker *w = &c->workers[i];
        if (w->pid > 0) status = listen_to(c, w, err);
        bool busy = w->pid > 0 && (w->batch != NO_BATCH || !w->ready);
        if (status == FT_OK && busy && ft_now_seconds() - w->last_heard > timeout) {
            ft_engine_say(c->sweep->engine, "a worker gave no sign of life for %.0f s and is ended", timeout);
            kill(w->pid, SIGKILL);
        }
    }
    return status;
}

static bool any_busy(const coordinator *c)
{
    for (int32_t i = 0; i < c->n_workers; i++)
        if (c->workers[i].pid > 0 && c->workers[i].batch != NO_BATCH) return true;
    return false;
}

/* Until the first worker has its device: it tells what the plan must know. */
static ft_status meet_device(coordinator *c, ft_sweep_device *device, ft_error *err)
{
    worker *w = &c->workers[0];
    ft_status status = start_worker(c, w, err);
    while (status == FT_OK) {
        cJSON *message = NULL;
        ft_error gone;
        if (ft_channel_receive(&w->channel, -1, &message, &gone) != FT_OK) {
            char why[200];
            reap(w, why, sizeof why);
            return ft_fail(err, FT_FAILED, "the first worker did not come up: %s", why);
        }
        status = hear(c, w, message, err);
        if (status == FT_OK && w->ready)
            *device =
                (ft_sweep_device){.bf16 = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(message, "bf16")),
                                  .is_gpu = strncmp(w->device, "cuda", 4) == 0,
                                  .n_workers = c->n_workers,
                                  .memory_bytes = (size_t)ft_message_number(message, "memory_bytes", 0) /
                                                  (size_t)(c->threads > 0 ? c->n_workers : 1)};
        cJSON_Delete(message);
        if (w->ready) break;
    }
    return status;
}

static ft_status run(coordinator *c, ft_error *err)
{
    ft_status status = know_batches(c, err);
    while (status == FT_OK) {
        ft_stop stop = ft_engine_stop(c->sweep->engine);
        if (stop != FT_STOP_NOT) tell_all_to_stop(c, stop);
        if (c->told == FT_STOP_NOT) status = assign(c, err);
        if (status != FT_OK) break;
        if (!any_busy(c) && (c->told != FT_STOP_NOT || next_batch(c) == NO_BATCH)) break;
        status = listen_to_all(c, err);
    }
    if (status == FT_OK && c->told != FT_STOP_NOT && next_batch(c) != NO_BATCH)
        status = ft_fail(err, FT_INTERRUPTED, "interrupted");
    return status;
}

/* After a failure the others finish their epoch and keep what they have. */
static void wind_down(coordinator *c)
{
    ft_error unsaid;
    tell_all_to_stop(c, FT_STOP_AT_EPOCH);
    while (any_busy(c) && ft_engine_stop(c->sweep->engine) != FT_STOP_NOW)
        if (listen_to_all(c, &unsaid) != FT_OK) break;
}

static void end_workers(coordinator *c)
{
    for (int32_t i = 0; i < c->n_workers; i++) {
        worker *w = &c->workers[i];
        char unsaid[200];
        if (w->pid == 0) continue;
        if (w->batch == NO_BATCH && w->ready)
            answer(w, ft_message("do", "end"));
        else
            kill(w->pid, SIGKILL);
        reap(w, unsaid, sizeof unsaid);
    }
}

/* Which device each worker has. */
static ft_status place_workers(coordinator *c, ft_error *err)
{
    const ft_sweep_request *request = c->sweep->request;
    const ft_engine_settings *settings = &c->sweep->engine->settings;
    int32_t gpus[64], n_gpus = 0;
    ft_status status = ft_devices_find(settings->device, gpus, 64, &n_gpus, err);
    if (status != FT_OK) return status;
    int64_t wanted = request->workers > 0 ? request->workers : n_gpus > 0 ? n_gpus : 1;
    c->n_workers = wanted > MOST_WORKERS ? MOST_WORKERS : (int32_t)wanted;
    if (n_gpus == 0 && c->n_workers > 1) {
        int64_t cores = settings->threads > 0 ? settings->threads : ft_cpu_cores();
        c->threads = cores / c->n_workers > 0 ? cores / c->n_workers : 1;
    } else {
        c->threads = settings->threads;
    }
    c->workers = calloc((size_t)c->n_workers, sizeof *c->workers);
    if (!c->workers) return ft_no_memory(err, "the coordinator", (size_t)c->n_workers * sizeof *c->workers);
    for (int32_t i = 0; i < c->n_workers; i++) {
        c->workers[i].channel.fd = -1;
        if (n_gpus > 0)
            snprintf(c->workers[i].device, sizeof c->workers[i].device, "cuda:%d", gpus[i % n_gpus]);
        else
            snprintf(c->workers[i].device, sizeof c->workers[i].device, "cpu");
    }
    return FT_OK;
}

ft_status ft_coordinate(ft_sweep *sweep, ft_error *err)
{
    if (sweep->engine->backend)
        return ft_fail(err, FT_BAD_INPUT,
                       "workers can only be started from an engine that has done nothing yet");
    coordinator c = {.sweep = sweep};
    ft_sweep_device device = {0};
    ft_status status = place_workers(&c, err);
    if (status == FT_OK) status = meet_device(&c, &device, err);
    if (status == FT_OK) status = ft_sweep_start(sweep, &device, err);
    if (status == FT_OK) {
        status = run(&c, err);
        if (status != FT_OK && status != FT_INTERRUPTED) wind_down(&c);
    }
    end_workers(&c);
    free(c.fates);
    free(c.workers);
    return status;
}
