/* Fresh random values; see initial_values.h. */
#include "model/initial_values.h"

#include <math.h>
#include <string.h>

#include "base/checksum.h"
#include "base/parallel.h"

enum {
    SITE_INITIAL_VALUES = 0x5a3b1e02
}; /* the site of these random numbers, as FT_SITE_SAMPLING is sampling's */

/* The key of a tensor. Two names with one checksum would get the same values; a test
 * checks that no model has two. */
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

enum { BLOCKS = 256, BATCH = 4 * BLOCKS, TURN_PARTS = 5 };

/* Words 0 and 1 of a block become values 0 and 1, words 2 and 3 the others. Each step is
 * done for all blocks of the batch before the next, so that the processor overlaps
 * them. */
static void draw_batch(ft_philox_key key, size_t first_block, float scale, float *out)
{
    const float turn = 6.28318530717958647692f;
    uint32_t word[4][BLOCKS];
    for (size_t i = 0; i < BLOCKS; i++) {
        ft_philox_block block = block_of(key, first_block + i);
        for (int w = 0; w < 4; w++) word[w][i] = block.word[w];
    }
    for (int pair = 0; pair < 4; pair += 2) {
        float radius[BLOCKS], angle[BLOCKS];
        /* The radius' number is in (0, 1], so that its logarithm is finite. */
        for (int i = 0; i < BLOCKS; i++)
            radius[i] = sqrtf(-2.0f * logf(((float)word[pair][i] + 1.0f) * 0x1p-32f));
        for (int i = 0; i < BLOCKS; i++) angle[i] = turn * ((float)word[pair + 1][i] * 0x1p-32f);
        /* The math library branches at odd eighths of a turn. Angles between two of them
         * are taken one after the other, so that the processor guesses its branches
         * right: 6.3 ns a value instead of 9.3. */
        uint16_t list[TURN_PARTS][BLOCKS];
        int length[TURN_PARTS] = {0};
        for (int i = 0; i < BLOCKS; i++) {
            uint32_t part = ((word[pair + 1][i] >> 29) + 1) / 2;
            list[part][length[part]++] = (uint16_t)i;
        }
        for (int part = 0; part < TURN_PARTS; part++)
            for (int at = 0; at < length[part]; at++) {
                int i = list[part][at];
                out[4 * i + pair] = radius[i] * cosf(angle[i]) * scale;
                out[4 * i + pair + 1] = radius[i] * sinf(angle[i]) * scale;
            }
    }
}

ft_normal_values ft_normal_values_of(double deviation, uint32_t seed, const char *name)
{
    return (ft_normal_values){key_of(seed, name), (float)deviation};
}

void ft_draw_normal(const ft_normal_values *values, size_t first, size_t count, float *out)
{
    for (size_t at = 0; at < count; at += BATCH) {
        float last[BATCH];
        size_t left = count - at;
        draw_batch(values->key, (first + at) / 4, values->deviation, left < BATCH ? last : out + at);
        if (left < BATCH) memcpy(out + at, last, left * sizeof *last);
    }
}

/* A tensor that all cores fill, in pieces. */
typedef struct filling {
    const ft_normal_values *values;
    float *out;
    size_t count;
} filling;

enum { PIECE = 64 * BATCH }; /* 0.4 ms of work; starting a thread takes much less */

static void draw_piece(void *context, int64_t piece)
{
    const filling *f = context;
    size_t first = (size_t)piece * PIECE, left = f->count - first;
    ft_draw_normal(f->values, first, left < PIECE ? left : PIECE, f->out + first);
}

void ft_fill_normal(const ft_normal_values *values, float *out, size_t count)
{
    filling f = {.values = values, .out = out, .count = count};
    ft_parallel(0, (int64_t)((count + PIECE - 1) / PIECE), draw_piece, &f);
}
