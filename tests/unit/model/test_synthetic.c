/* Artificial series as pretraining sees them: the same from any order, usable, of all
 * families, and with the statistics of real ones. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/synthetic/families.h"
#include "model/synthetic/synthetic.h"

enum { LENGTH = 576, SOME = 2000 };

static float values[2048], work[(FT_FAMILY_WORK + 2) * 2048];

/* Over observed values. */
typedef struct statistics {
    double mean, deviation, kurtosis, lag_1;
    float low, high;
    int32_t n_observed;
} statistics;

static statistics look_at(const float *x, int32_t n)
{
    statistics s = {.low = INFINITY, .high = -INFINITY};
    double sum = 0.0;
    for (int32_t t = 0; t < n; t++) {
        if (isnan(x[t])) continue;
        s.n_observed++;
        s.low = fminf(s.low, x[t]);
        s.high = fmaxf(s.high, x[t]);
        sum += x[t];
    }
    s.mean = sum / s.n_observed;
    double second = 0.0, fourth = 0.0, products = 0.0;
    for (int32_t t = 0; t < n; t++) {
        if (isnan(x[t])) continue;
        double d = x[t] - s.mean;
        second += d * d;
        fourth += d * d * d * d;
        if (t > 0 && !isnan(x[t - 1])) products += d * (x[t - 1] - s.mean);
    }
    s.deviation = sqrt(second / s.n_observed);
    s.kurtosis = fourth * s.n_observed / (second * second) - 3.0;
    s.lag_1 = products / second;
    return s;
}

static int ascending(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static double median_of(double *numbers, int32_t n)
{
    qsort(numbers, (size_t)n, sizeof *numbers, ascending);
    return numbers[n / 2];
}

Test(synthetic, a_series_depends_on_seed_index_and_length_alone)
{
    static float first[40][LENGTH];
    size_t bytes = ft_synthetic_scratch(LENGTH);
    cr_assert_leq(bytes, sizeof work);
    memset(work, 0xff, bytes); /* NaN */
    for (int i = 0; i < 40; i++) ft_synthetic_draw(7, (uint64_t)i << 30, LENGTH, first[i], work);
    memset(work, 0, bytes);
    for (int i = 39; i >= 0; i--) {
        ft_synthetic_draw(7, (uint64_t)i << 30, LENGTH, values, work);
        cr_expect_arr_eq(values, first[i], sizeof first[i], "series %d", i);
        ft_synthetic_draw(8, (uint64_t)i << 30, LENGTH, values, work);
        cr_expect_arr_neq(values, first[i], sizeof first[i], "series %d", i);
    }
}

Test(synthetic, all_values_are_finite_or_missing_and_half_are_observed_at_any_length)
{
    const int32_t lengths[] = {1, 2, 3, 4, 5, 7, 8, 13, 16, 24, 40, 64, 100, 576, 1024, 2048};
    for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
        int32_t n = lengths[l], n_constant = 0;
        for (uint64_t index = 0; index < SOME; index++) {
            ft_synthetic_draw(3, index, n, values, work);
            int32_t n_observed = 0;
            bool varies = false;
            for (int32_t t = 0; t < n; t++) {
                cr_assert_not(isinf(values[t]), "length %d, series %d", (int)n, (int)index);
                n_observed += !isnan(values[t]);
                if (t > 0 && values[t] != values[0] && !isnan(values[t])) varies = true;
            }
            cr_assert_geq(2 * n_observed, n, "length %d, series %d", (int)n, (int)index);
            n_constant += !varies;
        }
        if (n >= 24)
            cr_expect_leq(n_constant, SOME / 1000, "length %d: %d constant", (int)n, (int)n_constant);
    }
}

Test(synthetic, nothing_is_written_beyond_the_values_and_the_scratch_memory)
{
    const int32_t lengths[] = {1, 5, 17, 64, 333};
    for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
        size_t n = (size_t)lengths[l];
        float *exact = malloc(sizeof *exact * n); /* sanitizers see the ends of both */
        void *scratch = malloc(ft_synthetic_scratch(lengths[l]));
        for (uint64_t index = 0; index < SOME; index++)
            ft_synthetic_draw(4, index, lengths[l], exact, scratch);
        free(exact);
        free(scratch);
    }
}

Test(synthetic, families_occur_as_often_as_their_weights_say)
{
    enum { DRAWN = 50000 };
    int32_t n, counts[64] = {0};
    const ft_family *families = ft_families(&n);
    float sum = 0.0f;
    for (int32_t f = 0; f < n; f++) sum += families[f].weight;
    cr_expect_float_eq(sum, 100.0f, 1e-3f, "weights are percentages");
    for (uint64_t index = 0; index < DRAWN; index++) counts[ft_family_of(11, index)]++;
    for (int32_t f = 0; f < n; f++) {
        double expected = DRAWN * (double)(families[f].weight / sum), deviation = sqrt(expected);
        cr_expect_lt(fabs(counts[f] - expected), 4.5 * deviation, "%s: %d", families[f].name, (int)counts[f]);
    }
}

Test(synthetic, every_family_alone_is_finite_and_varies)
{
    int32_t n;
    const ft_family *families = ft_families(&n);
    for (int32_t f = 0; f < n; f++) {
        int32_t n_bad = 0;
        for (uint64_t index = 0; index < 400; index++) {
            ft_dice dice = ft_dice_of(5, index, 0);
            families[f].draw(&dice, LENGTH, values, work);
            statistics s = look_at(values, LENGTH);
            n_bad += s.n_observed < LENGTH || !isfinite(s.mean) || !(s.deviation > 0.0);
        }
        cr_expect_leq(n_bad, 8, "%s: %d of 400", families[f].name, (int)n_bad);
    }
}

