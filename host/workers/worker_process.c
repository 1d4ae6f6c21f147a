/* What a worker process does; see worker_process.h. */
#include "host/workers/worker_process.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "host/workers/mpi_ranks.h"
#include "host/workers/rank_group.h"
#include "host/workers/worker.h"

/* Between heartbeats, unless a step takes longer. */
static const double HEARTBEAT_SECONDS = 1.0;

typedef struct worker_process {
    ft_run_context *run_context;
    const ft_grid *grid;
    ft_channel *channel;
    ft_stop stop; /* what the coordinator asked for */
    /* the coordinator hung up, is gone, or cannot be reached: send nothing more */
    bool lost;
    bool judge;     /* send epochs and wait for the pruning decision */
    bool no_memory; /* to send or receive a message */
    double last_heartbeat;
    ft_rank_group *group; /* NULL: this process alone */
    /* (grid->count): configurations of the batch that are recorded */
    bool *recorded;
} worker_process;

/* Handles {"type":"stop"}; false for any other message. */
static bool take_stop(worker_process *w, const cJSON *message)
{
    if (!ft_message_is(message, "type", "stop")) return false;
    w->stop = ft_message_number(message, "how", 1) >= FT_STOP_NOW ? FT_STOP_NOW : FT_STOP_AT_EPOCH;
    return true;
}

/* Gives the coordinator up: the worker stops, writes a checkpoint and exits. */
static void lose(worker_process *w, ft_status why)
{
    w->lost = true;
    w->stop = FT_STOP_NOW;
    w->no_memory = w->no_memory || why == FT_NO_MEMORY;
}

/* Sends a message that the coordinator must receive; on failure gives it up. */
static void tell(worker_process *w, cJSON *message)
{
    ft_error ignored;
    ft_status status = w->lost ? FT_OK : ft_channel_send(w->channel, message, &ignored);
    if (w->lost) cJSON_Delete(message);
    if (status != FT_OK) lose(w, status);
    w->last_heartbeat = ft_now_seconds();
}

/* Sends a message that may be missing: dropped when memory runs out. */
static void mention(worker_process *w, cJSON *message)
{
    if (message) tell(w, message);
}

/* The next message other than "stop" that comes within the time; NULL when none does
 * or the coordinator is gone. */
static cJSON *await(worker_process *w, int milliseconds)
{
    ft_error ignored;
    while (!w->lost) {
        cJSON *message = NULL;
        ft_status status = ft_channel_receive(w->channel, milliseconds, &message, &ignored);
        if (status != FT_OK) lose(w, status);
        if (!message || !take_stop(w, message)) return message;
        cJSON_Delete(message);
    }
    return NULL;
}

static ft_status has_no_answer(ft_error *err)
{
    return ft_fail(err, FT_INTERRUPTED, "the coordinator is gone");
}

/* Sends a message and waits until the coordinator has put it on disk. */
static ft_status confirm(worker_process *w, cJSON *message, ft_error *err)
{
    tell(w, message);
    cJSON *answer = await(w, -1);
    bool go = answer && ft_message_is(answer, "type", "go");
    cJSON_Delete(answer);
    return go ? FT_OK : has_no_answer(err);
}

static bool is_recorded(void *context, size_t configuration)
{
    return ((worker_process *)context)->recorded[configuration];
}

static ft_status begin(void *context, size_t configuration, const char *experiment_id, ft_error *err)
{
    cJSON *message = ft_message("type", "begin");
    ft_json_set_whole(&message, "configuration", (int64_t)configuration);
    ft_json_set_string(&message, "experiment_id", experiment_id);
    return confirm(context, message, err);
}

static ft_status finish(void *context, size_t configuration, const ft_outcome *outcome, ft_error *err)
{
    worker_process *w = context;
    cJSON *message = ft_message("type", "finish");
    ft_json_set_whole(&message, "configuration", (int64_t)configuration);
    ft_json_set(&message, "outcome", ft_outcome_to_json(outcome));
    w->recorded[configuration] = true;
    return confirm(w, message, err);
}

static ft_status epochs_ended(void *context, const size_t *trajectories, const ft_epoch *epochs, int32_t n,
                              bool *pruned, ft_error *err)
{
    worker_process *w = context;
    if (!w->judge) return FT_OK;
    cJSON *message = ft_message("type", "epochs"), *numbers = cJSON_CreateArray(), *at = cJSON_CreateArray(),
          *losses = cJSON_CreateArray();
    for (int32_t k = 0; k < n; k++) {
        ft_json_append(&numbers, cJSON_CreateNumber((double)trajectories[k]));
        ft_json_append(&at, cJSON_CreateNumber(epochs[k].epoch));
        ft_json_append(&losses, ft_json_number(epochs[k].val_loss));
    }
    ft_json_set(&message, "trajectories", numbers);
    ft_json_set(&message, "epochs", at);
    ft_json_set(&message, "val_losses", losses);
    tell(w, message);
    cJSON *answer = await(w, -1);
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(answer, "pruned"), *item = list ? list->child : NULL;
    bool is_whole = cJSON_GetArraySize(list) == n;
    for (int32_t k = 0; k < n && is_whole; k++, item = item->next) pruned[k] = cJSON_IsTrue(item);
    cJSON_Delete(answer);
    return is_whole ? FT_OK : has_no_answer(err);
}

