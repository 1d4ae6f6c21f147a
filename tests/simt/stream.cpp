/* Streams, events and graphs. Work is queued and runs only when the program waits for something, in an order
 * that is allowed but unkind: what a missing event lets slip in front or fall behind does so. */
#include <deque>
#include <memory>
#include <vector>

#include "cuda_runtime.h"
#include "tests/simt/machine.h"

struct simt_graph {
    struct node {
        const char *what;
        std::function<void()> run;
        std::vector<int> after;
    };
    std::vector<node> nodes;
    bool broken = false;
};

struct simt_event {
    uint64_t recorded = 0, reached = 0; /* how many records were queued, and up to which they have run */
    simt_graph *graph = nullptr;        /* of the last record, if it was captured */
    std::vector<int> after;
};

struct simt_stream {
    enum kind { WORK, RECORD, WAIT };
    struct operation {
        kind does;
        const char *what;
        std::function<void()> run;
        simt_event *event;
        uint64_t generation;
    };
    int device = 0;
    std::deque<operation> queue;
    simt_graph *graph = nullptr; /* while it is captured */
    bool origin = false;
    std::vector<int> after; /* what the next captured node comes after */
};

namespace
{

std::vector<std::unique_ptr<simt_stream>> streams;
std::vector<std::unique_ptr<simt_event>> events;
std::vector<std::unique_ptr<simt_graph>> graphs;

bool can_step(const simt_stream &stream)
{
    if (stream.queue.empty()) return false;
    const auto &next = stream.queue.front();
    return next.does != simt_stream::WAIT || next.event->reached >= next.generation;
}

void step(simt_stream &stream)
{
    simt_stream::operation next = std::move(stream.queue.front());
    stream.queue.pop_front();
    if (simt::faulted()) return;
    if (next.does == simt_stream::RECORD) next.event->reached = next.generation;
    if (next.does != simt_stream::WORK) return;
    next.run();
    simt::check_red_zones(next.what);
}

/* The stream whose queue will mark what `blocked` waits for. */
simt_stream *holder_of(const simt_stream &blocked)
{
    const auto &waits = blocked.queue.front();
    for (const auto &stream : streams)
        for (const auto &operation : stream->queue)
            if (operation.does == simt_stream::RECORD && operation.event == waits.event &&
                operation.generation >= waits.generation)
                return stream.get();
    return nullptr;
}

/* Forward: nothing but what `wanted` needs. Reverse: all others first. Random: by turns. */
void run_until_empty(simt_stream &wanted)
{
    while (!wanted.queue.empty()) {
        simt_stream *next = nullptr;
        if (simt::order() == SIMT_FORWARD) {
            next = &wanted;
            for (size_t i = 0; next && !can_step(*next) && i <= streams.size(); i++) next = holder_of(*next);
        } else {
            std::vector<simt_stream *> ready;
            for (const auto &stream : streams)
                if (can_step(*stream) && stream.get() != &wanted) ready.push_back(stream.get());
            bool others_first = simt::order() == SIMT_REVERSE && !ready.empty();
            if (!others_first && can_step(wanted)) ready.push_back(&wanted);
            if (!ready.empty()) next = ready[simt::random_number() % ready.size()];
        }
        if (!next || !can_step(*next)) {
            simt::fault("a stream waits for an event that nothing will mark");
            wanted.queue.clear();
            return;
        }
        step(*next);
    }
}

void run_graph(simt_graph *graph)
{
    std::vector<bool> done(graph->nodes.size());
    for (size_t n = 0; n < graph->nodes.size() && !simt::faulted(); n++) {
        std::vector<size_t> ready;
        for (size_t i = 0; i < graph->nodes.size(); i++) {
            bool free = !done[i];
            for (int before : graph->nodes[i].after) free = free && done[(size_t)before];
            if (free) ready.push_back(i);
            if (free && simt::order() == SIMT_FORWARD) break;
        }
        size_t chosen =
            simt::order() == SIMT_RANDOM ? ready[simt::random_number() % ready.size()] : ready.back();
        graph->nodes[chosen].run();
        simt::check_red_zones(graph->nodes[chosen].what);
        done[chosen] = true;
    }
}

cudaError_t status_of(const char *function)
{
    int error = simt::injected(function);
    if (error) return (cudaError_t)error;
    return simt::faulted() ? cudaErrorLaunchFailure : cudaSuccess;
}

bool belongs_here(const simt_stream *stream)
{
    return stream && stream->device == simt::current_device();
}

} // namespace

void simt::forget_streams()
{
    streams.clear();
    events.clear();
    graphs.clear();
}

int simt::enqueue(void *given, const char *what, std::function<void()> run)
{
    auto *stream = static_cast<simt_stream *>(given);
    if (!belongs_here(stream)) return cudaErrorInvalidResourceHandle; /* the default stream is not modelled */
    if (stream->graph) {
        stream->graph->nodes.push_back({what, std::move(run), stream->after});
        stream->after = {(int)stream->graph->nodes.size() - 1};
    } else {
        stream->queue.push_back({simt_stream::WORK, what, std::move(run), nullptr, 0});
    }
    return cudaSuccess;
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned)
{
    cudaError_t error = status_of("cudaStreamCreateWithFlags");
    if (error != cudaSuccess) return error;
    streams.push_back(std::make_unique<simt_stream>());
    *stream = streams.back().get();
    (*stream)->device = simt::current_device();
    return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t stream)
{
    run_until_empty(*stream);
    for (size_t i = 0; i < streams.size(); i++)
        if (streams[i].get() == stream) {
            streams.erase(streams.begin() + (long)i);
            return cudaSuccess;
        }
    return cudaErrorInvalidResourceHandle;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream)
{
    cudaError_t error = status_of("cudaStreamSynchronize");
    if (error != cudaSuccess) return error;
    if (!belongs_here(stream)) return cudaErrorInvalidResourceHandle;
    if (stream->graph) {
        stream->graph->broken = true;
        return cudaErrorStreamCaptureUnsupported;
    }
    simt::counts().synchronizations++;
    run_until_empty(*stream);
    return simt::faulted() ? cudaErrorLaunchFailure : cudaSuccess;
}

