/* Noise. Residuals of real series are rarely normal: a few large ones, more up than down,
 * or with memory. */
#include <math.h>

#include "model/synthetic/blocks.h"

void ft_autoregression_fill(ft_dice *dice, float *x, int32_t n, float coefficient)
{
    ft_dice_normals(dice, x, n);
    float innovation = sqrtf(1.0f - coefficient * coefficient);
    for (int32_t t = 1; t < n; t++) x[t] = coefficient * x[t - 1] + innovation * x[t];
}

/* z + c z^3: heavier tails than the normal's the larger c is. Its variance is 1 + 6 c +
 * 15 c^2. */
static void make_tails_heavy(float *x, int32_t n, float c)
{
    float scale = 1.0f / sqrtf(1.0f + c * (6.0f + 15.0f * c));
    for (int32_t t = 0; t < n; t++) x[t] *= scale * (1.0f + c * x[t] * x[t]);
}

/* z + c (z^2 - 1), of variance 1 + 2 c^2. */
static void skew(float *x, int32_t n, float c)
{
    float scale = 1.0f / sqrtf(1.0f + 2.0f * c * c);
    for (int32_t t = 0; t < n; t++) x[t] = scale * (x[t] + c * (x[t] * x[t] - 1.0f));
}

void ft_noise_fill(ft_dice *dice, float *x, int32_t n)
{
    enum { NORMAL, HEAVY, SKEWED, PERSISTENT, KINDS };
    static const float weights[KINDS] = {
        [NORMAL] = 0.5f, [HEAVY] = 0.2f, [SKEWED] = 0.08f, [PERSISTENT] = 0.22f};
    int32_t kind = ft_dice_pick(dice, weights, KINDS);
    if (kind == PERSISTENT) {
        ft_autoregression_fill(dice, x, n, ft_dice_between(dice, 0.1f, 0.95f));
        return;
    }
    ft_dice_normals(dice, x, n);
    if (kind == HEAVY) make_tails_heavy(x, n, ft_dice_log_between(dice, 0.03f, 0.6f));
    if (kind == SKEWED) skew(x, n, ft_dice_between(dice, -0.6f, 0.6f));
}
