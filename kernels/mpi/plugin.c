/* Communication by MPI, in host memory; see kernels/comm.h.
 *
 * MPI guarantees no order for its own sums. Here rank r adds up the r-th share of the
 * numbers, rank by rank, and sends the sums to all; of few numbers every rank adds up
 * all. So all ranks and all runs get the same bits. all_reduce only collects numbers, and
 * `join` sums them, so that a step's many small tensors are one exchange: nothing
 * overlaps with the backward pass here, and a message costs more than its contents.
 *
 * No call waits inside MPI: that would keep a core busy that another rank may need, and
 * would never end if one had died. Each call is started and polled until it is done or
 * the timeout has passed. */
#include <mpi.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "kernels/mpi/plugin.h"

/* PIECE: numbers summed at a time. FEW: up to so many, over all ranks, every rank adds up
 * all. END_SECONDS: how long to wait for the other ranks before MPI_Finalize. */
enum { PIECE = 1 << 16, FEW = 1 << 12, END_SECONDS = 10 };

/* Contiguous numbers to be summed. */
typedef struct row {
    char *values;
    int64_t count;
} row;

typedef struct mpi_comm {
    ft_comm base; /* first, so that the pointers convert */
    double timeout_seconds;
    bool failed;
    char *sent, *received; /* (PIECE + size) doubles each */
    /* What all_reduce has collected since the last join, floats and doubles apart. */
    struct {
        row *rows; /* (n_rows) */
        size_t n_rows, room;
    } pending[2];
} mpi_comm;

static mpi_comm *comm_of(ft_comm *self)
{
    return (mpi_comm *)self;
}

static ft_status check(mpi_comm *comm, int result, const char *call, ft_error *err)
{
    if (result == MPI_SUCCESS) return FT_OK;
    char text[MPI_MAX_ERROR_STRING] = "";
    int length = 0;
    MPI_Error_string(result, text, &length);
    comm->failed = true;
    return ft_fail(err, FT_FAILED, "%s: %s, rank %d of %d", call, text, comm->base.rank, comm->base.size);
}

/* Gives the core to other processes, for longer and longer. It sleeps instead of
 * yielding: with more processes than cores, a process that yields waits for the turns of
 * all others, while one that sleeps continues when it wakes. */
static void give_way(int *turns)
{
    if ((*turns)++ < 100) return;
    long nanoseconds = *turns < 1000 ? 20000 : 1000000;
    nanosleep(&(struct timespec){.tv_nsec = nanoseconds}, NULL);
}

/* Polls until the started request is done. */
static ft_status complete(mpi_comm *comm, int begun, MPI_Request *request, const char *call, double seconds,
                          ft_error *err)
{
    ft_status status = check(comm, begun, call, err);
    ft_awake_clock waited = {.looked_at = ft_now_seconds()};
    int done = 0, turns = 0;
    while (status == FT_OK) {
        status = check(comm, MPI_Test(request, &done, MPI_STATUS_IGNORE), call, err);
        if (done) break;
        if (status == FT_OK && ft_awake_seconds(&waited, ft_now_seconds()) > seconds && seconds > 0) {
            comm->failed = true;
            return ft_fail(err, FT_FAILED,
                           "another rank has not come within %g s to what rank %d of %d waits for", seconds,
                           comm->base.rank, comm->base.size);
        }
        give_way(&turns);
    }
    return status;
}

