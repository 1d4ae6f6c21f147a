/* Attention backward: the probabilities are computed again from the saved log of the softmax's denominator,
 * tile by tile.
 *
 * With P = softmax(S), M the dropout mask times its scale, dP = M * (dO V^T) and D = rowsum(dO * O) (Dao et
 * al., "FlashAttention", 2022, appendix B):  dV = (P M)^T dO,  dS = P * (dP - D),  dQ = dS K,  dK = dS^T Q.
 */
#include <omp.h>

#include "kernels/cpu/attention.h"
#include "kernels/cpu/operations.h"

enum { Q_BLOCK = 48, COLUMN_BLOCK = FT_GROUP };

typedef struct layout {
    int64_t d_steps, d_panels, d_vectors, columns, queries; /* the last two as whole blocks */
    int64_t bias_sums; /* floats of the bias gradient by query + column, or 0 */
    int64_t floats;
} layout;

/* A thread's memory. B operands of one sequence and head, then tiles. */
typedef struct workspace {
    float *keys_t, *values_t;         /* (d, columns) */
    float *keys_rows;                 /* (columns, d) */
    float *queries_rows, *douts_rows; /* (queries, d) */
    float *queries, *douts;           /* A operands: (queries, d) */
    float *dq;                        /* (queries, d) f32 */
    float *mask, *row, *lse, *dot;    /* dot: D */
    float *scores, *dp, *p, *ds,
        *ds_t; /* tiles; p and ds_t with pairs along the queries, ds with pairs along the columns */
    float *dk, *dv;
} workspace;

static int64_t take(int64_t *offset, int64_t floats)
{
    int64_t at = *offset;
    *offset += ft_padded(floats, 16);
    return at;
}

static layout layout_of(const ft_attention *attention, bool with_bias, const bool pairs)
{
    layout l;
    l.d_steps = ft_steps(attention->d_kv, pairs);
    l.d_panels = ft_padded(attention->d_kv, FT_PANEL);
    l.d_vectors = ft_padded(attention->d_kv, FT_LANES);
    l.columns = ft_padded(attention->kv_length, COLUMN_BLOCK);
    l.queries = ft_padded(attention->q_length, Q_BLOCK);
    l.bias_sums = with_bias ? ft_bias_row(attention) : 0;
    l.floats = 0;
    return l;
}

static workspace workspace_at(layout *l, const bool pairs, float *memory)
{
    int64_t at = 0;
    workspace w;
    w.keys_t = memory + take(&at, l->columns * l->d_steps);
    w.values_t = memory + take(&at, l->columns * l->d_steps);
    w.keys_rows = memory + take(&at, ft_steps(l->columns, pairs) * l->d_panels);
    w.queries_rows = memory + take(&at, ft_steps(l->queries, pairs) * l->d_panels);
    w.douts_rows = memory + take(&at, ft_steps(l->queries, pairs) * l->d_panels);
    w.queries = memory + take(&at, l->queries * l->d_steps);
    w.douts = memory + take(&at, l->queries * l->d_steps);
    w.dq = memory + take(&at, l->queries * l->d_panels);
    w.mask = memory + take(&at, l->columns);
    w.row = memory + take(&at, 2 * l->d_panels);
    w.lse = memory + take(&at, l->queries);
    w.dot = memory + take(&at, l->queries);
    w.scores = memory + take(&at, Q_BLOCK * COLUMN_BLOCK);
    w.dp = memory + take(&at, Q_BLOCK * COLUMN_BLOCK);
    w.p = memory + take(&at, Q_BLOCK * COLUMN_BLOCK);
    w.ds = memory + take(&at, Q_BLOCK * COLUMN_BLOCK);
    w.ds_t = memory + take(&at, Q_BLOCK * COLUMN_BLOCK);
    w.dk = memory + take(&at, COLUMN_BLOCK * l->d_panels);
    w.dv = memory + take(&at, COLUMN_BLOCK * l->d_panels);
    l->floats = at;
    return w;
}

