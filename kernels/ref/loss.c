/* Softmax and cross entropy: sums the loss of each adapter and overwrites the logits with
 * their gradient. */
#include "kernels/ref/ref.h"

enum { NOT_COUNTED = -100 };

static void cross_entropy(ft_backend *self, const ft_adapter_batch *batch, int32_t length, ft_tensor logits,
                          const int32_t *labels, const float *label_scale, double *loss_sum)
{
    double *values = ft_ref_scratch(self, logits.cols);
    if (!values) return;
    for (int64_t row = 0; row < (int64_t)batch->n_sequences * length; row++) {
        int32_t g = batch->adapter_of[row / length], label = labels[row];
        if (label == NOT_COUNTED) {
            for (int64_t i = 0; i < logits.cols; i++) values[i] = 0;
        } else {
            ft_ref_load_row(logits, row, values);
            double logit = values[label];
            loss_sum[g] += ft_ref_softmax(values, logits.cols) - logit;
            values[label] -= 1;
            for (int64_t i = 0; i < logits.cols && label_scale; i++) values[i] *= (double)label_scale[g];
        }
        if (label_scale) ft_ref_store_row(logits, row, values);
    }
}

void ft_ref_loss_operations(ft_backend *backend)
{
    backend->cross_entropy = cross_entropy;
}
