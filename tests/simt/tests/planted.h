/* What the simulator's own tests share: programs that leave values in device memory, run
 * in each order, and whether they leave the right ones or a fault. */
#ifndef FT_TESTS_SIMT_PLANTED_H
#define FT_TESTS_SIMT_PLANTED_H

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vector>

#include "kernels/cuda/device.h"
#include "kernels/cuda/kernel.h"
#include "tests/simt/simt.h"

enum { N = 64, BLOCKS = 3 };
static const simt_order orders[] = {SIMT_FORWARD, SIMT_REVERSE, SIMT_RANDOM};

/* What a program leaves in device memory, in one order. */
typedef std::vector<float> (*program)(void);

static inline std::vector<float> in_order(program run, simt_order order)
{
    simt_reset(2, 1 << 24);
    simt_set_order(order, 7);
    std::vector<float> result = run();
    return result;
}

static inline bool equals(const std::vector<float> &a, const std::vector<float> &b)
{
    return a.size() == b.size() && memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

/* No fault, and the wanted values, in each order. */
static inline bool is_right(program run, const std::vector<float> &wanted)
{
    bool right = true;
    for (simt_order order : orders) right = right && equals(in_order(run, order), wanted) && !simt_fault();
    return right;
}

/* Whether a fault with `words` is reported in each order. In a process of its own:
 * AddressSanitizer may end it first. */
static inline bool is_reported(program run, const char *words)
{
    for (simt_order order : orders) {
        pid_t child = fork();
        if (child == 0) {
            dup2(open("/dev/null", O_WRONLY), 2);
            in_order(run, order);
            const char *fault = simt_fault();
            _exit(!fault ? 0 : strstr(fault, words) ? 1 : 2);
        }
        int status = 0;
        waitpid(child, &status, 0);
        bool by_sanitizer = WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
        if (!by_sanitizer && !(WIFEXITED(status) && WEXITSTATUS(status) == 1)) return false;
    }
    return true;
}

/* -- two streams and two arrays of N floats -- */

static inline void fill_kernel(float *at, float value)
{
    at[threadIdx.x] = value;
}

struct two_streams {
    cudaStream_t stream[2];
    cudaEvent_t filled, added;
    float *a, *b;
};

static inline two_streams make_streams(void)
{
    two_streams made;
    void *memory;
    for (cudaStream_t &stream : made.stream) cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
    cudaEventCreateWithFlags(&made.filled, cudaEventDisableTiming);
    cudaEventCreateWithFlags(&made.added, cudaEventDisableTiming);
    cudaMalloc(&memory, 2 * N * sizeof(float));
    made.a = static_cast<float *>(memory);
    made.b = made.a + N;
    return made;
}

/* The first array, once the first stream has come to its end. */
static inline std::vector<float> fetched(const two_streams &s)
{
    std::vector<float> result(N);
    cudaMemcpyAsync(result.data(), s.a, N * sizeof(float), cudaMemcpyDeviceToHost, s.stream[0]);
    cudaStreamSynchronize(s.stream[0]);
    return result;
}

#endif
