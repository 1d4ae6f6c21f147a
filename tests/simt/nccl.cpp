/* The NCCL stand-in: ranks that meet. A collective is work in each rank's stream; it is
 * done when every rank's stream has come to it, and until then none of them goes on.
 * Ranks are host programs of simt_run_ranks, or devices of one program that makes its
 * calls in groups. */
#include "nccl.h"

#include <cstring>
#include <map>
#include <vector>

#include "tests/simt/machine.h"

namespace
{

/* What one rank brings to a meeting. */
struct call {
    const char *name;
    const void *from;
    void *to;
    size_t count;
    ncclDataType_t type;
    int root;
};

struct meeting_place {
    std::vector<const call *> calls; /* by rank; NULL: not there yet */
    int n_there = 0, n_gone = 0;
    bool done = false;
};

/* Those who share a unique id. */
struct clique {
    std::vector<simt_communicator *> ranks;   /* NULL: has not come yet */
    std::map<uint64_t, meeting_place> places; /* by number of the meeting */
    int n_joined = 0;
    bool broken = false; /* a rank was aborted */
};

std::map<std::string, std::unique_ptr<clique>> cliques; /* by unique id */
std::vector<std::unique_ptr<simt_communicator>> communicators;
uint64_t ids;

} // namespace

struct simt_communicator {
    clique *all;
    int rank, device;
    const simt::host_state *host;
    uint64_t meetings = 0; /* that its stream has left */
    bool aborted = false;
};

namespace
{

/* The ranks that are not there, in words. */
std::string missing(const std::vector<bool> &there)
{
    std::string names;
    for (size_t rank = 0; rank < there.size(); rank++)
        if (!there[rank]) names += (names.empty() ? "rank " : " and rank ") + std::to_string(rank);
    return names;
}

ncclResult_t error_of(const char *function)
{
    int error = simt::injected(function);
    if (error) return (ncclResult_t)error;
    return simt::faulted() ? ncclUnhandledCudaError : ncclSuccess;
}

size_t bytes_of(ncclDataType_t type)
{
    return type == ncclFloat64 ? 8 : type == ncclFloat32 ? 4 : 1;
}

template <class T> void add_all(const std::vector<const call *> &calls)
{
    size_t count = calls[0]->count;
    std::vector<T> sum(count);
    for (const call *one : calls)
        for (size_t i = 0; i < count; i++) sum[i] += static_cast<const T *>(one->from)[i];
    for (const call *one : calls) memcpy(one->to, sum.data(), count * sizeof(T));
}

/* All are there. What they bring must agree. */
void do_together(const std::vector<const call *> &calls)
{
    const call &first = *calls[0];
    for (size_t rank = 1; rank < calls.size(); rank++) {
        const call &one = *calls[rank];
        if (strcmp(one.name, first.name) == 0 && one.count == first.count && one.type == first.type &&
            one.root == first.root)
            continue;
        simt::fault("rank 0 is in %s of %zu elements, rank %zu in %s of %zu", first.name, first.count, rank,
                    one.name, one.count);
        return;
    }
    simt::open_memory(simt::ALL_DEVICES, first.name);
    if (strcmp(first.name, "ncclBroadcast") == 0) {
        const call &root = *calls[(size_t)first.root];
        for (const call *one : calls) memmove(one->to, root.from, root.count * bytes_of(root.type));
    } else if (first.type == ncclFloat64) {
        add_all<double>(calls);
    } else {
        add_all<float>(calls);
    }
    simt::check_red_zones(first.name);
}

struct collective : simt::meeting {
    simt_communicator *self;
    call brought;

    bool arrive() override
    {
        if (self->aborted || simt::faulted()) return true;
        meeting_place &place = self->all->places[self->meetings];
        place.calls.resize(self->all->ranks.size());
        if (!place.calls[(size_t)self->rank]) {
            place.calls[(size_t)self->rank] = &brought;
            place.n_there++;
            simt::made_progress();
        }
        if (place.n_there < (int)place.calls.size() || (self->all->broken && !place.done)) return false;
        if (!place.done) do_together(place.calls);
        place.done = true;
        return true;
    }