/* Called after each step: sends a heartbeat when one is due and reads a "stop". */
static ft_stop stop(void *context)
{
    worker_process *w = context;
    if (ft_now_seconds() - w->last_heartbeat >= HEARTBEAT_SECONDS)
        mention(w, ft_message("type", "heartbeat"));
    cJSON_Delete(await(w, 0)); /* only "stop" comes while it trains */
    return w->stop;
}

static int engine_stop(void *context)
{
    return (int)stop(context);
}

static void say_line(void *context, const char *line)
{
    cJSON *message = ft_message("type", "line");
    ft_json_set_string(&message, "text", line);
    mention(context, message);
}

static void send_event(void *context, const ft_event *event)
{
    cJSON *message = ft_message("type", "event");
    ft_json_set(&message, "event", ft_event_to_json(event));
    mention(context, message);
}

static ft_status cannot_be_read(ft_error *err)
{
    return ft_fail(err, FT_FAILED, "a batch that this worker cannot read");
}

/* Reads a list of whole numbers below `limit`. The caller owns *out, also after a
 * failure. */
static ft_status numbers_of(const cJSON *list, size_t limit, size_t **out, size_t *count, ft_error *err)
{
    size_t n = (size_t)cJSON_GetArraySize(list);
    const cJSON *item;
    *count = 0;
    *out = malloc((n + 1) * sizeof **out);
    if (!*out) return ft_no_memory(err, "a batch", (n + 1) * sizeof **out);
    if (!cJSON_IsArray(list)) return cannot_be_read(err);
    cJSON_ArrayForEach(item, list)
    {
        if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0 && item->valuedouble < (double)limit))
            return cannot_be_read(err);
        (*out)[(*count)++] = (size_t)item->valuedouble;
    }
    return FT_OK;
}

/* A batch as it was received: a plan of its trajectories alone, with their numbers in
 * the sweep's plan. */
typedef struct batch {
    ft_plan plan;
    size_t *numbers; /* (count) */
    size_t count;
} batch;

static void free_batch(batch *b)
{
    ft_plan_free(&b->plan);
    free(b->numbers);
}

static ft_status read_batch(const cJSON *message, size_t n_configs, batch *b, ft_error *err)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(message, "trajectories"), *item;
    ft_plan *plan = &b->plan;
    ft_status status = numbers_of(cJSON_GetObjectItemCaseSensitive(message, "numbers"), n_configs,
                                  &b->numbers, &b->count, err);
    plan->members = calloc(n_configs + 1, sizeof *plan->members);
    plan->trajectories = calloc(n_configs + 1, sizeof *plan->trajectories);
    plan->n_trajectories = n_configs;
    if (status == FT_OK && (!plan->members || !plan->trajectories))
        status = ft_no_memory(err, "a batch", (n_configs + 1) * sizeof *plan->trajectories);
    if (status == FT_OK && (b->count == 0 || (size_t)cJSON_GetArraySize(list) != b->count))
        status = cannot_be_read(err);
    if (status != FT_OK) return status;
    size_t at = 0;
    cJSON_ArrayForEach(item, list)
    {
        size_t *members = NULL, count = 0;
        status = numbers_of(item, n_configs, &members, &count, err);
        if (status == FT_OK && (count == 0 || plan->n_members + count > n_configs))
            status = cannot_be_read(err);
        for (size_t i = 0; i < count && status == FT_OK; i++) plan->members[plan->n_members + i] = members[i];
        free(members);
        if (status != FT_OK) return status;
        plan->trajectories[b->numbers[at++]] = (ft_trajectory){plan->n_members, count};
        plan->n_members += count;
    }
    return FT_OK;
}

static ft_status read_recorded(worker_process *w, const cJSON *message, ft_error *err)
{
    size_t *list = NULL, count = 0;
    ft_status status =
        numbers_of(cJSON_GetObjectItemCaseSensitive(message, "recorded"), w->grid->count, &list, &count, err);
    for (size_t i = 0; i < w->grid->count; i++) w->recorded[i] = false;
    for (size_t i = 0; i < count && status == FT_OK; i++) w->recorded[list[i]] = true;
    free(list);
    return status;
}

/* Reads the job of a "train" message. */
static ft_status read_job(const worker_process *w, const cJSON *message, batch *b, ft_job *job, ft_error *err)
{
    ft_status status = read_batch(message, w->grid->count, b, err);
    const char *failure = ft_message_text(message, "failure");
    *job = (ft_job){.configs = w->grid->configs,
                    .n_configs = w->grid->count,
                    .plan = &b->plan,
                    .trajectories = b->numbers,
                    .n_trajectories = b->count,
                    .slots = (int32_t)ft_message_number(message, "slots", 1),
                    .checkpoint = ft_message_text(message, "checkpoint"),
                    .failure = *failure ? failure : NULL};
    return status;
}

