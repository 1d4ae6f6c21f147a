/* Shared by the kernels: elements and rows of tensors, dropout, sums over a warp and a
 * block.
 *
 * Kernels process a row in units of 32 features. A unit is four groups of eight
 * neighbours, 16 apart: features f + 16 w + i of a chunk of 64 features. These are the
 * features that four blocks of Philox numbers cover (base/philox.h), so no random number
 * is drawn and then discarded. Eight neighbours are one 16-byte load of bf16 or two of
 * f32. */
#ifndef FT_KERNELS_CUDA_KERNEL_H
#define FT_KERNELS_CUDA_KERNEL_H

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include "base/philox.h"
#include "kernels/backend.h"

/* Declare arrays in shared memory by these macros, so that tests/simt can put red zones
 * around them. */
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

enum { FT_WARP = 32, FT_CHUNK = 64, FT_UNIT = 32 };
#define FT_ALL_LANES 0xffffffffu

/* Splits a block's number into several indices. Grids use one dimension, the only one
 * that allows more than 65535 blocks. Returns the index that changes fastest, below
 * `count`, and leaves the number of the remaining indices in *block. */
__device__ __forceinline__ int ft_take_index(unsigned *block, int64_t count)
{
    unsigned index = *block % (unsigned)count;
    *block /= (unsigned)count;
    return (int)index;
}

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

__host__ __device__ __forceinline__ int ft_units(int64_t cols)
{
    return (int)((cols + FT_CHUNK - 1) / FT_CHUNK) * (FT_CHUNK / FT_UNIT);
}

/* The first of the eight neighbours of group w in a unit. */
__device__ __forceinline__ int ft_unit_col(int unit, int w)
{
    return unit / 2 * FT_CHUNK + unit % 2 * 8 + w * 16;
}

/* Whether any four neighbours that start at a multiple of four are one aligned piece of
 * memory, in every row. */
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

/* Loads four neighbours of a row; zeros beyond its end. `fours`: ft_in_fours of the
 * tensor. */
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

/* The same for eight neighbours that start at a multiple of eight: one 16-byte load of
 * bf16, or two of f32. */
__device__ __forceinline__ bool ft_in_eights(const ft_tensor &t)
{
    size_t bytes = t.dtype == FT_BF16 ? 2 : 4;
    return (((uintptr_t)t.data | ((size_t)t.stride * bytes)) & 15) == 0;
}

/* Eight neighbours as loaded from memory. They are unpacked only when used, so that
 * several loads can be in flight. */
struct ft_eight {
    uint4 low, high;
    bool packed; /* all eight are bf16, in `low` */
};

__device__ __forceinline__ ft_eight ft_fetch8(const ft_tensor &t, bool eights, int64_t row, int64_t col)
{
    ft_eight got = {{0, 0, 0, 0}, {0, 0, 0, 0}, false};
    int64_t index = row * t.stride + col;
    if (eights && col + 8 <= t.cols) {
        got.packed = t.dtype == FT_BF16;
        const uint4 *at = (const uint4 *)((const char *)t.data + index * (got.packed ? 2 : 4));
        got.low = at[0];
        if (!got.packed) got.high = at[1];
        return got;
    }
    unsigned bits[8];
#pragma unroll
    for (int i = 0; i < 8; i++) bits[i] = col + i < t.cols ? __float_as_uint(ft_load(t, row, col + i)) : 0;
    got.low = make_uint4(bits[0], bits[1], bits[2], bits[3]);
    got.high = make_uint4(bits[4], bits[5], bits[6], bits[7]);
    return got;
}

__device__ __forceinline__ void ft_unpack8(const ft_eight &from, float v[8])
{
    const unsigned bits[8] = {from.low.x,  from.low.y,  from.low.z,  from.low.w,
                              from.high.x, from.high.y, from.high.z, from.high.w};
#pragma unroll
    for (int i = 0; i < 8; i++) {
        float part = i % 2 ? ft_bf16_high(bits[i / 2]) : ft_bf16_low(bits[i / 2]);
        v[i] = from.packed ? part : __uint_as_float(bits[i]);
    }
}

__device__ __forceinline__ void ft_load8(const ft_tensor &t, bool eights, int64_t row, int64_t col,
                                         float v[8])
{
    ft_unpack8(ft_fetch8(t, eights, row, col), v);
}

__device__ __forceinline__ void ft_store8(const ft_tensor &t, bool eights, int64_t row, int64_t col,
                                          const float v[8])
{
    int64_t index = row * t.stride + col;
    if (!eights || col + 8 > t.cols) {
#pragma unroll
        for (int i = 0; i < 8; i++)
            if (col + i < t.cols) ft_store(t, row, col + i, v[i]);
    } else if (t.dtype == FT_BF16) {
        *(uint4 *)((__nv_bfloat16 *)t.data + index) =
            make_uint4(ft_bf16_pair(v[0], v[1]), ft_bf16_pair(v[2], v[3]), ft_bf16_pair(v[4], v[5]),
                       ft_bf16_pair(v[6], v[7]));
    } else {
        float4 *at = (float4 *)((float *)t.data + index);
        at[0] = make_float4(v[0], v[1], v[2], v[3]);
        at[1] = make_float4(v[4], v[5], v[6], v[7]);
    }
}

/* -- dropout -- */

/* The random numbers of one site in one sequence. */
struct ft_dropout {
    bool active;
    ft_philox_key key;
    /* Stands in the upper half of a word. It can be compared with a whole word of two
     * numbers: the lower half does not change the result. */
    uint32_t threshold;
    uint32_t sequence; /* counted from the adapter's first on this device */
    float scale;
    uint32_t offset = 0; /* the adapter's sequences on earlier devices */
};

