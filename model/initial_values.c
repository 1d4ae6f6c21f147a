/* Fresh random values; see initial_values.h. */
#include "model/initial_values.h"

#include <math.h>
#include <string.h>

#include "base/checksum.h"
#include "base/philox.h"

enum { SITE_INITIAL_VALUES = 0x5a3b1e02 }; /* beside FT_SITE_SAMPLING: random numbers of their own */

/* The key of a tensor. Of the few hundred names of a model no two share a checksum, or they would share
 * values (a test looks). */
static ft_philox_key key_of(uint32_t seed, const char *name)
{
    return ft_philox_key_of(seed, ft_checksum(0, name, strlen(name)), SITE_INITIAL_VALUES);
}

static ft_philox_block block_of(ft_philox_key key, size_t block)
{
    return ft_philox(key, (uint32_t)block, (uint32_t)((uint64_t)block >> 32), 0, 0);
}

void ft_fill_uniform(float *out, size_t count, double bound, uint32_t seed, const char *name)
{
    ft_philox_key key = key_of(seed, name);
    for (size_t first = 0; first < count; first += 4) {
        ft_philox_block block = block_of(key, first / 4);
        for (size_t i = 0; i < 4 && first + i < count; i++)
            out[first + i] = (float)((2.0 * (double)ft_philox_uniform(block.word[i]) - 1.0) * bound);
    }
}

void ft_fill_normal(float *out, size_t count, double deviation, uint32_t seed, const char *name)
{
    const float turn = 6.28318530717958647692f, scale = (float)deviation;
    ft_philox_key key = key_of(seed, name);
    for (size_t first = 0; first < count; first += 4) {
        ft_philox_block block = block_of(key, first / 4);
        float values[4];
        for (int pair = 0; pair < 4; pair += 2) {
            /* The radius' number is in (0, 1], so that its logarithm is finite. */
            float radius = sqrtf(-2.0f * logf(((float)block.word[pair] + 1.0f) * 0x1p-32f));
            float angle = turn * ((float)block.word[pair + 1] * 0x1p-32f);
            values[pair] = radius * cosf(angle) * scale;
            values[pair + 1] = radius * sinf(angle) * scale;
        }
        for (size_t i = 0; i < 4 && first + i < count; i++) out[first + i] = values[i];
    }
}
