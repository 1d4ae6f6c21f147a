/* Products with weights: y = x w^T, its gradients dx = dy w and dw = dy^T x. Nothing is
 * packed: the weight is kept as doubles, (out_features, in_features), rounded to bf16
 * where the backend is made for it. */
#include <stdlib.h>
#include <string.h>

#include "kernels/ref/ref.h"

struct ft_weight {
    int64_t out_features, in_features;
    double values[];
};

static size_t weight_bytes(ft_backend *self, int32_t out_features, int32_t in_features, bool with_backward)
{
    (void)self;
    (void)with_backward;
    return sizeof(ft_weight) + (size_t)out_features * (size_t)in_features * sizeof(double);
}

static ft_status prepare_weight(ft_backend *self, const float *w, int32_t out_features, int32_t in_features,
                                bool with_backward, ft_weight **weight, ft_error *err)
{
    size_t bytes = weight_bytes(self, out_features, in_features, with_backward);
    *weight = malloc(bytes);
    if (!*weight) return ft_no_memory(err, "a packed weight", bytes);
    (*weight)->out_features = out_features;
    (*weight)->in_features = in_features;
    for (int64_t i = 0; i < (int64_t)out_features * in_features; i++)
        (*weight)->values[i] = ft_ref_matrix_input(self, (double)w[i]);
    return FT_OK;
}

static void update_weight(ft_backend *self, ft_weight *weight, ft_tensor w)
{
    for (int64_t o = 0; o < weight->out_features; o++) {
        double *row = weight->values + o * weight->in_features;
        ft_ref_load_row(w, o, row);
        ft_ref_matrix_inputs(self, row, weight->in_features);
    }
}

static void free_weight(ft_backend *self, ft_weight *weight)
{
    (void)self;
    free(weight);
}

/* Row `row` of t becomes `values`, or grows by them. `old` is scratch for t.cols
 * values. */
static void put_row(ft_tensor t, int64_t row, double *values, bool accumulate, double *old)
{
    if (accumulate) {
        ft_ref_load_row(t, row, old);
        ft_ref_add_scaled(values, 1, old, t.cols);
    }
    ft_ref_store_row(t, row, values);
}

static void linear_forward(ft_backend *self, const ft_weight *weight, ft_tensor x, ft_tensor y,
                           bool accumulate)
{
    int64_t in = weight->in_features, out = weight->out_features;
    double *x_row = ft_ref_scratch(self, in + 2 * out);
    if (!x_row) return;
    double *y_row = x_row + in, *old = y_row + out;
    for (int64_t row = 0; row < x.rows; row++) {
        ft_ref_load_row(x, row, x_row);
        ft_ref_matrix_inputs(self, x_row, in);
        for (int64_t o = 0; o < out; o++) y_row[o] = ft_ref_dot(x_row, weight->values + o * in, in);
        put_row(y, row, y_row, accumulate, old);
    }
}

static void linear_backward(ft_backend *self, const ft_weight *weight, ft_tensor dy, ft_tensor dx,
                            bool accumulate)
{
    int64_t in = weight->in_features, out = weight->out_features;
    double *dy_row = ft_ref_scratch(self, out + 2 * in);
    if (!dy_row) return;
    double *dx_row = dy_row + out, *old = dx_row + in;
    for (int64_t row = 0; row < dy.rows; row++) {
        ft_ref_load_row(dy, row, dy_row);
        ft_ref_matrix_inputs(self, dy_row, out);
        memset(dx_row, 0, (size_t)in * sizeof *dx_row);
        for (int64_t o = 0; o < out; o++) ft_ref_add_scaled(dx_row, dy_row[o], weight->values + o * in, in);
        put_row(dx, row, dx_row, accumulate, old);
    }
}

static void weight_gradient(ft_backend *self, ft_tensor dy, ft_tensor x, ft_tensor dw)
{
    int64_t in = x.cols, out = dy.cols;
    double *sum = ft_ref_scratch(self, out * in + out + in);
    if (!sum) return;
    double *dy_row = sum + out * in, *x_row = dy_row + out;
    for (int64_t o = 0; o < out; o++) ft_ref_load_row(dw, o, sum + o * in);
    for (int64_t row = 0; row < dy.rows; row++) {
        ft_ref_load_row(dy, row, dy_row);
        ft_ref_load_row(x, row, x_row);
        ft_ref_matrix_inputs(self, dy_row, out);
        ft_ref_matrix_inputs(self, x_row, in);
        for (int64_t o = 0; o < out; o++) ft_ref_add_scaled(sum + o * in, dy_row[o], x_row, in);
    }
    for (int64_t o = 0; o < out; o++) ft_ref_store_row(dw, o, sum + o * in);
}

void ft_ref_linear_operations(ft_backend *backend)
{
    backend->prepare_weight = prepare_weight;
    backend->update_weight = update_weight;
    backend->free_weight = free_weight;
    backend->weight_bytes = weight_bytes;
    backend->linear_forward = linear_forward;
    backend->linear_backward = linear_backward;
    backend->weight_gradient = weight_gradient;
}
