/* T5 attention, backward. Scores are recomputed from q, k and lse.
 *
 *   D_i = out_i . dout_i
 *   ds_ij = p_ij (m_ij (dout_i . v_j) - D_i)
 *   dq_i = sum_j ds_ij k_j,  dk_j = sum_i ds_ij q_i,  dv_j = sum_i p_ij m_ij dout_i
 *   dbias[bucket(j - i), head] += sum of ds_ij
 *
 * dq, dk, dv are overwritten. There are two kernels, so that every sum has one owner and
 * a fixed order: one takes a tile of queries and iterates over the keys (dq, D, dbias),
 * the other takes a chunk of keys and iterates over the queries (dk, dv).
 *
 * Floor: read q, k, v, out, dout and write dq, dk, dv once, 4 bytes an element; 10 d_kv
 * FLOPs a pair of query and key (14 here), as multiply-adds from shared memory.
 * attention_mma_backward.cu has the bf16 kernels. */
#include "kernels/cuda/attention_fma.h"

/* p and ds of the thread's keys, from the tiles q, k, dout, v. */
__device__ __forceinline__ void tile_gradients(const attention_arguments &args, const attention_tiles &tiles,
                                               const ft_dropout &dropout, int head, int first_query,
                                               int chunk, int r, int lane, float log_sum, float row_sum,
                                               float p[KEYS_PER_THREAD], float ds[KEYS_PER_THREAD])
{
    float factor[KEYS_PER_THREAD];
    tile_scores(args, tiles, first_query, chunk, r, lane, p);
    tile_products(tiles.dout, tiles.v, r, lane, args.a.d_kv, tiles.pitch, ds);
    tile_dropout(dropout, args.a, first_query + r, chunk, head, lane, factor);
#pragma unroll
    for (int n = 0; n < KEYS_PER_THREAD; n++) {
        float probability = p[n] == -INFINITY ? 0.0f : expf(p[n] - log_sum);
        p[n] = probability * factor[n];
        ds[n] = probability * (factor[n] * ds[n] - row_sum);
    }
}

/* Grid: (query tiles, heads, sequences). row_sums: (n_sequences, n_heads, q_length), D
 * for the key kernel. bias_parts: (blocks, n_buckets) or NULL. */
template <int D_KV>
__global__ void __launch_bounds__(ATTENTION_THREADS, 2)
    attention_query_kernel(attention_arguments args, ft_tensor out, const float *lse, ft_tensor dout,
                           ft_tensor dq, float *row_sums, float *bias_parts)
{
    FT_SHARED_DYNAMIC(memory);
    const ft_attention &a = args.a;
    attention_tiles tiles;
    attention_layout(QUERY_PASS, args, memory, &tiles);
    int first_query = (int)blockIdx.x * QUERIES, head = (int)blockIdx.y, sequence = sequence_of_block(args);
    int r = threadIdx.x / LANES, lane = threadIdx.x % LANES, query = first_query + r;
    int64_t row = (int64_t)sequence * a.q_length + query;
    int64_t index = ((int64_t)sequence * a.n_heads + head) * a.q_length + query;
    ft_dropout dropout = ft_dropout_of(args.batch, args.batch.model_dropout, a.dropout_site, sequence);
    load_queries(a, a.q, sequence, head, first_query, tiles.q, tiles.pitch);
    load_queries(a, dout, sequence, head, first_query, tiles.dout, tiles.pitch);
    load_bias_line(args, head, tiles.line);
    __syncthreads();

    float row_sum = 0, log_sum = 0;
    if (query < a.q_length) {
        ft_tensor out_head = head_columns(out, head, a.d_kv);
        for (int e = lane; e < a.d_kv; e += LANES)
            row_sum += ft_load(out_head, row, e) * tiles.dout[r * tiles.pitch + e];
        log_sum = lse[index];
    }
    row_sum = lanes_sum<LANES>(row_sum);
    if (query < a.q_length && lane == 0) row_sums[index] = row_sum;

    /* bucket_total: of bucket threadIdx.x */
    float gradient[D_KV / LANES] = {0}, bucket_total = 0;
    int n_chunks = (a.kv_length + KEYS - 1) / KEYS;
    for (int chunk = 0; chunk < n_chunks; chunk++) {
        if (chunk_is_hidden(a, first_query, QUERIES, chunk)) continue;
        __syncthreads();
        load_keys(a, a.k, sequence, head, chunk, tiles.k, tiles.pitch);
        load_keys(a, a.v, sequence, head, chunk, tiles.v, tiles.pitch);
        load_tables(args, sequence, first_query, chunk, tiles);
        __syncthreads();
        float p[KEYS_PER_THREAD], ds[KEYS_PER_THREAD];
        tile_gradients(args, tiles, dropout, head, first_query, chunk, r, lane, log_sum, row_sum, p, ds);
#pragma unroll
        for (int n = 0; n < KEYS_PER_THREAD; n++) tiles.ds[r * SCORE_PITCH + key_of(n, lane)] = ds[n];
        __syncthreads();
        for (int f = 0; f < KEYS; f++) {
            float one = tiles.ds[r * SCORE_PITCH + f];
#pragma unroll
            for (int n = 0; n < D_KV / LANES; n++)
                if (n * LANES + lane < a.d_kv)
                    gradient[n] += one * tiles.k[f * tiles.pitch + n * LANES + lane];
        }
        if (bias_parts)
            bucket_total += bucket_sum<QUERIES, SCORE_PITCH>(tiles.ds, tiles.bucket, tiles.diagonal);
    }
    if (bias_parts && (int)threadIdx.x < args.buckets.n_buckets) {
        int64_t block = ((int64_t)sequence * a.n_heads + head) * gridDim.x + blockIdx.x;
        bias_parts[block * args.buckets.n_buckets + threadIdx.x] = bucket_total;
    }
    if (query >= a.q_length) return;
    ft_tensor dq_head = head_columns(dq, head, a.d_kv);
    for (int n = 0; n < D_KV / LANES; n++)
        if (n * LANES + lane < a.d_kv) ft_store(dq_head, row, n * LANES + lane, gradient[n]);
}

