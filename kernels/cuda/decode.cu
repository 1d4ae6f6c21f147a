/* Attention of one decoding step: a query a path over its key-value cache.
 *
 * Self-attention first stores k_new and v_new at the cache's last position; out is overwritten. A block takes
 * one head of one path: four threads a key for the scores, which stay in shared memory, then groups of
 * threads over the features. Paths of a series read one cache, from the second of them on out of the GPU's
 * own. */
#include "kernels/cuda/attention.h"

enum { THREADS = 128, WARPS = THREADS / FT_WARP, LANES = 4 /* a key */ };

struct decode_arguments {
    ft_decode_attention a;
    ft_cuda_buckets buckets;
};

/* The block's own head of the new key (or value) into the cache. */
__device__ __forceinline__ void append(const ft_tensor &added, const ft_tensor &cache, int64_t path,
                                       int64_t row, int head, int d_kv)
{
    ft_tensor from = head_columns(added, head, d_kv), to = head_columns(cache, head, d_kv);
    for (int e = threadIdx.x; e < d_kv; e += THREADS) ft_store(to, row, e, ft_load(from, path, e));
}

/* Grid: (heads, paths). Shared: scores (kv_length), query (d_kv), sums of the groups (THREADS, 4). */
__global__ void __launch_bounds__(THREADS) decode_kernel(decode_arguments args, ft_tensor out)
{
    FT_SHARED_DYNAMIC(memory);
    FT_SHARED(float, largest_parts, [WARPS]);
    FT_SHARED(float, sum_parts, [WARPS]);
    const ft_decode_attention &a = args.a;
    int head = (int)blockIdx.x, d_kv = a.d_kv;
    int64_t path = blockIdx.y, cache = path / a.paths_per_cache, first = cache * a.capacity;
    float *score = memory, *query = score + a.kv_length, *parts = query + d_kv;
    if (a.k_new.data) {
        append(a.k_new, a.k_cache, path, first + a.kv_length - 1, head, d_kv);
        append(a.v_new, a.v_cache, path, first + a.kv_length - 1, head, d_kv);
    }
    ft_tensor q = head_columns(a.q, head, d_kv);
    for (int e = threadIdx.x; e < d_kv; e += THREADS) query[e] = ft_load(q, path, e);
    __syncthreads();

    ft_tensor k = head_columns(a.k_cache, head, d_kv), v = head_columns(a.v_cache, head, d_kv);
    bool k_fours = ft_in_fours(k), v_fours = ft_in_fours(v);
    int lane = threadIdx.x % LANES;
    float largest = -INFINITY;
    for (int base = 0; base < a.kv_length; base += THREADS / LANES) {
        int j = base + threadIdx.x / LANES;
        bool seen = j < a.kv_length && (!a.key_mask || a.key_mask[cache * a.kv_length + j]);
        float sum = 0;
        for (int e = lane * 4; seen && e < d_kv; e += LANES * 4) {
            float key[4];
            ft_load4(k, k_fours, first + j, e, key);
            for (int i = 0; i < 4 && e + i < d_kv; i++) sum += query[e + i] * key[i];
        }
        sum = lanes_sum(sum);
        if (seen && a.bias.data) sum += ft_load(a.bias, bucket_of(args.buckets, j - (a.kv_length - 1)), head);
        if (!seen) sum = -INFINITY;
        if (j < a.kv_length && lane == 0) score[j] = sum;
        largest = fmaxf(largest, sum);
    }
    largest =
        ft_block_max<THREADS>(largest, largest_parts); /* its barrier also makes the scores everyone's */
    float sum = 0;
    for (int j = threadIdx.x; j < a.kv_length; j += THREADS) {
        float p = score[j] == -INFINITY ? 0.0f : expf(score[j] - largest);
        score[j] = p;
        sum += p;
    }
    sum = ft_block_sum<THREADS>(sum, sum_parts);

    int fours = (d_kv + 3) / 4, n_groups = THREADS / fours, group = threadIdx.x / fours,
        col = threadIdx.x % fours * 4;
    float total[4] = {0, 0, 0, 0};
    for (int j = group; group < n_groups && j < a.kv_length; j += n_groups) {
        float p = score[j], value[4];
        if (p == 0) continue; /* what is not attended to may be anything */
        ft_load4(v, v_fours, first + j, col, value);
        for (int i = 0; i < 4; i++) total[i] += p * value[i];
    }
    for (int i = 0; i < 4; i++) parts[threadIdx.x * 4 + i] = total[i];
    __syncthreads();
    ft_tensor out_head = head_columns(out, head, d_kv);
    for (int e = threadIdx.x; e < d_kv; e += THREADS) {
        float value = 0;
        for (int g = 0; g < n_groups; g++) value += parts[(g * fours + e / 4) * 4 + e % 4];
        ft_store(out_head, path, e, value / sum);
    }
}

static void decode_attention(ft_backend *self, const ft_decode_attention *attention, ft_tensor out)
{
    ft_cuda *cuda = ft_cuda_of(self);
    if (out.rows == 0 || !ft_cuda_enter(cuda)) return;
    decode_arguments args = {*attention, {}};
    if (attention->d_kv > 128) {
        ft_cuda_fail(cuda, FT_BAD_INPUT, "the CUDA backend takes heads of at most 128 features (d_kv)");
        return;
    }
    if (attention->bias.data && !ft_cuda_buckets_of(cuda, (int32_t)attention->bias.rows, false,
                                                    attention->max_distance, &args.buckets))
        return;
    size_t bytes = ((size_t)attention->kv_length + (size_t)attention->d_kv + 4 * THREADS) * sizeof(float);
    if (!allow_shared(cuda, decode_kernel, bytes)) return;
    /* A grid is at most 65535 high. */
    enum { MOST_PATHS = 65535 };
    ft_tensor whole = out;
    int64_t step = MOST_PATHS / attention->paths_per_cache * attention->paths_per_cache;
    for (int64_t path = 0; path < whole.rows; path += step) {
        int64_t n = whole.rows - path < step ? whole.rows - path : step;
        decode_arguments part = args;
        ft_tensor *rows[] = {&part.a.q, &part.a.k_new, &part.a.v_new, &out};
        out = whole;
        for (ft_tensor *t : rows)
            if (t->data) t->data = (char *)t->data + (size_t)(path * t->stride) * ft_dtype_bytes(t->dtype);
        int64_t cache = path / attention->paths_per_cache;
        ft_tensor *caches[] = {&part.a.k_cache, &part.a.v_cache};
        for (ft_tensor *t : caches)
            t->data = (char *)t->data +
                      (size_t)(cache * attention->capacity * t->stride) * ft_dtype_bytes(t->dtype);
        if (part.a.key_mask) part.a.key_mask += cache * attention->kv_length;
        CUDA_LAUNCH(cuda, decode_kernel, dim3((unsigned)attention->n_heads, (unsigned)n), dim3(THREADS),
                    bytes, part, out);
    }
}

void ft_cuda_decode_operations(ft_backend *base)
{
    base->decode_attention = decode_attention;
}
