/* Attention of one decoding step over the caches of keys and values. */
#include <omp.h>

#include "kernels/cpu/operations.h"
#include "kernels/cpu/vector.h"

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

/* bias[h * length + key]. */
static void bias_of_keys(const ft_decode_attention *attention, float *bias)
{
    for (int32_t key = 0; key < attention->kv_length; key++) {
        const int32_t bucket = ft_relative_bucket(key - (attention->kv_length - 1), false,
                                                  (int32_t)attention->bias.rows, attention->max_distance);
        for (int32_t h = 0; h < attention->n_heads; h++)
            bias[(int64_t)h * attention->kv_length + key] =
                ((const float *)attention->bias.data)[bucket * attention->bias.stride + h];
    }
}

/* One path and head. `query`, `row` and `sum` hold `padded` values, `scores` kv_length rounded up to whole
 * vectors. */
static void attend(const ft_decode_attention *attention, int64_t path, int32_t head, const float *bias,
                   int64_t padded, float *query, float *row, float *sum, float *scores, ft_tensor out)
{
    const int64_t d = attention->d_kv, cache = path / attention->paths_per_cache,
                  length = attention->kv_length;
    const ft_tensor keys = ft_columns(attention->k_cache, head * d, d),
                    values = ft_columns(attention->v_cache, head * d, d);
    const uint8_t *mask = attention->key_mask ? attention->key_mask + cache * length : NULL;
    float largest = -1e30f;
    ft_read_row(ft_columns(attention->q, head * d, d), path, 0, d, padded, query);
    for (int64_t t = 0; t < length; t++) {
        scores[t] = -INFINITY;
        if (mask && !mask[t]) continue;
        ft_read_row(keys, cache * attention->capacity + t, 0, d, padded, row);
        ft_vector dot = ft_set(0.0f);
        for (int64_t j = 0; j < padded; j += FT_LANES) dot += ft_load(query + j) * ft_load(row + j);
        scores[t] = ft_sum(dot) + (bias ? bias[head * length + t] : 0.0f);
        if (!(scores[t] <= largest)) largest = scores[t];
    }
    for (int64_t t = length; t < ft_padded(length, FT_LANES); t++) scores[t] = -INFINITY;
    ft_vector total = ft_set(0.0f);
    for (int64_t t = 0; t < length; t += FT_LANES) {
        ft_vector p = ft_exp(ft_load(scores + t) - largest);
        ft_store(scores + t, p);
        total += p;
    }
    const float scale = 1.0f / ft_sum(total);
    memset(sum, 0, (size_t)padded * sizeof(float));
    for (int64_t t = 0; t < length; t++) {
        if (scores[t] == 0.0f) continue;
        ft_read_row(values, cache * attention->capacity + t, 0, d, padded, row);
        for (int64_t j = 0; j < padded; j += FT_LANES)
            ft_store(sum + j, ft_load(sum + j) + scores[t] * ft_load(row + j));
    }
    ft_scale_row(sum, scale, padded);
    ft_write_row(ft_columns(out, head * d, d), path, 0, d, sum);
}

static void decode_attention(ft_backend *self, const ft_decode_attention *attention, ft_tensor out)
{
    const int64_t padded = ft_padded(attention->d_kv, FT_GROUP),
                  length = ft_padded(attention->kv_length, FT_GROUP);
    const int64_t bias_floats = ft_padded((int64_t)attention->n_heads * attention->kv_length, 16),
                  mine = 3 * padded + length;
    float *memory = ft_cpu_scratch(ft_cpu_of(self), FT_SCRATCH_OPERATION,
                                   (size_t)(bias_floats + self->n_threads * mine) * sizeof(float));
    if (!memory) return;
    if (attention->k_new.data) store_new(self, attention);
    if (attention->bias.data) bias_of_keys(attention, memory);
#pragma omp parallel num_threads(self->n_threads)
    {
        float *query = memory + bias_floats + omp_get_thread_num() * mine;
#pragma omp for schedule(static)
        for (int64_t path = 0; path < attention->q.rows; path++)
            for (int32_t head = 0; head < attention->n_heads; head++)
                attend(attention, path, head, attention->bias.data ? memory : NULL, padded, query,
                       query + padded, query + 2 * padded, query + 3 * padded, out);
    }
}

void FT_FOR_ISA(ft_cpu_decode_operations)(ft_backend *backend)
{
    backend->decode_attention = decode_attention;
}
