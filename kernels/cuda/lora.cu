/* LoRA adapters, each applied to its own rows.
 *
 *   forward   u = scale * dropout(x) A^T (overwritten), y += u B^T
 *   backward  du = scale * dy B (overwritten), dx += dropout'(du A),
 *             and the gradients of A and B (lora_gradient.cu)
 *
 * Design: one kernel, forward and backward, goes down to the rank and up again. A block
 * has 16 rows of an adapter. Down: each warp multiplies its own chunks of 64 features, on
 * tensor cores with operands rounded to bf16 on a backend for bf16, else with FMA; the
 * warps' sums are added in shared memory in the warps' order. Up: each warp adds to 64
 * features of the result.
 *
 * A usual projection has no more chunks than a block has warps, so all loads of a block,
 * including those of the result that is added to, are in flight at once, and dropout is
 * drawn meanwhile. Dropped elements are masked; the scale of the others is applied to the
 * sum. All sums are in f32, in an order that depends only on the shape.
 *
 * Floor, bytes of a row with bf16 activations: 2 in + 4 out + 4 rank forward, 2 out + 4
 * in + 4 rank backward; FLOPs: 2 rank (in + out). */
#include "kernels/cuda/lora.h"

enum { FEWEST_WARPS = 4, MOST_WARPS = 8, SUMS = FT_LORA_ROWS * FT_LORA_TILE, PAD = 4 };

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

