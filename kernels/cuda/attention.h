/* What attention's kernels share: arguments, a head's columns, the bias by distance, sums
 * by bucket.
 *
 * Keys are counted from the last, f = kv_length - 1 - key, since the dropout's numbers
 * are: a chunk is 64 such features, of which a block of Philox numbers covers f, f + 1
 * and those 16, 32 and 48 after them. Between a tile of queries and a chunk, query r and
 * feature f of theirs are the same distance apart wherever r + f is the same: biases by
 * distance stand for the table of buckets. A block makes a line of them once, up to the
 * distance beyond which they are all the same. */
#ifndef FT_KERNELS_CUDA_ATTENTION_H
#define FT_KERNELS_CUDA_ATTENTION_H

#include <stdio.h>

#include "kernels/cuda/device.h"
#include "kernels/cuda/kernel.h"

enum { ATTENTION_THREADS = 128, KEYS = 64, MOST_SEQUENCES = FT_CUDA_MAX_GRID_Z /* of a launch */ };
/* Shared memory of a block: what a kernel may have as it is, and the most of the devices
 * that have least (8.6, 8.9), in which every kernel here fits, but for what grows with
 * the keys. */
enum { WITHOUT_ASKING = 48 * 1024, LEAST_SHARED = 99 * 1024 };

struct attention_arguments {
    ft_adapter_batch batch;
    ft_attention a;
    ft_cuda_buckets buckets; /* where there is a bias */
    int32_t first_sequence;  /* of the launch */
    /* of k and v from one sequence to the next: kv_length, or a cache's capacity */
    int32_t kv_rows;
    /* keys that are further away have the bias of those that are this far */
    int32_t reach;
};

/* What backward has beyond the arguments. */
struct attention_gradients {
    ft_tensor out, dout, dq, dk, dv;
    const float *lse;
    /* (n_sequences, n_heads, q_length): out . dout, from the kernel of the queries to
     * that of the keys */
    float *row_sums;
    float *bias_parts; /* (n_sequences, n_heads, query tiles, n_buckets) or NULL */
};

/* Grid: (tiles of `size` queries or keys of `length`, heads, sequences from
 * first_sequence on, as many as a grid takes). */
static inline ft_cuda_grid attention_grid(const attention_arguments &args, int32_t length, int size)
{
    return ft_cuda_grid(ft_cuda_ceil(length, size), args.a.n_heads,
                        min(args.batch.n_sequences - args.first_sequence, (int)MOST_SEQUENCES));
}

__device__ __forceinline__ int sequence_of_block(const attention_arguments &args)
{
    return args.first_sequence + (int)blockIdx.z;
}

/* A head's columns of a tensor. */
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

/* The head's bias of distances -reach to reach, in shared memory. Wants a barrier
 * after. */
__host__ __device__ __forceinline__ int line_length(const attention_arguments &args)
{
    return 2 * args.reach + 1;
}
__device__ __forceinline__ void load_bias_line(const attention_arguments &args, int head, float *line)
{
    if (!args.a.bias.data) return;
    for (int i = threadIdx.x; i < line_length(args); i += ATTENTION_THREADS)
        line[i] = ft_load(args.a.bias, bucket_of(args.buckets, i - args.reach), head);
}

/* By distance between a tile of QUERIES queries and a chunk, bias: (QUERIES + KEYS - 1)
 * and the same of bucket where it is there: query r and feature f have element (QUERIES -
 * 1 - r) + (KEYS - 1 - f). */
template <int QUERIES>
__device__ __forceinline__ void load_distances(const attention_arguments &args, const float *line,
                                               int first_query, int chunk, float *bias, int *bucket)
{
    if (!args.a.bias.data) return;
    int smallest = args.a.kv_length - (chunk + 1) * KEYS - (first_query + QUERIES - 1);
    for (int i = threadIdx.x; i < QUERIES + KEYS - 1; i += ATTENTION_THREADS) {
        bias[i] = line[min(max(smallest + i, -args.reach), args.reach) + args.reach];
        if (bucket) bucket[i] = bucket_of(args.buckets, smallest + i);
    }
}

/* Sum of ds over the distances of bucket threadIdx.x between a tile of queries and a
 * chunk. ds: (QUERIES, PITCH), bucket and diagonal: (QUERIES + KEYS - 1), all in shared
 * memory. In an order of its own: distances first, one thread each, then buckets. Wants a
 * barrier between the writers of ds and bucket and this, and another before they, or
 * diagonal, are written again. */
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

/* Whether a chunk's first key lies beyond every query of a tile. */
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

/* What a query's sum of exponentials is divided by: no key at all: zeros; a NaN stays
 * one. */
__device__ __forceinline__ float inverse_of_sum(float sum)
{
    return sum > 0 ? 1.0f / sum : sum;
}

/* Lets a kernel have its dynamic shared memory: `fixed` bytes and chunk_bytes for each
 * chunk of keys, in all *bytes. The kernel has none that is static (FT_SHARED): that
 * would count, too. False, and the failure kept, for more keys than the device has memory
 * for. */
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
    /* All that there is, so that no other call takes it back. */
    return CUDA_TRY(cuda, cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, most));
}

/* The arguments of a pass; false, and the failure kept, where kernels do not reach. */
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
    /* Where the last bucket begins, or as far as two of these lengths can be apart. */
    int32_t last = buckets.n_first ? buckets.first[buckets.n_first - 1] : buckets.max_exact;
    args->reach = min(last, max(attention->q_length, attention->kv_length));
    return true;
}

/* -- on tensor cores (attention_mma.cu, attention_mma_backward.cu) -- */

/* Whether these tensors are for tensor cores: bf16, and each head's part of a row whole
 * pieces of 16 bytes. */
static inline bool attention_in_pieces(int32_t d_kv, const ft_tensor *const tensors[], int count)
{
    bool fits = d_kv % 8 == 0;
    for (int i = 0; i < count; i++)
        fits = fits && tensors[i]->dtype == FT_BF16 && tensors[i]->stride % 8 == 0 &&
               tensors[i]->stride <= INT32_MAX && (uintptr_t)tensors[i]->data % 16 == 0;
    return fits;
}

enum { MMA_QUERIES = 64 }; /* of a tile, where bias_parts are made */
void ft_cuda_attention_mma_forward(ft_cuda *cuda, const attention_arguments &args, ft_tensor out, float *lse);
/* Writes dq, dk, dv, row_sums and bias_parts. */
void ft_cuda_attention_mma_backward(ft_cuda *cuda, const attention_arguments &args,
                                    const attention_gradients &t);

#endif
