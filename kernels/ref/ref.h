/* Shared by the files of the reference backend.
 *
 * The reference is written to be read: plain loops over rows, and every value is a double
 * between load and store. Only storage uses the type that the backend was created with.
 * Created for bf16, the backend also rounds the inputs of matrix products (weights, x,
 * dy, LoRA's A, B, u and du), as hardware matrix units do, and sums in double. */
#ifndef FT_KERNELS_REF_REF_H
#define FT_KERNELS_REF_REF_H

#include "base/bf16.h"
#include "base/philox.h"
#include "kernels/backend.h"

typedef struct ft_ref_backend {
    ft_backend base; /* first, so that the pointers convert */
    ft_status failure;
    ft_error error; /* the first failure since the last synchronize */
    double *scratch;
    size_t scratch_count;
} ft_ref_backend;

/* Returns `count` doubles of scratch memory, valid until the next call. On failure
 * returns NULL and keeps the error for synchronize; the operation then returns without
 * doing anything. */
double *ft_ref_scratch(ft_backend *self, int64_t count);

/* -- elements and rows -- */

static inline double ft_ref_load(const void *data, ft_dtype dtype, int64_t index)
{
    switch (dtype) {
    case FT_F64:
        return ((const double *)data)[index];
    case FT_BF16:
        return (double)ft_bf16_to_float(((const uint16_t *)data)[index]);
    case FT_F32:
        break;
    }
    return (double)((const float *)data)[index];
}

static inline void ft_ref_store(void *data, ft_dtype dtype, int64_t index, double value)
{
    switch (dtype) {
    case FT_F64:
        ((double *)data)[index] = value;
        return;
    case FT_BF16:
        ((uint16_t *)data)[index] = ft_bf16_from_float((float)value);
        return;
    case FT_F32:
        ((float *)data)[index] = (float)value;
        return;
    }
}

static inline void ft_ref_load_row(ft_tensor t, int64_t row, double *values)
{
    for (int64_t i = 0; i < t.cols; i++) values[i] = ft_ref_load(t.data, t.dtype, row * t.stride + i);
}

static inline void ft_ref_store_row(ft_tensor t, int64_t row, const double *values)
{
    for (int64_t i = 0; i < t.cols; i++) ft_ref_store(t.data, t.dtype, row * t.stride + i, values[i]);
}

/* The value as a matrix product reads it: rounded to bf16 where the backend is for
 * bf16. */
static inline double ft_ref_matrix_input(const ft_backend *self, double value)
{
    return self->bf16 ? (double)ft_bf16_round((float)value) : value;
}

static inline void ft_ref_matrix_inputs(const ft_backend *self, double *values, int64_t count)
{
    for (int64_t i = 0; i < count; i++) values[i] = ft_ref_matrix_input(self, values[i]);
}

/* -- small sums -- */

static inline double ft_ref_dot(const double *a, const double *b, int64_t count)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++) sum += a[i] * b[i];
    return sum;
}

/* sum += factor * values */
static inline void ft_ref_add_scaled(double *sum, double factor, const double *values, int64_t count)
{
    for (int64_t i = 0; i < count; i++) sum[i] += factor * values[i];
}

/* Replaces values by their softmax; -infinity becomes 0. Returns log(sum of exp(values)).
 * Where nothing is above -infinity, it returns -infinity and all values become 0. Where a
 * value is NaN or +infinity, it returns NaN and all values become NaN. */
double ft_ref_softmax(double *values, int64_t count);

/* -- dropout -- */

/* The random numbers of one site in one sequence. Where not active, every factor is 1. */
typedef struct ft_ref_dropout {
    bool active;
    ft_philox_key key;
    uint32_t threshold, sequence; /* sequence: counted from the adapter's first */
    double scale;
} ft_ref_dropout;

/* `probability`: (n_adapters) or NULL. */
static inline ft_ref_dropout ft_ref_dropout_of(const ft_adapter_batch *batch, const float *probability,
                                               uint32_t site, int32_t sequence)
{
    ft_ref_dropout dropout = {0};
    int32_t g = batch->adapter_of[sequence];
    if (!probability || site == 0 || !(probability[g] > 0)) return dropout;
    dropout.active = true;
    dropout.key = ft_philox_key_of(batch->seed[g], batch->step[g], site);
    dropout.threshold = ft_dropout_threshold(probability[g]);
    dropout.sequence = ft_sequence_number(batch, g, sequence);
    dropout.scale = (double)ft_dropout_scale(probability[g]);
    return dropout;
}

