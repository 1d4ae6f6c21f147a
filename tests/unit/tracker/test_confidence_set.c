/* Intervals and ties: metrics window by window are those of the record; experiments that
 * are alike are tied; those that are worse are not. */
#include "tests/unit/tracker/scratch.h"

#include <math.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/philox.h"
#include "tracker/baseline_windows.h"
#include "tracker/confidence_set.h"
#include "tracker/forecasts.h"
#include "tracker/window_starts.h"

TestSuite(confidence_set, .init = scratch_enter, .fini = scratch_leave);

/* -- reading -- */

/* Three windows of two series in test, one in val; the metrics by
 * ft_metrics_add_window. */
static ft_metrics write_forecasts(void)
{
    static const float samples[] = {1, 2, 3, 2, 4, 1, 5, 2, 2, 3, 1, 0}; /* (4, 3) */
    static const char *const times[] = {"t1", "t2", "t3"};
    static const double truth[3][3] = {{1.5, 2, 4}, {NAN, 3, -1}, {0.5, 1, NAN}}, other[] = {9, 9, 9};
    ft_forecasts f = {0};
    ft_metrics_accumulator *sums;
    ft_metrics metrics;
    ft_error err;
    cr_assert_eq(ft_metrics_create(1, &sums, &err), FT_OK);
    cr_assert_eq(ft_forecasts_create(&f, scratch_path("forecasts.csv"), &err), FT_OK, "%s", err.message);
    cr_assert_eq(ft_forecasts_add_window(&f, "val", "a", "o", times, other, samples, 4, 3, &err), FT_OK);
    for (int w = 0; w < 3; w++) {
        cr_assert_eq(ft_forecasts_add_window(&f, "test", w < 2 ? "a,\"1\"\n" : "b", w == 1 ? "p" : "o", times,
                                             truth[w], samples, 4, 3, &err),
                     FT_OK);
        const double training[] = {1, 2, 4};
        if (w != 1) cr_assert_eq(ft_metrics_add_training(sums, NULL, training, 3, NULL, &err), FT_OK);
        cr_assert_eq(ft_metrics_add_window(sums, (size_t)w / 2, truth[w], samples, 4, 3, 1, &err), FT_OK);
    }
    cr_assert_eq(ft_forecasts_commit(&f, &err), FT_OK);
    ft_forecasts_close(&f);
    ft_metrics_finish(sums, &metrics);
    ft_metrics_free(sums);
    return metrics;
}

Test(confidence_set, windows_add_up_to_the_metrics)
{
    ft_metrics metrics = write_forecasts();
    static const ft_metric all[] = {FT_MAE, FT_RMSE, FT_SMAPE, FT_WQL, FT_COVERAGE_80};
    for (size_t m = 0; m < sizeof all / sizeof *all; m++) {
        ft_window_scores s;
        ft_error err;
        cr_assert_eq(ft_window_scores_read(scratch_path("."), FT_TEST, all[m], &s, &err), FT_OK, "%s",
                     err.message);
        cr_assert_eq(s.n_windows, 3);
        cr_assert_eq(s.n_series, 2);
        cr_expect_eq(s.series[1], 0);
        cr_expect_eq(s.series[2], 1);
        double value = (s.sum[0] + s.sum[1] + s.sum[2]) / (s.weight[0] + s.weight[1] + s.weight[2]);
        if (all[m] == FT_RMSE) value = sqrt(value);
        cr_expect_float_eq(value, ft_metrics_get(&metrics, all[m]), 1e-12, "%s", ft_metric_names[all[m]]);
        ft_window_scores_free(&s);
    }
}

/* -- mase and directional_accuracy, which need windows.csv -- */

enum { STEPS = 3, SERIES = 40 };

/* A window of a series with a scale, and one path that forecasts it. NaN: not known. */
typedef struct told_window {
    const char *series, *origin;
    double last, scale, truth[STEPS];
    float forecast[STEPS];
} told_window;

/* Four windows of three series, one of them without a scale and without a value before
 * its window. By hand: absolute errors 4, 2, 3, 3; of scale 2, 2, none, 0.5 they are 2
 * and 1 and 6 over 3, 2 and 3 steps. Directions told right: 1 of 3, 1 of 1 (the truth's
 * first two have none), 2 of 2, 1 of 3. */
