/* Artificial series, on which a small Chronos-T5 is pretrained so that it forecasts real
 * series that it never saw. docs/pretraining.md shows the families and says where they
 * come from. */
#ifndef FT_MODEL_SYNTHETIC_H
#define FT_MODEL_SYNTHETIC_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of scratch memory that one draw of this length needs. */
size_t ft_synthetic_scratch(int32_t length);

/* Fills values (length) with series number `index` of the generator `seed`. The same
 * values for the same seed, index and length, on any thread and in any order: pretraining
 * resumes by the index alone. NaN is a missing value; at least half of the values are
 * observed, and all of them are finite. Allocates nothing; `scratch` holds
 * ft_synthetic_scratch(length) bytes, the caller's, aligned for double.
 *
 * length > 0. Families look at it: a series of 40 values is a short series, with the
 * trend and the season of one, and not the head of a long one. Draw short ones too. */
void ft_synthetic_draw(uint32_t seed, uint64_t index, int32_t length, float *values, void *scratch);

#endif
