/* Shared by the attention kernels: arguments, a head's columns, the bias by distance,
 * sums by bucket.
 *
 * Keys are counted from the last, f = kv_length - 1 - key, because dropout numbers are. A
 * chunk is 64 such features; one block of Philox numbers covers f, f + 1 and the features
 * 16, 32 and 48 after them. Between a tile of queries and a chunk, the distance of query
 * r and feature f depends only on r + f, so the kernels look up the bias by distance
 * instead of by bucket. Each block computes this line of biases once, up to the distance
 * `reach` beyond which the bias does not change. */
#ifndef FT_KERNELS_CUDA_ATTENTION_H
#define FT_KERNELS_CUDA_ATTENTION_H

#include <stdio.h>

#include "kernels/cuda/device.h"
#include "kernels/cuda/kernel.h"

enum {
    ATTENTION_THREADS = 128,
    KEYS = 64,
    MOST_SEQUENCES = FT_CUDA_MAX_GRID_Z /* MOST_SEQUENCES: in one launch */
};
/* Shared memory of a block: what a kernel gets without asking, and the most that every
 * device offers (8.6 and 8.9 offer least). All kernels here fit into the latter, except
 * for the part that grows with the number of keys. */
enum { WITHOUT_ASKING = 48 * 1024, LEAST_SHARED = 99 * 1024 };

struct attention_arguments {
    ft_adapter_batch batch;
    ft_attention a;
    ft_cuda_buckets buckets; /* only with a bias */
    int32_t first_sequence;  /* the launch's first */
    /* Rows of k and v from one sequence to the next: kv_length, or a cache's capacity. */
    int32_t kv_rows;
    /* Keys further away than this have the bias of this distance. */
    int32_t reach;
};

/* The additional arguments of backward. */
struct attention_gradients {
    ft_tensor out, dout, dq, dk, dv;
    const float *lse;
    /* (n_sequences, n_heads, q_length): out . dout, which the query kernel writes and the
     * key kernel reads */
    float *row_sums;
    float *bias_parts; /* (n_sequences, n_heads, query tiles, n_buckets) or NULL */
};

/* Grid: (tiles of `size` queries or keys out of `length`, heads, sequences). It starts at
 * first_sequence and has as many sequences as a grid allows. */
static inline ft_cuda_grid attention_grid(const attention_arguments &args, int32_t length, int size)
{
    return ft_cuda_grid(ft_cuda_ceil(length, size), args.a.n_heads,
                        min(args.batch.n_sequences - args.first_sequence, (int)MOST_SEQUENCES));
}

__device__ __forceinline__ int sequence_of_block(const attention_arguments &args)
{
    return args.first_sequence + (int)blockIdx.z;
}

/* The columns of one head in a tensor. */
__device__ __forceinline__ ft_tensor head_columns(ft_tensor t, int head, int d_kv)
{
    t.data = (char *)t.data + (size_t)head * d_kv * (t.dtype == FT_BF16 ? 2 : 4);
    t.cols = d_kv;
    return t;
}

__device__ __forceinline__ int bucket_of(const ft_cuda_buckets &buckets, int distance)
{
    int base = buckets.half && distance > 0 ? buckets.half : 0;
    int away = buckets.half ? (distance < 0 ? -distance : distance) : (distance < 0 ? -distance : 0);
    if (away < buckets.max_exact) return base + away;
    int bucket = buckets.max_exact;
    for (int i = 0; i < buckets.n_first && buckets.first[i] <= away; i++) bucket++;
    return base + bucket;
}

/* How many distances there are from -reach to reach. */
__host__ __device__ __forceinline__ int line_length(const attention_arguments &args)
{
    return 2 * args.reach + 1;
}
/* Loads the head's bias for these distances into shared memory. The caller adds a barrier
 * afterwards. */
