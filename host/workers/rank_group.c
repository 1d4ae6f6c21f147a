/* A worker that is several processes; see rank_group.h. */
#include "host/workers/rank_group.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* Seconds. The leader waits this long for its followers, which are late by a step or a
 * group of forecasts at most. Followers wait for the leader without a limit: it writes
 * records meanwhile, and the coordinator kills it if it hangs. */
static const double FOLLOWERS_TIMEOUT = 300, LEADERS_TIMEOUT = 0;

struct ft_rank_group {
    ft_engine *engine;
    ft_rank_group_settings settings;
    ft_channel *followers; /* (size - 1) */
    pid_t *pids;           /* (size - 1); 0: not started */
};

/* Whether the other end of a socket is closed. */
static bool is_hung_up(int fd)
{
    struct pollfd end = {.fd = fd};
    return poll(&end, 1, 0) > 0;
}

/* Polled by ranks that wait for others: the leader asks whether a follower is gone, a
 * follower whether the leader is gone or has ended the group. */
static bool has_lost_follower(void *context)
{
    const ft_rank_group *group = context;
    for (int32_t i = 0; i < group->settings.size - 1; i++)
        if (is_hung_up(group->followers[i].fd)) return true;
    return false;
}

static bool has_lost_leader(void *context)
{
    return is_hung_up(((const ft_channel *)context)->fd);
}

static void lose_follower(int signal_number)
{
    (void)signal_number;
    _exit(FT_RANK_GROUP_LOST);
}

ft_status ft_rank_group_connect_nccl(ft_engine *engine, const ft_comm_id *id, int rank, int size,
                                     double timeout_seconds, ft_error *err)
{
    return ft_comm_nccl(engine->backend, id, rank, size, timeout_seconds, &engine->comm, err);
}

/* Runs in the forked follower. It reads from its copy of the leader's engine how the
 * group is connected. */
_Noreturn static void live(ft_rank_group *group, int32_t follower, int end, pid_t leader)
{
    /* The leader decides when the group stops; signals go to all processes at once. */
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    signal(SIGUSR1, SIG_IGN);
    signal(SIGCHLD, SIG_DFL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != leader) _exit(1);
    for (int32_t i = 0; i < follower; i++) close(group->followers[i].fd);
    if (group->settings.descriptor >= 0) close(group->settings.descriptor);
    ft_engine_settings *settings = &group->engine->settings;
    settings->device = group->settings.devices[follower + 1];
    settings->progress = NULL;
    settings->event = NULL;
    settings->stop = NULL;
    ft_channel channel = {.fd = end};
    group->settings.follow(group->settings.context, &channel);
    ft_comm *comm = group->engine->comm;
    if (comm) comm->free(comm);
    _exit(0);
}

static ft_status start_follower(ft_rank_group *group, int32_t follower, ft_error *err)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return ft_fail(err, FT_FAILED, "a rank group's socket: %s", strerror(errno));
    fflush(NULL);
    pid_t leader = getpid(), pid = fork();
    if (pid == 0) {
        close(ends[0]);
        live(group, follower, ends[1], leader);
    }
    close(ends[1]);
    group->followers[follower].fd = ends[0];
    if (pid < 0) return ft_fail(err, FT_FAILED, "a process of a rank group: %s", strerror(errno));
    group->pids[follower] = pid;
    return FT_OK;
}

ft_status ft_rank_group_start(ft_engine *engine, const ft_rank_group_settings *settings, ft_rank_group **out,
                              ft_error *err)
{
    *out = NULL;
    size_t n = (size_t)settings->size;
    ft_rank_group *group = calloc(1, sizeof *group);
    if (!group) return ft_no_memory(err, "a rank group", sizeof *group);
    *group = (ft_rank_group){.engine = engine, .settings = *settings};
    group->followers = calloc(n, sizeof *group->followers);
    group->pids = calloc(n, sizeof *group->pids);
    ft_status status = FT_OK;
    if (!group->followers || !group->pids)
        status = ft_no_memory(err, "a rank group", n * sizeof *group->followers);
    if (status == FT_OK && settings->dies_as_one) signal(SIGCHLD, lose_follower);
    engine->group_connect = settings->connect;
    for (int32_t i = 0; i < settings->size - 1 && status == FT_OK; i++)
        status = start_follower(group, i, err);
    engine->settings.device = settings->devices[0];
    if (status != FT_OK) {
        ft_rank_group_end(group);
        return status;
    }
    *out = group;
    return FT_OK;
}

/* Waits for a follower to report that its device is open. */
static ft_status hear_follower(ft_rank_group *group, int32_t follower, ft_error *err)
{
    cJSON *message = NULL;
    ft_status status = ft_channel_receive(&group->followers[follower], -1, &message, err);
    if (status != FT_OK)
        status = ft_fail(err, FT_FAILED, "the rank group's process for --device %s ended before it began",
                         group->settings.devices[follower + 1]);
    else if (!ft_message_is(message, "type", "ready"))
        status = ft_fail(err, (ft_status)ft_message_number(message, "status", FT_FAILED), "%s",
                         ft_message_text(message, "message"));
    cJSON_Delete(message);
    return status;
}

static void write_id(const ft_comm_id *id, char text[2 * sizeof *id + 1])
{
    for (size_t i = 0; i < sizeof id->bytes; i++)
        snprintf(text + 2 * i, 3, "%02x", (unsigned)(unsigned char)id->bytes[i]);
}

