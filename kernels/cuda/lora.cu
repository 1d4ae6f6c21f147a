/* LoRA adapters, each applied to its own rows.
 *
 *   forward   u_i = scale * dropout_i(x) A_i^T (overwritten), y_i += u_i B_i^T
 *   backward  du_i = scale * dy_i B_i (overwritten), dx += sum of dropout_i'(du_i A_i),
 *             and the gradients of A_i and B_i (lora_gradient.cu)
 *
 * Design: one kernel, forward and backward, goes down to the rank and up again for all
 * targets i. A block has 16 rows of an adapter; forward it has one target, whose y no
 * other target changes, and the blocks of the same rows follow one another, so that x is
 * read from memory once and then from the cache. Backward it has all targets, if they
 * have at most MOST_RANKS ranks: dx is read and written once.
 *
 * Down: each warp multiplies its own chunks of 64 features, on tensor cores with operands
 * rounded to bf16 on a backend for bf16, else with FMA; the warps' sums are added in
 * shared memory in the warps' order. Up: each warp adds to 64 features of the result.
 *
 * A usual projection has no more chunks than a block has warps, so all loads of a block,
 * including those of the result that is added to, are in flight at once, and dropout is
 * drawn meanwhile. Dropped elements are masked; the scale of the others is applied to the
 * sum. All sums are in f32, in an order that depends only on the shape.
 *
 * Floor of n targets, bytes of a row with bf16 activations: 2 in + n (4 out + 4 rank)
 * forward, n (2 out + 4 rank) + 8 in backward (dx is f32); FLOPs: 2 n rank (in + out). */
#include "kernels/cuda/lora.h"

enum {
    FEWEST_WARPS = 4,
    MOST_WARPS = 8,
    SUMS = FT_LORA_ROWS * FT_LORA_TILE,
    PAD = 4,
    MOST_RANKS = 608 /* of a block's targets: what fits 48 KiB of shared memory */
};

/* A warp's 16 rows. With g = lane / 4 and t = lane % 4, a lane has, of each chunk, the
 * eight features from 8 t and the eight from 32 + 8 t, in rows g and g + 8. Rows beyond
 * the piece's end repeat the last row. */
struct lora_strip {
    int g, t, n_rows;
    int64_t first, row[2];
    ft_dropout dropout; /* for row lane / 2 */
    int32_t length, position;
};

__device__ __forceinline__ lora_strip strip_of(const ft_piece &piece, int32_t length)
{
    int lane = (int)threadIdx.x % FT_WARP;
    lora_strip strip = {};
    strip.g = lane / 4, strip.t = lane % 4;
    strip.first = piece.first, strip.n_rows = (int)(piece.end - piece.first);
    strip.row[0] = piece.first + min(strip.g, strip.n_rows - 1);
    strip.row[1] = piece.first + min(strip.g + 8, strip.n_rows - 1);
    strip.length = length;
    return strip;
}

__device__ __forceinline__ void start_dropout(const ft_adapter_batch &batch, uint32_t site, int32_t adapter,
                                              lora_strip *strip)
{
    int32_t first_sequence = batch.sequence_start[adapter];
    int row = (int)strip->first + min((int)threadIdx.x % FT_WARP / 2, strip->n_rows - 1);
    strip->dropout = ft_dropout_of(batch, batch.lora_dropout, site, first_sequence);
    strip->dropout.sequence = (uint32_t)(row / strip->length - first_sequence);
    strip->position = row % strip->length;
}

/* Which of the lane's features in a chunk dropout keeps, for both rows: bits i of the
 * first eight, 16 + i of the second. Each lane draws one unit of one row. */
__device__ __forceinline__ void draw(const lora_strip &strip, int chunk, unsigned keep[2])
{
    int unit = chunk * (FT_CHUNK / FT_UNIT) + (int)threadIdx.x % 2, from = 2 * strip.g + strip.t % 2;
    unsigned own = ft_keep_unit(strip.dropout, strip.length, strip.position, unit);
    keep[0] = __shfl_sync(FT_ALL_LANES, own, from) >> (strip.t / 2 * 8);
    keep[1] = __shfl_sync(FT_ALL_LANES, own, from + FT_WARP / 2) >> (strip.t / 2 * 8);
}