/* Packs one sequence and head; D, lse. */
FT_INLINE void load_head(const ft_attention *attention, const layout *l, workspace *w, int64_t sequence,
                         int32_t head, ft_tensor out, const float *lse, ft_tensor dout, const bool pairs)
{
    const int64_t d = attention->d_kv, kv_length = attention->kv_length, q_length = attention->q_length;
    const ft_head keys = {ft_columns(attention->k, head * d, d), sequence * kv_length, kv_length, true};
    const ft_head values = {ft_columns(attention->v, head * d, d), sequence * kv_length, kv_length, true};
    const ft_head queries = {ft_columns(attention->q, head * d, d), sequence * q_length, q_length, false};
    const ft_head douts = {ft_columns(dout, head * d, d), sequence * q_length, q_length, false};
    const ft_tensor outs = ft_columns(out, head * d, d);
    ft_pack_transposed(&keys, l->columns, pairs, w->keys_t, w->row);
    ft_pack_transposed(&values, l->columns, pairs, w->values_t, w->row);
    ft_pack_rows(&keys, l->columns, pairs, w->keys_rows, w->row);
    ft_pack_rows(&queries, l->queries, pairs, w->queries_rows, w->row);
    ft_pack_rows(&douts, l->queries, pairs, w->douts_rows, w->row);
    for (int64_t q = 0; q < q_length; q++) {
        ft_pack_row(&queries, q, pairs, w->queries + q * l->d_steps);
        ft_pack_row(&douts, q, pairs, w->douts + q * l->d_steps);
        w->lse[q] = lse[(sequence * attention->n_heads + head) * q_length + q];
        ft_read_row(outs, sequence * q_length + q, 0, d, l->d_panels, w->row);
        ft_read_row(douts.tensor, sequence * q_length + q, 0, d, l->d_panels, w->row + l->d_panels);
        ft_vector dot = ft_set(0.0f);
        for (int64_t j = 0; j < l->d_panels; j += FT_LANES)
            dot += ft_load(w->row + j) * ft_load(w->row + l->d_panels + j);
        w->dot[q] = ft_sum(dot);
    }
    memset(w->dq, 0, (size_t)(l->queries * l->d_panels) * sizeof(float));
}

/* One row of a tile: from scores and dO V^T to (P M) and dS. With pairs, rows are interleaved two by two in p
 * and ds_t: row `i` takes the halves i % 2 of its pair's elements. */
FT_INLINE void gradient_row(const workspace *w, int64_t i, int64_t q, const float *bias, float *bias_sums,
                            int64_t column, int64_t first_column, const ft_dropout *dropout, ft_place place,
                            uint32_t head, const bool pairs)
{
    ft_uint_vector number[FT_GROUP_VECTORS];
    if (dropout->threshold)
        ft_philox_group(dropout->key, (uint32_t)(column / FT_GROUP), place.position, place.sequence, head,
                        number);
    const float lse = w->lse[q], dot = w->dot[q];
    for (int v = 0; v < FT_GROUP_VECTORS; v++) {
        const int64_t c = v * FT_LANES;
        ft_vector s = ft_load(w->scores + i * COLUMN_BLOCK + c) + ft_load(w->mask + column + c);
        if (bias) s += ft_load(bias + q + column + c);
        if (column + c < first_column) {
            const ft_mask later = ft_less(ft_count_from((float)(column + c)), ft_set((float)first_column));
            s = ft_choose(later, ft_set(-INFINITY), s);
        }
        const ft_vector p = ft_exp(s - lse);
        ft_vector dropped = p, dp = ft_load(w->dp + i * COLUMN_BLOCK + c);
        if (dropout->threshold) {
            dropped = ft_keep(number[v], ft_set_number(dropout->threshold), p * dropout->scale);
            dp = ft_keep(number[v], ft_set_number(dropout->threshold), dp * dropout->scale);
        }
        const ft_vector ds = p * (dp - dot);
        if (bias_sums) ft_store(bias_sums + q + column + c, ft_load(bias_sums + q + column + c) + ds);
        if (pairs) {
            ft_half_vector p_half = ft_to_bf16(dropped), ds_half = ft_to_bf16(ds);
            uint16_t *p_to = (uint16_t *)(w->p + (i / 2) * COLUMN_BLOCK + c) + i % 2;
            uint16_t *ds_to = (uint16_t *)(w->ds_t + (i / 2) * COLUMN_BLOCK + c) + i % 2;
            for (int j = 0; j < FT_LANES; j++) {
                p_to[2 * j] = p_half[j];
                ds_to[2 * j] = ds_half[j];
            }
            *(ft_half_vector_at *)((uint16_t *)w->ds + i * COLUMN_BLOCK + c) = ds_half;
        } else {
            ft_store(w->p + i * COLUMN_BLOCK + c, dropped);
            ft_store(w->ds + i * COLUMN_BLOCK + c, ds);
        }
    }
}

