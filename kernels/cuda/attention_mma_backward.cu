/* T5 attention, backward, on tensor cores. attention_backward.cu says what it computes.
 *
 * Floor: read q, k, v, out, dout and write dq, dk, dv once, 2 bytes an element; five
 * products of 2 d_kv FLOPs a pair of query and key. The kernels do seven: both compute
 * the scores and dout . v, and both draw the dropout bits. That is the price of sums with
 * one owner and a fixed order, without atomic additions.
 *
 * The query kernel takes 64 queries, 16 a warp, and iterates over chunks of 64 keys, as
 * forward does (dq, D, and for full training the gradient of the bias). The key kernel
 * takes a chunk of keys, 16 a warp, and iterates over tiles of 32 queries (dk and dv,
 * whose sums fill its registers). Its scores are transposed, keys down and queries
 * across, so that in both kernels the left operand of the last products is already in
 * registers.
 *
 * Both copy the next tile (cp.async) while they process this one, with one barrier a
 * tile. Where heads are so wide that two chunks of keys do not fit the smallest device,
 * the query kernel starts to load a chunk when it is done with the one before. */
#include "kernels/cuda/attention_mma.h"

enum { SCORE_PITCH = KEYS + 1, KEY_QUERIES = 32 };

/* -- dq -- */

/* Additional memory for the gradient of the bias. */
struct bias_memory {
    float ds[MMA_QUERIES * SCORE_PITCH];
    float diagonal[MMA_QUERIES + KEYS];
    int bucket[2][MMA_QUERIES + KEYS];
};