/* The factor of one element: 0 or the scale. `position` counts from the last. */
static inline double ft_ref_dropout_factor(const ft_ref_dropout *dropout, uint32_t feature, uint32_t position,
                                           uint32_t head)
{
    if (!dropout->active) return 1;
    uint32_t number = ft_philox_at(dropout->key, feature, position, dropout->sequence, head);
    return number < dropout->threshold ? 0 : dropout->scale;
}

/* Applies dropout to the row at position t of `length`. Forward and backward multiply by
 * the same factors. */
static inline void ft_ref_dropout_row(const ft_ref_dropout *dropout, int32_t length, int32_t t,
                                      double *values, int64_t count)
{
    if (!dropout->active) return;
    for (int64_t i = 0; i < count; i++)
        values[i] *= ft_ref_dropout_factor(dropout, (uint32_t)i, (uint32_t)(length - 1 - t), 0);
}

/* -- the operations, as backend.h defines them -- */

ft_status ft_ref_prepare_weight(ft_backend *self, const float *w, int32_t out_features, int32_t in_features,
                                bool with_backward, ft_weight **weight, ft_error *err);
void ft_ref_update_weight(ft_backend *self, ft_weight *weight, ft_tensor w);
void ft_ref_free_weight(ft_backend *self, ft_weight *weight);
size_t ft_ref_weight_bytes(ft_backend *self, int32_t out_features, int32_t in_features, bool with_backward);
void ft_ref_linear_forward(ft_backend *self, const ft_weight *weight, ft_tensor x, ft_tensor y,
                           bool accumulate);
void ft_ref_linear_backward(ft_backend *self, const ft_weight *weight, ft_tensor dy, ft_tensor dx,
                            bool accumulate);
void ft_ref_weight_gradient(ft_backend *self, ft_tensor dy, ft_tensor x, ft_tensor dw);

void ft_ref_embedding_forward(ft_backend *self, const ft_adapter_batch *batch, int32_t length,
                              ft_tensor table, const int32_t *ids, uint32_t dropout_site, ft_tensor out);
void ft_ref_embedding_backward(ft_backend *self, const ft_adapter_batch *batch, int32_t length,
                               ft_tensor dout, const int32_t *ids, uint32_t dropout_site, ft_tensor dtable);

void ft_ref_add_norm_forward(ft_backend *self, const ft_adapter_batch *batch, int32_t length, ft_tensor x,
                             ft_tensor y, uint32_t y_site, const void *weight, int64_t weight_stride,
                             float eps, uint32_t h_site, float h_scale, ft_tensor x_out, ft_tensor h,
                             void *rstd);
void ft_ref_add_norm_backward(ft_backend *self, const ft_adapter_batch *batch, int32_t length,
                              ft_tensor x_out, const void *rstd, const void *weight, int64_t weight_stride,
                              uint32_t h_site, float h_scale, ft_tensor dh, ft_tensor dx, bool dx_is_zero,
                              uint32_t y_site, ft_tensor dy, void *dweight);

void ft_ref_relu_forward(ft_backend *self, const ft_adapter_batch *batch, int32_t length,
                         uint32_t dropout_site, ft_tensor f);
void ft_ref_relu_backward(ft_backend *self, const ft_adapter_batch *batch, int32_t length,
                          uint32_t dropout_site, ft_tensor f, ft_tensor df);

void ft_ref_lora_forward(ft_backend *self, const ft_adapter_batch *batch, int32_t length, const ft_lora *lora,
                         ft_tensor x, ft_tensor y, ft_tensor u);
void ft_ref_lora_backward(ft_backend *self, const ft_adapter_batch *batch, int32_t length,
                          const ft_lora *lora, ft_tensor x, ft_tensor u, ft_tensor dy, ft_tensor dx,
                          ft_tensor du);

void ft_ref_attention_forward(ft_backend *self, const ft_adapter_batch *batch, const ft_attention *attention,
                              ft_tensor out, void *lse);
void ft_ref_attention_backward(ft_backend *self, const ft_adapter_batch *batch, const ft_attention *attention,
                               ft_tensor out, const void *lse, ft_tensor dout, ft_tensor dq, ft_tensor dk,
                               ft_tensor dv, ft_tensor dbias);
void ft_ref_decode_attention(ft_backend *self, const ft_decode_attention *attention, ft_tensor out);

void ft_ref_cross_entropy(ft_backend *self, const ft_adapter_batch *batch, int32_t length, ft_tensor logits,
                          const int32_t *labels, const float *label_scale, double *loss_sum);
void ft_ref_sample(ft_backend *self, const ft_sampling *sampling, ft_tensor logits, int32_t *token,
                   ft_tensor probabilities);

void ft_ref_gradient_norm(ft_backend *self, ft_tensor grads, double *norm);
void ft_ref_adamw(ft_backend *self, const ft_adamw *step);

#endif