/* -- down to the rank -- */

template <bool PLAIN, class P>
__device__ __forceinline__ void load_rows(const ft_tensor &left, bool eights, const lora_strip &strip,
                                          int chunk, P rows[2][2][4])
{
#pragma unroll
    for (int r = 0; r < 2; r++)
#pragma unroll
        for (int e = 0; e < 2; e++)
            ft_load_pairs<PLAIN>(left, eights, strip.row[r], chunk * FT_CHUNK + 32 * e + 8 * strip.t,
                                 rows[r][e]);
}

/* The lane's right operand for rank n: neighbours in row n of A: (rank, in), or a piece
 * of column n of B: (out, rank). */
template <bool PLAIN, bool BACK>
__device__ __forceinline__ void load_down(const ft_tensor &weight, bool eights, const lora_strip &strip,
                                          int chunk, int n, float w[2][8])
{
#pragma unroll
    for (int e = 0; e < 2; e++) {
        int feature = chunk * FT_CHUNK + 32 * e + 8 * strip.t;
        if constexpr (BACK) {
            const float *at = (const float *)weight.data + (int64_t)feature * weight.cols + n;
#pragma unroll
            for (int i = 0; i < 8; i++)
                w[e][i] = PLAIN || feature + i < weight.rows ? at[i * weight.cols] : 0.0f;
        } else if constexpr (PLAIN) {
            const float4 *at = (const float4 *)((const float *)weight.data + n * weight.cols + feature);
            float4 low = at[0], high = at[1];
            w[e][0] = low.x, w[e][1] = low.y, w[e][2] = low.z, w[e][3] = low.w;
            w[e][4] = high.x, w[e][5] = high.y, w[e][6] = high.z, w[e][7] = high.w;
        } else {
            ft_load8(weight, eights, n, feature, w[e]);
        }
    }
}

/* Sets what dropout does not keep to 0. */
template <class P> __device__ __forceinline__ void mask_rows(const unsigned keep[2], P rows[2][2][4])
{
#pragma unroll
    for (int r = 0; r < 2; r++)
#pragma unroll
        for (int e = 0; e < 2; e++)
#pragma unroll
            for (int q = 0; q < 4; q++) rows[r][e][q] = ft_kept(rows[r][e][q], keep[r] >> (16 * e + 2 * q));
}

/* Adds a chunk's products with A, or backward B, to the sums of TILES tiles of ranks from
 * n_first on. */
template <bool PLAIN, bool BACK, int TILES, class P>
__device__ __forceinline__ void multiply_down(const ft_tensor &weight, bool eights, const lora_strip &strip,
                                              int chunk, int n_first, int rank, const P rows[2][2][4],
                                              float sums[TILES][4])
{
/* Unrolled, backward with two tiles would need more than 128 registers. */
#pragma unroll(PLAIN &&BACK &&TILES == 2 ? 1 : TILES)
    for (int tile = 0; tile < TILES; tile++) {
        int n = n_first + tile * FT_LORA_TILE;
        if (n >= rank) break;
        float w[2][8];
        load_down<PLAIN, BACK>(weight, eights, strip, chunk, n + strip.g, w);
#pragma unroll
        for (int e = 0; e < 2; e++)
#pragma unroll
            for (int q = 0; q < 4; q += 2) {
                P x[4] = {rows[0][e][q], rows[1][e][q], rows[0][e][q + 1], rows[1][e][q + 1]};
                P y[2] = {ft_pair<P>(w[e][2 * q], w[e][2 * q + 1]),
                          ft_pair<P>(w[e][2 * q + 2], w[e][2 * q + 3])};
                ft_lora_multiply(sums[tile], x, y);
            }
    }
}