template <int D> struct query_memory {
    /* Chunks that are being loaded or processed. */
    static constexpr int STAGES = D <= 64 ? 2 : 1;
    mma_row<D> q[MMA_QUERIES], dout[MMA_QUERIES];
    struct alignas(16) stage {
        mma_row<D> k[KEYS], v[KEYS];
        float bias[MMA_QUERIES + KEYS]; /* by distance */
    } stages[STAGES];
    float row_sums[MMA_QUERIES];
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

/* Computes ds of a warp's 16 queries by a chunk, in place of dout . v, which has dropout
 * applied. */
__device__ __forceinline__ void query_gradients(const float scores[KEYS / 8][4], const float shift[2],
                                                const float row_sum[2], float scale, float ds[KEYS / 8][4])
{
#pragma unroll
    for (int n = 0; n < KEYS / 8; n++)
#pragma unroll
        for (int e = 0; e < 4; e++) {
            float p = exp_from(shift[e / 2], scores[n][e]);
            ds[n][e] = p * (scale * ds[n][e] - row_sum[e / 2]);
        }
}

/* Grid: (query tiles, heads, sequences). */
template <int D>
__global__ void __launch_bounds__(ATTENTION_THREADS, D <= 64 ? 3 : 1)
    attention_mma_query_kernel(attention_arguments args, attention_gradients tensors)
{
    FT_SHARED_DYNAMIC(memory_start);
    query_memory<D> &memory = *(query_memory<D> *)memory_start;
    constexpr int STAGES = query_memory<D>::STAGES;
    const ft_attention &a = args.a;
    int n_chunks = (a.kv_length + KEYS - 1) / KEYS;
    float *line = (float *)(&memory + 1);
    unsigned *seen = (unsigned *)(line + line_length(args));
    bias_memory &bias_gradient = *(bias_memory *)(seen + 2 * n_chunks);
    int first_query = (int)blockIdx.x * MMA_QUERIES, head = (int)blockIdx.y,
        sequence = sequence_of_block(args);
    int row = (int)threadIdx.x / FT_WARP * MMA_ROWS, g = (int)threadIdx.x % FT_WARP / 4;
    int64_t head_index = (int64_t)sequence * a.n_heads + head;
    mma_matrix k = keys_of(args, a.k, sequence, head), v = keys_of(args, a.v, sequence, head);
    bool biased = a.bias.data != NULL, gradient_of_bias = tensors.bias_parts != NULL;
    ft_dropout dropout = ft_dropout_of(args.batch, args.batch.model_dropout, a.dropout_site, sequence);

    copy_rows<D, MMA_QUERIES, 1>(queries_of(a, a.q, sequence, head), first_query, memory.q);
    copy_rows<D, MMA_QUERIES, 1>(queries_of(a, tensors.dout, sequence, head), first_query, memory.dout);
    load_seen(a, sequence, 0, n_chunks, seen);
    load_bias_line(args, head, line);
    ft_copy_async_commit();
    ft_copy_async_wait<0>();
    __syncthreads();
    auto begin = [&](int chunk, int turn) {
        if (chunk < n_chunks) {
            auto &stage = memory.stages[turn];
            copy_rows<D, KEYS, -1>(k, key_of_chunk(a, chunk), stage.k);
            copy_rows<D, KEYS, -1>(v, key_of_chunk(a, chunk), stage.v);
            load_distances<MMA_QUERIES>(args, line, first_query, chunk, stage.bias,
                                        gradient_of_bias ? bias_gradient.bucket[turn] : NULL);
        }
        ft_copy_async_commit();
        return chunk;
    };
    int chunk = begin(next_chunk(a, seen, first_query, 0, n_chunks), 0);

    float own =
        row_sum_of<D>(queries_of(a, tensors.out, sequence, head), first_query + row, memory.dout + row);
    if (threadIdx.x % 2 == 0) {
        int r = threadIdx.x / 2;
        memory.row_sums[r] = own;
        if (first_query + r < a.q_length) tensors.row_sums[head_index * a.q_length + first_query + r] = own;
    }
    __syncwarp();
    float shift[2], row_sum[2], one[2] = {1, 1}, dq[D / 8][4] = {{0}};
    float bucket_total = 0; /* of bucket threadIdx.x */
    for (int half = 0; half < 2; half++) {
        int r = row + g + 8 * half;
        bool there = first_query + r < a.q_length;
        shift[half] =
            there ? shift_of(tensors.lse[head_index * a.q_length + first_query + r] * FT_LOG2_E) : INFINITY;
        row_sum[half] = memory.row_sums[r];
    }
    for (int turn = 0; chunk < n_chunks; turn = (turn + 1) % STAGES) {
        ft_copy_async_wait<0>();
        /* this chunk has arrived for all threads, and they are done with the previous
         * one */
        __syncthreads();
        int next = next_chunk(a, seen, first_query, chunk + 1, n_chunks);
        if (STAGES == 2) begin(next, turn ^ 1);
        const auto &stage = memory.stages[turn];
        if (first_query + row < a.q_length || gradient_of_bias) {
            float scores[KEYS / 8][4], ds[KEYS / 8][4] = {{0}};
            begin_scores<KEYS / 8>(biased ? stage.bias + MMA_QUERIES + KEYS - 2 : NULL, row, scores);
            multiply_rows<D, KEYS / 8>(memory.q + row, stage.k, scores);
            hide_scores<KEYS / 8, false>(seen + 2 * chunk, causal_edge(a, first_query, chunk), row, scores);
            multiply_rows<D, KEYS / 8>(memory.dout + row, stage.v, ds);
            if (dropout.active) drop_columns(dropout, a, head, first_query + row, chunk, ds);
            query_gradients(scores, shift, row_sum, dropout.scale, ds);
            multiply_sums<D, KEYS / 8>(ds, stage.k, dq);
            for (int n = 0; gradient_of_bias && n < KEYS / 8; n++)
                for (int e = 0; e < 4; e++) {
                    int r = row + g + e / 2 * 8, f = 8 * n + (int)threadIdx.x % 4 * 2 + e % 2;
                    bias_gradient.ds[r * SCORE_PITCH + f] = ds[n][e];
                }
        }
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
    store_rows<D, 1>(dq, one, memory.q + row, queries_of(a, tensors.dq, sequence, head), first_query + row);
}

/* -- dk, dv -- */

template <int D> struct key_memory {
    mma_row<D> k[KEYS], v[KEYS];
    struct alignas(16) stage {
        mma_row<D> q[KEY_QUERIES], dout[KEY_QUERIES];
        float shift[KEY_QUERIES], row_sums[KEY_QUERIES];
        float bias[KEY_QUERIES + KEYS];                /* by distance */
        alignas(16) unsigned kept[KEY_QUERIES / 4][8]; /* see draw_kept */
    } stages[2];
    unsigned seen[2];
    /* followed by the line of biases */
};

/* The first query, from first_query on in steps of tiles, of a tile that may attend to a
 * key of the chunk; beyond the last query if there is none. */
__device__ __forceinline__ int next_queries(const ft_attention &a, int first_query, int chunk)
{
    while (first_query < a.q_length && chunk_is_hidden(a, first_query, KEY_QUERIES, chunk))
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

/* Computes p of a warp's 16 keys, features `row` and on, by a tile of queries, without
 * the scale of dropout, in place of the scores; and ds in place of v . dout. kept: from
 * draw_kept, or NULL. */
__device__ __forceinline__ void key_gradients(const float *shift, const float *row_sums,
                                              const unsigned (*kept)[8], int row, float scale,
                                              float p[KEY_QUERIES / 8][4], float ds[KEY_QUERIES / 8][4])
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
#pragma unroll
            for (int half = 0; half < 2; half++) {
                int e = 2 * half + i;
                bool stays = bits >> (8 * i + 4 * half) & 1u;
                float probability = exp_from(shift[query], p[n][e]);
                p[n][e] = stays ? probability : 0.0f;
                ds[n][e] = probability * ((stays ? scale * ds[n][e] : 0.0f) - row_sums[query]);
            }
        }
    }
}

