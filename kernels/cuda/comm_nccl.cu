/* Communication by NCCL; see kernels/comm.h.
 *
 * All calls run on a stream of the communicator's own, between two events: the first
 * marks when the backend's stream has produced the data, the second, recorded at `join`,
 * when the data was sent. What the backend queues between the two overlaps with the
 * communication, and both become part of a captured step.
 *
 * A call whose peer has died would block its stream for ever. `wait` therefore polls the
 * stream and NCCL's asynchronous errors in turn, and aborts the communicator on an error,
 * when a process is gone, or after the timeout. */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "kernels/comm.h"
#include "kernels/cuda/device.h"
#include "kernels/cuda/library.h"

#if defined(FT_SIMT) || defined(FT_NCCL)

#include <nccl.h>

#define FT_NCCL_FUNCTIONS(each)                                                                              \
    each(ncclGetVersion) each(ncclGetErrorString) each(ncclGetUniqueId) each(ncclCommInitRank)               \
        each(ncclCommDestroy) each(ncclCommAbort) each(ncclCommGetAsyncError) each(ncclBroadcast)            \
            each(ncclAllReduce) each(ncclGroupStart) each(ncclGroupEnd)

typedef struct nccl_functions {
    const char *path; /* the library's file */
#define FT_NCCL_DECLARE(name) decltype(&::name) name;
    FT_NCCL_FUNCTIONS(FT_NCCL_DECLARE)
#undef FT_NCCL_DECLARE
} nccl_functions;

#define NCCL_FILE "libnccl.so.2"
static const size_t FT_SUMS = 4096; /* numbers per part of all_reduce_host */

typedef struct nccl_comm {
    ft_comm base; /* first, so that the pointers convert */
    nccl_functions call;
    ft_cuda *cuda;
    ncclComm_t nccl; /* NULL after an abort */
    cudaStream_t stream;
    cudaEvent_t ready, sent, queued;
    bool behind;  /* something was queued on the stream since the last join */
    double *sums; /* (FT_SUMS) on the device: the buffer of all_reduce_host */
    double timeout_seconds;
} nccl_comm;

static ft_status open_nccl(nccl_functions *functions, ft_error *err)
{
    void *library = ft_library_open("NCCL", NCCL_FILE, err);
    if (!library) return FT_BAD_INPUT;
    functions->path = ft_library_path(library);
#define FT_NCCL_TAKE(name)                                                                                   \
    if (!FT_LIBRARY_TAKE(library, "NCCL", functions, name, err)) return FT_BAD_INPUT;
    FT_NCCL_FUNCTIONS(FT_NCCL_TAKE)
#undef FT_NCCL_TAKE
    return FT_OK;
}

void ft_nccl_describe(bool open, char *text, size_t size)
{
    nccl_functions call;
    ft_error err;
    int version = 0;
    if (!open)
        snprintf(text, size, NCCL_FILE ", opened when GPUs work together");
    else if (open_nccl(&call, &err) != FT_OK)
        snprintf(text, size, "%s", err.message);
    else if (call.ncclGetVersion(&version) == ncclSuccess)
        snprintf(text, size, "%d.%d.%d, %s", version / 10000, version / 100 % 100, version % 100, call.path);
    else
        snprintf(text, size, "does not tell its version, %s", call.path);
}

static nccl_comm *comm_of(ft_comm *self)
{
    return (nccl_comm *)self;
}

