/* Attention on tensor cores: bf16 tiles in shared memory, products of a warp's 16 rows
 * with them, and what happens to the scores in between.
 *
 * A block has 4 warps. Each warp owns 16 rows of the block's tile: queries, or keys in
 * the kernel of dk and dv. Its 16 x 8 N products are sums[N][4], in the fragments of
 * mma.h: with g = lane / 4 and t = lane % 4, sums[n][e] is row g + e / 2 * 8, column 8 n
 * + 2 t + e % 2. Bias and causality depend on query r and key f of the tiles only through
 * r + f, so both kinds of kernels share these functions. */
#ifndef FT_KERNELS_CUDA_ATTENTION_MMA_H
#define FT_KERNELS_CUDA_ATTENTION_MMA_H

#include "kernels/cuda/attention.h"
#include "kernels/cuda/mma.h"

enum { MMA_ROWS = 16, SEEN_BYTES = 2 * sizeof(unsigned) /* per chunk (load_seen) */ };

/* A row of a tile of D features. It is 16 bytes longer, so that the 8 rows of a matrix
 * lie in different banks. */
template <int D> using mma_row = __nv_bfloat16[D + 8];

/* One head's columns of one sequence's `length` rows. */
struct mma_matrix {
    __nv_bfloat16 *data;
    int stride, length, d_kv;
};

__device__ __forceinline__ mma_matrix queries_of(const ft_attention &a, const ft_tensor &t, int sequence,
                                                 int head)
{
    __nv_bfloat16 *data = (__nv_bfloat16 *)t.data + (int64_t)sequence * a.q_length * t.stride + head * a.d_kv;
    return {data, (int)t.stride, a.q_length, a.d_kv};
}
__device__ __forceinline__ mma_matrix keys_of(const attention_arguments &args, const ft_tensor &t,
                                              int sequence, int head)
{
    __nv_bfloat16 *data =
        (__nv_bfloat16 *)t.data + (int64_t)sequence * args.kv_rows * t.stride + head * args.a.d_kv;
    return {data, (int)t.stride, args.a.kv_length, args.a.d_kv};
}

/* Starts copying ROWS rows into a tile: rows `first`, first + STEP, ..., with STEP 1 or
 * -1. Rows that do not exist and columns from d_kv on become zeros. */
template <int D, int ROWS, int STEP>
__device__ __forceinline__ void copy_rows(const mma_matrix &from, int first, mma_row<D> *tile)
{
    enum { PIECES = D / 8, AT_ONCE = ATTENTION_THREADS / PIECES };
    int r = (int)threadIdx.x / PIECES, col = (int)threadIdx.x % PIECES * 8, row = first + STEP * r;
    int length = col < from.d_kv ? from.length : 0;
    int64_t row_bytes = (int64_t)from.stride * (int)sizeof *from.data;
    /* never read where there is no row */
    const char *at = (const char *)(from.data + col) + row * row_bytes;
#pragma unroll
    for (int i = 0; i < ROWS; i += AT_ONCE, at += STEP * AT_ONCE * row_bytes)
        ft_copy_async(&tile[r + i][col], at, (unsigned)(row + STEP * i) < (unsigned)length);
}

/* The first key of a chunk. The rows of a chunk go backwards. */
__device__ __forceinline__ int key_of_chunk(const ft_attention &a, int chunk)
{
    return a.kv_length - 1 - chunk * KEYS;
}

/* Sets dropped elements to 0 in the probabilities v of a warp's 16 queries, from
 * `first_query` on, against a chunk. The caller applies the scale. In each row a lane has
 * two blocks of numbers; word w of the first (second) is for its two columns in 8-column
 * group 2 w (2 w + 1). */
