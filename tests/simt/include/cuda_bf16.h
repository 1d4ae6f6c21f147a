/* A stand-in for CUDA's header of the bf16 type: conversions alone; see
 * cuda_runtime.h. */
#ifndef FT_TESTS_SIMT_CUDA_BF16_H
#define FT_TESTS_SIMT_CUDA_BF16_H

#include "base/bf16.h"

struct __nv_bfloat16 {
    uint16_t bits;
};
struct alignas(4) __nv_bfloat162 {
    __nv_bfloat16 x, y;
};
inline float __bfloat162float(__nv_bfloat16 value)
{
    return ft_bf16_to_float(value.bits);
}
inline __nv_bfloat16 __float2bfloat16_rn(float value)
{
    return {ft_bf16_from_float(value)};
}
inline __nv_bfloat162 __floats2bfloat162_rn(float x, float y)
{
    return {__float2bfloat16_rn(x), __float2bfloat16_rn(y)};
}

#endif
