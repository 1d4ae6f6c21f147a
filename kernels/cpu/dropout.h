/* Dropout in vectors: Philox for 64 neighbouring features at a time, and the masks made
 * of it. */
#ifndef FT_KERNELS_CPU_DROPOUT_H
#define FT_KERNELS_CPU_DROPOUT_H

#include "base/philox.h"
#include "kernels/cpu/vector.h"

/* Products of the low halves of 64-bit lanes. */
FT_INLINE ft_long_vector ft_multiply_low(ft_long_vector a, uint32_t b)
{
#if defined(__AVX512F__)
    return (ft_long_vector)_mm512_mul_epu32((__m512i)a, _mm512_set1_epi64((long long)b));
#elif defined(__AVX2__)
    return (ft_long_vector)_mm256_mul_epu32((__m256i)a, _mm256_set1_epi64x((long long)b));
#elif defined(__SSE2__)
    return (ft_long_vector)_mm_mul_epu32((__m128i)a, _mm_set1_epi64x((long long)b));
#else
    return (a & 0xffffffffu) * (uint64_t)b;
#endif
}

/* Groups of 64 numbers drawn at once. The rounds of one group depend on each other;
 * several groups side by side keep the processor busy. */
enum { FT_DRAWN = FT_LANES == 16 ? 4 : FT_LANES == 8 ? 2 : 1 };

/* Draws FT_DRAWN groups of numbers as base/philox.h defines them. Group i has the
 * features from 64 * (group + i * group_step) on, at position - i * position_step;
 * number[i][v] holds features v * FT_LANES + lane of it.
 *
 * A Philox block has one 64-bit lane, which is finally cut into the numbers of two
 * neighbouring features. Only the low half of each counter matters, so a product's low
 * word needs no masking and its high word one shift. Half of the first two rounds is the
 * same in all lanes. */
FT_INLINE void ft_draw(ft_philox_key key, uint32_t group, uint32_t group_step, uint32_t position,
                       uint32_t position_step, uint32_t sequence, uint32_t head,
                       ft_uint_vector number[FT_DRAWN][FT_GROUP_VECTORS])
{
    enum { BLOCKS = FT_LANES / 2, PARTS = FT_DROPOUT_BLOCKS / BLOCKS, ALL = FT_DRAWN * PARTS };
    const uint32_t m0 = 0xD2511F53u, m1 = 0xCD9E8D57u, w0 = 0x9E3779B9u, w1 = 0xBB67AE85u;
    uint32_t k0 = key.word[0], k1 = key.word[1];
    /* round 1's product of the sequence */
    const uint64_t first = (uint64_t)m1 * sequence;
    ft_long_vector c0[ALL], c1[ALL], c2[ALL], c3[ALL];
    for (uint32_t i = 0; i < ALL; i++) {
        const uint32_t drawn = i / PARTS, part = i % PARTS;
        ft_long_vector column = {0};
        for (uint32_t lane = 0; lane < BLOCKS; lane++) column[lane] = part * BLOCKS + lane;
        column = column + (uint64_t)((group + drawn * group_step) * FT_DROPOUT_BLOCKS);
        const ft_long_vector p0 = ft_multiply_low(column, m0);
        /* c0 after round 1 */
        const uint32_t same = (uint32_t)(first >> 32) ^ (position - drawn * position_step) ^ k0;
        const uint64_t second = (uint64_t)m0 * same;
        const ft_long_vector p1 = ft_multiply_low((p0 >> 32) ^ (uint64_t)(head ^ k1), m1);
        c0[i] = (p1 >> 32) ^ (uint64_t)((uint32_t)first ^ (k0 + w0));
        c1[i] = p1;
        c2[i] = p0 ^ (uint64_t)((uint32_t)(second >> 32) ^ (k1 + w1));
        c3[i] = (ft_long_vector){0} + (uint64_t)(uint32_t)second;
    }
    k0 += 2 * w0;
    k1 += 2 * w1;
#pragma GCC unroll 8
    for (int round = 2; round < FT_DROPOUT_ROUNDS; round++) {
        for (int i = 0; i < ALL; i++) {
            ft_long_vector p0 = ft_multiply_low(c0[i], m0), p1 = ft_multiply_low(c2[i], m1);
            c0[i] = (p1 >> 32) ^ c1[i] ^ (uint64_t)k0;
            c2[i] = (p0 >> 32) ^ c3[i] ^ (uint64_t)k1;
            c1[i] = p1;
            c3[i] = p0;
        }
        k0 += w0;
        k1 += w1;
    }
    const ft_long_vector *const words[4] = {c0, c1, c2, c3};
    for (int i = 0; i < ALL; i++)
        for (int word = 0; word < 4; word++) {
            const ft_long_vector blocks = words[word][i], low = blocks & 0xffffu,
                                 high = (blocks << 16) & 0xffff00000000u;
            number[i / PARTS][word * PARTS + i % PARTS] = (ft_uint_vector)(low | high);
        }
}

