/* Low-rank adapters, each on its own rows.
 *
 * Forward:  u = scale * dropout(x) A^T (overwritten),  y += u B^T.
 * Backward: db += dy^T u,  du = scale * dy B (overwritten),  da += du^T dropout(x),  dx += dropout'(du A).
 *
 * Design: six products, one kernel. A block of four warps makes a 64x64 tile of one adapter's result from
 * tiles of two operands in shared memory, on tensor cores with operands rounded to bf16 on a backend made for
 * it, else with FMA; meanwhile the next tile of rows is on its way. Dropout is drawn where x enters a tile
 * and where dx leaves one. Columns beyond the rank are not multiplied. A gradient is a sum over rows: as many
 * pieces of the rows as fill a GPU leave theirs in scratch memory, which a second kernel adds in order. All
 * sums are in f32, in an order that depends on the shape alone.
 * Floor, bytes of a row with bf16 activations and a rank up to 64: forward 2 in + 4 out + 8 rank, backward
 * 6 in + 4 out + 16 rank (dy is read twice, dx read and written, u and du are f32); FLOPs: forward
 * 2 rank (in + out), backward twice that. */
#include "kernels/cuda/device.h"
#include "kernels/cuda/mma.h"

enum {
    TILE = 64,
    THREADS = 128,
    BLOCKS = 3,
    SUMS_PITCH = TILE + 4,
    TOTAL_THREADS = 256,
    GRADIENT_BLOCKS = 512
};

enum lora_product { DOWN, UP, DOWN_BACK, UP_BACK, GRADIENT_A, GRADIENT_B };

/* A tile's rows have 16 bytes between them, so that eight rows lie in different banks. */
template <class T> struct operand_tile {
    T at[TILE][TILE + 16 / sizeof(T)];
};

/* A thread's place in a tile: the unit threadIdx.x % 2 of row threadIdx.x / 2. */
__device__ __forceinline__ int own_row()
{
    return (int)threadIdx.x / 2;
}
__device__ __forceinline__ int own_col(int w)
{
    return ft_unit_col((int)threadIdx.x % 2, w);
}

/* One operand: rows before `end` of a tensor. */
struct operand {
    ft_tensor t;
    int end, cols;
    bool eights;
    ft_dropout dropout; /* its `sequence` is set row by row */
    int32_t length, first_sequence;
};

__device__ __forceinline__ operand operand_of(const ft_tensor &t, int64_t end)
{
    return {t, (int)end, (int)t.cols, ft_in_eights(t), {false, {{0, 0}}, 0, 0, 1.0f}, 1, 0};
}

/* An adapter's A, B. */
__device__ __forceinline__ operand parameters(const void *data, const ft_lora &lora, int32_t adapter,
                                              int64_t rows, int64_t cols)
{
    ft_tensor t = {(void *)((const float *)data + adapter * lora.adapter_stride), FT_F32, rows, cols, cols};
    return operand_of(t, rows);
}

/* Which features of the thread's unit of a row stay; `col`: the tile's first. */
__device__ __forceinline__ unsigned keep_of(ft_dropout dropout, int32_t length, int32_t first_sequence,
                                            int row, int col)
{
    dropout.sequence = (uint32_t)(row / length - first_sequence);
    return ft_keep_unit(dropout, length, row % length,
                        col / FT_CHUNK * (FT_CHUNK / FT_UNIT) + (int)threadIdx.x % 2);
}

/* What a thread carries of a tile, as it lies in memory. */
struct carried {
    uint4 low[4], high[4]; /* as in ft_eight */
    unsigned keep;         /* of dropout */
};

/* Whether eight neighbours are carried; else they are read one by one when they are needed. */
__device__ __forceinline__ bool carries(const operand &from, int row, int col)
{
    return from.eights && row < from.end && col + 8 <= from.cols;
}

