/* T5 attention, backward, on tensor cores. attention_backward.cu says what it computes.
 *
 * Floor: read q, k, v, out, dout and write dq, dk, dv once, 2 bytes an element; five
 * products of 2 d_kv FLOPs a pair of query and key. The kernels do seven: both compute
 * the scores and dout . v, and both draw the dropout bits. That is the price of sums
 * with one owner and a fixed order, without atomic additions.
 *
 * The query kernel takes 64 or 128 queries, 16 or 32 a warp, and iterates over chunks of
 * 64 keys, as forward does (dq, D, and for full training, then with 64 queries, the
 * gradient of the bias). The key kernel takes 64 or 128 keys, 16 or 32 a warp, and
 * iterates over tiles of 32 queries (dk and dv, whose sums fill its registers). Its
 * scores are transposed, keys down and queries across, so that in both kernels the left
 * operand of the last products is already in registers.
 *
 * Both copy the next tile (cp.async) while they process this one, with one barrier a
 * tile. Where heads are so wide that two chunks of keys do not fit the smallest device,
 * the query kernel starts to load a chunk when it is done with the one before. */
#include <float.h>

#include "kernels/cuda/attention_mma.h"

/* slots: attention_mma_query_kernel<64, 2> mma 192 plain 707 dropout 1027 */
/* slots: attention_mma_query_kernel<64, 1> mma 96 plain 521 dropout 691 */
/* slots: attention_mma_key_kernel<64, 2> mma 128 plain 549 dropout 695 */
/* slots: attention_mma_key_kernel<64, 1> mma 64 plain 503 dropout 576 */

enum { SCORE_PITCH = KEYS + 1, KEY_QUERIES = 32 };

/* -- dq -- */

/* Additional memory for the gradient of the bias. */
struct bias_memory {
    float ds[MMA_QUERIES * SCORE_PITCH];
    float diagonal[MMA_QUERIES + KEYS];
    int bucket[2][MMA_QUERIES + KEYS];
};

template <int D, int M> struct query_memory {
    /* Chunks that are being loaded or processed. */
    static constexpr int STAGES = D <= 64 ? 2 : 1;
    mma_row<D> q[TILE<M>], dout[TILE<M>];
    struct alignas(16) stage {
        mma_row<D> k[KEYS], v[KEYS];
    } stages[STAGES];
    float row_sums[TILE<M>];
    ft_dropout dropout;
    /* Followed by the line of biases, `seen` of all chunks, (n_chunks, 2), and with a
     * gradient of the bias bias_memory. */
};

/* D = out . dout of the warp's 16 rows, from query `first` on, two lanes a row. */
template <int D>
__device__ __forceinline__ float row_sum_of(const mma_matrix &out, int first, const mma_row<D> *dout)
{
    int lane = threadIdx.x % FT_WARP, r = lane / 2;
    float sum = 0;
    for (int col = lane % 2 * 8; first + r < out.length && col < out.d_kv; col += 16) {
        uint4 left = *(const uint4 *)(out.data + (int64_t)(first + r) * out.stride + col);
        uint4 right = *(const uint4 *)&dout[r][col];
        const unsigned a[4] = {left.x, left.y, left.z, left.w}, b[4] = {right.x, right.y, right.z, right.w};
#pragma unroll
        for (int i = 0; i < 4; i++)
            sum += ft_bf16_low(a[i]) * ft_bf16_low(b[i]) + ft_bf16_high(a[i]) * ft_bf16_high(b[i]);
    }
    return sum + __shfl_xor_sync(FT_ALL_LANES, sum, 1);
}

/* Computes the row sums of the warp's 16 queries from `first` on, and stores them in
 * `shared`, (16), for the warp, and in tensors.row_sums for the other kernel. */
