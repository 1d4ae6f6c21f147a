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

/* -- the operations, as backend.h defines them: each file enters its own -- */

void ft_ref_linear_operations(ft_backend *backend);
void ft_ref_embedding_operations(ft_backend *backend);
void ft_ref_norm_operations(ft_backend *backend);
void ft_ref_relu_operations(ft_backend *backend);
void ft_ref_lora_operations(ft_backend *backend);
void ft_ref_attention_operations(ft_backend *backend);
void ft_ref_loss_operations(ft_backend *backend);
void ft_ref_sampling_operations(ft_backend *backend);
void ft_ref_optimizer_operations(ft_backend *backend);

#endif