static const told_window few[] = {{"a", "o", 0, 2, {1, 3, 2}, {2, 2, 4}},
                                  {"a", "p", 2, 2, {NAN, 5, 6}, {4, 4, 7}},
                                  {"b", "o", NAN, NAN, {1, 1, 1}, {0, 0, 0}},
                                  {"c", "o", 11, 0.5, {10, 12, 11}, {10, 10, 10}}};

/* forecasts.csv, and windows.csv unless it is of before it. */
static void write_told(const told_window *windows, size_t n, bool with_starts)
{
    static const char *const times[] = {"t1", "t2", "t3"};
    ft_forecasts f = {0};
    ft_text starts = FT_TEXT_EMPTY;
    ft_error err;
    cr_assert_eq(ft_forecasts_create(&f, scratch_path("forecasts.csv"), &err), FT_OK, "%s", err.message);
    /* the same window of another split */
    ft_window_starts_add(&starts, FT_VAL, "a", "o", 5, 7);
    for (size_t w = 0; w < n; w++) {
        const told_window *t = &windows[w];
        cr_assert_eq(ft_forecasts_add_window(&f, "test", t->series, t->origin, times, t->truth, t->forecast,
                                             1, STEPS, &err),
                     FT_OK);
        ft_window_starts_add(&starts, FT_TEST, t->series, t->origin, t->last, t->scale);
    }
    cr_assert_eq(ft_forecasts_commit(&f, &err), FT_OK);
    ft_forecasts_close(&f);
    if (with_starts) cr_assert_eq(ft_window_starts_write(scratch_path("."), &starts, &err), FT_OK);
    ft_text_free(&starts);
}

static void expect_windows(const ft_window_scores *s, size_t n, const double *sum, const double *weight)
{
    cr_assert_eq(s->n_windows, n);
    for (size_t w = 0; w < n; w++) {
        cr_expect_float_eq(s->sum[w], sum[w], 1e-12, "window %zu: %g", w, s->sum[w]);
        cr_expect_eq(s->weight[w], weight[w], "window %zu: %g", w, s->weight[w]);
    }
}

Test(confidence_set, mase_and_directions_are_those_computed_by_hand)
{
    ft_window_scores s;
    ft_error err;
    write_told(few, 4, true);
    cr_assert_eq(ft_window_scores_read(scratch_path("."), FT_TEST, FT_MASE, &s, &err), FT_OK);
    expect_windows(&s, 3, (double[]){2, 1, 6}, (double[]){3, 2, 3});
    cr_expect_eq(s.n_series, 2);
    ft_window_scores_free(&s);
    cr_assert_eq(ft_window_scores_read(scratch_path("."), FT_TEST, FT_DIRECTIONAL_ACCURACY, &s, &err), FT_OK);
    expect_windows(&s, 4, (double[]){1, 1, 2, 1}, (double[]){3, 1, 2, 3});
    cr_expect_eq(s.n_series, 3);
    ft_window_scores_free(&s);
}

Test(confidence_set, baselines_have_the_same_windows)
{
    ft_window_scores own, other;
    ft_text lines = FT_TEXT_EMPTY;
    ft_error err;
    write_told(few, 4, true);
    for (int w = 0; w < 4; w++) {
        ft_window_sums sums = {0};
        ft_step_before before = {few[w].last, few[w].last};
        for (int t = 0; t < STEPS; t++) {
            double quantiles[FT_N_QUANTILES];
            for (int q = 0; q < FT_N_QUANTILES; q++) quantiles[q] = (double)few[w].forecast[t];
            ft_window_sums_add(&sums, &before, few[w].truth[t], quantiles);
        }
        ft_baseline_windows_add(&lines, "zero_shot", few[w].series, few[w].origin, &sums);
    }
    cr_assert_eq(ft_baseline_windows_write(scratch_path("."), &lines, &err), FT_OK);
    ft_text_free(&lines);
    static const ft_metric both[] = {FT_MASE, FT_DIRECTIONAL_ACCURACY};
    for (int m = 0; m < 2; m++) {
        cr_assert_eq(ft_window_scores_read(scratch_path("."), FT_TEST, both[m], &own, &err), FT_OK);
        cr_assert_eq(ft_window_scores_read_baseline(scratch_path("."), "zero_shot", both[m], &other, &err),
                     FT_OK, "%s", err.message);
        cr_expect(ft_window_scores_match(&own, &other));
        expect_windows(&other, own.n_windows, own.sum, own.weight);
        ft_window_scores_free(&own);
        ft_window_scores_free(&other);
    }
}