/* The tile of one block of queries and one of columns: adds to dk, dv of the block and to dq. */
FT_INLINE void tile(const ft_attention *attention, const layout *l, workspace *w, const float *bias,
                    float *bias_sums, int64_t column, int64_t q_first, const ft_dropout *dropout,
                    ft_place place, uint32_t head, const bool pairs)
{
    const int64_t left = attention->q_length - q_first, q_count = left < Q_BLOCK ? left : Q_BLOCK;
    const int64_t c_steps = ft_steps(COLUMN_BLOCK, pairs), q_steps = ft_steps(q_count, pairs);
    const ft_tile_product scores = {q_count,
                                    COLUMN_BLOCK,
                                    l->d_steps,
                                    w->queries + q_first * l->d_steps,
                                    l->d_steps,
                                    1,
                                    w->keys_t + column * l->d_steps,
                                    FT_PANEL,
                                    l->d_steps * FT_PANEL,
                                    w->scores,
                                    COLUMN_BLOCK,
                                    false};
    const ft_tile_product dp = {q_count,
                                COLUMN_BLOCK,
                                l->d_steps,
                                w->douts + q_first * l->d_steps,
                                l->d_steps,
                                1,
                                w->values_t + column * l->d_steps,
                                FT_PANEL,
                                l->d_steps * FT_PANEL,
                                w->dp,
                                COLUMN_BLOCK,
                                false};
    ft_multiply(&scores, pairs);
    ft_multiply(&dp, pairs);
    if (pairs && q_count % 2) { /* the missing partner of the last row */
        memset(w->p + (q_count / 2) * COLUMN_BLOCK, 0, COLUMN_BLOCK * sizeof(float));
        memset(w->ds_t + (q_count / 2) * COLUMN_BLOCK, 0, COLUMN_BLOCK * sizeof(float));
    }
    for (int64_t i = 0; i < q_count; i++) {
        const int64_t q = q_first + i;
        place.position = (uint32_t)(attention->q_length - 1 - q);
        gradient_row(w, i, q, bias, bias_sums, column, attention->causal ? attention->kv_length - 1 - q : 0,
                     dropout, place, head, pairs);
    }
    const int64_t rows_panel = ft_steps(l->queries, pairs) * FT_PANEL,
                  rows_at = ft_steps(q_first, pairs) * FT_PANEL;
    const ft_tile_product dv = {
        COLUMN_BLOCK, l->d_vectors, q_steps, w->p,        1,   COLUMN_BLOCK, w->douts_rows + rows_at,
        FT_PANEL,     rows_panel,   w->dv,   l->d_panels, true};
    const ft_tile_product dk = {COLUMN_BLOCK,
                                l->d_vectors,
                                q_steps,
                                pairs ? w->ds_t : w->ds,
                                1,
                                COLUMN_BLOCK,
                                w->queries_rows + rows_at,
                                FT_PANEL,
                                rows_panel,
                                w->dk,
                                l->d_panels,
                                true};
    const ft_tile_product dq = {q_count,
                                l->d_vectors,
                                c_steps,
                                w->ds,
                                c_steps,
                                1,
                                w->keys_rows + ft_steps(column, pairs) * FT_PANEL,
                                FT_PANEL,
                                ft_steps(l->columns, pairs) * FT_PANEL,
                                w->dq + q_first * l->d_panels,
                                l->d_panels,
                                true};
    ft_multiply(&dv, pairs);
    ft_multiply(&dk, pairs);
    ft_multiply(&dq, pairs);
}

FT_INLINE void head_backward(const ft_attention *attention, const layout *l, workspace *w, const float *bias,
                             float *bias_sums, int64_t sequence, int32_t head, const ft_dropout *dropout,
                             ft_place place, int64_t used, ft_tensor dq, ft_tensor dk, ft_tensor dv,
                             const bool pairs)
{
    const int64_t d = attention->d_kv, kv_length = attention->kv_length, q_length = attention->q_length;
    for (int64_t column = 0; column < l->columns; column += COLUMN_BLOCK) {
        memset(w->dk, 0, (size_t)(COLUMN_BLOCK * l->d_panels) * sizeof(float));
        memset(w->dv, 0, (size_t)(COLUMN_BLOCK * l->d_panels) * sizeof(float));
        for (int64_t q = 0; q < q_length && column < used; q += Q_BLOCK) {
            const int64_t last = q + Q_BLOCK < q_length ? q + Q_BLOCK - 1 : q_length - 1;
            if (attention->causal && column + COLUMN_BLOCK <= kv_length - 1 - last) continue;
            tile(attention, l, w, bias, bias_sums, column, q, dropout, place, (uint32_t)head, pairs);
        }
        for (int64_t c = column; c < column + COLUMN_BLOCK && c < kv_length; c++) {
            const int64_t row = sequence * kv_length + kv_length - 1 - c;
            ft_write_row(ft_columns(dk, head * d, d), row, 0, d, w->dk + (c - column) * l->d_panels);
            ft_write_row(ft_columns(dv, head * d, d), row, 0, d, w->dv + (c - column) * l->d_panels);
        }
    }
    for (int64_t q = 0; q < q_length; q++)
        ft_write_row(ft_columns(dq, head * d, d), sequence * q_length + q, 0, d, w->dq + q * l->d_panels);
}