/* Starts the call, whose last argument is the request, and waits until it is done. */
#define MPI_DO(comm, call, ...)                                                                              \
    complete(comm, call(__VA_ARGS__, &request), &request, #call, (comm)->timeout_seconds, err)

static ft_status enter(mpi_comm *comm, ft_error *err)
{
    if (!comm->failed) return FT_OK;
    return ft_fail(err, FT_FAILED, "the communicator of rank %d of %d has failed before", comm->base.rank,
                   comm->base.size);
}

static ft_status broadcast(ft_comm *self, void *buffer, size_t bytes, int root, ft_error *err)
{
    enum { MOST = 1 << 30 };
    mpi_comm *comm = comm_of(self);
    MPI_Request request;
    ft_status status = enter(comm, err);
    for (char *at = buffer; bytes > 0 && status == FT_OK;) {
        size_t part = bytes < MOST ? bytes : MOST;
        status = MPI_DO(comm, MPI_Ibcast, at, (int)part, MPI_BYTE, root, MPI_COMM_WORLD);
        at += part;
        bytes -= part;
    }
    return status;
}

/* sums[i] = the sum of parts[rank * share + i], rank by rank. */
#define ADD_SHARES(type, parts, share, size, sums)                                                           \
    for (int i = 0; i < (share); i++) {                                                                      \
        type sum = ((const type *)(parts))[i];                                                               \
        for (int rank = 1; rank < (size); rank++) sum += ((const type *)(parts))[rank * (share) + i];        \
        ((type *)(sums))[i] = sum;                                                                           \
    }

/* Sums `count` numbers, at most PIECE, of all ranks' `sent` into `received`. Shares are
 * equal; what lies beyond the last number is never read. */
static ft_status exchange(mpi_comm *comm, int count, bool is_double, ft_error *err)
{
    const MPI_Datatype type = is_double ? MPI_DOUBLE : MPI_FLOAT;
    int size = comm->base.size, share = (count + size - 1) / size;
    void *sent = comm->sent, *received = comm->received;
    MPI_Request request;
    ft_status status;
    bool few = count * size <= FEW;
    if (few)
        status = MPI_DO(comm, MPI_Iallgather, sent, count, type, received, count, type, MPI_COMM_WORLD);
    else
        status = MPI_DO(comm, MPI_Ialltoall, sent, share, type, received, share, type, MPI_COMM_WORLD);
    if (status != FT_OK) return status;
    if (few) share = count;
    if (is_double)
        ADD_SHARES(double, received, share, size, sent)
    else
        ADD_SHARES(float, received, share, size, sent)
    if (few) {
        memcpy(received, sent, (size_t)count * (is_double ? sizeof(double) : sizeof(float)));
        return FT_OK;
    }
    return MPI_DO(comm, MPI_Iallgather, sent, share, type, received, share, type, MPI_COMM_WORLD);
}

/* Copies `count` numbers between rows and the piece, from position `at` in row *i on. */
static void move(char *piece, bool into, const row *rows, size_t *i, int64_t *at, int count, size_t bytes)
{
    while (count > 0) {
        const row *r = &rows[*i];
        int64_t left = r->count - *at, n = left < count ? left : count;
        char *values = r->values + (size_t)*at * bytes;
        memcpy(into ? piece : values, into ? values : piece, (size_t)n * bytes);
        piece += (size_t)n * bytes;
        count -= (int)n;
        *at += n;
        if (*at < r->count) continue;
        (*i)++;
        *at = 0;
    }
}

/* Sums all rows of one type, piece by piece. */
static ft_status add_rows(mpi_comm *comm, const row *rows, size_t n_rows, bool is_double, ft_error *err)
{
    const size_t bytes = is_double ? sizeof(double) : sizeof(float);
    size_t from = 0, to = 0;
    int64_t from_at = 0, to_at = 0, left = 0;
    ft_status status = FT_OK;
    for (size_t i = 0; i < n_rows; i++) left += rows[i].count;
    while (left > 0 && status == FT_OK) {
        int count = left < PIECE ? (int)left : PIECE;
        move(comm->sent, true, rows, &from, &from_at, count, bytes);
        status = exchange(comm, count, is_double, err);
        if (status == FT_OK) move(comm->received, false, rows, &to, &to_at, count, bytes);
        left -= count;
    }
    return status;
}

static ft_status all_reduce(ft_comm *self, ft_tensor values, ft_error *err)
{
    mpi_comm *comm = comm_of(self);
    ft_status status = enter(comm, err);
    if (status != FT_OK || values.cols == 0) return status;
    if (values.stride == values.cols) { /* contiguous rows */
        values.cols *= values.rows;
        values.rows = 1;
    }
    size_t type = values.dtype == FT_F64, needed = comm->pending[type].n_rows + (size_t)values.rows;
    if (needed > comm->pending[type].room) {
        row *grown = realloc(comm->pending[type].rows, 2 * needed * sizeof *grown);
        if (!grown) return ft_no_memory(err, "a communicator", 2 * needed * sizeof *grown);
        comm->pending[type].rows = grown;
        comm->pending[type].room = 2 * needed;
    }
    for (int64_t i = 0; i < values.rows; i++) {
        void *at = ft_row_address(values, i);
        comm->pending[type].rows[comm->pending[type].n_rows++] = (row){at, values.cols};
    }
    return FT_OK;
}

static ft_status join(ft_comm *self, ft_error *err)
{
    mpi_comm *comm = comm_of(self);
    ft_status status = enter(comm, err);
    for (int type = 0; type < 2; type++) {
        if (status == FT_OK)
            status = add_rows(comm, comm->pending[type].rows, comm->pending[type].n_rows, type == 1, err);
        comm->pending[type].n_rows = 0;
    }
    return status;
}

static ft_status all_reduce_host(ft_comm *self, double *values, size_t count, ft_error *err)
{
    ft_status status = join(self, err);
    const row one = {(char *)values, (int64_t)count};
    return status == FT_OK && count > 0 ? add_rows(comm_of(self), &one, 1, true, err) : status;
}

static void abort_rank(ft_comm *self)
{
    comm_of(self)->failed = true;
}

/* MPI_Finalize waits for all ranks. */
static void free_comm(ft_comm *self)
{
    mpi_comm *comm = comm_of(self);
    ft_error ignored;
    MPI_Request request;
    if (!comm->failed && complete(comm, MPI_Ibarrier(MPI_COMM_WORLD, &request), &request, "MPI_Ibarrier",
                                  END_SECONDS, &ignored) == FT_OK)
        MPI_Finalize();
    for (int type = 0; type < 2; type++) free(comm->pending[type].rows);
    free(comm->sent);
    free(comm->received);
    free(comm);
}

/* Finds which ranks are on this machine. */
static ft_status find_neighbours(mpi_comm *comm, ft_error *err)
{
    MPI_Comm here;
    ft_status status =
        check(comm, MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &here),
              "MPI_Comm_split_type", err);
    if (status != FT_OK) return status;
    MPI_Comm_rank(here, &comm->base.local_rank);
    MPI_Comm_size(here, &comm->base.local_size);
    MPI_Comm_free(&here);
    return FT_OK;
}

