/* Attention backward. The probabilities are recomputed tile by tile from the saved log of
 * the softmax's denominator.
 *
 * With P = softmax(S), M the dropout mask times its scale, dP = M * (dO V^T) and D =
 * rowsum(dO * O) (Dao et al., "FlashAttention", 2022, appendix B):
 *
 *   dV = (P M)^T dO,  dS = P * (dP - D),  dQ = dS K,  dK = dS^T Q
 *
 * Tiles leave out the scale of M (D is divided by it instead); it is applied to dQ, dK,
 * dV and the gradient of the bias at the end. */
#include <omp.h>

#include "kernels/cpu/attention.h"
#include "kernels/cpu/operations.h"

enum { Q_BLOCK = 96, COLUMN_BLOCK = FT_GROUP };

typedef struct layout {
    int64_t d_steps, d_line;     /* elements along d; rounded up to whole vectors */
    int64_t d_panels, d_vectors; /* d as whole panels, whole vectors */
    /* kv_length as whole groups; q_length as whole steps of a product, an even number */
    int64_t columns, queries;
    int64_t column_steps; /* elements along columns */
    int64_t query_line;   /* elements along queries, rounded up to whole vectors */
    /* floats of the bias gradient by query + column, or 0 */
    int64_t bias_sums;
    int64_t floats; /* of one thread's memory */
} layout;

/* A thread's memory: operands of one sequence and head, then tiles. */
typedef struct workspace {
    float *keys_t, *values_t;   /* B operands (d, columns) */
    float *keys_rows;           /* B operand (columns, d) */
    float *queries, *douts;     /* A operands (queries, d) */
    float *queries_t, *douts_t; /* A operands (d_vectors, query_line) */
    float *dq;                  /* (queries, d_panels) */
    float *dk_t, *dv_t;         /* (d_vectors, COLUMN_BLOCK) */
    float *mask;                /* (columns) */
    float *shift, *dot;         /* (queries): log of the denominator in base 2; D */
    float *scores, *dp;         /* (FT_STRIP, COLUMN_BLOCK) */
    /* P M and dS of a block of queries. With pairs, p and ds_t hold pairs of neighbouring
     * queries, (Q_BLOCK / 2, COLUMN_BLOCK), and ds pairs of columns, (Q_BLOCK,
     * COLUMN_BLOCK / 2); else all are (Q_BLOCK, COLUMN_BLOCK), and ds_t is ds. */
    float *p, *ds, *ds_t;
    float *lines; /* (FT_LANES, d_panels) */
} workspace;

/* Lays out a thread's memory. With `memory` NULL it only computes l->floats. */
static workspace workspace_at(layout *l, const bool pairs, float *memory)
{
    int64_t at = 0;
    workspace w;
    w.keys_t = ft_take(memory, &at, l->columns * l->d_steps);
    w.values_t = ft_take(memory, &at, l->columns * l->d_steps);
    w.keys_rows = ft_take(memory, &at, l->column_steps * l->d_panels);
    w.queries = ft_take(memory, &at, l->queries * l->d_line);
    w.douts = ft_take(memory, &at, l->queries * l->d_line);
    w.queries_t = ft_take(memory, &at, l->d_vectors * l->query_line);
    w.douts_t = ft_take(memory, &at, l->d_vectors * l->query_line);
    w.dq = ft_take(memory, &at, l->queries * l->d_panels);
    w.dk_t = ft_take(memory, &at, l->d_vectors * COLUMN_BLOCK);
    w.dv_t = ft_take(memory, &at, l->d_vectors * COLUMN_BLOCK);
    w.mask = ft_take(memory, &at, l->columns);
    w.shift = ft_take(memory, &at, l->queries);
    w.dot = ft_take(memory, &at, l->queries);
    w.scores = ft_take(memory, &at, FT_STRIP * COLUMN_BLOCK);
    w.dp = ft_take(memory, &at, FT_STRIP * COLUMN_BLOCK);
    w.p = ft_take(memory, &at, Q_BLOCK * COLUMN_BLOCK);
    w.ds = ft_take(memory, &at, Q_BLOCK * COLUMN_BLOCK);
    w.ds_t = pairs ? ft_take(memory, &at, Q_BLOCK * COLUMN_BLOCK) : w.ds;
    w.lines = ft_take(memory, &at, FT_LANES * l->d_panels);
    l->floats = at;
    return w;
}

