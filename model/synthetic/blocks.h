/* What artificial series are built from: waves, smooth curves, seasons, trends, noise.
 * Each fills or adds to n values at once; unless said otherwise its mean is near 0 and
 * its standard deviation near 1. */
#ifndef FT_MODEL_BLOCKS_H
#define FT_MODEL_BLOCKS_H

#include <stdint.h>

#include "model/synthetic/dice.h"

/* x[t] += amplitude cos(frequency t + phase); the frequency in radians a step. */
void ft_wave_add(float *x, int32_t n, float frequency, float amplitude, float phase);

/* The covariance of a smooth Gaussian process; `shape` is alpha of the rational quadratic
 * (small: many lengthscales at once), nu of Matern (small: rough). */
typedef enum ft_smooth_kind { FT_SMOOTH_RBF, FT_SMOOTH_RATIONAL_QUADRATIC, FT_SMOOTH_MATERN } ft_smooth_kind;
void ft_smooth_fill(ft_dice *dice, float *x, int32_t n, ft_smooth_kind kind, float lengthscale, float shape);

/* Ornstein-Uhlenbeck: an AR(1) of this coefficient in [0, 1), begun in its stationary
 * distribution. */
void ft_autoregression_fill(ft_dice *dice, float *x, int32_t n, float coefficient);

/* Noise of a random kind: mostly white and normal, sometimes with heavy tails, skewed, or
 * an AR(1). */
void ft_noise_fill(ft_dice *dice, float *x, int32_t n);

/* A random trend from about 0 to about 1 or -1: linear, piecewise linear, exponential,
 * damped, logistic, a power, or a slow Gaussian process. */
void ft_trend_fill(ft_dice *dice, float *x, int32_t n);

/* How often a series is observed, and the periods of its seasons: at most n, the main one
 * first. */
typedef struct ft_calendar {
    float a_year; /* observations in a year */
    int32_t n_periods, periods[3];
} ft_calendar;
typedef enum ft_calendar_kind {
    FT_CALENDAR_ANY,
    FT_CALENDAR_BUSINESS, /* yearly to daily: what companies and offices record */
    FT_CALENDAR_FINE      /* hourly to every minute: meters, traffic, servers */
} ft_calendar_kind;
ft_calendar ft_calendar_draw(ft_dice *dice, int32_t n, ft_calendar_kind kind);

/* One period of a season, profile: (period). A sum of harmonics, a random curve, a level
 * each, working days and weekends, hours of opening, rush hours, a month with a peak. */
void ft_profile_fill(ft_dice *dice, float *profile, int32_t period);
/* A profile repeated from a random phase; profile: (n) scratch. 0 < period <= n. */
void ft_season_fill(ft_dice *dice, float *x, int32_t n, int32_t period, float *profile);
/* A season whose profile changes slowly from one to another, or whose strength does.
 * work: (2, n). */
void ft_changing_season_fill(ft_dice *dice, float *x, int32_t n, int32_t period, float *work);
/* The sum of all seasons of a calendar with random weights, or 0 where it has none. work:
 * (3, n). */
void ft_seasons_fill(ft_dice *dice, float *x, int32_t n, const ft_calendar *calendar, float *work);
/* With a probability of `chance` fills x with the seasons of a calendar of that kind, and
 * returns how strongly they count, [low, high). 0: there are none, and x is not filled.
 * work: (3, n). */
float ft_seasons_swing(ft_dice *dice, float chance, ft_calendar_kind kind, float low, float high, float *x,
                       int32_t n, float *work);

/* Shifts and scales x to mean 0 and standard deviation 1; a constant becomes 0. */
void ft_standardize(float *x, int32_t n);

#endif
