/* T5 attention, forward, on tensor cores. attention.cu says what it computes.
 *
 * Floor: read q, k, v and write out once, 2 bytes an element; 4 d_kv FLOPs a pair of
 * query and key. 512 x 512 with 64 features: 256 FLOPs a byte. Dropout adds an eighth of
 * a Philox block a pair, about 6 integer instructions.
 *
 * A block takes 64 queries of one head of one sequence, 16 a warp; where there are more
 * than 128 queries and heads have at most 64 features, 128 queries, 32 a warp. It
 * iterates over chunks of 64 keys and skips those that no query may attend to (causal,
 * or padding). A last chunk of at most 16 keys, as that of 513, is processed as 16. While
 * it processes one chunk, it copies the keys and values of the next (cp.async), with one
 * barrier a chunk.
 *
 * Scores start as the bias, are summed in f32 by mma.sync, and never leave the
 * registers: as probabilities, rounded to bf16, they are the left operand of the next
 * product. A lane's scores cover whole blocks of dropout numbers, so each lane draws its
 * own. Row maximum and sum are kept as in attention.cu, the maximum in base 2; each
 * thread keeps its part of the sum until the end. */
#include "kernels/cuda/attention_mma.h"

/* slots: attention_mma_forward_kernel<64, 2> mma 128 plain 664 dropout 985 */
/* slots: attention_mma_forward_kernel<64, 1> mma 64 plain 432 dropout 599 */

#define LN_2 0.6931471805599453f

template <int D, int M> struct forward_memory {
    mma_row<D> q[TILE<M>];
    struct alignas(16) stage {
        mma_row<D> k[KEYS], v[KEYS];
    } stages[2];
    /* followed by the line of biases and `seen` of all chunks: (n_chunks, 2) */
};

/* Turns scores against a chunk into unnormalised probabilities and rescales the previous
 * sums. largest: the largest score so far, in base 2. */
template <int D, int N>
__device__ __forceinline__ void online_softmax(float scores[N][4], float largest[2], float sum[2],
                                               float result[D / 8][4])
{
    float shift[2], shrink[2];
#pragma unroll
    for (int half = 0; half < 2; half++) {
        float most = -INFINITY;
#pragma unroll
        for (int n = 0; n < N; n++) most = fmaxf(most, fmaxf(scores[n][2 * half], scores[n][2 * half + 1]));
        most = fmaxf(lanes_max<4>(most) * FT_LOG2_E, largest[half]);
        shift[half] = shift_of(most), shrink[half] = ft_exp2(largest[half] - shift[half]);
        largest[half] = most;
    }
    if (shrink[0] != 1 || shrink[1] != 1) { /* rare after the first chunks */
#pragma unroll
        for (int half = 0; half < 2; half++) {
            sum[half] *= shrink[half];
#pragma unroll
            for (int n = 0; n < D / 8; n++)
                result[n][2 * half] *= shrink[half], result[n][2 * half + 1] *= shrink[half];
        }
    }
#pragma unroll
    for (int n = 0; n < N; n++)
#pragma unroll
        for (int e = 0; e < 4; e++) {
            scores[n][e] = exp_from(shift[e / 2], scores[n][e]);
            sum[e / 2] += scores[n][e];
        }
}

/* Stores log-sum-exp of the scores of 16 queries from `first` on. lse:
 * (sequences, heads, queries). */
__device__ __forceinline__ void store_lse(const ft_attention &a, int sequence, int head, int first,
                                          const float largest[2], const float sum[2], float *lse)
{
    int g = (int)threadIdx.x % FT_WARP / 4, t = (int)threadIdx.x % 4;
    for (int half = 0; half < 2; half++) {
        int query = first + g + 8 * half;
        if (t == 0 && query < a.q_length)
            lse[((int64_t)sequence * a.n_heads + head) * a.q_length + query] =
                largest[half] * LN_2 + logf(sum[half]);
    }
}