template <int D>
__device__ __forceinline__ void store_row_sums(const ft_attention &a, const attention_gradients &tensors,
                                               int sequence, int head, int first, const mma_row<D> *dout,
                                               float *shared)
{
    int own = (int)threadIdx.x % FT_WARP / 2;
    float sum = row_sum_of<D>(queries_of(a, tensors.out, sequence, head), first, dout);
    if (threadIdx.x % 2 == 0) {
        shared[own] = sum;
        if (first + own < a.q_length)
            tensors.row_sums[((int64_t)sequence * a.n_heads + head) * a.q_length + first + own] = sum;
    }
    __syncwarp();
}

/* Computes ds of 16 queries by 8 N keys, in place of dout . v, which has dropout
 * applied. */
template <int N>
__device__ __forceinline__ void query_gradients(const float scores[N][4], const float shift[2],
                                                const float row_sum[2], float scale, float ds[N][4])
{
#pragma unroll
    for (int n = 0; n < N; n++)
#pragma unroll
        for (int e = 0; e < 4; e++) {
            float p = exp_from(shift[e / 2], scores[n][e]);
            ds[n][e] = p * (scale * ds[n][e] - row_sum[e / 2]);
        }
}

/* Grid: (query tiles, heads, sequences). With a gradient of the bias M is 1. */
template <int D, int M>
__global__ void __launch_bounds__(ATTENTION_THREADS, M == 2    ? 2
                                                     : D <= 64 ? 3
                                                               : 1)
    attention_mma_query_kernel(attention_arguments args, attention_gradients tensors)
{
    FT_SHARED_DYNAMIC(memory_start);
    query_memory<D, M> &memory = *(query_memory<D, M> *)memory_start;
    constexpr int STAGES = query_memory<D, M>::STAGES;
    const ft_attention &a = args.a;
    int n_chunks = (a.kv_length + KEYS - 1) / KEYS;
    float4 *line = (float4 *)(&memory + 1);
    unsigned *seen = (unsigned *)((char *)line + line_bytes(args));
    bias_memory &bias_gradient = *(bias_memory *)(seen + 2 * n_chunks);
    int first_query = (int)blockIdx.x * TILE<M>, head = (int)blockIdx.y, sequence = sequence_of_block(args);
    int row = first_row_of_warp<M>(), g = (int)threadIdx.x % FT_WARP / 4, t = (int)threadIdx.x % 4;
    /* the first row of lse and row_sums */
    int64_t head_row = ((int64_t)sequence * a.n_heads + head) * a.q_length;
    mma_matrix k = keys_of(args, a.k, sequence, head), v = keys_of(args, a.v, sequence, head);
    bool gradient_of_bias = M == 1 && tensors.bias_parts != NULL;
    const ft_dropout &dropout = memory.dropout; /* in shared memory, to save registers */

    copy_rows<D, TILE<M>, 1>(queries_of(a, a.q, sequence, head), first_query, memory.q);
    copy_rows<D, TILE<M>, 1>(queries_of(a, tensors.dout, sequence, head), first_query, memory.dout);
    load_seen(a, sequence, 0, n_chunks, seen);
    load_line(args, head, line);
    if (threadIdx.x == 0)
        memory.dropout = ft_dropout_of(args.batch, args.batch.model_dropout, a.dropout_site, sequence);
    ft_copy_async_commit();
    ft_copy_async_wait<0>();
    __syncthreads();
    auto begin = [&](int chunk, int turn) {
        if (chunk < n_chunks) {
            auto &stage = memory.stages[turn];
            copy_rows<D, KEYS, -1>(k, key_of_chunk(a, chunk), stage.k);
            copy_rows<D, KEYS, -1>(v, key_of_chunk(a, chunk), stage.v);
            if (gradient_of_bias)
                load_buckets<MMA_QUERIES>(args, first_query, chunk, bias_gradient.bucket[turn]);
        }
        ft_copy_async_commit();
        return chunk;
    };
    int chunk = begin(next_chunk(a, seen, first_query, TILE<M>, 0, n_chunks), 0);

    float shift[M][2], row_sum[M][2], dq[M][D / 8][4] = {{{0}}};
    float bucket_total = 0; /* of bucket threadIdx.x */
#pragma unroll
    for (int m = 0; m < M; m++) {
        int first = first_query + row + 16 * m;
        store_row_sums<D>(a, tensors, sequence, head, first, memory.dout + row + 16 * m,
                          memory.row_sums + row + 16 * m);
        for (int half = 0; half < 2; half++) {
            int query = first + g + 8 * half;
            float lse = query < a.q_length ? tensors.lse[head_row + query] : INFINITY;
            shift[m][half] = shift_of(lse * FT_LOG2_E);
            row_sum[m][half] = memory.row_sums[row + 16 * m + g + 8 * half];
        }
    }
    for (int turn = 0; chunk < n_chunks; turn = (turn + 1) % STAGES) {
        ft_copy_async_wait<0>();
        /* this chunk has arrived for all threads, and they are done with the previous
         * one */
        __syncthreads();
        int next = next_chunk(a, seen, first_query, TILE<M>, chunk + 1, n_chunks);
        if (STAGES == 2) begin(next, turn ^ 1);
        /* the first 8 N features of the chunk */
        auto process = [&](auto columns) {
            constexpr int N = decltype(columns)::value;
            const auto &stage = memory.stages[turn];
            float scores[M][N][4], ds[M][N][4];
            int first_key = key_of_chunk(a, chunk);
            const float4 *start = line + line_start(args, first_key - first_query) + row + g + 2 * t;
            multiply_rows<D, N, M, true>(memory.q + row, stage.k, start, scores);
            hide_scores<N, M, false>(seen + 2 * chunk, 0, causal_edge(a, first_query, first_key), row,
                                     scores);
            multiply_rows<D, N, M, false>(memory.dout + row, stage.v, NULL, ds);
#pragma unroll
            for (int m = 0; m < M; m++) {
                if (dropout.active)
                    drop_columns<N>(dropout, a, head, first_query + row + 16 * m, chunk, ds[m]);
                query_gradients<N>(scores[m], shift[m], row_sum[m], dropout.scale, ds[m]);
            }
            multiply_sums<D, N, M>(ds, stage.k, dq);
            if (!gradient_of_bias) return;
            for (int n = 0; n < N; n++)
                for (int e = 0; e < 4; e++)
                    bias_gradient.ds[(row + g + e / 2 * 8) * SCORE_PITCH + 8 * n + 2 * t + e % 2] =
                        ds[0][n][e];
        };
        if (gradient_of_bias || (first_query + row < a.q_length && a.kv_length - chunk * KEYS > FEW))
            process(columns<KEYS / 8>());
        else if (first_query + row < a.q_length)
            process(columns<FEW / 8>());
        if (gradient_of_bias) {
            __syncthreads();
            bucket_total += bucket_sum<MMA_QUERIES, SCORE_PITCH>(bias_gradient.ds, bias_gradient.bucket[turn],
                                                                 bias_gradient.diagonal);
        }
        if (STAGES == 1) {
            __syncthreads(); /* all threads are done with this chunk */
            begin(next, turn);
        }
        chunk = next;
    }
    if (gradient_of_bias && (int)threadIdx.x < args.buckets.n_buckets) {
        int64_t block = ((int64_t)sequence * a.n_heads + head) * gridDim.x + blockIdx.x;
        tensors.bias_parts[block * args.buckets.n_buckets + threadIdx.x] = bucket_total;
    }
    const float one[2] = {1, 1};
#pragma unroll
    for (int m = 0; m < M; m++)
        store_rows<D, 1>(dq[m], one, memory.q + row + 16 * m, queries_of(a, tensors.dq, sequence, head),
                         first_query + row + 16 * m);
}

