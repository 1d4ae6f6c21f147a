/* Shared by attention forward and backward: the order of keys, the packing of operands,
 * the bias by distance.
 *
 * Keys are processed from the last to the first: column c of the scores is key kv_length
 * - 1 - c. A column is then the feature number that dropout uses, so 64 columns are one
 * Philox group. The bias of (query, column) depends only on their sum, so a row of scores
 * adds a contiguous run of the bias table. The softmax does not depend on the order of
 * keys.
 *
 * Operands of tile products are packed in 32-bit elements (tile.h): an f32, or a pair of
 * bf16. */
#ifndef FT_KERNELS_CPU_ATTENTION_H
#define FT_KERNELS_CPU_ATTENTION_H

#include "base/poison.h"
#include "kernels/cpu/dropout.h"
#include "kernels/cpu/tile.h"

/* Returns the next `floats` of scratch memory, rounded up to whole cache lines. With
 * `memory` NULL it only advances the offset. */
static inline float *ft_take(float *memory, int64_t *offset, int64_t floats)
{
    float *at = memory ? memory + *offset : NULL;
    const int64_t taken = ft_padded(floats, 16);
    if (memory) FT_POISON(at + taken, FT_RED_ZONE);
    *offset += taken + FT_RED_ZONE / (int64_t)sizeof(float);
    return at;
}

/* The number of elements that `count` values along k take; by AMX, whole tiles. */
FT_INLINE int64_t ft_steps(int64_t count, const bool pairs)
{
    return pairs ? ft_padded((count + 1) / 2, FT_PAIR_STEPS) : count;
}

/* The rows m of a product of which `count` are wanted; by AMX, whole tiles. */
FT_INLINE int64_t ft_product_rows(int64_t count, const bool pairs)
{
    return pairs ? ft_padded(count, FT_PAIR_ROWS) : count;
}

/* Columns of a block are a multiple of this: they are n of one product, and along k of
 * another. */
FT_INLINE int64_t ft_column_unit(const bool pairs)
{
    return pairs && 2 * FT_PAIR_STEPS > FT_LANES ? 2 * FT_PAIR_STEPS : FT_LANES;
}

/* Queries of a strip, which is multiplied at once, and the most there are: two rows of
 * micro tiles, or of AMX tiles. */
enum { FT_STRIP = FT_HAS_AMX ? 32 : 12 };
FT_INLINE int64_t ft_strip_rows(const bool pairs)
{
    return FT_HAS_AMX && pairs ? FT_STRIP : 12;
}

FT_INLINE void ft_multiply(const ft_tile_product *product, const bool pairs)
{
#if FT_HAS_PAIRS
    if (pairs) {
        FT_FOR_ISA(ft_tile_multiply_pairs)(product);
        return;
    }
#else
    (void)pairs;
#endif
    FT_FOR_ISA(ft_tile_multiply)(product);
}

/* The scores of `rows` queries of `line` floats with `width` transposed keys of
 * `steps`; the rows of scores are `row` floats apart. */
FT_INLINE ft_tile_product ft_scores(int64_t rows, int64_t width, int64_t steps, const float *queries,
                                    int64_t line, const float *keys_t, float *scores, int64_t row)
{
    return (ft_tile_product){.m = rows,
                             .n = width,
                             .steps = steps,
                             .a = queries,
                             .a_row = line,
                             .a_step = 1,
                             .b = keys_t,
                             .b_step = FT_PANEL,
                             .b_panel = steps * FT_PANEL,
                             .c = scores,
                             .c_row = row};
}

/* The columns of one head of one sequence: rows [first_row, first_row + count), taken
 * backwards where `reversed`. */
typedef struct ft_head {
    ft_tensor tensor; /* of the head's d_kv columns */
    int64_t first_row, count;
    bool reversed;
} ft_head;

FT_INLINE const void *ft_head_row(const ft_head *head, int64_t index)
{
    return ft_row_address(head->tensor, head->first_row + (head->reversed ? head->count - 1 - index : index));
}

/* Prefetches the row some steps ahead. A head's rows are far apart (a few columns of a
 * wide tensor), and hardware prefetchers do not follow that. */
FT_INLINE void ft_prefetch_row(const ft_head *head, int64_t index)
{
    enum { AHEAD = 32, LINE = 64 };
    if (index + AHEAD >= head->count) return;
    const char *row = ft_head_row(head, index + AHEAD);
    for (int64_t at = 0; at < head->tensor.cols * (int64_t)ft_dtype_bytes(head->tensor.dtype); at += LINE)
        __builtin_prefetch(row + at, 0, 2);
}

