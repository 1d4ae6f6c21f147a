/* Attention forward in tiles, with an online softmax (Milakov and Gimelshein, "Online
 * normalizer calculation for softmax", 2018; Dao et al., "FlashAttention", 2022): each
 * tile is a strip of queries by a block of columns.
 *
 * The keys and values of a block of columns stay in the first-level cache while Q_BLOCK
 * queries are processed against it, strip by strip. */
#include "kernels/cpu/attention.h"

#include <omp.h>

#include "kernels/cpu/operations.h"

enum { Q_BLOCK = 96, STRIP_PADDED = (FT_STRIP + 15) / 16 * 16, COLUMN_BLOCK = 2 * FT_GROUP };

typedef struct layout {
    int64_t d_steps, d_line;      /* elements along d; rounded up to whole vectors */
    int64_t d_panels, d_vectors;  /* d as whole panels, whole vectors */
    int64_t columns, value_steps; /* kv_length as whole groups; elements along them */
    int64_t floats;               /* of one thread's memory */
} layout;

/* A thread's memory. */
typedef struct workspace {
    float *keys, *values, *mask; /* of one sequence and head, packed as B operands */
    float *queries;              /* (Q_BLOCK, d_line), an A operand */
    /* (Q_BLOCK, d_panels); (Q_BLOCK, FT_LANES), to be added up over the lanes */
    float *sums, *denominators;
    float *largest;                /* (Q_BLOCK) */
    float *scores, *probabilities; /* (FT_STRIP, COLUMN_BLOCK) */
    float *lines;                  /* (FT_LANES, d_line) */
} workspace;

/* Lays out a thread's memory. With `memory` NULL it only computes l->floats. */
static workspace workspace_at(layout *l, float *memory)
{
    int64_t at = 0;
    workspace w;
    w.keys = ft_take(memory, &at, l->columns * l->d_steps);
    w.values = ft_take(memory, &at, l->value_steps * l->d_panels);
    w.mask = ft_take(memory, &at, l->columns);
    w.queries = ft_take(memory, &at, Q_BLOCK * l->d_line);
    w.sums = ft_take(memory, &at, Q_BLOCK * l->d_panels);
    w.denominators = ft_take(memory, &at, Q_BLOCK * FT_LANES);
    w.largest = ft_take(memory, &at, Q_BLOCK + STRIP_PADDED);
    w.scores = ft_take(memory, &at, FT_STRIP * COLUMN_BLOCK);
    w.probabilities = ft_take(memory, &at, FT_STRIP * COLUMN_BLOCK);
    w.lines = ft_take(memory, &at, FT_LANES * l->d_line);
    l->floats = at;
    return w;
}

static layout layout_of(const ft_attention *attention, const bool pairs)
{
    layout l;
    l.d_steps = ft_steps(attention->d_kv, pairs);
    l.d_line = ft_padded(l.d_steps, FT_LANES);
    l.d_panels = ft_padded(attention->d_kv, FT_PANEL);
    l.d_vectors = ft_padded(attention->d_kv, FT_LANES);
    l.columns = ft_padded(attention->kv_length, FT_GROUP);
    l.value_steps = ft_steps(l.columns, pairs);
    workspace_at(&l, NULL);
    return l;
}

/* What is the same for all tiles of one sequence and head. */
typedef struct task {
    const ft_attention *attention;
    const layout *l;
    int64_t sequence, used; /* used: columns to look at */
    int32_t head;
    const float *bias; /* or NULL */
    ft_dropout dropout;
    uint32_t sequence_number; /* in the adapter's step */
} task;

/* Adds mask and bias to a row of scores and returns the largest. */
FT_INLINE float finish_scores(float *score, const float *mask, const float *bias, int64_t width,
                              const bool biased)
{
    ft_vector most = ft_set(-INFINITY);
    for (int64_t c = 0; c < width; c += FT_LANES) {
        ft_vector s = ft_load(score + c) + ft_load(mask + c);
        if (biased) s += ft_load(bias + c);
        most = ft_max(s, most);
        ft_store(score + c, s);
    }
    return ft_largest(most);
}