/* Dropout of one adapter at one site. threshold 0: none. */
typedef struct ft_dropout {
    ft_philox_key key;
    uint32_t threshold;
    float scale;
} ft_dropout;

static inline ft_dropout ft_dropout_of(const ft_adapter_batch *batch, const float *probability,
                                       int32_t adapter, uint32_t site)
{
    ft_dropout dropout = {.scale = 1.0f};
    if (site == 0 || !probability) return dropout;
    dropout.threshold = ft_dropout_threshold(probability[adapter]);
    if (dropout.threshold == 0) return dropout;
    dropout.scale = ft_dropout_scale(probability[adapter]);
    dropout.key = ft_philox_key_of(batch->seed[adapter], batch->step[adapter], site);
    return dropout;
}

/* Where a row is: sequence s of adapter g, position t of `length`. */
typedef struct ft_place {
    int32_t adapter;
    /* as dropout counts them: the sequence within the adapter's step, the position from
     * the last */
    uint32_t sequence, position;
} ft_place;

static inline ft_place ft_place_of(const ft_adapter_batch *batch, int32_t length, int64_t row)
{
    int32_t s = (int32_t)(row / length), t = (int32_t)(row % length), g = batch->adapter_of[s];
    return (ft_place){g, ft_sequence_number(batch, g, s), (uint32_t)(length - 1 - t)};
}

/* The factors of a row's dropout, 0 or the scale, for FT_DRAWN groups from `group` on. */
FT_INLINE void ft_draw_factors(const ft_dropout *dropout, ft_place place, int64_t group,
                               ft_vector factor[FT_DRAWN][FT_GROUP_VECTORS])
{
    ft_uint_vector number[FT_DRAWN][FT_GROUP_VECTORS];
    ft_draw(dropout->key, (uint32_t)group, 1, place.position, 0, place.sequence, 0, number);
    for (int i = 0; i < FT_DRAWN; i++)
        for (int v = 0; v < FT_GROUP_VECTORS; v++)
            factor[i][v] = ft_keep(number[i][v], ft_set_number(dropout->threshold), ft_set(dropout->scale));
}

/* Dropout of a row in place, `padded` values (whole groups). */
FT_INLINE void ft_drop_row(const ft_dropout *dropout, ft_place place, int64_t padded, float *row)
{
    if (dropout->threshold == 0) return;
    const int64_t groups = padded / FT_GROUP;
    for (int64_t group = 0; group < groups; group += FT_DRAWN) {
        ft_vector factor[FT_DRAWN][FT_GROUP_VECTORS];
        ft_draw_factors(dropout, place, group, factor);
        for (int i = 0; i < FT_DRAWN && group + i < groups; i++)
            for (int v = 0; v < FT_GROUP_VECTORS; v++) {
                float *at = row + (group + i) * FT_GROUP + v * FT_LANES;
                ft_store(at, ft_load(at) * factor[i][v]);
            }
    }
}

#endif
