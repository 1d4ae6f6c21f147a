/* Fresh random values: the same in every process, on every machine with the same libm, and different for each
 * tensor. */
#ifndef FT_MODEL_INITIAL_VALUES_H
#define FT_MODEL_INITIAL_VALUES_H

#include <stddef.h>
#include <stdint.h>

/* out[i] uniform in [-bound, bound), by Philox keyed by (seed, name). */
void ft_fill_uniform(float *out, size_t count, double bound, uint32_t seed, const char *name);

/* out[i] normal with mean 0 and this standard deviation, by Philox keyed by (seed, name) and Box and Muller's
 * transform. All cores draw; the values do not depend on their number. */
void ft_fill_normal(float *out, size_t count, double deviation, uint32_t seed, const char *name);

#endif