static layout layout_of(const ft_attention *attention, bool with_bias, const bool pairs)
{
    layout l;
    l.d_steps = ft_steps(attention->d_kv, pairs);
    l.d_line = ft_padded(l.d_steps, FT_LANES);
    l.d_panels = ft_padded(attention->d_kv, FT_PANEL);
    l.d_vectors = ft_padded(attention->d_kv, FT_LANES);
    l.columns = ft_padded(attention->kv_length, FT_GROUP);
    l.queries = ft_whole_queries(attention, pairs);
    l.column_steps = ft_steps(l.columns, pairs);
    l.query_line = ft_padded(ft_steps(l.queries, pairs), FT_LANES);
    l.bias_sums = with_bias ? ft_bias_row(attention) : 0;
    workspace_at(&l, pairs, NULL);
    return l;
}

/* What is the same for all tiles of one sequence and head. */
typedef struct task {
    const ft_attention *attention;
    const layout *l;
    int64_t sequence, used; /* used: columns to look at */
    int32_t head;
    const float *bias; /* or NULL */
    float *bias_sums;  /* or NULL */
    ft_dropout dropout;
    uint32_t sequence_number; /* in the adapter's step */
} task;

/* Packs one sequence and head; D and the shifts. Queries added beyond q_length have
 * probability 0 everywhere. */
FT_INLINE void load_head(const task *t, const workspace *w, ft_tensor out, const float *lse, ft_tensor dout,
                         const bool pairs)
{
    const ft_attention *attention = t->attention;
    const layout *l = t->l;
    const int64_t d = attention->d_kv, kv_length = attention->kv_length, q_length = attention->q_length,
                  h = t->head;
    const ft_head keys = {ft_columns(attention->k, h * d, d), t->sequence * kv_length, kv_length, true};
    const ft_head values = {ft_columns(attention->v, h * d, d), t->sequence * kv_length, kv_length, true};
    const ft_head queries = {ft_columns(attention->q, h * d, d), t->sequence * q_length, q_length, false};
    const ft_head douts = {ft_columns(dout, h * d, d), t->sequence * q_length, q_length, false};
    const ft_head outs = {ft_columns(out, h * d, d), t->sequence * q_length, q_length, false};
    ft_pack_transposed(&keys, l->columns, pairs, w->keys_t, w->lines);
    ft_pack_transposed(&values, l->columns, pairs, w->values_t, w->lines);
    ft_pack_rows(&keys, l->columns, pairs, w->keys_rows);
    ft_pack_left_transposed(&queries, l->query_line, pairs, w->queries_t, w->lines);
    ft_pack_left_transposed(&douts, l->query_line, pairs, w->douts_t, w->lines);
    ft_pack_left(&queries, l->queries, l->d_line, pairs, w->queries);
    ft_pack_left(&douts, l->queries, l->d_line, pairs, w->douts);
    memset(w->dq, 0, (size_t)(l->queries * l->d_panels) * sizeof(float));
    float *o = w->lines, *other = o + l->d_panels;
    for (int64_t q = 0; q < l->queries; q++) {
        w->shift[q] = INFINITY;
        w->dot[q] = 0.0f;
        if (q >= q_length) continue;
        ft_prefetch_row(&outs, q);
        ft_read_row(outs.tensor, outs.first_row + q, 0, d, l->d_vectors, o);
        ft_read_row(douts.tensor, douts.first_row + q, 0, d, l->d_vectors, other);
        ft_vector dot = ft_set(0.0f);
        for (int64_t j = 0; j < l->d_vectors; j += FT_LANES) dot += ft_load(o + j) * ft_load(other + j);
        w->shift[q] = lse[(t->sequence * attention->n_heads + h) * q_length + q] * FT_LOG2_E;
        w->dot[q] = ft_sum(dot) / t->dropout.scale;
    }
}