__device__ __forceinline__ void load_bias_line(const attention_arguments &args, int head, float *line)
{
    if (!args.a.bias.data) return;
    for (int i = threadIdx.x; i < line_length(args); i += ATTENTION_THREADS)
        line[i] = ft_load(args.a.bias, bucket_of(args.buckets, i - args.reach), head);
}

/* The smallest distance (key - query) between a tile of QUERIES queries and a chunk. That
 * of query r and feature f is larger by (QUERIES - 1 - r) + (KEYS - 1 - f). */
template <int QUERIES>
__device__ __forceinline__ int smallest_distance(const attention_arguments &args, int first_query, int chunk)
{
    return args.a.kv_length - (chunk + 1) * KEYS - (first_query + QUERIES - 1);
}

/* Load the biases and the buckets of all distances between a tile of QUERIES queries and
 * a chunk, from the smallest on: (QUERIES + KEYS - 1). */
template <int QUERIES>
__device__ __forceinline__ void load_distances(const attention_arguments &args, const float *line,
                                               int first_query, int chunk, float *bias)
{
    if (!args.a.bias.data) return;
    int smallest = smallest_distance<QUERIES>(args, first_query, chunk);
    for (int i = threadIdx.x; i < QUERIES + KEYS - 1; i += ATTENTION_THREADS)
        bias[i] = line[min(max(smallest + i, -args.reach), args.reach) + args.reach];
}
template <int QUERIES>
__device__ __forceinline__ void load_buckets(const attention_arguments &args, int first_query, int chunk,
                                             int *bucket)
{
    if (!args.a.bias.data) return;
    int smallest = smallest_distance<QUERIES>(args, first_query, chunk);
    for (int i = threadIdx.x; i < QUERIES + KEYS - 1; i += ATTENTION_THREADS)
        bucket[i] = bucket_of(args.buckets, smallest + i);
}

/* Returns the sum of ds over the distances that fall into bucket threadIdx.x, between a
 * tile of queries and a chunk. The order of sums is fixed: first each distance, one
 * thread each, then each bucket. ds: (QUERIES, PITCH), bucket and diagonal: (QUERIES +
 * KEYS - 1), all in shared memory. The caller needs a barrier between writing ds or
 * bucket and this call, and another before ds, bucket or diagonal are written again. */
template <int QUERIES, int PITCH>
__device__ __forceinline__ float bucket_sum(const float *ds, const int *bucket, float *diagonal)
{
    enum { DISTANCES = QUERIES + KEYS - 1 };
    for (int i = threadIdx.x; i < DISTANCES; i += ATTENTION_THREADS) {
        float sum = 0;
        for (int r = 0; r < QUERIES; r++) {
            int f = DISTANCES - 1 - r - i;
            if (f >= 0 && f < KEYS) sum += ds[r * PITCH + f];
        }
        diagonal[i] = sum;
    }
    __syncthreads();
    float sum = 0;
    for (int i = 0; i < DISTANCES; i++)
        if (bucket[i] == (int)threadIdx.x) sum += diagonal[i];
    return sum;
}

/* Whether the whole chunk lies beyond every query of a tile, so that causality hides
 * it. */
__device__ __forceinline__ bool chunk_is_hidden(const ft_attention &a, int first_query, int n_queries,
                                                int chunk)
{
    return a.causal && a.kv_length - (chunk + 1) * KEYS > first_query + n_queries - 1;
}

/* Sum and maximum over LANES neighbouring lanes. */
template <int LANES> __device__ __forceinline__ float lanes_sum(float value)
{
#pragma unroll
    for (int lanes = 1; lanes < LANES; lanes *= 2) value += __shfl_xor_sync(FT_ALL_LANES, value, lanes);
    return value;
}
template <int LANES> __device__ __forceinline__ float lanes_max(float value)
{
#pragma unroll
    for (int lanes = 1; lanes < LANES; lanes *= 2)
        value = fmaxf(value, __shfl_xor_sync(FT_ALL_LANES, value, lanes));
    return value;
}

