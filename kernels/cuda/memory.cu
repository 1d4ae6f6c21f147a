/* Checked calls, memory and graphs of the CUDA backend. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/cuda/device.h"

void ft_cuda_fail(ft_cuda *cuda, ft_status status, const char *message)
{
    if (cuda->failure != FT_OK) return;
    cuda->failure = ft_fail(&cuda->failed, status, "%s", message);
}

bool ft_cuda_check(ft_cuda *cuda, cudaError_t error, const char *call, const char *file, int line)
{
    if (error == cudaSuccess) return true;
    cudaGetLastError(); /* clear it: the next launch would report it again */
    if (cuda->failure == FT_OK)
        cuda->failure =
            ft_fail(&cuda->failed, error == cudaErrorMemoryAllocation ? FT_NO_MEMORY : FT_FAILED,
                    "%s:%d: %s: %s (%s) on device %d, %s", file, line, call, cudaGetErrorName(error),
                    cudaGetErrorString(error), cuda->device, cuda->base.device);
    return false;
}

bool ft_cuda_grid_fits(ft_cuda *cuda, ft_cuda_grid grid, dim3 *fitting)
{
    *fitting = dim3((unsigned)grid.x, (unsigned)grid.y, (unsigned)grid.z);
    if (grid.x <= FT_CUDA_MAX_GRID_X && grid.y <= FT_CUDA_MAX_GRID_Y && grid.z <= FT_CUDA_MAX_GRID_Z)
        return true;
    ft_cuda_fail(
        cuda, FT_BAD_INPUT,
        "an operation has more rows than a GPU takes at once (lower batch_size, context_length or the "
        "number of adapters that train together)");
    return false;
}

bool ft_cuda_enter(ft_cuda *cuda)
{
    return cuda->failure == FT_OK && CUDA_TRY(cuda, cudaSetDevice(cuda->device));
}

ft_status ft_cuda_no_memory(ft_cuda *cuda, size_t bytes, ft_error *err)
{
    size_t available = 0, total = 0;
    cudaGetLastError(); /* clear the failed allocation's error, which is reported here */
    if (cudaMemGetInfo(&available, &total) != cudaSuccess) available = total = 0;
    return ft_fail(err, FT_NO_MEMORY,
                   "device %d (%s) has no memory for %zu bytes: %zu of %zu are free (lower batch_size, "
                   "context_length or "
                   "the number of adapters that train together)",
                   cuda->device, cuda->base.device, bytes, available, total);
}

/* -- scratch memory -- */

struct ft_cuda_outgrown {
    void *data;
    struct ft_cuda_outgrown *next;
};

static void free_outgrown(ft_cuda *cuda)
{
    while (cuda->outgrown) {
        struct ft_cuda_outgrown *one = cuda->outgrown;
        cuda->outgrown = one->next;
        CUDA_TRY(cuda, cudaFree(one->data));
        free(one);
    }
}

void ft_cuda_free_scratch(ft_cuda *cuda)
{
    free_outgrown(cuda);
    for (int use = 0; use < FT_CUDA_USES; use++) CUDA_TRY(cuda, cudaFree(cuda->scratch[use].data));
}

/* Retires a scratch block, which is freed later if it may still be in use: with the last
 * graph where graphs exist, since they may use it, else with the next synchronize where a
 * communicator exists. cudaFree would wait for the communicator's sums, however long they
 * take. Sets *data to NULL; without memory for that it fails and keeps *data. */
static bool outgrow(ft_cuda *cuda, void **data)
{
    void *old = *data;
    if (!old || !(cuda->graphs || cuda->communicates)) {
        *data = NULL;
        return CUDA_TRY(cuda, cudaFree(old));
    }
    struct ft_cuda_outgrown *one = (struct ft_cuda_outgrown *)malloc(sizeof *one);
    if (!one) {
        ft_cuda_fail(cuda, FT_NO_MEMORY, "no memory to remember scratch memory by");
        return false;
    }
    one->data = old;
    one->next = cuda->outgrown;
    cuda->outgrown = one;
    *data = NULL;
    return true;
}

void *ft_cuda_scratch(ft_cuda *cuda, ft_cuda_use use, size_t bytes)
{
    void **data = &cuda->scratch[use].data;
    size_t *have = &cuda->scratch[use].bytes;
    if (bytes <= *have) return *data;
    bool gone = outgrow(cuda, data);
    if (!*data) *have = 0;
    if (!gone) return NULL;
    cudaError_t error = cudaMalloc(data, bytes);
    if (error == cudaErrorMemoryAllocation) {
        if (cuda->failure == FT_OK) cuda->failure = ft_cuda_no_memory(cuda, bytes, &cuda->failed);
        return NULL;
    }
    if (!ft_cuda_check(cuda, error, "cudaMalloc of scratch memory", __FILE__, __LINE__)) return NULL;
    *have = bytes;
    return *data;
}

/* -- memory -- */