/* Adds the warps' sums of ranks [n, n + 8) in the warps' order, and stores `scale` times
 * the result in shared memory, low: (16, pitch), and in to_low, the target's columns. */
__device__ __forceinline__ void add_warps(const lora_strip &strip, int n_warps, int n, float scale,
                                          const float sums[4], float parts[MOST_WARPS][SUMS], float *low,
                                          int pitch, const ft_tensor &to_low)
{
    float *own = &parts[threadIdx.x / FT_WARP][strip.g * FT_LORA_TILE + 2 * strip.t];
    *(float2 *)own = make_float2(sums[0], sums[1]);
    *(float2 *)(own + 8 * FT_LORA_TILE) = make_float2(sums[2], sums[3]);
    __syncthreads();
    int i = (int)threadIdx.x;
    if (i >= SUMS) return;
    float sum = 0;
#pragma unroll
    for (int from = 0; from < MOST_WARPS; from++)
        if (from < n_warps) sum += parts[from][i];
    n += i % FT_LORA_TILE, i /= FT_LORA_TILE;
    low[i * pitch + n] = scale * sum;
    if (i < strip.n_rows) ((float *)to_low.data)[(strip.first + i) * to_low.stride + n] = scale * sum;
}

/* -- up from the rank -- */

/* A lane's part of a chunk of the result: eight neighbours a row and half. */
typedef float lora_part[2][2][8];

template <bool PLAIN>
__device__ __forceinline__ void load_result(const ft_tensor &result, bool eights, const lora_strip &strip,
                                            int chunk, lora_part part)
{
#pragma unroll
    for (int r = 0; r < 2; r++)
#pragma unroll
        for (int e = 0; e < 2; e++) {
            int col = chunk * FT_CHUNK + 32 * e + 8 * strip.t;
            if constexpr (PLAIN) {
                bool packed = result.dtype == FT_BF16;
                int64_t index = strip.row[r] * result.stride + col;
                const uint4 *at = (const uint4 *)((const char *)result.data + index * (packed ? 2 : 4));
                ft_eight got = {at[0], {0, 0, 0, 0}, packed};
                if (!packed) got.high = at[1];
                ft_unpack8(got, part[r][e]);
            } else {
                ft_load8(result, eights, strip.row[r], col, part[r][e]);
            }
        }
}

/* Unpacks what load_rows has loaded ahead. */
__device__ __forceinline__ void unpack_result(const unsigned before[2][2][4], lora_part part)
{
#pragma unroll
    for (int r = 0; r < 2; r++)
#pragma unroll
        for (int e = 0; e < 2; e++)
#pragma unroll
            for (int q = 0; q < 4; q++) {
                part[r][e][2 * q] = ft_bf16_low(before[r][e][q]);
                part[r][e][2 * q + 1] = ft_bf16_high(before[r][e][q]);
            }
}

/* Stores the part, in rows that are there. PACKED: the result is bf16 in any case. */
template <bool PLAIN, bool PACKED>
__device__ __forceinline__ void store_result(const ft_tensor &result, bool eights, const lora_strip &strip,
                                             int chunk, const lora_part part)
{
#pragma unroll
    for (int r = 0; r < 2; r++) {
        if (strip.g + 8 * r >= strip.n_rows) continue;
#pragma unroll
        for (int e = 0; e < 2; e++) {
            int col = chunk * FT_CHUNK + 32 * e + 8 * strip.t;
            int64_t index = strip.row[r] * result.stride + col;
            const float *v = part[r][e];
            if constexpr (!PLAIN) {
                ft_store8(result, eights, strip.row[r], col, v);
            } else if (PACKED || result.dtype == FT_BF16) {
                *(uint4 *)((__nv_bfloat16 *)result.data + index) =
                    make_uint4(ft_bf16_pair(v[0], v[1]), ft_bf16_pair(v[2], v[3]), ft_bf16_pair(v[4], v[5]),
                               ft_bf16_pair(v[6], v[7]));
            } else {
                float4 *to = (float4 *)((float *)result.data + index);
                to[0] = make_float4(v[0], v[1], v[2], v[3]);
                to[1] = make_float4(v[4], v[5], v[6], v[7]);
            }
        }
    }
}

