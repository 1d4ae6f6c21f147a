/* Prices, returns and their volatility: shocks come in clusters. */
#include <math.h>

#include "model/synthetic/blocks.h"
#include "model/synthetic/families.h"

/* Returns of standard deviation about 1: GARCH(1,1) (Bollerslev 1986), or a log
 * volatility that is an AR(1). / */
static void fill_returns(ft_dice *dice, float *x, int32_t n, float *work)
{
    ft_noise_fill(dice, x, n);
    if (ft_dice_chance(dice, 0.5f)) {
        float alpha = ft_dice_between(dice, 0.03f, 0.25f), beta = ft_dice_between(dice, 0.6f, 0.99f) - alpha;
        float omega = 1.0f - alpha - beta, variance = 1.0f;
        for (int32_t t = 0; t < n; t++) {
            x[t] *= sqrtf(variance);
            variance = fminf(omega + alpha * x[t] * x[t] + beta * variance, 100.0f);
        }
    } else {
        float spread = ft_dice_between(dice, 0.1f, 0.9f);
        ft_autoregression_fill(dice, work, n, ft_dice_between(dice, 0.8f, 0.995f));
        for (int32_t t = 0; t < n; t++) x[t] *= expf(spread * (work[t] - spread));
    }
}

/* A geometric walk. Two percent a step is a stock's day; rates of exchange move less,
 * coins more. */
void ft_draw_price(ft_dice *dice, int32_t n, float *x, float *work)
{
    fill_returns(dice, x, n, work);
    float spread = ft_dice_log_between(dice, 0.001f, 0.05f), drift = 0.03f * spread * ft_dice_normal(dice);
    float pull = ft_dice_chance(dice, 0.6f) ? 0.0f : ft_dice_log_between(dice, 0.001f, 0.05f), sum = 0.0f;
    for (int32_t t = 0; t < n; t++) {
        sum += spread * fminf(fmaxf(x[t], -10.0f), 10.0f) + drift - pull * sum;
        x[t] = expf(fminf(fmaxf(sum, -6.0f), 6.0f));
    }
}

void ft_draw_returns(ft_dice *dice, int32_t n, float *x, float *work)
{
    fill_returns(dice, x, n, work);
    float memory = ft_dice_between(dice, -0.2f, 0.2f), mean = 0.1f * ft_dice_normal(dice);
    for (int32_t t = n - 1; t > 0; t--) x[t] += memory * x[t - 1];
    for (int32_t t = 0; t < n; t++) x[t] += mean;
}

/* What is measured of volatility: the mean size of returns over some steps, or volumes of
 * trade. */
void ft_draw_volatility(ft_dice *dice, int32_t n, float *x, float *work)
{
    fill_returns(dice, x, n, work);
    float keep = ft_dice_between(dice, 0.0f, 0.95f), mean = 0.8f;
    for (int32_t t = 0; t < n; t++) x[t] = mean = keep * mean + (1.0f - keep) * fabsf(x[t]);
}
