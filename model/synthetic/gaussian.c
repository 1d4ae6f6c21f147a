/* Processes composed at random: sums and products of kernels (KernelSynth), causal graphs
 * of processes (CauKer), plain sinusoids. */
#include <math.h>
#include <string.h>

#include "model/synthetic/blocks.h"
#include "model/synthetic/families.h"

/* The periods of KernelSynth's bank in steps, once a series has some 1000 values. */
static int32_t draw_period(ft_dice *dice, int32_t n)
{
    static const int32_t periods[] = {4,  6,  7,  10, 12, 14,  24,  26,  30,
                                      40, 48, 52, 60, 96, 168, 336, 365, 672};
    for (int32_t tries = 0; tries < 8; tries++) {
        int32_t period = periods[ft_dice_below(dice, sizeof periods / sizeof *periods)];
        if (2 * period <= n) return period;
    }
    return n < 3 ? 1 : 3;
}

/* Mackay's periodic kernel: its Fourier coefficients fall like exp(-k^2 l^2 / 2). The
 * period is a table. */
static void fill_periodic(ft_dice *dice, float *x, int32_t n, float *table)
{
    int32_t period = draw_period(dice, n), most = period / 2 < 10 ? period / 2 : 10;
    float lengthscale = ft_dice_log_between(dice, 0.25f, 2.0f), base = 6.2831853f / (float)period;
    memset(table, 0, sizeof *table * (size_t)period);
    for (int32_t k = 1; k <= most; k++) {
        float deviation = expf(-0.25f * (float)(k * k) * lengthscale * lengthscale);
        if (k > 1 && deviation < 0.01f) break;
        ft_wave_add(table, period, base * (float)k, deviation * ft_dice_normal(dice),
                    ft_dice_between(dice, 0.0f, 6.2831853f));
    }
    ft_standardize(table, period);
    for (int32_t t = 0, at = 0; t < n; t++) {
        x[t] = table[at];
        at = at + 1 < period ? at + 1 : 0;
    }
}

/* A process of one kernel, with the share of each kind. Periodic ones are half of
 * KernelSynth's bank, too. */
static void fill_kernel(ft_dice *dice, float *x, int32_t n, float *work)
{
    enum { PERIODIC, LINEAR, RBF, RATIONAL, MATERN, ORNSTEIN, WHITE, CONSTANT, KINDS };
    static const float weights[KINDS] = {
        [PERIODIC] = 0.45f, [LINEAR] = 0.12f,   [RBF] = 0.12f,   [RATIONAL] = 0.08f,
        [MATERN] = 0.05f,   [ORNSTEIN] = 0.08f, [WHITE] = 0.07f, [CONSTANT] = 0.03f};
    switch (ft_dice_pick(dice, weights, KINDS)) {
    case PERIODIC:
        fill_periodic(dice, x, n, work);
        break;
    case LINEAR: {
        float center = (float)n * ft_dice_between(dice, -0.2f, 1.2f);
        float slope = 3.0f * ft_dice_normal(dice) / (float)n;
        for (int32_t t = 0; t < n; t++) x[t] = slope * ((float)t - center);
        break;
    }
    case RBF:
        ft_smooth_fill(dice, x, n, FT_SMOOTH_RBF, ft_dice_log_between(dice, 3.0f, (float)(n + 8)), 0.0f);
        break;
    case RATIONAL:
        ft_smooth_fill(dice, x, n, FT_SMOOTH_RATIONAL_QUADRATIC,
                       ft_dice_log_between(dice, 4.0f, (float)(n + 8)),
                       ft_dice_log_between(dice, 0.3f, 10.0f));
        break;
    case MATERN:
        ft_smooth_fill(dice, x, n, FT_SMOOTH_MATERN, ft_dice_log_between(dice, 4.0f, (float)(n + 8)),
                       ft_dice_chance(dice, 0.5f) ? 1.5f : 2.5f);
        break;
    case ORNSTEIN:
        ft_autoregression_fill(dice, x, n, expf(-1.0f / ft_dice_log_between(dice, 1.0f, (float)(n + 1))));
        break;
    case WHITE: {
        ft_dice_normals(dice, x, n);
        float spread = ft_dice_log_between(dice, 0.05f, 1.0f);
        for (int32_t t = 0; t < n; t++) x[t] *= spread;
        break;
    }
    default: {
        float level = ft_dice_normal(dice);
        for (int32_t t = 0; t < n; t++) x[t] = level;
    }
    }
}

