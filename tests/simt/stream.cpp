/* Streams, events and graphs. Work is queued, and runs only when the program waits for
 * something, in the least favourable order that is allowed: where an event is missing,
 * work runs too early or too late. */
#include <deque>
#include <memory>
#include <vector>

#include "cuda_runtime.h"
#include "tests/simt/machine.h"

/* A piece of work: on one device, or a meeting of several. */
struct simt_work {
    const char *what;
    std::function<void()> run;
    std::shared_ptr<simt::meeting> meeting;
};

struct simt_graph {
    struct node : simt_work {
        std::vector<int> after;
    };
    std::vector<node> nodes;
    bool broken = false, destroyed = false;
};

struct simt_event {
    /* how many records were queued, and up to which they have run */
    uint64_t recorded = 0, reached = 0;
    simt_graph *graph = nullptr; /* of the last record, if it was captured */
    std::vector<int> after;
};

struct simt_stream {
    enum kind { WORK, GRAPH, RECORD, WAIT };
    struct operation {
        kind does;
        simt_work work;
        simt_graph *graph;
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
    if (next.does == simt_stream::WAIT) return next.event->reached >= next.generation;
    return next.does != simt_stream::WORK || !next.work.meeting || next.work.meeting->arrive();
}

std::vector<const simt_graph::node *> in_some_order(const simt_graph *graph);

void step(simt_stream &stream)
{
    simt_stream::operation next = std::move(stream.queue.front());
    stream.queue.pop_front();
    simt::made_progress();
    if (simt::faulted()) return;
    if (next.does == simt_stream::RECORD) next.event->reached = next.generation;
    if (next.does == simt_stream::GRAPH) {
        std::vector<const simt_graph::node *> nodes = in_some_order(next.graph);
        while (!nodes.empty()) {
            stream.queue.push_front({simt_stream::WORK, *nodes.back(), nullptr, nullptr, 0});
            nodes.pop_back();
        }
    }
    if (next.does != simt_stream::WORK) return;
    if (next.work.meeting) return next.work.meeting->leave();
    simt::open_memory(stream.device, next.work.what);
    next.work.run();
    simt::check_red_zones(next.work.what);
}

/* Whether the operation is, or brings, a meeting of this group. */
bool leads_to(const simt_stream::operation &operation, const void *group)
{
    if (operation.does == simt_stream::WORK)
        return operation.work.meeting && operation.work.meeting->group == group;
    if (operation.does != simt_stream::GRAPH) return false;
    for (const auto &node : operation.graph->nodes)
        if (node.meeting && node.meeting->group == group) return true;
    return false;
}

/* A stream whose queue will mark what `blocked` waits for, or will come to where it
 * waits. */
simt_stream *holder_of(const simt_stream &blocked)
{
    const auto &waits = blocked.queue.front();
    const void *group = waits.work.meeting ? waits.work.meeting->group : nullptr;
    for (const auto &stream : streams)
        for (const auto &operation : stream->queue) {
            bool marks = waits.does == simt_stream::WAIT && operation.does == simt_stream::RECORD &&
                         operation.event == waits.event && operation.generation >= waits.generation;
            bool is_there = &operation == &stream->queue.front() && operation.work.meeting;
            bool comes = group && leads_to(operation, group) && (!is_there || can_step(*stream));
            if (marks || comes) return stream.get();
        }
    return nullptr;
}

/* Runs one operation on the way to what `wanted` needs; false: nothing can be done.
 * Forward: nothing but what it needs. Reverse: all others first. Random: by turns. */
bool advance(simt_stream &wanted)
{
    simt_stream *next = nullptr;
    if (simt::order() == SIMT_FORWARD) {
        next = &wanted;
        for (size_t i = 0; next && !can_step(*next) && i <= streams.size(); i++)
            next = next->queue.empty() ? nullptr : holder_of(*next);
    } else {
        std::vector<simt_stream *> ready;
        for (const auto &stream : streams)
            if (can_step(*stream) && stream.get() != &wanted) ready.push_back(stream.get());
        bool others_first = simt::order() == SIMT_REVERSE && !ready.empty();
        if (!others_first && can_step(wanted)) ready.push_back(&wanted);
        if (!ready.empty()) next = ready[simt::random_number() % ready.size()];
    }
    if (!next || !can_step(*next)) return false;
    step(*next);
    return true;
}

/* The stream that keeps `wanted` waiting, over events from stream to stream. */
const simt_stream &stuck_at(const simt_stream &wanted)
{
    const simt_stream *stuck = &wanted;
    for (size_t i = 0; i < streams.size() && !stuck->queue.front().work.meeting; i++) {
        const simt_stream *holder = holder_of(*stuck);
        if (!holder) break;
        stuck = holder;
    }
    return *stuck;
}

void run_until_empty(simt_stream &wanted)
{
    while (!wanted.queue.empty()) {
        if (advance(wanted) || simt::wait_for_others()) continue;
        const auto &front = stuck_at(wanted).queue.front();
        if (front.work.meeting)
            simt::fault("%s", front.work.meeting->waiting().c_str());
        else
            simt::fault("a stream waits for an event that nothing will mark");
        wanted.queue.clear();
    }
}

/* The nodes one after the other, as their edges and the order allow. */
std::vector<const simt_graph::node *> in_some_order(const simt_graph *graph)
{
    std::vector<const simt_graph::node *> nodes;
    std::vector<bool> done(graph->nodes.size());
    while (nodes.size() < graph->nodes.size()) {
        std::vector<size_t> ready;
        for (size_t i = 0; i < graph->nodes.size(); i++) {
            bool free = !done[i];
            for (int before : graph->nodes[i].after) free = free && done[(size_t)before];
            if (free) ready.push_back(i);
            if (free && simt::order() == SIMT_FORWARD) break;
        }
        size_t chosen =
            simt::order() == SIMT_RANDOM ? ready[simt::random_number() % ready.size()] : ready.back();
        nodes.push_back(&graph->nodes[chosen]);
        done[chosen] = true;
    }
    return nodes;
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

static int enqueue_work(simt_stream *stream, simt_work work)
{
    /* the default stream is not modelled */
    if (!belongs_here(stream)) return cudaErrorInvalidResourceHandle;
    simt::made_progress();
    if (stream->graph) {
        stream->graph->nodes.push_back({std::move(work), stream->after});
        stream->after = {(int)stream->graph->nodes.size() - 1};
    } else {
        stream->queue.push_back({simt_stream::WORK, std::move(work), nullptr, nullptr, 0});
    }
    return cudaSuccess;
}

int simt::enqueue(void *stream, const char *what, std::function<void()> run)
{
    return enqueue_work(static_cast<simt_stream *>(stream), {what, std::move(run), nullptr});
}

int simt::enqueue(void *stream, const char *what, std::shared_ptr<meeting> meeting)
{
    return enqueue_work(static_cast<simt_stream *>(stream), {what, {}, std::move(meeting)});
}

bool simt::is_captured(const void *owner)
{
    for (const auto &graph : graphs)
        for (const auto &node : graph->nodes)
            if (!graph->destroyed && node.meeting && node.meeting->owner == owner) return true;
    return false;
}

int simt::device_of(const void *stream)
{
    return stream ? static_cast<const simt_stream *>(stream)->device : -1;
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
            return status_of("cudaStreamDestroy");
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
    if (!simt::finish_device()) return cudaErrorStreamCaptureUnsupported;
    return simt::faulted() ? cudaErrorLaunchFailure : cudaSuccess;
}

bool simt::finish_device()
{
    /* Other host programs may make and destroy theirs meanwhile. */
    std::vector<simt_stream *> own;
    for (const auto &stream : streams)
        if (stream->device == current_device()) own.push_back(stream.get());
    for (simt_stream *stream : own) {
        if (stream->graph) return false;
        run_until_empty(*stream);
    }
    return true;
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
    return status_of("cudaEventDestroy");
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
        stream->queue.push_back({simt_stream::RECORD, {}, nullptr, event, ++event->recorded});
    simt::made_progress();
    return cudaSuccess;
}

/* An event that was never recorded is waited for in no time, as on a real device. */
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned)
{
    cudaError_t error = status_of("cudaStreamWaitEvent");
    if ((int)error == SIMT_FORGET) return cudaSuccess;
    if (error != cudaSuccess) return error;
    if (!stream) return cudaErrorInvalidResourceHandle;
    if (!event->graph && !stream->graph) {
        stream->queue.push_back({simt_stream::WAIT, {}, nullptr, event, event->recorded});
        return cudaSuccess;
    }
    if (stream->graph && event->graph != stream->graph) {
        stream->graph->broken = true;
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
    simt::counts().synchronizations++;
    simt_stream waiter;
    waiter.queue.push_back({simt_stream::WAIT, {}, nullptr, event, event->recorded});
    run_until_empty(waiter);
    return simt::faulted() ? cudaErrorLaunchFailure : cudaSuccess;
}

/* Devices do not stand still between two questions: all that can be done for the event is
 * done. */
cudaError_t cudaEventQuery(cudaEvent_t event)
{
    cudaError_t error = status_of("cudaEventQuery");
    if (error != cudaSuccess) return error;
    if (event->graph) return cudaErrorStreamCaptureUnsupported;
    simt_stream waiter;
    waiter.queue.push_back({simt_stream::WAIT, {}, nullptr, event, event->recorded});
    while (!can_step(waiter) && advance(waiter)) continue;
    if (simt::faulted()) return cudaErrorLaunchFailure;
    if (can_step(waiter)) return cudaSuccess;
    simt::let_others_run();
    simt::host().last_error = cudaErrorNotReady; /* the real one remembers it, too */
    return cudaErrorNotReady;
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
    /* the capture ends all the same */
    cudaError_t error = status_of("cudaStreamEndCapture");
    if (!stream->graph || !stream->origin) return cudaErrorInvalidValue;
    simt_graph *made = stream->graph;
    made->destroyed = true; /* what fails below leaves none */
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
    made->destroyed = false;
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
    if (!belongs_here(stream)) return cudaErrorInvalidResourceHandle;
    /* graphs in graphs are not modelled */
    if (stream->graph) return cudaErrorStreamCaptureUnsupported;
    simt::counts().replays++;
    simt::made_progress();
    stream->queue.push_back({simt_stream::GRAPH, {}, executable, nullptr, 0});
    return cudaSuccess;
}

/* What is queued may still name a graph: it lives until the next reset. */
cudaError_t cudaGraphDestroy(cudaGraph_t graph)
{
    graph->destroyed = true;
    return status_of("cudaGraphDestroy");
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable)
{
    executable->destroyed = true;
    return status_of("cudaGraphExecDestroy");
}