/* The right operand of the chunk's eight products for ranks [k, k + 16); a lane has the
 * ranks from 4 t. Column c of product j of half e is feature 32 e + 4 c + j, so that a
 * lane's sums are neighbours. */
template <bool PLAIN, bool BACK, class P>
__device__ __forceinline__ void load_up(const ft_tensor &weight, bool fours, const lora_strip &strip,
                                        int chunk, int k, P right[2][4][2])
{
    bool there = k + 4 * strip.t < (BACK ? weight.rows : weight.cols);
#pragma unroll
    for (int e = 0; e < 2; e++) {
        int feature = chunk * FT_CHUNK + 32 * e + 4 * strip.g;
        float w[4][4] = {{0}}; /* B: [feature][rank], A: [rank][feature] */
#pragma unroll
        for (int i = 0; there && i < 4; i++) {
            int row = BACK ? k + 4 * strip.t + i : feature + i, col = BACK ? feature : k + 4 * strip.t;
            if constexpr (PLAIN) {
                float4 raw = *(const float4 *)((const float *)weight.data + row * weight.cols + col);
                w[i][0] = raw.x, w[i][1] = raw.y, w[i][2] = raw.z, w[i][3] = raw.w;
            } else if (row < weight.rows) {
                ft_load4(weight, fours, row, col, w[i]);
            }
        }
#pragma unroll
        for (int j = 0; j < 4; j++) {
            right[e][j][0] = BACK ? ft_pair<P>(w[0][j], w[1][j]) : ft_pair<P>(w[j][0], w[j][1]);
            right[e][j][1] = BACK ? ft_pair<P>(w[2][j], w[3][j]) : ft_pair<P>(w[j][2], w[j][3]);
        }
    }
}

template <class P>
__device__ __forceinline__ void multiply_up(const float *low, int pitch, int rank, const lora_strip &strip,
                                            int k, const P right[2][4][2], float sums[2][4][4])
{
    float4 u[2] = {{0, 0, 0, 0}, {0, 0, 0, 0}};
    const float *at = low + strip.g * pitch + k + 4 * strip.t;
    if (k + 4 * strip.t < rank) u[0] = *(const float4 *)at, u[1] = *(const float4 *)(at + 8 * pitch);
    P left[4] = {ft_pair<P>(u[0].x, u[0].y), ft_pair<P>(u[1].x, u[1].y), ft_pair<P>(u[0].z, u[0].w),
                 ft_pair<P>(u[1].z, u[1].w)};
#pragma unroll
    for (int e = 0; e < 2; e++)
#pragma unroll
        for (int j = 0; j < 4; j++) ft_lora_multiply(sums[e][j], left, right[e][j]);
}

/* Adds a target's products, through dropout, to the part of the result. */
template <bool BACK>
__device__ __forceinline__ void add_products(const ft_dropout &dropout, const unsigned keep[2],
                                             const float products[2][4][4], lora_part part)
{
#pragma unroll
    for (int r = 0; r < 2; r++)
#pragma unroll
        for (int e = 0; e < 2; e++) {
            float v[8];
#pragma unroll
            for (int j = 0; j < 4; j++) v[j] = products[e][j][2 * r], v[4 + j] = products[e][j][2 * r + 1];
            if (BACK && dropout.active) ft_drop8(dropout, keep[r], 2 * e, v);
#pragma unroll
            for (int i = 0; i < 8; i++) part[r][e][i] += v[i];
        }
}

/* slots: lora_rows_kernel<unsigned int, true, false, 1> mma 4 plain 85 dropout 294 */
/* slots: lora_rows_kernel<unsigned int, true, true, 1> mma 8 plain 266 dropout 386 */

