/* Gradients of LoRA adapters: db_i += dy_i^T u_i, da_i += du_i^T dropout_i(x).
 *
 * Design: a gradient is a sum over rows. The rows are cut into pieces; a block computes a
 * tile of one piece's gradient of one target, 64 features by up to 32 ranks; the blocks
 * of all targets that read the same x follow one another. Each warp of the block
 * goes through the piece 16 rows at a time. A lane loads eight neighbours of four rows
 * and regroups their pairs of features into pairs of rows in registers; the next 16 rows
 * load while it multiplies. Dropout is drawn again. The warps' sums are added in shared
 * memory; the pieces' sums go to scratch memory and a second kernel adds them, always in
 * the same order. All gradients share both launches.
 *
 * Floor of n targets, bytes of a row with bf16 activations: 2 in + n (2 out + 8 rank);
 * FLOPs: 2 n rank (in + out). */
#include "kernels/cuda/lora.h"

enum {
    WARPS = 8,
    MOST_TILES = 4,
    STEP = WARPS * FT_LORA_ROWS, /* rows per step of a block */
    BLOCKS = 192,                /* blocks aimed at for all da, and for all db */
    SUMS = FT_CHUNK * FT_LORA_TILE,
    BY_RANK = FT_CHUNK + 1, /* pitches of sums[rank][feature] and sums[feature][rank] */
    BY_FEATURE = FT_LORA_TILE + 1,
    PLACES = FT_CHUNK * BY_FEATURE,
    TOTAL_THREADS = 64
};
static_assert(PLACES >= FT_LORA_TILE * BY_RANK, "sums fit both ways");

/* The tensors and the grid of the gradients of all A, or of all B. */
struct lora_parts {
    ft_tensor left, right; /* x and du, or dy and u, of all targets */
    bool of_a;
    /* the gradient of each target and piece, one below the other, shaped as A or B */
    ft_tensor parts;
    int64_t piece_rows, n_pieces; /* upper bound of the number of pieces */
    int64_t blocks;
};

struct lora_step {
    int g, t;
    int64_t row[4]; /* the lane's rows; those beyond the end repeat the last */
    bool there[4];
};

__device__ __forceinline__ lora_step step_of(int64_t first, int64_t end)
{
    int lane = (int)threadIdx.x % FT_WARP;
    lora_step step = {};
    step.g = lane / 4, step.t = lane % 4;
#pragma unroll
    for (int i = 0; i < 4; i++) {
        int64_t row = first + 4 * step.t + i;
        step.there[i] = row < end, step.row[i] = min(row, end - 1);
    }
    return step;
}

template <bool PLAIN, int TILES, class P>
__device__ __forceinline__ void fetch_step(const ft_tensor &from, const ft_tensor &ranks, bool eights,
                                           int rank, const lora_step &step, int chunk, int n_first,
                                           P left[4][4], float right[TILES][4])
{
#pragma unroll
    for (int i = 0; i < 4; i++) {
        ft_load_pairs<PLAIN>(from, eights, step.row[i], chunk * FT_CHUNK + 8 * step.g, left[i]);
        const float *at = (const float *)ranks.data + step.row[i] * ranks.stride + step.g;
#pragma unroll
        for (int tile = 0; tile < TILES; tile++) {
            int n = n_first + tile * FT_LORA_TILE;
            right[tile][i] = step.there[i] && n < rank ? at[n] : 0.0f;
        }
    }
}

/* Sets what dropout does not keep to 0. Each lane draws one unit of one row, lane / 2 of
 * the warp's 16, whose position in its sequence is `position`. */
template <class P>
__device__ __forceinline__ void mask_step(const ft_dropout &dropout, int32_t length, int position, int chunk,
                                          const lora_step &step, P left[4][4])
{
    int unit = chunk * (FT_CHUNK / FT_UNIT) + (int)threadIdx.x % 2;
    unsigned keep = ft_keep_unit(dropout, length, position, unit);
#pragma unroll
    for (int i = 0; i < 4; i++) {
        unsigned kept = __shfl_sync(FT_ALL_LANES, keep, 8 * step.t + 2 * i + step.g % 2) >> (step.g / 2 * 8);
#pragma unroll
        for (int q = 0; q < 4; q++) left[i][q] = ft_kept(left[i][q], kept >> (2 * q));
    }
}