static void *allocate(ft_backend *self, size_t bytes, ft_error *err)
{
    ft_cuda *cuda = ft_cuda_of(self);
    void *block = NULL;
    if (!ft_cuda_enter(cuda)) {
        if (err) *err = cuda->failed;
        return NULL;
    }
    cudaError_t error = cudaMalloc(&block, bytes ? bytes : 1);
    if (error == cudaErrorMemoryAllocation) {
        ft_cuda_no_memory(cuda, bytes, err);
        return NULL;
    }
    if (!ft_cuda_check(cuda, error, "cudaMalloc", __FILE__, __LINE__)) {
        if (err) *err = cuda->failed;
        return NULL;
    }
    return block;
}

static void release(ft_backend *self, void *block)
{
    ft_cuda *cuda = ft_cuda_of(self);
    if (!block) return;
    CUDA_TRY(cuda, cudaSetDevice(cuda->device)); /* also after a failure */
    CUDA_TRY(cuda, cudaFree(block));
}

/* Waits for all that is queued. The staging memory is then free again. */
static void wait_for_all(ft_cuda *cuda)
{
    if (CUDA_TRY(cuda, cudaStreamSynchronize(cuda->stream))) cuda->staged = 0;
}

/* Room for `bytes` in the staging memory, or NULL after a failure. Where one half is full
 * the other is used, which the device has usually read by then. */
static char *take_staging(ft_cuda *cuda, size_t bytes)
{
    if (bytes > FT_CUDA_STAGING - cuda->staged) {
        if (!CUDA_TRY(cuda, cudaEventRecord(cuda->staging_read[cuda->staging_half], cuda->stream)))
            return NULL;
        if (!CUDA_TRY(cuda, cudaEventSynchronize(cuda->staging_read[!cuda->staging_half]))) return NULL;
        cuda->staging_half = !cuda->staging_half;
        cuda->staged = 0;
    }
    char *room = cuda->staging + cuda->staging_half * (size_t)FT_CUDA_STAGING + cuda->staged;
    cuda->staged += bytes;
    return room;
}

/* The host may reuse its memory at once. A small copy goes through the staging memory
 * without waiting, as in a training step; a large one waits until it is done. */
static void to_device(ft_backend *self, void *device, const void *host, size_t bytes)
{
    ft_cuda *cuda = ft_cuda_of(self);
    if (!bytes || !ft_cuda_enter(cuda)) return;
    bool small = bytes <= FT_CUDA_STAGING;
    if (small) {
        char *staged = take_staging(cuda, bytes);
        if (!staged) return;
        host = memcpy(staged, host, bytes);
    }
    CUDA_TRY(cuda, cudaMemcpyAsync(device, host, bytes, cudaMemcpyHostToDevice, cuda->stream));
    if (!small) CUDA_TRY(cuda, cudaStreamSynchronize(cuda->stream));
}

static void to_host(ft_backend *self, void *host, const void *device, size_t bytes)
{
    ft_cuda *cuda = ft_cuda_of(self);
    if (!bytes || !ft_cuda_enter(cuda)) return;
    CUDA_TRY(cuda, cudaMemcpyAsync(host, device, bytes, cudaMemcpyDeviceToHost, cuda->stream));
    wait_for_all(cuda);
}

/* Makes pinned memory for a copy; it only grows. */
static bool grow_fetch(ft_cuda *cuda, ft_cuda_fetch *fetch, size_t bytes)
{
    if (bytes <= fetch->capacity) return true;
    char *old = fetch->pinned;
    fetch->pinned = NULL;
    fetch->capacity = 0;
    if (old && !CUDA_TRY(cuda, cudaFreeHost(old))) return false;
    if (!CUDA_TRY(cuda, cudaMallocHost((void **)&fetch->pinned, bytes))) return false;
    fetch->capacity = bytes;
    return true;
}

static void fetch(ft_backend *self, void *host, const void *device, size_t bytes)
{
    ft_cuda *cuda = ft_cuda_of(self);
    ft_cuda_fetch *fetch = &cuda->fetch[cuda->fetches++ % 2];
    fetch->host = host;
    fetch->bytes = 0;
    if (!bytes || !ft_cuda_enter(cuda) || !grow_fetch(cuda, fetch, bytes)) return;
    if (!CUDA_TRY(cuda, cudaMemcpyAsync(fetch->pinned, device, bytes, cudaMemcpyDeviceToHost, cuda->stream)))
        return;
    if (CUDA_TRY(cuda, cudaEventRecord(fetch->done, cuda->stream))) fetch->bytes = bytes;
}

/* The first failure since the last report, which is this one. */
static ft_status report(ft_cuda *cuda, ft_error *err)
{
    ft_status status = cuda->failure;
    if (status != FT_OK && err) *err = cuda->failed;
    cuda->failure = FT_OK;
    return status;
}

