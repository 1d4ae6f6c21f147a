/* Attention without tensor cores: tiles of queries and keys in shared memory, and the
 * scores between them. Used in f32, and in bf16 where the heads do not suit tensor cores.
 *
 * A block has 128 threads and processes 16 queries by 64 keys at a time; these tiles fit
 * the smallest device with the widest heads. Eight threads share a query. The 8 keys of a
 * thread, f = 64 c + 16 w + 2 * lane + i, are one Philox block. */
#ifndef FT_KERNELS_CUDA_ATTENTION_FMA_H
#define FT_KERNELS_CUDA_ATTENTION_FMA_H

#include "kernels/cuda/attention.h"

enum {
    QUERIES = 16,
    LANES = ATTENTION_THREADS / QUERIES, /* threads per query */
    KEYS_PER_THREAD = KEYS / LANES,
    NEIGHBOURS = KEYS_PER_THREAD / 4, /* groups of the thread's keys */
    DISTANCES = QUERIES + KEYS - 1,   /* distances within a pair of tiles */
    SCORE_PITCH = KEYS + 1
};

/* The block's tiles in dynamic shared memory. Each row is padded by one float to avoid
 * bank conflicts. */
struct attention_tiles {
    float *q, *dout; /* (QUERIES, d_kv + 1) */
    float *k, *v;    /* (KEYS, d_kv + 1) */
    float *p, *ds;   /* (QUERIES, SCORE_PITCH) */
    float *line;     /* (line_length): the head's biases */
    float *bias;     /* (DISTANCES) */
    int *bucket;     /* (DISTANCES) */
    float *attended; /* (KEYS): 1 or 0 */
    float *diagonal; /* (DISTANCES) */
    int pitch;       /* d_kv + 1 */
};

enum attention_pass { FORWARD_PASS, QUERY_PASS, KEY_PASS };

/* Returns the shared memory needed, in floats. With `base`, also sets where each tile
 * is. */
__host__ __device__ static inline size_t attention_layout(int pass, const attention_arguments &args,
                                                          float *base, attention_tiles *tiles)
{
    size_t pitch = (size_t)args.a.d_kv + 1, used = 0;
    attention_tiles at = {};
    at.pitch = (int)pitch;
    float **parts[] = {&at.q,        &at.k,    &at.p, &at.line, &at.bias,
                       &at.attended, &at.dout, &at.v, &at.ds,   &at.diagonal};
    size_t sizes[] = {QUERIES * pitch,       KEYS * pitch, QUERIES * SCORE_PITCH, (size_t)line_length(args),
                      DISTANCES + 1,         KEYS,         QUERIES * pitch,       KEYS * pitch,
                      QUERIES * SCORE_PITCH, DISTANCES + 1};
    int n_parts = pass == FORWARD_PASS ? 6 : 10;
    for (int i = 0; i < n_parts; i++) {
        if (base) *parts[i] = base + used;
        used += sizes[i];
    }
    if (base) at.bucket = (int *)(base + used);
    used += DISTANCES + 1;
    if (pass == FORWARD_PASS) at.v = at.k; /* keys and values take turns */
    if (base) *tiles = at;
    return used;
}

/* Loads rows first, first + step, ... of `t` into a tile; rows outside [low, end) become
 * zeros. step is 1 or -1. */
__device__ __forceinline__ void load_tile(const ft_tensor &t, int64_t first, int step, int64_t low,
                                          int64_t end, int n_rows, float *tile, int pitch)
{
    int fours = (int)(t.cols + 3) / 4;
    bool aligned = ft_in_fours(t);
    for (int index = threadIdx.x; index < n_rows * fours; index += ATTENTION_THREADS) {
        int r = index / fours, col = index % fours * 4;
        int64_t row = first + (int64_t)step * r;
        float v[4] = {0, 0, 0, 0};
        if (row >= low && row < end) ft_load4(t, aligned, row, col, v);
        for (int e = 0; e < 4 && col + e < t.cols; e++) tile[r * pitch + col + e] = v[e];
    }
}

/* Loads a chunk of 64 keys, the last key of the sequence first. */
__device__ __forceinline__ void load_keys(const ft_attention &a, const ft_tensor &t, int sequence, int head,
                                          int chunk, float *tile, int pitch)
{
    int64_t low = (int64_t)sequence * a.kv_length, last = low + a.kv_length - 1;
    load_tile(head_columns(t, head, a.d_kv), last - (int64_t)chunk * KEYS, -1, low, last + 1, KEYS, tile,
              pitch);
}

