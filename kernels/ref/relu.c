/* ReLU with dropout, in place. Dropped and negative values are 0 afterwards, so backward
 * draws no random number. */
#include "kernels/ref/ref.h"

static void relu_forward(ft_backend *self, const ft_adapter_batch *batch, int32_t length,
                         uint32_t dropout_site, ft_tensor f)
{
    double *values = ft_ref_scratch(self, f.cols);
    if (!values) return;
    for (int32_t s = 0; s < batch->n_sequences; s++) {
        ft_ref_dropout dropout = ft_ref_dropout_of(batch, batch->model_dropout, dropout_site, s);
        for (int32_t t = 0; t < length; t++) {
            int64_t row = (int64_t)s * length + t;
            ft_ref_load_row(f, row, values);
            for (int64_t i = 0; i < f.cols; i++)
                if (values[i] < 0) values[i] = 0; /* a NaN stays one */
            ft_ref_dropout_row(&dropout, length, t, values, f.cols);
            ft_ref_store_row(f, row, values);
        }
    }
}

static void relu_backward(ft_backend *self, const ft_adapter_batch *batch, int32_t length,
                          uint32_t dropout_site, ft_tensor f, ft_tensor df)
{
    (void)self;
    for (int32_t s = 0; s < batch->n_sequences; s++) {
        ft_ref_dropout dropout = ft_ref_dropout_of(batch, batch->model_dropout, dropout_site, s);
        double scale = dropout.active ? dropout.scale : 1;
        for (int64_t row = (int64_t)s * length; row < (int64_t)(s + 1) * length; row++)
            for (int64_t i = 0; i < f.cols; i++) {
                bool passes = ft_ref_load(f.data, f.dtype, row * f.stride + i) > 0;
                double gradient = ft_ref_load(df.data, df.dtype, row * df.stride + i);
                ft_ref_store(df.data, df.dtype, row * df.stride + i, passes ? gradient * scale : 0);
            }
    }
}

void ft_ref_relu_operations(ft_backend *backend)
{
    backend->relu_forward = relu_forward;
    backend->relu_backward = relu_backward;
}