/* Turns pairs of features into pairs of rows, the operands of product q: x[q] has
 * features 2 q and 2 q + 1 of each eight. */
template <int TILES, class P>
__device__ __forceinline__ void regroup(const P left[4][4], const float right[TILES][4], P x[4][4],
                                        P y[TILES][2])
{
#pragma unroll
    for (int q = 0; q < 4; q++) {
        x[q][0] = ft_firsts(left[0][q], left[1][q]), x[q][1] = ft_seconds(left[0][q], left[1][q]);
        x[q][2] = ft_firsts(left[2][q], left[3][q]), x[q][3] = ft_seconds(left[2][q], left[3][q]);
    }
#pragma unroll
    for (int tile = 0; tile < TILES; tile++) {
        y[tile][0] = ft_pair<P>(right[tile][0], right[tile][1]);
        y[tile][1] = ft_pair<P>(right[tile][2], right[tile][3]);
    }
}

/* Adds the warps' sums tile by tile by way of shared memory, in the order of the
 * gradient's elements, and writes `scale` times the result to `to`: (rank, features) of A
 * (of_a), else (features, rank) of B. */
template <int TILES>
__device__ __forceinline__ void add_warps(bool of_a, const lora_step &step, const float sums[4][TILES][4],
                                          float scale, int chunk, int n_first, int rank, int64_t features,
                                          float shared[WARPS][PLACES], float *to)
{
    int warp = (int)threadIdx.x / FT_WARP;
    int by_feature = of_a ? 1 : BY_FEATURE, by_rank = of_a ? BY_RANK : 1;
#pragma unroll
    for (int tile = 0; tile < TILES; tile++) {
        int n = n_first + tile * FT_LORA_TILE;
        if (n >= rank) break;
#pragma unroll
        for (int q = 0; q < 4; q++) {
            float *own = &shared[warp][(8 * step.g + 2 * q) * by_feature + 2 * step.t * by_rank];
            own[0] = sums[q][tile][0], own[by_rank] = sums[q][tile][1];
            own[by_feature] = sums[q][tile][2], own[by_feature + by_rank] = sums[q][tile][3];
        }
        __syncthreads();
#pragma unroll
        for (int turn = 0; turn < SUMS / (WARPS * FT_WARP); turn++) {
            int i = turn * WARPS * FT_WARP + (int)threadIdx.x;
            int feature = of_a ? i % FT_CHUNK : i / FT_LORA_TILE;
            int column = of_a ? i / FT_CHUNK : i % FT_LORA_TILE;
            float sum = 0;
#pragma unroll
            for (int other = 0; other < WARPS; other++)
                sum += shared[other][feature * by_feature + column * by_rank];
            feature += chunk * FT_CHUNK, column += n;
            if (feature < features)
                to[of_a ? column * features + feature : (int64_t)feature * rank + column] = sum * scale;
        }
        __syncthreads();
    }
}

/* slots: lora_gradient_kernel<unsigned int, true, 1> mma 4 plain 168 dropout 418 */

/* One-dimensional grid: (targets, rank tiles, chunks, pieces of all adapters), first for
 * `a`, then for `b`. */
