/* Fresh random values: the same in every process, on every machine with the same libm,
 * and different for each tensor. */
#ifndef FT_MODEL_INITIAL_VALUES_H
#define FT_MODEL_INITIAL_VALUES_H

#include <stddef.h>
#include <stdint.h>

#include "base/philox.h"

/* out[i] uniform in [-bound, bound), by Philox keyed by (seed, name). */
void ft_fill_uniform(float *out, size_t count, double bound, uint32_t seed, const char *name);

/* Normal values with mean 0 and this standard deviation, by Philox keyed by (seed, name)
 * and Box and Muller's transform. */
typedef struct ft_normal_values {
    ft_philox_key key;
    float deviation;
} ft_normal_values;

ft_normal_values ft_normal_values_of(double deviation, uint32_t seed, const char *name);
/* Values first .. first + count - 1 into out; `first` is a multiple of 4. Threads may
 * draw different parts at the same time. */
void ft_draw_normal(const ft_normal_values *values, size_t first, size_t count, float *out);

/* The first `count` values, drawn by all cores; they do not depend on the number of
 * cores. */
void ft_fill_normal(const ft_normal_values *values, float *out, size_t count);

#endif