/* The factor that normalises a query's exponentials: 1 / sum. It is 0 where no key was
 * attended to, and NaN where the sum is NaN. */
__device__ __forceinline__ float inverse_of_sum(float sum)
{
    return sum > 0 ? 1.0f / sum : sum;
}

/* Allows a kernel to use *bytes of dynamic shared memory: `fixed` bytes, and chunk_bytes
 * for each chunk of keys. The kernel must have no static shared memory (FT_SHARED), which
 * would count too. Returns false and keeps the failure if the device has no room for so
 * many keys. */
template <class Kernel>
static bool allow_shared(ft_cuda *cuda, Kernel *kernel, size_t fixed, size_t chunk_bytes, int32_t kv_length,
                         size_t *bytes)
{
    int most = 0;
    *bytes = fixed + (size_t)ft_cuda_ceil(kv_length, KEYS) * chunk_bytes;
    if (*bytes <= WITHOUT_ASKING) return true;
    if (!CUDA_TRY(cuda, cudaDeviceGetAttribute(&most, cudaDevAttrMaxSharedMemoryPerBlockOptin, cuda->device)))
        return false;
    if (*bytes > (size_t)most) {
        char message[160];
        snprintf(
            message, sizeof message,
            "attention over %d tokens: this GPU's shared memory has room for %zu (lower context_length or "
            "prediction_length)",
            (int)kv_length, chunk_bytes ? ((size_t)most - fixed) / chunk_bytes * KEYS : 0);
        ft_cuda_fail(cuda, FT_BAD_INPUT, message);
        return false;
    }
    /* Allow the maximum, so that no later call lowers the limit. */
    return CUDA_TRY(cuda, cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, most));
}

/* Fills the arguments of a pass. Returns false and keeps the failure for shapes that the
 * kernels do not support. */
static inline bool attention_arguments_of(ft_cuda *cuda, const ft_adapter_batch *batch,
                                          const ft_attention *attention, attention_arguments *args)
{
    *args = attention_arguments{*batch, *attention, {}, 0, attention->kv_length, 0};
    if (attention->d_kv > 128) {
        ft_cuda_fail(cuda, FT_BAD_INPUT, "the CUDA backend takes heads of at most 128 features (d_kv)");
        return false;
    }
    if (!attention->bias.data) return true;
    ft_cuda_buckets &buckets = args->buckets;
    if (!ft_cuda_buckets_of(cuda, (int32_t)attention->bias.rows, attention->bidirectional,
                            attention->max_distance, &buckets))
        return false;
    /* Where the last bucket begins, or the largest distance between these lengths. */
    int32_t last = buckets.n_first ? buckets.first[buckets.n_first - 1] : buckets.max_exact;
    args->reach = min(last, max(attention->q_length, attention->kv_length));
    return true;
}

/* -- on tensor cores (attention_mma.cu, attention_mma_backward.cu) -- */

/* Whether tensor cores can be used: all tensors are bf16, and each head's part of a row
 * is whole pieces of 16 bytes. */
static inline bool attention_in_pieces(int32_t d_kv, const ft_tensor *const tensors[], int count)
{
    bool fits = d_kv % 8 == 0;
    for (int i = 0; i < count; i++)
        fits = fits && tensors[i]->dtype == FT_BF16 && tensors[i]->stride % 8 == 0 &&
               tensors[i]->stride <= INT32_MAX && (uintptr_t)tensors[i]->data % 16 == 0;
    return fits;
}

enum {
    MMA_QUERIES = 64, /* per tile where bias_parts are written */
    MMA_LONG = 128    /* More rows than these are cut into tiles of 128, not 64. */
};
void ft_cuda_attention_mma_forward(ft_cuda *cuda, const attention_arguments &args, ft_tensor out, float *lse);
/* Writes dq, dk, dv, row_sums and bias_parts. */
void ft_cuda_attention_mma_backward(ft_cuda *cuda, const attention_arguments &args,
                                    const attention_gradients &t);

#endif
