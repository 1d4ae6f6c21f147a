/* Attention of one decoding step: each path has one query and attends to its key-value
 * cache. Self-attention first stores k_new and v_new at the cache's last position. out is
 * overwritten.
 *
 * Floor: read the keys and values of each cache once, 2 or 4 bytes an element; 4 d_kv
 * FLOPs a path and key, far fewer than the device can do in that time.
 *
 * There are three kernels:
 *
 *  - Paths that share a cache, in bf16, without a bias: the forward kernel on tensor
 *    cores, with the paths as queries. Up to 64 of them share each load
 *    (attention_mma.cu).
 *  - A path with a cache of its own, in bf16, heads of up to 64 features: one warp for
 *    each head, without shared memory. It loads 32 keys and their values at once, eight
 *    lanes a key, 16 bytes each, all in flight before the first is used. It updates the
 *    softmax every 32 keys. The lanes of a key also weigh its value, which has the same
 *    layout.
 *  - Anything else: a block takes one head of a path, or of four that share a cache.
 *    Eight threads compute the score of a key, 16 bytes at a time, into shared memory;
 *    one warp a path computes the softmax; then groups of threads sum over parts of the
 *    keys. */
#include "kernels/cuda/attention.h"
#include "kernels/cuda/mma.h"

enum { THREADS = 128, LANES = 8 /* per key */, EIGHT = 8, MOST_PATHS = 4 };

/* Pitch of a path's partial results. Each thread's eight values are stored as two halves
 * in two arrays. So neighbouring threads of a warp store neighbouring 16 bytes. Reads
 * have no bank conflicts, since the second array starts 16 banks further. */
enum { HALVES_PITCH = THREADS + 4 };

struct decode_arguments {
    ft_decode_attention a;
    ft_cuda_buckets buckets;
};

/* Copies the block's head of the new key (or value) into the cache. */
__device__ __forceinline__ void append(const ft_tensor &added, const ft_tensor &cache, int64_t path,
                                       int64_t row, int head, int d_kv)
{
    ft_tensor from = head_columns(added, head, d_kv), to = head_columns(cache, head, d_kv);
    for (int e = threadIdx.x; e < d_kv; e += THREADS) ft_store(to, row, e, ft_load(from, path, e));
}

__host__ __device__ static inline int in_eights(int count)
{
    return (count + EIGHT - 1) / EIGHT;
}

/* Turns the scores of one path, score: (count), into probabilities that are not divided
 * by their sum yet. Returns the sum. Called by one warp. */
__device__ __forceinline__ float softmax(float *score, int count)
{
    int lane = threadIdx.x % FT_WARP;
    float largest = -INFINITY, sum = 0;
    for (int j = lane; j < count; j += FT_WARP) largest = fmaxf(largest, score[j]);
    largest = ft_warp_max(largest);
    for (int j = lane; j < count; j += FT_WARP) {
        float p = score[j] == -INFINITY ? 0.0f : expf(score[j] - largest);
        score[j] = p;
        sum += p;
    }
    return ft_warp_sum(sum);
}

/* What a block works on, one head of up to PATHS paths that share a cache, and its shared
 * memory. */
struct decode_block {
    int head, n_paths;
    int64_t cache, first; /* the cache and its first row */
    int64_t path;         /* the block's first path */
    float4 *parts;        /* partial results (PATHS, 2, HALVES_PITCH) */
    float *query;         /* (PATHS, pitch) */
    int pitch;            /* d_kv rounded up to a multiple of 8 */
    float *sums, *score;  /* (PATHS), (PATHS, kv_length) */
};

template <int PATHS>
__device__ __forceinline__ decode_block decode_block_of(const ft_decode_attention &a, float *memory)
{
    int groups = (a.paths_per_cache + PATHS - 1) / PATHS, first_path = (int)blockIdx.x % groups * PATHS;
    decode_block block = {};
    block.head = (int)blockIdx.y, block.n_paths = min(PATHS, a.paths_per_cache - first_path);
    block.cache = (int)blockIdx.x / groups;
    block.path = block.cache * a.paths_per_cache + first_path, block.first = block.cache * a.capacity;
    block.parts = (float4 *)memory, block.query = (float *)(block.parts + PATHS * 2 * HALVES_PITCH);
    block.pitch = in_eights(a.d_kv) * EIGHT;
    block.sums = block.query + PATHS * block.pitch, block.score = block.sums + PATHS;
    return block;
}

/* Whether key j of the block's cache is not masked. */
__device__ __forceinline__ bool is_seen(const ft_decode_attention &a, const decode_block &block, int j)
{
    return !a.key_mask || a.key_mask[block.cache * a.kv_length + j];
}

