/* The families of artificial series: one function each, in files by subject. synthetic.c
 * says how often each is drawn; docs/pretraining.md shows them. */
#ifndef FT_MODEL_FAMILIES_H
#define FT_MODEL_FAMILIES_H

#include <stdint.h>

#include "model/synthetic/dice.h"

/* Draws a series of n values, x: (n); work: (FT_FAMILY_WORK, n) scratch. The scale does
 * not matter, and for a family without an own zero neither does the level. */
typedef void ft_family_draw(ft_dice *dice, int32_t n, float *x, float *work);
enum { FT_FAMILY_WORK = 6 };

/* What the zero of a family means. */
typedef enum ft_family_zero {
    FT_ZERO_ANY, /* nothing: the series may lie at any level */
    /* something: no sales, no sun, a return of nothing. It is only scaled. */
    FT_ZERO_OWN
} ft_family_zero;

typedef struct ft_family {
    const char *name;
    float weight;
    ft_family_zero zero;
    ft_family_draw *draw;
} ft_family;

/* All families in a fixed order, *n of them. */
const ft_family *ft_families(int32_t *n);
/* The family of which series `index` is, or its first part if it is a mixture. */
int32_t ft_family_of(uint32_t seed, uint64_t index);

/* gaussian.c */
ft_family_draw ft_draw_kernels, ft_draw_causal, ft_draw_sinusoids;
/* structural.c */
ft_family_draw ft_draw_additive, ft_draw_multiplicative, ft_draw_business, ft_draw_load;
/* innovations.c */
ft_family_draw ft_draw_walk, ft_draw_arima, ft_draw_exponential_smoothing, ft_draw_seasonal_arima;
/* finance.c */
ft_family_draw ft_draw_price, ft_draw_returns, ft_draw_volatility;
/* counts.c */
ft_family_draw ft_draw_counts, ft_draw_intermittent;
/* bounded.c */
ft_family_draw ft_draw_percentage, ft_draw_positive, ft_draw_sun, ft_draw_rain;
/* shapes.c */
ft_family_draw ft_draw_steps, ft_draw_pulses, ft_draw_sawtooth, ft_draw_events;
/* dynamics.c */
ft_family_draw ft_draw_outbreaks, ft_draw_oscillator;

/* defects.c: what happens to real series on their way: outliers, level shifts, stuck
 * sensors, rounding. Most are left alone. Where zero is FT_ZERO_OWN, positive values stay
 * so. */
void ft_defects_apply(ft_dice *dice, int32_t n, float *x, ft_family_zero zero);
/* Missing values in some series, at most two fifths of one. */
void ft_missing_apply(ft_dice *dice, int32_t n, float *x);

#endif