/* -- dk, dv -- */

template <int D, int M> struct key_memory {
    mma_row<D> k[TILE<M>], v[TILE<M>];
    struct alignas(16) stage {
        mma_row<D> q[KEY_QUERIES], dout[KEY_QUERIES];
        float2 sums[KEY_QUERIES];                         /* lse and row_sums */
        alignas(16) unsigned kept[M][KEY_QUERIES / 4][8]; /* see draw_kept */
    } stages[2];
    ft_dropout dropout;
    unsigned seen[2 * M];
    /* followed by the line of biases */
};

/* The first query, from first_query on in steps of tiles, of a tile that may attend to a
 * key of the block, of which first_key is the last; beyond the last query if there is
 * none. */
template <int M>
__device__ __forceinline__ int next_queries(const ft_attention &a, int first_query, int first_key)
{
    while (a.causal && first_query < a.q_length && first_key - (TILE<M> - 1) > first_query + KEY_QUERIES - 1)
        first_query += KEY_QUERIES;
    return first_query;
}

/* Draws which features of a chunk dropout keeps in a tile of queries. kept[j][2 w + half]
 * has one byte for each of queries 4 j to 4 j + 3; bit c of a byte is feature 16 w + 2 c
 * + half. Each lane draws one block of numbers, each warp four queries a turn. */
