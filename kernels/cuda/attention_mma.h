/* Attention on tensor cores: bf16 tiles in shared memory, products of a warp's rows with
 * them, and what happens to the scores in between.
 *
 * A block has 4 warps. Each warp owns 16 M rows of the block's tile: queries, or keys in
 * the kernel of dk and dv. With M = 2 each operand that it reads of the other side is
 * used in two products, so that the tensor cores wait less for shared memory. Its 16 M x
 * 8 N products are sums[M][N][4], in the fragments of mma.h: with g = lane / 4 and t =
 * lane % 4, sums[m][n][e] is row 16 m + g + e / 2 * 8, column 8 n + 2 t + e % 2. Bias and
 * causality depend on query r and key f of the tiles only through r + f, so both kinds of
 * kernels share these functions. */
#ifndef FT_KERNELS_CUDA_ATTENTION_MMA_H
#define FT_KERNELS_CUDA_ATTENTION_MMA_H

#include <type_traits>

#include "kernels/cuda/attention.h"
#include "kernels/cuda/mma.h"

enum { MMA_ROWS = 16, SEEN_BYTES = 2 * sizeof(unsigned) /* per chunk (load_seen) */ };

/* The rows of a block's tile; the first of the warp's 16 M rows. */
template <int M> constexpr int TILE = ATTENTION_THREADS / FT_WARP *MMA_ROWS *M;
template <int M> __device__ __forceinline__ int first_row_of_warp()
{
    return (int)threadIdx.x / FT_WARP * MMA_ROWS * M;
}

/* A last chunk of at most so many keys, as that of 513, is processed as FEW columns. */
enum { FEW = 16 };
/* The first 8 N columns of a chunk. */
template <int N> using columns = std::integral_constant<int, N>;

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

/* Sets dropped elements to 0 in the probabilities v of 16 queries, from `first_query` on,
 * against the first 8 N features of a chunk. The caller applies the scale. In each row a
 * lane has two blocks of numbers; word w of the first (second) is for its two columns in
 * 8-column group 2 w (2 w + 1). */
template <int N>
__device__ __forceinline__ void drop_columns(const ft_dropout &dropout, const ft_attention &a, int head,
                                             int first_query, int chunk, float v[N][4])
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
            for (int w = 0; w < N / 2; w++)
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

/* Returns the first chunk, from `chunk` on, with a key that some of the tile's n_queries
 * may attend to; n_chunks if there is none. */
__device__ __forceinline__ int next_chunk(const ft_attention &a, const unsigned *seen, int first_query,
                                          int n_queries, int chunk, int n_chunks)
{
    while (chunk < n_chunks && (chunk_is_hidden(a, first_query, n_queries, chunk) ||
                                (seen[2 * chunk] | seen[2 * chunk + 1]) == 0))
        chunk++;
    return chunk;
}

/* -- the bias by distance -- */

/* The line of biases, in shared memory: what a lane's four sums start with. Element PAD +
 * i has the biases of distances d, d - 1, d - 8 and d - 9, with d = reach - i (key -
 * query). Beyond `reach` all distances have the same bias, which the PAD elements at
 * either end repeat. Without a bias all are 0. */
constexpr int PAD = 192; /* at least the rows and columns of a tile and a chunk */
__host__ __device__ __forceinline__ size_t line_bytes(const attention_arguments &args)
{
    return (size_t)(line_length(args) + 2 * PAD) * sizeof(float4);
}

/* Fills the line. It has a barrier; the caller adds another one afterwards. */
__device__ __forceinline__ void load_line(const attention_arguments &args, int head, float4 *line)
{
    int length = line_length(args), end = length + 2 * PAD;
    for (int i = threadIdx.x; i < length; i += ATTENTION_THREADS)
        line[PAD + i].x =
            args.a.bias.data ? ft_load(args.a.bias, bucket_of(args.buckets, args.reach - i), head) : 0;
    __syncthreads();
    for (int j = threadIdx.x; j < end; j += ATTENTION_THREADS) {
        auto at = [&](int i) { return line[min(max(i, PAD), PAD + length - 1)].x; };
        line[j].y = at(j + 1), line[j].z = at(j + 8), line[j].w = at(j + 9);
        if (j < PAD || j >= PAD + length) line[j].x = at(j);
    }
}

/* The element of row 0 and column 0 of a tile whose first row and column are `distance`
 * apart (key - query). */
__device__ __forceinline__ int line_start(const attention_arguments &args, int distance)
{
    return min(max(PAD + args.reach - distance, 0), PAD + 2 * args.reach);
}

/* -- products -- */

/* sums: (16 M, 8 N) = 16 M rows of D features times the transpose of 8 N such rows, plus
 * the bias where BIASED. line: the element of the lane's first sum. */
