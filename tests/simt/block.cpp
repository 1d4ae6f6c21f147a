/* The threads of a block: one fiber each, switched at barriers and at what a warp does
 * together. */
#include <sys/mman.h>

#include <algorithm>
#include <boost/context/detail/fcontext.hpp>
#include <cstdarg>
#include <cstdio>
#include <vector>

#include "cuda_runtime.h"
#include "tests/simt/machine.h"
#include "tests/simt/sanitizer.h"

namespace context = boost::context::detail;

namespace
{

enum : size_t { STACK_BYTES = SIMT_ADDRESS_SANITIZER ? 256 * 1024 : 64 * 1024, GUARD_BYTES = 4096 };
enum state { READY, AT_BARRIER, IN_WARP, ENDED };

/* A copy that cp.async has begun; `group` counts from the thread's first commit. */
struct pending_copy {
    void *to;
    const void *from;
    size_t bytes, source_bytes; /* zeros follow what the source has */
    int group;
};

struct fiber : simt_thread {
    context::fcontext_t at = nullptr;
    char *stack = nullptr; /* lowest address above the guard page */
    void *fake_stack = nullptr;
    unsigned number = 0; /* in the block */
    state now = ENDED;
    const char *what = ""; /* it waits in */
    unsigned mask = 0;
    void *operands = nullptr;
    void (*complete)(void **) = nullptr;
    int barrier_result = 0;
    std::vector<pending_copy> copies;
    int groups_committed = 0;
};

/* Made once, used by every block; never given back. */
std::vector<fiber *> &fibers = *new std::vector<fiber *>;
fiber *running;
const std::function<void()> *work;
const simt::grid *shape;
unsigned n_threads, n_waiting;
int predicates;
context::fcontext_t scheduler;
sanitizer_stack scheduler_stack;
std::vector<unsigned> turns;

/* The scheduler's side of a switch. */
void resume(fiber *next)
{
    running = next;
    simt_current = next;
    void *fake = nullptr;
    sanitizer_leave(&fake, next->stack, STACK_BYTES);
    next->at = context::jump_fcontext(next->at, next).fctx;
    sanitizer_enter(fake, nullptr);
}

/* The fiber's side: returns when the scheduler gives it the next turn. */
void give_way()
{
    fiber *self = running;
    sanitizer_leave(&self->fake_stack, scheduler_stack.bottom, scheduler_stack.bytes);
    context::transfer_t back = context::jump_fcontext(scheduler, nullptr);
    scheduler = back.fctx;
    sanitizer_enter(self->fake_stack, &scheduler_stack);
}

void fiber_main(context::transfer_t from)
{
    scheduler = from.fctx;
    sanitizer_enter(nullptr, &scheduler_stack);
    for (;;) {
        (*work)();
        if (!running->copies.empty())
            simt::thread_fault("ends with a copy (cp.async) that it did not wait for");
        running->now = ENDED;
        give_way();
    }
}

void make_context(fiber *one)
{
    sanitizer_unpoison(one->stack, STACK_BYTES);
    one->fake_stack = nullptr;
    one->at = context::make_fcontext(one->stack + STACK_BYTES, STACK_BYTES, fiber_main);
}

void make_fibers(unsigned count)
{
    while (fibers.size() < count) {
        fiber *one = new fiber;
        void *memory = mmap(nullptr, STACK_BYTES + GUARD_BYTES, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (memory == MAP_FAILED) {
            perror("a stack for a simulated thread");
            abort();
        }
        mprotect(memory, GUARD_BYTES, PROT_NONE);
        one->stack = static_cast<char *>(memory) + GUARD_BYTES;
        make_context(one);
        fibers.push_back(one);
    }
}

/* -- shared memory: an arena with red zones around each array -- */

enum : size_t { RED_ZONE = 64, ARENA_BYTES = 2 * simt::MOST_SHARED_BYTES };
enum { RED = 0xa5, FRESH = 0xff };
struct shared_array {
    const void *key;
    unsigned char *at;
    size_t bytes;
};
alignas(128) unsigned char arena[ARENA_BYTES];
size_t arena_used;
std::vector<shared_array> arrays;

void clear_arena()
{
    sanitizer_unpoison(arena, ARENA_BYTES);
    arrays.clear();
    arena_used = 0;
}

/* Fresh memory reads as NaN, so that what was not written shows. */
unsigned char *new_array(const void *key, size_t bytes, size_t alignment)
{
    size_t start = (arena_used + RED_ZONE + alignment - 1) / alignment * alignment;
    size_t end = start + bytes;
    if (end + RED_ZONE > ARENA_BYTES) simt::thread_fault("asks for more shared memory than there is");
    memset(arena + arena_used, RED, start - arena_used);
    memset(arena + start, FRESH, bytes);
    memset(arena + end, RED, RED_ZONE);
    sanitizer_poison(arena + arena_used, start - arena_used);
    sanitizer_poison(arena + end, RED_ZONE);
    arena_used = end + RED_ZONE;
    arrays.push_back({key, arena + start, bytes});
    return arena + start;
}

void check_arena()
{
    sanitizer_unpoison(arena, ARENA_BYTES);
    size_t at = 0, static_bytes = 0;
    for (const shared_array &array : arrays) {
        size_t start = (size_t)(array.at - arena), end = start + array.bytes;
        for (size_t i = at; i < end + RED_ZONE; i++) {
            if ((i >= start && i < end) || arena[i] == RED) continue;
            simt::fault(
                "%s, block (%u, %u, %u): wrote shared memory outside an array of %zu bytes, at offset %lld",
                shape->kernel, blockIdx.x, blockIdx.y, blockIdx.z, array.bytes,
                (long long)i - (long long)start);
            break;
        }
        at = end;
        if (array.key) static_bytes += array.bytes;
    }
    if (static_bytes > simt::SHARED_BYTES)
        simt::fault("%s: %zu bytes of static shared memory, 48 KiB are allowed", shape->kernel, static_bytes);
    if (static_bytes + shape->reserved_shared_bytes > shape->shared_limit)
        simt::fault("%s: %zu bytes of static shared memory beside %zu of dynamic, %zu are allowed",
                    shape->kernel, static_bytes, shape->reserved_shared_bytes, shape->shared_limit);
}

/* -- a block -- */

void order_turns(std::vector<unsigned> &turn, unsigned count)
{
    turn.resize(count);
    for (unsigned i = 0; i < count; i++) turn[i] = simt::order() == SIMT_REVERSE ? count - 1 - i : i;
    if (simt::order() != SIMT_RANDOM) return;
    for (unsigned i = count; i > 1; i--) std::swap(turn[i - 1], turn[simt::random_number() % i]);
}

void start_threads()
{
    n_waiting = 0;
    predicates = 0;
    for (unsigned i = 0; i < n_threads; i++) {
        fiber *one = fibers[i];
        const simt::index3 &size = shape->threads;
        one->index = dim3(i % size.x, i / size.x % size.y, i / size.x / size.y);
        one->number = i;
        one->lane = i % 32;
        one->now = READY;
        one->copies.clear();
        one->groups_committed = 0;
    }
}

/* The block stands still: says where one of those that wait is, and one of those it waits
 * for. */
void report_standstill()
{
    const fiber *waiting = nullptr, *other = nullptr;
    for (unsigned i = 0; i < n_threads; i++)
        if (fibers[i]->now != ENDED && !waiting) waiting = fibers[i];
    for (unsigned i = 0; i < n_threads; i++)
        if (fibers[i]->now != waiting->now || fibers[i]->what != waiting->what) other = fibers[i];
    const char *where = !other ? "nobody else" : other->now == ENDED ? "which has ended" : other->what;
    simt::fault(
        "%s, block (%u, %u, %u): not all reach %s: thread %u waits there, thread %u is elsewhere (%s)",
        shape->kernel, blockIdx.x, blockIdx.y, blockIdx.z, waiting->what, waiting->number,
        other ? other->number : 0, where);
}

void abandon_block()
{
    for (unsigned i = 0; i < n_threads; i++)
        if (fibers[i]->now != ENDED) make_context(fibers[i]);
    clear_arena();
}

/* The threads of each warp after one another, the warps in the order of their first
 * threads. */
void gather_warps(std::vector<unsigned> &turn)
{
    std::vector<unsigned> place(turn.size() / 32 + 1, ~0u);
    for (unsigned i = 0; i < turn.size(); i++)
        if (place[turn[i] / 32] == ~0u) place[turn[i] / 32] = i;
    std::stable_sort(turn.begin(), turn.end(),
                     [&](unsigned a, unsigned b) { return place[a / 32] < place[b / 32]; });
}

/* A turn for each of these threads that is ready; false: none was. */
bool take_turns(unsigned begin, unsigned end, unsigned *n_ended)
{
    bool moved = false;
    for (unsigned i = begin; i < end && !simt::faulted(); i++) {
        fiber *next = fibers[turns[i]];
        if (next->now != READY) continue;
        moved = true;
        resume(next);
        *n_ended += next->now == ENDED;
    }
    return moved;
}

bool run_block()
{
    clear_arena();
    if (shape->dynamic_shared_bytes) new_array(nullptr, shape->dynamic_shared_bytes, 128);
    start_threads();
    order_turns(turns, n_threads);
    /* In forward order all threads go step by step, in the others warp by warp. */
    bool together = simt::order() == SIMT_FORWARD;
    if (!together) gather_warps(turns);
    for (unsigned n_ended = 0; n_ended < n_threads;) {
        bool moved = false;
        for (unsigned begin = 0, end; begin < n_threads; begin = end) {
            end = begin + 1;
            while (!together && end < n_threads && turns[end] / 32 == turns[begin] / 32) end++;
            while (take_turns(begin, end, &n_ended)) {
                moved = true;
                if (simt::faulted()) return false;
                if (together) break;
            }
        }
        if (!moved) {
            report_standstill();
            return false;
        }
    }
    check_arena();
    return !simt::faulted();
}

} // namespace

simt_thread *simt_current;
dim3 simt_block_index, simt_block_size, simt_grid_size;

void simt::run_grid(const grid &launched, const std::function<void()> &body)
{
    shape = &launched;
    work = &body;
    n_threads = launched.threads.x * launched.threads.y * launched.threads.z;
    simt_block_size = dim3(launched.threads.x, launched.threads.y, launched.threads.z);
    simt_grid_size = dim3(launched.blocks.x, launched.blocks.y, launched.blocks.z);
    make_fibers(n_threads);
    std::vector<unsigned> block_turns;
    order_turns(block_turns, launched.blocks.x * launched.blocks.y * launched.blocks.z);
    for (unsigned i : block_turns) {
        if (block_turns.size() - i > blocks_to_run()) continue;
        simt_block_index = dim3(i % launched.blocks.x, i / launched.blocks.x % launched.blocks.y,
                                i / launched.blocks.x / launched.blocks.y);
        counts().blocks++;
        if (!run_block()) {
            abandon_block();
            break;
        }
    }
    clear_arena();
}

void simt::thread_fault(const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fault("%s, block (%u, %u, %u), thread (%u, %u, %u): %s", shape->kernel, blockIdx.x, blockIdx.y,
          blockIdx.z, threadIdx.x, threadIdx.y, threadIdx.z, text);
    for (;;) give_way(); /* the scheduler abandons the block */
}

int simt_barrier(int predicate)
{
    fiber *self = running;
    predicates += predicate != 0;
    if (++n_waiting == n_threads) {
        for (unsigned i = 0; i < n_threads; i++) {
            fibers[i]->barrier_result = predicates;
            fibers[i]->now = READY;
        }
        n_waiting = 0;
        predicates = 0;
        /* The last to arrive does not get ahead of the others' turns. */
        give_way();
        return self->barrier_result;
    }
    self->now = AT_BARRIER;
    self->what = "__syncthreads";
    give_way();
    return self->barrier_result;
}

void simt_collect(unsigned mask, const char *what, void *operands, void (*complete)(void **))
{
    fiber *self = running;
    unsigned first = self->number - self->lane;
    bool missing = false;
    if (!(mask >> self->lane & 1u))
        simt::thread_fault("%s: its own lane is not in the mask %08x", what, mask);
    self->mask = mask;
    self->what = what;
    self->operands = operands;
    self->complete = complete;
    /* The next lane first: in forward order it is the one that is missing. The last to
     * come looks at all. */
    for (unsigned i = 1; i < 32 && !missing; i++) {
        unsigned lane = (self->lane + i) % 32;
        if (!(mask >> lane & 1u)) continue;
        if (first + lane >= n_threads || fibers[first + lane]->now == ENDED)
            simt::thread_fault("%s: the mask %08x names lane %u, which is not there or has ended", what, mask,
                               lane);
        const fiber *other = fibers[first + lane];
        missing = other->now != IN_WARP || other->mask != mask || other->complete != complete;
    }
    if (missing) {
        self->now = IN_WARP;
        give_way();
        return;
    }
    void *all[32] = {};
    for (unsigned lane = 0; lane < 32; lane++)
        if (mask >> lane & 1u) {
            all[lane] = fibers[first + lane]->operands;
            fibers[first + lane]->now = READY;
        }
    complete(all);
}

void simt_shuffle_outside(unsigned lane, unsigned source)
{
    simt::thread_fault("a shuffle: lane %u takes from lane %u, which is outside the mask", lane, source);
}

void *simt_shared(const void *key, size_t bytes, size_t alignment)
{
    for (const shared_array &array : arrays)
        if (array.key == key) return array.at;
    return new_array(key, bytes, alignment);
}

void *simt_shared_dynamic(void)
{
    if (!shape->dynamic_shared_bytes)
        simt::thread_fault("uses dynamic shared memory, was launched with none");
    return arrays[0].at;
}

bool simt::in_shared(const void *at, size_t bytes)
{
    const unsigned char *first = static_cast<const unsigned char *>(at);
    for (const shared_array &array : arrays)
        if (first >= array.at && first + bytes <= array.at + array.bytes) return true;
    return false;
}

void simt_copy_async(void *shared, const void *global, size_t bytes, size_t source_bytes)
{
    if (((uintptr_t)shared | (uintptr_t)global) % bytes) simt::thread_fault("cp.async of unaligned memory");
    if (!simt::in_shared(shared, bytes)) simt::thread_fault("cp.async to outside of shared memory");
    if (source_bytes > bytes) simt::thread_fault("cp.async of more bytes than it writes");
    memset(shared, FRESH, bytes);
    running->copies.push_back({shared, global, bytes, source_bytes, running->groups_committed});
}

void simt_copy_commit(void)
{
    running->groups_committed++;
}

void simt_copy_wait(int groups_in_flight)
{
    std::vector<pending_copy> &copies = running->copies;
    size_t kept = 0;
    for (const pending_copy &one : copies)
        if (one.group < running->groups_committed - groups_in_flight) {
            memset(one.to, 0, one.bytes);
            if (one.source_bytes) memcpy(one.to, one.from, one.source_bytes);
        } else {
            copies[kept++] = one;
        }
    copies.resize(kept);
}