/* One row as elements along d, zeros from the last to whole vectors. */
FT_INLINE void ft_pack_row(const ft_head *head, int64_t index, const bool pairs, float *to)
{
    const int64_t d = head->tensor.cols, padded = ft_padded(ft_steps(d, pairs), FT_LANES);
    const void *row = ft_head_row(head, index);
    ft_prefetch_row(head, index);
    if (pairs) {
        uint16_t *halves = (uint16_t *)to;
        const uint16_t *from = row;
        int64_t i = 0;
        for (; i + 2 * FT_LANES <= d; i += 2 * FT_LANES) memcpy(halves + i, from + i, sizeof(ft_vector));
        for (; i < d; i++) halves[i] = from[i];
        for (; i < 2 * padded; i++) halves[i] = 0;
    } else {
        ft_read_values(row, head->tensor.dtype, d, padded, to);
    }
}

/* Packs `rows` rows of the head as an A operand, `row_elements` (whole vectors) apart;
 * rows beyond count become zeros. */
FT_INLINE void ft_pack_left(const ft_head *head, int64_t rows, int64_t row_elements, const bool pairs,
                            float *to)
{
    for (int64_t i = 0; i < rows; i++) {
        if (i < head->count)
            ft_pack_row(head, i, pairs, to + i * row_elements);
        else
            memset(to + i * row_elements, 0, (size_t)row_elements * sizeof(float));
    }
}

/* to[j * to_row + i] = from[i * from_row + j] for FT_LANES rows i and `width` columns j;
 * rows are read to whole vectors. */
FT_INLINE void ft_transpose_blocks(const float *from, int64_t from_row, int64_t width, float *to,
                                   int64_t to_row)
{
    for (int64_t j = 0; j < width; j += FT_LANES) {
        ft_vector block[FT_LANES];
        for (int i = 0; i < FT_LANES; i++) block[i] = ft_load(from + i * from_row + j);
        ft_transpose(block);
        const int64_t used = width - j < FT_LANES ? width - j : FT_LANES;
        for (int64_t i = 0; i < used; i++) ft_store(to + (j + i) * to_row, block[i]);
    }
}

/* Packs the transposed head as a B operand: k = d, n = rows [0, padded). `padded` is
 * whole vectors; rows beyond count become zeros. `lines` holds FT_LANES rows of whole
 * vectors. Panel p starts at p * FT_PANEL * steps of d. */
FT_INLINE void ft_pack_transposed(const ft_head *head, int64_t padded, const bool pairs, float *to,
                                  float *lines)
{
    const int64_t steps = ft_steps(head->tensor.cols, pairs), line = ft_padded(steps, FT_LANES);
    for (int64_t j = 0; j < padded; j += FT_LANES) {
        float *panel = to + j / FT_PANEL * FT_PANEL * steps + j % FT_PANEL;
        for (int64_t i = 0; i < FT_LANES; i++) {
            if (j + i < head->count)
                ft_pack_row(head, j + i, pairs, lines + i * line);
            else
                memset(lines + i * line, 0, (size_t)line * sizeof(float));
        }
        ft_transpose_blocks(lines, line, steps, panel, FT_PANEL);
    }
}

/* One row's values [first, first + width) as bits of f32, half filled: 16-bit floats
 * without the shift. */
FT_INLINE ft_uint_vector ft_halves(const uint16_t *row, int64_t first, int64_t d)
{
    if (!row || first >= d) return (ft_uint_vector){0};
    if (first + FT_LANES <= d)
        return __builtin_convertvector(*(const ft_half_vector_at *)(row + first), ft_uint_vector);
    ft_uint_vector value = {0};
    for (int64_t i = first; i < d; i++) value[i - first] = row[i];
    return value;
}

/* Packs one step along the head's rows: panel p of d's columns to to + p * panel. Rows
 * beyond count are zeros. */
