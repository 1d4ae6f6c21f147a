/* NCCL communicators over simulated GPUs, one host program a rank. */
#include <criterion/criterion.h>
#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kernels/comm.h"
#include "tests/simt/simt.h"

enum { MOST_RANKS = 4, COUNT = 100, DEVICE_BYTES = 1 << 24 };

/* One rank of a test. */
typedef struct member {
    ft_backend *backend;
    ft_comm *comm;
    float *values; /* (COUNT) on the device */
} member;

typedef struct scene {
    int size;
    double timeout_seconds;
    ft_comm_id id;
    ft_status status[MOST_RANKS]; /* what the ranks ended with */
    ft_error err[MOST_RANKS];
    float got[MOST_RANKS][COUNT];
} scene;

static scene make_scene(int size, simt_order order)
{
    scene s = {.size = size};
    ft_error err;
    simt_reset(size, DEVICE_BYTES);
    simt_set_order(order, 11);
    cr_assert_eq(ft_comm_nccl_id(&s.id, &err), FT_OK, "%s", err.message);
    return s;
}

/* Element i of rank r is r * COUNT + i. */
static member join(scene *s, int rank)
{
    member m = {0};
    ft_error *err = &s->err[rank];
    float values[COUNT];
    for (int i = 0; i < COUNT; i++) values[i] = (float)(rank * COUNT + i);
    cr_assert_eq(ft_cuda_create(rank, FT_F32, &m.backend, err), FT_OK, "%s", err->message);
    cr_assert_eq(ft_comm_nccl(m.backend, &s->id, rank, s->size, s->timeout_seconds, &m.comm, err), FT_OK,
                 "%s", err->message);
    m.values = m.backend->allocate(m.backend, sizeof values, err);
    m.backend->to_device(m.backend, m.values, values, sizeof values);
    return m;
}

static void leave(scene *s, int rank, member *m)
{
    if (s->status[rank] == FT_OK)
        m->backend->to_host(m->backend, s->got[rank], m->values, sizeof s->got[rank]);
    m->backend->release(m->backend, m->values);
    m->comm->free(m->comm);
    m->backend->free(m->backend);
}

static ft_status add_values(member *m, ft_error *err)
{
    ft_status status = m->comm->all_reduce(m->comm, (ft_tensor){m->values, FT_F32, 1, COUNT, COUNT}, err);
    return status == FT_OK ? m->comm->join(m->comm, err) : status;
}

static void add_up(int rank, void *context)
{
    scene *s = context;
    member m = join(s, rank);
    s->status[rank] = add_values(&m, &s->err[rank]);
    leave(s, rank, &m);
}

static void take_from_last(int rank, void *context)
{
    scene *s = context;
    member m = join(s, rank);
    s->status[rank] = m.comm->broadcast(m.comm, m.values, COUNT * sizeof(float), s->size - 1, &s->err[rank]);
    leave(s, rank, &m);
}

Test(cuda_comm, sums_and_broadcasts_reach_all_ranks_in_every_order)
{
    for (int size = 1; size <= MOST_RANKS; size++)
        for (int order = SIMT_FORWARD; order <= SIMT_RANDOM; order++) {
            scene s = make_scene(size, (simt_order)order);
            simt_run_ranks(size, add_up, &s);
            cr_assert_null(simt_fault(), "%s", simt_fault());
            for (int rank = 0; rank < size; rank++)
                for (int i = 0; i < COUNT; i++)
                    cr_assert_eq(s.got[rank][i], (float)(COUNT * size * (size - 1) / 2 + size * i));
            s = make_scene(size, (simt_order)order);
            simt_run_ranks(size, take_from_last, &s);
            cr_assert_null(simt_fault(), "%s", simt_fault());
            for (int rank = 0; rank < size; rank++)
                for (int i = 0; i < COUNT; i++) cr_assert_eq(s.got[rank][i], (float)((size - 1) * COUNT + i));
            cr_expect_eq(simt_counted().collectives, (uint64_t)size);
            cr_expect_eq(simt_counted().allocated_bytes, 0);
        }
}

/* A captured sum takes part in each replay; the ranks replay it as often. */
static void add_up_by_graph(int rank, void *context)
{
    scene *s = context;
    member m = join(s, rank);
    m.backend->capture_begin(m.backend);
    s->status[rank] = add_values(&m, &s->err[rank]);
    void *graph = m.backend->capture_end(m.backend);
    for (int i = 0; i < 3; i++) m.backend->replay(m.backend, graph);
    cr_expect_eq(m.comm->wait(m.comm, &s->err[rank]), FT_OK, "%s", s->err[rank].message);
    m.backend->graph_free(m.backend, graph);
    leave(s, rank, &m);
}

