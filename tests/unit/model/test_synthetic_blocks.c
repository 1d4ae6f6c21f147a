/* What artificial series are built from, against their definitions: distributions, waves,
 * covariances, seasons. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/synthetic/blocks.h"

enum { MANY = 200000, LENGTH = 512 };

static float numbers[MANY], x[LENGTH], work[3 * LENGTH];

static double moment(int32_t n, int power)
{
    double sum = 0.0;
    for (int32_t i = 0; i < n; i++) sum += pow(numbers[i], power);
    return sum / n;
}

Test(synthetic_blocks, uniforms_are_uniform_and_never_an_end)
{
    ft_dice dice = ft_dice_of(1, 2, 0);
    ft_dice_uniforms(&dice, numbers, MANY);
    for (int i = 0; i < MANY; i++) cr_assert(numbers[i] > 0.0f && numbers[i] < 1.0f);
    cr_expect_float_eq(moment(MANY, 1), 0.5, 0.003);
    cr_expect_float_eq(moment(MANY, 2), 1.0 / 3.0, 0.003);
}

Test(synthetic_blocks, normals_have_the_moments_and_tails_of_the_normal_distribution)
{
    for (int bulk = 0; bulk < 2; bulk++) {
        ft_dice dice = ft_dice_of(1, 2, 0);
        if (bulk)
            ft_dice_normals(&dice, numbers, MANY);
        else
            for (int i = 0; i < MANY; i++) numbers[i] = ft_dice_normal(&dice);
        cr_expect_float_eq(moment(MANY, 1), 0.0, 0.01);
        cr_expect_float_eq(moment(MANY, 2), 1.0, 0.015);
        cr_expect_float_eq(moment(MANY, 3), 0.0, 0.04);
        cr_expect_float_eq(moment(MANY, 4), 3.0, 0.12);
        int within = 0, beyond = 0;
        for (int i = 0; i < MANY; i++) {
            within += fabsf(numbers[i]) < 0.6744898f; /* half of them */
            beyond += fabsf(numbers[i]) > 3.0f;       /* 0.27% */
        }
        cr_expect_float_eq((double)within / MANY, 0.5, 0.005);
        cr_expect_float_eq((double)beyond / MANY, 0.0027, 0.0005);
        double products = 0.0;
        for (int i = 32; i < MANY; i++)
            products += numbers[i] * numbers[i - 32]; /* pairs of Box and Muller */
        cr_expect_float_eq(products / MANY, 0.0, 0.01);
    }
}

Test(synthetic_blocks, gamma_and_poisson_have_their_means_and_variances)
{
    const float shapes[] = {0.3f, 1.0f, 1.5f, 7.0f}, means[] = {0.2f, 3.0f, 15.0f, 60.0f};
    for (int k = 0; k < 4; k++) {
        ft_dice dice = ft_dice_of(3, (uint64_t)k, 0);
        double shape = (double)shapes[k], mean = (double)means[k];
        for (int i = 0; i < MANY; i++) numbers[i] = ft_dice_gamma(&dice, shapes[k]);
        double first = moment(MANY, 1);
        cr_expect_float_eq(first, shape, 0.02 * shape);
        cr_expect_float_eq(moment(MANY, 2) - first * first, shape, 0.05 * shape);
        for (int i = 0; i < MANY; i++) numbers[i] = ft_dice_poisson(&dice, means[k]);
        first = moment(MANY, 1);
        cr_expect_float_eq(first, mean, 0.02 * mean);
        cr_expect_float_eq(moment(MANY, 2) - first * first, mean, 0.04 * mean);
    }
}

Test(synthetic_blocks, an_index_is_picked_as_often_as_its_weight_says)
{
    const float weights[] = {0.0f, 1.0f, 3.0f, 0.0f};
    int counts[4] = {0};
    ft_dice dice = ft_dice_of(4, 4, 0);
    for (int i = 0; i < 10000; i++) counts[ft_dice_pick(&dice, weights, 4)]++;
    cr_expect_eq(counts[0] + counts[3], 0);
    cr_expect_float_eq(counts[2] / 10000.0, 0.75, 0.02);
}

Test(synthetic_blocks, series_parts_and_seeds_have_unlike_numbers)
{
    ft_dice dice[] = {ft_dice_of(1, 1, 0), ft_dice_of(1, 1, 1), ft_dice_of(1, 2, 0), ft_dice_of(2, 1, 0),
                      ft_dice_of(1, (uint64_t)1 << 32 | 1, 0)};
    float first[5];
    for (int i = 0; i < 5; i++) first[i] = ft_dice_uniform(&dice[i]);
    for (int i = 0; i < 5; i++)
        for (int k = 0; k < i; k++) cr_expect_neq(first[i], first[k]);
}

Test(synthetic_blocks, a_wave_is_a_cosine)
{
    const int32_t lengths[] = {1, 7, 8, 9, LENGTH};
    for (int l = 0; l < 5; l++) {
        memset(x, 0, sizeof x);
        ft_wave_add(x, lengths[l], 0.37f, 2.0f, 1.0f);
        for (int32_t t = 0; t < LENGTH; t++) {
            double expected = t < lengths[l] ? 2.0 * cos(0.37 * t + 1.0) : 0.0;
            cr_assert_float_eq((double)x[t], expected, 2e-4, "%d of %d", (int)t, (int)lengths[l]);
        }
    }
}