/* The thread's part of rows [row, row + 64), columns [col, col + 64). */
__device__ __forceinline__ void fetch(const operand &from, int row, int col, carried *part)
{
    row += own_row();
    bool packed = from.t.dtype == FT_BF16;
    const char *data = (const char *)from.t.data + row * from.t.stride * (packed ? 2 : 4);
#pragma unroll
    for (int w = 0; w < 4; w++) {
        int first = col + own_col(w);
        if (!carries(from, row, first)) continue;
        const uint4 *at = (const uint4 *)(data + first * (packed ? 2 : 4));
        part->low[w] = at[0];
        if (!packed) part->high[w] = at[1];
    }
    if (from.dropout.active && row < from.end)
        part->keep = keep_of(from.dropout, from.length, from.first_sequence, row, col);
}

__device__ __forceinline__ void put8(const float v[8], __nv_bfloat16 *to)
{
    *(uint4 *)to = make_uint4(ft_bf16_pair(v[0], v[1]), ft_bf16_pair(v[2], v[3]), ft_bf16_pair(v[4], v[5]),
                              ft_bf16_pair(v[6], v[7]));
}
__device__ __forceinline__ void put8(const float v[8], float *to)
{
    ((float4 *)to)[0] = make_float4(v[0], v[1], v[2], v[3]);
    ((float4 *)to)[1] = make_float4(v[4], v[5], v[6], v[7]);
}
__device__ __forceinline__ void put1(float v, __nv_bfloat16 *to)
{
    *to = __float2bfloat16_rn(v);
}
__device__ __forceinline__ void put1(float v, float *to)
{
    *to = v;
}

/* What was fetched into a tile, through dropout, zeros outside. */
template <class T>
__device__ __forceinline__ void put(const operand &from, int row, int col, const carried &part,
                                    operand_tile<T> *tile)
{
    row += own_row();
#pragma unroll
    for (int w = 0; w < 4; w++) {
        int first = col + own_col(w);
        T *to = &tile->at[own_row()][own_col(w)];
        if (carries(from, row, first)) {
            float v[8];
            ft_unpack8({part.low[w], part.high[w], from.t.dtype == FT_BF16}, v);
            if (from.dropout.active) ft_drop8(from.dropout, part.keep, w, v);
            put8(v, to);
            continue;
        }
#pragma unroll 1
        for (int i = 0; i < 8; i++) {
            float v = row < from.end && first + i < from.cols ? ft_load(from.t, row, first + i) : 0.0f;
            if (from.dropout.active) v *= part.keep >> (8 * w + i) & 1u ? from.dropout.scale : 0.0f;
            put1(v, to + i);
        }
    }
}

/* sums += left right^T of a warp's 16 rows: left[i][k] or, LEFT_TURNED, left[k][i]; right[j][k] or
 * right[k][j]. What lies in sums[j / 8] is said in mma.h. */
template <bool LEFT_TURNED, bool RIGHT_TURNED>
__device__ __forceinline__ void multiply(const operand_tile<__nv_bfloat16> &left,
                                         const operand_tile<__nv_bfloat16> &right, int k_count, int j_count,
                                         float sums[TILE / 8][4])
{
    /* A lane's row in one of four 8x8 matrices, and which of them. */
    int i = (int)threadIdx.x / FT_WARP * 16, row = (int)threadIdx.x % 8, matrix = (int)threadIdx.x / 8 % 4;
    int odd = matrix % 2 * 8, high = matrix / 2 * 8;
    for (int k = 0; k < k_count; k += 16) {
        unsigned a[4];
        if constexpr (LEFT_TURNED)
            ft_load_matrices<4, true>(a, &left.at[k + high + row][i + odd]);
        else
            ft_load_matrices<4>(a, &left.at[i + odd + row][k + high]);
#pragma unroll
        for (int j = 0; j < TILE; j += 16) {
            if (j >= j_count) break;
            unsigned b[4];
            if constexpr (RIGHT_TURNED)
                ft_load_matrices<4, true>(b, &right.at[k + odd + row][j + high]);
            else
                ft_load_matrices<4>(b, &right.at[j + high + row][k + odd]);
            ft_mma(sums[j / 8], a, b);
            ft_mma(sums[j / 8 + 1], a, b + 2);
        }
    }
}