/* Sends "done" or "failed" with a status. */
static void say_status(worker_process *w, const char *what, ft_status status, const ft_error *err)
{
    cJSON *message = ft_message("type", what);
    ft_json_set(&message, "status", cJSON_CreateNumber(status));
    ft_json_set_string(&message, "message", err->message);
    tell(w, message);
}

/* Exits if a process of the rank group was lost: the group cannot go on, and the
 * coordinator counts one death for its batch. */
static void end_if_lost(worker_process *w, const ft_error *err)
{
    ft_error ignored;
    ft_comm *comm = w->run_context->engine->comm;
    if (!comm || comm->join(comm, &ignored) == FT_OK) return;
    say_line(w, err->message);
    _exit(FT_RANK_GROUP_LOST);
}

static void train(worker_process *w, const cJSON *message)
{
    batch b = {0};
    ft_job job;
    ft_error err = {""};
    ft_status status = read_job(w, message, &b, &job, &err);
    if (status == FT_OK) status = read_recorded(w, message, &err);
    const ft_worker_callbacks callbacks = {w, is_recorded, begin, finish, epochs_ended, stop, send_event};
    w->judge = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(message, "judge"));
    if (status == FT_OK && w->group && !job.failure) ft_rank_group_tell(w->group, message);
    if (status == FT_OK) status = ft_worker_train(w->run_context, &job, &callbacks, &err);
    if (status != FT_OK) end_if_lost(w, &err);
    free_batch(&b);
    say_status(w, "done", status, &err);
}

/* Runs in the followers of a rank group. The leader reports why a batch ended. */
static void follow(void *context, ft_channel *leader)
{
    worker_process *w = context;
    ft_engine *engine = w->run_context->engine;
    ft_error err = {""};
    ft_status status = ft_run_context_attach(w->run_context, &err);
    status = ft_rank_group_follow(engine, leader, status, &err);
    const ft_worker_callbacks callbacks = ft_follower_callbacks(engine);
    while (status == FT_OK) {
        cJSON *message = NULL;
        batch b = {0};
        ft_job job;
        status = ft_channel_receive(leader, -1, &message, &err);
        if (status == FT_OK) status = read_job(w, message, &b, &job, &err);
        if (status == FT_OK) ft_worker_train(w->run_context, &job, &callbacks, &err);
        free_batch(&b);
        cJSON_Delete(message);
    }
}

static void say_ready(worker_process *w, int64_t busy_rows)
{
    const ft_backend *backend = w->run_context->engine->backend;
    cJSON *message = ft_message("type", "ready");
    ft_json_set_bool(&message, "bf16", backend->bf16);
    ft_json_set_whole(&message, "memory_bytes", (int64_t)backend->memory_bytes);
    ft_json_set_whole(&message, "busy_rows", busy_rows);
    tell(w, message);
}

/* Opens the device, and those of the followers. */
static ft_status open_devices(worker_process *w, const char *const *devices, int32_t n_devices, ft_error *err)
{
    ft_engine *engine = w->run_context->engine;
    const ft_rank_group_settings settings = {.devices = devices,
                                             .size = n_devices,
                                             .dies_as_one = true,
                                             .descriptor = w->channel->fd,
                                             .follow = follow,
                                             .context = w,
                                             .connect = engine->group_connect ? engine->group_connect
                                                                              : ft_rank_group_connect_nccl};
    engine->settings.device = devices[0];
    ft_status status = n_devices > 1 ? ft_rank_group_start(engine, &settings, &w->group, err) : FT_OK;
    if (status == FT_OK) status = ft_run_context_attach(w->run_context, err);
    return status == FT_OK && w->group ? ft_rank_group_join(w->group, err) : status;
}

int ft_worker_process(ft_sweep *sweep, const char *const *devices, int32_t n_devices, ft_channel *channel)
{
    const ft_grid *grid = &sweep->grid;
    worker_process w = {.run_context = &sweep->run_context, .grid = grid, .channel = channel};
    ft_engine_settings *settings = &sweep->engine->settings;
    ft_error err = {""};
    settings->progress = say_line;
    settings->event = NULL; /* those of batches go to the coordinator (send_event) */
    settings->stop = engine_stop;
    settings->context = &w;
    w.recorded = calloc(grid->count + 1, sizeof *w.recorded);
    ft_status status = w.recorded ? open_devices(&w, devices, n_devices, &err)
                                  : ft_no_memory(&err, "a worker", grid->count + 1);
    ft_sweep_device device = {0};
    if (status == FT_OK) status = ft_sweep_measure(sweep, &device, &err);
    if (status == FT_OK)
        say_ready(&w, device.busy_rows);
    else
        say_status(&w, "failed", status, &err);
    while (status == FT_OK && !w.lost) {
        cJSON *message = await(&w, -1);
        bool is_work = message && ft_message_is(message, "type", "train");
        if (is_work) train(&w, message);
        cJSON_Delete(message);
        if (!is_work) break;
    }
    ft_rank_group_end(w.group);
    free(w.recorded);
    return w.no_memory ? FT_WORKER_NO_MEMORY : 0;
}
