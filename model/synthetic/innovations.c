/* Innovations state space models: the future is the state plus new shocks, as of
 * exponential smoothing (Hyndman et al., "Forecasting with Exponential Smoothing") and
 * ARIMA (Box and Jenkins). */
#include <math.h>
#include <string.h>

#include "model/synthetic/blocks.h"
#include "model/synthetic/families.h"

/* A random walk: with drift, with a slope that walks or dies out, seen through errors of
 * measurement. */
void ft_draw_walk(ft_dice *dice, int32_t n, float *x, float *work)
{
    float *shocks = work, *more = work + n;
    ft_noise_fill(dice, shocks, n);
    ft_dice_normals(dice, more, n);
    float slope = ft_dice_chance(dice, 0.5f) ? 0.0f : 0.3f * ft_dice_normal(dice);
    float slope_shock = ft_dice_chance(dice, 0.6f) ? 0.0f : ft_dice_log_between(dice, 0.003f, 0.3f);
    float damping = ft_dice_chance(dice, 0.5f) ? 1.0f : ft_dice_between(dice, 0.9f, 1.0f), level = 0.0f;
    for (int32_t t = 0; t < n; t++) {
        level += slope + shocks[t];
        slope = damping * slope + slope_shock * more[t];
        x[t] = level;
    }
    if (ft_dice_chance(dice, 0.4f)) return;
    float error = ft_dice_log_between(dice, 0.1f, 3.0f);
    ft_dice_normals(dice, more, n);
    for (int32_t t = 0; t < n; t++) x[t] += error * more[t];
}

/* Coefficients of a stationary AR(order) from partial autocorrelations in (-1, 1), by
 * Durbin and Levinson. */
static void draw_coefficients(ft_dice *dice, int32_t order, float *phi)
{
    for (int32_t k = 0; k < order; k++) {
        float partial = k == 0 ? ft_dice_between(dice, -0.4f, 0.99f) : ft_dice_between(dice, -0.9f, 0.7f);
        float before[3];
        memcpy(before, phi, sizeof *phi * (size_t)k);
        for (int32_t j = 0; j < k; j++) phi[j] = before[j] - partial * before[k - 1 - j];
        phi[k] = partial;
    }
}

/* ARMA(1..3, 0..1), sometimes summed once (d = 1) with drift. AR(2) and AR(3) have cycles
 * of random length. / */
void ft_draw_arima(ft_dice *dice, int32_t n, float *x, float *work)
{
    float phi[3] = {0.0f, 0.0f, 0.0f}, past[3] = {0.0f, 0.0f, 0.0f};
    draw_coefficients(dice, ft_dice_integer(dice, 1, 3), phi);
    float theta = ft_dice_chance(dice, 0.5f) ? 0.0f : ft_dice_between(dice, -0.8f, 0.8f), shock = 0.0f;
    float *shocks = work;
    ft_noise_fill(dice, shocks, n);
    for (int32_t t = -64; t < n; t++) { /* 64 steps to forget the start */
        float last = shock;
        shock = shocks[(t + 64) % n];
        float value = phi[0] * past[0] + phi[1] * past[1] + phi[2] * past[2] + shock + theta * last;
        past[2] = past[1];
        past[1] = past[0];
        past[0] = value;
        if (t >= 0) x[t] = value;
    }
    if (ft_dice_chance(dice, 0.65f)) return;
    float drift = ft_dice_chance(dice, 0.5f) ? 0.0f : 0.3f * ft_dice_normal(dice), sum = 0.0f;
    for (int32_t t = 0; t < n; t++) x[t] = sum += x[t] + drift;
}

/* ETS: level, damped slope and a season of states, all moved by one error, which is
 * additive or a share of the level. */
