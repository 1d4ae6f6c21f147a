/* What the kernels share: elements and rows of tensors, dropout, sums over a warp and a block.
 *
 * A row is worked on in units of 16 features, four times four neighbours, 16 apart: features f + 16 w + i of
 * the chunk of 64 that they are in. That is what four blocks of Philox numbers cover (base/philox.h), so that
 * no number is drawn in vain, and four neighbours are one 16-byte load. */
#ifndef FT_KERNELS_CUDA_KERNEL_H
#define FT_KERNELS_CUDA_KERNEL_H

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include "base/philox.h"
#include "kernels/backend.h"

/* Arrays in shared memory are declared by these, so that tests/simt can put red zones around them. */
#ifdef FT_SIMT
#define FT_SHARED(type, name, dimensions)                                                                    \
    typedef type name##_array dimensions;                                                                    \
    static const char name##_key = 0;                                                                        \
    name##_array &name = *static_cast<name##_array *>(simt_shared(&name##_key, sizeof(name##_array), 16))
#define FT_SHARED_DYNAMIC(name) float *name = static_cast<float *>(simt_shared_dynamic())
#else
#define FT_SHARED(type, name, dimensions) __shared__ __align__(16) type name dimensions
#define FT_SHARED_DYNAMIC(name) extern __shared__ __align__(16) float name[]
#endif

enum { FT_WARP = 32, FT_CHUNK = 64, FT_UNIT = 16 };
#define FT_ALL_LANES 0xffffffffu

/* -- elements -- */

__device__ __forceinline__ float ft_load(const ft_tensor &t, int64_t row, int64_t col)
{
    int64_t index = row * t.stride + col;
    return t.dtype == FT_BF16 ? __bfloat162float(((const __nv_bfloat16 *)t.data)[index])
                              : ((const float *)t.data)[index];
}

__device__ __forceinline__ void ft_store(const ft_tensor &t, int64_t row, int64_t col, float value)
{
    int64_t index = row * t.stride + col;
    if (t.dtype == FT_BF16)
        ((__nv_bfloat16 *)t.data)[index] = __float2bfloat16_rn(value);
    else
        ((float *)t.data)[index] = value;
}

/* -- units of a row -- */

__device__ __forceinline__ int ft_units(int64_t cols)
{
    return (int)((cols + FT_CHUNK - 1) / FT_CHUNK) * (FT_CHUNK / FT_UNIT);
}

__device__ __forceinline__ int ft_unit_first(int unit)
{
    return unit / 4 * FT_CHUNK + unit % 4 * 4;
}

/* Whether four neighbours, the first at a multiple of four, are one aligned piece of memory in every row. */
__device__ __forceinline__ bool ft_in_fours(const ft_tensor &t)
{
    size_t bytes = t.dtype == FT_BF16 ? 2 : 4;
    return (((uintptr_t)t.data | ((size_t)t.stride * bytes)) & (4 * bytes - 1)) == 0;
}

__device__ __forceinline__ float ft_bf16_low(unsigned pair)
{
    return __uint_as_float(pair << 16);
}
__device__ __forceinline__ float ft_bf16_high(unsigned pair)
{
    return __uint_as_float(pair & 0xffff0000u);
}
__device__ __forceinline__ unsigned ft_bf16_pair(float low, float high)
{
    __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
    unsigned bits;
    memcpy(&bits, &pair, sizeof bits);
    return bits;
}

/* Four neighbours of a row; zeros beyond its end. `fours`: ft_in_fours of the tensor. */
__device__ __forceinline__ void ft_load4(const ft_tensor &t, bool fours, int64_t row, int col, float v[4])
{
    if (fours && col + 4 <= t.cols) {
        int64_t index = row * t.stride + col;
        if (t.dtype == FT_BF16) {
            uint2 raw = *(const uint2 *)((const __nv_bfloat16 *)t.data + index);
            v[0] = ft_bf16_low(raw.x), v[1] = ft_bf16_high(raw.x);
            v[2] = ft_bf16_low(raw.y), v[3] = ft_bf16_high(raw.y);
        } else {
            float4 raw = *(const float4 *)((const float *)t.data + index);
            v[0] = raw.x, v[1] = raw.y, v[2] = raw.z, v[3] = raw.w;
        }
        return;
    }
    for (int i = 0; i < 4; i++) v[i] = col + i < t.cols ? ft_load(t, row, col + i) : 0.0f;
}

__device__ __forceinline__ void ft_store4(const ft_tensor &t, bool fours, int64_t row, int col,
                                          const float v[4])
{
    if (fours && col + 4 <= t.cols) {
        int64_t index = row * t.stride + col;
        if (t.dtype == FT_BF16)
            *(uint2 *)((__nv_bfloat16 *)t.data + index) =
                make_uint2(ft_bf16_pair(v[0], v[1]), ft_bf16_pair(v[2], v[3]));
        else
            *(float4 *)((float *)t.data + index) = make_float4(v[0], v[1], v[2], v[3]);
        return;
    }
    for (int i = 0; i < 4; i++)
        if (col + i < t.cols) ft_store(t, row, col + i, v[i]);
}

/* Whether a row's 16-byte pieces are aligned in memory, in every row. */
__device__ __forceinline__ bool ft_in_pieces(const ft_tensor &t)
{
    size_t bytes = t.dtype == FT_BF16 ? 2 : 4;
    return (((uintptr_t)t.data | ((size_t)t.stride * bytes)) & 15) == 0;
}

/* Eight neighbours of a row, the first at a multiple of eight; zeros beyond its end. `pieces`: ft_in_pieces.
 */