__attribute__((visibility("default"))) ft_mpi_open ft_mpi_plugin_open;

ft_status ft_mpi_plugin_open(double timeout_seconds, ft_comm **out, ft_error *err)
{
    *out = NULL;
    mpi_comm *comm = calloc(1, sizeof *comm);
    if (!comm) return ft_no_memory(err, "a communicator", sizeof *comm);
    comm->base = (ft_comm){.name = "mpi",
                           .broadcast = broadcast,
                           .all_reduce = all_reduce,
                           .join = join,
                           .all_reduce_host = all_reduce_host,
                           .wait = join,
                           .abort = abort_rank,
                           .free = free_comm};
    comm->timeout_seconds = timeout_seconds;
    int provided = 0;
    /* Only this thread calls MPI; the backend has others. */
    ft_status status =
        check(comm, MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided), "MPI_Init_thread", err);
    if (status == FT_OK) {
        MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
        MPI_Comm_rank(MPI_COMM_WORLD, &comm->base.rank);
        MPI_Comm_size(MPI_COMM_WORLD, &comm->base.size);
        status = find_neighbours(comm, err);
        size_t bytes = (size_t)(PIECE + comm->base.size) * sizeof(double);
        comm->sent = calloc(1, bytes);
        comm->received = calloc(1, bytes);
        if (status == FT_OK && (!comm->sent || !comm->received)) {
            comm->failed = true;
            status = ft_no_memory(err, "a communicator", 2 * bytes);
        }
    }
    if (status != FT_OK) {
        free_comm(&comm->base);
        return status;
    }
    *out = &comm->base;
    return FT_OK;
}
