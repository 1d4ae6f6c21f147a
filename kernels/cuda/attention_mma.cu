/* T5 attention, forward, on tensor cores. attention.cu says what it computes.
 *
 * Floor: read q, k, v and write out once, 2 bytes an element; 4 d_kv FLOPs a pair of
 * query and key. 512 x 512 with 64 features: 256 FLOPs a byte. Dropout adds an eighth of
 * a Philox block a pair, about 6 integer instructions.
 *
 * A block takes 64 queries of one head of one sequence, 16 a warp, and iterates over
 * chunks of 64 keys. It skips chunks that no query may attend to (causal, or padding).
 * While it processes one chunk, it copies the keys, values and biases of the next
 * (cp.async), with one barrier a chunk.
 *
 * Scores start as the bias, are summed in f32 by mma.sync, and never leave the registers:
 * as probabilities, rounded to bf16, they are the left operand of the next product. A
 * lane's scores cover whole blocks of dropout numbers, so each lane draws its own. Row
 * maximum and sum are kept as in attention.cu, the maximum in base 2; each thread keeps
 * its part of the sum until the end. */
#include "kernels/cuda/attention_mma.h"

#define LN_2 0.6931471805599453f

/* Blocks per multiprocessor with heads of up to 64 features. The shared memory of compute
 * capability 8.0 has no room for more. */
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 900
#define BLOCKS 3
#else
#define BLOCKS 4
#endif

template <int D> struct forward_memory {
    mma_row<D> q[MMA_QUERIES];
    struct alignas(16) stage {
        mma_row<D> k[KEYS], v[KEYS];
        float bias[MMA_QUERIES + KEYS]; /* by distance */
    } stages[2];
    ft_dropout dropout;
    /* followed by the line of biases and `seen` of all chunks: (n_chunks, 2) */
};

/* Turns one chunk's scores into unnormalised probabilities and rescales the previous
 * sums. largest: the largest score so far, in base 2. */
template <int D>
__device__ __forceinline__ void online_softmax(float scores[KEYS / 8][4], float largest[2], float sum[2],
                                               float result[D / 8][4])
{
#pragma unroll
    for (int half = 0; half < 2; half++) {
        float most = -INFINITY;
#pragma unroll
        for (int n = 0; n < KEYS / 8; n++)
            most = fmaxf(most, fmaxf(scores[n][2 * half], scores[n][2 * half + 1]));
        most = fmaxf(lanes_max<4>(most) * FT_LOG2_E, largest[half]);
        float shift = shift_of(most), shrink = ft_exp2(largest[half] - shift);
        largest[half] = most;
        if (shrink != 1) { /* rare after the first chunks */
            sum[half] *= shrink;
#pragma unroll
            for (int n = 0; n < D / 8; n++) result[n][2 * half] *= shrink, result[n][2 * half + 1] *= shrink;
        }
#pragma unroll
        for (int n = 0; n < KEYS / 8; n++)
#pragma unroll
            for (int e = 2 * half; e < 2 * half + 2; e++) {
                scores[n][e] = exp_from(shift, scores[n][e]);
                sum[half] += scores[n][e];
            }
    }
}

