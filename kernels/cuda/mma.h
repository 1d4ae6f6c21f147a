/* Tensor cores, asynchronous copies, powers of two: PTX behind small functions, each of
 * which has a second body for tests/simt.
 *
 * Fragments are those of mma.sync.m16n8k16 (PTX ISA, "Matrix fragments for
 * mma.m16n8k16"). With g = lane / 4 and t = lane % 4, and a pair being two neighbours
 * along k, the first in the lower half of the register:
 *
 *   a     (16, 16)  pairs (g, 2t), (g + 8, 2t), (g, 2t + 8), (g + 8, 2t + 8)
 *   b     (16, 8)   pairs of column g: rows 2t and 2t + 8
 *   sums  (16, 8)   (g, 2t), (g, 2t + 1), (g + 8, 2t), (g + 8, 2t + 1)
 *
 * So the sums of two neighbouring products, rounded and paired, are a fragment `a` of the
 * next product. All 32 lanes of a warp must call ft_mma and ft_load_matrices together. */
#ifndef FT_KERNELS_CUDA_MMA_H
#define FT_KERNELS_CUDA_MMA_H

#include "kernels/cuda/kernel.h"

/* sums += a b: bf16 products, summed in f32. */
__device__ __forceinline__ void ft_mma(float sums[4], const unsigned a[4], const unsigned b[2])
{
#ifdef FT_SIMT
    simt_mma(sums, a, b);
#else
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
                 "{%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#endif
}

/* sums = start + a b */
__device__ __forceinline__ void ft_mma_from(float sums[4], const float start[4], const unsigned a[4],
                                            const unsigned b[2])
{
#ifdef FT_SIMT
    for (int e = 0; e < 4; e++) sums[e] = start[e];
    simt_mma(sums, a, b);
#else
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
                 "{%8, %9}, {%10, %11, %12, %13};"
                 : "=f"(sums[0]), "=f"(sums[1]), "=f"(sums[2]), "=f"(sums[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]), "f"(start[0]),
                   "f"(start[1]), "f"(start[2]), "f"(start[3]));
#endif
}

/* Loads COUNT (1, 2 or 4) matrices of 8x8 16-bit elements from shared memory. Lane 8 m +
 * r passes the 16-byte aligned address of row r of matrix m. to[m] receives the lane's
 * pair: row g, columns 2t and 2t + 1. TURNED: of the transposed matrix. */
template <int COUNT, bool TURNED = false>
__device__ __forceinline__ void ft_load_matrices(unsigned to[COUNT], const void *row)
{
    static_assert(COUNT == 1 || COUNT == 2 || COUNT == 4, "ldmatrix has x1, x2 and x4");
#ifdef FT_SIMT
    simt_load_matrices(to, COUNT, TURNED, row);
#else
    unsigned address = (unsigned)__cvta_generic_to_shared(row);
    if constexpr (COUNT == 4 && TURNED)
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                     : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                     : "r"(address)
                     : "memory");
    else if constexpr (COUNT == 4)
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                     : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                     : "r"(address)
                     : "memory");
    else if constexpr (COUNT == 2 && TURNED)
        asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0, %1}, [%2];"
                     : "=r"(to[0]), "=r"(to[1])
                     : "r"(address)
                     : "memory");
    else if constexpr (COUNT == 2)
        asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0, %1}, [%2];"
                     : "=r"(to[0]), "=r"(to[1])
                     : "r"(address)
                     : "memory");
    else if constexpr (TURNED)
        asm volatile("ldmatrix.sync.aligned.m8n8.x1.trans.shared.b16 {%0}, [%1];"
                     : "=r"(to[0])
                     : "r"(address)
                     : "memory");
    else
        asm volatile("ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%0}, [%1];"
                     : "=r"(to[0])
                     : "r"(address)
                     : "memory");
#endif
}

/* Starts copying 16 bytes from device to shared memory, both 16-byte aligned, bypassing
 * the L1 cache. Unless `there`, it writes 16 zeros and does not read the source. */
__device__ __forceinline__ void ft_copy_async(void *shared, const void *global, bool there = true)
{
#ifdef FT_SIMT
    simt_copy_async(shared, global, 16, there ? 16 : 0);
#else
    unsigned address = (unsigned)__cvta_generic_to_shared(shared);
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(address), "l"(global),
                 "r"(there ? 16 : 0)
                 : "memory");
#endif
}

/* The same for one float, through the L1 cache. */
__device__ __forceinline__ void ft_copy_async_float(float *shared, const float *global, bool there)
{
#ifdef FT_SIMT
    simt_copy_async(shared, global, 4, there ? 4 : 0);
#else
    unsigned address = (unsigned)__cvta_generic_to_shared(shared);
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(address), "l"(global),
                 "r"(there ? 4 : 0)
                 : "memory");
#endif
}

/* Closes a group of the thread's copies. */
__device__ __forceinline__ void ft_copy_async_commit()
{
#ifdef FT_SIMT
    simt_copy_commit();
#else
    asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}

/* Waits for all of the thread's groups except the last IN_FLIGHT. After a barrier, all
 * threads may read the data. */
template <int IN_FLIGHT> __device__ __forceinline__ void ft_copy_async_wait()
{
#ifdef FT_SIMT
    simt_copy_wait(IN_FLIGHT);
#else
    asm volatile("cp.async.wait_group %0;" ::"n"(IN_FLIGHT) : "memory");
#endif
}

/* 2^x with a relative error of 2^-22; 0 below 2^-126. */
__device__ __forceinline__ float ft_exp2(float x)
{
#ifdef FT_SIMT
    return exp2f(x);
#else
    float power;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(power) : "f"(x));
    return power;
#endif
}
#define FT_LOG2_E 1.4426950408889634f

#endif