/* One block for each 16 rows of an adapter, forward for each target. Forward: left is x,
 * low is u, result is y. BACK: left is dy, low is du, result is dx, which may be absent.
 * Dynamic shared memory: (16, ranks of the block's targets + PAD), the rows of `low`. */
template <class P, bool PLAIN, bool BACK, int TILES>
__global__ void __launch_bounds__(MOST_WARPS *FT_WARP, PLAIN &&TILES <= 2 ? 2 : 1)
    lora_rows_kernel(ft_adapter_batch batch, int32_t length, ft_lora lora, ft_tensor left, ft_tensor low,
                     ft_tensor result)
{
    FT_SHARED(float, parts, [2][MOST_WARPS][SUMS]);
    FT_SHARED(ft_philox_key, keys, [FT_LORA_TARGETS]);
    FT_SHARED_DYNAMIC(low_rows);
    /* The rank is a multiple of 8, so the smallest ranks are compile-time constants
     * here. */
    const int rank = PLAIN && TILES <= 2 ? TILES * FT_LORA_TILE : lora.rank;
    unsigned block = blockIdx.x;
    int first = BACK ? 0 : ft_take_index(&block, lora.n_targets), end = BACK ? lora.n_targets : first + 1;
    ft_piece piece;
    if (!ft_find_piece(batch, length, FT_LORA_ROWS, block, &piece)) return;
    lora_strip strip = strip_of(piece, length);
    int warp = (int)threadIdx.x / FT_WARP, n_warps = (int)blockDim.x / FT_WARP;
    int pitch = (end - first) * rank + PAD;
    if (!BACK) result = ft_lora_outputs(lora, first, result);
    bool result_eights = ft_in_eights(result);
    int left_chunks = (int)ft_cuda_ceil(BACK ? lora.out_features : lora.in_features, FT_CHUNK);
    int result_chunks = result.data ? (int)ft_cuda_ceil(result.cols, FT_CHUNK) : 0;
    auto left_of = [&](int target) { return BACK ? ft_lora_outputs(lora, target, left) : left; };
    auto a_of = [&](int target) {
        return ft_lora_parameters(lora.target[target].a, lora, piece.adapter, rank, lora.in_features);
    };
    auto b_of = [&](int target) {
        return ft_lora_parameters(lora.target[target].b, lora, piece.adapter, lora.out_features, rank);
    };
    auto load_left = [&](int target, int chunk, P to[2][2][4]) {
        ft_tensor from = left_of(target);
        load_rows<PLAIN>(from, ft_in_eights(from), strip, chunk, to);
    };

    /* First issue the loads from device memory. Backward the result is loaded later: a
     * lane has no registers for it, and the product before has left it in the cache. */
    P rows[2][2][4], next[2][2][4];
    unsigned before[2][2][4];
    auto fetch_result = [&](int chunk) {
        if constexpr (PLAIN && !BACK) load_rows<true>(result, true, strip, chunk, before);
    };
    if (warp < left_chunks) load_left(first, warp, next);
    if (warp < result_chunks) fetch_result(warp);
    start_dropout(batch, lora.target[first].dropout_site, piece.adapter, &strip);
    bool drops = strip.dropout.active;
    unsigned keep[2] = {0, 0};

    int turn = 0;
#pragma unroll 1
    for (int target = first; target < end; target++) {
        ft_tensor down = BACK ? b_of(target) : a_of(target);
        bool down_eights = ft_in_eights(down);
        float *low_of_target = low_rows + (target - first) * rank;
        for (int n_first = 0; n_first < rank; n_first += TILES * FT_LORA_TILE) {
            bool last = n_first + TILES * FT_LORA_TILE >= rank;
            float sums[TILES][4] = {{0}};
            for (int chunk = warp; chunk < left_chunks; chunk += n_warps) {
                bool more = chunk + n_warps < left_chunks;
                int then = more || !last ? target : target + 1;
                memcpy(rows, next, sizeof rows);
                if (then < end) load_left(then, more ? chunk + n_warps : warp, next);
                if (!BACK && drops) {
                    draw(strip, chunk, keep);
                    mask_rows(keep, rows);
                }
                multiply_down<PLAIN, BACK, TILES>(down, down_eights, strip, chunk, n_first, rank, rows, sums);
            }

            /* Add the warps' sums tile by tile; two places take turns. */
            float scale = batch.lora_scale[piece.adapter] * (BACK ? 1.0f : strip.dropout.scale);
            ft_tensor to_low = ft_lora_ranks(lora, target, low);
#pragma unroll
            for (int tile = 0; tile < TILES; tile++) {
                int n = n_first + tile * FT_LORA_TILE;
                if (n >= rank) break;
                add_warps(strip, n_warps, n, scale, sums[tile], parts[turn], low_of_target, pitch, to_low);
                turn ^= 1;
            }
        }
    }

    if (BACK && drops && (int)threadIdx.x < end)
        keys[threadIdx.x] = ft_philox_key_of(batch.seed[piece.adapter], batch.step[piece.adapter],
                                             lora.target[threadIdx.x].dropout_site);
    P right[2][4][2];
    bool ready = true; /* `right` is loaded: the first target's, for the first chunk */
    auto prepare = [&](int target, int chunk, int k) {
        ft_tensor up = BACK ? a_of(target) : b_of(target);
        load_up<PLAIN, BACK>(up, ft_in_fours(up), strip, chunk, k, right);
    };
    lora_part part;
    if (warp < result_chunks) prepare(first, warp, 0);
    __syncthreads();
    for (int chunk = warp; chunk < result_chunks; chunk += n_warps) {
        if constexpr (PLAIN && !BACK)
            unpack_result(before, part);
        else
            load_result<PLAIN>(result, result_eights, strip, chunk, part);
        if (chunk + n_warps < result_chunks) fetch_result(chunk + n_warps);
#pragma unroll 1
        for (int target = first; target < end; target++) {
            float products[2][4][4] = {{{0}}};
            if (!ready) prepare(target, chunk, 0);
            if (BACK && drops) {
                strip.dropout.key = keys[target];
                draw(strip, chunk, keep);
            }
            ready = false;
            for (int k = 0; k < rank; k += 2 * FT_LORA_TILE) {
                if (k > 0) prepare(target, chunk, k);
                multiply_up(low_rows + (target - first) * rank, pitch, rank, strip, k, right, products);
            }
            add_products<BACK>(strip.dropout, keep, products, part);
        }
        store_result<PLAIN, !BACK>(result, result_eights, strip, chunk, part);
    }
}