__device__ __forceinline__ void draw_kept(const ft_dropout &dropout, const ft_attention &a, int head,
                                          int first_query, int chunk, unsigned (*kept)[8])
{
    if (!dropout.active) return;
    int lane = threadIdx.x % FT_WARP;
#pragma unroll 1 /* saves registers */
    for (int j = (int)threadIdx.x / FT_WARP; j < KEY_QUERIES / 4; j += ATTENTION_THREADS / FT_WARP) {
        ft_philox_block numbers =
            ft_dropout_numbers(dropout, (uint32_t)(chunk * KEYS + lane % 8 * 2),
                               (uint32_t)(a.q_length - 1 - (first_query + 4 * j + lane / 8)), (uint32_t)head);
        unsigned bits[8];
#pragma unroll
        for (int e = 0; e < 8; e++)
            bits[e] = __ballot_sync(FT_ALL_LANES, ft_stays(dropout, numbers.word[e / 2], e % 2));
        if (lane == 0) {
            ((uint4 *)kept[j])[0] = make_uint4(bits[0], bits[1], bits[2], bits[3]);
            ((uint4 *)kept[j])[1] = make_uint4(bits[4], bits[5], bits[6], bits[7]);
        }
    }
}

/* Computes p of 16 keys, from feature `row` of their chunk on, by a tile of queries,
 * without the scale of dropout, in place of the scores; and ds in place of v . dout.
 * kept: of the chunk, from draw_kept, or NULL. */
__device__ __forceinline__ void key_gradients(const float2 *sums, const unsigned (*kept)[8], int row,
                                              float scale, float p[KEY_QUERIES / 8][4],
                                              float ds[KEY_QUERIES / 8][4])
{
    int g = threadIdx.x % FT_WARP / 4, t = threadIdx.x % 4;
#pragma unroll
    for (int n = 0; n < KEY_QUERIES / 8; n++) {
        /* The bits of queries 2 t and 2 t + 1 of the eight for features g and g + 8: the
         * queries are a byte apart, the features half a byte. */
        unsigned bits = 0xffffffffu;
        if (kept) bits = kept[2 * n + t / 2][row / 16 * 2 + g % 2] >> (t % 2 * 16 + g / 2);
#pragma unroll
        for (int i = 0; i < 2; i++) {
            int query = 8 * n + 2 * t + i;
            /* where no key was attended to, -infinity becomes a number */
            float shift = fmaxf(sums[query].x * FT_LOG2_E, -FLT_MAX), row_sum = sums[query].y;
#pragma unroll
            for (int half = 0; half < 2; half++) {
                int e = 2 * half + i;
                bool stays = bits >> (8 * i + 4 * half) & 1u;
                float probability = exp_from(shift, p[n][e]);
                p[n][e] = stays ? probability : 0.0f;
                ds[n][e] = probability * ((stays ? scale * ds[n][e] : 0.0f) - row_sum);
            }
        }
    }
}

