/* A tensor's values before any training: T5's initialisation, as transformers'
 * T5PreTrainedModel._init_weights with the config's initializer_factor. */
#ifndef FT_MODEL_FRESH_TENSOR_H
#define FT_MODEL_FRESH_TENSOR_H

#include <stdbool.h>

#include "model/config.h"
#include "model/initial_values.h"

typedef struct ft_fresh_tensor {
    bool is_norm; /* all values are `factor`; others are normal */
    float factor;
    ft_normal_values normal; /* keyed by (seed, tensor name) */
} ft_fresh_tensor;

/* False where a fresh model has no such tensor: one that its layout lacks, and the head
 * where it is tied. */
bool ft_fresh_tensor_of(const ft_model_config *config, int32_t index, uint32_t seed, ft_fresh_tensor *fresh);

/* Values first .. first + count - 1 of a ft_fresh_tensor into out, floats; `first` is a
 * multiple of 4. Threads may draw different parts at the same time. */
void ft_draw_fresh(const void *fresh, size_t first, size_t count, void *out);

#endif