/* Sums and products of 1 to 5 kernels. A product of independent processes has the product
 * of their kernels as its covariance, but is no Gaussian process: seasons of changing
 * strength rather, which are as welcome. / */
void ft_draw_kernels(ft_dice *dice, int32_t n, float *x, float *work)
{
    int32_t count = ft_dice_integer(dice, 1, 5);
    float *next = work;
    fill_kernel(dice, x, n, work + n);
    for (int32_t k = 1; k < count; k++) {
        fill_kernel(dice, next, n, work + n);
        if (ft_dice_chance(dice, 0.5f))
            for (int32_t t = 0; t < n; t++) x[t] += next[t];
        else
            for (int32_t t = 0; t < n; t++) x[t] *= next[t];
    }
}

static void activate(ft_dice *dice, float *x, int32_t n)
{
    float shift = 0.5f * ft_dice_normal(dice);
    switch (ft_dice_below(dice, 6)) {
    case 0: /* a leaky rectifier */
        for (int32_t t = 0; t < n; t++) x[t] = x[t] > shift ? x[t] - shift : 0.1f * (x[t] - shift);
        break;
    case 1: /* saturation */
        for (int32_t t = 0; t < n; t++) x[t] = (x[t] - shift) / (1.0f + fabsf(x[t] - shift));
        break;
    case 2:
        for (int32_t t = 0; t < n; t++) x[t] = fabsf(x[t] - shift);
        break;
    case 3: /* growth, bounded so that no value explodes */
        for (int32_t t = 0; t < n; t++) x[t] = expf(0.7f * fminf(fmaxf(x[t], -4.0f), 4.0f));
        break;
    case 4: /* a smooth bump, in place of a sine */
        for (int32_t t = 0; t < n; t++) x[t] = (x[t] - shift) / (1.0f + (x[t] - shift) * (x[t] - shift));
        break;
    default:
        break; /* linear */
    }
    ft_standardize(x, n);
}

/* Three root processes of a kernel each; two more nodes, each an activation of a weighted
 * sum of all nodes before it, the first perhaps delayed. The last node is observed. */
void ft_draw_causal(ft_dice *dice, int32_t n, float *x, float *work)
{
    enum { ROOTS = 3, NODES = 5 };
    for (int32_t i = 0; i < ROOTS; i++) {
        fill_kernel(dice, work + i * n, n, x);
        ft_standardize(work + i * n, n);
    }
    for (int32_t i = ROOTS; i < NODES; i++) {
        float *node = work + i * n;
        memset(node, 0, sizeof *node * (size_t)n);
        for (int32_t k = 0; k < i; k++) {
            int32_t delay = ft_dice_chance(dice, 0.3f) ? ft_dice_below(dice, 1 + n / 16) : 0;
            float weight = ft_dice_normal(dice);
            for (int32_t t = 0; t < n; t++) node[t] += weight * work[k * n + (t >= delay ? t - delay : 0)];
        }
        activate(dice, node, n);
    }
    float spread = ft_dice_chance(dice, 0.5f) ? 0.0f : ft_dice_log_between(dice, 0.02f, 0.4f);
    ft_dice_normals(dice, x, n);
    for (int32_t t = 0; t < n; t++) x[t] = work[(NODES - 1) * n + t] + spread * x[t];
}

/* One to three waves of any period, a line perhaps, and little noise: the plainest series
 * there are. */
void ft_draw_sinusoids(ft_dice *dice, int32_t n, float *x, float *work)
{
    float slope = ft_dice_chance(dice, 0.5f) ? 0.0f : 2.0f * ft_dice_normal(dice) / (float)n;
    float spread = ft_dice_chance(dice, 0.3f) ? 0.0f : ft_dice_log_between(dice, 0.01f, 0.7f);
    ft_noise_fill(dice, work, n);
    for (int32_t t = 0; t < n; t++) x[t] = slope * (float)t + spread * work[t];
    int32_t count = ft_dice_integer(dice, 1, 3);
    for (int32_t k = 0; k < count; k++) {
        float period = ft_dice_log_between(dice, 2.5f, fmaxf(3.0f, 0.6f * (float)n));
        ft_wave_add(x, n, 6.2831853f / period, ft_dice_between(dice, 0.1f, 1.0f),
                    ft_dice_between(dice, 0.0f, 6.2831853f));
    }
}
