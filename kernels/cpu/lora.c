/* LoRA forward and backward, adapter by adapter. Blocks of rows are converted to f32,
 * dropped out and multiplied, target by target, while they are in the cache; dropout(x)
 * as a whole is never written. */
#include <omp.h>

#include "kernels/cpu/dropout.h"
#include "kernels/cpu/operations.h"
#include "kernels/cpu/tile.h"

enum { ROW_BLOCK = 24 };

/* Sizes of one call; widths are padded to whole groups. */
typedef struct sizes {
    int64_t rank, in, out; /* as given */
    int64_t rank_wide, in_wide, out_wide;
    int64_t rank_vectors; /* rank as whole vectors */
} sizes;

static sizes sizes_of(const ft_lora *lora)
{
    return (sizes){lora->rank,
                   lora->in_features,
                   lora->out_features,
                   ft_padded(lora->rank, FT_GROUP),
                   ft_padded(lora->in_features, FT_GROUP),
                   ft_padded(lora->out_features, FT_GROUP),
                   ft_padded(lora->rank, FT_LANES)};
}

/* to: (cols_of_from as rows, wide) = from^T, zeros from `rows` to `wide`, in panels as a
 * B operand of k = cols. */
static void pack_transposed(const float *from, int64_t rows, int64_t cols, int64_t wide, float *to)
{
    for (int64_t j = 0; j < wide; j++) {
        float *column = to + j / FT_PANEL * FT_PANEL * cols + j % FT_PANEL;
        for (int64_t k = 0; k < cols; k++) column[k * FT_PANEL] = j < rows ? from[j * cols + k] : 0.0f;
    }
}

/* to: (rows, wide), the same in panels, not transposed. */
static void pack_plain(const float *from, int64_t rows, int64_t cols, int64_t wide, float *to)
{
    for (int64_t j = 0; j < wide; j += FT_PANEL)
        for (int64_t k = 0; k < rows; k++)
            for (int64_t i = 0; i < FT_PANEL; i++)
                to[(j / FT_PANEL * rows + k) * FT_PANEL + i] = j + i < cols ? from[k * cols + j + i] : 0.0f;
}

/* How many of the first n adapters have rows. Only these are packed: many passes have
 * rows of few adapters, as when a group of windows is forecast. */
static int64_t count_present(const ft_adapter_batch *batch, int32_t n)
{
    int64_t count = 0;
    for (int32_t g = 0; g < n; g++) count += batch->sequence_start[g + 1] > batch->sequence_start[g];
    return count;
}

/* Number `index` of the adapters that have rows. */
static int32_t present_at(const ft_adapter_batch *batch, int64_t index)
{
    for (int32_t g = 0;; g++)
        if (batch->sequence_start[g + 1] > batch->sequence_start[g] && index-- == 0) return g;
}

/* The rows of all adapters cut into pieces, each of one adapter; at least one piece an
 * adapter. */
typedef struct piece {
    int64_t first, count; /* rows */
    int32_t adapter;
} piece;

static int64_t pieces_of(const ft_adapter_batch *batch, int32_t adapter, int64_t total, int64_t wanted)
{
    int64_t sequences = batch->sequence_start[adapter + 1] - batch->sequence_start[adapter];
    return sequences > 0 ? (sequences * wanted + total - 1) / total : 0;
}

static int64_t count_pieces(const ft_adapter_batch *batch, int64_t wanted)
{
    int64_t count = 0;
    for (int32_t g = 0; g < batch->n_adapters; g++) count += pieces_of(batch, g, batch->n_sequences, wanted);
    return count;
}

static piece piece_at(const ft_adapter_batch *batch, int32_t length, int64_t wanted, int64_t index)
{
    for (int32_t g = 0; g < batch->n_adapters; g++) {
        int64_t count = pieces_of(batch, g, batch->n_sequences, wanted);
        if (index < count) {
            int64_t first = (int64_t)batch->sequence_start[g] * length;
            int64_t rows = (int64_t)batch->sequence_start[g + 1] * length - first;
            return (piece){first + rows * index / count, rows * (index + 1) / count - rows * index / count,
                           g};
        }
        index -= count;
    }
    return (piece){0, 0, 0};
}

