/* Products with frozen weights. `length` is the number of rows. */
#include "tests/ops/cases.h"

const ft_op_shape op_linear_shapes[] = {
    {.length = 1, .in = 64, .out = 64},
    {.length = 1, .in = 1, .out = 1},
    {.length = 2, .in = 1, .out = 9},
    {.length = 3, .in = 7, .out = 5},
    {.length = 5, .in = 65, .out = 33},
    {.length = 17, .in = 48, .out = 96},
    {.length = 33, .in = 31, .out = 1},
    {.length = 63, .in = 64, .out = 256},
    {.length = 64, .in = 384, .out = 384},
    {.length = 129, .in = 96, .out = 80},
    {.length = 513, .in = 32, .out = 24},
    /* the CPU backend's pieces by AMX: 512 + 64 + 24 */
    {.length = 600, .in = 40, .out = 24, .flags = FT_OP_STRIDED | FT_OP_ACCUMULATE},
    {.length = 20, .in = 512, .out = 512},
    {.length = 8, .in = 512, .out = 1024},
    {.length = 16, .in = 1536, .out = 96},
    {.length = 1, .in = 512, .out = 2048, .flags = FT_OP_REAL_OUT},
    {.length = 5, .in = 64, .out = 1000, .flags = FT_OP_REAL_OUT},
    {.length = 37, .in = 64, .out = 64, .flags = FT_OP_ACCUMULATE},
    {.length = 37, .in = 80, .out = 48, .flags = FT_OP_ACCUMULATE | FT_OP_REAL_OUT},
    {.length = 37, .in = 64, .out = 96, .flags = FT_OP_STRIDED},
    {.length = 129, .in = 33, .out = 63, .flags = FT_OP_STRIDED | FT_OP_ACCUMULATE},
    {.length = 24, .in = 128, .out = 64, .flags = FT_OP_REAL_IN},
    {.length = 31, .in = 72, .out = 40, .flags = FT_OP_REAL_IN | FT_OP_REAL_OUT},
    {.length = 7,
     .in = 40,
     .out = 72,
     .flags = FT_OP_REAL_IN | FT_OP_REAL_OUT | FT_OP_STRIDED | FT_OP_ACCUMULATE},
};
const int op_linear_shapes_count = OP_COUNT(op_linear_shapes);

void op_linear_forward(ft_op_scene *scene, const ft_op_shape *shape)
{
    ft_weight *weight = op_weight(scene, shape->out, shape->in);
    ft_tensor x = op_values(scene, op_in(scene), shape->length, shape->in, 1);
    ft_tensor y = op_sum(scene, op_out(scene), shape->length, shape->out);
    while (op_again(scene))
        scene->backend->linear_forward(scene->backend, weight, x, y, op_has(scene, FT_OP_ACCUMULATE));
    op_result(scene, "y", y);
    op_free_weight(scene, weight);
}

void op_linear_backward(ft_op_scene *scene, const ft_op_shape *shape)
{
    ft_weight *weight = op_weight(scene, shape->out, shape->in);
    ft_tensor dy = op_values(scene, op_in(scene), shape->length, shape->out, 1);
    ft_tensor dx = op_sum(scene, op_out(scene), shape->length, shape->in);
    while (op_again(scene))
        scene->backend->linear_backward(scene->backend, weight, dy, dx, op_has(scene, FT_OP_ACCUMULATE));
    op_result(scene, "dx", dx);
    op_free_weight(scene, weight);
}

void op_weight_gradient(ft_op_scene *scene, const ft_op_shape *shape)
{
    ft_tensor dy = op_values(scene, op_in(scene), shape->length, shape->out, 1);
    ft_tensor x = op_values(scene, op_out(scene), shape->length, shape->in, 1);
    ft_tensor dw = op_values(scene, scene->backend->real, shape->out, shape->in, 1);
    while (op_again(scene)) scene->backend->weight_gradient(scene->backend, dy, x, dw);
    op_result(scene, "dw", dw);
}

/* The weight is packed from one matrix, updated to another, and used both ways. */
void op_update_weight(ft_op_scene *scene, const ft_op_shape *shape)
{
    ft_backend *backend = scene->backend;
    ft_weight *weight = op_weight(scene, shape->out, shape->in);
    ft_tensor w = op_values(scene, backend->real, shape->out, shape->in, 1);
    ft_tensor x = op_values(scene, op_in(scene), shape->length, shape->in, 1);
    ft_tensor dy = op_values(scene, op_in(scene), shape->length, shape->out, 1);
    ft_tensor y = op_empty(scene, op_out(scene), shape->length, shape->out);
    ft_tensor dx = op_empty(scene, op_out(scene), shape->length, shape->in);
    while (op_again(scene)) backend->update_weight(backend, weight, w);
    if (scene->status == FT_OK) {
        backend->linear_forward(backend, weight, x, y, false);
        backend->linear_backward(backend, weight, dy, dx, false);
    }
    op_result(scene, "y", y);
    op_result(scene, "dx", dx);
    op_free_weight(scene, weight);
}
