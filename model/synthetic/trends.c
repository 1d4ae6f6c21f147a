/* Trends: how a series moves from its first to its last value, apart from seasons and
 * noise. */
#include <math.h>

#include "model/synthetic/blocks.h"

/* Slopes that change at up to 5 random points. */
static void fill_piecewise(ft_dice *dice, float *x, int32_t n)
{
    int32_t pieces = ft_dice_integer(dice, 2, 6);
    float change = (float)pieces / (float)n, slope = ft_dice_normal(dice), value = 0.0f, most = 1e-6f;
    for (int32_t t = 0; t < n; t++) {
        x[t] = value += slope;
        if (fabsf(value) > most) most = fabsf(value);
        /* one number every 8 values decides: a knot need not fall on an exact step */
        if (t % 8 == 7 && ft_dice_chance(dice, 8.0f * change))
            slope = ft_dice_chance(dice, 0.5f) ? ft_dice_normal(dice) : 0.3f * slope;
    }
    for (int32_t t = 0; t < n; t++) x[t] /= most;
}

static void fill_exponential(ft_dice *dice, float *x, int32_t n)
{
    float rate = ft_dice_between(dice, 0.5f, 3.0f), step = expf(rate / (float)n), value = 1.0f;
    float scale = 1.0f / (expf(rate) - 1.0f);
    for (int32_t t = 0; t < n; t++, value *= step) x[t] = (value - 1.0f) * scale;
}

/* Towards a limit, as of Gardner and McKenzie's damped trend. */
static void fill_damped(ft_dice *dice, float *x, int32_t n)
{
    float keep = 1.0f - ft_dice_between(dice, 2.0f, 10.0f) / (float)(n + 12), rest = 1.0f;
    for (int32_t t = 0; t < n; t++, rest *= keep) x[t] = 1.0f - rest;
}

static void fill_logistic(ft_dice *dice, float *x, int32_t n)
{
    float middle = ft_dice_between(dice, 0.1f, 1.1f) * (float)n;
    float width = ft_dice_log_between(dice, 0.02f, 0.25f) * (float)n;
    for (int32_t t = 0; t < n; t++) x[t] = 1.0f / (1.0f + expf((middle - (float)t) / width));
}

static void fill_power(ft_dice *dice, float *x, int32_t n)
{
    float power = ft_dice_log_between(dice, 0.3f, 3.0f), scale = 1.0f / (float)n;
    for (int32_t t = 0; t < n; t++) x[t] = powf(((float)t + 0.5f) * scale, power);
}

void ft_trend_fill(ft_dice *dice, float *x, int32_t n)
{
    enum { LINEAR, PIECEWISE, EXPONENTIAL, DAMPED, LOGISTIC, POWER, SLOW, KINDS };
    static const float weights[KINDS] = {
        [LINEAR] = 0.28f,   [PIECEWISE] = 0.22f, [EXPONENTIAL] = 0.1f, [DAMPED] = 0.12f,
        [LOGISTIC] = 0.06f, [POWER] = 0.06f,     [SLOW] = 0.16f};
    int32_t kind = ft_dice_pick(dice, weights, KINDS);
    switch (kind) {
    case PIECEWISE:
        fill_piecewise(dice, x, n);
        break;
    case EXPONENTIAL:
        fill_exponential(dice, x, n);
        break;
    case DAMPED:
        fill_damped(dice, x, n);
        break;
    case LOGISTIC:
        fill_logistic(dice, x, n);
        break;
    case POWER:
        fill_power(dice, x, n);
        break;
    case SLOW:
        ft_smooth_fill(dice, x, n, FT_SMOOTH_RBF, (float)n * ft_dice_log_between(dice, 0.08f, 0.6f), 0.0f);
        for (int32_t t = 0; t < n; t++) x[t] *= 0.5f;
        break;
    default:
        for (int32_t t = 0; t < n; t++) x[t] = (float)t / (float)n;
    }
    if (ft_dice_chance(dice, 0.35f)) /* real series grow more often than they fall */
        for (int32_t t = 0; t < n; t++) x[t] = -x[t];
}