/* Computes block.score, (PATHS, kv_length); eight threads a key. */
template <int PATHS>
__device__ __forceinline__ void compute_scores(const decode_arguments &args, const decode_block &block)
{
    const ft_decode_attention &a = args.a;
    ft_tensor k = head_columns(a.k_cache, block.head, a.d_kv);
    bool pieces = ft_in_eights(k);
    int lane = threadIdx.x % LANES;
    for (int base = 0; base < a.kv_length; base += THREADS / LANES) {
        int j = base + threadIdx.x / LANES;
        bool seen = j < a.kv_length && is_seen(a, block, j);
        float sum[PATHS] = {0};
        for (int e = lane * EIGHT; seen && e < a.d_kv; e += LANES * EIGHT) {
            float key[EIGHT];
            ft_load8(k, pieces, block.first + j, e, key);
#pragma unroll
            for (int p = 0; p < PATHS; p++)
#pragma unroll
                for (int i = 0; i < EIGHT; i++) sum[p] += block.query[p * block.pitch + e + i] * key[i];
        }
        float bias = 0;
        if (seen && a.bias.data)
            bias = ft_load(a.bias, bucket_of(args.buckets, j - (a.kv_length - 1)), block.head);
#pragma unroll
        for (int p = 0; p < PATHS; p++) {
            float total = lanes_sum<LANES>(sum[p]);
            if (j < a.kv_length && lane == 0)
                block.score[p * a.kv_length + j] = seen ? total + bias : -INFINITY;
        }
    }
}

/* Sums the values, weighted by the scores' softmax, over each thread group's keys, in
 * block.parts. */
template <int PATHS>
__device__ __forceinline__ void weigh_values(const ft_decode_attention &a, const decode_block &block)
{
    ft_tensor v = head_columns(a.v_cache, block.head, a.d_kv);
    bool pieces = ft_in_eights(v);
    int eights = in_eights(a.d_kv), n_groups = THREADS / eights, group = threadIdx.x / eights,
        col = threadIdx.x % eights * EIGHT;
    float total[PATHS][EIGHT] = {{0}};
    for (int j = group; group < n_groups && j < a.kv_length; j += n_groups) {
        /* Skip values that are not attended to. */
        if (block.score[j] == 0 && !is_seen(a, block, j)) continue;
        float value[EIGHT];
        ft_load8(v, pieces, block.first + j, col, value);
#pragma unroll
        for (int p = 0; p < PATHS; p++)
#pragma unroll
            for (int i = 0; i < EIGHT; i++) total[p][i] += block.score[p * a.kv_length + j] * value[i];
    }
#pragma unroll
    for (int p = 0; p < PATHS; p++) {
        float4 *own = block.parts + p * 2 * HALVES_PITCH + threadIdx.x;
        own[0] = make_float4(total[p][0], total[p][1], total[p][2], total[p][3]);
        own[HALVES_PITCH] = make_float4(total[p][4], total[p][5], total[p][6], total[p][7]);
    }
}

/* Grid: (groups of PATHS paths of one cache, heads). Shared memory: see decode_block. */
template <int PATHS>
__global__ void __launch_bounds__(THREADS) decode_kernel(decode_arguments args, ft_tensor out)
{
    FT_SHARED_DYNAMIC(memory);
    const ft_decode_attention &a = args.a;
    decode_block block = decode_block_of<PATHS>(a, memory);
    int d_kv = a.d_kv, last = a.kv_length - 1, warp = threadIdx.x / FT_WARP;
    if (a.k_new.data) {
        append(a.k_new, a.k_cache, block.path, block.first + last, block.head, d_kv);
        append(a.v_new, a.v_cache, block.path, block.first + last, block.head, d_kv);
    }
    ft_tensor q = head_columns(a.q, block.head, d_kv);
    for (int i = threadIdx.x; i < PATHS * block.pitch; i += THREADS) {
        int p = i / block.pitch, e = i % block.pitch;
        block.query[i] = p < block.n_paths && e < d_kv ? ft_load(q, block.path + p, e) : 0.0f;
    }
    __syncthreads();
    compute_scores<PATHS>(args, block);
    __syncthreads();
    if (warp < PATHS) {
        float sum = softmax(block.score + warp * a.kv_length, a.kv_length);
        if (threadIdx.x % FT_WARP == 0) block.sums[warp] = sum;
    }
    __syncthreads();
    weigh_values<PATHS>(a, block);
    __syncthreads();
    ft_tensor out_head = head_columns(out, block.head, d_kv);
    int eights = in_eights(d_kv), n_groups = THREADS / eights;
    for (int i = threadIdx.x; i < block.n_paths * d_kv; i += THREADS) {
        int p = i / d_kv, e = i % d_kv;
        const float4 *half = block.parts + (p * 2 + e % EIGHT / 4) * HALVES_PITCH + e / EIGHT;
        float value = 0;
        for (int g = 0; g < n_groups; g++) value += ((const float *)(half + g * eights))[e % 4];
        ft_store(out_head, block.path + p, e, value / block.sums[p]);
    }
}