/* The same without tensor cores; a lane has the same elements of the result. */
template <bool LEFT_TURNED, bool RIGHT_TURNED>
__device__ __forceinline__ void multiply(const operand_tile<float> &left, const operand_tile<float> &right,
                                         int k_count, int j_count, float sums[TILE / 8][4])
{
    int lane = (int)threadIdx.x % FT_WARP, i = (int)threadIdx.x / FT_WARP * 16 + lane / 4,
        pair = lane % 4 * 2;
    for (int k = 0; k < k_count; k++) {
        float a0 = LEFT_TURNED ? left.at[k][i] : left.at[i][k];
        float a1 = LEFT_TURNED ? left.at[k][i + 8] : left.at[i + 8][k];
#pragma unroll
        for (int n = 0; n < TILE / 8; n++) {
            int j = 8 * n + pair;
            if (8 * n >= j_count) break;
            float b0 = RIGHT_TURNED ? right.at[k][j] : right.at[j][k];
            float b1 = RIGHT_TURNED ? right.at[k][j + 1] : right.at[j + 1][k];
            sums[n][0] += a0 * b0, sums[n][1] += a0 * b1;
            sums[n][2] += a1 * b0, sums[n][3] += a1 * b1;
        }
    }
}

/* The warps' sums into to[i][j] or, TURNED, to[j][i]. */
template <bool TURNED>
__device__ __forceinline__ void spread(const float sums[TILE / 8][4], float (*to)[SUMS_PITCH])
{
    int lane = (int)threadIdx.x % FT_WARP, i = (int)threadIdx.x / FT_WARP * 16 + lane / 4,
        pair = lane % 4 * 2;
#pragma unroll
    for (int n = 0; n < TILE / 8; n++)
#pragma unroll
        for (int e = 0; e < 4; e++) {
            int row = i + e / 2 * 8, col = 8 * n + pair + e % 2;
            if (TURNED)
                to[col][row] = sums[n][e];
            else
                to[row][col] = sums[n][e];
        }
}

/* `left`: x, u, dy or du. Of products of rows: grid (column tiles, row tiles of all adapters), piece_rows
 * TILE, `out` the result. Of gradients: `right` is u or du, grid (rank tiles, feature tiles, pieces of all
 * adapters), `out` the pieces' gradients, one below the other. Both grids in one dimension. */