/* Grid: (key chunks, heads, sequences). */
template <int D>
__global__ void __launch_bounds__(ATTENTION_THREADS, D <= 64 ? 3 : 2)
    attention_mma_key_kernel(attention_arguments args, attention_gradients tensors)
{
    FT_SHARED_DYNAMIC(memory_start);
    key_memory<D> &memory = *(key_memory<D> *)memory_start;
    float *line = (float *)(&memory + 1);
    const ft_attention &a = args.a;
    int chunk = (int)blockIdx.x, head = (int)blockIdx.y, sequence = sequence_of_block(args);
    int warp = (int)threadIdx.x / FT_WARP, row = warp * MMA_ROWS;
    mma_matrix q = queries_of(a, a.q, sequence, head), dout = queries_of(a, tensors.dout, sequence, head);
    bool biased = a.bias.data != NULL;
    ft_dropout dropout = ft_dropout_of(args.batch, args.batch.model_dropout, a.dropout_site, sequence);

    copy_rows<D, KEYS, -1>(keys_of(args, a.k, sequence, head), key_of_chunk(a, chunk), memory.k);
    copy_rows<D, KEYS, -1>(keys_of(args, a.v, sequence, head), key_of_chunk(a, chunk), memory.v);
    load_seen(a, sequence, chunk, chunk + 1, memory.seen);
    load_bias_line(args, head, line);
    ft_copy_async_commit();
    ft_copy_async_wait<0>();
    __syncthreads();
    auto begin = [&](int first_query, int turn) {
        if (first_query < a.q_length) {
            auto &stage = memory.stages[turn];
            copy_rows<D, KEY_QUERIES, 1>(q, first_query, stage.q);
            copy_rows<D, KEY_QUERIES, 1>(dout, first_query, stage.dout);
            for (int r = threadIdx.x; r < KEY_QUERIES; r += ATTENTION_THREADS) {
                bool there = first_query + r < a.q_length;
                int64_t index = ((int64_t)sequence * a.n_heads + head) * a.q_length + first_query + r;
                stage.shift[r] = there ? shift_of(tensors.lse[index] * FT_LOG2_E) : INFINITY;
                stage.row_sums[r] = there ? tensors.row_sums[index] : 0;
            }
            load_distances<KEY_QUERIES>(args, line, first_query, chunk, stage.bias, NULL);
            draw_kept(dropout, a, head, first_query, chunk, stage.kept);
        }
        ft_copy_async_commit();
        return first_query;
    };

    /* otherwise all results are 0 */
    bool looked_at = (memory.seen[0] | memory.seen[1]) != 0;
    /* the bits of the warp's rows */
    unsigned seen[2] = {memory.seen[warp / 2] >> warp % 2 * MMA_ROWS, 0};
    float dk[D / 8][4] = {{0}}, dv[D / 8][4] = {{0}};
    int first_query = begin(looked_at ? next_queries(a, 0, chunk) : a.q_length, 0);
    for (int turn = 0; first_query < a.q_length; turn ^= 1) {
        ft_copy_async_wait<0>();
        /* These queries have arrived for all threads, and they are done with the previous
         * ones. */
        __syncthreads();
        int next = begin(next_queries(a, first_query + KEY_QUERIES, chunk), turn ^ 1);
        const auto &stage = memory.stages[turn];
        float p[KEY_QUERIES / 8][4], ds[KEY_QUERIES / 8][4] = {{0}};
        begin_scores<KEY_QUERIES / 8>(biased ? stage.bias + KEY_QUERIES + KEYS - 2 : NULL, row, p);
        multiply_rows<D, KEY_QUERIES / 8>(memory.k + row, stage.q, p);
        hide_scores<KEY_QUERIES / 8, true>(seen, causal_edge(a, first_query, chunk), row, p);
        multiply_rows<D, KEY_QUERIES / 8>(memory.v + row, stage.dout, ds);
        key_gradients(stage.shift, stage.row_sums, dropout.active ? stage.kept : NULL, row, dropout.scale, p,
                      ds);
        multiply_sums<D, KEY_QUERIES / 8>(p, stage.dout, dv);
        multiply_sums<D, KEY_QUERIES / 8>(ds, stage.q, dk);
        first_query = next;
    }
    int first_key = key_of_chunk(a, chunk) - row;
    float one[2] = {1, 1}, scale[2] = {dropout.scale, dropout.scale};
    store_rows<D, -1>(dk, one, memory.k + row, keys_of(args, tensors.dk, sequence, head), first_key);
    store_rows<D, -1>(dv, scale, memory.v + row, keys_of(args, tensors.dv, sequence, head), first_key);
}

