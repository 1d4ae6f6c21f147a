/* Vectors of the instruction set that the including file is compiled for: loads and stores with conversion,
 * exp, and Philox for 64 neighbouring features at a time. Written with GCC's vector extensions; intrinsics
 * only where those do not reach. Everything here is inlined into its callers. */
#ifndef FT_KERNELS_CPU_VECTOR_H
#define FT_KERNELS_CPU_VECTOR_H

#include <math.h>
#include <stdint.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "base/bf16.h"
#include "base/philox.h"
#include "kernels/backend.h"

#if defined(__AVX512F__)
#define FT_LANES 16
#elif defined(__AVX2__)
#define FT_LANES 8
#else
#define FT_LANES 4
#endif
#define FT_INLINE static inline __attribute__((always_inline))

/* Features come in groups of 64, see ft_philox_column; buffers of rows are padded to whole groups. */
enum { FT_GROUP = 64, FT_GROUP_VECTORS = FT_GROUP / FT_LANES };

typedef float ft_vector __attribute__((vector_size(4 * FT_LANES)));
typedef int32_t ft_int_vector __attribute__((vector_size(4 * FT_LANES)));
typedef uint32_t ft_uint_vector __attribute__((vector_size(4 * FT_LANES)));
typedef uint64_t ft_long_vector __attribute__((vector_size(4 * FT_LANES)));
typedef uint16_t ft_half_vector __attribute__((vector_size(2 * FT_LANES)));
/* The same in memory, at any alignment. */
typedef float ft_vector_at __attribute__((vector_size(4 * FT_LANES), aligned(4), may_alias));
typedef uint32_t ft_uint_vector_at __attribute__((vector_size(4 * FT_LANES), aligned(4), may_alias));
typedef uint16_t ft_half_vector_at __attribute__((vector_size(2 * FT_LANES), aligned(2), may_alias));

static inline int64_t ft_padded(int64_t count, int64_t to)
{
    return (count + to - 1) / to * to;
}

/* The lower, or upper, halves of two vectors, lane by lane in turn. */
FT_INLINE ft_vector ft_interleave(ft_vector a, ft_vector b, const bool upper)
{
#if FT_LANES == 16
#define FT_INTERLEAVED(i)                                                                                    \
    i, i + 16, i + 1, i + 17, i + 2, i + 18, i + 3, i + 19, i + 4, i + 20, i + 5, i + 21, i + 6, i + 22,     \
        i + 7, i + 23
#elif FT_LANES == 8
#define FT_INTERLEAVED(i) i, i + 8, i + 1, i + 9, i + 2, i + 10, i + 3, i + 11
#else
#define FT_INTERLEAVED(i) i, i + 4, i + 1, i + 5
#endif
#if defined(__clang__)
    return upper ? __builtin_shufflevector(a, b, FT_INTERLEAVED(FT_LANES / 2))
                 : __builtin_shufflevector(a, b, FT_INTERLEAVED(0));
#else
    const ft_int_vector low = {FT_INTERLEAVED(0)}, high = {FT_INTERLEAVED(FT_LANES / 2)};
    return __builtin_shuffle(a, b, upper ? high : low);
#endif
#undef FT_INTERLEAVED
}

/* Transposes FT_LANES x FT_LANES elements: log2(FT_LANES) perfect shuffles. */
FT_INLINE void ft_transpose(ft_vector rows[FT_LANES])
{
    for (int stage = FT_LANES; stage > 1; stage /= 2) {
        ft_vector next[FT_LANES];
        for (int i = 0; i < FT_LANES / 2; i++) {
            next[2 * i] = ft_interleave(rows[i], rows[i + FT_LANES / 2], false);
            next[2 * i + 1] = ft_interleave(rows[i], rows[i + FT_LANES / 2], true);
        }
        for (int i = 0; i < FT_LANES; i++) rows[i] = next[i];
    }
}

FT_INLINE ft_vector ft_load(const float *from)
{
    return *(const ft_vector_at *)from;
}

FT_INLINE void ft_store(float *to, ft_vector value)
{
    *(ft_vector_at *)to = value;
}

/* `value` in every lane; its bits do not change. */
FT_INLINE ft_vector ft_set(float value)
{
#if defined(__AVX512F__)
    return (ft_vector)_mm512_set1_ps(value);
#elif defined(__AVX2__)
    return (ft_vector)_mm256_set1_ps(value);
#elif defined(__SSE2__)
    return (ft_vector)_mm_set1_ps(value);
#else
    return (ft_vector){value, value, value, value};
#endif
}