template <class T, int PRODUCT>
__global__ void __launch_bounds__(THREADS, BLOCKS)
    lora_kernel(ft_adapter_batch batch, int32_t length, ft_lora lora, ft_tensor left, ft_tensor right,
                int64_t piece_rows, ft_tensor out)
{
    constexpr bool GRADIENT = PRODUCT == GRADIENT_A || PRODUCT == GRADIENT_B;
    constexpr bool TO_RANK = PRODUCT == DOWN || PRODUCT == DOWN_BACK;
    constexpr bool UPWARD = PRODUCT == UP || PRODUCT == UP_BACK;
    constexpr bool RIGHT_TURNED = GRADIENT || PRODUCT == DOWN_BACK || PRODUCT == UP_BACK;
    FT_SHARED(operand_tile<T>, tiles, [2]);
    static_assert(2 * sizeof(operand_tile<T>) >= TILE * SUMS_PITCH * sizeof(float),
                  "sums lie where operands did");
    ft_piece piece;
    unsigned piece_index = blockIdx.x;
    int j_first = ft_take_index(&piece_index, ft_cuda_ceil(GRADIENT ? lora.rank : out.cols, TILE)) * TILE;
    int i_first = GRADIENT ? ft_take_index(&piece_index, ft_cuda_ceil(left.cols, TILE)) * TILE : 0;
    if (!ft_find_piece(batch, length, piece_rows, piece_index, &piece)) return;

    /* The tile of the result, summed over k: rows from `first` on, or features from i_first, by columns from
     * j_first on. */
    int first = (int)piece.first;
    int k_count = GRADIENT ? (int)(piece.end - piece.first) : (int)left.cols;
    int j_count = min((UPWARD ? (int)out.cols : lora.rank) - j_first, (int)TILE);
    operand i_side = operand_of(left, piece.end), j_side;
    if constexpr (GRADIENT)
        j_side = operand_of(right, piece.end);
    else if constexpr (PRODUCT == DOWN || PRODUCT == UP_BACK)
        j_side = parameters(lora.a, lora, piece.adapter, lora.rank, lora.in_features);
    else
        j_side = parameters(lora.b, lora, piece.adapter, lora.out_features, lora.rank);
    operand result = operand_of(out, piece.end); /* dropout is where x comes in or dx goes out */
    operand &dropped = PRODUCT == UP_BACK ? result : i_side;
    if constexpr (PRODUCT == DOWN || PRODUCT == GRADIENT_A || PRODUCT == UP_BACK) {
        dropped.first_sequence = batch.sequence_start[piece.adapter];
        dropped.length = length;
        dropped.dropout = ft_dropout_of(batch, batch.lora_dropout, lora.dropout_site, dropped.first_sequence);
    }

    /* While tiles are multiplied the next one of the rows, which come from afar, is fetched, and at the end
     * what the result is added to. */
    float sums[TILE / 8][4] = {{0}};
    carried i_part = {}, j_part = {};
    fetch(i_side, first, GRADIENT ? i_first : 0, &i_part);
    for (int k = 0; k < k_count; k += TILE) {
        int i_row = GRADIENT ? first + k : first, i_col = GRADIENT ? i_first : k;
        int j_row = GRADIENT ? first + k : RIGHT_TURNED ? k : j_first, j_col = RIGHT_TURNED ? j_first : k;
        fetch(j_side, j_row, j_col, &j_part);
        put(i_side, i_row, i_col, i_part, &tiles[0]);
        put(j_side, j_row, j_col, j_part, &tiles[1]);
        __syncthreads();
        if (k + TILE < k_count)
            fetch(i_side, GRADIENT ? i_row + TILE : i_row, GRADIENT ? i_col : i_col + TILE, &i_part);
        else if (UPWARD)
            fetch(result, first, j_first, &i_part);
        multiply<GRADIENT, RIGHT_TURNED>(tiles[0], tiles[1], min(k_count - k, (int)TILE), j_count, sums);
        __syncthreads();
    }

    float(*product)[SUMS_PITCH] = (float(*)[SUMS_PITCH])tiles;
    spread<PRODUCT == GRADIENT_A>(sums, product);
    __syncthreads();
    int row = first + own_row(), col = j_first;
    if constexpr (GRADIENT) { /* of the piece's own gradient, which begins at row `begin` */
        bool of_a = PRODUCT == GRADIENT_A;
        int rows = of_a ? lora.rank : lora.out_features, begin = (int)piece_index * rows;
        row = begin + (of_a ? j_first : i_first) + own_row();
        result.end = begin + rows;
        col = of_a ? i_first : j_first;
    }
    if (row >= result.end) return;
    float scale = batch.lora_scale[piece.adapter];
#pragma unroll
    for (int w = 0; w < 4; w++) {
        const float *from = &product[own_row()][own_col(w)];
        if (carries(result, row, col + own_col(w))) {
            float v[8], before[8];
            for (int i = 0; i < 8; i++) v[i] = from[i] * (TO_RANK ? scale : 1.0f);
            if (PRODUCT == UP_BACK && result.dropout.active) ft_drop8(result.dropout, i_part.keep, w, v);
            ft_unpack8({i_part.low[w], i_part.high[w], out.dtype == FT_BF16}, before);
            for (int i = 0; UPWARD && i < 8; i++) v[i] += before[i];
            ft_store8(out, true, row, col + own_col(w), v);
            continue;
        }
#pragma unroll 1
        for (int i = 0; i < 8 && col + own_col(w) + i < result.cols; i++) {
            int64_t at = col + own_col(w) + i;
            float v = from[i] * (TO_RANK ? scale : 1.0f);
            if (PRODUCT == UP_BACK && result.dropout.active)
                v *= i_part.keep >> (8 * w + i) & 1u ? result.dropout.scale : 0.0f;
            ft_store(out, row, at, UPWARD ? ft_load(out, row, at) + v : v);
        }
    }
}

