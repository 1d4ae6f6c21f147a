/* Sinusoids, and Gaussian processes by random Fourier features (Rahimi and Recht, NIPS
 * 2007): a stationary kernel is the Fourier transform of a density of frequencies, so
 * that a sum of waves of frequencies drawn from it has that covariance. A wave costs some
 * 8 n operations, a Cholesky factor n^3 / 3. */
#include <math.h>

#include "model/synthetic/blocks.h"

enum {
    /* neighbouring values, which the compiler puts into vector registers */
    LANES = 8,
    /* of a process: more are nearer to normal at each point, and slower */
    WAVES = 16,
    /* where the density has heavy tails, or a few fast waves would stand out */
    WIDE_WAVES = 32
};

/* The values t, t + LANES, t + 2 LANES, ... are one point turning by LANES times the
 * frequency. */
void ft_wave_add(float *x, int32_t n, float frequency, float amplitude, float phase)
{
    float re[LANES], im[LANES];
    float step_re = cosf(frequency), step_im = sinf(frequency);
    re[0] = amplitude * cosf(phase);
    im[0] = amplitude * sinf(phase);
    for (int32_t k = 1; k < LANES; k++) {
        re[k] = re[k - 1] * step_re - im[k - 1] * step_im;
        im[k] = re[k - 1] * step_im + im[k - 1] * step_re;
    }
    float turn_re = cosf((float)LANES * frequency), turn_im = sinf((float)LANES * frequency);
    int32_t t = 0;
    for (; t + LANES <= n; t += LANES) {
        for (int32_t k = 0; k < LANES; k++) {
            x[t + k] += re[k];
            float turned = re[k] * turn_re - im[k] * turn_im;
            im[k] = re[k] * turn_im + im[k] * turn_re;
            re[k] = turned;
        }
    }
    for (int32_t k = 0; t + k < n; k++) x[t + k] += re[k];
}

/* A draw from the spectral density at lengthscale 1: normal for RBF. The rational
 * quadratic is RBF whose precision is gamma distributed; Matern's density is Student's t
 * of 2 nu degrees of freedom. */
static float draw_frequency(ft_dice *dice, ft_smooth_kind kind, float shape)
{
    float frequency = ft_dice_normal(dice);
    if (kind == FT_SMOOTH_RATIONAL_QUADRATIC) frequency *= sqrtf(ft_dice_gamma(dice, shape) / shape);
    if (kind == FT_SMOOTH_MATERN) frequency *= sqrtf(shape / ft_dice_gamma(dice, shape));
    return frequency;
}

void ft_smooth_fill(ft_dice *dice, float *x, int32_t n, ft_smooth_kind kind, float lengthscale, float shape)
{
    const int32_t count = kind == FT_SMOOTH_RBF ? WAVES : WIDE_WAVES;
    const float pi = 3.14159265f, amplitude = sqrtf(2.0f / (float)count);
    for (int32_t t = 0; t < n; t++) x[t] = 0.0f;
    for (int32_t k = 0; k < count; k++) {
        float frequency = draw_frequency(dice, kind, shape) / lengthscale;
        /* white at this sampling */
        if (fabsf(frequency) > pi) frequency = ft_dice_between(dice, -pi, pi);
        ft_wave_add(x, n, frequency, amplitude, ft_dice_between(dice, 0.0f, 2.0f * pi));
    }
}

void ft_standardize(float *x, int32_t n)
{
    double sum = 0.0, squares = 0.0;
    for (int32_t t = 0; t < n; t++) {
        sum += x[t];
        squares += (double)x[t] * x[t];
    }
    double mean = sum / n, variance = squares / n - mean * mean;
    float shift = (float)mean, scale = variance > 1e-12 * squares / n ? (float)(1.0 / sqrt(variance)) : 0.0f;
    for (int32_t t = 0; t < n; t++) x[t] = (x[t] - shift) * scale;
}
