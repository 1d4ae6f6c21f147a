/* Grouped low-rank adapters: `in`, `out`, `rank`; `targets`, 0 meaning one. */
#include <stdlib.h>

#include "tests/ops/cases.h"

const ft_op_shape op_lora_shapes[] = {
    {.adapters = 1, .sequences = 1, .length = 1, .in = 64, .out = 64, .rank = 8},
    {.adapters = 1, .sequences = 1, .length = 1, .in = 16, .out = 16, .rank = 8, .dropout = 0.2f},
    {.adapters = 1, .sequences = 2, .length = 2, .in = 33, .out = 17, .rank = 8},
    {.adapters = 1, .sequences = 3, .length = 63, .in = 64, .out = 48, .rank = 16, .dropout = 0.2f},
    {.adapters = 1, .sequences = 1, .length = 129, .in = 96, .out = 96, .rank = 32},
    {.adapters = 1, .sequences = 1, .length = 513, .in = 24, .out = 32, .rank = 8, .dropout = 0.2f},
    {.adapters = 1, .sequences = 1, .length = 9, .in = 512, .out = 512, .rank = 8, .dropout = 0.2f},
    {.adapters = 1, .sequences = 1, .length = 5, .in = 512, .out = 512, .rank = 64},
    {.adapters = 1, .sequences = 1, .length = 3, .in = 256, .out = 256, .rank = 256, .dropout = 0.5f},
    {.adapters = 1, .sequences = 2, .length = 17, .in = 128, .out = 512, .rank = 8, .dropout = 0.2f},
    {.adapters = 1, .sequences = 2, .length = 17, .in = 512, .out = 128, .rank = 16, .dropout = 0.2f},
    {.adapters = 2, .sequences = 3, .length = 15, .in = 64, .out = 64, .rank = 8, .flags = FT_OP_PADDED_RANK},
    {.adapters = 3,
     .sequences = 6,
     .length = 11,
     .in = 72,
     .out = 40,
     .rank = 16,
     .dropout = 0.4f,
     .flags = FT_OP_PADDED_RANK},
    {.adapters = 5,
     .sequences = 15,
     .length = 7,
     .in = 64,
     .out = 96,
     .rank = 24,
     .dropout = 0.2f,
     .flags = FT_OP_PADDED_RANK},
    {.adapters = 4, .sequences = 3, .length = 13, .in = 48, .out = 48, .rank = 8, .dropout = 0.2f},
    {.adapters = 4,
     .sequences = 4,
     .length = 1,
     .in = 80,
     .out = 80,
     .rank = 128,
     .flags = FT_OP_PADDED_RANK},
    {.adapters = 1, .sequences = 2, .length = 19, .in = 64, .out = 64, .rank = 8, .flags = FT_OP_STRIDED},
    {.adapters = 3,
     .sequences = 5,
     .length = 9,
     .in = 40,
     .out = 24,
     .rank = 16,
     .dropout = 0.2f,
     .flags = FT_OP_STRIDED | FT_OP_PADDED_RANK},
    {.adapters = 2,
     .sequences = 3,
     .length = 10,
     .in = 64,
     .out = 64,
     .rank = 8,
     .dropout = 0.2f,
     .flags = FT_OP_REAL_IN | FT_OP_REAL_OUT},
    {.adapters = 2,
     .sequences = 3,
     .length = 10,
     .in = 56,
     .out = 64,
     .rank = 8,
     .dropout = 0.2f,
     .flags = FT_OP_REAL_OUT},
    {.adapters = 2, .sequences = 3, .length = 10, .in = 64, .out = 56, .rank = 8, .flags = FT_OP_REAL_IN},
    {.adapters = 2,
     .sequences = 3,
     .length = 10,
     .in = 64,
     .out = 64,
     .rank = 8,
     .dropout = 0.2f,
     .flags = FT_OP_ABSENT},
    {.adapters = 3,
     .sequences = 6,
     .length = 21,
     .in = 96,
     .out = 64,
     .rank = 40,
     .dropout = 0.1f,
     .flags = FT_OP_ABSENT | FT_OP_PADDED_RANK},
    {.adapters = 5, .sequences = 11, .length = 6, .in = 24, .out = 40, .rank = 8, .flags = FT_OP_PADDED_RANK},
    {.adapters = 5,
     .sequences = 9,
     .length = 5,
     .in = 40,
     .out = 72,
     .rank = 256,
     .dropout = 0.2f,
     .flags = FT_OP_PADDED_RANK},
    {.adapters = 3,
     .sequences = 6,
     .length = 70,
     .in = 72,
     .out = 136,
     .rank = 72,
     .dropout = 0.2f,
     .flags = FT_OP_PADDED_RANK},
    {.adapters = 2,
     .sequences = 3,
     .length = 67,
     .in = 33,
     .out = 17,
     .rank = 8,
     .dropout = 0.2f,
     .flags = FT_OP_STRIDED},
    {.adapters = 5, .sequences = 3, .length = 1, .in = 64, .out = 64, .rank = 16, .dropout = 0.1f},
    {.adapters = 2, .sequences = 3, .length = 25, .in = 36, .out = 20, .rank = 16, .dropout = 0.1f},
    /* Three chunks and more of features and of ranks. */
    {.adapters = 1, .sequences = 1, .length = 5, .in = 200, .out = 136, .rank = 8, .dropout = 0.2f},
    {.adapters = 2, .sequences = 3, .length = 1, .in = 136, .out = 192, .rank = 136, .dropout = 0.2f},
    /* Aligned and in whole chunks, of each number of ranks that has a kernel, and more
     * chunks than a block has warps. */
    {.adapters = 2, .sequences = 3, .length = 21, .in = 64, .out = 128, .rank = 24, .dropout = 0.2f},
    {.adapters = 3,
     .sequences = 4,
     .length = 37,
     .in = 128,
     .out = 64,
     .rank = 16,
     .dropout = 0.2f,
     .flags = FT_OP_PADDED_RANK},
    {.adapters = 2, .sequences = 2, .length = 11, .in = 192, .out = 64, .rank = 136, .dropout = 0.2f},
    {.adapters = 1, .sequences = 1, .length = 18, .in = 1088, .out = 576, .rank = 40, .dropout = 0.2f},
    {.adapters = 1, .sequences = 1, .length = 33, .in = 576, .out = 1152, .rank = 8, .dropout = 0.2f},
    /* So many features that a gradient has two pieces at most, and so many rows that each
     * has three chunks of them, as in a batch of 512 x 64 (parts_of in
     * kernels/cuda/lora_gradient.cu). */
    {.adapters = 2, .sequences = 12, .length = 46, .in = 4160, .out = 64, .rank = 8, .dropout = 0.1f},
    /* Several targets, as q and v, and as many as there may be. */
    {.adapters = 1, .sequences = 2, .length = 3, .in = 32, .out = 16, .rank = 8, .targets = 2},
    {.adapters = 2,
     .sequences = 3,
     .length = 13,
     .in = 64,
     .out = 128,
     .rank = 8,
     .dropout = 0.2f,
     .flags = FT_OP_REAL_OUT | FT_OP_PADDED_RANK,
     .targets = 2},
    {.adapters = 2,
     .sequences = 2,
     .length = 19,
     .in = 192,
     .out = 64,
     .rank = 16,
     .dropout = 0.2f,
     .flags = FT_OP_REAL_OUT,
     .targets = 3},
    {.adapters = 1,
     .sequences = 2,
     .length = 9,
     .in = 64,
     .out = 192,
     .rank = 40,
     .dropout = 0.2f,
     .flags = FT_OP_REAL_OUT,
     .targets = 3},
    {.adapters = 2,
     .sequences = 3,
     .length = 10,
     .in = 72,
     .out = 40,
     .rank = 24,
     .dropout = 0.2f,
     .flags = FT_OP_STRIDED | FT_OP_PADDED_RANK,
     .targets = 3},
    {.adapters = 1,
     .sequences = 1,
     .length = 17,
     .in = 64,
     .out = 64,
     .rank = 8,
     .dropout = 0.2f,
     .flags = FT_OP_ABSENT,
     .targets = 2},
    {.adapters = 2,
     .sequences = 2,
     .length = 5,
     .in = 64,
     .out = 64,
     .rank = 8,
     .dropout = 0.2f,
     .targets = FT_LORA_TARGETS},
    /* More ranks than a block of the CUDA kernel has room for. */
    {.adapters = 1,
     .sequences = 2,
     .length = 3,
     .in = 64,
     .out = 64,
     .rank = 256,
     .dropout = 0.2f,
     .flags = FT_OP_REAL_OUT,
     .targets = 3},
};
const int op_lora_shapes_count = OP_COUNT(op_lora_shapes);

