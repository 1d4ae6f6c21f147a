/* Shapes with edges: machines that switch, fill and empty; events that strike and
 * fade. */
#include <math.h>

#include "model/synthetic/blocks.h"
#include "model/synthetic/families.h"

static void add_noise(ft_dice *dice, int32_t n, float *x, float *work)
{
    if (ft_dice_chance(dice, 0.3f)) return;
    float spread = ft_dice_log_between(dice, 0.005f, 0.4f);
    ft_noise_fill(dice, work, n);
    for (int32_t t = 0; t < n; t++) x[t] += spread * work[t];
}

static int32_t draw_period(ft_dice *dice, int32_t n)
{
    if (ft_dice_chance(dice, 0.5f)) {
        ft_calendar calendar = ft_calendar_draw(dice, n, FT_CALENDAR_ANY);
        if (calendar.n_periods > 0) return calendar.periods[0];
    }
    return (int32_t)ft_dice_log_between(dice, 3.0f, fmaxf(4.0f, 0.4f * (float)n));
}

/* Levels that hold for random times: new ones each, a few in turn, or each near the
 * last. */
void ft_draw_steps(ft_dice *dice, int32_t n, float *x, float *work)
{
    float levels[4], dwell = ft_dice_log_between(dice, 4.0f, fmaxf(5.0f, 0.3f * (float)n));
    int32_t kind = ft_dice_below(dice, 3), n_levels = ft_dice_integer(dice, 2, 4), left = 0;
    for (int32_t k = 0; k < 4; k++) levels[k] = ft_dice_normal(dice);
    float level = levels[0];
    for (int32_t t = 0; t < n; t++, left--) {
        if (left <= 0) {
            left = 1 + (int32_t)(dwell * ft_dice_exponential(dice));
            level = kind == 0   ? ft_dice_normal(dice)
                    : kind == 1 ? levels[ft_dice_below(dice, n_levels)]
                                : level + 0.5f * ft_dice_normal(dice);
        }
        x[t] = level;
    }
    add_noise(dice, n, x, work);
}

/* On and off in a fixed period, of one or several strengths in turn, with slow or steep
 * edges. */
void ft_draw_pulses(ft_dice *dice, int32_t n, float *x, float *work)
{
    int32_t period = draw_period(dice, n), phase = ft_dice_below(dice, period);
    int32_t on = 1 + (int32_t)(ft_dice_between(dice, 0.02f, 0.8f) * (float)(period - 1));
    int32_t n_strengths = ft_dice_chance(dice, 0.6f) ? 1 : ft_dice_integer(dice, 2, 5);
    float strengths[5], edge = ft_dice_chance(dice, 0.6f) ? 0.0f : ft_dice_between(dice, 0.1f, 0.8f);
    for (int32_t k = 0; k < 5; k++) strengths[k] = ft_dice_between(dice, 0.3f, 1.0f);
    float value = 0.0f;
    for (int32_t t = 0; t < n; t++) {
        int32_t at = t + phase;
        float target = at % period < on ? strengths[at / period % n_strengths] : 0.0f;
        x[t] = value = edge * value + (1.0f - edge) * target;
    }
    add_noise(dice, n, x, work);
}

/* Saw teeth and triangles: stocks that are used up and filled again, tides of a tank,
 * counters. */
void ft_draw_sawtooth(ft_dice *dice, int32_t n, float *x, float *work)
{
    float period = (float)draw_period(dice, n), peak = ft_dice_chance(dice, 0.5f) ? 0.0f : 0.5f;
    if (ft_dice_chance(dice, 0.3f)) peak = ft_dice_between(dice, 0.05f, 0.95f);
    if (ft_dice_chance(dice, 0.3f)) period += ft_dice_uniform(dice);
    float phase = ft_dice_uniform(dice), step = 1.0f / period, sign = ft_dice_sign(dice);
    float slope = ft_dice_chance(dice, 0.6f) ? 0.0f : ft_dice_normal(dice) / (float)n;
    float change = ft_dice_chance(dice, 0.7f) ? 0.0f : ft_dice_normal(dice) / (float)n;
    for (int32_t t = 0; t < n; t++) {
        float height = phase < peak ? phase / peak : (1.0f - phase) / (1.0f - peak);
        x[t] = sign * height * (1.0f + change * (float)t) + slope * (float)t;
        phase += step;
        if (phase >= 1.0f) phase -= 1.0f;
    }
    add_noise(dice, n, x, work);
}

/* A quiet base with events: on fixed days of a period, or at random; each strikes and
 * fades, and some are felt before they come. */
void ft_draw_events(ft_dice *dice, int32_t n, float *x, float *work)
{
    float *base = work, *part = work + n;
    ft_calendar calendar = ft_calendar_draw(dice, n, FT_CALENDAR_ANY);
    ft_seasons_fill(dice, base, n, &calendar, work + 2 * n);
    ft_noise_fill(dice, part, n);
    float swing = ft_dice_chance(dice, 0.4f) ? 0.0f : ft_dice_log_between(dice, 0.05f, 0.5f);
    float spread = ft_dice_log_between(dice, 0.01f, 0.3f);
    for (int32_t t = 0; t < n; t++) {
        x[t] = swing * base[t] + spread * part[t];
        part[t] = 0.0f;
    }
    bool is_regular = ft_dice_chance(dice, 0.65f);
    float wait = (float)draw_period(dice, n), keep = ft_dice_chance(dice, 0.4f) ? 0.0f : 0.9f;
    float next = wait * ft_dice_uniform(dice), height = 1.0f, varies = ft_dice_between(dice, 0.0f, 0.6f);
    keep *= ft_dice_uniform(dice);
    float before = ft_dice_chance(dice, 0.7f) ? 0.0f : ft_dice_between(dice, 0.1f, 0.6f);
    float sign = ft_dice_chance(dice, 0.75f) ? 1.0f : -1.0f;
    while (next < (float)n) {
        int32_t at = (int32_t)next;
        height = 1.0f + varies * ft_dice_normal(dice);
        part[at] += 2.0f * height;
        if (at > 0) part[at - 1] += 2.0f * height * before;
        next += is_regular ? wait : 1.0f + wait * ft_dice_exponential(dice);
    }
    float left = 0.0f;
    for (int32_t t = 0; t < n; t++) {
        left = keep * left + part[t];
        x[t] += sign * left;
    }
}
