/* bfloat16: the upper half of an IEEE float. */
#ifndef FT_BASE_BF16_H
#define FT_BASE_BF16_H

#include <stdint.h>
#include <string.h>

static inline float ft_bf16_to_float(uint16_t value)
{
    uint32_t bits = (uint32_t)value << 16;
    float result;
    memcpy(&result, &bits, sizeof result);
    return result;
}

/* Rounds to nearest, ties to even, as hardware does; a NaN stays a NaN. */
static inline uint16_t ft_bf16_from_float(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return (uint16_t)((bits >> 16) | 0x40u);
    return (uint16_t)((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

static inline float ft_bf16_round(float value)
{
    return ft_bf16_to_float(ft_bf16_from_float(value));
}

#endif
