/* Draws the next token of each path, as backend.h defines it: temperature, top-k, top-p,
 * one draw. token and, where present, probabilities are overwritten; logits are not
 * changed.
 *
 * Design: one block a path. It reads the logits once into shared memory (unless the
 * vocabulary is too large) and does not sort. The k-th largest logit is found digit by
 * digit from counts, and top-p's threshold in the same way from sums of probabilities.
 * Probabilities are whole numbers here, multiples of 2^-52, so that the order in which
 * threads add them does not matter. The draw walks through the ids in order, each thread
 * over a run of neighbours, with sums in double.
 *
 * A small k makes all of this cheap. Each thread knows its largest logit. Nothing below
 * the k-th largest of these is among the k largest of all, so the few logits that are not
 * below it, a little more than k, are copied in the order of ids, and the rest is not
 * read again.
 *
 * Nothing goes to the host: the next step reads its tokens from device memory. Floor,
 * bytes: 4 a logit, and 4 a probability where they are asked for. */
#include "kernels/cuda/device.h"
#include "kernels/cuda/kernel.h"

enum {
    THREADS = 256,
    WARPS = THREADS / FT_WARP,
    DIGITS = THREADS /* one thread each */,
    MOST_IN_SHARED = 10240,
    FEW = THREADS
};
typedef unsigned long long weight_sum; /* a sum of probabilities in units of 2^-52 */

/* Shared memory of a path's block. */
struct path_memory {
    weight_sum digit[DIGITS];
    unsigned count[DIGITS];
    weight_sum below; /* total probability below the threshold */
    unsigned prefix;  /* digits of the threshold found so far */
    int remaining;    /* what remains of top-k's k */
    int ties, ties_removed;
    double doubles[WARPS];
    weight_sum sums[WARPS];
    int ints[WARPS];
    int first;
    /* first each thread's largest logit, then those that top-k may keep */
    float few_logits[FEW];
    int few_ids[FEW];
};