__device__ __forceinline__ void load_queries(const ft_attention &a, const ft_tensor &t, int sequence,
                                             int head, int first, float *tile, int pitch)
{
    int64_t low = (int64_t)sequence * a.q_length;
    load_tile(head_columns(t, head, a.d_kv), low + first, 1, low, low + a.q_length, QUERIES, tile, pitch);
}

/* Loads the bias of every distance between a query tile and a key chunk, and which keys
 * of the chunk are attended to. The caller needs a barrier before (the tables may be in
 * use) and after. */
__device__ __forceinline__ void load_tables(const attention_arguments &args, int sequence, int first_query,
                                            int chunk, const attention_tiles &tiles)
{
    const ft_attention &a = args.a;
    load_distances<QUERIES>(args, tiles.line, first_query, chunk, tiles.bias);
    if (tiles.bucket) load_buckets<QUERIES>(args, first_query, chunk, tiles.bucket);
    for (int f = threadIdx.x; f < KEYS; f += ATTENTION_THREADS) {
        int key = a.kv_length - 1 - chunk * KEYS - f;
        bool seen = key >= 0 && (!a.key_mask || a.key_mask[(int64_t)sequence * a.kv_length + key]);
        tiles.attended[f] = seen ? 1.0f : 0.0f;
    }
}

/* Feature f of the thread's n-th key. */
__device__ __forceinline__ int key_of(int n, int lane)
{
    return n / NEIGHBOURS * 16 + lane * NEIGHBOURS + n % NEIGHBOURS;
}

/* Dot products of row r of `left` with the rows of `right` that are the thread's keys. */
__device__ __forceinline__ void tile_products(const float *left, const float *right, int r, int lane,
                                              int d_kv, int pitch, float result[KEYS_PER_THREAD])
{
#pragma unroll
    for (int n = 0; n < KEYS_PER_THREAD; n++) result[n] = 0;
    for (int e = 0; e < d_kv; e++) {
        float x = left[r * pitch + e];
#pragma unroll
        for (int n = 0; n < KEYS_PER_THREAD; n++) result[n] += x * right[key_of(n, lane) * pitch + e];
    }
}

/* Scores of query r of the tile against the thread's keys; -infinity where the query must
 * not attend. */
__device__ __forceinline__ void tile_scores(const attention_arguments &args, const attention_tiles &tiles,
                                            int first_query, int chunk, int r, int lane,
                                            float score[KEYS_PER_THREAD])
{
    const ft_attention &a = args.a;
    tile_products(tiles.q, tiles.k, r, lane, a.d_kv, tiles.pitch, score);
    int query = first_query + r;
#pragma unroll
    for (int n = 0; n < KEYS_PER_THREAD; n++) {
        int f = key_of(n, lane), key = a.kv_length - 1 - chunk * KEYS - f;
        bool seen = tiles.attended[f] != 0 && query < a.q_length && (!a.causal || key <= query);
        float bias = a.bias.data ? tiles.bias[KEYS - 1 - f + QUERIES - 1 - r] : 0.0f;
        score[n] = seen ? score[n] + bias : -INFINITY;
    }
}

/* The dropout factors of the thread's keys. */
__device__ __forceinline__ void tile_dropout(const ft_dropout &dropout, const ft_attention &a, int query,
                                             int chunk, int head, int lane, float factor[KEYS_PER_THREAD])
{
#pragma unroll
    for (int n = 0; n < KEYS_PER_THREAD; n++) factor[n] = 1.0f;
    if (!dropout.active) return;
    static_assert(NEIGHBOURS == 2, "a word of the block has the numbers of neighbours");
    ft_philox_block numbers = ft_dropout_numbers(dropout, (uint32_t)(chunk * KEYS + lane * NEIGHBOURS),
                                                 (uint32_t)(a.q_length - 1 - query), (uint32_t)head);
#pragma unroll
    for (int n = 0; n < KEYS_PER_THREAD; n++)
        factor[n] = ft_stays(dropout, numbers.word[n / 2], n % 2) ? dropout.scale : 0.0f;
}

#endif
