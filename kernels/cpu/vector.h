/* Vectors of the instruction set that the including file is compiled for: loads and
 * stores with conversion, comparisons, sums, exp. Written with GCC's vector extensions;
 * intrinsics only where those do not suffice. Everything here is inlined into its
 * callers. */
#ifndef FT_KERNELS_CPU_VECTOR_H
#define FT_KERNELS_CPU_VECTOR_H

#include <math.h>
#include <stdint.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "base/bf16.h"
#include "kernels/backend.h"

#if defined(__AVX512F__)
#define FT_LANES 16
#elif defined(__AVX2__)
#define FT_LANES 8
#else
#define FT_LANES 4
#endif
#define FT_INLINE static inline __attribute__((always_inline))

/* Features come in groups of 64, see base/philox.h; buffers of rows are padded to whole
 * groups. */
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

/* value where the random number keeps it, else 0 */
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

/* Lane i of the result is the sum of rows[i]'s lanes. Each stage adds neighbours and
 * halves the number of vectors. */
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

/* 2^x within 1.3 units in the last place for x <= 127; 0 from about -126 down (without
 * AVX-512; with it denormal numbers follow), so that -infinity gives 0. NaN stays NaN.
 * The polynomial is the minimax one for the relative error on [0, 1]. */
FT_INLINE ft_vector ft_exp2(ft_vector x)
{
#if defined(__AVX512F__)
    enum { FRACTION_DOWN = 0x9 }; /* x - floor(x), no exception */
    ft_vector f = (ft_vector)_mm512_reduce_ps((__m512)x, FRACTION_DOWN);
#else
    const ft_vector lowest = ft_set(-126.0f);
    ft_mask low = ft_less(x, lowest);
    x = ft_choose(low, lowest, x);
    /* Adding 1.5 * 2^23 leaves the nearest integer in the low bits; half less makes it
     * the integer below, or, where x is an integer itself, perhaps one less: the
     * polynomial holds there as well. */
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

/* e^x for x <= 88. The product's rounding adds |x| * 6e-8 to the relative error: nothing
 * where e^x counts in a sum with e^0, which is what it is used for. */
FT_INLINE ft_vector ft_exp(ft_vector x)
{
    return ft_exp2(x * FT_LOG2_E);
}

/* Loops over whole vectors, written out because the compiler must assume that the rows
 * overlap. */
FT_INLINE void ft_scale_row(float *row, float factor, int64_t padded)
{
    for (int64_t i = 0; i < padded; i += FT_LANES) ft_store(row + i, ft_load(row + i) * factor);
}

FT_INLINE void ft_add_row(float *sum, const float *row, int64_t padded)
{
    for (int64_t i = 0; i < padded; i += FT_LANES) ft_store(sum + i, ft_load(sum + i) + ft_load(row + i));
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