/* `vectors` vectors of one group of columns of two neighbouring queries q and q + 1, rows
 * i and i + 1 of the strip, rows `at` and at + 1 of the block: from scores and dO V^T to
 * P M and dS. */
FT_INLINE void gradient_of_two(const task *t, const workspace *w, int64_t q, int64_t i, int64_t at,
                               int64_t column, ft_uint_vector number[2][FT_GROUP_VECTORS], int vectors,
                               const bool pairs, const bool drops, const bool biased)
{
    const ft_uint_vector threshold = ft_set_number(t->dropout.threshold);
    for (int v = 0; v < vectors; v++) {
        const int64_t c = v * FT_LANES;
        ft_vector p[2], ds[2];
        for (int r = 0; r < 2; r++) {
            ft_vector s = ft_load(w->scores + (i + r) * COLUMN_BLOCK + c) + ft_load(w->mask + column + c);
            if (biased) s += ft_load(t->bias + q + r + column + c);
            ft_vector dp = ft_load(w->dp + (i + r) * COLUMN_BLOCK + c);
            p[r] = ft_exp2(s * FT_LOG2_E - w->shift[q + r]);
            if (drops) dp = ft_keep(number[r][v], threshold, dp);
            ds[r] = p[r] * (dp - w->dot[q + r]);
            if (drops) p[r] = ft_keep(number[r][v], threshold, p[r]);
            if (biased && t->bias_sums)
                ft_add_row(t->bias_sums + q + r + column + c, (const float *)&ds[r], FT_LANES);
        }
        if (pairs) {
            ft_store_pairs(w->p + at / 2 * COLUMN_BLOCK + c, p[0], p[1]);
            ft_store_pairs(w->ds_t + at / 2 * COLUMN_BLOCK + c, ds[0], ds[1]);
            for (int r = 0; r < 2; r++)
                ft_store_bf16((uint16_t *)(w->ds + (at + r) * COLUMN_BLOCK / 2) + c, ds[r]);
        } else {
            for (int r = 0; r < 2; r++) {
                ft_store(w->p + (at + r) * COLUMN_BLOCK + c, p[r]);
                ft_store(w->ds + (at + r) * COLUMN_BLOCK + c, ds[r]);
            }
        }
    }
}

/* `count` (even) queries of a strip. */
FT_INLINE void gradient_rows(const task *t, const workspace *w, int64_t q, int64_t at, int64_t count,
                             int64_t column, int vectors, const bool pairs, const bool drops,
                             const bool biased)
{
    enum { DRAWS = FT_DRAWN > 2 ? FT_DRAWN : 2 };
    for (int64_t i = 0; i < count; i += DRAWS) {
        ft_uint_vector number[DRAWS][FT_GROUP_VECTORS];
        for (int r = 0; drops && r < DRAWS; r += FT_DRAWN)
            ft_draw(t->dropout.key, (uint32_t)(column / FT_GROUP), 0,
                    (uint32_t)(t->attention->q_length - 1 - (q + i + r)), 1, t->sequence_number,
                    (uint32_t)t->head, number + r);
        for (int r = 0; r < DRAWS && i + r < count; r += 2)
            gradient_of_two(t, w, q + i + r, i + r, at + i + r, column, number + r, vectors, pairs, drops,
                            biased);
    }
}

/* `count` (even) queries from q on, rows `at` and on of the block. */
FT_INLINE void strip(const task *t, const workspace *w, int64_t q, int64_t at, int64_t count, int64_t column,
                     int64_t width, const bool pairs, const bool drops, const bool biased)
{
    const layout *l = t->l;
    ft_tile_product product = ft_scores(count, width, l->d_steps, w->queries + q * l->d_line, l->d_line,
                                        w->keys_t + column * l->d_steps, w->scores, COLUMN_BLOCK);
    ft_multiply(&product, pairs);
    product.a = w->douts + q * l->d_line;
    product.b = w->values_t + column * l->d_steps;
    product.c = w->dp;
    ft_multiply(&product, pairs);
    if (t->attention->causal)
        for (int64_t i = 0; i < count; i++)
            ft_mask_before(w->scores + i * COLUMN_BLOCK, column, width,
                           t->attention->kv_length - 1 - (q + i));
    if (width == COLUMN_BLOCK)
        gradient_rows(t, w, q, at, count, column, FT_GROUP_VECTORS, pairs, drops, biased);
    else
        gradient_rows(t, w, q, at, count, column, (int)(width / FT_LANES), pairs, drops, biased);
}