Test(cuda_comm, a_captured_sum_is_replayed)
{
    for (int order = SIMT_FORWARD; order <= SIMT_RANDOM; order++) {
        scene s = make_scene(2, (simt_order)order);
        simt_run_ranks(2, add_up_by_graph, &s);
        cr_assert_null(simt_fault(), "%s", simt_fault());
        for (int rank = 0; rank < 2; rank++)
            for (int i = 0; i < COUNT; i++) cr_assert_eq(s.got[rank][i], (float)(4 * (COUNT + 2 * i)));
        cr_expect_eq(simt_counted().replays, 6);
    }
}

/* Rank 0 waits in all_reduce_host until the others, which synchronize first, call it. */
static int n_calling;
static void meet(int rank, void *context)
{
    scene *s = context;
    member m = join(s, rank);
    if (rank > 0) cr_expect_eq(m.backend->synchronize(m.backend, &s->err[rank]), FT_OK);
    n_calling++;
    double one = 1;
    s->status[rank] = m.comm->all_reduce_host(m.comm, &one, 1, &s->err[rank]);
    cr_expect_eq(n_calling, 3);
    leave(s, rank, &m);
}

Test(cuda_comm, a_sum_on_the_host_waits_for_all)
{
    scene s = make_scene(3, SIMT_FORWARD);
    simt_run_ranks(3, meet, &s);
    cr_expect_null(simt_fault(), "%s", simt_fault());
    for (int rank = 0; rank < 3; rank++) cr_expect_eq(s.status[rank], FT_OK);
}

/* The last rank dies before the sum. */
static void lose_the_last(int rank, void *context)
{
    scene *s = context;
    if (rank > 0) s->timeout_seconds = 0;
    member m = join(s, rank);
    if (rank < s->size - 1) {
        cr_expect_eq(add_values(&m, &s->err[rank]), FT_OK);
        s->status[rank] = m.comm->wait(m.comm, &s->err[rank]);
        ft_error err;
        cr_expect_eq(m.backend->synchronize(m.backend, &err), FT_OK, "%s", err.message);
        cr_expect_neq(add_values(&m, &err), FT_OK);
        cr_expect_neq(m.comm->wait(m.comm, &err), FT_OK);
        cr_expect(strstr(err.message, "aborted"), "%s", err.message);
    } else {
        s->status[rank] = FT_INTERRUPTED;
    }
    leave(s, rank, &m);
}

Test(cuda_comm, a_rank_that_died_ends_the_others_wait)
{
    scene s = make_scene(3, SIMT_FORWARD);
    s.timeout_seconds = 0.05; /* of rank 0 alone: rank 1 hears of it */
    simt_run_ranks(3, lose_the_last, &s);
    cr_expect_null(simt_fault(), "%s", simt_fault());
    cr_expect_eq(s.status[0], FT_FAILED);
    cr_expect(strstr(s.err[0].message, "another rank has not come within 0.05 s"), "%s", s.err[0].message);
    cr_expect(strstr(s.err[0].message, "rank 0 of 3"), "%s", s.err[0].message);
    cr_expect_eq(s.status[1], FT_FAILED);
    cr_expect(strstr(s.err[1].message, "remote process exited"), "%s", s.err[1].message);
    cr_expect_eq(simt_counted().allocated_bytes, 0);
}

/* Stops this process for a while, as a batch scheduler does. */
static void be_suspended(double seconds)
{
    const pid_t self = getpid(), waker = fork();
    cr_assert(waker >= 0);
    if (waker == 0) {
        nanosleep(&(struct timespec){(time_t)seconds, (long)(1e9 * fmod(seconds, 1))}, NULL);
        kill(self, SIGCONT);
        _exit(0);
    }
    raise(SIGSTOP);
    waitpid(waker, NULL, 0);
}

/* Program 0 waits for program 1, which waits for program 2 in a communicator of their
 * own. There all are suspended, for longer than program 0 would wait, and it is the first
 * that looks afterwards. */
static void suspend_all(int program, void *context)
{
    scene *scenes = context; /* ranks 0 and 1 of each */
    member m = {0};
    ft_error err;
    ft_comm *comms[2] = {NULL};
    double sum = 1;
    cr_assert_eq(ft_cuda_create(program, FT_F32, &m.backend, &err), FT_OK, "%s", err.message);
    for (int at = 1; at >= 0; at--) {
        const int rank = program - at;
        const scene *s = &scenes[at];
        if (rank != 0 && rank != 1) continue;
        cr_assert_eq(ft_comm_nccl(m.backend, &s->id, rank, 2, s->timeout_seconds, &comms[at], &err), FT_OK,
                     "%s", err.message);
    }
    /* Some turns, until program 0 waits. */
    for (int turn = 0; turn < 3 && comms[1]; turn++)
        cr_assert_eq(comms[1]->all_reduce_host(comms[1], &sum, 1, &err), FT_OK, "%s", err.message);
    if (program == 2) be_suspended(5);
    for (int at = 1; at >= 0; at--)
        if (comms[at])
            scenes[at].status[program - at] =
                comms[at]->all_reduce_host(comms[at], &sum, 1, &scenes[at].err[program - at]);
    for (int at = 0; at < 2; at++)
        if (comms[at]) comms[at]->free(comms[at]);
    m.backend->free(m.backend);
}