/* The gradients of a backward pass on their way: each piece's own, one below the other. */
struct gradient_parts {
    ft_tensor a, b;             /* (pieces * rank, in), (pieces * out, rank) */
    int64_t a_rows, b_rows;     /* of a piece */
    int64_t a_pieces, b_pieces; /* at most */
};

/* Blocks that add a gradient of one adapter. */
__host__ __device__ static inline int64_t total_blocks(const ft_lora &lora)
{
    return ft_cuda_ceil((int64_t)lora.rank * max(lora.in_features, lora.out_features), TOTAL_THREADS * 4);
}

/* Grid, in one dimension: (total_blocks, adapters, 2). Adds the pieces' gradients to da and then db, four
 * elements a thread. */
__global__ void __launch_bounds__(TOTAL_THREADS, 4)
    lora_total_kernel(ft_adapter_batch batch, int32_t length, ft_lora lora, gradient_parts parts)
{
    unsigned which = blockIdx.x;
    int block = ft_take_index(&which, total_blocks(lora));
    int32_t adapter = ft_take_index(&which, batch.n_adapters);
    bool of_a = which == 0;
    int64_t piece_rows = of_a ? parts.a_rows : parts.b_rows, first = 0;
    for (int32_t g = 0; g < adapter; g++) first += ft_pieces_in(ft_rows_of(batch, length, g), piece_rows);
    int64_t end = first + ft_pieces_in(ft_rows_of(batch, length, adapter), piece_rows);
    int64_t count = (int64_t)lora.rank * (of_a ? lora.in_features : lora.out_features);
    int col = (block * TOTAL_THREADS + (int)threadIdx.x) * 4;
    if (col >= count || first == end) return;
    float *gradient = (float *)(of_a ? lora.da : lora.db) + adapter * lora.adapter_stride;
    ft_tensor total = {gradient, FT_F32, 1, count, count};
    ft_tensor each = {of_a ? parts.a.data : parts.b.data, FT_F32, end, count, count};
    bool fours = ft_in_fours(total), each_fours = ft_in_fours(each);
    float sum[4], part[4];
    ft_load4(total, fours, 0, col, sum);
#pragma unroll 4
    for (int64_t piece = first; piece < end; piece++) {
        ft_load4(each, each_fours, piece, col, part);
        for (int i = 0; i < 4; i++) sum[i] += part[i];
    }
    ft_store4(total, fours, 0, col, sum);
}

template <int PRODUCT>
static void multiply_rows(ft_cuda *cuda, const ft_adapter_batch *batch, int32_t length, const ft_lora *lora,
                          ft_tensor left, ft_tensor out)
{
    ft_tensor absent = {};
    int64_t blocks = ft_cuda_ceil(out.cols, TILE) * (ft_cuda_ceil(out.rows, TILE) + batch->n_adapters);
    if (cuda->base.bf16)
        CUDA_LAUNCH(cuda, (lora_kernel<__nv_bfloat16, PRODUCT>), blocks, THREADS, 0, *batch, length, *lora,
                    left, absent, (int64_t)TILE, out);
    else
        CUDA_LAUNCH(cuda, (lora_kernel<float, PRODUCT>), blocks, THREADS, 0, *batch, length, *lora, left,
                    absent, (int64_t)TILE, out);
}