/* The rank of adapter g without its padding; the first of several has 0: it lacks this
 * target. */
static int32_t rank_of(const ft_op_shape *shape, int32_t g)
{
    if (!(shape->flags & FT_OP_PADDED_RANK)) return shape->rank;
    return shape->adapters == 1 ? shape->rank - 3 : (shape->rank - 1) * g / (shape->adapters - 1);
}

static int32_t targets_of(const ft_op_shape *shape)
{
    return shape->targets > 0 ? shape->targets : 1;
}

/* All parameters of all adapters in one row: adapter g's A and B of each target, then 24
 * elements of something else. */
typedef struct parameters {
    int64_t a_size, target_size, adapter_stride;
    ft_tensor values, gradients;
} parameters;

static parameters make_parameters(ft_op_scene *scene, const ft_op_shape *shape, bool with_gradients)
{
    const int64_t b_size = (int64_t)shape->out * shape->rank;
    parameters made = {.a_size = (int64_t)shape->rank * shape->in};
    made.target_size = made.a_size + b_size;
    made.adapter_stride = targets_of(shape) * made.target_size + 24;
    int64_t count = made.adapter_stride * shape->adapters;
    float *values = calloc((size_t)count, sizeof *values);
    if (!values) {
        scene->status = FT_NO_MEMORY;
        return made;
    }
    for (int32_t g = 0; g < shape->adapters; g++)
        for (int32_t i = 0; i < targets_of(shape); i++) {
            float *a = values + g * made.adapter_stride + i * made.target_size, *b = a + made.a_size;
            int64_t rank = rank_of(shape, g);
            for (int64_t j = 0; j < rank * shape->in; j++) a[j] = op_draw(scene, 0.5);
            for (int64_t j = 0; j < b_size; j++)
                if (j % shape->rank < rank) b[j] = op_draw(scene, 0.5);
        }
    made.values = op_given(scene, scene->backend->real, 1, count, values);
    free(values);
    if (with_gradients) made.gradients = op_values(scene, scene->backend->real, 1, count, 1);
    return made;
}

