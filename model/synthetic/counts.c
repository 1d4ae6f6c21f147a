/* Whole numbers: sales of one article, visitors, incidents, spare parts. */
#include <math.h>

#include "model/synthetic/blocks.h"
#include "model/synthetic/families.h"

/* Poisson, or negative binomial where `dispersion` > 0: the variance is mean + dispersion
 * mean^2. */
static float draw_count(ft_dice *dice, float mean, float dispersion)
{
    if (dispersion > 0.0f) mean *= dispersion * ft_dice_gamma(dice, 1.0f / dispersion);
    return ft_dice_poisson(dice, mean);
}

/* Promotions: a few steps at a time of higher sales, x: logarithm of the mean. */
static void add_promotions(ft_dice *dice, int32_t n, float *x)
{
    float wait = ft_dice_log_between(dice, 6.0f, 60.0f), lift = ft_dice_between(dice, 0.3f, 1.4f);
    int32_t longest = ft_dice_integer(dice, 1, 4);
    bool is_regular = ft_dice_chance(dice, 0.3f);
    for (float next = wait * ft_dice_uniform(dice); next < (float)n;) {
        int32_t start = (int32_t)next, end = start + ft_dice_integer(dice, 1, longest);
        for (int32_t t = start; t < end && t < n; t++) x[t] += lift;
        next += is_regular ? wait : 1.0f + wait * ft_dice_exponential(dice);
    }
}

/* Counts whose mean follows seasons, a trend and a slow process: from mostly zeros to
 * thousands. */
void ft_draw_counts(ft_dice *dice, int32_t n, float *x, float *work)
{
    float *season = work, *trend = work + n, *slow = work + 2 * n;
    ft_calendar calendar = ft_calendar_draw(dice, n, FT_CALENDAR_ANY);
    ft_seasons_fill(dice, season, n, &calendar, work + 3 * n);
    ft_trend_fill(dice, trend, n);
    ft_autoregression_fill(dice, slow, n, ft_dice_between(dice, 0.9f, 0.999f));
    float mean = ft_dice_log_between(dice, 0.2f, 200.0f), swing = ft_dice_log_between(dice, 0.05f, 1.0f);
    float growth = ft_dice_between(dice, 0.0f, 1.5f), slowly = ft_dice_log_between(dice, 0.02f, 0.5f);
    float dispersion = ft_dice_chance(dice, 0.5f) ? 0.0f : ft_dice_log_between(dice, 0.02f, 1.0f);
    for (int32_t t = 0; t < n; t++) x[t] = swing * season[t] + growth * trend[t] + slowly * slow[t];
    if (ft_dice_chance(dice, 0.25f)) add_promotions(dice, n, x);
    for (int32_t t = 0; t < n; t++) x[t] = draw_count(dice, mean * expf(fminf(x[t], 4.0f)), dispersion);
}

/* Demand now and then (Croston 1972): whether there is any is a chain with memory and
 * perhaps a season; how much, a count or a heavy-tailed amount. */
void ft_draw_intermittent(ft_dice *dice, int32_t n, float *x, float *work)
{
    float *season = work;
    float swing = ft_seasons_swing(dice, 0.5f, FT_CALENDAR_BUSINESS, 0.2f, 1.2f, season, n, work + n);
    float often = ft_dice_log_between(dice, 0.04f, 0.7f), memory = ft_dice_between(dice, 0.0f, 0.5f);
    bool is_counted = ft_dice_chance(dice, 0.7f), was = false;
    float mean = ft_dice_log_between(dice, 0.2f, 20.0f), spread = ft_dice_between(dice, 0.2f, 1.0f);
    for (int32_t t = 0; t < n; t++) {
        float chance = often * (swing > 0.0f ? expf(fminf(swing * season[t], 1.5f)) : 1.0f);
        was = ft_dice_chance(dice, was ? chance + memory * (1.0f - chance) : chance);
        if (!was)
            x[t] = 0.0f;
        else if (is_counted)
            x[t] = 1.0f + ft_dice_poisson(dice, mean);
        else
            x[t] = mean * expf(spread * ft_dice_normal(dice));
    }
}
