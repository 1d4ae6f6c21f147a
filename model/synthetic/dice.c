#include "model/synthetic/dice.h"

#include <math.h>
#include <string.h>

enum { BULK = 64 }; /* numbers made at once: small enough for the first cache */

ft_dice ft_dice_of(uint32_t seed, uint64_t index, uint32_t part)
{
    return (ft_dice){.key = {{seed, 0x73796e74u}}, /* "synt" */
                     .index = {(uint32_t)index, (uint32_t)(index >> 32)},
                     .part = part,
                     .n_used = 4};
}

static ft_philox_block next_block(ft_dice *dice)
{
    return ft_philox(dice->key, dice->block++, dice->index[0], dice->index[1], dice->part);
}

static uint32_t next_word(ft_dice *dice)
{
    if (dice->n_used == 4) {
        dice->words = next_block(dice);
        dice->n_used = 0;
    }
    return dice->words.word[dice->n_used++];
}

static float open_uniform(uint32_t word)
{
    return ((float)(int32_t)(word >> 9) + 0.5f) * (1.0f / 8388608.0f);
}

float ft_dice_uniform(ft_dice *dice)
{
    return open_uniform(next_word(dice));
}

float ft_dice_between(ft_dice *dice, float low, float high)
{
    return low + (high - low) * ft_dice_uniform(dice);
}

float ft_dice_log_between(ft_dice *dice, float low, float high)
{
    return low * expf(logf(high / low) * ft_dice_uniform(dice));
}

bool ft_dice_chance(ft_dice *dice, float probability)
{
    return ft_dice_uniform(dice) < probability;
}

float ft_dice_sign(ft_dice *dice)
{
    return next_word(dice) & 1u ? 1.0f : -1.0f;
}

int32_t ft_dice_below(ft_dice *dice, int32_t n)
{
    return (int32_t)((uint64_t)next_word(dice) * (uint32_t)n >> 32);
}

int32_t ft_dice_integer(ft_dice *dice, int32_t low, int32_t high)
{
    return low + ft_dice_below(dice, high - low + 1);
}

float ft_dice_normal(ft_dice *dice)
{
    float radius = sqrtf(-2.0f * logf(ft_dice_uniform(dice)));
    return radius * cosf(6.2831853f * ft_dice_uniform(dice));
}

float ft_dice_exponential(ft_dice *dice)
{
    return -logf(ft_dice_uniform(dice));
}

/* Marsaglia and Tsang, "A simple method for generating gamma variables", ACM TOMS
 * 2000. */
float ft_dice_gamma(ft_dice *dice, float shape)
{
    float boost = 1.0f;
    if (shape < 1.0f) {
        boost = powf(ft_dice_uniform(dice), 1.0f / shape);
        shape += 1.0f;
    }
    float d = shape - 1.0f / 3.0f, c = 1.0f / sqrtf(9.0f * d);
    for (;;) {
        float z = ft_dice_normal(dice), root = 1.0f + c * z;
        if (root <= 0.0f) continue;
        float v = root * root * root;
        if (logf(ft_dice_uniform(dice)) < 0.5f * z * z + d - d * v + d * logf(v)) return boost * d * v;
    }
}

/* By inversion: the first count at which the distribution function passes a uniform
 * number. */
float ft_dice_poisson(ft_dice *dice, float mean)
{
    if (mean > 20.0f) {
        float rounded = rintf(mean + sqrtf(mean) * ft_dice_normal(dice));
        return rounded > 0.0f ? rounded : 0.0f;
    }
    float probability = expf(-mean), left = ft_dice_uniform(dice), count = 0.0f;
    while (left > probability && count < 100.0f) {
        left -= probability;
        count += 1.0f;
        probability *= mean / count;
    }
    return count;
}

int32_t ft_dice_pick(ft_dice *dice, const float *weights, int32_t n)
{
    float sum = 0.0f;
    for (int32_t i = 0; i < n; i++) sum += weights[i];
    float at = sum * ft_dice_uniform(dice);
    int32_t last = 0;
    for (int32_t i = 0; i < n; i++) {
        if (weights[i] <= 0.0f) continue;
        last = i;
        at -= weights[i];
        if (at < 0.0f) return i;
    }
    return last; /* rounding */
}

static void next_bulk(ft_dice *dice, float *uniforms)
{
    for (int32_t i = 0; i < BULK; i += 4) {
        ft_philox_block block = next_block(dice);
        for (int32_t k = 0; k < 4; k++) uniforms[i + k] = open_uniform(block.word[k]);
    }
}

/* log(x) for 0 < x < 1, to 1e-6: the exponent, and a series in (m - 1)/(m + 1) for a
 * mantissa m around 1. Without branches and calls, so that the compiler makes vector code
 * of a loop over it; the same holds for sine_of_turns. */
static inline float fast_log(float x)
{
    int32_t bits;
    memcpy(&bits, &x, sizeof bits);
    int32_t exponent = (bits - 0x3f3504f3) >> 23; /* m in [sqrt(1/2), sqrt(2)) */
    bits -= exponent * (1 << 23);
    float m;
    memcpy(&m, &bits, sizeof m);
    float s = (m - 1.0f) / (m + 1.0f), s2 = s * s;
    float series = s * (2.0f + s2 * (0.6666667f + s2 * (0.4f + s2 * 0.2857143f)));
    return series + 0.69314718f * (float)exponent;
}

/* sin(2 pi t) for t in [-1/4, 1/4], to 4e-6: the Taylor series up to the ninth power. */
static inline float sine_of_turns(float t)
{
    float x = 6.2831853f * t, x2 = x * x;
    return x * (1.0f - x2 * (0.16666667f - x2 * (8.3333333e-3f - x2 * (1.9841270e-4f - x2 * 2.7557e-6f))));
}

/* Box and Muller: uniforms i and BULK/2 + i make two normals. */
static void normals_of_bulk(const float *uniforms, float *normals)
{
    for (int32_t i = 0; i < BULK / 2; i++) {
        float radius = sqrtf(-2.0f * fast_log(uniforms[i]));
        float turn = uniforms[BULK / 2 + i] - 0.5f, size = fabsf(turn);
        float folded = 0.25f - fabsf(size - 0.25f);
        normals[i] = radius * sine_of_turns(0.25f - size);
        normals[BULK / 2 + i] = radius * sine_of_turns(copysignf(folded, turn));
    }
}

void ft_dice_uniforms(ft_dice *dice, float *out, int32_t n)
{
    float uniforms[BULK];
    for (int32_t i = 0; i < n; i += BULK) {
        next_bulk(dice, uniforms);
        memcpy(out + i, uniforms, sizeof(float) * (size_t)(n - i < BULK ? n - i : BULK));
    }
}

void ft_dice_normals(ft_dice *dice, float *out, int32_t n)
{
    float uniforms[BULK], normals[BULK];
    for (int32_t i = 0; i < n; i += BULK) {
        next_bulk(dice, uniforms);
        normals_of_bulk(uniforms, normals);
        memcpy(out + i, normals, sizeof(float) * (size_t)(n - i < BULK ? n - i : BULK));
    }
}
