/* Shared by the LoRA kernels: pairs of elements as operands of a product, and the product
 * of a warp.
 *
 * A warp processes 16 rows by a chunk of 64 features at a time. It loads its tensors from
 * device memory straight into registers, without shared memory: a product does not depend
 * on which k lies at which place of a fragment as long as both sides agree, so every lane
 * loads 16 bytes of neighbours in a row.
 *
 * P is the type of a pair: `unsigned` on a backend for bf16 (two elements rounded to
 * bf16, for tensor cores), else float2. PLAIN: the row tensors are bf16 in whole chunks
 * and all tensors are aligned, as in Chronos models. Other tensors take the same steps
 * with more checks. */
#ifndef FT_KERNELS_CUDA_LORA_H
#define FT_KERNELS_CUDA_LORA_H

#include "kernels/cuda/device.h"
#include "kernels/cuda/mma.h"

enum { FT_LORA_ROWS = 16, FT_LORA_TILE = 8 /* ranks per product */ };

template <class P> __device__ __forceinline__ P ft_pair(float low, float high);
template <> __device__ __forceinline__ unsigned ft_pair<unsigned>(float low, float high)
{
    return ft_bf16_pair(low, high);
}
template <> __device__ __forceinline__ float2 ft_pair<float2>(float low, float high)
{
    return make_float2(low, high);
}

/* The first (second) elements of two pairs, as a pair. */
__device__ __forceinline__ unsigned ft_firsts(unsigned one, unsigned other)
{
    return (one & 0xffffu) | other << 16;
}
__device__ __forceinline__ unsigned ft_seconds(unsigned one, unsigned other)
{
    return one >> 16 | (other & 0xffff0000u);
}
__device__ __forceinline__ float2 ft_firsts(float2 one, float2 other)
{
    return make_float2(one.x, other.x);
}
__device__ __forceinline__ float2 ft_seconds(float2 one, float2 other)
{
    return make_float2(one.y, other.y);
}

/* The pair, with dropped elements set to 0. Bits 0 and 1 of `keep` say which elements
 * stay. */
__device__ __forceinline__ unsigned ft_kept(unsigned pair, unsigned keep)
{
    return pair & ((keep & 1u) * 0xffffu | (keep & 2u) * 0x7fff8000u);
}
__device__ __forceinline__ float2 ft_kept(float2 pair, unsigned keep)
{
    return make_float2(keep & 1u ? pair.x : 0.0f, keep & 2u ? pair.y : 0.0f);
}

/* Loads four pairs, which are eight neighbours of a row; zeros beyond its end. With PLAIN
 * nothing is checked, so that several loads are in flight. */
template <bool PLAIN, class P>
__device__ __forceinline__ void ft_load_pairs(const ft_tensor &t, bool eights, int64_t row, int col,
                                              P pair[4])
{
    if constexpr (PLAIN) {
        uint4 raw = *(const uint4 *)((const __nv_bfloat16 *)t.data + row * t.stride + col);
        pair[0] = raw.x, pair[1] = raw.y, pair[2] = raw.z, pair[3] = raw.w;
    } else {
        float v[8];
        ft_load8(t, eights, row, col, v);
#pragma unroll
        for (int q = 0; q < 4; q++) pair[q] = ft_pair<P>(v[2 * q], v[2 * q + 1]);
    }
}

/* Columns of a tensor of rows; those of y or dy that belong to target i; those of u or
 * du. */
__host__ __device__ static inline ft_tensor ft_lora_columns(ft_tensor t, int64_t first, int64_t cols)
{
    t.data = (char *)t.data + first * (t.dtype == FT_BF16 ? 2 : 4);
    t.cols = cols;
    return t;
}
__host__ __device__ static inline ft_tensor ft_lora_outputs(const ft_lora &lora, int i, const ft_tensor &y)
{
    return ft_lora_columns(y, lora.target[i].column, lora.out_features);
}
__host__ __device__ static inline ft_tensor ft_lora_ranks(const ft_lora &lora, int i, const ft_tensor &u)
{
    return ft_lora_columns(u, (int64_t)i * lora.rank, lora.rank);
}

/* Whether rows can be loaded eight neighbours at once, in whole chunks. */
static inline bool ft_lora_in_chunks(ft_tensor rows)
{
    uintptr_t together = (uintptr_t)rows.data | (uintptr_t)rows.stride * ft_dtype_bytes(rows.dtype);
    return rows.cols % FT_CHUNK == 0 && together % 16 == 0;
}

static inline bool ft_lora_plain(const ft_cuda *cuda, ft_tensor rows)
{
    return cuda->base.bf16 && rows.dtype == FT_BF16 && ft_lora_in_chunks(rows);
}

/* The same of the columns of all targets. */
static inline bool ft_lora_outputs_plain(const ft_cuda *cuda, const ft_lora *lora, ft_tensor y)
{
    bool plain = true;
    for (int i = 0; i < lora->n_targets; i++)
        plain = plain && ft_lora_plain(cuda, ft_lora_outputs(*lora, i, y));
    return plain;
}

/* The A (B) of one adapter. */
__device__ __forceinline__ ft_tensor ft_lora_parameters(const void *data, const ft_lora &lora,
                                                        int32_t adapter, int64_t rows, int64_t cols)
{
    return {(void *)((const float *)data + adapter * lora.adapter_stride), FT_F32, rows, cols, cols};
}

/* sums += a b, with fragments as in mma.h. */
__device__ __forceinline__ void ft_lora_multiply(float sums[4], const unsigned a[4], const unsigned b[2])
{
    ft_mma(sums, a, b);
}

/* The same without tensor cores: lanes exchange their pairs. */
__device__ __forceinline__ float2 ft_from_lane(float2 pair, int lane)
{
    return make_float2(__shfl_sync(FT_ALL_LANES, pair.x, lane), __shfl_sync(FT_ALL_LANES, pair.y, lane));
}
__device__ __forceinline__ void ft_lora_multiply(float sums[4], const float2 a[4], const float2 b[2])
{
    int lane = (int)threadIdx.x % FT_WARP, row = lane / 4 * 4, column = lane % 4 * 8;
#pragma unroll
    for (int half = 0; half < 2; half++)
#pragma unroll
        for (int from = 0; from < 4; from++) {
            float2 a0 = ft_from_lane(a[2 * half], row + from);
            float2 a1 = ft_from_lane(a[2 * half + 1], row + from);
            float2 b0 = ft_from_lane(b[half], column + from);
            float2 b1 = ft_from_lane(b[half], column + 4 + from);
            sums[0] += a0.x * b0.x, sums[1] += a0.x * b1.x;
            sums[2] += a1.x * b0.x, sums[3] += a1.x * b1.x;
            sums[0] += a0.y * b0.y, sums[1] += a0.y * b1.y;
            sums[2] += a1.y * b0.y, sums[3] += a1.y * b1.y;
        }
}

/* db_i += dy_i^T u_i, da_i += du_i^T dropout_i(x) of all targets. In lora_gradient.cu. */
void ft_cuda_lora_gradient(ft_cuda *cuda, const ft_adapter_batch *batch, int32_t length, const ft_lora *lora,
                           ft_tensor x, ft_tensor u, ft_tensor dy, ft_tensor du);

#endif