__device__ __forceinline__ void drop_columns(const ft_dropout &dropout, const ft_attention &a, int head,
                                             int first_query, int chunk, float v[KEYS / 8][4])
{
    int g = threadIdx.x % FT_WARP / 4, t = threadIdx.x % 4;
#pragma unroll
    for (int half = 0; half < 2; half++)
#pragma unroll
        for (int odd = 0; odd < 2; odd++) {
            ft_philox_block numbers =
                ft_dropout_numbers(dropout, (uint32_t)(chunk * KEYS + 8 * odd + 2 * t),
                                   (uint32_t)(a.q_length - 1 - (first_query + g + 8 * half)), (uint32_t)head);
#pragma unroll
            for (int w = 0; w < 4; w++)
#pragma unroll
                for (int i = 0; i < 2; i++)
                    if (!ft_stays(dropout, numbers.word[w], i)) v[2 * w + odd][2 * half + i] = 0;
        }
}

/* Sets bits for the features of chunks [first, end) that are attended to. seen: (end -
 * first, 2). The caller adds a barrier afterwards. */
__device__ __forceinline__ void load_seen(const ft_attention &a, int sequence, int first, int end,
                                          unsigned *seen)
{
    int lane = threadIdx.x % FT_WARP;
    for (int word = 2 * first + (int)threadIdx.x / FT_WARP; word < 2 * end;
         word += ATTENTION_THREADS / FT_WARP) {
        int key = a.kv_length - 1 - word * FT_WARP - lane;
        bool sees = key >= 0 && (!a.key_mask || a.key_mask[(int64_t)sequence * a.kv_length + key]);
        unsigned bits = __ballot_sync(FT_ALL_LANES, sees);
        if (lane == 0) seen[word - 2 * first] = bits;
    }
}

/* Returns the first chunk, from `chunk` on, with a key that some query of the tile may
 * attend to; n_chunks if there is none. */
__device__ __forceinline__ int next_chunk(const ft_attention &a, const unsigned *seen, int first_query,
                                          int chunk, int n_chunks)
{
    while (chunk < n_chunks && (chunk_is_hidden(a, first_query, MMA_QUERIES, chunk) ||
                                (seen[2 * chunk] | seen[2 * chunk + 1]) == 0))
        chunk++;
    return chunk;
}

/* -- products -- */

/* sums: (16, 8 N) += 16 rows of D features times the transpose of 8 N such rows. */
template <int D, int N>
__device__ __forceinline__ void multiply_rows(const mma_row<D> *left, const mma_row<D> *right,
                                              float sums[N][4])
{
    int lane = threadIdx.x % FT_WARP;
    const __nv_bfloat16 *a_row = &left[lane % 16][lane / 16 * 8];
    const __nv_bfloat16 *b_row = &right[lane / 16 * 8 + lane % 8][lane / 8 % 2 * 8];
#pragma unroll
    for (int k = 0; k < D; k += 16) {
        unsigned a[4];
        ft_load_matrices<4>(a, a_row + k);
#pragma unroll
        for (int n = 0; n < N; n += 2) {
            unsigned b[4];
            ft_load_matrices<4>(b, b_row + n * 8 * (D + 8) + k);
            ft_mma(sums[n], a, b);
            ft_mma(sums[n + 1], a, b + 2);
        }
    }
}

/* result: (16, D) += left: (16, 8 N), rounded to bf16, times 8 N rows of D features. */
template <int D, int N>
__device__ __forceinline__ void multiply_sums(const float left[N][4], const mma_row<D> *right,
                                              float result[D / 8][4])
{
    int lane = threadIdx.x % FT_WARP;
    const __nv_bfloat16 *b_row = &right[lane % 16][lane / 16 * 8];
#pragma unroll
    for (int k = 0; k < N; k += 2) {
        unsigned a[4];
#pragma unroll
        for (int i = 0; i < 4; i++)
            a[i] = ft_bf16_pair(left[k + i / 2][i % 2 * 2], left[k + i / 2][i % 2 * 2 + 1]);
#pragma unroll
        for (int n = 0; n < D / 8; n += 2) {
            unsigned b[4];
            ft_load_matrices<4, true>(b, b_row + k * 8 * (D + 8) + n * 8);
            ft_mma(result[n], a, b);
            ft_mma(result[n + 1], a, b + 2);
        }
    }
}

/* -- scores -- */

/* Starts sums with the bias of each distance, or with 0 where `bias` is NULL. bias:
 * points at row 0 and column 0 of the block's tile; row: the warp's first row. */