/* The error of a quotient of sums over independent series, linearised (Cochran, Sampling
 * Techniques, 1977, §6.3): the bootstrap's 2,000 draws are within some percent of it. */
static double linearised_error(const double *sum, const double *weight, size_t n)
{
    double all = 0, of = 0, squares = 0;
    for (size_t i = 0; i < n; i++) all += sum[i], of += weight[i];
    for (size_t i = 0; i < n; i++) squares += pow(sum[i] - all / of * weight[i], 2);
    return sqrt(squares * (double)n / ((double)n - 1)) / of;
}

Test(confidence_set, errors_over_series_are_those_of_theory)
{
    told_window windows[SERIES];
    char names[SERIES][16];
    double scaled[SERIES] = {0}, right[SERIES] = {0}, steps[SERIES];
    uint32_t drawn = 0;
    for (int i = 0; i < SERIES; i++) {
        told_window *w = &windows[i];
        snprintf(names[i], sizeof names[i], "s%d", i);
        *w = (told_window){names[i], "o", 1, 0.5 + i % 4, {0}, {0}};
        double truth = w->last, forecast = w->last;
        for (int t = 0; t < STEPS; t++) {
            const ft_philox_block b = ft_philox((ft_philox_key){{5, 6}}, drawn++, 0, 0, 0);
            w->truth[t] = (double)ft_philox_uniform(b.word[0]);
            w->forecast[t] = ft_philox_uniform(b.word[1]);
            scaled[i] += fabs(w->truth[t] - (double)w->forecast[t]) / w->scale;
            right[i] += (w->truth[t] > truth) == ((double)w->forecast[t] > forecast);
            truth = w->truth[t];
            forecast = (double)w->forecast[t];
        }
        steps[i] = STEPS;
    }
    write_told(windows, SERIES, true);
    static const ft_metric both[] = {FT_MASE, FT_DIRECTIONAL_ACCURACY};
    const double *const sums[] = {scaled, right};
    for (int m = 0; m < 2; m++) {
        ft_window_scores s;
        ft_certainty certainty;
        size_t n_blocks;
        ft_error err;
        cr_assert_eq(ft_window_scores_read(scratch_path("."), FT_TEST, both[m], &s, &err), FT_OK);
        expect_windows(&s, SERIES, sums[m], steps);
        cr_assert_eq(ft_confidence_set(&s, 1, both[m], 0, &certainty, &n_blocks, &err), FT_OK);
        cr_expect_eq(n_blocks, SERIES);
        const double theory = linearised_error(sums[m], steps, SERIES);
        cr_expect_float_eq(certainty.standard_error, theory, 0.06 * theory, "%s: %g, by theory %g",
                           ft_metric_names[both[m]], certainty.standard_error, theory);
        ft_window_scores_free(&s);
    }
}