/* x rows [first, first + count) in f32, and the factors that dropout multiplies them with
 * (not written where there is none). */
static void read_block(const ft_adapter_batch *batch, int32_t length, const ft_dropout *dropout, ft_tensor x,
                       int64_t first, int64_t count, int64_t wide, float *values, float *factors)
{
    const int64_t groups = wide / FT_GROUP;
    for (int64_t row = 0; row < count; row++) {
        float *value = values + row * wide;
        ft_read_row(x, first + row, 0, x.cols, wide, value);
        if (dropout->threshold == 0) continue;
        const ft_place place = ft_place_of(batch, length, first + row);
        for (int64_t group = 0; group < groups; group += FT_DRAWN) {
            ft_vector factor[FT_DRAWN][FT_GROUP_VECTORS];
            ft_draw_factors(dropout, place, group, factor);
            for (int i = 0; i < FT_DRAWN && group + i < groups; i++)
                for (int v = 0; v < FT_GROUP_VECTORS; v++) {
                    const int64_t at = (group + i) * FT_GROUP + v * FT_LANES;
                    ft_store(value + at, ft_load(value + at) * factor[i][v]);
                    if (factors) ft_store(factors + row * wide + at, factor[i][v]);
                }
        }
    }
}

/* A thread's blocks of rows in forward. */
typedef struct forward_rows {
    float *x; /* (ROW_BLOCK, in_wide) */
    float *u; /* (ROW_BLOCK, rank_wide) */
    float *y; /* (ROW_BLOCK, out_wide) */
} forward_rows;

/* Rows [first, first + count) of adapter g through one target, whose columns y and u are.
 * a: (in, rank) and b: (rank, out) are packed transposed. */
static void forward_block(const ft_adapter_batch *batch, int32_t length, const ft_dropout *dropout,
                          const sizes *z, int32_t g, int64_t first, int64_t count, const float *a,
                          const float *b, const forward_rows *w, ft_tensor x, ft_tensor y, ft_tensor u)
{
    read_block(batch, length, dropout, x, first, count, z->in_wide, w->x, NULL);
    const ft_tile_product down = {count,    z->rank_vectors,  z->in, w->x,         z->in_wide, 1, a,
                                  FT_PANEL, z->in * FT_PANEL, w->u,  z->rank_wide, false};
    FT_FOR_ISA(ft_tile_multiply)(&down);
    for (int64_t i = 0; i < count; i++) {
        ft_scale_row(w->u + i * z->rank_wide, batch->lora_scale[g], z->rank_vectors);
        ft_write_row(u, first + i, 0, z->rank, w->u + i * z->rank_wide);
        ft_read_row(y, first + i, 0, z->out, z->out_wide, w->y + i * z->out_wide);
    }
    const ft_tile_product up = {count,    z->out_wide,        z->rank, w->u,        z->rank_wide, 1, b,
                                FT_PANEL, z->rank * FT_PANEL, w->y,    z->out_wide, true};
    FT_FOR_ISA(ft_tile_multiply)(&up);
    for (int64_t i = 0; i < count; i++) ft_write_row(y, first + i, 0, z->out, w->y + i * z->out_wide);
}