__device__ __forceinline__ void start_dropout(const ft_adapter_batch &batch, const ft_lora &lora,
                                              int32_t adapter, lora_strip *strip)
{
    int32_t first_sequence = batch.sequence_start[adapter];
    int row = (int)strip->first + min((int)threadIdx.x % FT_WARP / 2, strip->n_rows - 1);
    strip->dropout = ft_dropout_of(batch, batch.lora_dropout, lora.dropout_site, first_sequence);
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

/* -- up from the rank -- */

/* A lane's part of a chunk of the result, loaded ahead; where not PLAIN, it is read when
 * needed. */
struct lora_result {
    unsigned before[2][2][4];
    unsigned keep[2];
};

template <bool PLAIN>
__device__ __forceinline__ void fetch_result(const ft_tensor &result, const lora_strip &strip, int chunk,
                                             lora_result *part)
{
    if constexpr (PLAIN) load_rows<true>(result, true, strip, chunk, part->before);
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

/* Adds the sums, through dropout, to the chunk of the result. */
template <bool PLAIN, bool BACK>
__device__ __forceinline__ void add_result(const ft_tensor &result, bool eights, const lora_strip &strip,
                                           int chunk, const lora_result &part, const float sums[2][4][4])
{
#pragma unroll
    for (int r = 0; r < 2; r++) {
        if (strip.g + 8 * r >= strip.n_rows) continue;
#pragma unroll
        for (int e = 0; e < 2; e++) {
            int col = chunk * FT_CHUNK + 32 * e + 8 * strip.t;
            float v[8];
            for (int j = 0; j < 4; j++) v[j] = sums[e][j][2 * r], v[4 + j] = sums[e][j][2 * r + 1];
            if (BACK && strip.dropout.active) ft_drop8(strip.dropout, part.keep[r], 2 * e, v);
            if constexpr (PLAIN) {
                uint4 sum;
                unsigned *pair = &sum.x;
                for (int q = 0; q < 4; q++) {
                    unsigned was = part.before[r][e][q];
                    pair[q] = ft_bf16_pair(ft_bf16_low(was) + v[2 * q], ft_bf16_high(was) + v[2 * q + 1]);
                }
                *(uint4 *)((__nv_bfloat16 *)result.data + strip.row[r] * result.stride + col) = sum;
            } else {
                float before[8];
                ft_load8(result, eights, strip.row[r], col, before);
                for (int i = 0; i < 8; i++) v[i] += before[i];
                ft_store8(result, eights, strip.row[r], col, v);
            }
        }
    }
}

/* One block for each 16 rows of an adapter. Forward: left is x, low is u, result is y.
 * BACK: left is dy, low is du, result is dx, which may be absent. Dynamic shared memory:
 * (16, rank + PAD), the rows of `low`. */
template <class P, bool PLAIN, bool BACK, int TILES>
__global__ void __launch_bounds__(MOST_WARPS *FT_WARP, PLAIN &&TILES <= 2 ? 2 : 1)
    lora_rows_kernel(ft_adapter_batch batch, int32_t length, ft_lora lora, ft_tensor left, ft_tensor low,
                     ft_tensor result)
{
    FT_SHARED(float, parts, [2][MOST_WARPS][SUMS]);
    FT_SHARED_DYNAMIC(low_rows);
    /* The rank is a multiple of 8, so the smallest ranks are compile-time constants
     * here. */
    const int rank = PLAIN && TILES <= 2 ? TILES * FT_LORA_TILE : lora.rank;
    ft_piece piece;
    if (!ft_find_piece(batch, length, FT_LORA_ROWS, blockIdx.x, &piece)) return;
    lora_strip strip = strip_of(piece, length);
    ft_tensor a = ft_lora_parameters(lora.a, lora, piece.adapter, rank, lora.in_features);
    ft_tensor b = ft_lora_parameters(lora.b, lora, piece.adapter, lora.out_features, rank);
    const ft_tensor &down = BACK ? b : a, &up = BACK ? a : b;
    bool left_eights = ft_in_eights(left), down_eights = ft_in_eights(down);
    bool result_eights = ft_in_eights(result), up_fours = ft_in_fours(up);
    int warp = (int)threadIdx.x / FT_WARP, n_warps = (int)blockDim.x / FT_WARP, pitch = rank + PAD;
    int left_chunks = (int)ft_cuda_ceil(left.cols, FT_CHUNK);
    int result_chunks = result.data ? (int)ft_cuda_ceil(result.cols, FT_CHUNK) : 0;

    /* First issue all loads from device memory. */
    P rows[2][2][4], next[2][2][4];
    lora_result part = {};
    if (warp < left_chunks) load_rows<PLAIN>(left, left_eights, strip, warp, next);
    if (warp < result_chunks) fetch_result<PLAIN>(result, strip, warp, &part);
    start_dropout(batch, lora, piece.adapter, &strip);
    bool drops = strip.dropout.active;
    if (BACK && drops && warp < result_chunks) draw(strip, warp, part.keep);

    for (int n_first = 0; n_first < rank; n_first += TILES * FT_LORA_TILE) {
        bool last = n_first + TILES * FT_LORA_TILE >= rank;
        float sums[TILES][4] = {{0}};
        for (int chunk = warp; chunk < left_chunks; chunk += n_warps) {
            bool more = chunk + n_warps < left_chunks;
            memcpy(rows, next, sizeof rows);
            if (more || !last)
                load_rows<PLAIN>(left, left_eights, strip, more ? chunk + n_warps : warp, next);
            if (!BACK && drops) {
                unsigned keep[2];
                draw(strip, chunk, keep);
#pragma unroll
                for (int r = 0; r < 2; r++)
#pragma unroll
                    for (int e = 0; e < 2; e++)
#pragma unroll
                        for (int q = 0; q < 4; q++)
                            rows[r][e][q] = ft_kept(rows[r][e][q], keep[r] >> (16 * e + 2 * q));
            }
#pragma unroll
            for (int tile = 0; tile < TILES; tile++) {
                int n = n_first + tile * FT_LORA_TILE;
                if (n >= rank) break;
                float w[2][8];
                load_down<PLAIN, BACK>(down, down_eights, strip, chunk, n + strip.g, w);
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

        /* Add the warps' sums tile by tile; two places take turns. */
        float scale = batch.lora_scale[piece.adapter] * (BACK ? 1.0f : strip.dropout.scale);
#pragma unroll
        for (int tile = 0; tile < TILES; tile++) {
            int n = n_first + tile * FT_LORA_TILE, i = (int)threadIdx.x;
            if (n >= rank) break;
            float *to = &parts[tile % 2][warp][strip.g * FT_LORA_TILE + 2 * strip.t];
            *(float2 *)to = make_float2(sums[tile][0], sums[tile][1]);
            *(float2 *)(to + 8 * FT_LORA_TILE) = make_float2(sums[tile][2], sums[tile][3]);
            __syncthreads();
            if (i >= SUMS) continue;
            float sum = 0;
#pragma unroll
            for (int from = 0; from < MOST_WARPS; from++)
                if (from < n_warps) sum += parts[tile % 2][from][i];
            n += i % FT_LORA_TILE, i /= FT_LORA_TILE;
            low_rows[i * pitch + n] = scale * sum;
            if (i < strip.n_rows) ((float *)low.data)[(strip.first + i) * low.stride + n] = scale * sum;
        }
    }

    P right[2][4][2];
    if (warp < result_chunks) load_up<PLAIN, BACK>(up, up_fours, strip, warp, 0, right);
    __syncthreads();
    for (int chunk = warp; chunk < result_chunks; chunk += n_warps) {
        float sums[2][4][4] = {{{0}}};
        for (int k = 0; k < rank; k += 2 * FT_LORA_TILE) {
            if (k > 0) load_up<PLAIN, BACK>(up, up_fours, strip, chunk, k, right);
            multiply_up(low_rows, pitch, rank, strip, k, right, sums);
        }
        add_result<PLAIN, BACK>(result, result_eights, strip, chunk, part, sums);
        if (chunk + n_warps < result_chunks) {
            fetch_result<PLAIN>(result, strip, chunk + n_warps, &part);
            if (BACK && drops) draw(strip, chunk + n_warps, part.keep);
            load_up<PLAIN, BACK>(up, up_fours, strip, chunk + n_warps, 0, right);
        }
    }
}

template <class P, bool PLAIN, bool BACK, int TILES>
static void launch(ft_cuda *cuda, const ft_adapter_batch *batch, int32_t length, const ft_lora *lora,
                   ft_tensor left, ft_tensor low, ft_tensor result)
{
    int64_t blocks = ft_cuda_ceil(left.rows, FT_LORA_ROWS) + batch->n_adapters;
    int64_t chunks = ft_cuda_ceil(max(lora->in_features, lora->out_features), FT_CHUNK);
    int64_t warps = max(ft_cuda_ceil(chunks, ft_cuda_ceil(chunks, MOST_WARPS)), (int64_t)FEWEST_WARPS);
    size_t shared = FT_LORA_ROWS * (size_t)(lora->rank + PAD) * sizeof(float);
    CUDA_LAUNCH(cuda, (lora_rows_kernel<P, PLAIN, BACK, TILES>), blocks, (unsigned)warps * FT_WARP, shared,
                *batch, length, *lora, left, low, result);
}

template <bool BACK>
static void go_through_rows(ft_cuda *cuda, const ft_adapter_batch *batch, int32_t length, const ft_lora *lora,
                            ft_tensor left, ft_tensor low, ft_tensor result)
{
    uintptr_t weights =
        (uintptr_t)lora->a | (uintptr_t)lora->b | (uintptr_t)lora->adapter_stride * sizeof(float);
    bool plain = ft_lora_plain(cuda, left) && weights % 16 == 0;
    if (result.data) plain = plain && ft_lora_plain(cuda, result);
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

static void lora_forward(ft_backend *self, const ft_adapter_batch *batch, int32_t length, const ft_lora *lora,
                         ft_tensor x, ft_tensor y, ft_tensor u)
{
    ft_cuda *cuda = ft_cuda_of(self);
    if (x.rows == 0 || lora->rank == 0 || !ft_cuda_enter(cuda)) return;
    go_through_rows<false>(cuda, batch, length, lora, x, u, y);
}

static void lora_backward(ft_backend *self, const ft_adapter_batch *batch, int32_t length,
                          const ft_lora *lora, ft_tensor x, ft_tensor u, ft_tensor dy, ft_tensor dx,
                          ft_tensor du)
{
    ft_cuda *cuda = ft_cuda_of(self);
    if (x.rows == 0 || lora->rank == 0 || !ft_cuda_enter(cuda)) return;
    go_through_rows<true>(cuda, batch, length, lora, dy, du, dx);
    ft_cuda_lora_gradient(cuda, batch, length, lora, x, u, dy, du);
}

void ft_cuda_lora_operations(ft_backend *base)
{
    base->lora_forward = lora_forward;
    base->lora_backward = lora_backward;
}