/* Comparisons of lanes, 1 where they hold, and a choice by them. */
#if defined(__AVX512F__)
typedef __mmask16 ft_mask;
FT_INLINE ft_mask ft_less(ft_vector a, ft_vector b)
{
    return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_LT_OQ);
}
FT_INLINE ft_mask ft_at_least(ft_uint_vector a, ft_uint_vector b)
{
    return _mm512_cmpge_epu32_mask((__m512i)a, (__m512i)b);
}
FT_INLINE ft_int_vector ft_ones(ft_mask mask)
{
    return (ft_int_vector)_mm512_maskz_set1_epi32(mask, 1);
}
FT_INLINE ft_vector ft_choose(ft_mask mask, ft_vector yes, ft_vector no)
{
    return (ft_vector)_mm512_mask_blend_ps(mask, (__m512)no, (__m512)yes);
}
#else
typedef ft_int_vector ft_mask;
FT_INLINE ft_mask ft_less(ft_vector a, ft_vector b)
{
    return a < b;
}
FT_INLINE ft_mask ft_at_least(ft_uint_vector a, ft_uint_vector b)
{
    return a >= b;
}
FT_INLINE ft_int_vector ft_ones(ft_mask mask)
{
    return mask & 1;
}
FT_INLINE ft_vector ft_choose(ft_mask mask, ft_vector yes, ft_vector no)
{
    return (ft_vector)((mask & (ft_int_vector)yes) | (~mask & (ft_int_vector)no));
}
#endif

FT_INLINE ft_uint_vector ft_set_number(uint32_t value)
{
    return (ft_uint_vector){0} + value;
}

/* The larger; `a` where either is NaN. */
FT_INLINE ft_vector ft_max(ft_vector a, ft_vector b)
{
#if defined(__AVX512F__)
    return (ft_vector)_mm512_max_ps((__m512)b, (__m512)a);
#elif defined(__AVX2__)
    return (ft_vector)_mm256_max_ps((__m256)b, (__m256)a);
#elif defined(__SSE2__)
    return (ft_vector)_mm_max_ps((__m128)b, (__m128)a);
#else
    return ft_choose(ft_less(a, b), b, a);
#endif
}

/* Lane i holds first + i. */
FT_INLINE ft_vector ft_count_from(float first)
{
    ft_vector lanes;
    for (int i = 0; i < FT_LANES; i++) lanes[i] = (float)i;
    return lanes + first;
}

/* value where the random number says so, else 0. */
FT_INLINE ft_vector ft_keep(ft_uint_vector number, ft_uint_vector threshold, ft_vector value)
{
    return ft_choose(ft_at_least(number, threshold), value, ft_set(0.0f));
}

/* The bits of 16-bit floats become f32. */
FT_INLINE ft_vector ft_load_bf16(const uint16_t *from)
{
    ft_uint_vector bits = __builtin_convertvector(*(const ft_half_vector_at *)from, ft_uint_vector) << 16;
    return (ft_vector)bits;
}

FT_INLINE ft_half_vector ft_to_bf16(ft_vector value)
{
#if defined(__AVX512BF16__)
    return (ft_half_vector)_mm512_cvtneps_pbh((__m512)value);
#else
    ft_uint_vector bits = (ft_uint_vector)value;
    ft_uint_vector rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
    ft_uint_vector nan = (bits >> 16) | 0x40u, is_number = (ft_uint_vector)(value == value);
    return __builtin_convertvector((is_number & rounded) | (~is_number & nan), ft_half_vector);
#endif
}

FT_INLINE void ft_store_bf16(uint16_t *to, ft_vector value)
{
    *(ft_half_vector_at *)to = ft_to_bf16(value);
}

FT_INLINE float ft_sum(ft_vector value)
{
#if defined(__AVX512F__)
    return _mm512_reduce_add_ps((__m512)value);
#else
    float sum = 0.0f;
    for (int i = 0; i < FT_LANES; i++) sum += value[i];
    return sum;
#endif
}

/* Lane i of the result is the sum of rows[i]'s lanes. Each stage adds neighbours and halves the number of
 * vectors. */
