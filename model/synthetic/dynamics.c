/* Outbreaks that rise and fall, and systems of differential equations: oscillators,
 * predators, chaos. */
#include <math.h>

#include "model/synthetic/blocks.h"
#include "model/synthetic/families.h"

/* Waves of an epidemic, of a fashion, of searches for a word: each the slope of a
 * logistic curve; counted daily, with a pattern of the week, or in total so far. */
void ft_draw_outbreaks(ft_dice *dice, int32_t n, float *x, float *work)
{
    float *season = work, *noise = work + n;
    int32_t count = ft_dice_integer(dice, 1, 5);
    for (int32_t t = 0; t < n; t++) x[t] = 0.0f;
    for (int32_t k = 0; k < count; k++) {
        float middle = ft_dice_between(dice, -0.1f, 1.2f) * (float)n,
              height = ft_dice_log_between(dice, 0.1f, 1.0f);
        float rise = ft_dice_log_between(dice, 0.01f, 0.12f) * (float)n + 1.0f;
        float fall = rise * ft_dice_log_between(dice, 0.7f, 4.0f);
        for (int32_t t = 0; t < n; t++) {
            float away = ((float)t - middle) / ((float)t < middle ? rise : fall);
            if (fabsf(away) > 12.0f) continue;
            float e = expf(-fabsf(away));
            x[t] += 4.0f * height * e / ((1.0f + e) * (1.0f + e));
        }
    }
    float swing = 0.0f, spread = ft_dice_log_between(dice, 0.01f, 0.3f);
    if (n >= 14 && ft_dice_chance(dice, 0.5f)) {
        ft_season_fill(dice, season, n, 7, work + 2 * n);
        swing = ft_dice_between(dice, 0.03f, 0.4f);
    }
    ft_noise_fill(dice, noise, n);
    for (int32_t t = 0; t < n; t++) {
        float factor = 1.0f + spread * noise[t] + (swing > 0.0f ? swing * season[t] : 0.0f);
        x[t] *= fmaxf(factor, 0.0f);
    }
    if (ft_dice_chance(dice, 0.65f)) return;
    float total = 0.0f;
    for (int32_t t = 0; t < n; t++) x[t] = total += x[t];
}

typedef struct state {
    float a, b, c;
} state;

typedef enum system_kind { VAN_DER_POL, PREDATORS, LORENZ, PENDULUM, SYSTEMS } system_kind;

/* The derivative of a state; `parameter` in [0, 1] bends it within what stays bounded. */
static state slope_of(system_kind kind, state s, float parameter)
{
    switch (kind) {
    case VAN_DER_POL:
        return (state){s.b, (0.2f + 3.0f * parameter) * (1.0f - s.a * s.a) * s.b - s.a, 0.0f};
    case PREDATORS: {
        /* Lotka and Volterra, with a limit to the prey */
        float growth = 0.7f + parameter;
        return (state){s.a * (growth - s.b - 0.02f * s.a), s.b * (s.a - 1.0f), 0.0f};
    }
    case LORENZ: {
        /* in units of a tenth, so that all values are near 1 */
        float rho = 24.5f + 10.0f * parameter;
        return (state){10.0f * (s.b - s.a), s.a * (rho - 10.0f * s.c) - s.b,
                       10.0f * s.a * s.b - 2.6666667f * s.c};
    }
    default: /* a pendulum that is pushed: s.c is the phase of the push */
        return (state){s.b, -0.2f * s.b - sinf(s.a) + (0.3f + 0.9f * parameter) * cosf(s.c), 0.66f};
    }
}

static state step_by(state s, state slope, float h)
{
    return (state){s.a + h * slope.a, s.b + h * slope.b, s.c + h * slope.c};
}

/* One coordinate of a system, by the midpoint rule in two steps a value; noise of
 * measurement. */
void ft_draw_oscillator(ft_dice *dice, int32_t n, float *x, float *work)
{
    system_kind kind = (system_kind)ft_dice_below(dice, SYSTEMS);
    float parameter = ft_dice_uniform(dice), h = ft_dice_log_between(dice, 0.02f, 0.12f);
    if (kind == LORENZ) h *= 0.15f;
    bool is_second = ft_dice_chance(dice, 0.4f);
    state s = {ft_dice_between(dice, 0.5f, 1.5f), ft_dice_between(dice, 0.5f, 1.5f), 1.0f};
    for (int32_t t = 0; t < n; t++) {
        for (int32_t k = 0; k < 2; k++) {
            state middle = step_by(s, slope_of(kind, s, parameter), 0.5f * h);
            s = step_by(s, slope_of(kind, middle, parameter), h);
        }
        /* a pendulum's angle may turn on and on */
        x[t] = is_second || kind == PENDULUM ? s.b : s.a;
    }
    ft_standardize(x, n);
    float spread = ft_dice_chance(dice, 0.4f) ? 0.0f : ft_dice_log_between(dice, 0.01f, 0.3f);
    ft_noise_fill(dice, work, n);
    for (int32_t t = 0; t < n; t++) x[t] += spread * work[t];
}