static void lora_forward(ft_backend *self, const ft_adapter_batch *batch, int32_t length, const ft_lora *lora,
                         ft_tensor x, ft_tensor y, ft_tensor u)
{
    enum { PIECES_A_THREAD = 8 };
    const sizes z = sizes_of(lora);
    const int64_t n_targets = lora->n_targets, n_packed = count_present(batch, batch->n_adapters) * n_targets;
    const int64_t wanted = (int64_t)self->n_threads * PIECES_A_THREAD, n_pieces = count_pieces(batch, wanted);
    /* A^T and B^T of one target of one adapter */
    const int64_t packed = z.in * z.rank_wide + z.rank * z.out_wide;
    const int64_t block = ROW_BLOCK * (z.in_wide + z.rank_wide + z.out_wide);
    float *memory = ft_cpu_scratch(ft_cpu_of(self), FT_SCRATCH_OPERATION,
                                   (size_t)(n_packed * packed + self->n_threads * block) * sizeof(float));
    if (!memory) return;
#pragma omp parallel num_threads(self->n_threads)
    {
        forward_rows w = {.x = memory + n_packed * packed + omp_get_thread_num() * block};
        w.u = w.x + ROW_BLOCK * z.in_wide;
        w.y = w.u + ROW_BLOCK * z.rank_wide;
#pragma omp for schedule(static)
        for (int64_t index = 0; index < n_packed; index++) {
            const ft_lora_target *target = &lora->target[index % n_targets];
            const int64_t offset = present_at(batch, index / n_targets) * lora->adapter_stride;
            float *a = memory + index * packed;
            pack_transposed((const float *)target->a + offset, z.rank, z.in, z.rank_wide, a);
            pack_transposed((const float *)target->b + offset, z.out, z.rank, z.out_wide,
                            a + z.in * z.rank_wide);
        }
#pragma omp for schedule(dynamic)
        for (int64_t index = 0; index < n_pieces; index++) {
            const piece p = piece_at(batch, length, wanted, index);
            const float *of_adapter = memory + count_present(batch, p.adapter) * n_targets * packed;
            ft_dropout dropout[FT_LORA_TARGETS];
            for (int32_t i = 0; i < n_targets; i++)
                dropout[i] =
                    ft_dropout_of(batch, batch->lora_dropout, p.adapter, lora->target[i].dropout_site);
            for (int64_t first = p.first; first < p.first + p.count; first += ROW_BLOCK) {
                const int64_t left = p.first + p.count - first, count = left < ROW_BLOCK ? left : ROW_BLOCK;
                for (int32_t i = 0; i < n_targets; i++) {
                    const float *a = of_adapter + i * packed;
                    forward_block(batch, length, &dropout[i], &z, p.adapter, first, count, a,
                                  a + z.in * z.rank_wide, &w, x, ft_lora_y_of(lora, i, y),
                                  ft_lora_u_of(lora, i, u));
                }
            }
        }
    }
}

/* A thread's blocks of rows in backward. */
typedef struct workspace {
    float *x, *factor; /* (ROW_BLOCK, in_wide) */
    float *part, *dx;  /* the same, of one target and of all */
    float *dy;         /* (ROW_BLOCK, out_wide) */
    float *u, *du;     /* (ROW_BLOCK, rank_wide) */
} workspace;

static workspace workspace_at(const sizes *z, float *memory)
{
    workspace w;
    w.x = memory;
    w.factor = w.x + ROW_BLOCK * z->in_wide;
    w.part = w.factor + ROW_BLOCK * z->in_wide;
    w.dx = w.part + ROW_BLOCK * z->in_wide;
    w.dy = w.dx + ROW_BLOCK * z->in_wide;
    w.u = w.dy + ROW_BLOCK * z->out_wide;
    w.du = w.u + ROW_BLOCK * z->rank_wide;
    return w;
}

/* Rows [first, first + count) through one target, whose columns u, dy and du are: writes
 * du; adds to w->dx where with_dx, and to the sums da: (rank, in_wide) and db^T: (rank,
 * out_wide). a: (rank, in) and b: (out, rank) are packed plain. */