/* Grid: (key chunks, heads, sequences). Each thread first computes p and ds of its query.
 * Then two threads sum for each key, over every other feature each. */
template <int D_KV>
__global__ void __launch_bounds__(ATTENTION_THREADS, 2)
    attention_key_kernel(attention_arguments args, const float *lse, ft_tensor dout, ft_tensor dk,
                         ft_tensor dv, const float *row_sums)
{
    enum { SHARE = ATTENTION_THREADS / KEYS };
    FT_SHARED_DYNAMIC(memory);
    const ft_attention &a = args.a;
    attention_tiles tiles;
    attention_layout(KEY_PASS, args, memory, &tiles);
    int chunk = (int)blockIdx.x, head = (int)blockIdx.y, sequence = sequence_of_block(args);
    int r = threadIdx.x / LANES, lane = threadIdx.x % LANES;
    int f = threadIdx.x / SHARE, half = threadIdx.x % SHARE;
    ft_dropout dropout = ft_dropout_of(args.batch, args.batch.model_dropout, a.dropout_site, sequence);
    load_keys(a, a.k, sequence, head, chunk, tiles.k, tiles.pitch);
    load_keys(a, a.v, sequence, head, chunk, tiles.v, tiles.pitch);
    load_bias_line(args, head, tiles.line);

    float k_gradient[D_KV / SHARE] = {0}, v_gradient[D_KV / SHARE] = {0};
    for (int first_query = 0; first_query < a.q_length; first_query += QUERIES) {
        if (chunk_is_hidden(a, first_query, QUERIES, chunk)) continue;
        __syncthreads();
        load_queries(a, a.q, sequence, head, first_query, tiles.q, tiles.pitch);
        load_queries(a, dout, sequence, head, first_query, tiles.dout, tiles.pitch);
        load_tables(args, sequence, first_query, chunk, tiles);
        __syncthreads();
        float p[KEYS_PER_THREAD], ds[KEYS_PER_THREAD], log_sum = 0, row_sum = 0;
        if (first_query + r < a.q_length) {
            int64_t index = ((int64_t)sequence * a.n_heads + head) * a.q_length + first_query + r;
            log_sum = lse[index];
            row_sum = row_sums[index];
        }
        tile_gradients(args, tiles, dropout, head, first_query, chunk, r, lane, log_sum, row_sum, p, ds);
#pragma unroll
        for (int n = 0; n < KEYS_PER_THREAD; n++) {
            tiles.p[r * SCORE_PITCH + key_of(n, lane)] = p[n];
            tiles.ds[r * SCORE_PITCH + key_of(n, lane)] = ds[n];
        }
        __syncthreads();
        for (int q = 0; q < QUERIES; q++) {
            float one_p = tiles.p[q * SCORE_PITCH + f], one_ds = tiles.ds[q * SCORE_PITCH + f];
#pragma unroll
            for (int n = 0; n < D_KV / SHARE; n++)
                if (n * SHARE + half < a.d_kv) {
                    v_gradient[n] += one_p * tiles.dout[q * tiles.pitch + n * SHARE + half];
                    k_gradient[n] += one_ds * tiles.q[q * tiles.pitch + n * SHARE + half];
                }
        }
    }
    int key = a.kv_length - 1 - chunk * KEYS - f;
    if (key < 0) return;
    ft_tensor dk_head = head_columns(dk, head, a.d_kv), dv_head = head_columns(dv, head, a.d_kv);
    int64_t row = (int64_t)sequence * a.kv_length + key;
    for (int n = 0; n < D_KV / SHARE; n++)
        if (n * SHARE + half < a.d_kv) {
            ft_store(dk_head, row, n * SHARE + half, k_gradient[n]);
            ft_store(dv_head, row, n * SHARE + half, v_gradient[n]);
        }
}

