/* Operations that take each row by itself: embedding, residual add with norm, relu. `in`
 * is d_model or d_ff. */
#include "tests/ops/cases.h"

enum { VOCABULARY = 37, Y_SITE = 5, H_SITE = 6 };

const ft_op_shape op_row_shapes[] = {
    {.adapters = 1, .sequences = 1, .length = 1, .in = 64},
    {.adapters = 1, .sequences = 1, .length = 1, .in = 1},
    {.adapters = 1, .sequences = 1, .length = 7, .in = 65, .flags = FT_OP_REAL_IN},
    {.adapters = 1, .sequences = 2, .length = 2, .in = 16, .flags = FT_OP_REAL_OUT},
    {.adapters = 1, .sequences = 3, .length = 63, .in = 48},
    {.adapters = 1, .sequences = 1, .length = 513, .in = 64},
    {.adapters = 2, .sequences = 3, .length = 17, .in = 512, .flags = FT_OP_IN_PLACE},
    {.adapters = 3, .sequences = 6, .length = 5, .in = 384, .flags = FT_OP_ACCUMULATE},
    {.adapters = 5, .sequences = 15, .length = 4, .in = 96, .flags = FT_OP_IN_PLACE | FT_OP_ACCUMULATE},
    {.adapters = 4, .sequences = 2, .length = 9, .in = 130},
    {.adapters = 1, .sequences = 2, .length = 33, .in = 768, .flags = FT_OP_ABSENT},
    {.adapters = 2, .sequences = 3, .length = 9, .in = 64, .flags = FT_OP_ABSENT | FT_OP_IN_PLACE},
    {.adapters = 1, .sequences = 1, .length = 31, .in = 2048, .flags = FT_OP_REAL_IN | FT_OP_REAL_OUT},
    {.adapters = 1, .sequences = 2, .length = 11, .in = 33, .flags = FT_OP_STRIDED},
    {.adapters = 3, .sequences = 7, .length = 3, .in = 1025, .flags = FT_OP_STRIDED | FT_OP_IN_PLACE},
    {.adapters = 1, .sequences = 1, .length = 1, .in = 64, .dropout = 0.5f},
    {.adapters = 1, .sequences = 3, .length = 29, .in = 100, .dropout = 0.1f},
    {.adapters = 1, .sequences = 2, .length = 129, .in = 64, .dropout = 0.1f, .flags = FT_OP_ACCUMULATE},
    {.adapters = 3, .sequences = 6, .length = 13, .in = 128, .dropout = 0.3f, .flags = FT_OP_IN_PLACE},
    {.adapters = 5, .sequences = 16, .length = 6, .in = 63, .dropout = 0.9f},
    {.adapters = 4, .sequences = 5, .length = 10, .in = 512, .dropout = 0.1f, .flags = FT_OP_REAL_IN},
    {.adapters = 2,
     .sequences = 4,
     .length = 8,
     .in = 17,
     .dropout = 0.2f,
     .flags = FT_OP_STRIDED | FT_OP_ACCUMULATE},
    {.adapters = 2,
     .sequences = 4,
     .length = 8,
     .in = 80,
     .dropout = 0.2f,
     .flags = FT_OP_ABSENT | FT_OP_REAL_OUT},
    {.adapters = 2, .sequences = 3, .length = 12, .in = 72, .scale = 1e-4f, .dropout = 0.1f},
    {.adapters = 2, .sequences = 3, .length = 12, .in = 72, .scale = 1e4f, .dropout = 0.1f},
    {.adapters = 3, .sequences = 6, .length = 131, .in = 40, .dropout = 0.1f, .flags = FT_OP_ACCUMULATE},
    /* More rows than the embedding's backward pass looks through at once, three times. */
    {.adapters = 2, .sequences = 3, .length = 2741, .in = 8, .dropout = 0.1f},
};
const int op_row_shapes_count = OP_COUNT(op_row_shapes);

static int64_t rows_of(const ft_op_shape *shape)
{
    return (int64_t)shape->sequences * shape->length;
}

static double scale_of(const ft_op_shape *shape)
{
    return shape->scale > 0 ? (double)shape->scale : 1;
}

/* Ids from `low`: below 0 there is no token. Strided ones begin in the middle of 16
 * bytes. */
static int32_t *make_ids(ft_op_scene *scene, int32_t low)
{
    int skipped = op_has(scene, FT_OP_STRIDED) ? 1 : 0;
    int32_t *ids = op_integers(scene, rows_of(scene->shape) + skipped, low, VOCABULARY);
    return ids ? ids + skipped : NULL;
}

void op_embedding_forward(ft_op_scene *scene, const ft_op_shape *shape)
{
    ft_backend *backend = scene->backend;
    ft_adapter_batch batch = op_batch(scene);
    int32_t *ids = make_ids(scene, op_has(scene, FT_OP_ABSENT) ? -5 : 0);
    ft_tensor table = op_values(scene, backend->real, VOCABULARY, shape->in, scale_of(shape));
    ft_tensor out = op_empty(scene, backend->real, rows_of(shape), shape->in);
    while (op_again(scene))
        backend->embedding_forward(backend, &batch, shape->length, table, ids, Y_SITE, out);
    op_result(scene, "out", out);
}

void op_embedding_backward(ft_op_scene *scene, const ft_op_shape *shape)
{
    ft_backend *backend = scene->backend;
    ft_adapter_batch batch = op_batch(scene);
    int32_t *ids = make_ids(scene, 0);
    ft_tensor dout = op_values(scene, backend->real, rows_of(shape), shape->in, scale_of(shape));
    ft_tensor dtable = op_values(scene, backend->real, VOCABULARY, shape->in, 1);
    while (op_again(scene))
        backend->embedding_backward(backend, &batch, shape->length, dout, ids, Y_SITE, dtable);
    op_result(scene, "dtable", dtable);
}