FT_INLINE ft_vector ft_sum_each(ft_vector rows[FT_LANES])
{
    for (int count = FT_LANES / 2; count > 0; count /= 2)
        for (int i = 0; i < count; i++)
            rows[i] = ft_interleave(rows[i], rows[i + count], false) +
                      ft_interleave(rows[i], rows[i + count], true);
    return rows[0];
}

FT_INLINE float ft_largest(ft_vector value)
{
#if defined(__AVX512F__)
    return _mm512_reduce_max_ps((__m512)value);
#else
    float largest = value[0];
    for (int i = 1; i < FT_LANES; i++) largest = value[i] > largest ? value[i] : largest;
    return largest;
#endif
}

/* 2^x within 1.3 units in the last place for x <= 127; 0 from about -126 down (without AVX-512; with it
 * denormal numbers follow), so that -infinity gives 0. NaN stays NaN. The polynomial is the minimax one for
 * the relative error on [0, 1]. */
FT_INLINE ft_vector ft_exp2(ft_vector x)
{
#if defined(__AVX512F__)
    enum { FRACTION_DOWN = 0x9 }; /* x - floor(x), no exception */
    ft_vector f = (ft_vector)_mm512_reduce_ps((__m512)x, FRACTION_DOWN);
#else
    const ft_vector lowest = ft_set(-126.0f);
    ft_mask low = ft_less(x, lowest);
    x = ft_choose(low, lowest, x);
    /* Adding 1.5 * 2^23 leaves the nearest integer in the low bits; half less makes it the integer below, or,
     * where x is an integer itself, perhaps one less: the polynomial holds there as well. */
    ft_vector shifted = (x - 0.5f) + 12582912.0f;
    ft_vector f = x - (shifted - 12582912.0f);
#endif
    ft_vector p = f * ft_set(1.867131330e-03f) + ft_set(9.017027915e-03f);
    p = p * f + ft_set(5.579991639e-02f);
    p = p * f + ft_set(2.401644439e-01f);
    p = p * f + ft_set(6.931512952e-01f);
    p = p * f + ft_set(1.0f);
#if defined(__AVX512F__)
    return (ft_vector)_mm512_scalef_ps((__m512)p, (__m512)x); /* p * 2^floor(x) */
#else
    ft_vector result = (ft_vector)((ft_int_vector)p + ((ft_int_vector)shifted << 23));
    return ft_choose(low, ft_set(0.0f), result);
#endif
}

#define FT_LOG2_E 1.44269504088896341f

/* e^x for x <= 88. The product's rounding adds |x| * 6e-8 to the relative error: nothing where e^x counts in
 * a sum with e^0, which is what it is used for. */
FT_INLINE ft_vector ft_exp(ft_vector x)
{
    return ft_exp2(x * FT_LOG2_E);
}

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

/* How many groups of 64 numbers are drawn at once. One group's rounds wait for each other; several side by
 * side fill the processor (AVX-512 on Zen 5: 13.5 ns a group alone, 7.9 ns each of four). */
enum { FT_DRAWN = FT_LANES == 16 ? 4 : 1 };

/* FT_DRAWN groups of numbers as base/philox.h defines them, group i being the features from 64 * (group + i *
 * group_step) on at position - i * position_step: number[i][v] holds features v * FT_LANES + lane of it.
 *
 * Even and odd columns are kept apart in 64-bit lanes: only the low half of each counter counts, so that a
 * product's low word needs no masking, and its high word one shift. Of the first two rounds half is the same
 * in all lanes. */