/* One block per head, one thread per bucket. */
__global__ void __launch_bounds__(FT_CUDA_MAX_BUCKETS)
    bias_total_kernel(const float *parts, int n_sequences, int n_heads, int n_tiles, ft_tensor dbias)
{
    int head = (int)blockIdx.x, bucket = (int)threadIdx.x, n_buckets = (int)dbias.rows;
    if (bucket >= n_buckets) return;
    float sum = 0;
    for (int sequence = 0; sequence < n_sequences; sequence++)
        for (int tile = 0; tile < n_tiles; tile++)
            sum += parts[(((int64_t)sequence * n_heads + head) * n_tiles + tile) * n_buckets + bucket];
    ft_store(dbias, bucket, head, ft_load(dbias, bucket, head) + sum);
}

template <int D_KV> static void launch(ft_cuda *cuda, attention_arguments args, const attention_gradients &t)
{
    const ft_attention &a = args.a;
    size_t fixed = attention_layout(KEY_PASS, args, NULL, NULL) * sizeof(float), bytes;
    if (!allow_shared(cuda, attention_query_kernel<D_KV>, fixed, 0, a.kv_length, &bytes) ||
        !allow_shared(cuda, attention_key_kernel<D_KV>, fixed, 0, a.kv_length, &bytes))
        return;
    for (int64_t first = 0; first < args.batch.n_sequences; first += MOST_SEQUENCES) {
        args.first_sequence = (int32_t)first;
        CUDA_LAUNCH(cuda, attention_query_kernel<D_KV>, attention_grid(args, a.q_length, QUERIES),
                    ATTENTION_THREADS, bytes, args, t.out, t.lse, t.dout, t.dq, t.row_sums, t.bias_parts);
        CUDA_LAUNCH(cuda, attention_key_kernel<D_KV>, attention_grid(args, a.kv_length, KEYS),
                    ATTENTION_THREADS, bytes, args, t.lse, t.dout, t.dk, t.dv, t.row_sums);
    }
}

static void attention_backward(ft_backend *self, const ft_adapter_batch *batch, const ft_attention *attention,
                               ft_tensor out, const void *lse, ft_tensor dout, ft_tensor dq, ft_tensor dk,
                               ft_tensor dv, ft_tensor dbias)
{
    ft_cuda *cuda = ft_cuda_of(self);
    attention_arguments args;
    if (out.rows == 0 || !ft_cuda_enter(cuda) || !attention_arguments_of(cuda, batch, attention, &args))
        return;
    size_t heads = (size_t)batch->n_sequences * (size_t)attention->n_heads;
    const ft_tensor *tensors[] = {&attention->q, &attention->k, &attention->v, &out, &dout, &dq, &dk, &dv};
    bool mma = attention_in_pieces(attention->d_kv, tensors, 8);
    size_t n_tiles = (size_t)ft_cuda_ceil(attention->q_length, mma ? (int)MMA_QUERIES : (int)QUERIES);
    attention_gradients t = {out, dout, dq, dk, dv, (const float *)lse, NULL, NULL};
    t.row_sums =
        (float *)ft_cuda_scratch(cuda, FT_CUDA_ROW_SUMS, heads * (size_t)attention->q_length * sizeof(float));
    if (!t.row_sums) return;
    if (dbias.data) {
        t.bias_parts = (float *)ft_cuda_scratch(cuda, FT_CUDA_BIAS_PARTS,
                                                heads * n_tiles * (size_t)dbias.rows * sizeof(float));
        if (!t.bias_parts) return;
    }
    if (mma)
        ft_cuda_attention_mma_backward(cuda, args, t);
    else if (attention->d_kv <= 32)
        launch<32>(cuda, args, t);
    else if (attention->d_kv <= 64)
        launch<64>(cuda, args, t);
    else
        launch<128>(cuda, args, t);
    if (dbias.data)
        CUDA_LAUNCH(cuda, bias_total_kernel, attention->n_heads, FT_CUDA_MAX_BUCKETS, 0, t.bias_parts,
                    batch->n_sequences, attention->n_heads, (int)n_tiles, dbias);
}

void ft_cuda_attention_backward_operations(ft_backend *base)
{
    base->attention_backward = attention_backward;
}