template <int N> __device__ __forceinline__ void begin_scores(const float *bias, int row, float sums[N][4])
{
    int lane = threadIdx.x % FT_WARP;
    /* Eight rows down is the same distance as eight columns right: the lower half of one
     * column group is the upper half of the next. */
    const float *at = bias ? bias - (row + lane / 4 + lane % 4 * 2) : NULL;
    float upper[2] = {0, 0};
    if (at) upper[0] = at[0], upper[1] = at[-1];
#pragma unroll
    for (int n = 0; n < N; n++) {
        sums[n][0] = upper[0], sums[n][1] = upper[1];
        if (at) upper[0] = at[-8 * (n + 1)], upper[1] = at[-8 * (n + 1) - 1];
        sums[n][2] = upper[0], sums[n][3] = upper[1];
    }
}

/* The smallest r + f at which query r may attend to feature f of the chunk. */
__device__ __forceinline__ int causal_edge(const ft_attention &a, int first_query, int chunk)
{
    return a.causal ? key_of_chunk(a, chunk) - first_query : 0;
}

/* Sets scores to -infinity where a query must not attend. seen: bits of the keys, which
 * are the columns or, with KEYS_ARE_ROWS, the warp's 16 rows. */
template <int N, bool KEYS_ARE_ROWS>
__device__ __forceinline__ void hide_scores(const unsigned seen[2], int edge, int row, float sums[N][4])
{
    int g = threadIdx.x % FT_WARP / 4, t = threadIdx.x % 4;
    bool all = KEYS_ARE_ROWS ? (seen[0] & 0xffffu) == 0xffffu : (seen[0] & seen[1]) == 0xffffffffu;
    if (all && edge <= row) return;
#pragma unroll
    for (int n = 0; n < N; n++)
#pragma unroll
        for (int e = 0; e < 4; e++) {
            int r = g + e / 2 * 8, col = 8 * n + 2 * t + e % 2;
            unsigned bits = KEYS_ARE_ROWS ? seen[0] >> r : seen[n / 4] >> (col % 32);
            if (!(bits & 1u) || row + r + col < edge) sums[n][e] = -INFINITY;
        }
}

/* What to subtract from scores in base 2: `log2`, or 0 where no key was attended to. */
__device__ __forceinline__ float shift_of(float log2)
{
    return log2 == -INFINITY ? 0.0f : log2;
}

/* e^score / 2^shift */
__device__ __forceinline__ float exp_from(float shift, float score)
{
    return ft_exp2(fmaf(score, FT_LOG2_E, -shift));
}

/* -- results -- */

/* Multiplies the warp's 16 rows of a result by factor[0] (rows g) and factor[1] (rows g +
 * 8) and writes them to rows `first`, first + STEP, .... They pass through `tile`, 16
 * rows that only this warp uses, so that stores are 16 bytes. */
template <int D, int STEP>
__device__ __forceinline__ void store_rows(const float result[D / 8][4], const float factor[2],
                                           mma_row<D> *tile, const mma_matrix &to, int first)
{
    enum { PIECES = D / 8, AT_ONCE = FT_WARP / PIECES };
    int lane = threadIdx.x % FT_WARP, r = lane / PIECES, col = lane % PIECES * 8;
    __syncwarp(); /* other lanes may still be reading the tile */
#pragma unroll
    for (int n = 0; n < D / 8; n++)
#pragma unroll
        for (int half = 0; half < 2; half++) {
            unsigned pair =
                ft_bf16_pair(result[n][2 * half] * factor[half], result[n][2 * half + 1] * factor[half]);
            memcpy(&tile[lane / 4 + 8 * half][8 * n + lane % 4 * 2], &pair, sizeof pair);
        }
    __syncwarp();
#pragma unroll
    for (int i = 0; i < MMA_ROWS; i += AT_ONCE) {
        int row = first + STEP * (r + i);
        if ((unsigned)row < (unsigned)to.length && col < to.d_kv)
            *(uint4 *)(to.data + (int64_t)row * to.stride + col) = *(const uint4 *)&tile[r + i][col];
    }
}

#endif