template <class P, bool PLAIN, int TILES>
__global__ void __launch_bounds__(WARPS *FT_WARP, TILES == 1 ? 2 : 1)
    lora_gradient_kernel(ft_adapter_batch batch, int32_t length, ft_lora lora, lora_parts a, lora_parts b)
{
    FT_SHARED(float, shared, [WARPS][PLACES]);
    /* The rank is a multiple of 8, so the smallest ranks are compile-time constants
     * here. */
    const int rank = PLAIN && TILES <= 2 ? TILES * FT_LORA_TILE : lora.rank;
    unsigned block = blockIdx.x;
    bool of_a = block < a.blocks;
    if (!of_a) block -= (unsigned)a.blocks;
    const lora_parts &gradient = of_a ? a : b;
    ft_piece piece;
    int target = ft_take_index(&block, lora.n_targets);
    int64_t features = of_a ? lora.in_features : lora.out_features;
    int n_first = ft_take_index(&block, ft_cuda_ceil(rank, TILES * FT_LORA_TILE)) * TILES * FT_LORA_TILE;
    int chunk = ft_take_index(&block, ft_cuda_ceil(features, FT_CHUNK));
    if (!ft_find_piece(batch, length, gradient.piece_rows, block, &piece)) return;
    const ft_tensor from = of_a ? gradient.left : ft_lora_outputs(lora, target, gradient.left);
    const ft_tensor ranks = ft_lora_ranks(lora, target, gradient.right);
    bool eights = ft_in_eights(from);
    int warp = (int)threadIdx.x / FT_WARP, lane = (int)threadIdx.x % FT_WARP;
    float sums[4][TILES][4] = {{{0}}};

    int64_t row = piece.first + warp * FT_LORA_ROWS;
    lora_step step = step_of(row, piece.end);
    P left[4][4];
    float right[TILES][4];
    if (row < piece.end)
        fetch_step<PLAIN, TILES>(from, ranks, eights, rank, step, chunk, n_first, left, right);
    int32_t first_sequence = batch.sequence_start[piece.adapter];
    ft_dropout dropout =
        ft_dropout_of(batch, batch.lora_dropout, of_a ? lora.target[target].dropout_site : 0, first_sequence);
    for (; row < piece.end; row += STEP) {
        if (dropout.active) {
            int own = (int)min(row + lane / 2, piece.end - 1);
            dropout.sequence = (uint32_t)(own / length - first_sequence);
            mask_step(dropout, length, own % length, chunk, step, left);
        }
        P x[4][4], y[TILES][2];
        regroup<TILES>(left, right, x, y);
        if (row + STEP < piece.end) {
            step = step_of(row + STEP, piece.end);
            fetch_step<PLAIN, TILES>(from, ranks, eights, rank, step, chunk, n_first, left, right);
        }
#pragma unroll
        for (int tile = 0; tile < TILES; tile++) {
            if (n_first + tile * FT_LORA_TILE >= rank) break;
#pragma unroll
            for (int q = 0; q < 4; q++) ft_lora_multiply(sums[q][tile], x[q], y[tile]);
        }
    }

    float *to = (float *)gradient.parts.data + (target * gradient.n_pieces + block) * rank * features;
    add_warps<TILES>(of_a, step, sums, dropout.scale, chunk, n_first, rank, features, shared, to);
}

/* The number of blocks that add up one gradient of one adapter. */
__host__ __device__ static inline int64_t total_blocks(const ft_lora &lora)
{
    return ft_cuda_ceil((int64_t)lora.rank * max(lora.in_features, lora.out_features), TOTAL_THREADS * 4);
}

/* Adds the pieces' gradients to da, then db, four elements a thread. One-dimensional
 * grid: (total_blocks, adapters, targets, 2). */
__global__ void __launch_bounds__(TOTAL_THREADS)
    lora_total_kernel(ft_adapter_batch batch, int32_t length, ft_lora lora, lora_parts a, lora_parts b)
{
    unsigned which = blockIdx.x;
    int block = ft_take_index(&which, total_blocks(lora));
    int32_t adapter = ft_take_index(&which, batch.n_adapters);
    int target = ft_take_index(&which, lora.n_targets);
    const lora_parts &gradient = which == 0 ? a : b;
    int64_t first = 0, before = target * gradient.n_pieces;
    for (int32_t g = 0; g < adapter; g++)
        first += ft_pieces_in(ft_rows_of(batch, length, g), gradient.piece_rows);
    int64_t end = first + ft_pieces_in(ft_rows_of(batch, length, adapter), gradient.piece_rows);
    int64_t count = (int64_t)lora.rank * (which == 0 ? lora.in_features : lora.out_features);
    int col = (block * TOTAL_THREADS + (int)threadIdx.x) * 4;
    if (col >= count || first == end) return;
    float *data = (float *)(which == 0 ? lora.target[target].da : lora.target[target].db) +
                  adapter * lora.adapter_stride;
    ft_tensor total = {data, FT_F32, 1, count, count};
    ft_tensor each = {(float *)gradient.parts.data + before * count, FT_F32, end, count, count};
    bool fours = ft_in_fours(total), each_fours = ft_in_fours(each);
    float sum[4], part[4];
    ft_load4(total, fours, 0, col, sum);
#pragma unroll 8
    for (int64_t piece = first; piece < end; piece++) {
        ft_load4(each, each_fours, piece, col, part);
        for (int i = 0; i < 4; i++) sum[i] += part[i];
    }
    ft_store4(total, fours, 0, col, sum);
}