/* `probability`: (n_adapters) or NULL. */
__device__ __forceinline__ ft_dropout ft_dropout_of(const ft_adapter_batch &batch, const float *probability,
                                                    uint32_t site, int32_t sequence)
{
    ft_dropout dropout = {false, {{0, 0}}, 0, 0, 1.0f};
    if (!probability || site == 0) return dropout;
    int32_t g = batch.adapter_of[sequence];
    float p = probability[g];
    dropout.threshold = ft_dropout_threshold(p) << 16;
    if (dropout.threshold == 0) return dropout;
    dropout.active = true;
    dropout.key = ft_philox_key_of(batch.seed[g], batch.step[g], site);
    dropout.sequence = (uint32_t)(sequence - batch.sequence_start[g]);
    dropout.scale = ft_dropout_scale(p);
    if (batch.sequence_offset) dropout.offset = (uint32_t)batch.sequence_offset[g];
    return dropout;
}

/* Draws the block of numbers that starts at `feature`, which must be even and below 16 in
 * its chunk. Word w holds the numbers of features feature + 16 w and feature + 16 w +
 * 1. */
__device__ __forceinline__ ft_philox_block ft_dropout_numbers(const ft_dropout &dropout, uint32_t feature,
                                                              uint32_t position, uint32_t head)
{
    return ft_philox_block_at(dropout.key, feature, position, dropout.offset + dropout.sequence, head);
}

/* Whether dropout keeps the feature whose number is in one half of a word. */
__device__ __forceinline__ bool ft_stays(const ft_dropout &dropout, uint32_t word, int half)
{
    return (half ? word : word << 16) >= dropout.threshold;
}

/* Which features of a unit dropout keeps in the row at position t of `length`: bit 8 w +
 * i is that of neighbour i in group w. */
__device__ __forceinline__ unsigned ft_keep_unit(const ft_dropout &dropout, int32_t length, int32_t t,
                                                 int unit)
{
    if (!dropout.active) return 0xffffffffu;
    unsigned keep = 0;
#pragma unroll 2
    for (int i = 0; i < 8; i += 2) {
        ft_philox_block numbers =
            ft_dropout_numbers(dropout, (uint32_t)(ft_unit_col(unit, 0) + i), (uint32_t)(length - 1 - t), 0);
        unsigned four = 0;
#pragma unroll
        for (int w = 0; w < 4; w++) {
            four |= ft_stays(dropout, numbers.word[w], 0) ? 1u << 8 * w : 0u;
            four |= ft_stays(dropout, numbers.word[w], 1) ? 2u << 8 * w : 0u;
        }
        keep |= four << i;
    }
    return keep;
}

/* Applies dropout to group w, the eight neighbours v. */
__device__ __forceinline__ void ft_drop8(const ft_dropout &dropout, unsigned keep, int w, float v[8])
{
#pragma unroll
    for (int i = 0; i < 8; i++) v[i] *= keep >> (8 * w + i) & 1u ? dropout.scale : 0.0f;
}

/* -- rows of an adapter, cut into pieces -- */

/* Rows [first, end), all of one adapter */
struct ft_piece {
    int32_t adapter;
    int64_t first, end;
};

__device__ __forceinline__ ft_piece ft_rows_of(const ft_adapter_batch &batch, int32_t length, int32_t adapter)
{
    return {adapter, (int64_t)batch.sequence_start[adapter] * length,
            (int64_t)batch.sequence_start[adapter + 1] * length};
}

__device__ __forceinline__ int64_t ft_pieces_in(const ft_piece &rows, int64_t piece_rows)
{
    return (rows.end - rows.first + piece_rows - 1) / piece_rows;
}

/* Finds piece number `index`. Pieces have piece_rows rows, adapter by adapter; the last
 * one of an adapter may be shorter. There are at most ceil(rows / piece_rows) +
 * n_adapters pieces. Returns false beyond the last. */
__device__ __forceinline__ bool ft_find_piece(const ft_adapter_batch &batch, int32_t length,
                                              int64_t piece_rows, int64_t index, ft_piece *found)
{
    for (int32_t g = 0; g < batch.n_adapters; g++) {
        ft_piece rows = ft_rows_of(batch, length, g);
        int64_t count = ft_pieces_in(rows, piece_rows);
        if (index < count) {
            rows.first += index * piece_rows;
            if (rows.end > rows.first + piece_rows) rows.end = rows.first + piece_rows;
            *found = rows;
            return true;
        }
        index -= count;
    }
    return false;
}

/* -- sums: every lane or thread gets the result, added in a fixed order -- */

template <class T> __device__ __forceinline__ T ft_warp_sum(T value)
{
#pragma unroll
    for (int lanes = FT_WARP / 2; lanes > 0; lanes /= 2) value += __shfl_xor_sync(FT_ALL_LANES, value, lanes);
    return value;
}

/* Sum over the half of the warp that the lane is in. The other half may have exited. */
__device__ __forceinline__ float ft_half_warp_sum(float value)
{
    unsigned half = 0xffffu << (threadIdx.x & 16u);
#pragma unroll
    for (int lanes = FT_WARP / 4; lanes > 0; lanes /= 2) value += __shfl_xor_sync(half, value, lanes);
    return value;
}

__device__ __forceinline__ float ft_warp_max(float value)
{
#pragma unroll
    for (int lanes = FT_WARP / 2; lanes > 0; lanes /= 2)
        value = fmaxf(value, __shfl_xor_sync(FT_ALL_LANES, value, lanes));
    return value;
}

/* Sum over a block of THREADS threads. `parts`: shared, (THREADS / 32); it may be used
 * again after the next barrier. */
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
