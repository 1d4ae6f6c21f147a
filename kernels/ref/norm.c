/* Residual add and RMS norm between two sublayers: adds a sublayer's output to the
 * residual stream and norms it for the next sublayer.
 *
 *   x_out = x + dropout(y),  rstd = 1 / sqrt(mean(x_out^2) + eps)
 *   h = h_scale * dropout(x_out * rstd * w)
 *
 * Backward, with e = h_scale * dropout'(dh), g = e * w and n features:
 *
 *   dx += rstd * (g - x_out * rstd^2 * sum(g * x_out) / n)
 *   dw += e * x_out * rstd
 *   dy = dropout'(dx) */
#include <math.h>
#include <string.h>

#include "kernels/ref/ref.h"

static void add_norm_forward(ft_backend *self, const ft_adapter_batch *batch, int32_t length, ft_tensor x,
                             ft_tensor y, uint32_t y_site, const void *weight, int64_t weight_stride,
                             float eps, uint32_t h_site, float h_scale, ft_tensor x_out, ft_tensor h,
                             void *rstd)
{
    int64_t n = x.cols;
    double *sum = ft_ref_scratch(self, 2 * n);
    if (!sum) return;
    double *values = sum + n;
    for (int32_t s = 0; s < batch->n_sequences; s++) {
        ft_ref_dropout y_dropout = ft_ref_dropout_of(batch, batch->model_dropout, y_site, s);
        ft_ref_dropout h_dropout = ft_ref_dropout_of(batch, batch->model_dropout, h_site, s);
        int64_t w = batch->adapter_of[s] * weight_stride;
        for (int32_t t = 0; t < length; t++) {
            int64_t row = (int64_t)s * length + t;
            ft_ref_load_row(x, row, sum);
            if (y.data) {
                ft_ref_load_row(y, row, values);
                ft_ref_dropout_row(&y_dropout, length, t, values, n);
                ft_ref_add_scaled(sum, 1, values, n);
            }
            if (y.data || x_out.data != x.data) ft_ref_store_row(x_out, row, sum);
            double r = 1 / sqrt(ft_ref_dot(sum, sum, n) / (double)n + (double)eps);
            ft_ref_store(rstd, self->real, row, r);
            for (int64_t i = 0; i < n; i++)
                values[i] = (double)h_scale * sum[i] * r * ft_ref_load(weight, self->real, w + i);
            ft_ref_dropout_row(&h_dropout, length, t, values, n);
            ft_ref_store_row(h, row, values);
        }
    }
}

/* Adds the gradient of one norm weight, summed over the rows of a sequence. */
static void add_weight_gradient(ft_backend *self, void *dweight, int64_t offset, const double *sum, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        ft_ref_store(dweight, self->real, offset + i, ft_ref_load(dweight, self->real, offset + i) + sum[i]);
}

static void add_norm_backward(ft_backend *self, const ft_adapter_batch *batch, int32_t length,
                              ft_tensor x_out, const void *rstd, const void *weight, int64_t weight_stride,
                              uint32_t h_site, float h_scale, ft_tensor dh, ft_tensor dx, bool dx_is_zero,
                              uint32_t y_site, ft_tensor dy, void *dweight)
{
    int64_t n = x_out.cols;
    double *x_row = ft_ref_scratch(self, 4 * n);
    if (!x_row) return;
    double *g = x_row + n, *dx_row = g + n, *dweight_sum = dx_row + n;
    for (int32_t s = 0; s < batch->n_sequences; s++) {
        ft_ref_dropout y_dropout = ft_ref_dropout_of(batch, batch->model_dropout, y_site, s);
        ft_ref_dropout h_dropout = ft_ref_dropout_of(batch, batch->model_dropout, h_site, s);
        int64_t w = batch->adapter_of[s] * weight_stride;
        memset(dweight_sum, 0, (size_t)n * sizeof *dweight_sum);
        for (int32_t t = 0; t < length; t++) {
            int64_t row = (int64_t)s * length + t;
            double r = ft_ref_load(rstd, self->real, row);
            ft_ref_load_row(x_out, row, x_row);
            ft_ref_load_row(dh, row, g);
            ft_ref_dropout_row(&h_dropout, length, t, g, n);
            for (int64_t i = 0; i < n; i++) {
                g[i] *= (double)h_scale;
                dweight_sum[i] += g[i] * x_row[i] * r;
                g[i] *= ft_ref_load(weight, self->real, w + i);
            }
            double mean = ft_ref_dot(g, x_row, n) / (double)n;
            if (dx_is_zero)
                memset(dx_row, 0, (size_t)n * sizeof *dx_row);
            else
                ft_ref_load_row(dx, row, dx_row);
            for (int64_t i = 0; i < n; i++) dx_row[i] += r * (g[i] - x_row[i] * r * r * mean);
            ft_ref_store_row(dx, row, dx_row);
            if (!dy.data) continue;
            ft_ref_dropout_row(&y_dropout, length, t, dx_row, n);
            ft_ref_store_row(dy, row, dx_row);
        }
        if (dweight) add_weight_gradient(self, dweight, w, dweight_sum, n);
    }
}

void ft_ref_norm_operations(ft_backend *backend)
{
    backend->add_norm_forward = add_norm_forward;
    backend->add_norm_backward = add_norm_backward;
}
