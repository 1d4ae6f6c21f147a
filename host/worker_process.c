/* The life of a worker process; see worker_process.h. */
#include "host/worker_process.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "host/team.h"
#include "host/together.h"
#include "host/worker.h"

/* A sign of life is given this often, in seconds, where work lets it. */
static const double ALIVE_EVERY = 1.0;

typedef struct worker_process {
    ft_study *study;
    const ft_grid *grid;
    ft_channel *channel;
    ft_stop stop; /* as the coordinator has asked */
    bool lost;    /* the coordinator is gone */
    bool judge;   /* epochs are to be told, and the answer waited for */
    double last_alive;
    ft_team *team;  /* NULL: this process alone */
    bool *recorded; /* (grid->count), of the batch */
} worker_process;

/* Notes what is no answer; true for `stop`. */
static bool take_stop(worker_process *w, const cJSON *message)
{
    if (!ft_message_is(message, "do", "stop")) return false;
    w->stop = ft_message_number(message, "how", 1) >= FT_STOP_NOW ? FT_STOP_NOW : FT_STOP_AT_EPOCH;
    return true;
}

static void lose(worker_process *w)
{
    w->lost = true;
    w->stop = FT_STOP_NOW;
}

static void tell(worker_process *w, cJSON *message)
{
    ft_error unsaid;
    if (ft_channel_send(w->channel, message, &unsaid) != FT_OK) lose(w);
    w->last_alive = ft_now_seconds();
}

/* The answer to what was told: the next message that is no `stop`. NULL when the coordinator is gone. */
static cJSON *await(worker_process *w)
{
    ft_error unsaid;
    while (!w->lost) {
        cJSON *message = NULL;
        if (ft_channel_receive(w->channel, -1, &message, &unsaid) != FT_OK) lose(w);
        if (message && !take_stop(w, message)) return message;
        cJSON_Delete(message);
    }
    return NULL;
}

/* Tells, and waits until the coordinator has written it down. */
static ft_status confirm(worker_process *w, cJSON *message, ft_error *err)
{
    tell(w, message);
    cJSON *answer = await(w);
    bool go = answer && ft_message_is(answer, "do", "go");
    cJSON_Delete(answer);
    return go ? FT_OK : ft_fail(err, FT_INTERRUPTED, "the coordinator is gone");
}

static bool is_recorded(void *context, size_t configuration)
{
    return ((worker_process *)context)->recorded[configuration];
}

static ft_status begin(void *context, size_t configuration, const char *experiment_id, ft_error *err)
{
    cJSON *message = ft_message("say", "begin");
    if (message) {
        cJSON_AddNumberToObject(message, "configuration", (double)configuration);
        cJSON_AddStringToObject(message, "experiment_id", experiment_id);
    }
    return confirm(context, message, err);
}

static ft_status finish(void *context, size_t configuration, const ft_outcome *outcome, ft_error *err)
{
    worker_process *w = context;
    cJSON *message = ft_message("say", "finish");
    if (message) {
        cJSON_AddNumberToObject(message, "configuration", (double)configuration);
        cJSON_AddItemToObject(message, "outcome", ft_outcome_to_json(outcome));
    }
    w->recorded[configuration] = true;
    return confirm(w, message, err);
}

static void epochs_ended(void *context, const size_t *trajectories, const ft_epoch *epochs, int32_t n,
                         bool *pruned)
{
    worker_process *w = context;
    if (!w->judge) return;
    cJSON *message = ft_message("say", "epochs");
    cJSON *t = message ? cJSON_AddArrayToObject(message, "trajectories") : NULL;
    cJSON *e = t ? cJSON_AddArrayToObject(message, "epochs") : NULL;
    cJSON *losses = e ? cJSON_AddArrayToObject(message, "val_losses") : NULL;
    for (int32_t k = 0; k < n && losses; k++) {
        cJSON_AddItemToArray(t, cJSON_CreateNumber((double)trajectories[k]));
        cJSON_AddItemToArray(e, cJSON_CreateNumber(epochs[k].epoch));
        cJSON_AddItemToArray(losses, ft_json_number(epochs[k].val_loss));
    }
    tell(w, message);
    cJSON *answer = await(w);
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(answer, "pruned");
    for (int32_t k = 0; k < n; k++) pruned[k] = cJSON_IsTrue(cJSON_GetArrayItem(list, k));
    cJSON_Delete(answer);
}