/* The lane's eight elements of a head. */
__device__ __forceinline__ const uint4 *eight_at(const ft_tensor &t, int64_t row, int col)
{
    return (const uint4 *)((const __nv_bfloat16 *)t.data + row * t.stride + col);
}

__device__ __forceinline__ void unpack(const uint4 &raw, float v[EIGHT])
{
    ft_unpack8({raw, {0, 0, 0, 0}, true}, v);
}

/* One warp for each head of each path; every path has a cache of its own. All tensors are
 * in pieces (attention_in_pieces), and d_kv is at most 64. In step i of FT_WARP keys, a
 * lane has key 4 i + lane / LANES. */
__global__ void __launch_bounds__(THREADS) decode_path_kernel(decode_arguments args, ft_tensor out)
{
    enum { STEPS = LANES, KEYS_A_STEP = FT_WARP / LANES };
    const ft_decode_attention &a = args.a;
    const uint4 zeros = {0, 0, 0, 0};
    int64_t item = (int64_t)blockIdx.x * (THREADS / FT_WARP) + threadIdx.x / FT_WARP;
    if (item >= out.rows * a.n_heads) return;
    int64_t path = item / a.n_heads, first = path * a.capacity;
    int head = (int)(item % a.n_heads), lane = (int)threadIdx.x % FT_WARP, group = lane / LANES;
    int col = lane % LANES * EIGHT, last = a.kv_length - 1;
    bool has_col = col < a.d_kv;
    col += head * a.d_kv;

    float query[EIGHT], total[EIGHT] = {0}, largest = -INFINITY, sum = 0;
    unpack(has_col ? *eight_at(a.q, path, col) : zeros, query);
    const uint4 *k_new = eight_at(a.k_new, path, col), *v_new = eight_at(a.v_new, path, col);
    int new_at = a.k_new.data ? last : -1;
    if (new_at >= 0 && has_col && group == 0) {
        *(uint4 *)eight_at(a.k_cache, first + last, col) = *k_new;
        *(uint4 *)eight_at(a.v_cache, first + last, col) = *v_new;
    }
    int64_t k_step = KEYS_A_STEP * a.k_cache.stride / EIGHT, v_step = KEYS_A_STEP * a.v_cache.stride / EIGHT;
    for (int base = 0; base < a.kv_length; base += FT_WARP) {
        int own = base + lane; /* each lane has one key's mask and bias */
        bool is_seen = own < a.kv_length && (!a.key_mask || a.key_mask[path * a.kv_length + own]);
        unsigned seen = __ballot_sync(FT_ALL_LANES, is_seen) >> group;
        const uint4 *k_at = eight_at(a.k_cache, first + base + group, col);
        const uint4 *v_at = eight_at(a.v_cache, first + base + group, col);
        uint4 key[STEPS], value[STEPS];
#pragma unroll
        for (int i = 0; i < STEPS; i++) {
            bool there = has_col && (seen >> (i * KEYS_A_STEP) & 1u);
            /* read it from k_new, v_new: other lanes may be writing it to the cache */
            bool is_new = base + i * KEYS_A_STEP + group == new_at;
            const uint4 *k = is_new ? k_new : k_at + i * k_step, *v = is_new ? v_new : v_at + i * v_step;
            key[i] = value[i] = zeros;
            if (there) key[i] = *k, value[i] = *v;
        }
        float bias = 0, score[STEPS], most = largest;
        if (is_seen && a.bias.data) bias = ft_load(a.bias, bucket_of(args.buckets, own - last), head);
#pragma unroll
        for (int i = 0; i < STEPS; i++) {
            float k[EIGHT], product = 0;
            unpack(key[i], k);
#pragma unroll
            for (int e = 0; e < EIGHT; e++) product += query[e] * k[e];
            product = lanes_sum<LANES>(product);
            product += __shfl_sync(FT_ALL_LANES, bias, i * KEYS_A_STEP + group);
            score[i] = seen >> (i * KEYS_A_STEP) & 1u ? product : -INFINITY;
            most = fmaxf(most, score[i]);
        }
#pragma unroll
        for (int lanes = LANES; lanes < FT_WARP; lanes *= 2)
            most = fmaxf(most, __shfl_xor_sync(FT_ALL_LANES, most, lanes));
        if (most == -INFINITY) continue;
        float fewer = ft_exp2((largest - most) * FT_LOG2_E);
        largest = most, sum *= fewer;
#pragma unroll
        for (int e = 0; e < EIGHT; e++) total[e] *= fewer;
#pragma unroll
        for (int i = 0; i < STEPS; i++) {
            float v[EIGHT], p = ft_exp2((score[i] - most) * FT_LOG2_E);
            unpack(value[i], v);
            sum += p;
#pragma unroll
            for (int e = 0; e < EIGHT; e++) total[e] += p * v[e];
        }
    }
#pragma unroll
    for (int lanes = LANES; lanes < FT_WARP; lanes *= 2) {
        sum += __shfl_xor_sync(FT_ALL_LANES, sum, lanes);
#pragma unroll
        for (int e = 0; e < EIGHT; e++) total[e] += __shfl_xor_sync(FT_ALL_LANES, total[e], lanes);
    }
    if (group > 0 || !has_col) return;
    float inverse = 1.0f / sum;
#pragma unroll
    for (int e = 0; e < EIGHT; e++) total[e] *= inverse;
    ft_store8(out, true, path, col, total);
}