FT_INLINE void ft_pack_step(const ft_head *head, int64_t step, const bool pairs, float *to, int64_t panel)
{
    const int64_t d = head->tensor.cols, first = pairs ? 2 * step : step;
    const void *row = first < head->count ? ft_head_row(head, first) : NULL;
    const void *next = pairs && first + 1 < head->count ? ft_head_row(head, first + 1) : NULL;
    ft_prefetch_row(head, first);
    if (pairs) ft_prefetch_row(head, first + 1);
    for (int64_t j = 0; j < d; j += FT_PANEL) {
        float *at = to + j / FT_PANEL * panel;
        if (pairs) {
            for (int64_t v = 0; v < FT_PANEL; v += FT_LANES) {
                ft_uint_vector low = ft_halves(row, j + v, d), high = ft_halves(next, j + v, d);
                ft_store(at + v, (ft_vector)(low | (high << 16)));
            }
        } else if (row) {
            const int64_t width = d - j < FT_PANEL ? d - j : FT_PANEL;
            ft_read_values((const char *)row + (size_t)j * ft_dtype_bytes(head->tensor.dtype),
                           head->tensor.dtype, width, FT_PANEL, at);
        } else {
            memset(at, 0, FT_PANEL * sizeof(float));
        }
    }
}

/* Packs the head as a B operand: k = rows [0, padded), n = d in whole panels. `padded` is
 * even; rows beyond count become zeros. Panel p of d's columns starts at p *
 * ft_steps(padded) * FT_PANEL. */
FT_INLINE void ft_pack_rows(const ft_head *head, int64_t padded, const bool pairs, float *to)
{
    const int64_t steps = ft_steps(padded, pairs);
    for (int64_t step = 0; step < steps; step++)
        ft_pack_step(head, step, pairs, to + step * FT_PANEL, steps * FT_PANEL);
}

/* Packs the transposed head as an A operand: m = d in whole vectors, k = rows [0,
 * padded), `line` elements apart, a whole number of vectors; rows beyond count become
 * zeros. `lines` holds FT_LANES rows of whole panels. */
FT_INLINE void ft_pack_left_transposed(const ft_head *head, int64_t line, const bool pairs, float *to,
                                       float *lines)
{
    const int64_t panels = ft_padded(head->tensor.cols, FT_PANEL);
    for (int64_t step = 0; step < line; step += FT_LANES) {
        for (int64_t i = 0; i < FT_LANES; i++)
            ft_pack_step(head, step + i, pairs, lines + i * panels, FT_PANEL);
        ft_transpose_blocks(lines, panels, ft_padded(head->tensor.cols, FT_LANES), to + step, line);
    }
}

/* Queries of a backward pass, whose products sum along them: whole steps. */
FT_INLINE int64_t ft_whole_queries(const ft_attention *attention, const bool pairs)
{
    return ft_padded(attention->q_length, pairs ? 2 * FT_PAIR_STEPS : 2);
}

/* Floats of one head's bias by query + column, those that tiles add to both included:
 * columns are at most whole groups. */
FT_INLINE int64_t ft_bias_row(const ft_attention *attention)
{
    const int64_t queries = ft_whole_queries(attention, true);
    return ft_padded(queries + ft_padded(attention->kv_length, FT_GROUP), 16);
}

/* bias[h * ft_bias_row + query + column], for every sum of the two; zeros beyond. */
static inline void ft_bias_table(const ft_attention *attention, float *bias)
{
    const int64_t row = ft_bias_row(attention);
    for (int64_t sum = 0; sum < row; sum++) {
        const int64_t distance = attention->kv_length - 1 - sum; /* key - query */
        const bool used = sum < (int64_t)attention->kv_length + attention->q_length - 1;
        const int32_t bucket =
            used ? ft_relative_bucket((int32_t)distance, attention->bidirectional,
                                      (int32_t)attention->bias.rows, attention->max_distance)
                 : 0;
        for (int32_t h = 0; h < attention->n_heads; h++)
            bias[h * row + sum] =
                used ? ((const float *)attention->bias.data)[bucket * attention->bias.stride + h] : 0.0f;
    }
}

/* mask[c]: 0 for a column that is attended to, -infinity for others, up to `padded`.
 * Returns the columns up to the last one that is. */
static inline int64_t ft_column_mask(const ft_attention *attention, int64_t sequence, int64_t padded,
                                     float *mask)
{
    const int64_t length = attention->kv_length;
    const uint8_t *keys = attention->key_mask ? attention->key_mask + sequence * length : NULL;
    int64_t used = 0;
    for (int64_t c = 0; c < padded; c++) {
        const bool attended = c < length && (!keys || keys[length - 1 - c]);
        mask[c] = attended ? 0.0f : -INFINITY;
        if (attended) used = c + 1;
    }
    return used;
}

/* Causal attention: masks the scores of columns before `first` in a row that starts at
 * `column`. */
FT_INLINE void ft_mask_before(float *scores, int64_t column, int64_t width, int64_t first)
{
    for (int64_t c = 0; c < width && column + c < first; c++) scores[c] = -INFINITY;
}

#endif