/* Turns scores into probabilities, for `vectors` vectors of one group of columns and
 * `count` rows of a strip. They are not divided by the denominator yet, which grows by
 * their sum before dropout. `shift`: each row's largest score, in base 2. */
FT_INLINE void exponentials(const task *t, const workspace *w, const float *shift, float *denominators,
                            int64_t q, int64_t count, int64_t column, int64_t c, int vectors,
                            const bool pairs, const bool drops)
{
    const int64_t p_row = ft_steps(COLUMN_BLOCK, pairs);
    const ft_uint_vector threshold = ft_set_number(t->dropout.threshold);
    for (int64_t first = 0; first < count; first += FT_DRAWN) {
        ft_uint_vector number[FT_DRAWN][FT_GROUP_VECTORS];
        if (drops)
            ft_draw(t->dropout.key, (uint32_t)((column + c) / FT_GROUP), 0,
                    (uint32_t)(t->attention->q_length - 1 - (q + first)), 1, t->sequence_number,
                    (uint32_t)t->head, number);
        for (int i = 0; i < FT_DRAWN && first + i < count; i++) {
            const float *score = w->scores + (first + i) * COLUMN_BLOCK + c;
            float *probability = w->probabilities + (first + i) * p_row + ft_steps(c, pairs);
            float *denominator = denominators + (first + i) * FT_LANES;
            ft_vector sum = ft_load(denominator);
            for (int v = 0; v < vectors; v++) {
                ft_vector p = ft_exp2(ft_load(score + v * FT_LANES) * FT_LOG2_E - shift[first + i]);
                sum += p;
                if (drops) p = ft_keep(number[i][v], threshold, p);
                if (pairs)
                    ft_store_bf16((uint16_t *)probability + v * FT_LANES, p);
                else
                    ft_store(probability + v * FT_LANES, p);
            }
            ft_store(denominator, sum);
        }
    }
}

/* Processes `count` queries from q on (rows `first` and on of the block) against `width`
 * columns from `column` on. */
FT_INLINE void strip(const task *t, const workspace *w, int64_t q, int64_t first, int64_t count,
                     int64_t column, int64_t width, const bool pairs, const bool drops, const bool biased)
{
    const layout *l = t->l;
    const ft_attention *attention = t->attention;
    const int64_t p_row = ft_steps(COLUMN_BLOCK, pairs);
    const ft_tile_product scores =
        ft_scores(ft_product_rows(count, pairs), width, l->d_steps, w->queries + first * l->d_line, l->d_line,
                  w->keys + column * l->d_steps, w->scores, COLUMN_BLOCK);
    ft_multiply(&scores, pairs);

    float now[STRIP_PADDED] = {0}, factor[STRIP_PADDED], shift[STRIP_PADDED];
    float *before = w->largest + first;
    for (int64_t i = 0; i < count; i++) {
        float *score = w->scores + i * COLUMN_BLOCK;
        if (attention->causal) ft_mask_before(score, column, width, attention->kv_length - 1 - (q + i));
        const float most =
            finish_scores(score, w->mask + column, biased ? t->bias + q + i + column : NULL, width, biased);
        /* NaN scores still reach the result, through exponentials */
        now[i] = most > before[i] ? most : before[i];
    }
    bool grown = false;
    float *denominators = w->denominators + first * FT_LANES;
    for (int i = 0; i < STRIP_PADDED; i += FT_LANES) {
        ft_store(factor + i, ft_exp2((ft_load(before + i) - ft_load(now + i)) * FT_LOG2_E));
        ft_store(shift + i, ft_load(now + i) * FT_LOG2_E);
    }
    for (int64_t i = 0; i < count; i++) {
        grown |= now[i] > before[i];
        before[i] = now[i];
    }
    if (grown)
        for (int64_t i = 0; i < count; i++) {
            ft_scale_row(denominators + i * FT_LANES, factor[i], FT_LANES);
            ft_scale_row(w->sums + (first + i) * l->d_panels, factor[i], l->d_vectors);
        }
    int64_t c = 0;
    for (; c + FT_GROUP <= width; c += FT_GROUP)
        exponentials(t, w, shift, denominators, q, count, column, c, FT_GROUP_VECTORS, pairs, drops);
    if (c < width)
        exponentials(t, w, shift, denominators, q, count, column, c, (int)((width - c) / FT_LANES), pairs,
                     drops);

    const ft_tile_product sums = {.m = ft_product_rows(count, pairs),
                                  .n = l->d_vectors,
                                  .steps = ft_steps(width, pairs),
                                  .a = w->probabilities,
                                  .a_row = p_row,
                                  .a_step = 1,
                                  .b = w->values + ft_steps(column, pairs) * FT_PANEL,
                                  .b_step = FT_PANEL,
                                  .b_panel = l->value_steps * FT_PANEL,
                                  .c = w->sums + first * l->d_panels,
                                  .c_row = l->d_panels,
                                  .accumulate = true};
    ft_multiply(&sums, pairs);
}