static void backward_block(const ft_adapter_batch *batch, int32_t length, const ft_dropout *dropout,
                           const sizes *z, float scale, int64_t first, int64_t count, const float *a,
                           const float *b, const workspace *w, ft_tensor x, ft_tensor u, ft_tensor dy,
                           bool with_dx, ft_tensor du, float *da, float *db)
{
    for (int64_t i = 0; i < count; i++) {
        ft_read_row(dy, first + i, 0, z->out, z->out_wide, w->dy + i * z->out_wide);
        ft_read_row(u, first + i, 0, z->rank, z->rank_wide, w->u + i * z->rank_wide);
    }
    read_block(batch, length, dropout, x, first, count, z->in_wide, w->x, w->factor);
    const ft_tile_product down = {count,    z->rank_vectors,   z->out, w->dy,        z->out_wide, 1, b,
                                  FT_PANEL, z->out * FT_PANEL, w->du,  z->rank_wide, false};
    FT_FOR_ISA(ft_tile_multiply)(&down);
    for (int64_t i = 0; i < count; i++) {
        ft_scale_row(w->du + i * z->rank_wide, scale, z->rank_vectors);
        ft_write_row(du, first + i, 0, z->rank, w->du + i * z->rank_wide);
    }
    const ft_tile_product a_sums = {z->rank, z->in_wide, count,    w->du, 1,          z->rank_wide,
                                    w->x,    z->in_wide, FT_PANEL, da,    z->in_wide, true};
    const ft_tile_product b_sums = {z->rank, z->out_wide, count,    w->u, 1,           z->rank_wide,
                                    w->dy,   z->out_wide, FT_PANEL, db,   z->out_wide, true};
    FT_FOR_ISA(ft_tile_multiply)(&a_sums);
    FT_FOR_ISA(ft_tile_multiply)(&b_sums);
    if (!with_dx) return;
    const bool drops = dropout->threshold != 0;
    const ft_tile_product back = {count,
                                  z->in_wide,
                                  z->rank,
                                  w->du,
                                  z->rank_wide,
                                  1,
                                  a,
                                  FT_PANEL,
                                  z->rank * FT_PANEL,
                                  drops ? w->part : w->dx,
                                  z->in_wide,
                                  !drops};
    FT_FOR_ISA(ft_tile_multiply)(&back);
    for (int64_t j = 0; drops && j < count * z->in_wide; j += FT_LANES)
        ft_store(w->dx + j, ft_load(w->dx + j) + ft_load(w->part + j) * ft_load(w->factor + j));
}

/* One piece: dx, du, and each target's sums over the piece, da: (rank, in_wide) and db^T:
 * (rank, out_wide), one target's after the other's. packed: A and B of the adapter's
 * targets. */
static void backward_piece(const ft_adapter_batch *batch, int32_t length, const ft_lora *lora, const sizes *z,
                           piece p, const float *packed, const workspace *w, ft_tensor x, ft_tensor u,
                           ft_tensor dy, ft_tensor dx, ft_tensor du, float *sums)
{
    const int64_t a_size = z->rank * z->in_wide, b_size = z->out * z->rank_wide;
    const int64_t sums_size = z->rank * (z->in_wide + z->out_wide);
    ft_dropout dropout[FT_LORA_TARGETS];
    for (int32_t i = 0; i < lora->n_targets; i++)
        dropout[i] = ft_dropout_of(batch, batch->lora_dropout, p.adapter, lora->target[i].dropout_site);
    memset(sums, 0, (size_t)(lora->n_targets * sums_size) * sizeof(float));
    for (int64_t first = p.first; first < p.first + p.count; first += ROW_BLOCK) {
        const int64_t left = p.first + p.count - first, count = left < ROW_BLOCK ? left : ROW_BLOCK;
        for (int64_t row = 0; dx.data && row < count; row++)
            ft_read_row(dx, first + row, 0, z->in, z->in_wide, w->dx + row * z->in_wide);
        for (int32_t i = 0; i < lora->n_targets; i++) {
            const float *a = packed + i * (a_size + b_size);
            float *da = sums + i * sums_size;
            backward_block(batch, length, &dropout[i], z, batch->lora_scale[p.adapter], first, count, a,
                           a + a_size, w, x, ft_lora_u_of(lora, i, u), ft_lora_y_of(lora, i, dy),
                           dx.data != NULL, ft_lora_u_of(lora, i, du), da, da + z->rank * z->in_wide);
        }
        for (int64_t row = 0; dx.data && row < count; row++)
            ft_write_row(dx, first + row, 0, z->in, w->dx + row * z->in_wide);
    }
}