/* Pointer to an element of a tensor of one row; NULL without the tensor. */
static void *element(ft_tensor tensor, int64_t index)
{
    return tensor.data ? ft_columns(tensor, index, 1).data : NULL;
}

/* The columns of y are those of target 0, of none, of target 1, of none ... */
static int32_t columns_of(const ft_op_shape *shape)
{
    return (2 * targets_of(shape) - 1) * shape->out;
}

static ft_lora make_lora(const ft_op_shape *shape, const parameters *made)
{
    enum { SITE = 77 };
    ft_lora lora = {.n_targets = targets_of(shape),
                    .rank = shape->rank,
                    .in_features = shape->in,
                    .out_features = shape->out,
                    .adapter_stride = made->adapter_stride};
    for (int32_t i = 0; i < lora.n_targets; i++) {
        const int64_t a = i * made->target_size, b = a + made->a_size;
        lora.target[i] = (ft_lora_target){.a = element(made->values, a),
                                          .b = element(made->values, b),
                                          .da = element(made->gradients, a),
                                          .db = element(made->gradients, b),
                                          .column = 2 * i * shape->out,
                                          .dropout_site = SITE + (uint32_t)i};
    }
    return lora;
}

void op_lora_forward(ft_op_scene *scene, const ft_op_shape *shape)
{
    ft_backend *backend = scene->backend;
    int64_t rows = (int64_t)shape->sequences * shape->length;
    ft_adapter_batch batch = op_batch(scene);
    parameters made = make_parameters(scene, shape, false);
    ft_lora lora = make_lora(shape, &made);
    ft_tensor x = op_values(scene, op_in(scene), rows, shape->in, 1);
    ft_tensor y = op_values(scene, op_out(scene), rows, columns_of(shape), 1);
    ft_tensor u = op_empty(scene, backend->real, rows, (int64_t)lora.n_targets * shape->rank);
    while (op_again(scene)) backend->lora_forward(backend, &batch, shape->length, &lora, x, y, u);
    op_result(scene, "y", y);
    op_result(scene, "u", u);
}

/* Without FT_OP_ABSENT there is dx. */
void op_lora_backward(ft_op_scene *scene, const ft_op_shape *shape)
{
    ft_backend *backend = scene->backend;
    int64_t rows = (int64_t)shape->sequences * shape->length;
    ft_adapter_batch batch = op_batch(scene);
    parameters made = make_parameters(scene, shape, true);
    ft_lora lora = make_lora(shape, &made);
    int64_t ranks = (int64_t)lora.n_targets * shape->rank;
    ft_tensor x = op_values(scene, op_in(scene), rows, shape->in, 1);
    ft_tensor u = op_values(scene, backend->real, rows, ranks, 1);
    ft_tensor dy = op_values(scene, op_in(scene), rows, columns_of(shape), 1);
    ft_tensor dx = {0}, du = op_empty(scene, backend->real, rows, ranks);
    if (!op_has(scene, FT_OP_ABSENT)) dx = op_values(scene, op_out(scene), rows, shape->in, 1);
    while (op_again(scene)) backend->lora_backward(backend, &batch, shape->length, &lora, x, u, dy, dx, du);
    op_result(scene, "gradients", made.gradients);
    op_result(scene, "dx", dx);
}