Test(confidence_set, records_of_before_windows_csv_say_so)
{
    ft_window_scores s;
    ft_error err;
    write_told(few, 4, false);
    ft_experiment e = {.directory = ft_copy_string(scratch_path("."))};
    e.metrics[FT_TEST] = (ft_metrics){.evaluated = true, .mae = 1.2, .mase = 0.6};
    cr_assert_eq(ft_window_scores_of(&e, FT_TEST, FT_MASE, &s, &err), FT_OK);
    cr_expect_eq(s.n_windows, 0);
    cr_expect_eq(s.n_series, 3);
    cr_expect_str_eq(s.why_none, "its run recorded no windows.csv, which has the scales of several series (a "
                                 "new run does)");
    cr_assert_eq(ft_window_scores_of(&e, FT_TEST, FT_DIRECTIONAL_ACCURACY, &s, &err), FT_OK);
    cr_expect_eq(s.n_windows, 0);
    cr_expect_str_eq(s.why_none, "its run recorded no windows.csv, which has the values before the windows "
                                 "(a new run does)");
    write_told(few, 2, false); /* one series: its scale is mae / mase */
    cr_assert_eq(ft_window_scores_of(&e, FT_TEST, FT_MASE, &s, &err), FT_OK);
    expect_windows(&s, 2, (double[]){2, 1}, (double[]){3, 2});
    cr_expect_null(s.why_none);
    ft_window_scores_free(&s);
    const char line[] = "split,item_id,origin,last_value,scale\ntest,a,o,1,much\n";
    cr_assert_eq(ft_write_file(scratch_path("windows.csv"), line, sizeof line - 1, &err), FT_OK);
    cr_assert_eq(ft_window_scores_of(&e, FT_TEST, FT_MASE, &s, &err), FT_BAD_INPUT);
    cr_expect(strstr(err.message, "windows.csv:2: this is no line of a windows.csv"), "%s", err.message);
    cr_expect_str_eq(s.why_none, "its windows.csv cannot be read");
    free(e.directory);
}

Test(confidence_set, baselines_of_before_directions_have_none)
{
    ft_window_scores s;
    ft_error err;
    write_told(few, 1, true);
    const char old[] =
        "baseline,item_id,origin,steps,absolute_error,squared_error,smape,quantile_loss,covered,"
        "absolute_target\nzero_shot,a,o,3,4.5,6,1,2,3,6\n";
    cr_assert_eq(ft_write_file(scratch_path("baselines.csv"), old, sizeof old - 1, &err), FT_OK);
    cr_assert_eq(ft_window_scores_read_baseline(scratch_path("."), "zero_shot", FT_MAE, &s, &err), FT_OK,
                 "%s", err.message);
    expect_windows(&s, 1, (double[]){4.5}, (double[]){3});
    ft_window_scores_free(&s);
    cr_assert_eq(
        ft_window_scores_read_baseline(scratch_path("."), "zero_shot", FT_DIRECTIONAL_ACCURACY, &s, &err),
        FT_OK);
    cr_expect_eq(s.n_windows, 0);
    cr_expect_str_eq(s.why_none, "its run recorded no windows of baselines (a new run does)");
}

Test(confidence_set, what_is_no_forecasts_file_is_refused_with_its_line)
{
    ft_window_scores s;
    ft_error err;
    cr_assert_eq(ft_window_scores_read(scratch_path("."), FT_TEST, FT_MAE, &s, &err), FT_BAD_INPUT);
    write_forecasts();
    FILE *file = fopen(scratch_path("forecasts.csv"), "a");
    fputs("test,a,o,t,1,2,3\n", file);
    fclose(file);
    cr_assert_eq(ft_window_scores_read(scratch_path("."), FT_TEST, FT_MAE, &s, &err), FT_BAD_INPUT);
    cr_expect_str_eq(s.why_none, "its forecasts.csv cannot be read");
    cr_expect(strstr(err.message, "forecasts.csv:20: this is no line of a forecasts.csv"), "%s", err.message);
}

/* -- simulated experiments -- */

enum { MOST_EXPERIMENTS = 12, MOST_WINDOWS = 60 };

typedef struct simulation {
    uint64_t drawn;
    double sum[MOST_EXPERIMENTS][MOST_WINDOWS], weight[MOST_WINDOWS];
    size_t series[MOST_WINDOWS];
    ft_window_scores scores[MOST_EXPERIMENTS];
    ft_certainty certainty[MOST_EXPERIMENTS];
    size_t n_blocks;
} simulation;

static double normal(simulation *s)
{
    double sum = -6; /* of twelve uniform numbers */
    for (int i = 0; i < 3; i++) {
        ft_philox_block b = ft_philox((ft_philox_key){{1, 2}}, (uint32_t)s->drawn++, 0, 0, 0);
        for (int w = 0; w < 4; w++) sum += (double)ft_philox_uniform(b.word[w]);
    }
    return sum;
}

/* Windows that are easier or harder for all experiments, each with a deviation of its
 * own; experiment i is worse by `worse` times i. Returns the number of the best. */