Test(cuda_comm, who_is_suspended_with_all_others_does_not_wait_meanwhile)
{
    scene scenes[2] = {make_scene(3, SIMT_FORWARD)};
    ft_error err;
    scenes[0].timeout_seconds = 4; /* far more than the others' turns take */
    cr_assert_eq(ft_comm_nccl_id(&scenes[1].id, &err), FT_OK, "%s", err.message);
    simt_run_ranks(3, suspend_all, scenes);
    cr_expect_null(simt_fault(), "%s", simt_fault());
    for (int at = 0; at < 2; at++)
        for (int rank = 0; rank < 2; rank++)
            cr_expect_eq(scenes[at].status[rank], FT_OK, "%s", scenes[at].err[rank].message);
}

/* Nobody says that the last rank has died but who looks at its process. */
static bool missing(void *context)
{
    return ++*(int *)context > 0;
}

static void miss_the_last(int rank, void *context)
{
    scene *s = context;
    int asked = 0;
    member m = join(s, rank);
    m.comm->is_lost = missing;
    m.comm->context = &asked;
    if (rank == 0) {
        cr_expect_eq(add_values(&m, &s->err[rank]), FT_OK);
        s->status[rank] = m.comm->wait(m.comm, &s->err[rank]);
        cr_expect_eq(asked, 2, "what is missing is asked for twice, not %d times", asked);
    }
    leave(s, rank, &m);
}

Test(cuda_comm, a_rank_whose_process_is_gone_ends_the_others_wait)
{
    scene s = make_scene(2, SIMT_FORWARD);
    simt_run_ranks(2, miss_the_last, &s);
    cr_expect_null(simt_fault(), "%s", simt_fault());
    cr_expect_eq(s.status[0], FT_FAILED);
    cr_expect(strstr(s.err[0].message, "the process of another rank has ended"), "%s", s.err[0].message);
}

/* Rank 1 dies after the first of rank 0's replays, which rank 0 sees by its process: rank
 * 0's captured step goes with the communicator. */
static void lose_one_in_replay(int rank, void *context)
{
    scene *s = context;
    member m = join(s, rank);
    ft_error err;
    m.backend->capture_begin(m.backend);
    s->status[rank] = add_values(&m, &err);
    void *graph = m.backend->capture_end(m.backend);
    m.backend->replay(m.backend, graph);
    cr_expect_eq(m.comm->wait(m.comm, &err), FT_OK, "%s", err.message);
    if (rank == 0) {
        int asked = 0;
        m.comm->is_lost = missing;
        m.comm->context = &asked;
        m.backend->replay(m.backend, graph);
        s->status[rank] = m.comm->wait(m.comm, &s->err[rank]);
        cr_expect_eq(m.backend->synchronize(m.backend, &err), FT_OK, "%s", err.message);
        m.backend->replay(m.backend, graph);
        cr_expect_eq(m.backend->synchronize(m.backend, &err), FT_FAILED);
        cr_expect(strstr(err.message, "dropped"), "%s", err.message);
    }
    m.backend->graph_free(m.backend, graph);
    leave(s, rank, &m);
}

Test(cuda_comm, a_captured_step_goes_with_an_aborted_communicator)
{
    scene s = make_scene(2, SIMT_FORWARD);
    simt_run_ranks(2, lose_one_in_replay, &s);
    cr_expect_null(simt_fault(), "%s", simt_fault());
    cr_expect_eq(s.status[0], FT_FAILED);
    cr_expect_eq(s.status[1], FT_OK);
    cr_expect_eq(simt_counted().allocated_bytes, 0);
}

/* -- parts to a whole -- */

enum { TOTAL = 10000, NOBODYS = 9990 }; /* numbers; those that no rank has begin */
static float wholes[MOST_RANKS][TOTAL];

static float number(int i)
{
    return i == 17 ? -INFINITY : i == 18 ? NAN : i == 19 ? 1e-44f : sinf((float)i);
}