template <int D> static void launch(ft_cuda *cuda, attention_arguments args, const attention_gradients &t)
{
    static_assert(sizeof(query_memory<D>) + sizeof(bias_memory) < LEAST_SHARED, "fits every device");
    static_assert(sizeof(key_memory<D>) < LEAST_SHARED, "fits every device");
    size_t line = line_length(args) * sizeof(float), query_bytes, key_bytes;
    size_t query_fixed = sizeof(query_memory<D>) + line + (t.bias_parts ? sizeof(bias_memory) : 0);
    if (!allow_shared(cuda, attention_mma_query_kernel<D>, query_fixed, SEEN_BYTES, args.a.kv_length,
                      &query_bytes) ||
        !allow_shared(cuda, attention_mma_key_kernel<D>, sizeof(key_memory<D>) + line, 0, args.a.kv_length,
                      &key_bytes))
        return;
    for (int64_t first = 0; first < args.batch.n_sequences; first += MOST_SEQUENCES) {
        args.first_sequence = (int32_t)first;
        CUDA_LAUNCH(cuda, attention_mma_query_kernel<D>, attention_grid(args, args.a.q_length, MMA_QUERIES),
                    ATTENTION_THREADS, query_bytes, args, t);
        CUDA_LAUNCH(cuda, attention_mma_key_kernel<D>, attention_grid(args, args.a.kv_length, KEYS),
                    ATTENTION_THREADS, key_bytes, args, t);
    }
}

void ft_cuda_attention_mma_backward(ft_cuda *cuda, const attention_arguments &args,
                                    const attention_gradients &t)
{
    if (args.a.d_kv <= 32)
        launch<32>(cuda, args, t);
    else if (args.a.d_kv <= 64)
        launch<64>(cuda, args, t);
    else
        launch<128>(cuda, args, t);
}
