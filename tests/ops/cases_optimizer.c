/* Gradient norm and AdamW; `in` is the number of parameters of an adapter. */
#include <math.h>
#include <stdlib.h>

#include "tests/ops/cases.h"

const ft_op_shape op_parameter_shapes[] = {
    {.adapters = 1, .in = 1},
    {.adapters = 1, .in = 7},
    {.adapters = 1, .in = 64},
    {.adapters = 1, .in = 1000},
    {.adapters = 1, .in = 4097},
    {.adapters = 1, .in = 100003},
    {.adapters = 2, .in = 1},
    {.adapters = 2, .in = 63},
    {.adapters = 2, .in = 20000},
    {.adapters = 3, .in = 129},
    {.adapters = 3, .in = 5000},
    {.adapters = 4, .in = 16},
    {.adapters = 4, .in = 2049},
    {.adapters = 5, .in = 33},
    {.adapters = 5, .in = 8192},
    {.adapters = 16, .in = 513},
    {.adapters = 1, .in = 65, .flags = FT_OP_STRIDED},
    {.adapters = 3, .in = 1025, .flags = FT_OP_STRIDED},
    {.adapters = 5, .in = 31, .flags = FT_OP_STRIDED},
    {.adapters = 3, .in = 300, .scale = 1e-4f},
    {.adapters = 3, .in = 300, .scale = 1e3f},
    {.adapters = 2, .in = 300, .scale = 1e-9f},
};
const int op_parameter_shapes_count = OP_COUNT(op_parameter_shapes);

static double gradient_scale(const ft_op_shape *shape)
{
    return shape->scale > 0 ? (double)shape->scale : 0.1;
}

/* (n) doubles in a tensor without gaps, written by the operation. */
static ft_tensor doubles(ft_op_scene *scene, int64_t count)
{
    const ft_op_shape *shape = scene->shape;
    ft_op_shape gapless = *shape;
    gapless.flags &= ~(uint32_t)FT_OP_STRIDED;
    scene->shape = &gapless;
    ft_tensor made = op_empty(scene, FT_F64, 1, count);
    scene->shape = shape;
    return made;
}

void op_gradient_norm(ft_op_scene *scene, const ft_op_shape *shape)
{
    ft_backend *backend = scene->backend;
    ft_tensor grads = op_values(scene, backend->real, shape->adapters, shape->in, gradient_scale(shape));
    ft_tensor norm = doubles(scene, shape->adapters);
    while (op_again(scene)) backend->gradient_norm(backend, grads, norm.data);
    op_result(scene, "norm", norm);
}

/* Losses of the step before: finite ones, or the last adapter's is not. */
static const double *losses_before(ft_op_scene *scene, int64_t count, double last)
{
    enum { MOST = 16 };
    double losses[MOST] = {0};
    for (int64_t g = 0; g < count; g++) losses[g] = 1.5 * (double)g;
    losses[count - 1] = last;
    return op_array(scene, losses, (size_t)count * sizeof *losses);
}

/* Adapters differ in all settings. Of each three, the first does not clip and the second
 * is at its first step. v is not negative. A step after a loss that is not finite changes
 * nothing. */
void op_adamw(ft_op_scene *scene, const ft_op_shape *shape)
{
    enum { MOST = 16 };
    ft_backend *backend = scene->backend;
    int64_t n = shape->adapters, count = n * shape->in;
    float rate[MOST] = {0}, decay[MOST] = {0}, limit[MOST] = {0};
    uint32_t taken[MOST] = {0};
    for (int g = 0; g < MOST; g++) {
        rate[g] = 1e-3f / (float)(1 + g);
        decay[g] = 0.01f * (float)(g % 4);
        limit[g] = g % 3 == 0 ? 0 : 0.5f * (float)g;
        taken[g] = g % 3 == 1 ? 0 : (uint32_t)(g * 37);
    }
    float *v_values = malloc((size_t)count * sizeof *v_values + 1);
    if (!v_values) scene->status = FT_NO_MEMORY;
    double scale = gradient_scale(shape);
    for (int64_t i = 0; v_values && i < count; i++) v_values[i] = fabsf(op_draw(scene, scale * scale));
    ft_adamw step = {.params = op_values(scene, backend->real, n, shape->in, 1),
                     .grads = op_values(scene, backend->real, n, shape->in, scale),
                     .m = op_values(scene, backend->real, n, shape->in, scale),
                     .v = op_given(scene, backend->real, n, shape->in, v_values),
                     .learning_rate = op_array(scene, rate, (size_t)n * sizeof *rate),
                     .weight_decay = op_array(scene, decay, (size_t)n * sizeof *decay),
                     .max_grad_norm = op_array(scene, limit, (size_t)n * sizeof *limit),
                     .step = op_array(scene, taken, (size_t)n * sizeof *taken)};
    free(v_values);
    ft_tensor norm = doubles(scene, n);
    step.grad_norm = norm.data;
    if (scene->status == FT_OK) backend->gradient_norm(backend, step.grads, norm.data);
    const double *before[] = {losses_before(scene, n, NAN), losses_before(scene, n, -INFINITY),
                              n % 2 ? losses_before(scene, n, 7) : NULL};
    while (op_again(scene))
        for (int i = 0; i < 3; i++) {
            step.loss_before = before[i];
            backend->adamw(backend, &step);
        }
    op_result(scene, "params", step.params);
    op_result(scene, "m", step.m);
    op_result(scene, "v", step.v);
}