/* Grid: (key tiles, heads, sequences). */
template <int D, int M>
__global__ void __launch_bounds__(ATTENTION_THREADS, M == 2    ? 2
                                                     : D <= 64 ? 3
                                                               : 2)
    attention_mma_key_kernel(attention_arguments args, attention_gradients tensors)
{
    FT_SHARED_DYNAMIC(memory_start);
    key_memory<D, M> &memory = *(key_memory<D, M> *)memory_start;
    float4 *line = (float4 *)(&memory + 1);
    const ft_attention &a = args.a;
    int chunk = (int)blockIdx.x * M, head = (int)blockIdx.y, sequence = sequence_of_block(args);
    int row = first_row_of_warp<M>(), g = (int)threadIdx.x % FT_WARP / 4, t = (int)threadIdx.x % 4;
    int first_key = key_of_chunk(a, chunk);
    /* the first row of lse and row_sums */
    int64_t head_row = ((int64_t)sequence * a.n_heads + head) * a.q_length;
    mma_matrix q = queries_of(a, a.q, sequence, head), dout = queries_of(a, tensors.dout, sequence, head);
    const ft_dropout &dropout = memory.dropout; /* in shared memory, to save registers */

    copy_rows<D, TILE<M>, -1>(keys_of(args, a.k, sequence, head), first_key, memory.k);
    copy_rows<D, TILE<M>, -1>(keys_of(args, a.v, sequence, head), first_key, memory.v);
    load_seen(a, sequence, chunk, chunk + M, memory.seen);
    load_line(args, head, line);
    if (threadIdx.x == 0)
        memory.dropout = ft_dropout_of(args.batch, args.batch.model_dropout, a.dropout_site, sequence);
    ft_copy_async_commit();
    ft_copy_async_wait<0>();
    __syncthreads();
    auto begin = [&](int first_query, int turn) {
        if (first_query < a.q_length) {
            auto &stage = memory.stages[turn];
            copy_rows<D, KEY_QUERIES, 1>(q, first_query, stage.q);
            copy_rows<D, KEY_QUERIES, 1>(dout, first_query, stage.dout);
            if (threadIdx.x < 2 * KEY_QUERIES) {
                int r = (int)threadIdx.x / 2;
                const float *from = threadIdx.x % 2 ? tensors.row_sums : tensors.lse;
                ft_copy_async_float((float *)stage.sums + threadIdx.x, from + head_row + first_query + r,
                                    first_query + r < a.q_length);
            }
            for (int m = 0; m < M; m++) draw_kept(dropout, a, head, first_query, chunk + m, stage.kept[m]);
        }
        ft_copy_async_commit();
        return first_query;
    };

    /* where no key is attended to, results are 0 */
    unsigned any = 0;
    for (int word = 0; word < 2 * M; word++) any |= memory.seen[word];
    float dk[M][D / 8][4] = {{{0}}}, dv[M][D / 8][4] = {{{0}}};
    int first_query = begin(any ? next_queries<M>(a, 0, first_key) : a.q_length, 0);
    for (int turn = 0; first_query < a.q_length; turn ^= 1) {
        ft_copy_async_wait<0>();
        /* These queries have arrived for all threads, and they are done with the previous
         * ones. */
        __syncthreads();
        int next = begin(next_queries<M>(a, first_query + KEY_QUERIES, first_key), turn ^ 1);
        /* of the warp's keys */
        unsigned seen = memory.seen[row / FT_WARP] >> row % FT_WARP;
        if ((seen & (0xffffffffu >> (FT_WARP - MMA_ROWS * M))) != 0) {
            constexpr int N = KEY_QUERIES / 8;
            const auto &stage = memory.stages[turn];
            float p[M][N][4], ds[M][N][4];
            const float4 *start = line + line_start(args, first_key - first_query) + row + g + 2 * t;
            multiply_rows<D, N, M, true>(memory.k + row, stage.q, start, p);
            hide_scores<N, M, true>(&seen, a.q_length - first_query, causal_edge(a, first_query, first_key),
                                    row, p);
            multiply_rows<D, N, M, false>(memory.v + row, stage.dout, NULL, ds);
#pragma unroll
            for (int m = 0; m < M; m++)
                key_gradients(stage.sums, dropout.active ? stage.kept[row / KEYS] : NULL, row % KEYS + 16 * m,
                              dropout.scale, p[m], ds[m]);
            multiply_sums<D, N, M>(p, stage.dout, dv);
            multiply_sums<D, N, M>(ds, stage.q, dk);
        }
        first_query = next;
    }
    const float one[2] = {1, 1}, scale[2] = {dropout.scale, dropout.scale};
#pragma unroll
    for (int m = 0; m < M; m++) {
        int first = row + 16 * m;
        store_rows<D, -1>(dk[m], one, memory.k + first, keys_of(args, tensors.dk, sequence, head),
                          first_key - first);
        store_rows<D, -1>(dv[m], scale, memory.v + first, keys_of(args, tensors.dv, sequence, head),
                          first_key - first);
    }
}