template <class P, bool PLAIN, bool BACK, int TILES>
static void launch(ft_cuda *cuda, const ft_adapter_batch *batch, int32_t length, const ft_lora *lora,
                   ft_tensor left, ft_tensor low, ft_tensor result)
{
    int64_t blocks = ft_cuda_ceil(left.rows, FT_LORA_ROWS) + batch->n_adapters;
    int64_t chunks = ft_cuda_ceil(max(lora->in_features, lora->out_features), FT_CHUNK);
    int64_t warps = max(ft_cuda_ceil(chunks, ft_cuda_ceil(chunks, MOST_WARPS)), (int64_t)FEWEST_WARPS);
    int64_t ranks = (int64_t)lora->rank * (BACK ? lora->n_targets : 1);
    size_t shared = FT_LORA_ROWS * (size_t)(ranks + PAD) * sizeof(float);
    CUDA_LAUNCH(cuda, (lora_rows_kernel<P, PLAIN, BACK, TILES>), blocks * (BACK ? 1 : lora->n_targets),
                (unsigned)warps * FT_WARP, shared, *batch, length, *lora, left, low, result);
}

/* Whether A and B of all targets are aligned. */
static bool parameters_plain(const ft_lora *lora)
{
    uintptr_t together = (uintptr_t)lora->adapter_stride * sizeof(float);
    for (int i = 0; i < lora->n_targets; i++)
        together |= (uintptr_t)lora->target[i].a | (uintptr_t)lora->target[i].b;
    return together % 16 == 0;
}

