/* Softmax and cross entropy in one pass over a row of logits. */
#include <omp.h>

#include "kernels/cpu/operations.h"
#include "kernels/cpu/vector.h"

/* The loss of one row; `buffer` holds the row padded with -infinity. With `scale` the row
 * becomes its gradient. */
static double row_loss(ft_tensor logits, int64_t row, int32_t label, const float *scale, int64_t padded,
                       float *buffer)
{
    const int64_t vocab = logits.cols;
    ft_read_row(logits, row, 0, vocab, vocab, buffer);
    for (int64_t i = vocab; i < padded; i++) buffer[i] = -INFINITY;
    ft_vector most = ft_load(buffer);
    for (int64_t i = FT_LANES; i < padded; i += FT_LANES) most = ft_max(ft_load(buffer + i), most);
    const float largest = ft_largest(most), at_label = buffer[label];
    ft_vector sum = ft_set(0.0f);
    for (int64_t i = 0; i < padded; i += FT_LANES) {
        ft_vector e = ft_exp(ft_load(buffer + i) - largest);
        sum += e;
        ft_store(buffer + i, e);
    }
    const float total = ft_sum(sum);
    if (scale) {
        const float factor = *scale / total;
        ft_scale_row(buffer, factor, padded);
        buffer[label] -= *scale;
        ft_write_row(logits, row, 0, vocab, buffer);
    }
    return log((double)total) + (double)largest - (double)at_label;
}

static void cross_entropy(ft_backend *self, const ft_adapter_batch *batch, int32_t length, ft_tensor logits,
                          const int32_t *labels, const float *label_scale, double *loss_sum)
{
    const int64_t padded = ft_padded(logits.cols, FT_GROUP);
    const size_t losses = (size_t)ft_padded(logits.rows, 8) * sizeof(double);
    char *memory = ft_cpu_scratch(ft_cpu_of(self), FT_SCRATCH_OPERATION,
                                  losses + (size_t)(self->n_threads * padded) * sizeof(float));
    if (!memory) return;
    double *loss = (double *)memory;
#pragma omp parallel num_threads(self->n_threads)
    {
        float *buffer = (float *)(memory + losses) + omp_get_thread_num() * padded;
#pragma omp for schedule(static)
        for (int64_t row = 0; row < logits.rows; row++) {
            const int32_t g = batch->adapter_of[row / length], label = labels[row];
            const bool counted = label >= 0 && label < logits.cols;
            loss[row] = 0.0;
            if (counted) {
                loss[row] =
                    row_loss(logits, row, label, label_scale ? &label_scale[g] : NULL, padded, buffer);
            } else if (label_scale) {
                memset(buffer, 0, (size_t)padded * sizeof(float));
                ft_write_row(logits, row, 0, logits.cols, buffer);
            }
        }
    }
    for (int64_t row = 0; row < logits.rows; row++)
        if (labels[row] >= 0) loss_sum[batch->adapter_of[row / length]] += loss[row];
}

void FT_FOR_ISA(ft_cpu_loss_operations)(ft_backend *backend)
{
    backend->cross_entropy = cross_entropy;
}