FT_INLINE void ft_draw(ft_philox_key key, uint32_t group, uint32_t group_step, uint32_t position,
                       uint32_t position_step, uint32_t sequence, uint32_t head,
                       ft_uint_vector number[FT_DRAWN][FT_GROUP_VECTORS])
{
    enum { BLOCKS = 16 / FT_LANES, HALVES = 2 * BLOCKS, ALL = FT_DRAWN * HALVES };
    const uint32_t m0 = 0xD2511F53u, m1 = 0xCD9E8D57u, w0 = 0x9E3779B9u, w1 = 0xBB67AE85u;
    uint32_t k0 = key.word[0], k1 = key.word[1];
    const uint64_t first = (uint64_t)m1 * sequence; /* round 1's product of the sequence */
    ft_long_vector c0[ALL], c1[ALL], c2[ALL], c3[ALL];
    for (uint32_t i = 0; i < ALL; i++) {
        const uint32_t drawn = i / HALVES, half = i % HALVES;
        ft_long_vector column = {0};
        for (uint32_t lane = 0; lane < FT_LANES / 2; lane++)
            column[lane] = half / 2 * FT_LANES + 2 * lane + half % 2;
        column = column + (uint64_t)((group + drawn * group_step) * 16u);
        const ft_long_vector p0 = ft_multiply_low(column, m0);
        const uint32_t same =
            (uint32_t)(first >> 32) ^ (position - drawn * position_step) ^ k0; /* c0 after round 1 */
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
    for (int round = 2; round < 10; round++) {
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
    for (int i = 0; i < FT_DRAWN; i++)
        for (int word = 0; word < 4; word++)
            for (int block = 0; block < BLOCKS; block++) {
                const ft_long_vector *pair = words[word] + i * HALVES + 2 * block;
                number[i][word * BLOCKS + block] =
                    (ft_uint_vector)((pair[0] & 0xffffffffu) | (pair[1] << 32));
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
    uint32_t sequence, position; /* as dropout counts: in the adapter's step, from the last */
} ft_place;

static inline ft_place ft_place_of(const ft_adapter_batch *batch, int32_t length, int64_t row)
{
    int32_t s = (int32_t)(row / length), t = (int32_t)(row % length), g = batch->adapter_of[s];
    return (ft_place){g, (uint32_t)(s - batch->sequence_start[g]), (uint32_t)(length - 1 - t)};
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

/* Loops over whole vectors, written out because the compiler must assume that the rows overlap. */
FT_INLINE void ft_scale_row(float *row, float factor, int64_t padded)
{
    for (int64_t i = 0; i < padded; i += FT_LANES) ft_store(row + i, ft_load(row + i) * factor);
}

FT_INLINE void ft_add_row(float *sum, const float *row, int64_t padded)
{
    for (int64_t i = 0; i < padded; i += FT_LANES) ft_store(sum + i, ft_load(sum + i) + ft_load(row + i));
}

static inline void *ft_row_address(ft_tensor tensor, int64_t row)
{
    return (char *)tensor.data + (size_t)(row * tensor.stride) * ft_dtype_bytes(tensor.dtype);
}

/* `count` values as f32 into `buffer`, zeros up to `padded`. */
FT_INLINE void ft_read_values(const void *values, ft_dtype dtype, int64_t count, int64_t padded,
                              float *buffer)
{
    int64_t i = 0;
    if (dtype == FT_BF16) {
        const uint16_t *from = values;
        for (; i + FT_LANES <= count; i += FT_LANES) ft_store(buffer + i, ft_load_bf16(from + i));
        for (; i < count; i++) buffer[i] = ft_bf16_to_float(from[i]);
    } else {
        const float *from = values;
        for (; i + FT_LANES <= count; i += FT_LANES) ft_store(buffer + i, ft_load(from + i));
        for (; i < count; i++) buffer[i] = from[i];
    }
    for (; i < padded; i++) buffer[i] = 0.0f;
}

/* Values [first, first + count) of a row, the same way. */
FT_INLINE void ft_read_row(ft_tensor tensor, int64_t row, int64_t first, int64_t count, int64_t padded,
                           float *buffer)
{
    const char *at = (const char *)ft_row_address(tensor, row) + (size_t)first * ft_dtype_bytes(tensor.dtype);
    ft_read_values(at, tensor.dtype, count, padded, buffer);
}

/* The way back, without the padding. */
FT_INLINE void ft_write_row(ft_tensor tensor, int64_t row, int64_t first, int64_t count, const float *buffer)
{
    int64_t i = 0;
    if (tensor.dtype == FT_BF16) {
        uint16_t *to = (uint16_t *)ft_row_address(tensor, row) + first;
        for (; i + FT_LANES <= count; i += FT_LANES) ft_store_bf16(to + i, ft_load(buffer + i));
        for (; i < count; i++) to[i] = ft_bf16_from_float(buffer[i]);
    } else {
        float *to = (float *)ft_row_address(tensor, row) + first;
        for (; i + FT_LANES <= count; i += FT_LANES) ft_store(to + i, ft_load(buffer + i));
        for (; i < count; i++) to[i] = buffer[i];
    }
}

#endif