template <int D, int M>
static void launch_queries(ft_cuda *cuda, attention_arguments args, const attention_gradients &t)
{
    static_assert(sizeof(query_memory<D, M>) + (M == 1 ? sizeof(bias_memory) : 0) < LEAST_SHARED,
                  "fits every device");
    size_t fixed = sizeof(query_memory<D, M>) + line_bytes(args) + (t.bias_parts ? sizeof(bias_memory) : 0),
           bytes;
    auto *kernel = attention_mma_query_kernel<D, M>;
    if (!allow_shared(cuda, kernel, fixed, SEEN_BYTES, args.a.kv_length, &bytes)) return;
    for (int64_t first = 0; first < args.batch.n_sequences; first += MOST_SEQUENCES) {
        args.first_sequence = (int32_t)first;
        ft_cuda_grid grid = attention_grid(args, args.a.q_length, TILE<M>);
        CUDA_LAUNCH(cuda, kernel, grid, ATTENTION_THREADS, bytes, args, t);
    }
}

template <int D, int M>
static void launch_keys(ft_cuda *cuda, attention_arguments args, const attention_gradients &t)
{
    static_assert(sizeof(key_memory<D, M>) < LEAST_SHARED, "fits every device");
    size_t bytes;
    auto *kernel = attention_mma_key_kernel<D, M>;
    if (!allow_shared(cuda, kernel, sizeof(key_memory<D, M>) + line_bytes(args), 0, args.a.kv_length, &bytes))
        return;
    for (int64_t first = 0; first < args.batch.n_sequences; first += MOST_SEQUENCES) {
        args.first_sequence = (int32_t)first;
        ft_cuda_grid grid = attention_grid(args, args.a.kv_length, TILE<M>);
        CUDA_LAUNCH(cuda, kernel, grid, ATTENTION_THREADS, bytes, args, t);
    }
}

void ft_cuda_attention_mma_backward(ft_cuda *cuda, const attention_arguments &args,
                                    const attention_gradients &t)
{
    bool long_queries = args.a.q_length > MMA_LONG && !t.bias_parts, long_keys = args.a.kv_length > MMA_LONG;
    if (args.a.d_kv <= 32) {
        (long_queries ? launch_queries<32, 2> : launch_queries<32, 1>)(cuda, args, t);
        (long_keys ? launch_keys<32, 2> : launch_keys<32, 1>)(cuda, args, t);
    } else if (args.a.d_kv <= 64) {
        (long_queries ? launch_queries<64, 2> : launch_queries<64, 1>)(cuda, args, t);
        (long_keys ? launch_keys<64, 2> : launch_keys<64, 1>)(cuda, args, t);
    } else {
        launch_queries<128, 1>(cuda, args, t);
        launch_keys<128, 1>(cuda, args, t);
    }
}