/* Queries [q_first, q_first + q_count), all their columns. */
FT_INLINE void query_block(const task *t, const workspace *w, int64_t q_first, int64_t q_count,
                           const bool pairs)
{
    const int64_t rows = ft_strip_rows(pairs);
    int64_t column = 0;
    if (t->attention->causal) {
        /* no query of the block attends to columns before this one */
        column = t->attention->kv_length - 1 - (q_first + q_count - 1);
        column = column / COLUMN_BLOCK * COLUMN_BLOCK;
    }
    for (; column < t->used; column += COLUMN_BLOCK) {
        const int64_t left = ft_padded(t->used - column, ft_column_unit(pairs)),
                      width = left < COLUMN_BLOCK ? left : COLUMN_BLOCK;
        for (int64_t i = 0; i < q_count; i += rows) {
            const int64_t count = q_count - i < rows ? q_count - i : rows;
            if (t->dropout.threshold && t->bias)
                strip(t, w, q_first + i, i, count, column, width, pairs, true, true);
            else if (t->dropout.threshold)
                strip(t, w, q_first + i, i, count, column, width, pairs, true, false);
            else if (t->bias)
                strip(t, w, q_first + i, i, count, column, width, pairs, false, true);
            else
                strip(t, w, q_first + i, i, count, column, width, pairs, false, false);
        }
    }
}

FT_INLINE void load_queries(const task *t, const workspace *w, int64_t q_first, int64_t q_count,
                            const bool pairs)
{
    const int64_t d = t->attention->d_kv, q_length = t->attention->q_length;
    const ft_head queries = {ft_columns(t->attention->q, t->head * d, d), t->sequence * q_length + q_first,
                             q_count, false};
    ft_pack_left(&queries, q_count, t->l->d_line, pairs, w->queries);
    /* Finite, so that a masked score gives exp(-infinity) = 0 from the start. */
    for (int64_t i = 0; i < Q_BLOCK + STRIP_PADDED; i++) w->largest[i] = -1e30f;
    memset(w->sums, 0, (size_t)(q_count * t->l->d_panels) * sizeof(float));
    memset(w->denominators, 0, (size_t)(q_count * FT_LANES) * sizeof(float));
}

FT_INLINE void store_block(const task *t, const workspace *w, int64_t q_first, int64_t q_count, ft_tensor out,
                           float *lse)
{
    const int64_t d = t->attention->d_kv, q_length = t->attention->q_length;
    const ft_tensor head_out = ft_columns(out, t->head * d, d);
    for (int64_t i = 0; i < q_count; i++) {
        float *sum = w->sums + i * t->l->d_panels;
        const float denominator = ft_sum(ft_load(w->denominators + i * FT_LANES));
        const float scale = t->dropout.scale / denominator;
        ft_scale_row(sum, scale, t->l->d_vectors);
        ft_write_row(head_out, t->sequence * q_length + q_first + i, 0, d, sum);
        if (lse)
            lse[(t->sequence * t->attention->n_heads + t->head) * q_length + q_first + i] =
                w->largest[i] + logf(denominator);
    }
}

/* The keys and values of sequence s are rows [s * kv_rows, s * kv_rows + kv_length).
 * `batch` NULL: no dropout. */