/* Cuts the rows into pieces so that there are about BLOCKS blocks. */
static lora_parts parts_of(const ft_adapter_batch *batch, const ft_lora *lora, ft_tensor left,
                           ft_tensor right, bool of_a)
{
    lora_parts made = {};
    made.left = left, made.right = right, made.of_a = of_a;
    int64_t features = of_a ? lora->in_features : lora->out_features;
    int64_t a_piece = lora->n_targets * ft_cuda_ceil(features, FT_CHUNK) *
                      ft_cuda_ceil(lora->rank, MOST_TILES * FT_LORA_TILE);
    int64_t wanted = ft_cuda_ceil(BLOCKS, a_piece);
    made.piece_rows = ft_cuda_ceil(ft_cuda_ceil(left.rows, wanted), STEP) * STEP;
    made.n_pieces = ft_cuda_ceil(left.rows, made.piece_rows) + batch->n_adapters;
    made.blocks = a_piece * made.n_pieces;
    made.parts = {NULL, FT_F32, lora->n_targets * made.n_pieces, lora->rank * features,
                  lora->rank * features};
    return made;
}

template <class P, bool PLAIN, int TILES>
static void launch(ft_cuda *cuda, const ft_adapter_batch *batch, int32_t length, const ft_lora *lora,
                   const lora_parts &a, const lora_parts &b)
{
    CUDA_LAUNCH(cuda, (lora_gradient_kernel<P, PLAIN, TILES>), a.blocks + b.blocks, WARPS * FT_WARP, 0,
                *batch, length, *lora, a, b);
}

void ft_cuda_lora_gradient(ft_cuda *cuda, const ft_adapter_batch *batch, int32_t length, const ft_lora *lora,
                           ft_tensor x, ft_tensor u, ft_tensor dy, ft_tensor du)
{
    lora_parts a = parts_of(batch, lora, x, du, true), b = parts_of(batch, lora, dy, u, false);
    int64_t a_count = a.parts.rows * a.parts.cols, b_count = b.parts.rows * b.parts.cols;
    float *data =
        (float *)ft_cuda_scratch(cuda, FT_CUDA_LORA_PARTS, (size_t)(a_count + b_count) * sizeof(float));
    if (!data) return;
    a.parts.data = data, b.parts.data = data + a_count;
    bool plain = ft_lora_plain(cuda, x) && ft_lora_outputs_plain(cuda, lora, dy);
    if (!cuda->base.bf16)
        launch<float2, false, MOST_TILES>(cuda, batch, length, lora, a, b);
    else if (!plain)
        launch<unsigned, false, MOST_TILES>(cuda, batch, length, lora, a, b);
    else if (lora->rank <= FT_LORA_TILE)
        launch<unsigned, true, 1>(cuda, batch, length, lora, a, b);
    else if (lora->rank <= 2 * FT_LORA_TILE)
        launch<unsigned, true, 2>(cuda, batch, length, lora, a, b);
    else
        launch<unsigned, true, MOST_TILES>(cuda, batch, length, lora, a, b);
    CUDA_LAUNCH(cuda, lora_total_kernel, total_blocks(*lora) * batch->n_adapters * lora->n_targets * 2,
                TOTAL_THREADS, 0, *batch, length, *lora, a, b);
}