/* `left`: dy or x, `right`: u or du. */
template <int PRODUCT>
static void multiply_gradient(ft_cuda *cuda, const ft_adapter_batch *batch, int32_t length,
                              const ft_lora *lora, ft_tensor left, ft_tensor right, int64_t piece_rows,
                              int64_t pieces, ft_tensor out)
{
    int64_t blocks = ft_cuda_ceil(lora->rank, TILE) * ft_cuda_ceil(left.cols, TILE) * pieces;
    if (cuda->base.bf16)
        CUDA_LAUNCH(cuda, (lora_kernel<__nv_bfloat16, PRODUCT>), blocks, THREADS, 0, *batch, length, *lora,
                    left, right, piece_rows, out);
    else
        CUDA_LAUNCH(cuda, (lora_kernel<float, PRODUCT>), blocks, THREADS, 0, *batch, length, *lora, left,
                    right, piece_rows, out);
}

/* Rows of a piece, so that the blocks of all pieces are about GRADIENT_BLOCKS. */
static int64_t gradient_piece_rows(int64_t rows, int64_t features, int64_t rank)
{
    int64_t tiles = ft_cuda_ceil(features, TILE) * ft_cuda_ceil(rank, TILE);
    int64_t wanted = max(GRADIENT_BLOCKS / tiles, (int64_t)1);
    return ft_cuda_ceil(ft_cuda_ceil(rows, wanted), TILE) * TILE;
}

static bool make_parts(ft_cuda *cuda, const ft_adapter_batch *batch, int64_t rows, const ft_lora *lora,
                       gradient_parts *parts)
{
    int64_t rank = lora->rank, in = lora->in_features, out = lora->out_features;
    parts->a_rows = gradient_piece_rows(rows, in, rank);
    parts->b_rows = gradient_piece_rows(rows, out, rank);
    parts->a_pieces = ft_cuda_ceil(rows, parts->a_rows) + batch->n_adapters;
    parts->b_pieces = ft_cuda_ceil(rows, parts->b_rows) + batch->n_adapters;
    int64_t a_count = parts->a_pieces * rank * in, b_count = parts->b_pieces * rank * out;
    float *data =
        (float *)ft_cuda_scratch(cuda, FT_CUDA_LORA_PARTS, (size_t)(a_count + b_count) * sizeof(float));
    if (!data) return false;
    parts->a = {data, FT_F32, parts->a_pieces * rank, in, in};
    parts->b = {data + a_count, FT_F32, parts->b_pieces * out, rank, rank};
    return true;
}

static void lora_forward(ft_backend *self, const ft_adapter_batch *batch, int32_t length, const ft_lora *lora,
                         ft_tensor x, ft_tensor y, ft_tensor u)
{
    ft_cuda *cuda = ft_cuda_of(self);
    if (x.rows == 0 || lora->rank == 0 || !ft_cuda_enter(cuda)) return;
    multiply_rows<DOWN>(cuda, batch, length, lora, x, u);
    multiply_rows<UP>(cuda, batch, length, lora, u, y);
}

static void lora_backward(ft_backend *self, const ft_adapter_batch *batch, int32_t length,
                          const ft_lora *lora, ft_tensor x, ft_tensor u, ft_tensor dy, ft_tensor dx,
                          ft_tensor du)
{
    ft_cuda *cuda = ft_cuda_of(self);
    gradient_parts parts;
    if (x.rows == 0 || lora->rank == 0 || !ft_cuda_enter(cuda)) return;
    if (!make_parts(cuda, batch, x.rows, lora, &parts)) return;
    multiply_gradient<GRADIENT_B>(cuda, batch, length, lora, dy, u, parts.b_rows, parts.b_pieces, parts.b);
    multiply_rows<DOWN_BACK>(cuda, batch, length, lora, dy, du);
    multiply_gradient<GRADIENT_A>(cuda, batch, length, lora, x, du, parts.a_rows, parts.a_pieces, parts.a);
    if (dx.data) multiply_rows<UP_BACK>(cuda, batch, length, lora, du, dx);
    CUDA_LAUNCH(cuda, lora_total_kernel, total_blocks(*lora) * batch->n_adapters * 2, TOTAL_THREADS, 0,
                *batch, length, *lora, parts);
}

void ft_cuda_lora_operations(ft_backend *base)
{
    base->lora_forward = lora_forward;
    base->lora_backward = lora_backward;
}
