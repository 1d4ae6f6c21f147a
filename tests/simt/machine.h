/* What the parts of the simulator share: threads of a block, memory, streams. Tests use
 * simt.h, kernels the stand-in CUDA headers. */
#ifndef FT_TESTS_SIMT_MACHINE_H
#define FT_TESTS_SIMT_MACHINE_H

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/simt/simt.h"

namespace simt
{

struct index3 {
    unsigned x, y, z;
};

/* -- faults and injected failures -- */

/* Keeps the message, unless there is one already. */
void fault(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same within a kernel's thread, which does not go on. */
[[noreturn]] void thread_fault(const char *format, ...) __attribute__((format(printf, 1, 2)));
bool faulted();
/* The error that this call was told to fail with, else 0. */
int injected(const char *function);
simt_counts &counts();

/* -- order -- */

simt_order order();
/* A number that depends on the seed and the calls before. */
uint64_t random_number();

/* How many of every grid run, the last ones. */
uint64_t blocks_to_run();

/* -- a block's threads (block.cpp) -- */

struct grid {
    const char *kernel;
    index3 blocks, threads;
    size_t dynamic_shared_bytes;
    /* dynamic memory: what the kernel opted in to, else what it is launched with */
    size_t reserved_shared_bytes;
    size_t shared_limit; /* of a block: reserved and static memory together */
};
/* Runs every block of a grid, one after the other; `body` is one thread's work. */
void run_grid(const grid &shape, const std::function<void()> &body);
/* Whether the bytes lie within one array of the block's shared memory. */
bool in_shared(const void *at, size_t bytes);
/* The shared memory of a block: without opting in, and the most that any device has. */
enum : size_t { SHARED_BYTES = 48 * 1024, MOST_SHARED_BYTES = 227 * 1024 };

/* -- host programs (ranks.cpp) -- */

/* What CUDA and NCCL keep for each host thread. */
struct host_state {
    int device = 0, last_error = 0;
    int group_depth = 0; /* of ncclGroupStart */
    std::vector<std::function<int()>> group;
};
host_state &host(); /* of the program that runs */
void forget_host();
/* A program cannot go on before another has: the others get their turns. False: none can
 * go on, so that all wait for ever. */
bool wait_for_others();
/* A program asks again later. */
void let_others_run();
/* Something happened that may end a wait. */
void made_progress();

/* -- memory (memory.cpp) -- */

/* NULL: the device has not that much left */
void *allocate(int device, size_t bytes, bool pinned);
bool release(void *block); /* false: no such block */
size_t free_bytes(int device);
bool is_pinned(const void *at);
void release_everything();
/* From here on `what` runs on `device`: where there are several devices, touching the
 * others' memory is a fault. ALL_DEVICES: a transfer between them. */
enum { ALL_DEVICES = -1 };
void open_memory(int device, const char *what);
/* Looks at the red zones of the memory that is open; a fault if one was written. `after`
 * says what ran last. */
void check_red_zones(const char *after);

/* -- streams (stream.cpp) -- */

void forget_streams();
/* The work `run` becomes the last of a stream (or of the graph that the stream is
 * captured into). Returns a cudaError_t. */
int enqueue(void *stream, const char *what, std::function<void()> run);

/* Work that streams of several devices do together. */
struct meeting {
    virtual ~meeting() = default;
    /* Called when the work is the next of its stream. True: all are there, the work is
     * done. */
    virtual bool arrive() = 0;
    virtual void leave() = 0;                /* the stream goes on */
    virtual std::string waiting() const = 0; /* in words, for what never ends */
    const void *group = nullptr;             /* those who meet */
    const void *owner = nullptr;             /* who brings the stream there */
};
int enqueue(void *stream, const char *what, std::shared_ptr<meeting> meeting);
int device_of(const void *stream);
/* Whether a graph that is not destroyed holds a meeting of this owner's. */
bool is_captured(const void *owner);
/* Runs all that the current device has; false, and not all, while one of its streams is
 * captured. */
bool finish_device();
void forget_communicators(); /* nccl.cpp */

/* -- devices (runtime.cpp) -- */

int n_devices();
int current_device();
size_t device_memory();

} // namespace simt

#endif