static bool read_id(const char *text, ft_comm_id *id)
{
    if (strlen(text) != 2 * sizeof id->bytes) return false;
    for (size_t i = 0; i < sizeof id->bytes; i++) {
        unsigned byte = 0;
        if (sscanf(text + 2 * i, "%2x", &byte) != 1) return false;
        id->bytes[i] = (char)byte;
    }
    return true;
}

ft_status ft_rank_group_join(ft_rank_group *group, ft_error *err)
{
    ft_comm_id id = {{0}};
    char text[2 * sizeof id + 1];
    ft_status status = FT_OK;
    for (int32_t i = 0; i < group->settings.size - 1 && status == FT_OK; i++)
        status = hear_follower(group, i, err);
    if (status == FT_OK && group->settings.connect == ft_rank_group_connect_nccl)
        status = ft_comm_nccl_id(&id, err);
    if (status != FT_OK) return status;
    write_id(&id, text);
    for (int32_t i = 0; i < group->settings.size - 1; i++) {
        cJSON *message = ft_message("type", "join");
        ft_error ignored; /* a lost follower is noticed elsewhere */
        if (message) {
            cJSON_AddStringToObject(message, "id", text);
            cJSON_AddNumberToObject(message, "rank", i + 1);
            cJSON_AddNumberToObject(message, "size", group->settings.size);
        }
        (void)ft_channel_send(&group->followers[i], message, &ignored);
    }
    ft_engine *engine = group->engine;
    status = group->settings.connect(engine, &id, 0, group->settings.size, FOLLOWERS_TIMEOUT, err);
    if (status != FT_OK) return status;
    engine->comm->is_lost = has_lost_follower;
    engine->comm->context = group;
    return FT_OK;
}

ft_status ft_rank_group_follow(ft_engine *engine, ft_channel *leader, ft_status opened, ft_error *err)
{
    ft_comm_id id;
    ft_error ignored;
    cJSON *message = ft_message("type", opened == FT_OK ? "ready" : "failed");
    if (message) {
        cJSON_AddNumberToObject(message, "status", opened);
        cJSON_AddStringToObject(message, "message", opened == FT_OK ? "" : err->message);
    }
    ft_status status = ft_channel_send(leader, message, &ignored);
    if (opened != FT_OK) return opened;
    message = NULL;
    if (status == FT_OK) status = ft_channel_receive(leader, -1, &message, err);
    int rank = (int)ft_message_number(message, "rank", 0), size = (int)ft_message_number(message, "size", 0);
    if (status == FT_OK && !(ft_message_is(message, "type", "join") && rank > 0 && rank < size &&
                             read_id(ft_message_text(message, "id"), &id)))
        status = ft_fail(err, FT_FAILED, "the leader of a rank group says what its follower cannot read");
    cJSON_Delete(message);
    if (status == FT_OK) status = engine->group_connect(engine, &id, rank, size, LEADERS_TIMEOUT, err);
    if (status != FT_OK) return status;
    engine->comm->is_lost = has_lost_leader;
    engine->comm->context = leader;
    return FT_OK;
}

void ft_rank_group_tell(ft_rank_group *group, const cJSON *message)
{
    ft_error ignored;
    for (int32_t i = 0; i < group->settings.size - 1 && message; i++)
        (void)ft_channel_send(&group->followers[i], cJSON_Duplicate(message, true), &ignored);
}

void ft_rank_group_end(ft_rank_group *group)
{
    if (!group) return;
    if (group->settings.dies_as_one) signal(SIGCHLD, SIG_DFL);
    for (int32_t i = 0; i < group->settings.size - 1 && group->followers && group->pids; i++)
        if (group->pids[i] > 0) ft_channel_close(&group->followers[i]);
    ft_comm *comm = group->engine->comm;
    if (comm) comm->free(comm);
    group->engine->comm = NULL;
    for (int32_t i = 0; i < group->settings.size - 1 && group->pids; i++) {
        if (group->pids[i] == 0) continue;
        /* it may wait for ranks that will never connect */
        if (!comm) kill(group->pids[i], SIGKILL);
        while (waitpid(group->pids[i], NULL, 0) < 0 && errno == EINTR) continue;
    }
    free(group->followers);
    free(group->pids);
    free(group);
}

ft_status ft_rank_group_check(const ft_engine *engine, int64_t gpus_per_experiment, int32_t n_gpus,
                              int64_t workers, ft_error *err)
{
    int64_t k = gpus_per_experiment;
    if (k <= 1) return FT_OK;
    if (engine->launcher)
        return ft_fail(err, FT_BAD_INPUT,
                       "--gpus-per-experiment: all processes that the launcher has started train together: "
                       "leave it out");
    if (n_gpus == 0)
        return ft_fail(err, FT_BAD_INPUT,
                       "--gpus-per-experiment %lld: there is no GPU (processes on CPUs train together when "
                       "mpirun starts them)",
                       (long long)k);
    if (k > n_gpus)
        return ft_fail(err, FT_BAD_INPUT, "--gpus-per-experiment %lld: there %s %d GPU%s", (long long)k,
                       n_gpus == 1 ? "is" : "are", n_gpus, n_gpus == 1 ? "" : "s");
    if (workers * k > n_gpus)
        return ft_fail(err, FT_BAD_INPUT, "--workers %lld of %lld GPUs each: there are %d GPUs",
                       (long long)workers, (long long)k, n_gpus);
    return FT_OK;
}