/* Mean over draws of x[t] x[t + lag]. */
static double covariance_of_smooth(ft_smooth_kind kind, float lengthscale, float shape, int32_t lag)
{
    double sum = 0.0;
    enum { DRAWS = 600 };
    for (uint64_t i = 0; i < DRAWS; i++) {
        ft_dice dice = ft_dice_of(8, i, 0);
        ft_smooth_fill(&dice, x, LENGTH, kind, lengthscale, shape);
        for (int32_t t = 0; t + lag < LENGTH; t += 4) sum += x[t] * x[t + lag] * 4.0 / (LENGTH - lag);
    }
    return sum / DRAWS;
}

Test(synthetic_blocks, smooth_processes_have_the_covariance_of_their_kernels)
{
    cr_expect_float_eq(covariance_of_smooth(FT_SMOOTH_RBF, 20.0f, 0.0f, 0), 1.0, 0.06);
    cr_expect_float_eq(covariance_of_smooth(FT_SMOOTH_RBF, 20.0f, 0.0f, 20), exp(-0.5), 0.06);
    cr_expect_float_eq(covariance_of_smooth(FT_SMOOTH_RBF, 20.0f, 0.0f, 60), exp(-4.5), 0.06);
    /* (1 + r^2 / (2 alpha l^2))^-alpha */
    cr_expect_float_eq(covariance_of_smooth(FT_SMOOTH_RATIONAL_QUADRATIC, 20.0f, 0.5f, 40), pow(5.0, -0.5),
                       0.06);
    /* nu = 3/2: (1 + s) exp(-s), s = sqrt(3) r / l */
    double s = sqrt(3.0);
    cr_expect_float_eq(covariance_of_smooth(FT_SMOOTH_MATERN, 20.0f, 1.5f, 20), (1.0 + s) * exp(-s), 0.06);
}

Test(synthetic_blocks, an_autoregression_is_stationary)
{
    double first = 0.0, last = 0.0, products = 0.0;
    for (uint64_t i = 0; i < 4000; i++) {
        ft_dice dice = ft_dice_of(9, i, 0);
        ft_autoregression_fill(&dice, x, 64, 0.8f);
        first += x[0] * x[0] / 4000.0;
        last += x[63] * x[63] / 4000.0;
        products += x[30] * x[31] / 4000.0;
    }
    cr_expect_float_eq(first, 1.0, 0.1);
    cr_expect_float_eq(last, 1.0, 0.1);
    cr_expect_float_eq(products, 0.8, 0.1);
}

Test(synthetic_blocks, a_season_repeats_exactly_and_is_standardized)
{
    const int32_t periods[] = {2, 4, 5, 7, 12, 24, 52, 168, 336, 365};
    for (uint64_t i = 0; i < 500; i++) {
        ft_dice dice = ft_dice_of(10, i, 0);
        int32_t period = periods[i % 10];
        ft_season_fill(&dice, x, LENGTH, period, work);
        for (int32_t t = period; t < LENGTH; t++) cr_assert_eq(x[t], x[t - period]);
        double sum = 0.0, squares = 0.0;
        for (int32_t t = 0; t < period; t++) {
            sum += x[t];
            squares += x[t] * x[t];
        }
        cr_expect_float_eq(sum / period, 0.0, 1e-3);
        cr_expect_float_eq(squares / period, 1.0, 1e-2, "period %d, draw %d", (int)period, (int)i);
    }
}

Test(synthetic_blocks, the_seasons_of_a_calendar_fit_into_the_series)
{
    int n_with = 0;
    for (uint64_t i = 0; i < 3000; i++) {
        ft_dice dice = ft_dice_of(11, i, 0);
        int32_t n = 1 + (int32_t)(i % 300);
        ft_calendar calendar = ft_calendar_draw(&dice, n, (ft_calendar_kind)(i % 3));
        for (int32_t k = 0; k < calendar.n_periods; k++)
            cr_assert(calendar.periods[k] > 1 && calendar.periods[k] <= n);
        n_with += calendar.n_periods > 0;
    }
    cr_expect_gt(n_with, 2000);
}

Test(synthetic_blocks, trends_and_noise_stay_near_their_unit)
{
    double squares = 0.0;
    for (uint64_t i = 0; i < 3000; i++) {
        ft_dice dice = ft_dice_of(12, i, 0);
        ft_trend_fill(&dice, x, LENGTH);
        for (int32_t t = 0; t < LENGTH; t++)
            cr_assert(fabsf(x[t]) < 3.0f, "trend %d: %g", (int)i, (double)x[t]);
        ft_noise_fill(&dice, x, LENGTH);
        for (int32_t t = 0; t < LENGTH; t++) squares += x[t] * x[t] / (3000.0 * LENGTH);
    }
    cr_expect_float_eq(squares, 1.0, 0.03);
}
