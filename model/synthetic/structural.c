/* Trend, season and noise: additive and multiplicative as of ForecastPFN, and two kinds
 * whose parameters are those of real series: what companies and offices record, and loads
 * that follow day and week. */
#include <math.h>

#include "model/synthetic/blocks.h"
#include "model/synthetic/families.h"

/* Strengths of the parts are free: each may dominate, and each may be absent. */
typedef struct strengths {
    float trend, season, noise;
} strengths;

static strengths draw_strengths(ft_dice *dice)
{
    strengths s;
    s.trend = ft_dice_chance(dice, 0.2f) ? 0.0f : ft_dice_log_between(dice, 0.3f, 8.0f);
    s.season = ft_dice_chance(dice, 0.12f) ? 0.0f : ft_dice_log_between(dice, 0.2f, 3.0f);
    s.noise = ft_dice_log_between(dice, 0.01f, 1.0f);
    return s;
}

/* work: trend, season, noise, and 3 rows for the season. */
static void fill_parts(ft_dice *dice, int32_t n, float *work, ft_calendar_kind kind)
{
    ft_calendar calendar = ft_calendar_draw(dice, n, kind);
    ft_trend_fill(dice, work, n);
    ft_seasons_fill(dice, work + n, n, &calendar, work + 3 * n);
    ft_noise_fill(dice, work + 2 * n, n);
}

void ft_draw_additive(ft_dice *dice, int32_t n, float *x, float *work)
{
    strengths s = draw_strengths(dice);
    fill_parts(dice, n, work, FT_CALENDAR_ANY);
    const float *trend = work, *season = work + n, *noise = work + 2 * n;
    for (int32_t t = 0; t < n; t++) x[t] = s.trend * trend[t] + s.season * season[t] + s.noise * noise[t];
}

/* The level is positive; season and noise are shares of it. */
void ft_draw_multiplicative(ft_dice *dice, int32_t n, float *x, float *work)
{
    strengths s = draw_strengths(dice);
    fill_parts(dice, n, work, FT_CALENDAR_ANY);
    const float *trend = work, *season = work + n, *noise = work + 2 * n;
    float growth = fminf(s.trend, 3.0f), swing = fminf(0.3f * s.season, 0.6f);
    float spread = fminf(0.4f * s.noise, 0.25f);
    bool grows_by_factors = ft_dice_chance(dice, 0.4f);
    for (int32_t t = 0; t < n; t++) {
        float level = growth * trend[t];
        level = grows_by_factors ? expf(level) : level >= 0.0f ? 1.0f + level : 1.0f / (1.0f - level);
        x[t] = level * fmaxf(1.0f + swing * season[t], 0.0f) * (1.0f + spread * noise[t]);
    }
}

/* Yearly to daily series as those of the M competitions: a positive level that grows some
 * percent a year, by factors or by amounts, with bends; business cycles of some years; a
 * season of up to half of the level, which grows with it; innovations that stay (a walk)
 * and errors that do not, both small. */
void ft_draw_business(ft_dice *dice, int32_t n, float *x, float *work)
{
    float *trend = work, *season = work + n, *noise = work + 2 * n, *cycle = work + 3 * n;
    ft_calendar calendar = ft_calendar_draw(dice, n, FT_CALENDAR_BUSINESS);
    float years = (float)n / calendar.a_year;
    ft_seasons_fill(dice, season, n, &calendar, work + 3 * n);
    ft_trend_fill(dice, trend, n);
    float yearly = ft_dice_log_between(dice, 0.005f, 0.25f), growth = fminf(yearly * years, 3.0f);
    if (ft_dice_chance(dice, 0.15f)) growth = 0.0f;
    /* One in four swings as tourism does. */
    float swing = ft_dice_chance(dice, 0.25f) ? ft_dice_between(dice, 0.2f, 0.6f)
                                              : ft_dice_log_between(dice, 0.02f, 0.4f);
    float spread = ft_dice_log_between(dice, 0.004f, 0.12f);
    float shock = ft_dice_chance(dice, 0.35f)
                      ? 0.0f
                      : ft_dice_log_between(dice, 0.006f, 0.15f) / sqrtf(calendar.a_year);
    float cyclic = ft_dice_chance(dice, 0.5f) ? 0.0f : ft_dice_log_between(dice, 0.02f, 0.25f);
    bool by_factors = ft_dice_chance(dice, 0.4f), is_season_share = ft_dice_chance(dice, 0.75f);

    ft_dice_normals(dice, noise, n);
    float lengthscale = fmaxf(calendar.a_year * ft_dice_between(dice, 0.5f, 4.0f), 2.0f);
    ft_smooth_fill(dice, cycle, n, FT_SMOOTH_RBF, lengthscale, 0.0f);
    float walk = 0.0f;
    for (int32_t t = 0; t < n; t++) {
        walk = 0.995f * walk + shock * noise[t];
        float level = growth * trend[t];
        level = by_factors ? expf(level) : level >= 0.0f ? 1.0f + level : 1.0f / (1.0f - level);
        x[t] = level * fmaxf(1.0f + walk + cyclic * cycle[t], 0.05f);
    }
    ft_noise_fill(dice, noise, n);
    float base = 0.5f * (x[0] + x[n - 1]);
    for (int32_t t = 0; t < n; t++) {
        float around = is_season_share ? x[t] : base;
        x[t] = fmaxf(x[t] + swing * around * season[t], 0.0f);
        x[t] += spread * fabsf(x[t]) * noise[t];
    }
}

/* Demand of electricity, road traffic, calls, requests to a server: hours to minutes, a
 * base that never stops, day and week above it, weather as a slow process, and errors
 * with memory. */
void ft_draw_load(ft_dice *dice, int32_t n, float *x, float *work)
{
    float *season = work, *slow = work + n, *noise = work + 2 * n;
    ft_calendar calendar = ft_calendar_draw(dice, n, FT_CALENDAR_FINE);
    float day = calendar.n_periods > 0 ? (float)calendar.periods[0] : 24.0f;
    ft_seasons_fill(dice, season, n, &calendar, work + 3 * n);
    float days = ft_dice_log_between(dice, 0.3f, 10.0f);
    ft_smooth_fill(dice, slow, n, FT_SMOOTH_MATERN, days * day, 1.5f);
    float memory = ft_dice_between(dice, 0.0f, 0.97f);
    ft_autoregression_fill(dice, noise, n, memory);
    float swing = ft_dice_log_between(dice, 0.1f, 0.7f), slowly = ft_dice_log_between(dice, 0.01f, 0.4f);
    float spread = ft_dice_log_between(dice, 0.01f, 0.25f);
    bool is_floored = ft_dice_chance(dice, 0.6f);
    for (int32_t t = 0; t < n; t++) {
        float level = fmaxf(1.0f + slowly * slow[t], 0.1f);
        x[t] = level * (1.0f + swing * season[t]);
        if (is_floored && x[t] < 0.05f) x[t] = 0.05f;
        x[t] *= 1.0f + spread * noise[t];
    }
}