/* The later the rank, the larger its part; of more than two ranks the second has none. */
static void gather(int rank, void *context)
{
    scene *s = context;
    member m = join(s, rank);
    bool has_none = rank == 1 && s->size > 2;
    int first = NOBODYS * rank * rank / (s->size * s->size),
        end = NOBODYS * (rank + 1) * (rank + 1) / (s->size * s->size);
    if (rank == 0 && s->size > 2) end = NOBODYS * 4 / (s->size * s->size);
    if (has_none) first = end;
    for (int i = 0; i < TOTAL; i++) wholes[rank][i] = i >= first && i < end ? number(i) : 1000;
    s->status[rank] =
        ft_comm_gather(m.comm, wholes[rank], TOTAL, (size_t)first, (size_t)(end - first), &s->err[rank]);
    leave(s, rank, &m);
}

Test(cuda_comm, parts_become_a_whole_on_all_ranks)
{
    for (int size = 2; size <= MOST_RANKS; size++) {
        scene s = make_scene(size, SIMT_RANDOM);
        simt_run_ranks(size, gather, &s);
        cr_assert_null(simt_fault(), "%s", simt_fault());
        for (int rank = 0; rank < size; rank++) {
            cr_assert_eq(s.status[rank], FT_OK, "%s", s.err[rank].message);
            for (int i = 0; i < TOTAL; i++) {
                float expected = i < NOBODYS ? number(i) : 0, got = wholes[rank][i];
                cr_assert(got == expected || (isnan(got) && isnan(expected)), "rank %d of %d, number %d: %g",
                          rank, size, i, (double)got);
            }
        }
    }
}

/* More of them than are sent at a time. */
static void add_up_on_hosts(int rank, void *context)
{
    static double numbers[MOST_RANKS][TOTAL];
    scene *s = context;
    member m = join(s, rank);
    for (int i = 0; i < TOTAL; i++) numbers[rank][i] = rank * TOTAL + i;
    s->status[rank] = m.comm->all_reduce_host(m.comm, numbers[rank], TOTAL, &s->err[rank]);
    for (int i = 0; i < TOTAL; i++)
        cr_assert_eq(numbers[rank][i], 3.0 * TOTAL + 3.0 * i, "rank %d, number %d", rank, i);
    leave(s, rank, &m);
}

Test(cuda_comm, numbers_on_the_hosts_are_added_up)
{
    scene s = make_scene(3, SIMT_RANDOM);
    simt_run_ranks(3, add_up_on_hosts, &s);
    cr_expect_null(simt_fault(), "%s", simt_fault());
    for (int rank = 0; rank < 3; rank++) cr_expect_eq(s.status[rank], FT_OK, "%s", s.err[rank].message);
}

/* Without `wait` the same is a hang. */
static void hang(int rank, void *context)
{
    scene *s = context;
    member m = join(s, rank);
    if (rank == 0) add_values(&m, &s->err[rank]);
    s->status[rank] = m.backend->synchronize(m.backend, &s->err[rank]);
    leave(s, rank, &m);
}

Test(cuda_comm, a_missing_rank_is_a_hang)
{
    for (int order = SIMT_FORWARD; order <= SIMT_RANDOM; order++) {
        scene s = make_scene(2, (simt_order)order);
        simt_run_ranks(2, hang, &s);
        cr_assert_not_null(simt_fault());
        cr_expect(strstr(simt_fault(), "rank 0 waits in ncclAllReduce"), "%s", simt_fault());
        cr_expect(strstr(simt_fault(), "rank 1 is missing"), "%s", simt_fault());
        cr_expect_neq(s.status[0], FT_OK);
        simt_reset(1, DEVICE_BYTES);
    }
}

Test(cuda_comm, only_gpus_are_connected)
{
    ft_error err;
    ft_comm *comm;
    ft_comm_id id = {{0}};
    ft_backend *host = NULL;
    cr_assert_eq(ft_ref_create(FT_F32, &host, &err), FT_OK);
    cr_expect_eq(ft_comm_nccl(host, &id, 0, 1, 0, &comm, &err), FT_BAD_INPUT);
    cr_expect(strstr(err.message, "ref"), "%s", err.message);
    host->free(host);
}

Test(cuda_comm, a_process_alone_needs_no_library)
{
    ft_error err;
    ft_comm *comm;
    float value = 3;
    cr_assert_eq(ft_comm_self(&comm, &err), FT_OK);
    cr_expect_eq(comm->size, 1);
    cr_expect_eq(comm->all_reduce(comm, (ft_tensor){&value, FT_F32, 1, 1, 1}, &err), FT_OK);
    cr_expect_eq(comm->broadcast(comm, &value, sizeof value, 0, &err), FT_OK);
    cr_expect_eq(comm->wait(comm, &err), FT_OK);
    cr_expect_eq(comm->all_reduce_host(comm, &(double){1}, 1, &err), FT_OK);
    cr_expect_eq(value, 3.0f);
    comm->free(comm);
}