/* The tile of one block of queries and one of columns: adds to dk_t and dv_t of the block
 * and to dq. */
FT_INLINE void tile(const task *t, const workspace *w, int64_t column, int64_t width, int64_t q_first,
                    const bool pairs)
{
    const layout *l = t->l;
    const int64_t left = l->queries - q_first, q_count = left < Q_BLOCK ? left : Q_BLOCK;
    for (int64_t at = 0; at < q_count; at += ft_strip_rows(pairs)) {
        const int64_t count = q_count - at < ft_strip_rows(pairs) ? q_count - at : ft_strip_rows(pairs);
        if (t->dropout.threshold && t->bias)
            strip(t, w, q_first + at, at, count, column, width, pairs, true, true);
        else if (t->dropout.threshold)
            strip(t, w, q_first + at, at, count, column, width, pairs, true, false);
        else if (t->bias)
            strip(t, w, q_first + at, at, count, column, width, pairs, false, true);
        else
            strip(t, w, q_first + at, at, count, column, width, pairs, false, false);
    }
    ft_tile_product product = {.m = l->d_vectors,
                               .n = width,
                               .steps = ft_steps(q_count, pairs),
                               .a = w->douts_t + ft_steps(q_first, pairs),
                               .a_row = l->query_line,
                               .a_step = 1,
                               .b = w->p,
                               .b_step = COLUMN_BLOCK,
                               .b_panel = FT_PANEL,
                               .c = w->dv_t,
                               .c_row = COLUMN_BLOCK,
                               .accumulate = true};
    ft_multiply(&product, pairs);
    product.a = w->queries_t + ft_steps(q_first, pairs);
    product.b = w->ds_t;
    product.c = w->dk_t;
    ft_multiply(&product, pairs);
    const ft_tile_product dq = {.m = q_count,
                                .n = l->d_vectors,
                                .steps = ft_steps(width, pairs),
                                .a = w->ds,
                                .a_row = ft_steps(COLUMN_BLOCK, pairs),
                                .a_step = 1,
                                .b = w->keys_rows + ft_steps(column, pairs) * FT_PANEL,
                                .b_step = FT_PANEL,
                                .b_panel = l->column_steps * FT_PANEL,
                                .c = w->dq + q_first * l->d_panels,
                                .c_row = l->d_panels,
                                .accumulate = true};
    ft_multiply(&dq, pairs);
}

FT_INLINE void write_scaled(ft_tensor tensor, int64_t row, float *values, const layout *l, float scale)
{
    ft_scale_row(values, scale, l->d_vectors);
    ft_write_row(tensor, row, 0, tensor.cols, values);
}

/* Writes the gradients of a block's keys or values. */
FT_INLINE void write_transposed(const task *t, const workspace *w, ft_tensor tensor, const float *sums,
                                int64_t column)
{
    const layout *l = t->l;
    const int64_t kv_length = t->attention->kv_length;
    for (int64_t c = 0; c < COLUMN_BLOCK && column + c < kv_length; c += FT_LANES) {
        for (int64_t j = 0; j < l->d_vectors; j += FT_LANES)
            ft_transpose_blocks(sums + j * COLUMN_BLOCK + c, COLUMN_BLOCK, FT_LANES, w->lines + j,
                                l->d_panels);
        for (int64_t i = 0; i < FT_LANES && column + c + i < kv_length; i++)
            write_scaled(tensor, t->sequence * kv_length + kv_length - 1 - (column + c + i),
                         w->lines + i * l->d_panels, l, t->dropout.scale);
    }
}

