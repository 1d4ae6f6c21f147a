/* T5 attention, forward, flash-style: scores are never written to memory.
 *
 *   s_ij = q_i . k_j + bias[bucket(j - i), head]
 *   p_ij = exp(s_ij - lse_i)
 *   out_i = sum_j p_ij m_ij v_j      m: dropout factors
 *
 * out and lse are overwritten. A block takes 16 queries of one head of one sequence,
 * iterates over chunks of 64 keys, and keeps a running maximum, sum and output for each
 * query (Milakov and Gimelshein, arXiv 1805.02867; Dao et al., arXiv 2205.14135).
 * Products are in f32.
 *
 * Floor: read q, k, v and write out once, 4 bytes an element; 4 d_kv FLOPs a pair of
 * query and key, here as multiply-adds from shared memory. attention_mma.cu has the bf16
 * kernels. */
#include "kernels/cuda/attention_fma.h"

/* Grid: (query tiles, heads, sequences). D_KV is an upper bound of d_kv, so that a
 * query's output stays in registers. */
template <int D_KV>
__global__ void __launch_bounds__(ATTENTION_THREADS, 2)
    attention_forward_kernel(attention_arguments args, ft_tensor out, float *lse)
{
    FT_SHARED_DYNAMIC(memory);
    const ft_attention &a = args.a;
    attention_tiles tiles;
    attention_layout(FORWARD_PASS, args, memory, &tiles);
    int first_query = (int)blockIdx.x * QUERIES, head = (int)blockIdx.y, sequence = sequence_of_block(args);
    int r = threadIdx.x / LANES, lane = threadIdx.x % LANES, query = first_query + r;
    ft_dropout dropout = ft_dropout_of(args.batch, args.batch.model_dropout, a.dropout_site, sequence);
    load_queries(a, a.q, sequence, head, first_query, tiles.q, tiles.pitch);
    load_bias_line(args, head, tiles.line);

    float largest = -INFINITY, sum = 0, output[D_KV / LANES] = {0};
    int n_chunks = (a.kv_length + KEYS - 1) / KEYS;
    for (int chunk = 0; chunk < n_chunks; chunk++) {
        if (chunk_is_hidden(a, first_query, QUERIES, chunk)) continue;
        __syncthreads(); /* all threads are done with the previous chunk's tiles */
        load_keys(a, a.k, sequence, head, chunk, tiles.k, tiles.pitch);
        load_tables(args, sequence, first_query, chunk, tiles);
        __syncthreads();
        float score[KEYS_PER_THREAD], factor[KEYS_PER_THREAD];
        tile_scores(args, tiles, first_query, chunk, r, lane, score);
        tile_dropout(dropout, a, query, chunk, head, lane, factor);
        float now_largest = largest;
#pragma unroll
        for (int n = 0; n < KEYS_PER_THREAD; n++) now_largest = fmaxf(now_largest, score[n]);
        now_largest = lanes_max<LANES>(now_largest);
        float shrink = largest == -INFINITY ? 0.0f : expf(largest - now_largest), part = 0;
#pragma unroll
        for (int n = 0; n < KEYS_PER_THREAD; n++) {
            float p = score[n] == -INFINITY ? 0.0f : expf(score[n] - now_largest);
            part += p;
            tiles.p[r * SCORE_PITCH + key_of(n, lane)] = p * factor[n];
        }
        sum = sum * shrink + lanes_sum<LANES>(part);
        largest = now_largest;
        __syncthreads(); /* values replace the keys */
        load_keys(a, a.v, sequence, head, chunk, tiles.v, tiles.pitch);
        __syncthreads();
#pragma unroll
        for (int n = 0; n < D_KV / LANES; n++) output[n] *= shrink;
        for (int f = 0; f < KEYS; f++) {
            float p = tiles.p[r * SCORE_PITCH + f];
#pragma unroll
            for (int n = 0; n < D_KV / LANES; n++)
                if (n * LANES + lane < a.d_kv) output[n] += p * tiles.v[f * tiles.pitch + n * LANES + lane];
        }
    }
    if (query >= a.q_length) return;
    ft_tensor out_head = head_columns(out, head, a.d_kv);
    float inverse = inverse_of_sum(sum);
    for (int n = 0; n < D_KV / LANES; n++)
        if (n * LANES + lane < a.d_kv)
            ft_store(out_head, (int64_t)sequence * a.q_length + query, n * LANES + lane, output[n] * inverse);
    if (lse && lane == 0)
        lse[((int64_t)sequence * a.n_heads + head) * a.q_length + query] = largest + logf(sum);
}

template <int D_KV> static void launch(ft_cuda *cuda, attention_arguments args, ft_tensor out, float *lse)
{
    size_t fixed = attention_layout(FORWARD_PASS, args, NULL, NULL) * sizeof(float), bytes;
    if (!allow_shared(cuda, attention_forward_kernel<D_KV>, fixed, 0, args.a.kv_length, &bytes)) return;
    for (int64_t first = 0; first < args.batch.n_sequences; first += MOST_SEQUENCES) {
        args.first_sequence = (int32_t)first;
        CUDA_LAUNCH(cuda, attention_forward_kernel<D_KV>, attention_grid(args, args.a.q_length, QUERIES),
                    ATTENTION_THREADS, bytes, args, out, lse);
    }
}

static void attention_forward(ft_backend *self, const ft_adapter_batch *batch, const ft_attention *attention,
                              ft_tensor out, void *lse)
{
    ft_cuda *cuda = ft_cuda_of(self);
    attention_arguments args;
    if (out.rows == 0 || !ft_cuda_enter(cuda) || !attention_arguments_of(cuda, batch, attention, &args))
        return;
    const ft_tensor *tensors[] = {&attention->q, &attention->k, &attention->v, &out};
    if (attention_in_pieces(attention->d_kv, tensors, 4))
        ft_cuda_attention_mma_forward(cuda, args, out, (float *)lse);
    else if (attention->d_kv <= 32)
        launch<32>(cuda, args, out, (float *)lse);
    else if (attention->d_kv <= 64)
        launch<64>(cuda, args, out, (float *)lse);
    else
        launch<128>(cuda, args, out, (float *)lse);
}

void ft_cuda_attention_operations(ft_backend *base)
{
    base->attention_forward = attention_forward;
}