static ft_status fetched(ft_backend *self, ft_error *err)
{
    ft_cuda *cuda = ft_cuda_of(self);
    const ft_cuda_fetch *fetch = &cuda->fetch[cuda->fetches_taken++ % 2];
    if (fetch->bytes && ft_cuda_enter(cuda) && CUDA_TRY(cuda, cudaEventSynchronize(fetch->done)))
        memcpy(fetch->host, fetch->pinned, fetch->bytes);
    return report(cuda, err);
}

static void copy(ft_backend *self, void *to, const void *from, size_t bytes)
{
    ft_cuda *cuda = ft_cuda_of(self);
    if (!bytes || !ft_cuda_enter(cuda)) return;
    CUDA_TRY(cuda, cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, cuda->stream));
}

static void zero(ft_backend *self, void *device, size_t bytes)
{
    ft_cuda *cuda = ft_cuda_of(self);
    if (!bytes || !ft_cuda_enter(cuda)) return;
    CUDA_TRY(cuda, cudaMemsetAsync(device, 0, bytes, cuda->stream));
}

static ft_status synchronize(ft_backend *self, ft_error *err)
{
    ft_cuda *cuda = ft_cuda_of(self);
    if (ft_cuda_enter(cuda)) wait_for_all(cuda);
    if (cuda->failure == FT_OK && !cuda->graphs) free_outgrown(cuda);
    return report(cuda, err);
}

/* -- graphs -- */

struct ft_cuda_graph {
    cudaGraphExec_t executable; /* NULL after ft_cuda_drop_graphs */
    struct ft_cuda_graph *next;
};

static void capture_begin(ft_backend *self)
{
    ft_cuda *cuda = ft_cuda_of(self);
    if (!ft_cuda_enter(cuda)) return;
    CUDA_TRY(cuda, cudaStreamBeginCapture(cuda->stream, cudaStreamCaptureModeRelaxed));
}

static struct ft_cuda_graph *make_graph(ft_cuda *cuda, cudaGraph_t captured)
{
    struct ft_cuda_graph *graph = (struct ft_cuda_graph *)calloc(1, sizeof *graph);
    if (!graph) {
        ft_cuda_fail(cuda, FT_NO_MEMORY, "no memory for a captured step");
        return NULL;
    }
    if (!CUDA_TRY(cuda, cudaGraphInstantiate(&graph->executable, captured, 0))) {
        free(graph);
        return NULL;
    }
    graph->next = cuda->graphs;
    cuda->graphs = graph;
    return graph;
}

static void *capture_end(ft_backend *self)
{
    ft_cuda *cuda = ft_cuda_of(self);
    cudaGraph_t captured = NULL;
    struct ft_cuda_graph *graph = NULL;
    /* end the capture also after a failure */
    CUDA_TRY(cuda, cudaSetDevice(cuda->device));
    if (!CUDA_TRY(cuda, cudaStreamEndCapture(cuda->stream, &captured))) return NULL;
    /* Without the failed operation the graph would be incomplete. */
    if (cuda->failure == FT_OK) graph = make_graph(cuda, captured);
    CUDA_TRY(cuda, cudaGraphDestroy(captured));
    return graph;
}

static void replay(ft_backend *self, void *given)
{
    ft_cuda *cuda = ft_cuda_of(self);
    struct ft_cuda_graph *graph = (struct ft_cuda_graph *)given;
    if (!graph || !ft_cuda_enter(cuda)) return;
    if (graph->executable)
        CUDA_TRY(cuda, cudaGraphLaunch(graph->executable, cuda->stream));
    else
        ft_cuda_fail(cuda, FT_FAILED, "a captured step was dropped when its communicator was aborted");
}

void ft_cuda_drop_graphs(ft_cuda *cuda)
{
    for (struct ft_cuda_graph *graph = cuda->graphs; graph; graph = graph->next) {
        if (graph->executable) CUDA_TRY(cuda, cudaGraphExecDestroy(graph->executable));
        graph->executable = NULL;
    }
}

static void graph_free(ft_backend *self, void *graph)
{
    ft_cuda *cuda = ft_cuda_of(self);
    struct ft_cuda_graph **at = &cuda->graphs;
    while (*at && *at != graph) at = &(*at)->next;
    if (!*at) return;
    struct ft_cuda_graph *found = *at;
    *at = found->next;
    CUDA_TRY(cuda, cudaSetDevice(cuda->device));
    if (found->executable) CUDA_TRY(cuda, cudaGraphExecDestroy(found->executable));
    free(found);
    if (!cuda->graphs) free_outgrown(cuda);
}

void ft_cuda_memory_operations(ft_backend *base)
{
    base->allocate = allocate;
    base->release = release;
    base->to_device = to_device;
    base->to_host = to_host;
    base->fetch = fetch;
    base->fetched = fetched;
    base->copy = copy;
    base->zero = zero;
    base->synchronize = synchronize;
    base->capture_begin = capture_begin;
    base->capture_end = capture_end;
    base->replay = replay;
    base->graph_free = graph_free;
}