__device__ __forceinline__ void ft_load8(const ft_tensor &t, bool pieces, int64_t row, int col, float v[8])
{
    if (pieces && t.dtype == FT_BF16 && col + 8 <= t.cols) {
        uint4 raw = *(const uint4 *)((const __nv_bfloat16 *)t.data + row * t.stride + col);
        const unsigned pairs[4] = {raw.x, raw.y, raw.z, raw.w};
#pragma unroll
        for (int i = 0; i < 4; i++) v[2 * i] = ft_bf16_low(pairs[i]), v[2 * i + 1] = ft_bf16_high(pairs[i]);
        return;
    }
    ft_load4(t, pieces, row, col, v);
    ft_load4(t, pieces, row, col + 4, v + 4);
}

__device__ __forceinline__ void ft_load_unit(const ft_tensor &t, bool fours, int64_t row, int unit,
                                             float v[FT_UNIT])
{
#pragma unroll
    for (int w = 0; w < 4; w++) ft_load4(t, fours, row, ft_unit_first(unit) + 16 * w, v + 4 * w);
}

__device__ __forceinline__ void ft_store_unit(const ft_tensor &t, bool fours, int64_t row, int unit,
                                              const float v[FT_UNIT])
{
#pragma unroll
    for (int w = 0; w < 4; w++) ft_store4(t, fours, row, ft_unit_first(unit) + 16 * w, v + 4 * w);
}

/* -- dropout -- */

/* The random numbers of one site in one sequence. */
struct ft_dropout {
    bool active;
    ft_philox_key key;
    uint32_t threshold, sequence; /* sequence: counted from the adapter's first on this device */
    float scale;
    uint32_t offset = 0; /* the adapter's sequences before that, on other devices */
};

/* `probability`: (n_adapters) or NULL. */
__device__ __forceinline__ ft_dropout ft_dropout_of(const ft_adapter_batch &batch, const float *probability,
                                                    uint32_t site, int32_t sequence)
{
    ft_dropout dropout = {false, {{0, 0}}, 0, 0, 1.0f};
    if (!probability || site == 0) return dropout;
    int32_t g = batch.adapter_of[sequence];
    float p = probability[g];
    if (!(p > 0)) return dropout;
    dropout.active = true;
    dropout.key = ft_philox_key_of(batch.seed[g], batch.step[g], site);
    dropout.threshold = ft_dropout_threshold(p);
    dropout.sequence = (uint32_t)(sequence - batch.sequence_start[g]);
    dropout.scale = ft_dropout_scale(p);
    if (batch.sequence_offset) dropout.offset = (uint32_t)batch.sequence_offset[g];
    return dropout;
}

/* The numbers of feature `feature` (below 16 in its chunk) and of those 16, 32 and 48 after it. */
__device__ __forceinline__ ft_philox_block ft_dropout_numbers(const ft_dropout &dropout, uint32_t feature,
                                                              uint32_t position, uint32_t head)
{
    return ft_philox(dropout.key, ft_philox_column(feature), position, dropout.offset + dropout.sequence,
                     head);
}

/* Their factors: 0 or the scale. */
__device__ __forceinline__ void ft_dropout_factors(const ft_dropout &dropout, uint32_t feature,
                                                   uint32_t position, uint32_t head, float factor[4])
{
    ft_philox_block numbers = ft_dropout_numbers(dropout, feature, position, head);
#pragma unroll
    for (int w = 0; w < 4; w++) factor[w] = numbers.word[w] < dropout.threshold ? 0.0f : dropout.scale;
}

/* Dropout of a unit in the row at position t of `length`. */
__device__ __forceinline__ void ft_drop_unit(const ft_dropout &dropout, int32_t length, int32_t t, int unit,
                                             float v[FT_UNIT])
{
    if (!dropout.active) return;
#pragma unroll
    for (int i = 0; i < 4; i++) {
        float factor[4];
        ft_dropout_factors(dropout, (uint32_t)(ft_unit_first(unit) + i), (uint32_t)(length - 1 - t), 0,
                           factor);
#pragma unroll
        for (int w = 0; w < 4; w++) v[4 * w + i] *= factor[w];
    }
}

/* -- sums; each lane, each thread gets the result, always in the same order -- */

template <class T> __device__ __forceinline__ T ft_warp_sum(T value)
{
#pragma unroll
    for (int lanes = FT_WARP / 2; lanes > 0; lanes /= 2) value += __shfl_xor_sync(FT_ALL_LANES, value, lanes);
    return value;
}

__device__ __forceinline__ float ft_warp_max(float value)
{
#pragma unroll
    for (int lanes = FT_WARP / 2; lanes > 0; lanes /= 2)
        value = fmaxf(value, __shfl_xor_sync(FT_ALL_LANES, value, lanes));
    return value;
}

/* Of a block of THREADS threads; `parts`: shared, (THREADS / 32), free for use again after the next barrier.
 */
template <int THREADS, class T> __device__ __forceinline__ T ft_block_sum(T value, T *parts)
{
    value = ft_warp_sum(value);
    if (threadIdx.x % FT_WARP == 0) parts[threadIdx.x / FT_WARP] = value;
    __syncthreads();
    T sum = 0;
#pragma unroll
    for (int warp = 0; warp < THREADS / FT_WARP; warp++) sum += parts[warp];
    return sum;
}

template <int THREADS> __device__ __forceinline__ float ft_block_max(float value, float *parts)
{
    value = ft_warp_max(value);
    if (threadIdx.x % FT_WARP == 0) parts[threadIdx.x / FT_WARP] = value;
    __syncthreads();
    float largest = parts[0];
#pragma unroll
    for (int warp = 1; warp < THREADS / FT_WARP; warp++) largest = fmaxf(largest, parts[warp]);
    return largest;
}

#endif