/* Adds the sums of an adapter's n pieces, in their order, to rank r of one target's
 * gradients. sums: the first piece's; the next one's are `stride` floats on. */
static void add_pieces(const sizes *z, int64_t r, const float *sums, int64_t n, int64_t stride, float *da,
                       float *db)
{
    for (int64_t index = 0; index < n; index++) {
        const float *from = sums + index * stride + r * z->in_wide;
        for (int64_t j = 0; j < z->in; j++) da[r * z->in + j] += from[j];
        from = sums + index * stride + z->rank * z->in_wide + r * z->out_wide;
        for (int64_t j = 0; j < z->out; j++) db[j * z->rank + r] += from[j];
    }
}

static void lora_backward(ft_backend *self, const ft_adapter_batch *batch, int32_t length,
                          const ft_lora *lora, ft_tensor x, ft_tensor u, ft_tensor dy, ft_tensor dx,
                          ft_tensor du)
{
    enum {
        FEW_THREADS = 8
    }; /* each piece has its own sums: more pieces even out the work, but take memory */
    const sizes z = sizes_of(lora);
    const int64_t wanted = self->n_threads * (self->n_threads < FEW_THREADS ? 4 : 1);
    const int64_t n_pieces = count_pieces(batch, wanted), n_targets = lora->n_targets;
    const int64_t n_packed = count_present(batch, batch->n_adapters) * n_targets;
    /* A and B of one target of one adapter */
    const int64_t packed = z.rank * z.in_wide + z.out * z.rank_wide;
    const int64_t target_sums = z.rank * (z.in_wide + z.out_wide), sums = n_targets * target_sums;
    const int64_t block = ROW_BLOCK * (4 * z.in_wide + z.out_wide + 2 * z.rank_wide);
    const int64_t floats = n_packed * packed + n_pieces * sums + self->n_threads * block;
    float *memory = ft_cpu_scratch(ft_cpu_of(self), FT_SCRATCH_OPERATION, (size_t)floats * sizeof(float));
    if (!memory) return;
    float *all_sums = memory + n_packed * packed;
#pragma omp parallel num_threads(self->n_threads)
    {
        const workspace w = workspace_at(&z, all_sums + n_pieces * sums + omp_get_thread_num() * block);
#pragma omp for schedule(static)
        for (int64_t index = 0; index < n_packed; index++) {
            const ft_lora_target *target = &lora->target[index % n_targets];
            const int64_t offset = present_at(batch, index / n_targets) * lora->adapter_stride;
            float *a = memory + index * packed;
            pack_plain((const float *)target->a + offset, z.rank, z.in, z.in_wide, a);
            pack_plain((const float *)target->b + offset, z.out, z.rank, z.rank_wide, a + z.rank * z.in_wide);
        }
#pragma omp for schedule(dynamic)
        for (int64_t index = 0; index < n_pieces; index++) {
            const piece p = piece_at(batch, length, wanted, index);
            const float *of_adapter = memory + count_present(batch, p.adapter) * n_targets * packed;
            backward_piece(batch, length, lora, &z, p, of_adapter, &w, x, u, dy, dx, du,
                           all_sums + index * sums);
        }
        /* The pieces of an adapter follow one another. */
#pragma omp for schedule(static)
        for (int64_t task = 0; task < n_packed * z.rank; task++) {
            const int32_t g = present_at(batch, task / z.rank / n_targets);
            const ft_lora_target *target = &lora->target[task / z.rank % n_targets];
            int64_t before = 0;
            for (int32_t other = 0; other < g; other++)
                before += pieces_of(batch, other, batch->n_sequences, wanted);
            add_pieces(&z, task % z.rank, all_sums + before * sums + (target - lora->target) * target_sums,
                       pieces_of(batch, g, batch->n_sequences, wanted), sums,
                       (float *)target->da + g * lora->adapter_stride,
                       (float *)target->db + g * lora->adapter_stride);
        }
    }
}

void FT_FOR_ISA(ft_cpu_lora_operations)(ft_backend *backend)
{
    backend->lora_forward = lora_forward;
    backend->lora_backward = lora_backward;
}
