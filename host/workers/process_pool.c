/* Workers that are processes of this host; see process_pool.h.
 *
 * A worker is a fork of this process, which has touched no device and started no
 * thread. So every worker, also one that replaces a dead one, has the data and the
 * weights without reading them again. */
#define _GNU_SOURCE
#include "host/workers/process_pool.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "host/experiment/devices.h"
#include "host/workers/protocol.h"
#include "host/workers/rank_group.h"
#include "host/workers/worker_process.h"

enum { MOST_WORKERS = 1024, MOST_EVENTS = 256 };

typedef struct worker {
    pid_t pid; /* 0: not running */
    ft_channel channel;
    const char *const *devices; /* (pool->ranks) as --device */
} worker;

typedef struct process_pool {
    ft_sweep *sweep;
    worker *workers; /* (n_workers) */
    int32_t n_workers;
    int32_t ranks;        /* processes of a worker, one for each device */
    const char **devices; /* (n_workers, ranks) */
    char (*names)[FT_DEVICE_NAME];
    int64_t threads; /* of a worker on the CPU; 0: all cores */
    int epoll_fd;    /* watches the sockets of all running workers */
} process_pool;

static double now(void *context)
{
    (void)context;
    return ft_now_seconds();
}

/* Runs in the forked process: closes what belongs to the coordinator, then runs the
 * worker and exits. */
_Noreturn static void live(process_pool *pool, worker *w, int end, pid_t parent)
{
    /* The coordinator tells workers when to stop. A terminal or a scheduler sends its
     * signals to the whole process group, so workers ignore them. */
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    signal(SIGUSR1, SIG_IGN);
    /* Beyond a file size limit write() then fails, and the message says why. */
    signal(SIGXFSZ, SIG_IGN);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    if (pool->ranks > 1) setpgid(0, 0);
    for (int32_t i = 0; i < pool->n_workers; i++)
        if (pool->workers[i].pid > 0) close(pool->workers[i].channel.fd);
    close(pool->epoll_fd);
    ft_engine_settings *settings = &pool->sweep->engine->settings;
    settings->threads = pool->threads;
    ft_channel channel = {.fd = end};
    _exit(ft_worker_process(pool->sweep, w->devices, pool->ranks, &channel));
}

static ft_status start(void *context, int32_t number, ft_error *err)
{
    process_pool *pool = context;
    worker *w = &pool->workers[number];
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return ft_fail(err, FT_FAILED, "a worker's socket: %s", strerror(errno));
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)number};
    fflush(NULL);
    pid_t parent = getpid(),
          pid = epoll_ctl(pool->epoll_fd, EPOLL_CTL_ADD, ends[0], &event) == 0 ? fork() : -1;
    if (pid < 0) {
        ft_fail(err, FT_FAILED, "a worker process: %s", strerror(errno));
        close(ends[0]);
        close(ends[1]);
        return FT_FAILED;
    }
    if (pid == 0) {
        close(ends[0]);
        live(pool, w, ends[1], parent);
    }
    close(ends[1]);
    w->pid = pid;
    w->channel = (ft_channel){.fd = ends[0]};
    return FT_OK;
}

/* Watches the socket of a worker: for messages from it, and, while a message to it is
 * unsent, for room to send more. */
static void listen_for(const process_pool *pool, int32_t number)
{
    const ft_channel *channel = &pool->workers[number].channel;
    struct epoll_event event = {.events = channel->unsent.length > 0 ? EPOLLIN | EPOLLOUT : EPOLLIN,
                                .data.u32 = (uint32_t)number};
    epoll_ctl(pool->epoll_fd, EPOLL_CTL_MOD, channel->fd, &event);
}

static ft_status send_to(void *context, int32_t number, cJSON *message, ft_error *err)
{
    const process_pool *pool = context;
    ft_channel *channel = &pool->workers[number].channel;
    ft_status status = ft_channel_post(channel, message, err);
    if (channel->unsent.length > 0) listen_for(pool, number);
    return status;
}

static void send_more(const process_pool *pool, int32_t number)
{
    ft_error ignored; /* a dead worker is noticed by its next read */
    (void)ft_channel_flush(&pool->workers[number].channel, &ignored);
    listen_for(pool, number);
}

static ft_status receive_from(void *context, int32_t number, cJSON **message, ft_error *err)
{
    return ft_channel_receive(&((process_pool *)context)->workers[number].channel, 0, message, err);
}