static size_t simulate(simulation *s, size_t count, size_t windows, double worse)
{
    size_t best = 0;
    double lowest = INFINITY;
    for (size_t w = 0; w < windows; w++) {
        double hard = exp(normal(s));
        for (size_t i = 0; i < count; i++) s->sum[i][w] = 10 + hard + worse * (double)i + normal(s);
        s->weight[w] = 1;
        s->series[w] = 0;
    }
    for (size_t i = 0; i < count; i++) {
        s->scores[i] = (ft_window_scores){windows, s->sum[i], s->weight, s->series, 1, 0, 0, NULL};
        double total = 0;
        for (size_t w = 0; w < windows; w++) total += s->sum[i][w];
        if (total < lowest) lowest = total, best = i;
    }
    cr_assert_eq(ft_confidence_set(s->scores, count, FT_MAE, 1, s->certainty, &s->n_blocks, NULL), FT_OK);
    return best;
}

/* How often of `trials` some experiment is told from the best. */
static double share_told_apart(size_t count, size_t windows, double worse, int trials)
{
    static simulation s;
    int n = 0;
    for (int t = 0; t < trials; t++) {
        size_t best = simulate(&s, count, windows, worse), told = 0;
        cr_assert(s.certainty[best].is_tied, "the best is excluded");
        for (size_t i = 0; i < count; i++) told += !s.certainty[i].is_tied;
        n += told > 0;
    }
    return (double)n / trials;
}

Test(confidence_set, of_experiments_that_are_alike_one_is_excluded_in_five_percent_at_most, .timeout = 500)
{
    static const size_t windows[] = {12, 24, 60};
    for (int i = 0; i < 3; i++) {
        double share = share_told_apart(MOST_EXPERIMENTS, windows[i], 0, 200);
        /* 5 % and chance over 200 trials */
        cr_expect_leq(share, 0.07, "%zu windows: %g", windows[i], share);
    }
}

Test(confidence_set, a_planted_difference_is_found)
{
    /* The difference of two has a standard error of sqrt(2 / 60) = 0.18: 1 is more than
     * five of them. */
    cr_expect_geq(share_told_apart(2, 60, 1, 50), 0.98);
    /* Two of them are found more often than not. */
    double share = share_told_apart(2, 60, 0.46, 200);
    cr_expect(share > 0.5 && share < 0.9, "%g", share);
}

Test(confidence_set, standard_errors_are_those_of_a_mean)
{
    static simulation s;
    simulate(&s, 2, 60, 0);
    double mean = 0, squares = 0;
    for (size_t w = 0; w < 60; w++) mean += s.sum[0][w] / 60;
    for (size_t w = 0; w < 60; w++) squares += (s.sum[0][w] - mean) * (s.sum[0][w] - mean);
    double expected = sqrt(squares / 59 / 60);
    cr_expect_float_eq(s.certainty[0].standard_error / expected, 1, 0.25, "%g, by theory %g",
                       s.certainty[0].standard_error, expected);
    cr_expect_eq(s.n_blocks, 15); /* of 4 windows */
}

/* As far apart in every window is apart; the same is not, whatever rounding makes of
 * the mean of three. */
Test(confidence_set, what_differs_by_the_same_in_all_windows_is_told_apart)
{
    static simulation s;
    simulate(&s, 3, 20, 0);
    for (size_t w = 0; w < 20; w++) s.sum[1][w] = s.sum[0][w], s.sum[2][w] = s.sum[0][w] + 0.5;
    cr_assert_eq(ft_confidence_set(s.scores, 2, FT_MAE, 1, s.certainty, &s.n_blocks, NULL), FT_OK);
    cr_expect(s.certainty[0].is_tied && s.certainty[1].is_tied);
    cr_assert_eq(ft_confidence_set(s.scores, 3, FT_MAE, 1, s.certainty, &s.n_blocks, NULL), FT_OK);
    cr_expect(s.certainty[0].is_tied && s.certainty[1].is_tied);
    cr_expect_not(s.certainty[2].is_tied);
}

Test(confidence_set, with_too_few_windows_nothing_is_said)
{
    static simulation s;
    simulate(&s, 3, 5, 100);
    for (int i = 0; i < 3; i++) {
        cr_expect(s.certainty[i].is_tied);
        cr_expect(isnan(s.certainty[i].standard_error));
    }
}