/* Maps floats to unsigned integers of the same order. */
__device__ __forceinline__ unsigned order_of(float value)
{
    unsigned bits = __float_as_uint(value == 0 ? 0.0f : value); /* -0 counts as 0 */
    return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

/* Returns the sum over the threads before this one; `total` gets the sum over all. parts:
 * shared, (WARPS). */
template <class T> __device__ T sum_before(T value, T *parts, T *total)
{
    unsigned lane = threadIdx.x % FT_WARP, warp = threadIdx.x / FT_WARP;
    T sum = value;
#pragma unroll
    for (unsigned lanes = 1; lanes < FT_WARP; lanes *= 2) {
        T other = __shfl_up_sync(FT_ALL_LANES, sum, lanes);
        if (lane >= lanes) sum += other;
    }
    __syncthreads(); /* parts may be in use */
    if (lane == FT_WARP - 1) parts[warp] = sum;
    __syncthreads();
    T before = 0, all = 0;
    for (unsigned w = 0; w < WARPS; w++) {
        if (w < warp) before += parts[w];
        all += parts[w];
    }
    *total = all;
    /* Shuffle the sum from the previous lane instead of subtracting the lane's own value:
     * floating-point differences would not be exact. */
    T own = __shfl_up_sync(FT_ALL_LANES, sum, 1);
    return before + (lane > 0 ? own : (T)0);
}

/* A path's distribution: exp((logit - largest) / temperature) / sum for tokens of order
 * >= least, 0 for the others. */
struct path_view {
    const float *logits;
    const int *ids; /* ids of the tokens, ascending; NULL: all tokens */
    int count, suppressed;
    unsigned least;
    float largest;
    double temperature, sum;
};

__device__ __forceinline__ float logit_of(const path_view &path, int i)
{
    return i == path.suppressed ? -INFINITY : path.logits[i];
}

__device__ __forceinline__ double weight_of(const path_view &path, float logit)
{
    if (logit == -INFINITY || order_of(logit) < path.least) return 0;
    return exp(((double)logit - (double)path.largest) / path.temperature);
}

__device__ __forceinline__ weight_sum whole_weight(const path_view &path, float logit)
{
    return (weight_sum)(weight_of(path, logit) / path.sum * 4503599627370496.0 + 0.5);
}

/* Whether the digits of `order` above `shift` equal those of the threshold so far. */
__device__ __forceinline__ bool has_prefix(unsigned order, unsigned prefix, int shift)
{
    return shift == 24 || order >> (shift + 8) == prefix >> (shift + 8);
}

__device__ __forceinline__ int id_of(const path_view &path, int i)
{
    return path.ids ? path.ids[i] : i;
}

/* Returns the order of the k-th largest logit: its digits down to bit `last`, zeros
 * below. Each digit is the largest one such that at least the remaining k logits are not
 * smaller. Thread t checks the t-th largest digit. */
__device__ unsigned kth_largest(const path_view &path, int k, int last, path_memory *shared)
{
    if (threadIdx.x == 0) {
        shared->prefix = 0;
        shared->remaining = k;
    }
    for (int shift = 24; shift >= last; shift -= 8) {
        shared->count[threadIdx.x] = 0;
        __syncthreads();
        unsigned prefix = shared->prefix;
        int remaining = shared->remaining;
        for (int i = threadIdx.x; i < path.count; i += THREADS) {
            unsigned order = order_of(logit_of(path, i));
            if (has_prefix(order, prefix, shift)) atomicAdd(&shared->count[order >> shift & 255u], 1u);
        }
        __syncthreads();
        unsigned digit = DIGITS - 1 - threadIdx.x;
        int own = (int)shared->count[digit], all = 0;
        int larger = sum_before(own, shared->ints, &all);
        if (larger < remaining && larger + own >= remaining) {
            shared->prefix = prefix | digit << shift;
            shared->remaining = remaining - larger;
        }
        __syncthreads();
    }
    return shared->prefix;
}

/* The same for at most FEW logits, by comparing all pairs. */
__device__ unsigned kth_largest_of_few(const path_view &path, int k, path_memory *shared)
{
    if ((int)threadIdx.x < path.count) {
        float own = path.logits[threadIdx.x];
        int larger = 0, reached = 0;
        for (int i = 0; i < path.count; i++) {
            larger += path.logits[i] > own;
            reached += path.logits[i] >= own;
        }
        if (larger < k && k <= reached) shared->prefix = order_of(own);
    }
    __syncthreads();
    return shared->prefix;
}

/* Reduces the path to the few tokens that can be among its k <= THREADS largest logits;
 * leaves it unchanged if there are more than FEW. `largest`: the largest of the thread's
 * own logits. */
__device__ void leave_few(path_view *path, int k, float largest, path_memory *shared)
{
    path_view few = *path;
    few.logits = shared->few_logits;
    few.suppressed = -1;
    few.count = THREADS;
    shared->few_logits[threadIdx.x] = largest;
    unsigned least = kth_largest(few, k, 16, shared);
    int run = (path->count + THREADS - 1) / THREADS | 1, first = min((int)threadIdx.x * run, path->count);
    int end = min(first + run, path->count), own = 0;
    for (int i = first; i < end; i++) own += order_of(logit_of(*path, i)) >= least;
    int place = sum_before(own, shared->ints, &few.count);
    if (few.count > FEW) return;
    for (int i = first; own > 0 && i < end; i++) {
        float logit = logit_of(*path, i);
        if (order_of(logit) < least) continue;
        shared->few_logits[place] = logit;
        shared->few_ids[place++] = i;
    }
    few.ids = shared->few_ids;
    *path = few;
    __syncthreads();
}

/* Returns the order of the least likely token that top-p keeps, and sets how many of the
 * equally likely ones are removed. The most likely token always stays. Each digit is the
 * first at which the probability of everything not larger exceeds the limit. Thread t
 * checks digit t. */
__device__ unsigned top_p_threshold(const path_view &path, double top_p, path_memory *shared)
{
    weight_sum limit = (weight_sum)((1 - top_p) * 4503599627370496.0);
    unsigned most_likely = order_of(path.largest);
    if (threadIdx.x == 0) {
        shared->prefix = 0;
        shared->below = 0;
        shared->ties = 0;
    }
    for (int shift = 24; shift >= 0; shift -= 8) {
        shared->digit[threadIdx.x] = 0;
        __syncthreads();
        unsigned prefix = shared->prefix;
        weight_sum below = shared->below;
        for (int i = threadIdx.x; i < path.count; i += THREADS) {
            float logit = logit_of(path, i);
            unsigned order = order_of(logit);
            if (has_prefix(order, prefix, shift))
                atomicAdd(&shared->digit[order >> shift & 255u], whole_weight(path, logit));
        }
        __syncthreads();
        /* Never go beyond the most likely token's digit. */
        unsigned digit = threadIdx.x, most = DIGITS - 1;
        if (has_prefix(most_likely, prefix, shift)) most = most_likely >> shift & 255u;
        weight_sum own = shared->digit[digit], all = 0;
        weight_sum smaller = below + sum_before(own, shared->sums, &all);
        if (smaller <= limit && (smaller + own > limit || digit == most)) {
            shared->prefix = prefix | digit << shift;
            shared->below = smaller;
        }
        __syncthreads();
    }
    unsigned threshold = shared->prefix;
    for (int i = threadIdx.x; i < path.count; i += THREADS) {
        float logit = logit_of(path, i);
        if (order_of(logit) != threshold) continue;
        if (atomicAdd(&shared->ties, 1) == 0)
            shared->digit[0] = whole_weight(path, logit); /* the same for all ties */
    }
    __syncthreads();
    if (threadIdx.x == 0) {
        weight_sum each = shared->digit[0], room = limit - shared->below;
        weight_sum removed = each ? room / each : 0;
        shared->ties_removed = removed < (weight_sum)shared->ties ? (int)removed : shared->ties - 1;
    }
    __syncthreads();
    return threshold;
}

/* Sets path->largest, and returns the largest of the thread's own logits. *impossible:
 * whether any logit is +infinity or NaN, which cannot be drawn from. */
__device__ __forceinline__ float find_largest(path_view *path, float *parts, bool *impossible)
{
    float largest = -INFINITY;
    int bad = 0;
    for (int i = threadIdx.x; i < path->count; i += THREADS) {
        float logit = logit_of(*path, i);
        bad |= !(logit < INFINITY);
        largest = fmaxf(largest, logit);
    }
    path->largest = ft_block_max<THREADS>(largest, parts);
    *impossible = __syncthreads_or(bad);
    return largest;
}

/* The thread's run of neighbouring tokens, and what top-p keeps. The length of a run is
 * odd, so that the threads of a warp access different banks of shared memory. */
struct token_run {
    int first, end;
    unsigned threshold; /* the order of the least likely token that is kept */
    /* of the tokens as likely as that one: how many stand before the run, and how many,
     * the first ones, are removed */
    int tie, removed;
};

__device__ __forceinline__ token_run run_of(const path_view &path, float top_p, path_memory *shared)
{
    int length = (path.count + THREADS - 1) / THREADS | 1;
    token_run run = {min((int)threadIdx.x * length, path.count), 0, 0, 0, 0};
    run.end = min(run.first + length, path.count);
    if (top_p < 1) {
        run.threshold = top_p_threshold(path, (double)top_p, shared);
        run.removed = shared->ties_removed;
        int ties = 0, all_ties = 0;
        for (int i = run.first; i < run.end; i++) ties += order_of(logit_of(path, i)) == run.threshold;
        run.tie = sum_before(ties, shared->ints, &all_ties);
    }
    return run;
}

/* The probability of token i of the run before top-p, 0 if top-p removes it. *tie: how
 * many tokens as likely as the threshold stand before it; goes on to the next token. */
__device__ __forceinline__ double probability_of(const path_view &path, const token_run &run, int i, int *tie)
{
    float logit = logit_of(path, i);
    unsigned order = order_of(logit);
    bool stays = order > run.threshold || (order == run.threshold && *tie >= run.removed);
    *tie += order == run.threshold;
    return stays ? weight_of(path, logit) / path.sum : 0;
}

/* Draws the row's token and returns its id to all threads. Writes the probabilities of
 * the kept tokens, which sum to 1, unless probabilities.data is NULL. */
__device__ __forceinline__ int draw_token(const ft_sampling &sampling, const path_view &path,
                                          const token_run &run, int64_t row, int vocabulary,
                                          const ft_tensor &probabilities, path_memory *shared)
{
    double kept = 0, all_kept = 0;
    for (int i = run.first, tie = run.tie; i < run.end; i++) kept += probability_of(path, run, i, &tie);
    double cumulative = sum_before(kept, shared->doubles, &all_kept);

    if (threadIdx.x == 0) shared->first = vocabulary;
    __syncthreads();
    ft_philox_key key = ft_philox_key_of(sampling.seed[row], sampling.step, FT_SITE_SAMPLING);
    ft_philox_block block = ft_philox(key, 0, sampling.series[row], sampling.sample[row], 0);
    double uniform = (double)ft_philox_uniform(block.word[0]) * all_kept;
    /* Some thread finds one: `uniform` is smaller than the total by at least 2^-24 of
     * it. */
    int crossing = vocabulary;
    for (int i = run.first, tie = run.tie; i < run.end; i++) {
        double p = probability_of(path, run, i, &tie);
        if (probabilities.data) ft_store(probabilities, row, id_of(path, i), (float)(p / all_kept));
        if (!(p > 0)) continue;
        cumulative += p;
        if (cumulative > uniform) crossing = min(crossing, id_of(path, i));
    }
    atomicMin(&shared->first, crossing);
    __syncthreads();
    return shared->first;
}

/* Sets all probabilities of a row, unless probabilities.data is NULL. */
__device__ __forceinline__ void fill(const ft_tensor &probabilities, int64_t row, float value)
{
    for (int i = threadIdx.x; probabilities.data && i < probabilities.cols; i += THREADS)
        ft_store(probabilities, row, i, value);
}

__global__ void __launch_bounds__(THREADS, 2)
    sample_kernel(ft_sampling sampling, ft_tensor logits, int32_t *token, ft_tensor probabilities)
{
    FT_SHARED(path_memory, memory, [1]);
    FT_SHARED(float, float_parts, [WARPS]);
    FT_SHARED_DYNAMIC(row_memory);
    static_assert(sizeof(path_memory) + (WARPS + MOST_IN_SHARED) * sizeof(float) <= 48 * 1024,
                  "static and dynamic shared memory together are what a kernel has without asking");
    path_memory *shared = memory;
    int64_t row = blockIdx.x;
    int count = (int)logits.cols;
    path_view path = {(const float *)logits.data + row * logits.stride,
                      NULL,
                      count,
                      sampling.suppressed_token,
                      0,
                      0,
                      (double)sampling.temperature,
                      1};
    if (count <= MOST_IN_SHARED) {
        bool fours = ft_in_fours(logits);
        for (int i = threadIdx.x * 4; i < count; i += THREADS * 4) {
            float v[4];
            ft_load4(logits, fours, row, i, v);
            *(float4 *)(row_memory + i) = make_float4(v[0], v[1], v[2], v[3]);
        }
        path.logits = row_memory;
        __syncthreads();
    }

    bool impossible;
    float largest = find_largest(&path, float_parts, &impossible);
    if (impossible || path.largest == -INFINITY) {
        fill(probabilities, row, impossible ? NAN : 0.0f);
        if (threadIdx.x == 0) token[row] = -1;
        return;
    }
    if (sampling.top_k > 0 && sampling.top_k < count) {
        if (sampling.top_k <= THREADS) leave_few(&path, sampling.top_k, largest, shared);
        path.least = path.ids ? kth_largest_of_few(path, sampling.top_k, shared)
                              : kth_largest(path, sampling.top_k, 0, shared);
        /* The few kept tokens are written later, after a barrier. */
        if (path.ids) fill(probabilities, row, 0.0f);
    }

    double part = 0, total = 0;
    for (int i = threadIdx.x; i < path.count; i += THREADS) part += weight_of(path, logit_of(path, i));
    sum_before(part, shared->doubles, &total);
    path.sum = total;

    token_run run = run_of(path, sampling.top_p, shared);
    int drawn = draw_token(sampling, path, run, row, count, probabilities, shared);
    if (threadIdx.x == 0) token[row] = drawn;
}

static void sample(ft_backend *self, const ft_sampling *sampling, ft_tensor logits, int32_t *token,
                   ft_tensor probabilities)
{
    ft_cuda *cuda = ft_cuda_of(self);
    if (logits.rows == 0 || !ft_cuda_enter(cuda)) return;
    size_t floats = logits.cols <= MOST_IN_SHARED ? (size_t)ft_cuda_ceil(logits.cols, 4) * 4 : 4;
    CUDA_LAUNCH(cuda, sample_kernel, logits.rows, THREADS, floats * sizeof(float), *sampling, logits, token,
                probabilities);
}

void ft_cuda_sampling_operations(ft_backend *base)
{
    base->sample = sample;
}