static int32_t wait_for_words(void *context, double seconds, int32_t *spoke)
{
    process_pool *pool = context;
    struct epoll_event events[MOST_EVENTS];
    int most = pool->n_workers < MOST_EVENTS ? pool->n_workers : MOST_EVENTS;
    int n = epoll_wait(pool->epoll_fd, events, most, (int)ceil(seconds * 1000));
    int32_t n_spoke = 0;
    for (int i = 0; i < n; i++) {
        int32_t number = (int32_t)events[i].data.u32;
        if (events[i].events & EPOLLOUT) send_more(pool, number);
        if (events[i].events & ~(uint32_t)EPOLLOUT) spoke[n_spoke++] = number;
    }
    return n_spoke;
}

static void kill_worker(void *context, int32_t number)
{
    kill(((process_pool *)context)->workers[number].pid, SIGKILL);
}

static void hang_up(void *context, int32_t number)
{
    shutdown(((process_pool *)context)->workers[number].channel.fd, SHUT_RDWR);
}

/* Describes a wait status in words: how the process ended. */
static void describe_end(int wait_status, char *text, size_t size)
{
    if (WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == FT_RANK_GROUP_LOST)
        snprintf(text, size, "its rank group of worker processes lost one of them");
    else if (WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == FT_WORKER_NO_MEMORY)
        snprintf(text, size, "its worker process ran out of memory");
    else if (WIFSIGNALED(wait_status))
        snprintf(text, size, "its worker process was ended by signal %d (%s)", WTERMSIG(wait_status),
                 strsignal(WTERMSIG(wait_status)));
    else
        snprintf(text, size, "its worker process ended with status %d", WEXITSTATUS(wait_status));
}