cudaError_t cudaDeviceSynchronize(void)
{
    cudaError_t error = status_of("cudaDeviceSynchronize");
    if (error != cudaSuccess) return error;
    for (const auto &stream : streams)
        if (stream->device == simt::current_device()) {
            if (stream->graph) return cudaErrorStreamCaptureUnsupported;
            run_until_empty(*stream);
        }
    return simt::faulted() ? cudaErrorLaunchFailure : cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned)
{
    cudaError_t error = status_of("cudaEventCreateWithFlags");
    if (error != cudaSuccess) return error;
    events.push_back(std::make_unique<simt_event>());
    *event = events.back().get();
    return cudaSuccess;
}

/* What is queued may still name it: it lives until the next reset. */
cudaError_t cudaEventDestroy(cudaEvent_t)
{
    return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream)
{
    cudaError_t error = status_of("cudaEventRecord");
    if (error != cudaSuccess) return error;
    if (!belongs_here(stream)) return cudaErrorInvalidResourceHandle;
    event->graph = stream->graph;
    if (stream->graph)
        event->after = stream->after;
    else
        stream->queue.push_back({simt_stream::RECORD, "an event", {}, event, ++event->recorded});
    return cudaSuccess;
}

/* An event that was never recorded is waited for in no time, as on a real device. */
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned)
{
    cudaError_t error = status_of("cudaStreamWaitEvent");
    if (error != cudaSuccess) return error;
    if (!stream) return cudaErrorInvalidResourceHandle;
    if (!event->graph && !stream->graph) {
        stream->queue.push_back({simt_stream::WAIT, "an event", {}, event, event->recorded});
        return cudaSuccess;
    }
    if (event->graph != stream->graph && (stream->graph || !stream->queue.empty())) {
        if (stream->graph) stream->graph->broken = true;
        return cudaErrorStreamCaptureInvalidated;
    }
    stream->graph = event->graph;
    stream->after.insert(stream->after.end(), event->after.begin(), event->after.end());
    return cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t event)
{
    cudaError_t error = status_of("cudaEventSynchronize");
    if (error != cudaSuccess) return error;
    if (event->graph) return cudaErrorStreamCaptureUnsupported;
    simt_stream waiter;
    waiter.queue.push_back({simt_stream::WAIT, "an event", {}, event, event->recorded});
    run_until_empty(waiter);
    return simt::faulted() ? cudaErrorLaunchFailure : cudaSuccess;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode)
{
    cudaError_t error = status_of("cudaStreamBeginCapture");
    if (error != cudaSuccess) return error;
    if (!belongs_here(stream) || stream->graph) return cudaErrorInvalidValue;
    graphs.push_back(std::make_unique<simt_graph>());
    stream->graph = graphs.back().get();
    stream->origin = true;
    stream->after.clear();
    return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *graph)
{
    *graph = nullptr;
    cudaError_t error = status_of("cudaStreamEndCapture"); /* the capture ends all the same */
    if (!stream->graph || !stream->origin) return cudaErrorInvalidValue;
    simt_graph *made = stream->graph;
    std::vector<bool> joined(made->nodes.size());
    std::vector<int> next = stream->after;
    while (!next.empty()) {
        int node = next.back();
        next.pop_back();
        if (joined[(size_t)node]) continue;
        joined[(size_t)node] = true;
        for (int before : made->nodes[(size_t)node].after) next.push_back(before);
    }
    for (const auto &other : streams)
        if (other->graph == made) {
            other->graph = nullptr;
            other->origin = false;
            other->after.clear();
        }
    for (const auto &event : events)
        if (event->graph == made) event->graph = nullptr;
    if (error != cudaSuccess) return error;
    if (made->broken) return cudaErrorStreamCaptureInvalidated;
    for (bool one : joined)
        if (!one) return cudaErrorStreamCaptureUnjoined;
    simt::counts().captures++;
    *graph = made;
    return cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t *executable, cudaGraph_t graph, unsigned long long)
{
    cudaError_t error = status_of("cudaGraphInstantiate");
    if (error != cudaSuccess) return error;
    graphs.push_back(std::make_unique<simt_graph>(*graph));
    *executable = graphs.back().get();
    return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream)
{
    cudaError_t error = status_of("cudaGraphLaunch");
    if (error != cudaSuccess) return error;
    simt::counts().replays++;
    return (cudaError_t)simt::enqueue(stream, "a graph", [executable] { run_graph(executable); });
}

/* What is queued may still name a graph: it lives until the next reset. */
cudaError_t cudaGraphDestroy(cudaGraph_t)
{
    return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t)
{
    return cudaSuccess;
}