    void leave() override
    {
        meeting_place &place = self->all->places[self->meetings];
        if (++place.n_gone == (int)self->all->ranks.size()) self->all->places.erase(self->meetings);
        self->meetings++;
    }

    std::string waiting() const override
    {
        const meeting_place &place = self->all->places[self->meetings];
        std::vector<bool> there;
        for (const call *one : place.calls) there.push_back(one != nullptr);
        return "rank " + std::to_string(self->rank) + " waits in " + brought.name + ", its call number " +
               std::to_string(self->meetings + 1) + ", for ever: " + missing(there) + " is missing";
    }
};

/* A host thread that has several ranks must group its calls: the first one alone may wait
 * for the second. */
bool must_group(const simt_communicator *self)
{
    for (const simt_communicator *other : self->all->ranks)
        if (other && other != self && other->host == self->host && !simt::host().group_depth) return true;
    return false;
}

ncclResult_t queue(simt_communicator *self, const call &brought, cudaStream_t stream)
{
    ncclResult_t error = error_of(brought.name);
    if (error != ncclSuccess) return error;
    if (!self || self->aborted) return ncclInvalidUsage;
    if (simt::device_of(stream) != self->device || brought.root < 0 ||
        brought.root >= (int)self->all->ranks.size())
        return ncclInvalidArgument;
    if (must_group(self)) {
        simt::fault("%s of rank %d outside of a group, by a thread that has other ranks, too", brought.name,
                    self->rank);
        return ncclInvalidUsage;
    }
    simt::counts().collectives++;
    auto meeting = std::make_shared<collective>();
    meeting->self = self;
    meeting->brought = brought;
    meeting->group = self->all;
    meeting->owner = self;
    auto enqueue = [=]() -> int {
        int device = simt::host().device;
        simt::host().device = self->device; /* NCCL knows the communicator's */
        int failed = simt::enqueue(stream, brought.name, meeting);
        simt::host().device = device;
        return failed ? ncclUnhandledCudaError : ncclSuccess;
    };
    if (!simt::host().group_depth) return (ncclResult_t)enqueue();
    simt::host().group.push_back(enqueue);
    return ncclSuccess;
}

ncclResult_t wait_until_joined(const simt_communicator *self)
{
    const clique *all = self->all;
    while (all->n_joined < (int)all->ranks.size() && !simt::faulted()) {
        if (simt::wait_for_others()) continue;
        std::vector<bool> there;
        for (const simt_communicator *one : all->ranks) there.push_back(one != nullptr);
        simt::fault("rank %d of %zu waits in ncclCommInitRank for ever: %s is missing", self->rank,
                    all->ranks.size(), missing(there).c_str());
    }
    return simt::faulted() ? ncclUnhandledCudaError : ncclSuccess;
}

} // namespace

void simt::forget_communicators()
{
    communicators.clear();
    cliques.clear();
}

ncclResult_t ncclGetVersion(int *version)
{
    *version = 22809;
    return ncclSuccess;
}

const char *ncclGetErrorString(ncclResult_t result)
{
    const char *names[] = {"no error",
                           "unhandled cuda error",
                           "unhandled system error",
                           "internal error",
                           "invalid argument",
                           "invalid usage",
                           "remote process exited or there was a network error"};
    return result >= 0 && result <= ncclRemoteError ? names[result] : "unknown result code";
}

ncclResult_t ncclGetUniqueId(ncclUniqueId *id)
{
    ncclResult_t error = error_of("ncclGetUniqueId");
    if (error != ncclSuccess) return error;
    memset(id, 0, sizeof *id);
    ids++;
    memcpy(id->internal, &ids, sizeof ids);
    return ncclSuccess;
}