/* Asked after each step: gives a sign of life, and looks whether anything was said. */
static ft_stop stop(void *context)
{
    worker_process *w = context;
    ft_error unsaid;
    if (!w->lost && ft_now_seconds() - w->last_alive >= ALIVE_EVERY) tell(w, ft_message("say", "alive"));
    for (cJSON *message = NULL; !w->lost;) {
        if (ft_channel_receive(w->channel, 0, &message, &unsaid) != FT_OK) lose(w);
        if (!message) break;
        take_stop(w, message);
        cJSON_Delete(message);
    }
    return w->stop;
}

static int engine_stop(void *context)
{
    return (int)stop(context);
}

static void say_line(void *context, const char *line)
{
    cJSON *message = ft_message("say", "line");
    if (message) cJSON_AddStringToObject(message, "text", line);
    tell(context, message);
}

/* A list of whole numbers below `limit`; false where it is none. *out is the caller's. */
static bool numbers_of(const cJSON *list, size_t limit, size_t **out, size_t *count)
{
    int n = cJSON_GetArraySize(list);
    const cJSON *item;
    *count = 0;
    *out = malloc(((size_t)n + 1) * sizeof **out);
    if (!*out || !cJSON_IsArray(list)) return false;
    cJSON_ArrayForEach(item, list)
    {
        if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0 && item->valuedouble < (double)limit))
            return false;
        (*out)[(*count)++] = (size_t)item->valuedouble;
    }
    return true;
}

/* A batch as it was sent: a plan with its trajectories alone, under the numbers that they have in the
 * sweep's. */
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

static bool read_batch(const cJSON *message, size_t n_configs, batch *b)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(message, "trajectories"), *item;
    bool ok =
        numbers_of(cJSON_GetObjectItemCaseSensitive(message, "numbers"), n_configs, &b->numbers, &b->count);
    b->plan.members = calloc(n_configs + 1, sizeof *b->plan.members);
    b->plan.trajectories = calloc(n_configs + 1, sizeof *b->plan.trajectories);
    b->plan.n_trajectories = n_configs;
    if (!ok || b->count == 0 || (size_t)cJSON_GetArraySize(list) != b->count || !b->plan.members ||
        !b->plan.trajectories)
        return false;
    size_t at = 0;
    cJSON_ArrayForEach(item, list)
    {
        size_t *members = NULL, count = 0;
        ok = numbers_of(item, n_configs, &members, &count) && count > 0 &&
             b->plan.n_members + count <= n_configs;
        for (size_t i = 0; i < count && ok; i++) b->plan.members[b->plan.n_members + i] = members[i];
        free(members);
        if (!ok) return false;
        b->plan.trajectories[b->numbers[at++]] = (ft_trajectory){b->plan.n_members, count};
        b->plan.n_members += count;
    }
    return true;
}

static bool read_recorded(worker_process *w, const cJSON *message)
{
    size_t *list = NULL, count = 0;
    bool ok =
        numbers_of(cJSON_GetObjectItemCaseSensitive(message, "recorded"), w->grid->count, &list, &count);
    for (size_t i = 0; i < w->grid->count; i++) w->recorded[i] = false;
    for (size_t i = 0; i < count && ok; i++) w->recorded[list[i]] = true;
    free(list);
    return ok;
}

/* The job that a message tells of; false: it cannot be read. */
static bool read_job(const worker_process *w, const cJSON *message, batch *b, ft_job *job)
{
    bool ok = read_batch(message, w->grid->count, b);
    const char *failure = ft_message_text(message, "failure");
    *job = (ft_job){.configs = w->grid->configs,
                    .n_configs = w->grid->count,
                    .plan = &b->plan,
                    .trajectories = b->numbers,
                    .n_trajectories = b->count,
                    .slots = (int32_t)ft_message_number(message, "slots", 1),
                    .checkpoint = ft_message_text(message, "checkpoint"),
                    .failure = *failure ? failure : NULL};
    return ok;
}

/* A team that has lost one of its processes is no use any more, and no batch is to blame for more than that.
 */
