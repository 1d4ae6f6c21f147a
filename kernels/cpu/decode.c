/* Attention of one decoding step over the key-value caches. Where many paths share a
 * cache (cross-attention of a series' samples), they are the queries of a small matrix
 * product; attention.c does that. This file handles one path a cache, which is bound by
 * reading the caches once. */
#include <omp.h>

#include "kernels/cpu/operations.h"
#include "kernels/cpu/vector.h"

/* Values of a head in registers at a time. */
enum { VALUE_VECTORS = FT_LANES == 16 ? 4 : 8 };

static void store_new(ft_backend *self, const ft_decode_attention *attention)
{
    const size_t bytes = (size_t)attention->q.cols * ft_dtype_bytes(attention->q.dtype);
#pragma omp parallel for schedule(static) num_threads(self->n_threads)
    for (int64_t path = 0; path < attention->q.rows; path++) {
        const int64_t row =
            path / attention->paths_per_cache * attention->capacity + attention->kv_length - 1;
        memcpy(ft_row_address(attention->k_cache, row), ft_row_address(attention->k_new, path), bytes);
        memcpy(ft_row_address(attention->v_cache, row), ft_row_address(attention->v_new, path), bytes);
    }
}

/* Fills what is added to the scores: extra[h * length + key]. `length` is whole vectors;
 * entries beyond the keys are -infinity. */
static void fill_extra(const ft_decode_attention *attention, int64_t length, float *extra)
{
    for (int64_t key = 0; key < length; key++) {
        const bool there = key < attention->kv_length;
        const int32_t bucket =
            there && attention->bias.data
                ? ft_relative_bucket((int32_t)key - (attention->kv_length - 1), false,
                                     (int32_t)attention->bias.rows, attention->max_distance)
                : 0;
        for (int32_t h = 0; h < attention->n_heads; h++)
            extra[h * length + key] =
                !there ? -INFINITY
                : attention->bias.data
                    ? ((const float *)attention->bias.data)[bucket * attention->bias.stride + h]
                    : 0.0f;
    }
}

/* One head of one cache; rows are `row_bytes` apart. `whole`: d is whole vectors, so rows
 * are read in place; otherwise through `buffer`. Each read also prefetches the same row
 * of the next cache, `next_bytes` away: rows of one head are far apart, and hardware
 * prefetchers do not follow that. It goes into the L2 cache: rows whose distance is a
 * power of two share few sets of L1, and the rows being read need those. */
typedef struct head {
    const char *keys, *values;
    int64_t row_bytes, next_bytes, d, d_vectors;
    ft_dtype dtype;
    bool whole;
    float *buffer;
} head;

FT_INLINE void prefetch(const head *h, const char *row)
{
    enum { LINE = 64 };
    for (int64_t at = 0; at < h->d * (int64_t)ft_dtype_bytes(h->dtype); at += LINE)
        __builtin_prefetch(row + h->next_bytes + at, 0, 2);
}

FT_INLINE const char *row_of(const head *h, const char *rows, int64_t t)
{
    const char *row = rows + t * h->row_bytes;
    if (h->next_bytes) prefetch(h, row);
    if (h->whole) return row;
    ft_read_values(row, h->dtype, h->d, h->d_vectors, h->buffer);
    return (const char *)h->buffer;
}

FT_INLINE ft_vector part(const char *row, int64_t j, const bool half)
{
    return half ? ft_load_bf16((const uint16_t *)(const void *)row + j)
                : ft_load((const float *)(const void *)row + j);
}

/* scores[t] = query . key t + extra[t] + mask, up to whole vectors; returns the
 * largest. */
FT_INLINE float all_scores(const head *h, const float *query, int64_t length, const float *extra,
                           const uint8_t *mask, float *scores, const bool half)
{
    ft_vector most = ft_set(-1e30f);
    for (int64_t first = 0; first < length; first += FT_LANES) {
        ft_vector dots[FT_LANES];
        for (int i = 0; i < FT_LANES; i++) {
            dots[i] = ft_set(0.0f);
            if (first + i >= length) continue;
            const char *row = row_of(h, h->keys, first + i);
            for (int64_t j = 0; j < h->d_vectors; j += FT_LANES)
                dots[i] += ft_load(query + j) * part(row, j, half);
        }
        ft_vector score = ft_sum_each(dots) + ft_load(extra + first);
        ft_store(scores + first, score);
        if (mask)
            for (int64_t i = first; i < first + FT_LANES && i < length; i++)
                if (!mask[i]) scores[i] = -INFINITY;
        most = ft_max(ft_load(scores + first), most);
    }
    return ft_largest(most);
}

