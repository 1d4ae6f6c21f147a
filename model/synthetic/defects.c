/* What real series suffer on their way to a file. Most families are drawn without it, so
 * it is rare: what cannot be foreseen teaches a forecaster little more than wide
 * intervals. */
#include <math.h>

#include "model/synthetic/blocks.h"
#include "model/synthetic/families.h"

static float deviation_of(const float *x, int32_t n)
{
    double sum = 0.0, squares = 0.0;
    for (int32_t t = 0; t < n; t++) {
        sum += x[t];
        squares += (double)x[t] * x[t];
    }
    double variance = squares / n - sum / n * (sum / n);
    return variance > 0.0 ? (float)sqrt(variance) : 0.0f;
}

static void add_outliers(ft_dice *dice, int32_t n, float *x, bool keeps_sign)
{
    int32_t count = 1 + (int32_t)((float)n * ft_dice_log_between(dice, 0.001f, 0.02f));
    float size = deviation_of(x, n) * ft_dice_between(dice, 2.0f, 8.0f),
          up = ft_dice_between(dice, 0.3f, 1.0f);
    for (int32_t k = 0; k < count; k++) {
        int32_t t = ft_dice_below(dice, n);
        float jump = size * ft_dice_exponential(dice);
        if (ft_dice_chance(dice, up))
            x[t] += jump;
        else
            x[t] = keeps_sign && x[t] > 0.0f ? fmaxf(x[t] - jump, 0.0f) : x[t] - jump;
    }
}

/* From some point on all values are higher, lower, or a factor of what they were. */
static void shift_level(ft_dice *dice, int32_t n, float *x, bool by_factor)
{
    int32_t at = (int32_t)(ft_dice_between(dice, 0.05f, 0.95f) * (float)n);
    float amount = deviation_of(x, n) * 2.0f * ft_dice_normal(dice),
          factor = ft_dice_log_between(dice, 0.3f, 3.0f);
    if (by_factor)
        for (int32_t t = at; t < n; t++) x[t] *= factor;
    else
        for (int32_t t = at; t < n; t++) x[t] += amount;
}

/* A meter with few digits, prices in whole units. */
static void round_values(ft_dice *dice, int32_t n, float *x)
{
    float unit = deviation_of(x, n) * ft_dice_log_between(dice, 0.03f, 1.0f);
    if (unit <= 0.0f) return;
    for (int32_t t = 0; t < n; t++) x[t] = unit * rintf(x[t] / unit);
}

/* A stuck sensor repeats its last value; a closed shop or a cut wire says 0. */
static void stick(ft_dice *dice, int32_t n, float *x, bool at_zero)
{
    int32_t stretches = ft_dice_integer(dice, 1, 3);
    for (int32_t k = 0; k < stretches; k++) {
        int32_t start = ft_dice_below(dice, n);
        int32_t end = start + 2 + (int32_t)((float)n * ft_dice_log_between(dice, 0.005f, 0.1f));
        float value = at_zero ? 0.0f : x[start];
        for (int32_t t = start; t < end && t < n; t++) x[t] = value;
    }
}

/* The range of an instrument: what lies beyond is cut off. */
static void saturate(ft_dice *dice, int32_t n, float *x)
{
    float mean = 0.0f, limit = deviation_of(x, n) * ft_dice_between(dice, 0.7f, 2.0f);
    for (int32_t t = 0; t < n; t++) mean += x[t] / (float)n;
    bool is_upper = ft_dice_chance(dice, 0.5f);
    for (int32_t t = 0; t < n; t++) x[t] = is_upper ? fminf(x[t], mean + limit) : fmaxf(x[t], mean - limit);
}

/* The fluctuation grows or falls from some point on, around the mean before it. */
static void change_spread(ft_dice *dice, int32_t n, float *x)
{
    int32_t at = (int32_t)(ft_dice_between(dice, 0.1f, 0.9f) * (float)n);
    float factor = ft_dice_log_between(dice, 0.25f, 4.0f), mean = 0.0f;
    for (int32_t t = 0; t < at; t++) mean += x[t] / (float)at;
    for (int32_t t = at; t < n; t++) x[t] = mean + factor * (x[t] - mean);
}

void ft_defects_apply(ft_dice *dice, int32_t n, float *x, ft_family_zero zero)
{
    bool is_own = zero == FT_ZERO_OWN;
    if (ft_dice_chance(dice, 0.7f)) return;
    if (ft_dice_chance(dice, 0.12f)) shift_level(dice, n, x, is_own);
    if (!is_own && ft_dice_chance(dice, 0.08f)) change_spread(dice, n, x);
    if (ft_dice_chance(dice, 0.25f)) add_outliers(dice, n, x, is_own);
    if (ft_dice_chance(dice, 0.12f)) saturate(dice, n, x);
    if (ft_dice_chance(dice, 0.08f)) stick(dice, n, x, is_own && ft_dice_chance(dice, 0.7f));
    if (ft_dice_chance(dice, 0.3f)) round_values(dice, n, x);
}

/* Single values and stretches, up to two fifths of the series together. */
void ft_missing_apply(ft_dice *dice, int32_t n, float *x)
{
    if (ft_dice_chance(dice, 0.92f)) return;
    int32_t allowed = (2 * n) / 5;
    float longest = ft_dice_chance(dice, 0.5f) ? 1.0f : 1.0f + 0.15f * (float)n * ft_dice_uniform(dice);
    int32_t missing = (int32_t)((float)n * ft_dice_log_between(dice, 0.005f, 0.4f));
    if (missing > allowed) missing = allowed;
    while (missing > 0) {
        int32_t start = ft_dice_below(dice, n), count = 1 + (int32_t)(longest * ft_dice_uniform(dice));
        for (int32_t t = start; t < start + count && t < n && missing > 0; t++, missing--) x[t] = NAN;
    }
}