static ft_status check(const nccl_comm *comm, ncclResult_t result, const char *call, int line, ft_error *err)
{
    if (result == ncclSuccess) return FT_OK;
    return ft_fail(err, FT_FAILED, "%s:%d: %s: %s on device %d, %s, rank %d of %d", __FILE__, line, call,
                   comm->call.ncclGetErrorString(result), comm->cuda->device, comm->cuda->base.device,
                   comm->base.rank, comm->base.size);
}
#define NCCL_TRY(comm, function, ...)                                                                        \
    check(comm, (comm)->call.function(__VA_ARGS__), #function, __LINE__, err)

/* Reports the backend's kept failure. */
static ft_status kept(const nccl_comm *comm, ft_error *err)
{
    if (comm->cuda->failure != FT_OK && err) *err = comm->cuda->failed;
    return comm->cuda->failure;
}

/* Begins a call: makes the device current and checks that nothing has failed. */
static ft_status enter(nccl_comm *comm, ft_error *err)
{
    if (!comm->nccl)
        return ft_fail(err, FT_FAILED, "the communicator of rank %d of %d was aborted", comm->base.rank,
                       comm->base.size);
    ft_cuda_enter(comm->cuda);
    return kept(comm, err);
}

/* Makes the communicator's stream wait for everything the backend has queued. */
static ft_status follow(nccl_comm *comm, ft_error *err)
{
    ft_cuda *cuda = comm->cuda;
    if (CUDA_TRY(cuda, cudaEventRecord(comm->ready, cuda->stream)))
        CUDA_TRY(cuda, cudaStreamWaitEvent(comm->stream, comm->ready, 0));
    comm->behind = true;
    return kept(comm, err);
}

static ft_status join(ft_comm *self, ft_error *err)
{
    nccl_comm *comm = comm_of(self);
    ft_cuda *cuda = comm->cuda;
    ft_status status = enter(comm, err);
    if (status != FT_OK || !comm->behind) return status;
    comm->behind = false;
    if (CUDA_TRY(cuda, cudaEventRecord(comm->sent, comm->stream)))
        CUDA_TRY(cuda, cudaStreamWaitEvent(cuda->stream, comm->sent, 0));
    return kept(comm, err);
}

static ft_status broadcast(ft_comm *self, void *buffer, size_t bytes, int root, ft_error *err)
{
    nccl_comm *comm = comm_of(self);
    ft_status status = enter(comm, err);
    if (status != FT_OK || bytes == 0) return status;
    status = follow(comm, err);
    if (status == FT_OK)
        status =
            NCCL_TRY(comm, ncclBroadcast, buffer, buffer, bytes, ncclUint8, root, comm->nccl, comm->stream);
    return status == FT_OK ? join(self, err) : status;
}

/* Rows that are not contiguous are sent as one group, in a single operation of NCCL. */
static ft_status all_reduce(ft_comm *self, ft_tensor values, ft_error *err)
{
    nccl_comm *comm = comm_of(self);
    const ncclDataType_t type = values.dtype == FT_F64 ? ncclFloat64 : ncclFloat32;
    bool dense = values.rows == 1 || values.stride == values.cols;
    int64_t calls = dense ? 1 : values.rows;
    size_t count = (size_t)(dense ? values.rows * values.cols : values.cols);
    ft_status status = enter(comm, err), ended = FT_OK;
    if (status != FT_OK || values.rows == 0 || values.cols == 0) return status;
    status = follow(comm, err);
    if (status == FT_OK && calls > 1) status = NCCL_TRY(comm, ncclGroupStart);
    if (status != FT_OK) return status;
    for (int64_t row = 0; row < calls && status == FT_OK; row++) {
        void *at = ft_row_address(values, row);
        status = NCCL_TRY(comm, ncclAllReduce, at, at, count, type, ncclSum, comm->nccl, comm->stream);
    }
    if (calls > 1) ended = NCCL_TRY(comm, ncclGroupEnd);
    return status == FT_OK ? ended : status;
}

/* Aborts the communicator, so that its stream continues. Drops the graphs first: NCCL
 * would wait for graphs that hold its calls. */
static ft_status abort_comm(nccl_comm *comm)
{
    ft_cuda_drop_graphs(comm->cuda);
    comm->call.ncclCommAbort(comm->nccl);
    comm->nccl = NULL;
    return FT_FAILED;
}

/* Whether a rank is gone. It must be missing in two checks in a row: a rank may finish
 * its part and exit before this rank sees the result. */
static bool is_lost(const nccl_comm *comm, double time, double *asked, bool *missing)
{
    static const double ASK_EVERY = 0.1;
    if (!comm->base.is_lost || time - *asked < ASK_EVERY) return false;
    bool was_missing = *missing;
    *asked = time;
    *missing = comm->base.is_lost(comm->base.context);
    return *missing && was_missing;
}

static ft_status wait(ft_comm *self, ft_error *err)
{
    nccl_comm *comm = comm_of(self);
    ft_cuda *cuda = comm->cuda;
    ft_status status = join(self, err);
    if (status != FT_OK) return status;
    double asked = ft_now_seconds();
    ft_awake_clock waited = {asked, 0};
    bool missing = false;
    CUDA_TRY(cuda, cudaEventRecord(comm->queued, cuda->stream));
    while (cuda->failure == FT_OK) {
        cudaError_t now = cudaEventQuery(comm->queued);
        if (now == cudaSuccess) return FT_OK;
        if (now != cudaErrorNotReady) ft_cuda_check(cuda, now, "cudaEventQuery", __FILE__, __LINE__);
        cudaGetLastError(); /* clear it: CUDA counts "not ready" as an error */
        ncclResult_t lost = ncclSuccess;
        status = NCCL_TRY(comm, ncclCommGetAsyncError, comm->nccl, &lost);
        if (status == FT_OK) status = check(comm, lost, "ncclCommGetAsyncError", __LINE__, err);
        if (status != FT_OK) return abort_comm(comm);
        double time = ft_now_seconds();
        if (is_lost(comm, time, &asked, &missing)) {
            ft_fail(err, FT_FAILED,
                    "the process of another rank has ended, for which rank %d of %d waits on device %d, %s",
                    self->rank, self->size, cuda->device, cuda->base.device);
            return abort_comm(comm);
        }
        if (ft_awake_seconds(&waited, time) > comm->timeout_seconds && comm->timeout_seconds > 0) {
            ft_fail(err, FT_FAILED,
                    "another rank has not come within %g s to what rank %d of %d waits for on device %d, %s",
                    comm->timeout_seconds, self->rank, self->size, cuda->device, cuda->base.device);
            return abort_comm(comm);
        }
        sched_yield();
    }
    return kept(comm, err);
}

static ft_status all_reduce_host(ft_comm *self, double *values, size_t count, ft_error *err)
{
    nccl_comm *comm = comm_of(self);
    ft_backend *backend = &comm->cuda->base;
    ft_status status = FT_OK;
    for (size_t at = 0; at < count && status == FT_OK; at += FT_SUMS) {
        size_t n = count - at < FT_SUMS ? count - at : FT_SUMS;
        ft_tensor part = {comm->sums, FT_F64, 1, (int64_t)n, (int64_t)n};
        backend->to_device(backend, comm->sums, values + at, n * sizeof *values);
        status = all_reduce(self, part, err);
        if (status == FT_OK) status = wait(self, err);
        if (status == FT_OK) backend->to_host(backend, values + at, comm->sums, n * sizeof *values);
        if (status == FT_OK) status = kept(comm, err);
    }
    return status;
}

static void abort_rank(ft_comm *self)
{
    nccl_comm *comm = comm_of(self);
    cudaSetDevice(comm->cuda->device);
    if (comm->nccl) abort_comm(comm);
}

static void free_comm(ft_comm *self)
{
    if (!self) return;
    nccl_comm *comm = comm_of(self);
    cudaSetDevice(comm->cuda->device);
    if (comm->nccl) comm->call.ncclCommDestroy(comm->nccl);
    cudaEvent_t events[] = {comm->ready, comm->sent, comm->queued};
    for (int i = 0; i < 3; i++)
        if (events[i]) cudaEventDestroy(events[i]);
    if (comm->stream) cudaStreamDestroy(comm->stream);
    comm->cuda->base.release(&comm->cuda->base, comm->sums);
    comm->cuda->communicates = false;
    free(comm);
}

ft_status ft_comm_nccl_id(ft_comm_id *id, ft_error *err)
{
    nccl_functions call;
    ncclUniqueId made;
    static_assert(sizeof made == sizeof id->bytes, "NCCL's unique ids have 128 bytes");
    ft_status status = open_nccl(&call, err);
    if (status != FT_OK) return status;
    ncclResult_t result = call.ncclGetUniqueId(&made);
    if (result != ncclSuccess)
        return ft_fail(err, FT_FAILED, "%s:%d: ncclGetUniqueId: %s", __FILE__, __LINE__,
                       call.ncclGetErrorString(result));
    memcpy(id->bytes, &made, sizeof made);
    return FT_OK;
}

/* Creates the stream and events. Like the backend's, the stream does not synchronize with
 * the default stream. */
static ft_status make_stream(nccl_comm *comm, ft_error *err)
{
    ft_cuda *cuda = comm->cuda;
    cudaEvent_t *events[] = {&comm->ready, &comm->sent, &comm->queued};
    if (ft_cuda_enter(cuda)) CUDA_TRY(cuda, cudaStreamCreateWithFlags(&comm->stream, cudaStreamNonBlocking));
    for (int i = 0; i < 3 && cuda->failure == FT_OK; i++)
        CUDA_TRY(cuda, cudaEventCreateWithFlags(events[i], cudaEventDisableTiming));
    return kept(comm, err);
}

ft_status ft_comm_nccl(ft_backend *backend, const ft_comm_id *id, int rank, int size, double timeout_seconds,
                       ft_comm **out, ft_error *err)
{
    *out = NULL;
    if (strcmp(backend->name, "cuda") != 0)
        return ft_fail(err, FT_BAD_INPUT, "NCCL connects GPUs, and this is a %s backend", backend->name);
    nccl_comm *comm = (nccl_comm *)calloc(1, sizeof *comm);
    if (!comm) return ft_no_memory(err, "a communicator", sizeof *comm);
    comm->cuda = ft_cuda_of(backend);
    comm->cuda->communicates = true;
    comm->timeout_seconds = timeout_seconds;
    ft_comm *base = &comm->base;
    base->name = "nccl";
    base->rank = rank;
    base->size = size;
    base->broadcast = broadcast;
    base->all_reduce = all_reduce;
    base->join = join;
    base->all_reduce_host = all_reduce_host;
    base->wait = wait;
    base->abort = abort_rank;
    base->free = free_comm;
    ncclUniqueId made;
    memcpy(&made, id->bytes, sizeof made);
    ft_status status = open_nccl(&comm->call, err);
    if (status == FT_OK) status = make_stream(comm, err);
    if (status == FT_OK) {
        comm->sums = (double *)backend->allocate(backend, FT_SUMS * sizeof *comm->sums, err);
        status = comm->sums ? FT_OK : FT_NO_MEMORY;
    }
    if (status == FT_OK) status = NCCL_TRY(comm, ncclCommInitRank, &comm->nccl, size, made, rank);
    if (status != FT_OK) {
        free_comm(base);
        return status;
    }
    *out = base;
    return FT_OK;
}

#else /* without NCCL's header, which CUDA's toolkit does not include */

static ft_status no_nccl(ft_error *err)
{
    return ft_fail(err, FT_BAD_INPUT, "this build has no NCCL (nccl.h was not found when it was built)");
}

void ft_nccl_describe(bool, char *text, size_t size)
{
    ft_error err;
    no_nccl(&err);
    snprintf(text, size, "%s", err.message);
}

ft_status ft_comm_nccl_id(ft_comm_id *, ft_error *err)
{
    return no_nccl(err);
}

ft_status ft_comm_nccl(ft_backend *, const ft_comm_id *, int, int, double, ft_comm **comm, ft_error *err)
{
    *comm = NULL;
    return no_nccl(err);
}

#endif