template <int PATHS> static void launch(ft_cuda *cuda, const decode_arguments &args, ft_tensor out)
{
    const ft_decode_attention &a = args.a;
    size_t floats = HALVES_PITCH * EIGHT + (size_t)in_eights(a.d_kv) * EIGHT + 1, bytes;
    if (!allow_shared(cuda, decode_kernel<PATHS>, PATHS * floats * sizeof(float),
                      PATHS * KEYS * sizeof(float), a.kv_length, &bytes))
        return;
    int64_t groups = out.rows / a.paths_per_cache * ft_cuda_ceil(a.paths_per_cache, PATHS);
    CUDA_LAUNCH(cuda, decode_kernel<PATHS>, ft_cuda_grid(groups, a.n_heads), THREADS, bytes, args, out);
}

/* Runs the forward kernel with the paths of a cache as the queries of a sequence. */
static void launch_shared(ft_cuda *cuda, const ft_decode_attention &a, int64_t caches, ft_tensor out)
{
    attention_arguments args = {};
    args.batch.n_sequences = (int32_t)caches;
    args.a.q = a.q;
    args.a.k = a.k_cache;
    args.a.v = a.v_cache;
    args.a.n_heads = a.n_heads;
    args.a.d_kv = a.d_kv;
    args.a.q_length = a.paths_per_cache;
    args.a.kv_length = a.kv_length;
    args.a.key_mask = a.key_mask;
    args.kv_rows = a.capacity;
    ft_cuda_attention_mma_forward(cuda, args, out, NULL);
}

static void decode_attention(ft_backend *self, const ft_decode_attention *attention, ft_tensor out)
{
    enum {
        MOST_KEYS = 4096, /* the scores of four paths by so many keys fit every device */
        WARPS = THREADS / FT_WARP
    };
    ft_cuda *cuda = ft_cuda_of(self);
    if (out.rows == 0 || !ft_cuda_enter(cuda)) return;
    const ft_decode_attention &a = *attention;
    decode_arguments args = {a, {}};
    if (a.d_kv > 128) {
        ft_cuda_fail(cuda, FT_BAD_INPUT, "the CUDA backend takes heads of at most 128 features (d_kv)");
        return;
    }
    if (a.bias.data && !ft_cuda_buckets_of(cuda, (int32_t)a.bias.rows, false, a.max_distance, &args.buckets))
        return;
    const ft_tensor *tensors[] = {&a.q, &a.k_cache, &a.v_cache, &out, &a.k_new, &a.v_new};
    int64_t caches = out.rows / a.paths_per_cache;
    if (a.paths_per_cache > 1 && !a.bias.data && attention_in_pieces(a.d_kv, tensors, 4))
        launch_shared(cuda, a, caches, out);
    else if (a.paths_per_cache == 1 && a.d_kv <= LANES * EIGHT &&
             attention_in_pieces(a.d_kv, tensors, a.k_new.data ? 6 : 4))
        CUDA_LAUNCH(cuda, decode_path_kernel, ft_cuda_ceil(out.rows * a.n_heads, WARPS), THREADS, 0, args,
                    out);
    else if (a.paths_per_cache > 1 && a.kv_length <= MOST_KEYS)
        launch<MOST_PATHS>(cuda, args, out);
    else
        launch<1>(cuda, args, out);
}

void ft_cuda_decode_operations(ft_backend *base)
{
    base->decode_attention = decode_attention;
}