template <int D, int N, int M, bool BIASED>
__device__ __forceinline__ void multiply_rows(const mma_row<D> *left, const mma_row<D> *right,
                                              const float4 *line, float sums[M][N][4])
{
    int lane = threadIdx.x % FT_WARP;
    const __nv_bfloat16 *a_row = &left[lane % 16][lane / 16 * 8];
    const __nv_bfloat16 *b_row = &right[lane / 16 * 8 + lane % 8][lane / 8 % 2 * 8];
    float4 start[N + 2 * M]; /* 16 rows down is the same distance as 16 columns right */
#pragma unroll
    for (int n = 0; n < N + 2 * (M - 1); n++) start[n] = BIASED ? line[8 * n] : make_float4(0, 0, 0, 0);
#pragma unroll
    for (int k = 0; k < D; k += 16) {
        unsigned a[M][4];
#pragma unroll
        for (int m = 0; m < M; m++) ft_load_matrices<4>(a[m], a_row + m * MMA_ROWS * (D + 8) + k);
#pragma unroll
        for (int n = 0; n < N; n += 2) {
            unsigned b[4];
            ft_load_matrices<4>(b, b_row + n * 8 * (D + 8) + k);
#pragma unroll
            for (int m = 0; m < M; m++)
#pragma unroll
                for (int i = 0; i < 2; i++)
                    if (k == 0)
                        ft_mma_from(sums[m][n + i], &start[n + i + 2 * m].x, a[m], b + 2 * i);
                    else
                        ft_mma(sums[m][n + i], a[m], b + 2 * i);
        }
    }
}

/* result: (16 M, D) += left: (16 M, 8 N), rounded to bf16, times 8 N rows. */
template <int D, int N, int M>
__device__ __forceinline__ void multiply_sums(const float left[M][N][4], const mma_row<D> *right,
                                              float result[M][D / 8][4])
{
    int lane = threadIdx.x % FT_WARP;
    const __nv_bfloat16 *b_row = &right[lane % 16][lane / 16 * 8];
#pragma unroll
    for (int k = 0; k < N; k += 2) {
        unsigned a[M][4];
#pragma unroll
        for (int m = 0; m < M; m++)
#pragma unroll
            for (int i = 0; i < 4; i++)
                a[m][i] = ft_bf16_pair(left[m][k + i / 2][i % 2 * 2], left[m][k + i / 2][i % 2 * 2 + 1]);
#pragma unroll
        for (int n = 0; n < D / 8; n += 2) {
            unsigned b[4];
            ft_load_matrices<4, true>(b, b_row + k * 8 * (D + 8) + n * 8);
#pragma unroll
            for (int m = 0; m < M; m++) {
                ft_mma(result[m][n], a[m], b);
                ft_mma(result[m][n + 1], a[m], b + 2);
            }
        }
    }
}

/* -- scores -- */

/* The smallest r + f at which query r of the tile from first_query on may attend to
 * feature f of the keys from first_key down. */
__device__ __forceinline__ int causal_edge(const ft_attention &a, int first_query, int first_key)
{
    return a.causal ? first_key - first_query : 0;
}

/* Sets scores to -infinity where a query must not attend. seen: bits of the keys, which
 * are the 8 N columns or, with KEYS_ARE_ROWS, the warp's 16 M rows, of which `row` is the
 * first. Where keys are rows, only the first n_queries columns are queries. */
template <int N, int M, bool KEYS_ARE_ROWS>
__device__ __forceinline__ void hide_scores(const unsigned *seen, int n_queries, int edge, int row,
                                            float sums[M][N][4])
{
    int g = threadIdx.x % FT_WARP / 4, t = threadIdx.x % 4;
    unsigned rows = 0xffffffffu >> (FT_WARP - MMA_ROWS * M);
    bool all = KEYS_ARE_ROWS ? (seen[0] & rows) == rows && n_queries >= 8 * N
                             : N == KEYS / 8 && (seen[0] & seen[1]) == 0xffffffffu;
    if (all && edge <= row) return;
#pragma unroll
    for (int m = 0; m < M; m++)
#pragma unroll
        for (int n = 0; n < N; n++)
#pragma unroll
            for (int e = 0; e < 4; e++) {
                int r = 16 * m + g + e / 2 * 8, col = 8 * n + 2 * t + e % 2;
                unsigned bits = KEYS_ARE_ROWS ? seen[0] >> r : seen[n / 4] >> (col % 32);
                bool there = (bits & 1u) && (!KEYS_ARE_ROWS || col < n_queries);
                if (!there || row + r + col < edge) sums[m][n][e] = -INFINITY;
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

/* Multiplies 16 of the warp's rows of a result by factor[0] (rows g) and factor[1] (rows
 * g + 8) and writes them to rows `first`, first + STEP, .... They pass through `tile`,
 * 16 rows that only this warp uses, so that stores are 16 bytes. */
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