/* Grid: (query tiles, heads, sequences). */
template <int D>
__global__ void __launch_bounds__(ATTENTION_THREADS, D <= 64 ? BLOCKS : 2)
    attention_mma_forward_kernel(attention_arguments args, ft_tensor out, float *lse)
{
    FT_SHARED_DYNAMIC(memory_start);
    forward_memory<D> &memory = *(forward_memory<D> *)memory_start;
    float *line = (float *)(&memory + 1);
    unsigned *seen = (unsigned *)(line + line_length(args));
    const ft_attention &a = args.a;
    int first_query = (int)blockIdx.x * MMA_QUERIES, head = (int)blockIdx.y,
        sequence = sequence_of_block(args);
    int row = (int)threadIdx.x / FT_WARP * MMA_ROWS, g = (int)threadIdx.x % FT_WARP / 4,
        t = (int)threadIdx.x % 4;
    int n_chunks = (a.kv_length + KEYS - 1) / KEYS;
    mma_matrix k = keys_of(args, a.k, sequence, head), v = keys_of(args, a.v, sequence, head);
    bool biased = a.bias.data != NULL;
    const ft_dropout &dropout = memory.dropout; /* in shared memory, to save registers */

    copy_rows<D, MMA_QUERIES, 1>(queries_of(a, a.q, sequence, head), first_query, memory.q);
    load_seen(a, sequence, 0, n_chunks, seen);
    load_bias_line(args, head, line);
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
            load_distances<MMA_QUERIES>(args, line, first_query, chunk, stage.bias, NULL);
        }
        ft_copy_async_commit();
        return chunk;
    };

    float largest[2] = {-INFINITY, -INFINITY}, sum[2] = {0, 0}, result[D / 8][4] = {{0}};
    int chunk = begin(next_chunk(a, seen, first_query, 0, n_chunks), 0);
    for (int turn = 0; chunk < n_chunks; turn ^= 1) {
        ft_copy_async_wait<0>();
        /* this chunk has arrived for all threads, and they are done with the previous
         * one */
        __syncthreads();
        int next = begin(next_chunk(a, seen, first_query, chunk + 1, n_chunks), turn ^ 1);
        if (first_query + row < a.q_length) {
            const auto &stage = memory.stages[turn];
            float scores[KEYS / 8][4];
            begin_scores<KEYS / 8>(biased ? stage.bias + MMA_QUERIES + KEYS - 2 : NULL, row, scores);
            multiply_rows<D, KEYS / 8>(memory.q + row, stage.k, scores);
            hide_scores<KEYS / 8, false>(seen + 2 * chunk, causal_edge(a, first_query, chunk), row, scores);
            online_softmax<D>(scores, largest, sum, result);
            if (dropout.active) drop_columns(dropout, a, head, first_query + row, chunk, scores);
            multiply_sums<D, KEYS / 8>(scores, stage.v, result);
        }
        chunk = next;
    }
    float factor[2];
    for (int half = 0; half < 2; half++) {
        sum[half] = lanes_sum<4>(sum[half]);
        factor[half] = inverse_of_sum(sum[half]) * dropout.scale;
        int query = first_query + row + g + 8 * half;
        if (lse && t == 0 && query < a.q_length)
            lse[((int64_t)sequence * a.n_heads + head) * a.q_length + query] =
                largest[half] * LN_2 + logf(sum[half]);
    }
    store_rows<D, 1>(result, factor, memory.q + row, queries_of(a, out, sequence, head), first_query + row);
}

template <int D> static void launch(ft_cuda *cuda, attention_arguments args, ft_tensor out, float *lse)
{
    static_assert(sizeof(forward_memory<D>) < LEAST_SHARED, "fits every device");
    size_t fixed = sizeof(forward_memory<D>) + line_length(args) * sizeof(float), bytes;
    if (!allow_shared(cuda, attention_mma_forward_kernel<D>, fixed, SEEN_BYTES, args.a.kv_length, &bytes))
        return;
    for (int64_t first = 0; first < args.batch.n_sequences; first += MOST_SEQUENCES) {
        args.first_sequence = (int32_t)first;
        CUDA_LAUNCH(cuda, attention_mma_forward_kernel<D>, attention_grid(args, args.a.q_length, MMA_QUERIES),
                    ATTENTION_THREADS, bytes, args, out, lse);
    }
}

void ft_cuda_attention_mma_forward(ft_cuda *cuda, const attention_arguments &args, ft_tensor out, float *lse)
{
    if (args.a.d_kv <= 32)
        launch<32>(cuda, args, out, lse);
    else if (args.a.d_kv <= 64)
        launch<64>(cuda, args, out, lse);
    else
        launch<128>(cuda, args, out, lse);
}
