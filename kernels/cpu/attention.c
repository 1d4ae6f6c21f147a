/* Attention forward in tiles: Q_BLOCK queries by COLUMN_BLOCK keys at a time, softmax as it goes (Milakov and
 * Gimelshein, "Online normalizer calculation for softmax", 2018; Dao et al., "FlashAttention", 2022). */
#include "kernels/cpu/attention.h"

#include <omp.h>

#include "kernels/cpu/operations.h"

enum { Q_BLOCK = 48, COLUMN_BLOCK = 128 };

/* A thread's memory, in floats. */
typedef struct workspace {
    float *keys, *values, *mask; /* of one sequence and head, packed */
    float *queries, *scores, *probabilities, *sums, *row;
    float largest[Q_BLOCK], denominator[Q_BLOCK];
} workspace;

typedef struct layout {
    int64_t d_steps, d_panels, d_vectors; /* elements along d; d as whole panels, whole vectors */
    int64_t columns;                      /* kv_length as whole column blocks */
    int64_t floats;
} layout;

static layout layout_of(const ft_attention *attention, const bool pairs)
{
    layout l;
    l.d_steps = ft_steps(attention->d_kv, pairs);
    l.d_panels = ft_padded(attention->d_kv, FT_PANEL);
    l.d_vectors = ft_padded(attention->d_kv, FT_LANES);
    l.columns = ft_padded(attention->kv_length, COLUMN_BLOCK);
    l.floats = l.columns * l.d_steps + ft_steps(l.columns, pairs) * l.d_panels + l.columns +
               Q_BLOCK * l.d_steps + 2 * Q_BLOCK * COLUMN_BLOCK + Q_BLOCK * l.d_panels + l.d_panels + 64;
    l.floats = ft_padded(l.floats, 16);
    return l;
}

static workspace workspace_at(const layout *l, const bool pairs, float *memory)
{
    workspace w;
    w.keys = memory;
    w.values = w.keys + l->columns * l->d_steps;
    w.mask = w.values + ft_steps(l->columns, pairs) * l->d_panels;
    w.scores = w.mask + l->columns;
    w.probabilities = w.scores + Q_BLOCK * COLUMN_BLOCK;
    w.sums = w.probabilities + Q_BLOCK * COLUMN_BLOCK;
    w.row = w.sums + Q_BLOCK * l->d_panels;
    w.queries = w.row + l->d_panels;
    return w;
}

/* One row of a tile: scores in, probabilities (not yet divided by the denominator) out; keeps the running
 * maximum and denominator. Returns the factor for what was summed before. */
FT_INLINE float softmax_row(float *score, float *probability, const float *bias, const float *mask,
                            int64_t column, int64_t first_column, const ft_dropout *dropout, ft_place place,
                            uint32_t head, float *largest, float *denominator, const bool pairs)
{
    ft_vector most = ft_set(-INFINITY);
    for (int64_t c = 0; c < COLUMN_BLOCK; c += FT_LANES) {
        ft_vector s = ft_load(score + c) + ft_load(mask + c);
        if (bias) s += ft_load(bias + c);
        if (column + c < first_column) {
            const ft_mask later = ft_less(ft_count_from((float)(column + c)), ft_set((float)first_column));
            s = ft_choose(later, ft_set(-INFINITY), s);
        }
        most = ft_max(s, most);
        ft_store(score + c, s);
    }
    float before = *largest, now = ft_largest(most);
    if (now > before)
        *largest = now;
    else
        now = before; /* a NaN among the scores reaches the result through its exponential */
    ft_vector sum = ft_set(0.0f);
    for (int64_t group = 0; group < COLUMN_BLOCK / FT_GROUP; group++) {
        ft_uint_vector number[FT_GROUP_VECTORS];
        if (dropout->threshold)
            ft_philox_group(dropout->key, (uint32_t)(column / FT_GROUP + group), place.position,
                            place.sequence, head, number);
        for (int v = 0; v < FT_GROUP_VECTORS; v++) {
            const int64_t c = group * FT_GROUP + v * FT_LANES;
            ft_vector p = ft_exp(ft_load(score + c) - now);
            sum += p;
            if (dropout->threshold) p = ft_keep(number[v], ft_set_number(dropout->threshold), p);
            if (pairs)
                ft_store_bf16((uint16_t *)probability + c, p);
            else
                ft_store(probability + c, p);
        }
    }
    float factor = expf(before - now);
    *denominator = *denominator * factor + ft_sum(sum);
    return factor;
}