/* dbias += the sums by query + column of all sequences, in the sequences' order. */
static void add_bias_gradient(const ft_attention *attention, int64_t n_sequences, int64_t row,
                              const float *sums, ft_tensor dbias)
{
    const int64_t count = (int64_t)attention->kv_length + attention->q_length - 1;
    for (int64_t sum = 0; sum < count; sum++) {
        const int32_t bucket =
            ft_relative_bucket((int32_t)(attention->kv_length - 1 - sum), attention->bidirectional,
                               (int32_t)attention->bias.rows, attention->max_distance);
        for (int32_t h = 0; h < attention->n_heads; h++) {
            float total = 0.0f;
            for (int64_t s = 0; s < n_sequences; s++) total += sums[(s * attention->n_heads + h) * row + sum];
            ((float *)dbias.data)[bucket * dbias.stride + h] += total;
        }
    }
}

FT_INLINE void backward(ft_backend *self, const ft_adapter_batch *batch, const ft_attention *attention,
                        ft_tensor out, const float *lse, ft_tensor dout, ft_tensor dq, ft_tensor dk,
                        ft_tensor dv, ft_tensor dbias, const bool pairs)
{
    const int64_t tasks = (int64_t)batch->n_sequences * attention->n_heads;
    layout l = layout_of(attention, dbias.data != NULL, pairs);
    workspace_at(&l, pairs, NULL);
    const int64_t bias_floats =
        attention->bias.data ? ft_padded(attention->n_heads * ft_bias_row(attention), 16) : 0;
    const int64_t sums_floats = ft_padded(tasks * l.bias_sums, 16);
    float *memory =
        ft_cpu_scratch(ft_cpu_of(self), FT_SCRATCH_OPERATION,
                       (size_t)(bias_floats + sums_floats + self->n_threads * l.floats) * sizeof(float));
    if (!memory) return;
    float *all_sums = memory + bias_floats;
    if (bias_floats) ft_bias_table(attention, memory);
    memset(all_sums, 0, (size_t)sums_floats * sizeof(float));
#pragma omp parallel num_threads(self->n_threads)
    {
        layout mine = l;
        workspace w = workspace_at(&mine, pairs, all_sums + sums_floats + omp_get_thread_num() * l.floats);
#pragma omp for schedule(dynamic)
        for (int64_t task = 0; task < tasks; task++) {
            const int64_t sequence = task / attention->n_heads;
            const int32_t head = (int32_t)(task % attention->n_heads), g = batch->adapter_of[sequence];
            const ft_dropout dropout = ft_dropout_of(batch, batch->model_dropout, g, attention->dropout_site);
            const ft_place place = {g, (uint32_t)(sequence - batch->sequence_start[g]), 0};
            const int64_t used = ft_column_mask(attention, sequence, l.columns, w.mask);
            load_head(attention, &l, &w, sequence, head, out, lse, dout, pairs);
            head_backward(attention, &l, &w, bias_floats ? memory + head * ft_bias_row(attention) : NULL,
                          l.bias_sums ? all_sums + task * l.bias_sums : NULL, sequence, head, &dropout, place,
                          used, dq, dk, dv, pairs);
        }
    }
    if (l.bias_sums) add_bias_gradient(attention, batch->n_sequences, l.bias_sums, all_sums, dbias);
}

static void attention_backward(ft_backend *self, const ft_adapter_batch *batch, const ft_attention *attention,
                               ft_tensor out, const void *lse, ft_tensor dout, ft_tensor dq, ft_tensor dk,
                               ft_tensor dv, ft_tensor dbias)
{
#if FT_HAS_PAIRS
    if (self->bf16) {
        backward(self, batch, attention, out, lse, dout, dq, dk, dv, dbias, true);
        return;
    }
#endif
    backward(self, batch, attention, out, lse, dout, dq, dk, dv, dbias, false);
}

void FT_FOR_ISA(ft_cpu_attention_backward_operations)(ft_backend *backend)
{
    backend->attention_backward = attention_backward;
}