FT_INLINE void head_backward(const task *t, const workspace *w, ft_tensor dq, ft_tensor dk, ft_tensor dv,
                             const bool pairs)
{
    const ft_attention *attention = t->attention;
    const layout *l = t->l;
    const int64_t d = attention->d_kv, kv_length = attention->kv_length, q_length = attention->q_length;
    dq = ft_columns(dq, t->head * d, d);
    dk = ft_columns(dk, t->head * d, d);
    dv = ft_columns(dv, t->head * d, d);
    for (int64_t column = 0; column < l->columns; column += COLUMN_BLOCK) {
        const int64_t left = ft_padded(t->used - column, ft_column_unit(pairs)),
                      width = left < COLUMN_BLOCK ? left : COLUMN_BLOCK;
        memset(w->dk_t, 0, (size_t)(l->d_vectors * COLUMN_BLOCK) * sizeof(float));
        memset(w->dv_t, 0, (size_t)(l->d_vectors * COLUMN_BLOCK) * sizeof(float));
        for (int64_t q = 0; q < l->queries && width > 0; q += Q_BLOCK) {
            const int64_t last = q + Q_BLOCK < q_length ? q + Q_BLOCK - 1 : q_length - 1;
            if (attention->causal && column + COLUMN_BLOCK <= kv_length - 1 - last) continue;
            tile(t, w, column, width, q, pairs);
        }
        write_transposed(t, w, dk, w->dk_t, column);
        write_transposed(t, w, dv, w->dv_t, column);
    }
    for (int64_t q = 0; q < q_length; q++)
        write_scaled(dq, t->sequence * q_length + q, w->dq + q * l->d_panels, l, t->dropout.scale);
    for (int64_t i = 0; t->bias_sums && i < l->bias_sums; i++) t->bias_sums[i] *= t->dropout.scale;
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
    const layout l = layout_of(attention, dbias.data != NULL, pairs);
    const int64_t bias_floats = attention->bias.data ? attention->n_heads * ft_bias_row(attention) : 0;
    const int64_t sums_floats = tasks * l.bias_sums;
    int64_t shared = 0; /* floats of all threads together, before each one's own */
    ft_take(NULL, &shared, bias_floats);
    ft_take(NULL, &shared, sums_floats);
    float *memory = ft_cpu_scratch(ft_cpu_of(self), FT_SCRATCH_OPERATION,
                                   (size_t)(shared + self->n_threads * l.floats) * sizeof(float));
    if (!memory) return;
    shared = 0;
    float *bias = ft_take(memory, &shared, bias_floats), *all_sums = ft_take(memory, &shared, sums_floats);
    if (bias_floats) ft_bias_table(attention, bias);
    memset(all_sums, 0, (size_t)sums_floats * sizeof(float));
#pragma omp parallel num_threads(self->n_threads)
    {
        layout mine = l;
        const workspace w = workspace_at(&mine, pairs, memory + shared + omp_get_thread_num() * l.floats);
        ft_tiles tiles = {0};
        if (pairs) FT_FOR_ISA(ft_tiles_begin)(&tiles);
#pragma omp for schedule(dynamic)
        for (int64_t index = 0; index < tasks; index++) {
            task t = {.attention = attention,
                      .l = &l,
                      .sequence = index / attention->n_heads,
                      .head = (int32_t)(index % attention->n_heads)};
            const int32_t g = batch->adapter_of[t.sequence];
            t.dropout = ft_dropout_of(batch, batch->model_dropout, g, attention->dropout_site);
            t.sequence_number = ft_sequence_number(batch, g, (int32_t)t.sequence);
            t.used = ft_column_mask(attention, t.sequence, l.columns, w.mask);
            if (bias_floats) t.bias = bias + t.head * ft_bias_row(attention);
            if (l.bias_sums) t.bias_sums = all_sums + index * l.bias_sums;
            load_head(&t, &w, out, lse, dout, pairs);
            head_backward(&t, &w, dq, dk, dv, pairs);
        }
        if (pairs) FT_FOR_ISA(ft_tiles_end)(&tiles);
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
