/* What attention's forward and backward share: the order of keys, the packing of operands, the bias by
 * distance.
 *
 * Keys are taken from the last to the first: column c of the scores is key kv_length - 1 - c. Then a column
 * is the feature number of dropout, so that 64 columns are one Philox group, and the bias of (query, column)
 * depends on their sum alone, so that a row of scores meets a contiguous run of the bias table. The softmax
 * does not care about the order of keys.
 *
 * Operands of tile products are packed in elements of 32 bits (see tile.h): f32, or pairs of bf16. */
#ifndef FT_KERNELS_CPU_ATTENTION_H
#define FT_KERNELS_CPU_ATTENTION_H

#include "kernels/cpu/tile.h"

/* Elements that `count` values along k take. */
FT_INLINE int64_t ft_steps(int64_t count, const bool pairs)
{
    return pairs ? (count + 1) / 2 : count;
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

/* The columns of one head of one sequence: rows [first_row, first_row + count), taken backwards where
 * `reversed`. */
typedef struct ft_head {
    ft_tensor tensor; /* of the head's d_kv columns */
    int64_t first_row, count;
    bool reversed;
} ft_head;

FT_INLINE int64_t ft_head_row(const ft_head *head, int64_t index)
{
    return head->first_row + (head->reversed ? head->count - 1 - index : index);
}

/* One row as elements along d: (steps of d), written to `to`. */
FT_INLINE void ft_pack_row(const ft_head *head, int64_t index, const bool pairs, float *to)
{
    const int64_t d = head->tensor.cols;
    if (pairs) {
        uint16_t *halves = (uint16_t *)to;
        memcpy(halves, ft_row_address(head->tensor, ft_head_row(head, index)), (size_t)d * 2);
        if (d % 2) halves[d] = 0;
    } else {
        ft_read_row(head->tensor, ft_head_row(head, index), 0, d, d, to);
    }
}

/* The transposed head as a B operand: k = d, n = rows [0, padded) (zeros beyond count); `buffer` holds one
 * row. */
FT_INLINE void ft_pack_transposed(const ft_head *head, int64_t padded, const bool pairs, float *to,
                                  float *buffer)
{
    const int64_t steps = ft_steps(head->tensor.cols, pairs);
    uint32_t *out = (uint32_t *)to;
    for (int64_t j = 0; j < padded; j++) {
        uint32_t *column = out + j / FT_PANEL * FT_PANEL * steps + j % FT_PANEL;
        if (j >= head->count) {
            for (int64_t step = 0; step < steps; step++) column[step * FT_PANEL] = 0;
            continue;
        }
        ft_pack_row(head, j, pairs, buffer);
        for (int64_t step = 0; step < steps; step++) memcpy(&column[step * FT_PANEL], &buffer[step], 4);
    }
}

/* The head as a B operand: k = rows [0, padded) (zeros beyond count; padded is even), n = d. Panel p of d's
 * columns starts at p * ft_steps(padded) * FT_PANEL. */
FT_INLINE void ft_pack_rows(const ft_head *head, int64_t padded, const bool pairs, float *to, float *buffer)
{
    const int64_t d = head->tensor.cols, steps = ft_steps(padded, pairs);
    for (int64_t step = 0; step < steps; step++) {
        for (int64_t j = 0; j < d; j += FT_PANEL) {
            const int64_t width = d - j < FT_PANEL ? d - j : FT_PANEL;
            float *at = to + j / FT_PANEL * steps * FT_PANEL + step * FT_PANEL;
            if (pairs) {
                uint16_t *halves = (uint16_t *)at;
                for (int64_t which = 0; which < 2; which++) {
                    const int64_t row = 2 * step + which;
                    const uint16_t *from =
                        row < head->count
                            ? (const uint16_t *)ft_row_address(head->tensor, ft_head_row(head, row)) + j
                            : NULL;
                    for (int64_t i = 0; i < FT_PANEL; i++)
                        halves[2 * i + which] = from && i < width ? from[i] : 0;
                }
            } else if (step < head->count) {
                ft_read_row(head->tensor, ft_head_row(head, step), j, width, FT_PANEL, at);
            } else {
                memset(at, 0, FT_PANEL * sizeof(float));
            }
        }
    }
    (void)buffer;
}

/* Bytes for ft_bias_table. */
FT_INLINE int64_t ft_bias_row(const ft_attention *attention)
{
    return ft_padded(attention->kv_length, 2 * FT_GROUP) + attention->q_length + FT_LANES;
}

/* bias[h * ft_bias_row + query + column], for every sum of the two; zeros beyond. */
static inline void ft_bias_table(const ft_attention *attention, float *bias)
{
    const int64_t row = ft_bias_row(attention);
    for (int64_t sum = 0; sum < row; sum++) {
        const int64_t distance = attention->kv_length - 1 - sum; /* key - query */
        const bool used = sum < attention->kv_length + attention->q_length - 1;
        const int32_t bucket =
            used ? ft_relative_bucket((int32_t)distance, attention->bidirectional,
                                      (int32_t)attention->bias.rows, attention->max_distance)
                 : 0;
        for (int32_t h = 0; h < attention->n_heads; h++)
            bias[h * row + sum] =
                used ? ((const float *)attention->bias.data)[bucket * attention->bias.stride + h] : 0.0f;
    }
}

/* mask[c]: 0 for a column that is attended to, -infinity for others, up to `padded`. Returns the columns up
 * to the last one that is. */
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

#endif
