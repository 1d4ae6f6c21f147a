/* CRC-32 by carry-less multiplication; see checksum_fold.h. The method and its constants
 * are of Gopal et al., Fast CRC Computation for Generic Polynomials Using PCLMULQDQ
 * Instruction, Intel 2009: x^n modulo the polynomial, bits reversed. */
#include "base/checksum_fold.h"

#if defined(__x86_64__) && defined(__GNUC__)

#include <immintrin.h>

#define FOLDS __attribute__((target("pclmul,sse2")))

/* What lies `by` ahead of `part` takes it in. */
FOLDS static __m128i fold(__m128i part, __m128i by, __m128i ahead)
{
    const __m128i low = _mm_clmulepi64_si128(part, by, 0x00), high = _mm_clmulepi64_si128(part, by, 0x11);
    return _mm_xor_si128(_mm_xor_si128(low, high), ahead);
}

FOLDS static __m128i load(const __m128i *at)
{
    return _mm_loadu_si128(at);
}

FOLDS static size_t fold_all(uint32_t checksum, const void *data, size_t size,
                             unsigned char folded[FT_FOLDED_BYTES])
{
    const __m128i by_64_bytes = _mm_set_epi64x(0x01c6e41596, 0x0154442bd4),
                  by_16_bytes = _mm_set_epi64x(0x00ccaa009e, 0x01751997d0);
    const __m128i *at = data, *end = at + size / FT_FOLD_LEAST * 4;
    __m128i parts[4];
    for (int i = 0; i < 4; i++) parts[i] = load(at++);
    parts[0] = _mm_xor_si128(parts[0], _mm_cvtsi32_si128((int)~checksum));
    while (at < end)
        for (int i = 0; i < 4; i++) parts[i] = fold(parts[i], by_64_bytes, load(at++));
    for (int i = 1; i < 4; i++) parts[i] = fold(parts[i - 1], by_16_bytes, parts[i]);
    _mm_storeu_si128((__m128i *)folded, parts[3]);
    return size / FT_FOLD_LEAST * FT_FOLD_LEAST;
}

size_t ft_checksum_fold(uint32_t checksum, const void *data, size_t size,
                        unsigned char folded[FT_FOLDED_BYTES])
{
    if (size < FT_FOLD_LEAST || !__builtin_cpu_supports("pclmul")) return 0;
    return fold_all(checksum, data, size, folded);
}

#else

size_t ft_checksum_fold(uint32_t checksum, const void *data, size_t size,
                        unsigned char folded[FT_FOLDED_BYTES])
{
    (void)checksum;
    (void)data;
    (void)size;
    (void)folded;
    return 0;
}

#endif