/* Grid: (query tiles, heads, sequences). */
template <int D, int M>
__global__ void __launch_bounds__(ATTENTION_THREADS, M == 1 && D <= 64 ? 3 : 2)
    attention_mma_forward_kernel(attention_arguments args, ft_tensor out, float *lse)
{
    FT_SHARED_DYNAMIC(memory_start);
    forward_memory<D, M> &memory = *(forward_memory<D, M> *)memory_start;
    float4 *line = (float4 *)(&memory + 1);
    unsigned *seen = (unsigned *)((char *)line + line_bytes(args));
    const ft_attention &a = args.a;
    int first_query = (int)blockIdx.x * TILE<M>, head = (int)blockIdx.y, sequence = sequence_of_block(args);
    int row = first_row_of_warp<M>(), g = (int)threadIdx.x % FT_WARP / 4, t = (int)threadIdx.x % 4;
    int n_chunks = (a.kv_length + KEYS - 1) / KEYS;
    mma_matrix k = keys_of(args, a.k, sequence, head), v = keys_of(args, a.v, sequence, head);
    ft_dropout dropout = ft_dropout_of(args.batch, args.batch.model_dropout, a.dropout_site, sequence);

    copy_rows<D, TILE<M>, 1>(queries_of(a, a.q, sequence, head), first_query, memory.q);
    ft_copy_async_commit();
    load_seen(a, sequence, 0, n_chunks, seen);
    load_line(args, head, line);
    __syncthreads();
    auto begin = [&](int chunk, int turn) {
        if (chunk < n_chunks) {
            auto &stage = memory.stages[turn];
            copy_rows<D, KEYS, -1>(k, key_of_chunk(a, chunk), stage.k);
            copy_rows<D, KEYS, -1>(v, key_of_chunk(a, chunk), stage.v);
        }
        ft_copy_async_commit();
        return chunk;
    };

    float largest[M][2], sum[M][2] = {{0}}, result[M][D / 8][4] = {{{0}}};
    for (int m = 0; m < M; m++) largest[m][0] = largest[m][1] = -INFINITY;
    int chunk = begin(next_chunk(a, seen, first_query, TILE<M>, 0, n_chunks), 0);
    for (int turn = 0; chunk < n_chunks; turn ^= 1) {
        ft_copy_async_wait<0>();
        /* this chunk has arrived for all threads, and they are done with the previous
         * one */
        __syncthreads();
        int next = begin(next_chunk(a, seen, first_query, TILE<M>, chunk + 1, n_chunks), turn ^ 1);
        /* the first 8 N features of the chunk */
        auto process = [&](auto columns) {
            constexpr int N = decltype(columns)::value;
            const auto &stage = memory.stages[turn];
            float scores[M][N][4];
            int first_key = key_of_chunk(a, chunk);
            const float4 *start = line + line_start(args, first_key - first_query) + row + g + 2 * t;
            multiply_rows<D, N, M, true>(memory.q + row, stage.k, start, scores);
            hide_scores<N, M, false>(seen + 2 * chunk, 0, causal_edge(a, first_query, first_key), row,
                                     scores);
#pragma unroll
            for (int m = 0; m < M; m++) online_softmax<D, N>(scores[m], largest[m], sum[m], result[m]);
            /* multiply_sums is in both branches: after them it would copy all scores */
            if (dropout.active) {
#pragma unroll
                for (int m = 0; m < M; m++)
                    drop_columns<N>(dropout, a, head, first_query + row + 16 * m, chunk, scores[m]);
                multiply_sums<D, N, M>(scores, stage.v, result);
            } else {
                multiply_sums<D, N, M>(scores, stage.v, result);
            }
        };
        if (first_query + row >= a.q_length)
            ; /* the warp has no queries */
        else if (a.kv_length - chunk * KEYS <= FEW)
            process(columns<FEW / 8>());
        else
            process(columns<KEYS / 8>());
        chunk = next;
    }
#pragma unroll
    for (int m = 0; m < M; m++) {
        int first = first_query + row + 16 * m;
        float factor[2];
        for (int half = 0; half < 2; half++) {
            sum[m][half] = lanes_sum<4>(sum[m][half]);
            factor[half] = inverse_of_sum(sum[m][half]) * dropout.scale;
        }
        if (lse) store_lse(a, sequence, head, first, largest[m], sum[m], lse);
        store_rows<D, 1>(result[m], factor, memory.q + row + 16 * m, queries_of(a, out, sequence, head),
                         first);
    }
}

template <int D, int M> static void launch(ft_cuda *cuda, attention_arguments args, ft_tensor out, float *lse)
{
    static_assert(sizeof(forward_memory<D, M>) < LEAST_SHARED, "fits every device");
    size_t fixed = sizeof(forward_memory<D, M>) + line_bytes(args), bytes;
    auto *kernel = attention_mma_forward_kernel<D, M>;
    if (!allow_shared(cuda, kernel, fixed, SEEN_BYTES, args.a.kv_length, &bytes)) return;
    for (int64_t first = 0; first < args.batch.n_sequences; first += MOST_SEQUENCES) {
        args.first_sequence = (int32_t)first;
        ft_cuda_grid grid = attention_grid(args, args.a.q_length, TILE<M>);
        CUDA_LAUNCH(cuda, kernel, grid, ATTENTION_THREADS, bytes, args, out, lse);
    }
}

void ft_cuda_attention_mma_forward(ft_cuda *cuda, const attention_arguments &args, ft_tensor out, float *lse)
{
    bool is_long = args.a.q_length > MMA_LONG;
    if (args.a.d_kv <= 32)
        (is_long ? launch<32, 2> : launch<32, 1>)(cuda, args, out, lse);
    else if (args.a.d_kv <= 64)
        (is_long ? launch<64, 2> : launch<64, 1>)(cuda, args, out, lse);
    else
        launch<128, 1>(cuda, args, out, lse);
}