/* sum: (d_vectors) = sum over t of probabilities[t] * value t. */
FT_INLINE void weighted_sum(const head *h, const float *probabilities, int64_t length, float *sum,
                            const bool half)
{
    for (int64_t j = 0; j < h->d_vectors; j += VALUE_VECTORS * FT_LANES) {
        ft_vector sums[VALUE_VECTORS];
        for (int v = 0; v < VALUE_VECTORS; v++) sums[v] = ft_set(0.0f);
        for (int64_t t = 0; t < length; t++) {
            const char *row = row_of(h, h->values, t);
            const ft_vector p = ft_set(probabilities[t]);
            for (int v = 0; v < VALUE_VECTORS && j + v * FT_LANES < h->d_vectors; v++)
                sums[v] += p * part(row, j + v * FT_LANES, half);
        }
        for (int v = 0; v < VALUE_VECTORS && j + v * FT_LANES < h->d_vectors; v++)
            ft_store(sum + j + v * FT_LANES, sums[v]);
    }
}

FT_INLINE void attend(const head *h, const float *query, int64_t length, const float *extra,
                      const uint8_t *mask, float *scores, float *sum, const bool half)
{
    const float largest = all_scores(h, query, length, extra, mask, scores, half);
    ft_vector total = ft_set(0.0f);
    for (int64_t t = 0; t < length; t += FT_LANES) {
        ft_vector p = ft_exp(ft_load(scores + t) - largest);
        ft_store(scores + t, p);
        total += p;
    }
    weighted_sum(h, scores, length, sum, half);
    ft_scale_row(sum, 1.0f / ft_sum(total), h->d_vectors);
}

/* All heads of one path. `memory`: query, sum and buffer of d_vectors each, then the
 * scores. */
static void attend_path(const ft_decode_attention *attention, int64_t path, const float *extra,
                        int64_t length, float *memory, ft_tensor out)
{
    const int64_t d = attention->d_kv, d_vectors = ft_padded(d, FT_LANES),
                  cache = path / attention->paths_per_cache;
    const ft_dtype dtype = attention->k_cache.dtype;
    const int64_t bytes = (int64_t)ft_dtype_bytes(dtype), first_row = cache * attention->capacity;
    float *query = memory, *sum = query + d_vectors, *buffer = sum + d_vectors, *scores = buffer + d_vectors;
    head h = {.row_bytes = attention->k_cache.stride * bytes,
              .d = d,
              .d_vectors = d_vectors,
              .dtype = dtype,
              .whole = d == d_vectors,
              .buffer = buffer};
    if (path + 1 < attention->q.rows && attention->paths_per_cache == 1)
        h.next_bytes = attention->capacity * h.row_bytes;
    for (int64_t which = 0; which < attention->n_heads; which++) {
        h.keys = (const char *)ft_row_address(attention->k_cache, first_row) + which * d * bytes;
        h.values = (const char *)ft_row_address(attention->v_cache, first_row) + which * d * bytes;
        ft_read_row(ft_columns(attention->q, which * d, d), path, 0, d, d_vectors, query);
        const uint8_t *mask = attention->key_mask ? attention->key_mask + cache * attention->kv_length : NULL;
        if (dtype == FT_BF16 && h.whole)
            attend(&h, query, attention->kv_length, extra + which * length, mask, scores, sum, true);
        else
            attend(&h, query, attention->kv_length, extra + which * length, mask, scores, sum, false);
        ft_write_row(ft_columns(out, which * d, d), path, 0, d, sum);
    }
}

static void attend_shared(ft_backend *self, const ft_decode_attention *attention, ft_tensor out)
{
    const ft_attention shared = {.q = attention->q,
                                 .k = attention->k_cache,
                                 .v = attention->v_cache,
                                 .n_heads = attention->n_heads,
                                 .d_kv = attention->d_kv,
                                 .q_length = attention->paths_per_cache,
                                 .kv_length = attention->kv_length,
                                 .key_mask = attention->key_mask};
    FT_FOR_ISA(ft_cpu_attention_over_caches)
    (self, &shared, attention->q.rows / attention->paths_per_cache, attention->capacity, out);
}

static void decode_attention(ft_backend *self, const ft_decode_attention *attention, ft_tensor out)
{
    enum { ENOUGH_TO_SHARE = 4 };
    if (attention->k_new.data) store_new(self, attention);
    if (attention->paths_per_cache >= ENOUGH_TO_SHARE && !attention->bias.data &&
        attention->q.rows % attention->paths_per_cache == 0) {
        attend_shared(self, attention, out);
        return;
    }
    const int64_t length = ft_padded(attention->kv_length, FT_GROUP);
    const int64_t extra_floats = ft_padded(attention->n_heads * length, 16);
    const int64_t mine = ft_padded(3 * ft_padded(attention->d_kv, FT_LANES) + length, 16);
    float *memory = ft_cpu_scratch(ft_cpu_of(self), FT_SCRATCH_OPERATION,
                                   (size_t)(extra_floats + self->n_threads * mine) * sizeof(float));
    if (!memory) return;
    fill_extra(attention, length, memory);
#pragma omp parallel for schedule(static) num_threads(self->n_threads)
    for (int64_t path = 0; path < attention->q.rows; path++)
        attend_path(attention, path, memory, length, memory + extra_floats + omp_get_thread_num() * mine,
                    out);
}

void FT_FOR_ISA(ft_cpu_decode_operations)(ft_backend *backend)
{
    backend->decode_attention = decode_attention;
}