static void end_if_lost(worker_process *w, const ft_error *err)
{
    ft_error again;
    ft_comm *comm = w->study->engine->comm;
    if (!comm || comm->join(comm, &again) == FT_OK) return;
    say_line(w, err->message);
    _exit(FT_TEAM_LOST);
}

static void train(worker_process *w, const cJSON *message)
{
    batch b = {0};
    ft_job job;
    ft_error err = {""};
    ft_status status = FT_OK;
    if (!read_job(w, message, &b, &job) || !read_recorded(w, message))
        status = ft_fail(&err, FT_FAILED, "a batch that this worker cannot read");
    const ft_link link = {w, is_recorded, begin, finish, epochs_ended, stop};
    w->judge = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(message, "judge"));
    if (status == FT_OK && w->team && !job.failure) ft_team_tell(w->team, message);
    if (status == FT_OK) status = ft_worker_train(w->study, &job, &link, &err);
    if (status != FT_OK) end_if_lost(w, &err);
    free_batch(&b);
    cJSON *answer = ft_message("say", "done");
    if (answer) {
        cJSON_AddNumberToObject(answer, "status", status);
        cJSON_AddStringToObject(answer, "message", err.message);
    }
    tell(w, answer);
}

/* The life of the others of a team: what ends a batch is the leader's to tell. */
static void follow(void *context, ft_channel *leader)
{
    worker_process *w = context;
    ft_engine *engine = w->study->engine;
    ft_error err = {""};
    ft_status status = ft_study_attach(w->study, &err);
    status = ft_team_follow(engine, leader, status, &err);
    const ft_link link = ft_follower_link(engine);
    while (status == FT_OK) {
        cJSON *message = NULL;
        batch b = {0};
        ft_job job;
        status = ft_channel_receive(leader, -1, &message, &err);
        if (status == FT_OK && !read_job(w, message, &b, &job)) status = FT_FAILED;
        if (status == FT_OK) ft_worker_train(w->study, &job, &link, &err);
        free_batch(&b);
        cJSON_Delete(message);
    }
}

static void say_ready(worker_process *w, int64_t busy_rows)
{
    const ft_backend *backend = w->study->engine->backend;
    cJSON *message = ft_message("say", "ready");
    if (message) {
        cJSON_AddBoolToObject(message, "bf16", backend->bf16);
        cJSON_AddNumberToObject(message, "memory_bytes", (double)backend->memory_bytes);
        cJSON_AddNumberToObject(message, "busy_rows", (double)busy_rows);
    }
    tell(w, message);
}

static void say_failed(worker_process *w, ft_status status, const ft_error *err)
{
    cJSON *message = ft_message("say", "failed");
    if (message) {
        cJSON_AddNumberToObject(message, "status", status);
        cJSON_AddStringToObject(message, "message", err->message);
    }
    tell(w, message);
}

/* Opens the device, and with it those of the team. */
static ft_status open_devices(worker_process *w, const char *const *devices, int32_t n_devices, ft_error *err)
{
    ft_engine *engine = w->study->engine;
    const ft_team_settings settings = {.devices = devices,
                                       .size = n_devices,
                                       .dies_as_one = true,
                                       .descriptor = w->channel->fd,
                                       .follow = follow,
                                       .context = w,
                                       .connect = engine->team_connect ? engine->team_connect
                                                                       : ft_team_connect_nccl};
    engine->settings.device = devices[0];
    ft_status status = n_devices > 1 ? ft_team_start(engine, &settings, &w->team, err) : FT_OK;
    if (status == FT_OK) status = ft_study_attach(w->study, err);
    return status == FT_OK && w->team ? ft_team_join(w->team, err) : status;
}

void ft_worker_process(ft_sweep *sweep, const char *const *devices, int32_t n_devices, ft_channel *channel)
{
    const ft_grid *grid = &sweep->grid;
    worker_process w = {.study = &sweep->study, .grid = grid, .channel = channel};
    ft_engine_settings *settings = &sweep->engine->settings;
    ft_error err = {""};
    settings->progress = say_line;
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
        say_failed(&w, status, &err);
    while (status == FT_OK && !w.lost) {
        cJSON *message = await(&w);
        bool is_work = message && ft_message_is(message, "do", "train");
        if (is_work) train(&w, message);
        cJSON_Delete(message);
        if (!is_work) break;
    }
    ft_team_end(w.team);
    free(w.recorded);
}