/* One norm weight an adapter with FT_OP_ACCUMULATE, else one for all; both sites drop
 * out. */
static ft_tensor norm_weights(ft_op_scene *scene, const ft_op_shape *shape, bool zero)
{
    int64_t count = op_has(scene, FT_OP_ACCUMULATE) ? (int64_t)shape->adapters * shape->in : shape->in;
    return zero ? op_zeros(scene, scene->backend->real, 1, count)
                : op_values(scene, scene->backend->real, 1, count, 2);
}

/* With FT_OP_ABSENT h is not dropped from, whatever the dropout. */
static uint32_t h_site(const ft_op_scene *scene)
{
    return op_has(scene, FT_OP_ABSENT) ? 0 : H_SITE;
}

void op_add_norm_forward(ft_op_scene *scene, const ft_op_shape *shape)
{
    ft_backend *backend = scene->backend;
    ft_adapter_batch batch = op_batch(scene);
    int64_t rows = rows_of(shape), weight_stride = op_has(scene, FT_OP_ACCUMULATE) ? shape->in : 0;
    ft_tensor x = op_values(scene, backend->real, rows, shape->in, scale_of(shape));
    ft_tensor y = {0}, x_out = x, h = op_empty(scene, op_out(scene), rows, shape->in);
    if (!op_has(scene, FT_OP_ABSENT)) y = op_values(scene, op_in(scene), rows, shape->in, scale_of(shape));
    if (!op_has(scene, FT_OP_IN_PLACE)) x_out = op_empty(scene, backend->real, rows, shape->in);
    ft_tensor weight = norm_weights(scene, shape, false), rstd = op_empty(scene, backend->real, 1, rows);
    while (op_again(scene))
        backend->add_norm_forward(backend, &batch, shape->length, x, y, Y_SITE, weight.data, weight_stride,
                                  1e-6f, h_site(scene), 0.25f, x_out, h, rstd.data);
    op_result(scene, "x_out", x_out);
    op_result(scene, "h", h);
    op_result(scene, "rstd", rstd);
}

/* Without FT_OP_ABSENT there are dy and dweight. rstd is the backend's own. dx_is_zero
 * where not FT_OP_IN_PLACE. */
void op_add_norm_backward(ft_op_scene *scene, const ft_op_shape *shape)
{
    ft_backend *backend = scene->backend;
    ft_adapter_batch batch = op_batch(scene);
    int64_t rows = rows_of(shape), weight_stride = op_has(scene, FT_OP_ACCUMULATE) ? shape->in : 0;
    bool dx_is_zero = !op_has(scene, FT_OP_IN_PLACE);
    ft_tensor absent = {0}, dy = absent, dweight = absent;
    ft_tensor x = op_values(scene, backend->real, rows, shape->in, scale_of(shape));
    ft_tensor h = op_empty(scene, op_out(scene), rows, shape->in);
    ft_tensor weight = norm_weights(scene, shape, false), rstd = op_empty(scene, backend->real, 1, rows);
    ft_tensor dh = op_values(scene, op_in(scene), rows, shape->in, 1);
    ft_tensor dx = dx_is_zero ? op_empty(scene, backend->real, rows, shape->in)
                              : op_values(scene, backend->real, rows, shape->in, 1);
    if (!op_has(scene, FT_OP_ABSENT)) {
        dy = op_empty(scene, op_out(scene), rows, shape->in);
        dweight = norm_weights(scene, shape, true);
    }
    if (scene->status == FT_OK)
        backend->add_norm_forward(backend, &batch, shape->length, x, absent, 0, weight.data, weight_stride,
                                  1e-6f, h_site(scene), 0.25f, x, h, rstd.data);
    while (op_again(scene))
        backend->add_norm_backward(backend, &batch, shape->length, x, rstd.data, weight.data, weight_stride,
                                   h_site(scene), 0.25f, dh, dx, dx_is_zero, Y_SITE, dy, dweight.data);
    /* The part along x cancels: all of it when there is one feature. */
    double floor = 0.1 / (scale_of(shape) + 1e-3);
    op_result_floor(scene, "dx", dx, floor);
    op_result_floor(scene, "dy", dy, floor);
    op_result(scene, "dweight", dweight);
}

void op_relu_forward(ft_op_scene *scene, const ft_op_shape *shape)
{
    ft_backend *backend = scene->backend;
    ft_adapter_batch batch = op_batch(scene);
    ft_tensor f = op_values(scene, op_in(scene), rows_of(shape), shape->in, scale_of(shape));
    while (op_again(scene)) backend->relu_forward(backend, &batch, shape->length, Y_SITE, f);
    op_result(scene, "f", f);
}

void op_relu_backward(ft_op_scene *scene, const ft_op_shape *shape)
{
    ft_backend *backend = scene->backend;
    ft_adapter_batch batch = op_batch(scene);
    ft_tensor f = op_values(scene, op_in(scene), rows_of(shape), shape->in, 1);
    ft_tensor df = op_values(scene, op_out(scene), rows_of(shape), shape->in, scale_of(shape));
    if (scene->status == FT_OK) backend->relu_forward(backend, &batch, shape->length, Y_SITE, f);
    while (op_again(scene)) backend->relu_backward(backend, &batch, shape->length, Y_SITE, f, df);
    op_result(scene, "df", df);
}