/* Waits for a process to exit; kills it after `seconds`. */
static int end_process(pid_t pid, double seconds)
{
    int wait_status = 0;
    bool is_forced = false;
    for (const double until = ft_now_seconds() + seconds;;) {
        pid_t ended = waitpid(pid, &wait_status, is_forced ? 0 : WNOHANG);
        if (ended == pid || (ended < 0 && errno != EINTR)) return wait_status;
        if (!is_forced && ft_now_seconds() >= until) {
            kill(pid, SIGKILL);
            is_forced = true;
        }
        if (!is_forced) nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
}

static void reap(void *context, int32_t number, double seconds, char *how, size_t size)
{
    process_pool *pool = context;
    worker *w = &pool->workers[number];
    describe_end(end_process(w->pid, seconds), how, size);
    /* Waits for the rest of its rank group, since the next worker needs their devices.
     * Their leader is dead, so they are children of this process now. */
    while (pool->ranks > 1 && (waitpid(-w->pid, NULL, 0) > 0 || errno == EINTR)) continue;
    /* Explicitly: closing is not enough, since a worker forked meanwhile may still
     * have a copy of this socket. */
    epoll_ctl(pool->epoll_fd, EPOLL_CTL_DEL, w->channel.fd, NULL);
    ft_channel_close(&w->channel);
    w->pid = 0;
}

/* Raises the limit on open files: one socket for each worker is more than most hosts
 * allow by default. */
static void allow_descriptors(int32_t n_workers)
{
    struct rlimit limit;
    rlim_t needed = (rlim_t)n_workers + 256;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= needed) return;
    limit.rlim_cur = limit.rlim_max == RLIM_INFINITY || limit.rlim_max > needed ? needed : limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

/* Allocates the workers and assigns their devices. */
static ft_status make_workers(process_pool *pool, const int32_t *gpus, int32_t n_gpus, ft_error *err)
{
    size_t n = (size_t)pool->n_workers * (size_t)pool->ranks;
    pool->workers = calloc((size_t)pool->n_workers, sizeof *pool->workers);
    pool->devices = calloc(n, sizeof *pool->devices);
    pool->names = calloc(n, sizeof *pool->names);
    if (!pool->workers || !pool->devices || !pool->names)
        return ft_no_memory(err, "the workers", n * sizeof *pool->workers);
    for (size_t i = 0; i < n; i++) {
        pool->devices[i] = pool->names[i];
        ft_device_name(n_gpus > 0 ? gpus[i % (size_t)n_gpus] : -1, pool->names[i]);
    }
    for (int32_t i = 0; i < pool->n_workers; i++) {
        pool->workers[i].channel.fd = -1;
        pool->workers[i].devices = pool->devices + (size_t)i * (size_t)pool->ranks;
    }
    return FT_OK;
}

int64_t ft_process_pool_threads(const ft_engine_settings *settings, int64_t n_processes)
{
    if (n_processes <= 1) return settings->threads;
    int64_t cores = settings->threads > 0 ? settings->threads : ft_cpu_cores();
    return cores / n_processes > 0 ? cores / n_processes : 1;
}

static ft_status open_pool(process_pool *self, const int32_t *gpus, int32_t n_gpus, ft_error *err)
{
    const ft_engine_settings *settings = &self->sweep->engine->settings;
    int32_t n = self->n_workers * self->ranks;
    self->threads = ft_process_pool_threads(settings, n_gpus > 0 ? 1 : n);
    /* When the leader of a rank group dies, its other processes become children of
     * this process, which waits for them. */
    if (self->ranks > 1) prctl(PR_SET_CHILD_SUBREAPER, 1);
    ft_status status = make_workers(self, gpus, n_gpus, err);
    if (status == FT_OK) allow_descriptors(self->n_workers);
    if (status == FT_OK && (self->epoll_fd = epoll_create1(EPOLL_CLOEXEC)) < 0)
        status = ft_fail(err, FT_FAILED, "workers cannot be listened to: %s", strerror(errno));
    return status;
}

ft_status ft_process_pool_place(ft_sweep *sweep, int32_t n_workers, int32_t ranks, const int32_t *gpus,
                                int32_t n_gpus, ft_worker_pool *pool, ft_error *err)
{
    *pool = (ft_worker_pool){0};
    if (sweep->engine->backend)
        return ft_fail(err, FT_BAD_INPUT,
                       "workers can only be started from an engine that has done nothing yet");
    process_pool *self = calloc(1, sizeof *self);
    if (!self) return ft_no_memory(err, "the workers", sizeof *self);
    *self = (process_pool){.sweep = sweep,
                           .n_workers = n_workers > MOST_WORKERS ? MOST_WORKERS : n_workers,
                           .ranks = ranks,
                           .epoll_fd = -1};
    pool->context = self;
    ft_status status = open_pool(self, gpus, n_gpus, err);
    if (status != FT_OK) {
        ft_process_pool_close(pool);
        return status;
    }
    int32_t n = self->n_workers * ranks;
    *pool = (ft_worker_pool){.context = self,
                             .n_workers = self->n_workers,
                             .is_gpu = n_gpus > 0,
                             .ranks = ranks,
                             .sharing = n_gpus > 0 ? (n + n_gpus - 1) / n_gpus : n,
                             .now = now,
                             .start = start,
                             .send = send_to,
                             .receive = receive_from,
                             .wait = wait_for_words,
                             .kill = kill_worker,
                             .hang_up = hang_up,
                             .reap = reap};
    return FT_OK;
}

ft_status ft_process_pool_open(ft_sweep *sweep, ft_worker_pool *pool, ft_error *err)
{
    const ft_sweep_request *request = sweep->request;
    int64_t k = request->base.gpus_per_experiment, workers = request->workers;
    int32_t gpus[FT_MOST_GPUS], n_gpus = 0;
    *pool = (ft_worker_pool){0};
    ft_status status = ft_devices_find(sweep->engine->settings.device, gpus, FT_MOST_GPUS, &n_gpus, err);
    if (status == FT_OK) status = ft_rank_group_check(sweep->engine, k, n_gpus, workers, err);
    if (status != FT_OK) return status;
    int32_t ranks = k > 1 ? (int32_t)k : 1;
    if (workers <= 0) workers = n_gpus > 0 ? n_gpus / ranks : 1;
    return ft_process_pool_place(sweep, workers > MOST_WORKERS ? MOST_WORKERS : (int32_t)workers, ranks, gpus,
                                 n_gpus, pool, err);
}

void ft_process_pool_close(ft_worker_pool *pool)
{
    process_pool *self = pool->context;
    if (!self) return;
    if (self->epoll_fd >= 0) close(self->epoll_fd);
    free(self->workers);
    free(self->devices);
    free(self->names);
    free(self);
    *pool = (ft_worker_pool){0};
}
