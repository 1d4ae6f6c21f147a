/* CUDA kernels executed on the CPU: what a test may set and ask. What is modelled and
 * what is not: README.md.
 *
 * The simulator is one process-wide machine, driven from one thread; simt_run_ranks makes
 * several host programs of it. */
#ifndef FT_TESTS_SIMT_SIMT_H
#define FT_TESTS_SIMT_SIMT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* In which order the threads of a block, the blocks of a grid and the streams of a device
 * get their turns. Correct kernels give the same bits in each. */
typedef enum simt_order { SIMT_FORWARD, SIMT_REVERSE, SIMT_RANDOM } simt_order;

/* Takes back everything: n devices of `memory_bytes` each and of compute capability 8.0,
 * nothing allocated, no fault, forward order. */
void simt_reset(int n_devices, size_t memory_bytes);
/* Makes a device one of compute capability capability / 10: 80, 86, 89, 90 or 100. They
 * differ in how much shared memory a block may have. */
void simt_set_capability(int device, int capability);
void simt_set_order(simt_order order, uint64_t seed);

/* From now on only the last `count` blocks of every grid run, until the next reset: for
 * what comes last in a grid that is too large to be executed. */
void simt_run_last_blocks(uint64_t count);

/* The first fault since the last reset, in words (which kernel, block and thread, what it
 * did), or NULL. A faulted kernel ends at once; from then on every call fails with
 * cudaErrorLaunchFailure, as on a real device. */
const char *simt_fault(void);

/* Runs n host programs side by side, as so many processes would, each with its own
 * current device (0 at first); returns when all have ended. Where each waits for another,
 * that hang is a fault. */
void simt_run_ranks(int n, void (*body)(int rank, void *context), void *context);

/* The n-th call from now (1: the next) to the function named, such as "cudaMalloc", fails
 * with `error`. A kernel's launch is named "launch". */
void simt_fail_call(const char *function, int nth, int error);
/* As the error of cudaStreamWaitEvent: the call succeeds and the stream waits for
 * nothing, as if the program had forgotten it. */
enum { SIMT_FORGET = -1 };
/* All functions that can be told to fail, and how often each was called since the last
 * reset. */
enum { SIMT_FUNCTIONS = 51 };
extern const char *const simt_functions[SIMT_FUNCTIONS];
int simt_called(const char *function);

/* Of the algorithms that cublasLtMatmulAlgoGetHeuristic names from now on, the first n of
 * each call are of no use: by turns their state is a failure and their workspace larger
 * than what was allowed. */
void simt_spoil_algorithms(int n);

/* Counts since the last reset. */
typedef struct simt_counts {
    /* kernels: launches */
    uint64_t kernels, blocks, matmuls, copies, allocations, synchronizations;
    /* of graphs */
    uint64_t captures, replays;
    /* calls of all ranks */
    uint64_t collectives;
    size_t allocated_bytes, most_bytes;
} simt_counts;
simt_counts simt_counted(void);

#ifdef __cplusplus
}
#endif
#endif