/* Queries [q_first, q_first + q_count) of one sequence and head, keys and values packed. */
FT_INLINE void query_block(const ft_attention *attention, const layout *l, workspace *w, const float *bias,
                           int64_t sequence, int32_t head, ft_place place, const ft_dropout *dropout,
                           int64_t used, int64_t q_first, int64_t q_count, ft_tensor out, float *lse,
                           const bool pairs)
{
    const int64_t q_length = attention->q_length, d = attention->d_kv;
    const ft_head queries = {ft_columns(attention->q, head * d, d), sequence * q_length, q_length, false};
    for (int64_t i = 0; i < q_count; i++) {
        ft_pack_row(&queries, q_first + i, pairs, w->queries + i * l->d_steps);
        w->largest[i] = -1e30f; /* finite, so that a masked score gives exp(-infinity) = 0 from the start */
        w->denominator[i] = 0.0f;
    }
    memset(w->sums, 0, (size_t)(Q_BLOCK * l->d_panels) * sizeof(float));
    int64_t column = 0;
    if (attention->causal) { /* the last query of the block attends to columns from here on */
        column = attention->kv_length - 1 - (q_first + q_count - 1);
        column = column / COLUMN_BLOCK * COLUMN_BLOCK;
    }
    for (; column < used; column += COLUMN_BLOCK) {
        const ft_tile_product scores = {q_count,
                                        COLUMN_BLOCK,
                                        l->d_steps,
                                        w->queries,
                                        l->d_steps,
                                        1,
                                        w->keys + column * l->d_steps,
                                        FT_PANEL,
                                        l->d_steps * FT_PANEL,
                                        w->scores,
                                        COLUMN_BLOCK,
                                        false};
        ft_multiply(&scores, pairs);
        const int64_t p_row = ft_steps(COLUMN_BLOCK, pairs);
        for (int64_t i = 0; i < q_count; i++) {
            const int64_t q = q_first + i;
            place.position = (uint32_t)(q_length - 1 - q);
            float factor = softmax_row(w->scores + i * COLUMN_BLOCK, w->probabilities + i * p_row,
                                       bias ? bias + q + column : NULL, w->mask + column, column,
                                       attention->causal ? attention->kv_length - 1 - q : 0, dropout, place,
                                       (uint32_t)head, &w->largest[i], &w->denominator[i], pairs);
            if (factor != 1.0f)
                for (int64_t j = 0; j < l->d_vectors; j++) w->sums[i * l->d_panels + j] *= factor;
        }
        const ft_tile_product sums = {q_count,
                                      l->d_vectors,
                                      p_row,
                                      w->probabilities,
                                      p_row,
                                      1,
                                      w->values + ft_steps(column, pairs) * FT_PANEL,
                                      FT_PANEL,
                                      ft_steps(l->columns, pairs) * FT_PANEL,
                                      w->sums,
                                      l->d_panels,
                                      true};
        ft_multiply(&sums, pairs);
    }
    ft_tensor head_out = ft_columns(out, head * d, d);
    for (int64_t i = 0; i < q_count; i++) {
        float *sum = w->sums + i * l->d_panels;
        const float scale = dropout->scale / w->denominator[i];
        for (int64_t j = 0; j < l->d_vectors; j++) sum[j] *= scale;
        ft_write_row(head_out, sequence * q_length + q_first + i, 0, d, sum);
        if (lse)
            lse[(sequence * attention->n_heads + head) * q_length + q_first + i] =
                w->largest[i] + logf(w->denominator[i]);
    }
}

FT_INLINE void forward(ft_backend *self, const ft_adapter_batch *batch, const ft_attention *attention,
                       ft_tensor out, float *lse, const bool pairs)
{
    const int64_t d = attention->d_kv, kv_length = attention->kv_length;
    const int64_t tasks = (int64_t)batch->n_sequences * attention->n_heads;
    const layout l = layout_of(attention, pairs);
    const int64_t bias_floats =
        attention->bias.data ? ft_padded(attention->n_heads * ft_bias_row(attention), 16) : 0;
    float *memory = ft_cpu_scratch(ft_cpu_of(self), FT_SCRATCH_OPERATION,
                                   (size_t)(bias_floats + self->n_threads * l.floats) * sizeof(float));
    if (!memory) return;
    if (bias_floats) ft_bias_table(attention, memory);
#pragma omp parallel num_threads(self->n_threads)
    {
        workspace w = workspace_at(&l, pairs, memory + bias_floats + omp_get_thread_num() * l.floats);
#pragma omp for schedule(dynamic)
        for (int64_t task = 0; task < tasks; task++) {
            const int64_t sequence = task / attention->n_heads;
            const int32_t head = (int32_t)(task % attention->n_heads), g = batch->adapter_of[sequence];
            const ft_head keys = {ft_columns(attention->k, head * d, d), sequence * kv_length, kv_length,
                                  true};
            const ft_head values = {ft_columns(attention->v, head * d, d), sequence * kv_length, kv_length,
                                    true};
            const ft_dropout dropout = ft_dropout_of(batch, batch->model_dropout, g, attention->dropout_site);
            const ft_place place = {g, (uint32_t)(sequence - batch->sequence_start[g]), 0};
            const int64_t used = ft_column_mask(attention, sequence, l.columns, w.mask);
            ft_pack_transposed(&keys, l.columns, pairs, w.keys, w.row);
            ft_pack_rows(&values, l.columns, pairs, w.values, w.row);
            const float *bias = bias_floats ? memory + head * ft_bias_row(attention) : NULL;
            for (int64_t q = 0; q < attention->q_length; q += Q_BLOCK) {
                const int64_t left = attention->q_length - q;
                query_block(attention, &l, &w, bias, sequence, head, place, &dropout, used, q,
                            left < Q_BLOCK ? left : Q_BLOCK, out, lse, pairs);
            }
        }
    }
}

static void attention_forward(ft_backend *self, const ft_adapter_batch *batch, const ft_attention *attention,
                              ft_tensor out, void *lse)
{
#if FT_HAS_PAIRS
    if (self->bf16) {
        forward(self, batch, attention, out, lse, true);
        return;
    }
#endif
    forward(self, batch, attention, out, lse, false);
}

void FT_FOR_ISA(ft_cpu_attention_operations)(ft_backend *backend)
{
    backend->attention_forward = attention_forward;
}
