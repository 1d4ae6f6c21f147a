/* Workers that are rank groups: a sweep gives the results of a single process, also when
 * a member of a group dies. On CPUs the processes sum through shared memory instead of
 * NCCL. */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <ftw.h>
#include <math.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "fresh_model.h"
#include "host/data/demo_data.h"
#include "host/experiment/engine.h"
#include "host/workers/coordinator.h"
#include "host/workers/process_pool.h"
#include "host/workers/rank_group.h"
#include "tracker/experiments.h"

/* -- a communicator of forks -- */

enum { MOST_RANKS = 4, MOST_VALUES = 1 << 20, GROUPS = 64, CONFIGURATIONS = 4, WIDTH = 2 };
/* Of the model before tuning, and of the configurations that are trained together, on one
 * window a split: 20 paths of 4 tokens. */
enum { TOGETHER = CONFIGURATIONS / WIDTH, WINDOW_TOKENS = 20 * 4 };

/* Of one rank group, whose leader has this process id. */
typedef struct meeting {
    atomic_int leader; /* 0: of no rank group yet */
    atomic_uint arrivals;
    double values[MOST_RANKS][MOST_VALUES];
} meeting;
static meeting *meetings; /* (TEAMS), shared, mostly never touched */

/* What goes wrong, once, when rank `rank` has drawn so many tokens. */
typedef enum fault { NO_FAULT, DIES, HAS_NO_MEMORY, HAS_NO_DISK, DIVERGES } fault;
typedef struct watched {
    /* tokens, by rank, of all rank groups since the last sweep began */
    atomic_long drawn[MOST_RANKS];
    atomic_int fault;
    int rank;
    long tokens;
    int lacking; /* allocations that HAS_NO_MEMORY lets fail */
    /* once the model before tuning is evaluated, the device has memory for one adapter at
     * a time */
    bool is_small;
} watched;
static watched *watched_ranks; /* shared */

typedef struct shared_comm {
    ft_comm base;
    meeting *at;
    double timeout_seconds;
    unsigned meetings;
    bool failed;
} shared_comm;

/* Until all ranks have come as often as this one. */
static ft_status meet(shared_comm *comm, ft_error *err)
{
    double started = ft_now_seconds();
    unsigned wanted = ++comm->meetings * (unsigned)comm->base.size;
    atomic_fetch_add(&comm->at->arrivals, 1);
    while (!comm->failed && atomic_load(&comm->at->arrivals) < wanted) {
        bool is_late = comm->timeout_seconds > 0 && ft_now_seconds() - started > comm->timeout_seconds;
        comm->failed = is_late || (comm->base.is_lost && comm->base.is_lost(comm->base.context));
        sched_yield();
    }
    return comm->failed ? ft_fail(err, FT_FAILED, "another rank has not come") : FT_OK;
}

static double value_at(const void *values, ft_dtype dtype, int64_t i)
{
    return dtype == FT_F64 ? ((const double *)values)[i] : (double)((const float *)values)[i];
}

static ft_status sum(ft_comm *self, void *values, ft_dtype dtype, int64_t count, ft_error *err)
{
    shared_comm *comm = (shared_comm *)self;
    cr_assert_leq(count, MOST_VALUES);
    for (int64_t i = 0; i < count; i++) comm->at->values[self->rank][i] = value_at(values, dtype, i);
    ft_status status = meet(comm, err);
    for (int64_t i = 0; i < count && status == FT_OK; i++) {
        double all = 0;
        for (int rank = 0; rank < self->size; rank++) all += comm->at->values[rank][i];
        if (dtype == FT_F64)
            ((double *)values)[i] = all;
        else
            ((float *)values)[i] = (float)all;
    }
    return status == FT_OK ? meet(comm, err) : status;
}

static ft_status all_reduce(ft_comm *self, ft_tensor t, ft_error *err)
{
    ft_status status = FT_OK;
    for (int64_t row = 0; row < t.rows && t.cols > 0 && status == FT_OK; row++)
        status = sum(self, (char *)t.data + (size_t)(row * t.stride) * ft_dtype_bytes(t.dtype), t.dtype,
                     t.cols, err);
    return status;
}

static ft_status all_reduce_host(ft_comm *self, double *values, size_t count, ft_error *err)
{
    return sum(self, values, FT_F64, (int64_t)count, err);
}