ncclResult_t ncclCommInitRank(ncclComm_t *communicator, int n_ranks, ncclUniqueId id, int rank)
{
    *communicator = nullptr;
    ncclResult_t error = error_of("ncclCommInitRank");
    if (error != ncclSuccess) return error;
    if (n_ranks < 1 || rank < 0 || rank >= n_ranks) return ncclInvalidArgument;
    auto &all = cliques[std::string(id.internal, sizeof id.internal)];
    if (!all) {
        all = std::make_unique<clique>();
        all->ranks.resize((size_t)n_ranks);
    }
    if ((int)all->ranks.size() != n_ranks || all->ranks[(size_t)rank]) return ncclInvalidArgument;
    for (const simt_communicator *other : all->ranks) /* as NCCL does */
        if (other && other->device == simt::current_device()) return ncclInvalidUsage;
    communicators.push_back(std::make_unique<simt_communicator>());
    simt_communicator *made = communicators.back().get();
    made->all = all.get();
    made->rank = rank;
    made->device = simt::current_device();
    made->host = &simt::host();
    all->ranks[(size_t)rank] = made;
    all->n_joined++;
    simt::made_progress();
    auto finish = [=]() -> int {
        ncclResult_t result = wait_until_joined(made);
        if (result == ncclSuccess) *communicator = made;
        return result;
    };
    if (!simt::host().group_depth) return (ncclResult_t)finish();
    simt::host().group.push_back(finish);
    return ncclSuccess;
}

static void check_graphs(const char *function, const simt_communicator *self)
{
    if (simt::is_captured(self))
        simt::fault("%s of rank %d waits for ever for a graph that holds its calls", function, self->rank);
}

ncclResult_t ncclCommDestroy(ncclComm_t communicator)
{
    if (!communicator) return ncclSuccess;
    check_graphs("ncclCommDestroy", communicator);
    return error_of("ncclCommDestroy");
}

/* What is queued ends without having been done. */
ncclResult_t ncclCommAbort(ncclComm_t communicator)
{
    if (!communicator) return ncclSuccess;
    check_graphs("ncclCommAbort", communicator);
    communicator->aborted = communicator->all->broken = true;
    simt::made_progress();
    return error_of("ncclCommAbort");
}

ncclResult_t ncclCommGetAsyncError(ncclComm_t communicator, ncclResult_t *error)
{
    ncclResult_t result = error_of("ncclCommGetAsyncError");
    *error = communicator->all->broken ? ncclRemoteError : ncclSuccess;
    return result;
}

ncclResult_t ncclBroadcast(const void *from, void *to, size_t count, ncclDataType_t type, int root,
                           ncclComm_t communicator, cudaStream_t stream)
{
    return queue(communicator, {"ncclBroadcast", from, to, count, type, root}, stream);
}

ncclResult_t ncclAllReduce(const void *from, void *to, size_t count, ncclDataType_t type, ncclRedOp_t,
                           ncclComm_t communicator, cudaStream_t stream)
{
    if (type == ncclUint8) return ncclInvalidArgument; /* not modelled */
    return queue(communicator, {"ncclAllReduce", from, to, count, type, 0}, stream);
}

ncclResult_t ncclGroupStart(void)
{
    ncclResult_t error = error_of("ncclGroupStart");
    if (error == ncclSuccess) simt::host().group_depth++;
    return error;
}

ncclResult_t ncclGroupEnd(void)
{
    simt::host_state &host = simt::host();
    if (host.group_depth == 0) return ncclInvalidUsage;
    ncclResult_t result = error_of("ncclGroupEnd");
    if (--host.group_depth > 0) return result;
    std::vector<std::function<int()>> calls;
    calls.swap(host.group);
    for (const auto &one : calls)
        if (result == ncclSuccess) result = (ncclResult_t)one();
    return result;
}
