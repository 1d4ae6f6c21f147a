/* The random numbers of one artificial series: a stream of Philox blocks keyed by seed
 * and index, and the distributions that the families draw from. */
#ifndef FT_MODEL_DICE_H
#define FT_MODEL_DICE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/philox.h"

typedef struct ft_dice {
    ft_philox_key key;
    uint32_t index[2]; /* of the series, low half first */
    /* which stream of this series: series that are mixed have one each */
    uint32_t part;
    uint32_t block; /* the next Philox block */
    ft_philox_block words;
    int32_t n_used; /* of words */
} ft_dice;

ft_dice ft_dice_of(uint32_t seed, uint64_t index, uint32_t part);

/* In (0, 1), never an end. */
float ft_dice_uniform(ft_dice *dice);
float ft_dice_between(ft_dice *dice, float low, float high);
/* The logarithm is uniform. 0 < low <= high. */
float ft_dice_log_between(ft_dice *dice, float low, float high);
bool ft_dice_chance(ft_dice *dice, float probability);
/* -1 or 1. */
float ft_dice_sign(ft_dice *dice);
/* In [0, n), n > 0. */
int32_t ft_dice_below(ft_dice *dice, int32_t n);
/* In [low, high]. */
int32_t ft_dice_integer(ft_dice *dice, int32_t low, int32_t high);
float ft_dice_normal(ft_dice *dice);
float ft_dice_exponential(ft_dice *dice);
/* Mean `shape` > 0, variance `shape`. */
float ft_dice_gamma(ft_dice *dice, float shape);
/* A count as a float. Beyond a mean of 20 a rounded normal. */
float ft_dice_poisson(ft_dice *dice, float mean);
/* An index with probability weights[i] over their sum. Weights may be 0, not all. */
int32_t ft_dice_pick(ft_dice *dice, const float *weights, int32_t n);

/* n independent numbers at once: much faster than one by one. */
void ft_dice_uniforms(ft_dice *dice, float *out, int32_t n);
void ft_dice_normals(ft_dice *dice, float *out, int32_t n);

#endif