static ft_status enter(ft_comm *self, ft_error *err)
{
    return ((shared_comm *)self)->failed ? ft_fail(err, FT_FAILED, "it has failed before") : FT_OK;
}

static void abort_rank(ft_comm *self)
{
    ((shared_comm *)self)->failed = true;
}

static void free_comm(ft_comm *self)
{
    free(self);
}

/* -- what its ranks draw -- */

static int own_rank;
static int lacking; /* the next so many allocations fail */
static ft_backend *own_backend;
static void (*draw)(ft_backend *self, const ft_sampling *sampling, ft_tensor logits, int32_t *token,
                    ft_tensor probabilities);
static void *(*allocate)(ft_backend *self, size_t bytes, ft_error *err);

static void go_wrong(fault what)
{
    const struct rlimit nothing = {0, 0};
    if (what == DIES) kill(getpid(), SIGKILL);
    if (what == HAS_NO_MEMORY) lacking = watched_ranks->lacking;
    if (what == HAS_NO_DISK) setrlimit(RLIMIT_FSIZE, &nothing);
}

/* The logits of a path are no numbers. */
static void spoil(ft_tensor logits)
{
    for (int64_t i = 0; i < logits.cols; i++) ((float *)logits.data)[i] = NAN;
}

static void watched_draw(ft_backend *self, const ft_sampling *sampling, ft_tensor logits, int32_t *token,
                         ft_tensor probabilities)
{
    long drawn = atomic_fetch_add(&watched_ranks->drawn[own_rank], logits.rows) + logits.rows;
    fault what = NO_FAULT;
    if (own_rank == watched_ranks->rank && drawn >= watched_ranks->tokens)
        what = (fault)atomic_exchange(&watched_ranks->fault, NO_FAULT);
    go_wrong(what);
    if (what == DIVERGES) spoil(logits);
    if (watched_ranks->is_small) own_backend->memory_bytes = 1;
    draw(self, sampling, logits, token, probabilities);
}

static void *watched_allocate(ft_backend *self, size_t bytes, ft_error *err)
{
    if (lacking == 0) return allocate(self, bytes, err);
    lacking--;
    ft_no_memory(err, "this test", bytes);
    return NULL;
}

static void watch_rank(ft_backend *backend, int rank)
{
    own_rank = rank;
    own_backend = backend;
    draw = backend->sample;
    allocate = backend->allocate;
    backend->sample = watched_draw;
    backend->allocate = watched_allocate;
}

/* A rank group's own, which no other has used before. */
static meeting *meeting_of(pid_t leader)
{
    for (int i = 0; i < GROUPS; i++) {
        int nobody = 0;
        if (atomic_compare_exchange_strong(&meetings[i].leader, &nobody, leader) || nobody == leader)
            return &meetings[i];
    }
    cr_assert_fail("more than %d rank groups", GROUPS);
    return NULL;
}

static ft_status connect_forks(ft_engine *engine, const ft_comm_id *id, int rank, int size,
                               double timeout_seconds, ft_error *err)
{
    (void)id, (void)err;
    shared_comm *comm = calloc(1, sizeof *comm);
    pid_t leader = rank == 0 ? getpid() : getppid();
    comm->base = (ft_comm){.name = "forks",
                           .rank = rank,
                           .size = size,
                           .all_reduce = all_reduce,
                           .join = enter,
                           .all_reduce_host = all_reduce_host,
                           .wait = enter,
                           .abort = abort_rank,
                           .free = free_comm};
    comm->at = meeting_of(leader);
    comm->timeout_seconds = timeout_seconds;
    engine->comm = &comm->base;
    if (engine->backend) watch_rank(engine->backend, rank);
    return FT_OK;
}

/* -- a small sweep -- */

static char scratch[] = "/tmp/ftgpu_group_XXXXXX";