typedef struct promise {
    ft_family_draw *draw;
    float low, high;
    bool is_whole;
} promise;

Test(synthetic, families_with_limits_keep_them)
{
    const promise promises[] = {
        {ft_draw_counts, 0.0f, INFINITY, true},     {ft_draw_intermittent, 0.0f, INFINITY, false},
        {ft_draw_percentage, 0.0f, 100.0f, false},  {ft_draw_positive, 0.0f, INFINITY, false},
        {ft_draw_sun, 0.0f, INFINITY, false},       {ft_draw_rain, 0.0f, INFINITY, false},
        {ft_draw_price, 0.0f, INFINITY, false},     {ft_draw_volatility, 0.0f, INFINITY, false},
        {ft_draw_outbreaks, 0.0f, INFINITY, false},
    };
    for (size_t i = 0; i < sizeof promises / sizeof *promises; i++) {
        for (uint64_t index = 0; index < 200; index++) {
            ft_dice dice = ft_dice_of(6, index, 0);
            promises[i].draw(&dice, LENGTH, values, work);
            for (int32_t t = 0; t < LENGTH; t++) {
                cr_assert(values[t] >= promises[i].low && values[t] <= promises[i].high, "%d: %g", (int)i,
                          (double)values[t]);
                if (promises[i].is_whole) cr_assert_eq(values[t], rintf(values[t]));
            }
        }
    }
}

/* The autocorrelation of differences at `lag`: differences remove trends, and a season of
 * any shape stays. */
static double correlation(const float *x, int32_t n, int32_t lag)
{
    double products = 0.0, squares = 0.0;
    for (int32_t t = 1; t < n; t++) {
        double d = x[t] - x[t - 1];
        squares += d * d;
        if (t > lag) products += d * (x[t - lag] - x[t - lag - 1]);
    }
    return squares > 0.0 ? products / squares : 0.0;
}

/* High where values a period apart are alike, and those half a period apart are not. */
static double seasonality(const float *x, int32_t n, int32_t period)
{
    double whole = correlation(x, n, period);
    return fmin(whole, whole - correlation(x, n, period / 2));
}

static double share_with_season(ft_family_draw *draw, int32_t n, const int32_t *lags, int32_t n_lags)
{
    int32_t found = 0;
    for (uint64_t index = 0; index < SOME; index++) {
        ft_dice dice = ft_dice_of(9, index, 0);
        draw(&dice, n, values, work);
        double most = 0.0;
        for (int32_t k = 0; k < n_lags; k++) most = fmax(most, seasonality(values, n, lags[k]));
        found += most > 0.5;
    }
    return (double)found / SOME;
}

Test(synthetic, seasonal_families_have_the_periods_of_calendars)
{
    const int32_t business[] = {4, 7, 12, 52, 5}, fine[] = {24, 48, 96, 144, 60};
    cr_expect_gt(share_with_season(ft_draw_business, LENGTH, business, 5), 0.45);
    cr_expect_gt(share_with_season(ft_draw_business, 100, business, 3), 0.35);
    cr_expect_gt(share_with_season(ft_draw_multiplicative, LENGTH, business, 5), 0.2);
    cr_expect_gt(share_with_season(ft_draw_load, LENGTH, fine, 5), 0.5);
    cr_expect_gt(share_with_season(ft_draw_seasonal_arima, LENGTH, business, 5), 0.3);
    cr_expect_lt(share_with_season(ft_draw_walk, LENGTH, business, 5), 0.02);
    cr_expect_lt(share_with_season(ft_draw_returns, LENGTH, business, 5), 0.02);
}

/* Real series are mostly positive, at a level of a few deviations, with memory, and near
 * to normal but with some heavy tails. */
Test(synthetic, the_mixture_has_the_statistics_of_real_series)
{
    static double kurtoses[SOME], lags[SOME], ratios[SOME];
    int32_t n_positive = 0, n_missing = 0, n_white = 0, n_heavy = 0, n_used = 0;
    for (uint64_t index = 0; index < SOME; index++) {
        ft_synthetic_draw(1, index, LENGTH, values, work);
        statistics s = look_at(values, LENGTH);
        n_missing += s.n_observed < LENGTH;
        if (!(s.deviation > 0.0)) continue;
        n_positive += s.low >= 0.0f;
        n_white += fabs(s.lag_1) < 0.1;
        n_heavy += s.kurtosis > 5.0;
        kurtoses[n_used] = fabs(s.kurtosis);
        lags[n_used] = s.lag_1;
        ratios[n_used++] = fabs(s.mean) / s.deviation;
    }
    double kurtosis = median_of(kurtoses, n_used), lag = median_of(lags, n_used);
    double ratio = median_of(ratios, n_used);
    cr_expect(kurtosis > 0.3 && kurtosis < 2.0, "median |excess kurtosis| %g", kurtosis);
    cr_expect(lag > 0.6 && lag < 0.97, "median autocorrelation of lag 1 %g", lag);
    cr_expect(ratio > 1.5 && ratio < 6.0, "median mean / deviation %g", ratio);
    cr_expect(n_positive > SOME / 2 && n_positive < SOME * 9 / 10, "%d of %d positive", n_positive, SOME);
    cr_expect(n_missing > SOME / 50 && n_missing < SOME / 6, "%d of %d with missing values", n_missing, SOME);
    cr_expect(n_white > SOME / 50 && n_white < SOME / 5, "%d of %d without memory", n_white, SOME);
    cr_expect(n_heavy > SOME / 40 && n_heavy < SOME / 4, "%d of %d with heavy tails", n_heavy, SOME);
}
