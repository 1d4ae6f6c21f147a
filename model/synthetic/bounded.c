/* Values with limits: shares, positive amounts, sunshine, rain. */
#include <math.h>

#include "model/synthetic/blocks.h"
#include "model/synthetic/families.h"

/* work: the sum of a season, a slow process and noise, of random shares; 4 more rows of
 * scratch. */
static void fill_signal(ft_dice *dice, int32_t n, float *work, ft_calendar *calendar)
{
    float *signal = work, *part = work + n;
    *calendar = ft_calendar_draw(dice, n, FT_CALENDAR_ANY);
    ft_seasons_fill(dice, signal, n, calendar, work + 2 * n);
    float season = ft_dice_between(dice, 0.0f, 1.0f), slow = ft_dice_between(dice, 0.0f, 1.0f);
    float noise = ft_dice_log_between(dice, 0.03f, 0.7f);
    ft_autoregression_fill(dice, part, n, 1.0f - ft_dice_log_between(dice, 0.001f, 0.1f));
    for (int32_t t = 0; t < n; t++) signal[t] = season * signal[t] + slow * part[t];
    ft_noise_fill(dice, part, n);
    for (int32_t t = 0; t < n; t++) signal[t] += noise * part[t];
}

/* Between 0 and 100 percent: far from the limits, at one, or at both: humidity,
 * occupancy, cloud. */
void ft_draw_percentage(ft_dice *dice, int32_t n, float *x, float *work)
{
    ft_calendar calendar;
    fill_signal(dice, n, work, &calendar);
    bool is_cut = ft_dice_chance(dice, 0.4f);
    float center = (is_cut ? 0.9f : 1.5f) * ft_dice_normal(dice),
          gain = ft_dice_log_between(dice, 0.4f, 4.0f);
    for (int32_t t = 0; t < n; t++) {
        float value = center + gain * work[t];
        x[t] = is_cut ? fminf(fmaxf(50.0f + 30.0f * value, 0.0f), 100.0f)
                      : 100.0f / (1.0f + expf(-fminf(fmaxf(value, -20.0f), 20.0f)));
    }
}

/* The exponential of a signal: incomes, river flow, concentrations. */
void ft_draw_positive(ft_dice *dice, int32_t n, float *x, float *work)
{
    ft_calendar calendar;
    fill_signal(dice, n, work, &calendar);
    float spread = ft_dice_log_between(dice, 0.2f, 1.2f);
    for (int32_t t = 0; t < n; t++) x[t] = expf(fminf(spread * work[t], 8.0f));
}

/* Sunshine and what comes from it: nothing at night, a bump each day, clouds with memory.
 * The day's length may change slowly, as over a year. */
void ft_draw_sun(ft_dice *dice, int32_t n, float *x, float *work)
{
    float *clouds = work, *year = work + n;
    ft_calendar calendar = ft_calendar_draw(dice, n, FT_CALENDAR_FINE);
    int32_t day = calendar.n_periods > 0 ? calendar.periods[0] : 24;
    ft_autoregression_fill(dice, clouds, n, expf(-ft_dice_log_between(dice, 1.0f, 10.0f) / (float)day));
    for (int32_t t = 0; t < n; t++) x[t] = year[t] = 0.0f;
    ft_wave_add(x, n, 6.2831853f / (float)day, 1.0f, ft_dice_between(dice, 0.0f, 6.2831853f));
    ft_wave_add(year, n, 6.2831853f / (365.0f * (float)day), 0.3f, ft_dice_between(dice, 0.0f, 6.2831853f));
    float height = ft_dice_between(dice, -0.4f, 0.5f), cloudy = ft_dice_between(dice, 0.05f, 0.8f);
    float center = ft_dice_between(dice, -0.5f, 2.0f);
    for (int32_t t = 0; t < n; t++) {
        float sky = 1.0f - cloudy / (1.0f + expf(center + 2.0f * clouds[t]));
        x[t] = fmaxf(x[t] + height + year[t], 0.0f) * sky;
    }
}

/* Wet and dry spells as a chain of two states (Richardson 1981), more often wet in some
 * months; amounts are gamma or heavier. */
void ft_draw_rain(ft_dice *dice, int32_t n, float *x, float *work)
{
    float *season = work;
    float swing = ft_seasons_swing(dice, 0.6f, FT_CALENDAR_ANY, 0.1f, 0.8f, season, n, work + n);
    float often = ft_dice_between(dice, 0.1f, 0.6f), memory = ft_dice_between(dice, 0.0f, 0.7f);
    float shape = ft_dice_log_between(dice, 0.5f, 3.0f), power = ft_dice_between(dice, 0.7f, 1.3f);
    bool is_wet = false;
    for (int32_t t = 0; t < n; t++) {
        float factor = swing > 0.0f ? expf(fminf(swing * season[t], 1.5f)) : 1.0f;
        float chance = fminf(often * factor, 0.95f);
        is_wet = ft_dice_chance(dice, is_wet ? chance + memory * (1.0f - chance) : chance * (1.0f - memory));
        x[t] = is_wet ? powf(factor * ft_dice_gamma(dice, shape), power) : 0.0f;
    }
}