static void enter_scratch(void)
{
    ft_error err;
    cr_assert(mkdtemp(scratch) && chdir(scratch) == 0);
    cr_assert_eq(ft_demo_data_write("data", 1, &err), FT_OK, "%s", err.message);
    make_fresh_model("nano");
    meetings = mmap(NULL, GROUPS * sizeof *meetings, PROT_READ | PROT_WRITE,
                    MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    watched_ranks =
        mmap(NULL, sizeof *watched_ranks, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    cr_assert(meetings != MAP_FAILED && watched_ranks != MAP_FAILED);
    signal(SIGXFSZ, SIG_IGN);
}

static int remove_one(const char *path, const struct stat *s, int type, struct FTW *ftw)
{
    (void)s, (void)type, (void)ftw;
    return remove(path);
}

static void leave_scratch(void)
{
    cr_assert_eq(chdir("/"), 0);
    nftw(scratch, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* What is watched: lines of progress, after some of which a process is ended. */
typedef struct watch {
    /* 0: nobody, 1: the leader, 2: a follower; ended when the second epoch is told of */
    int victim;
    bool is_lost, is_done;
} watch;

/* The only child of a process; 0: it has none. */
static pid_t child_of(pid_t parent)
{
    char path[64];
    int child = 0;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)parent, (int)parent);
    FILE *file = fopen(path, "r");
    if (!file || fscanf(file, "%d", &child) != 1) child = 0;
    if (file) fclose(file);
    return child;
}

static void look(void *context, const char *line)
{
    watch *w = context;
    w->is_lost = w->is_lost || strstr(line, "lost one of them") || strstr(line, "ended by signal 9");
    if (!w->victim || w->is_done || !strstr(line, "epoch 2/")) return;
    pid_t leader = child_of(getpid());
    w->is_done = true;
    kill(w->victim == 1 ? leader : child_of(leader), SIGKILL);
}

static ft_status train(const char *name, int32_t ranks, watch *w, ft_error *err)
{
    for (int rank = 0; rank < MOST_RANKS; rank++) atomic_store(&watched_ranks->drawn[rank], 0);
    static const char *const set[] = {"context_length=16", "prediction_length=4", "batch_size=4", "epochs=4"};
    static const char *const grids[] = {"learning_rate=1e-4,1e-3", "lora_rank=2,4"};
    const ft_engine_settings settings = {
        .results = name, .device = "cpu", .dtype = "f32", .threads = 2, .progress = look, .context = w};
    const ft_sweep_request request = {.base = {.name = name,
                                               .model = "nano",
                                               .target = "Close",
                                               .data = {.train = "data/train.csv",
                                                        .val = "data/val.csv",
                                                        .test = "data/test.csv",
                                                        .train_last = 60},
                                               .set = set,
                                               .n_set = 4,
                                               .eval_windows = 1},
                                      .grids = grids,
                                      .n_grids = 2,
                                      .workers = 1,
                                      .max_adapters = WIDTH};
    ft_engine *engine;
    ft_sweep sweep;
    ft_worker_pool pool;
    cr_assert_eq(ft_engine_open(&settings, &engine, err), FT_OK, "%s", err->message);
    engine->group_connect = connect_forks;
    cr_assert_eq(ft_sweep_open(engine, &request, &sweep, err), FT_OK, "%s", err->message);
    cr_assert_eq(ft_process_pool_place(&sweep, 1, ranks, NULL, 0, &pool, err), FT_OK, "%s", err->message);
    ft_status status = ft_coordinate_pool(&sweep, &pool, err);
    ft_process_pool_close(&pool);
    ft_sweep_close(&sweep);
    ft_engine_close(engine);
    cr_expect_eq(child_of(getpid()), 0, "a process of %s outlived its sweep", name);
    return status;
}

/* The experiments of a sweep, all of which succeeded. */
static ft_experiments results_of(const char *name)
{
    ft_experiments found;
    ft_error err;
    cr_assert_eq(ft_experiments_load(name, FT_WHOLE, &found, &err), FT_OK, "%s", err.message);
    cr_assert_eq(found.count, CONFIGURATIONS, "%s", name);
    for (size_t i = 0; i < found.count; i++)
        cr_assert(!found.items[i].error && found.items[i].n_epochs == 4, "%s", name);
    return found;
}

/* The largest relative difference of losses and errors. */
static double difference(const char *one, const char *other)
{
    ft_experiments a = results_of(one), b = results_of(other);
    double most = 0;
    for (size_t i = 0; i < a.count; i++)
        for (size_t e = 0; e < a.items[i].n_epochs; e++) {
            const ft_epoch_record *x = &a.items[i].training_history[e], *y = &b.items[i].training_history[e];
            most = fmax(most, fabs(x->loss - y->loss) / y->loss);
            most = fmax(most, fabs(x->val_loss - y->val_loss) / y->val_loss);
        }
    for (size_t i = 0; i < a.count; i++)
        for (int split = 0; split < FT_N_SPLITS; split++) {
            const ft_metrics *x = &a.items[i].metrics[split], *y = &b.items[i].metrics[split];
            cr_assert(x->evaluated && y->evaluated);
            most = fmax(most, fabs(x->mae - y->mae) / y->mae);
            most = fmax(most, fabs(x->wql - y->wql) / y->wql);
        }
    ft_experiments_free(&a);
    ft_experiments_free(&b);
    return most;
}

TestSuite(group, .init = enter_scratch, .fini = leave_scratch, .timeout = 590);

/* Of n windows that are forecast in one call, those of a rank. */
static int share_of(int n, int rank, int ranks)
{
    return n * (rank + 1) / ranks - n * rank / ranks;
}

Test(group, trains_what_a_single_process_trains)
{
    ft_error err;
    watch w = {0};
    cr_assert_eq(train("alone", 1, &w, &err), FT_OK, "%s", err.message);
    for (int32_t ranks = 2; ranks <= 3; ranks++) {
        char name[24];
        snprintf(name, sizeof name, "of_%d", ranks);
        cr_assert_eq(train(name, ranks, &w, &err), FT_OK, "%s", err.message);
        double off = difference(name, "alone");
        cr_expect_lt(off, 1e-5, "%d processes: losses differ by %g", ranks, off);
        for (int rank = 0; rank < ranks; rank++) {
            int windows =
                share_of(FT_N_SPLITS, rank, ranks) + TOGETHER * share_of(WIDTH * FT_N_SPLITS, rank, ranks);
            cr_expect_eq(atomic_load(&watched_ranks->drawn[rank]), windows * WINDOW_TOKENS,
                         "rank %d of %d drew %ld tokens", rank, ranks,
                         atomic_load(&watched_ranks->drawn[rank]));
        }
        ft_experiments found = results_of(name);
        const cJSON *n = cJSON_GetObjectItemCaseSensitive(found.items[0].run, "ranks");
        cr_expect(cJSON_IsNumber(n) && n->valueint == ranks);
        ft_experiments_free(&found);
    }
    cr_expect_not(w.is_lost);
}

Test(group, forecasts_as_many_adapters_together_as_there_is_memory_for)
{
    ft_error err;
    watch w = {0};
    cr_assert_eq(train("whole", 2, &w, &err), FT_OK, "%s", err.message);
    watched_ranks->is_small = true;
    cr_assert_eq(train("small", 2, &w, &err), FT_OK, "%s", err.message);
    cr_expect_eq(difference("small", "whole"), 0.0);
    for (int rank = 0; rank < 2; rank++)
        cr_expect_eq(atomic_load(&watched_ranks->drawn[rank]),
                     (1 + CONFIGURATIONS) * share_of(FT_N_SPLITS, rank, 2) * WINDOW_TOKENS);
}

Test(group, that_loses_a_process_is_started_anew)
{
    ft_error err;
    watch none = {0};
    cr_assert_eq(train("whole", 2, &none, &err), FT_OK, "%s", err.message);
    for (int victim = 1; victim <= 2; victim++) {
        char name[24];
        watch w = {.victim = victim};
        snprintf(name, sizeof name, "lost_%d", victim);
        cr_assert_eq(train(name, 2, &w, &err), FT_OK, "%s", err.message);
        cr_expect(w.is_done && w.is_lost, "victim %d", victim);
        cr_expect_eq(difference(name, "whole"), 0.0, "it goes on from its checkpoint, victim %d", victim);
    }
}

/* In the evaluation of the first experiments, on the leader and on a follower, which has
 * two of three windows. */
Test(group, whose_process_dies_evaluating_is_started_anew)
{
    ft_error err;
    watch none = {0};
    cr_assert_eq(train("whole", 2, &none, &err), FT_OK, "%s", err.message);
    for (int rank = 0; rank < 2; rank++) {
        char name[24];
        watch w = {0};
        snprintf(name, sizeof name, "dead_%d", rank);
        *watched_ranks = (watched){.fault = DIES, .rank = rank, .tokens = (1 + rank) * WINDOW_TOKENS + 1};
        cr_assert_eq(train(name, 2, &w, &err), FT_OK, "%s", err.message);
        cr_expect(w.is_lost && watched_ranks->fault == NO_FAULT, "rank %d", rank);
        cr_expect_eq(difference(name, "whole"), 0.0, "it goes on from its checkpoint, rank %d", rank);
    }
}

/* Where two are forecast together and one diverges, each is forecast alone: the results
 * are what they are together. */
Test(group, whose_adapter_diverges_among_others_forecasts_each_alone)
{
    ft_error err;
    watch w = {0};
    cr_assert_eq(train("whole", 2, &w, &err), FT_OK, "%s", err.message);
    const long together = atomic_load(&watched_ranks->drawn[0]);
    for (int rank = 0; rank < 2; rank++) {
        char name[24];
        snprintf(name, sizeof name, "spoiled_%d", rank);
        *watched_ranks = (watched){.fault = DIVERGES, .rank = rank, .tokens = (1 + rank) * WINDOW_TOKENS + 1};
        cr_assert_eq(train(name, 2, &w, &err), FT_OK, "%s", err.message);
        cr_expect(!w.is_lost && watched_ranks->fault == NO_FAULT, "rank %d", rank);
        cr_expect_eq(difference(name, "whole"), 0.0, "rank %d", rank);
        cr_expect_gt(atomic_load(&watched_ranks->drawn[0]), together, "rank %d", rank);
    }
}

static int count_failed(const char *name, int rank)
{
    ft_error err;
    ft_experiments found;
    int failed = 0;
    cr_assert_eq(ft_experiments_load(name, FT_WHOLE, &found, &err), FT_OK, "%s", err.message);
    cr_assert_eq(found.count, CONFIGURATIONS);
    for (size_t i = 0; i < found.count; i++) {
        const char *error = found.items[i].error;
        if (!error) continue;
        failed++;
        cr_expect(strstr(error, "this test"), "%s", error);
        cr_expect_eq(strstr(error, "rank 1: ") != NULL, rank == 1, "%s", error);
    }
    ft_experiments_free(&found);
    return failed;
}

/* Where memory runs out forecasting two together, each is forecast alone; where it runs
 * out in that, it is tried once more; where it runs out in that, too, the experiment is
 * recorded as failed. */
Test(group, whose_memory_runs_out_evaluating_twice_records_that)
{
    ft_error err;
    watch w = {0};
    cr_assert_eq(train("whole", 2, &w, &err), FT_OK, "%s", err.message);
    for (int rank = 0; rank < 2; rank++)
        for (int times = 1; times <= 3; times++) {
            char name[32];
            snprintf(name, sizeof name, "full_%d_%d", rank, times);
            *watched_ranks = (watched){.fault = HAS_NO_MEMORY,
                                       .rank = rank,
                                       .tokens = 2 * (1 + rank) * WINDOW_TOKENS,
                                       .lacking = times};
            cr_assert_eq(train(name, 2, &w, &err), FT_OK, "%s", err.message);
            cr_expect_not(w.is_lost);
            cr_expect_eq(count_failed(name, rank), times == 3, "%s", name);
            if (times < 3) cr_expect_eq(difference(name, "whole"), 0.0);
        }
}

/* The leader alone writes: where its disk is full all end, and the sweep goes on when
 * there is room. */
Test(group, whose_disk_is_full_ends_and_goes_on)
{
    /* Before the first checkpoint is written; after it, in an evaluation. */
    const struct {
        long tokens;
        const char *name, *file;
    } cases[] = {{WINDOW_TOKENS, "no_checkpoint", "checkpoints/"},
                 {WINDOW_TOKENS + 1, "no_record", "forecasts.csv"}};
    ft_error err;
    watch none = {0};
    cr_assert_eq(train("whole", 2, &none, &err), FT_OK, "%s", err.message);
    for (int i = 0; i < 2; i++) {
        *watched_ranks = (watched){.fault = HAS_NO_DISK, .rank = 0, .tokens = cases[i].tokens};
        cr_expect_eq(train(cases[i].name, 2, &none, &err), FT_FAILED);
        cr_expect(strstr(err.message, cases[i].file), "%s", err.message);
        cr_assert_eq(train(cases[i].name, 2, &none, &err), FT_OK, "%s", err.message);
        cr_expect_eq(difference(cases[i].name, "whole"), 0.0);
    }
    cr_expect_not(none.is_lost);
}

/* -- one that cannot begin -- */

static void fail_to_open(void *context, ft_channel *leader)
{
    ft_engine *engine = context;
    ft_error err;
    ft_status opened = ft_fail(&err, FT_NO_MEMORY, "%s is full", engine->settings.device);
    ft_rank_group_follow(engine, leader, opened, &err);
}

static void vanish(void *context, ft_channel *leader)
{
    (void)context, (void)leader;
}

Test(group, fails_as_its_follower_does)
{
    static const char *const devices[] = {"cpu", "cuda:7"};
    ft_engine engine = {0};
    ft_error err;
    ft_rank_group *group;
    ft_rank_group_settings settings = {.devices = devices,
                                       .size = 2,
                                       .descriptor = -1,
                                       .follow = fail_to_open,
                                       .context = &engine,
                                       .connect = connect_forks};
    cr_assert_eq(ft_rank_group_start(&engine, &settings, &group, &err), FT_OK, "%s", err.message);
    cr_expect_eq(ft_rank_group_join(group, &err), FT_NO_MEMORY);
    cr_expect_str_eq(err.message, "cuda:7 is full");
    ft_rank_group_end(group);
    settings.follow = vanish;
    cr_assert_eq(ft_rank_group_start(&engine, &settings, &group, &err), FT_OK, "%s", err.message);
    cr_expect_eq(ft_rank_group_join(group, &err), FT_FAILED);
    cr_expect(strstr(err.message, "cuda:7"), "%s", err.message);
    ft_rank_group_end(group);
}

/* -- one that its leader outlives -- */

static void sum_as_long_as_all_do(void *context, ft_channel *leader)
{
    ft_engine *engine = context;
    ft_error err;
    double one = 1;
    ft_status status = ft_rank_group_follow(engine, leader, FT_OK, &err);
    while (status == FT_OK) status = all_reduce_host(engine->comm, &one, 1, &err);
}

Test(group, of_a_leader_that_lives_on_loses_a_follower_before_its_time_is_up)
{
    static const char *const devices[] = {"cpu", "cpu", "cpu"};
    ft_engine engine = {0};
    ft_error err;
    ft_rank_group *group;
    const ft_rank_group_settings settings = {.devices = devices,
                                             .size = 3,
                                             .descriptor = -1,
                                             .follow = sum_as_long_as_all_do,
                                             .context = &engine,
                                             .connect = connect_forks};
    cr_assert_eq(ft_rank_group_start(&engine, &settings, &group, &err), FT_OK, "%s", err.message);
    cr_assert_eq(ft_rank_group_join(group, &err), FT_OK, "%s", err.message);
    double one = 1, killed;
    cr_assert_eq(all_reduce_host(engine.comm, &one, 1, &err), FT_OK, "%s", err.message);
    kill(child_of(getpid()), SIGKILL);
    killed = ft_now_seconds();
    while (all_reduce_host(engine.comm, &one, 1, &err) == FT_OK) continue;
    cr_expect_lt(ft_now_seconds() - killed, 100); /* the group's time is 300 s */
    /* which the other follower hears of, though it waits for the dead one */
    ft_rank_group_end(group);
    cr_expect_lt(ft_now_seconds() - killed, 200);
    cr_expect_eq(child_of(getpid()), 0);
}

Test(group, needs_as_many_gpus)
{
    ft_error err;
    ft_engine engine = {0};
    cr_expect_eq(ft_rank_group_check(&engine, 1, 0, 3, &err), FT_OK);
    cr_expect_eq(ft_rank_group_check(&engine, 2, 4, 2, &err), FT_OK);
    cr_expect_eq(ft_rank_group_check(&engine, 2, 4, 3, &err), FT_BAD_INPUT);
    cr_expect_eq(ft_rank_group_check(&engine, 3, 2, 0, &err), FT_BAD_INPUT);
    cr_expect(strstr(err.message, "there are 2 GPUs"), "%s", err.message);
    cr_expect_eq(ft_rank_group_check(&engine, 2, 0, 0, &err), FT_BAD_INPUT);
    cr_expect(strstr(err.message, "mpirun"), "%s", err.message);
}