template <bool BACK>
static void launch_for_rank(ft_cuda *cuda, const ft_adapter_batch *batch, int32_t length, const ft_lora *lora,
                            bool plain, ft_tensor left, ft_tensor low, ft_tensor result)
{
    plain = plain && parameters_plain(lora);
    if (!cuda->base.bf16)
        launch<float2, false, BACK, 2>(cuda, batch, length, lora, left, low, result);
    else if (!plain)
        launch<unsigned, false, BACK, 4>(cuda, batch, length, lora, left, low, result);
    else if (lora->rank <= FT_LORA_TILE)
        launch<unsigned, true, BACK, 1>(cuda, batch, length, lora, left, low, result);
    else if (lora->rank <= 2 * FT_LORA_TILE)
        launch<unsigned, true, BACK, 2>(cuda, batch, length, lora, left, low, result);
    else if (lora->rank <= 4 * FT_LORA_TILE)
        launch<unsigned, true, BACK, 4>(cuda, batch, length, lora, left, low, result);
    else
        launch<unsigned, true, BACK, 8>(cuda, batch, length, lora, left, low, result);
}

/* plain: whether the tensors of rows can be loaded in whole chunks. Backward a launch has
 * all targets, or as many as have MOST_RANKS ranks. */
template <bool BACK>
static void go_through_rows(ft_cuda *cuda, const ft_adapter_batch *batch, int32_t length, const ft_lora *lora,
                            bool plain, ft_tensor left, ft_tensor low, ft_tensor result)
{
    int at_once = BACK ? max(MOST_RANKS / lora->rank, 1) : FT_LORA_TARGETS;
    for (int first = 0; first < lora->n_targets; first += at_once) {
        ft_lora some = *lora;
        some.n_targets = min(at_once, lora->n_targets - first);
        memcpy(some.target, lora->target + first, (size_t)some.n_targets * sizeof *some.target);
        int64_t column = (int64_t)first * lora->rank, columns = (int64_t)some.n_targets * lora->rank;
        launch_for_rank<BACK>(cuda, batch, length, &some, plain, left, ft_lora_columns(low, column, columns),
                              result);
    }
}

static void lora_forward(ft_backend *self, const ft_adapter_batch *batch, int32_t length, const ft_lora *lora,
                         ft_tensor x, ft_tensor y, ft_tensor u)
{
    ft_cuda *cuda = ft_cuda_of(self);
    if (x.rows == 0 || lora->rank == 0 || lora->n_targets == 0 || !ft_cuda_enter(cuda)) return;
    bool plain = ft_lora_plain(cuda, x) && ft_lora_outputs_plain(cuda, lora, y);
    go_through_rows<false>(cuda, batch, length, lora, plain, x, u, y);
}

static void lora_backward(ft_backend *self, const ft_adapter_batch *batch, int32_t length,
                          const ft_lora *lora, ft_tensor x, ft_tensor u, ft_tensor dy, ft_tensor dx,
                          ft_tensor du)
{
    ft_cuda *cuda = ft_cuda_of(self);
    if (x.rows == 0 || lora->rank == 0 || lora->n_targets == 0 || !ft_cuda_enter(cuda)) return;
    bool plain = ft_lora_outputs_plain(cuda, lora, dy) && (!dx.data || ft_lora_in_chunks(dx));
    go_through_rows<true>(cuda, batch, length, lora, plain, dy, du, dx);
    ft_cuda_lora_gradient(cuda, batch, length, lora, x, u, dy, du);
}

void ft_cuda_lora_operations(ft_backend *base)
{
    base->lora_forward = lora_forward;
    base->lora_backward = lora_backward;
}