void ft_draw_exponential_smoothing(ft_dice *dice, int32_t n, float *x, float *work)
{
    float *errors = work, *season = work + n;
    ft_calendar calendar = ft_calendar_draw(dice, n, FT_CALENDAR_BUSINESS);
    int32_t period = calendar.n_periods > 0 ? calendar.periods[0] : 1, at = 0;
    ft_dice_normals(dice, errors, n);
    season[0] = 0.0f;
    if (period > 1) ft_profile_fill(dice, season, period);
    float swing = ft_dice_log_between(dice, 0.02f, 0.4f), spread = ft_dice_log_between(dice, 0.005f, 0.1f);
    for (int32_t k = 0; k < period; k++) season[k] *= swing;
    bool has_slope = ft_dice_chance(dice, 0.6f), is_share = ft_dice_chance(dice, 0.5f);
    float alpha = ft_dice_between(dice, 0.0f, 1.0f);
    float beta = has_slope ? alpha * ft_dice_log_between(dice, 0.001f, 0.2f) : 0.0f;
    float gamma = period > 1 ? (1.0f - alpha) * ft_dice_log_between(dice, 0.005f, 0.5f) : 0.0f;
    float damping = ft_dice_chance(dice, 0.5f) ? 1.0f : ft_dice_between(dice, 0.8f, 0.995f);
    float level = 1.0f, slope = has_slope ? 0.1f * ft_dice_normal(dice) / (float)period : 0.0f;
    if (slope * damping * (float)n > 5.0f) slope = 5.0f / (float)n;
    for (int32_t t = 0; t < n; t++) {
        float size = is_share ? fabsf(level) : 1.0f, error = spread * size * errors[t];
        float before = level + damping * slope;
        x[t] = before + size * season[at] + error;
        level = before + alpha * error;
        slope = damping * slope + beta * error;
        season[at] += gamma * error / fmaxf(size, 0.05f);
        at = at + 1 < period ? at + 1 : 0;
    }
}

/* (1 - phi L)(1 - Phi L^p) y = (1 + theta L)(1 + Theta L^p) e: with phi = Phi = 1 the
 * airline model, with Phi = 1 alone a seasonal walk, else a seasonal autoregression. y[t
 * - p] of the first period is a profile. / */
void ft_draw_seasonal_arima(ft_dice *dice, int32_t n, float *x, float *work)
{
    float *shocks = work, *start = work + n;
    ft_calendar calendar = ft_calendar_draw(dice, n, FT_CALENDAR_ANY);
    int32_t p = calendar.n_periods > 0 ? calendar.periods[0] : 1;
    ft_noise_fill(dice, shocks, n);
    memset(start, 0, sizeof *start * (size_t)p);
    if (p > 1) ft_profile_fill(dice, start, p);
    float strength = ft_dice_log_between(dice, 0.5f, 20.0f);
    bool is_airline = ft_dice_chance(dice, 0.4f), is_walk = is_airline || ft_dice_chance(dice, 0.5f);
    float phi = is_airline ? 1.0f : ft_dice_between(dice, -0.2f, 0.95f);
    float seasonal = is_walk ? 1.0f : ft_dice_between(dice, 0.5f, 0.98f);
    float theta = is_airline ? -ft_dice_between(dice, 0.1f, 0.95f) : ft_dice_between(dice, -0.4f, 0.4f);
    float seasonal_theta = is_walk ? -ft_dice_between(dice, 0.3f, 0.95f) : 0.0f;
    float drift = is_airline && ft_dice_chance(dice, 0.5f) ? 0.5f * ft_dice_normal(dice) / (float)p : 0.0f;
    for (int32_t t = 0; t < n; t++) {
        float y1 = t >= 1 ? x[t - 1] : strength * start[p - 1];
        float yp = t >= p ? x[t - p] : strength * start[t];
        float yp1 = t >= p + 1 ? x[t - p - 1] : strength * start[(t + p - 1) % p];
        float e1 = t >= 1 ? shocks[t - 1] : 0.0f, ep = t >= p ? shocks[t - p] : 0.0f;
        float ep1 = t >= p + 1 ? shocks[t - p - 1] : 0.0f;
        x[t] = phi * y1 + seasonal * yp - phi * seasonal * yp1 + shocks[t] + theta * e1 +
               seasonal_theta * (ep + theta * ep1) + drift;
    }
}