FT_INLINE void forward(ft_backend *self, const ft_adapter_batch *batch, const ft_attention *attention,
                       int64_t n_sequences, int64_t kv_rows, ft_tensor out, float *lse, const bool pairs)
{
    const int64_t d = attention->d_kv, kv_length = attention->kv_length;
    const int64_t tasks = n_sequences * attention->n_heads;
    const layout l = layout_of(attention, pairs);
    const int64_t bias_floats = attention->bias.data ? attention->n_heads * ft_bias_row(attention) : 0;
    int64_t shared = 0; /* floats of all threads together, before each one's own */
    ft_take(NULL, &shared, bias_floats);
    float *memory = ft_cpu_scratch(ft_cpu_of(self), FT_SCRATCH_OPERATION,
                                   (size_t)(shared + self->n_threads * l.floats) * sizeof(float));
    if (!memory) return;
    shared = 0;
    float *bias = ft_take(memory, &shared, bias_floats);
    if (bias_floats) ft_bias_table(attention, bias);
#pragma omp parallel num_threads(self->n_threads)
    {
        layout mine = l;
        const workspace w = workspace_at(&mine, memory + shared + omp_get_thread_num() * l.floats);
        ft_tiles tiles = {0};
        if (pairs) FT_FOR_ISA(ft_tiles_begin)(&tiles);
#pragma omp for schedule(dynamic)
        for (int64_t index = 0; index < tasks; index++) {
            task t = {.attention = attention,
                      .l = &l,
                      .sequence = index / attention->n_heads,
                      .head = (int32_t)(index % attention->n_heads),
                      .dropout = {.scale = 1.0f}};
            const ft_head keys = {ft_columns(attention->k, t.head * d, d), t.sequence * kv_rows, kv_length,
                                  true};
            const ft_head values = {ft_columns(attention->v, t.head * d, d), t.sequence * kv_rows, kv_length,
                                    true};
            if (batch) {
                const int32_t g = batch->adapter_of[t.sequence];
                t.dropout = ft_dropout_of(batch, batch->model_dropout, g, attention->dropout_site);
                t.sequence_number = ft_sequence_number(batch, g, (int32_t)t.sequence);
            }
            t.used = ft_column_mask(attention, t.sequence, l.columns, w.mask);
            if (bias_floats) t.bias = bias + t.head * ft_bias_row(attention);
            ft_pack_transposed(&keys, l.columns, pairs, w.keys, w.lines);
            ft_pack_rows(&values, l.columns, pairs, w.values);
            for (int64_t q = 0; q < attention->q_length; q += Q_BLOCK) {
                const int64_t left = attention->q_length - q, count = left < Q_BLOCK ? left : Q_BLOCK;
                load_queries(&t, &w, q, count, pairs);
                query_block(&t, &w, q, count, pairs);
                store_block(&t, &w, q, count, out, lse);
            }
        }
        if (pairs) FT_FOR_ISA(ft_tiles_end)(&tiles);
    }
}

static void forward_of(ft_backend *self, const ft_adapter_batch *batch, const ft_attention *attention,
                       int64_t n_sequences, int64_t kv_rows, ft_tensor out, float *lse)
{
#if FT_HAS_PAIRS
    if (self->bf16) {
        forward(self, batch, attention, n_sequences, kv_rows, out, lse, true);
        return;
    }
#endif
    forward(self, batch, attention, n_sequences, kv_rows, out, lse, false);
}

static void attention_forward(ft_backend *self, const ft_adapter_batch *batch, const ft_attention *attention,
                              ft_tensor out, void *lse)
{
    forward_of(self, batch, attention, batch->n_sequences, attention->kv_length, out, lse);
}

void FT_FOR_ISA(ft_cpu_attention_over_caches)(ft_backend *self, const ft_attention *attention,
                                              int64_t n_caches, int64_t capacity, ft_tensor out)
{
    forward_of(self, NULL, attention, n_caches, capacity, out, NULL);
}

void FT_FOR_ISA(ft_cpu_attention_operations)(ft_backend *backend)
{
    backend->attention_forward = attention_forward;
}
