/* The verdict: what is said of the best against its baselines, with intervals from
 * baselines.csv and without. */
#include "tests/unit/tracker/scratch.h"

#include <math.h>

#include "base/philox.h"
#include "tracker/baseline_windows.h"
#include "tracker/confidence_set.h"
#include "tracker/forecasts.h"
#include "tracker/verdict.h"

static ft_experiments set;
static ft_judgement judgement;

static void unload(void)
{
    ft_experiments_free(&set);
    scratch_leave();
}

TestSuite(verdict, .init = scratch_enter, .fini = unload);

/* -- judging experiments -- */

/* Experiment e0: mae 1 on test, against these of zero_shot and seasonal_naive; e1 has
 * mae 1.5, against its own. mase is twice mae. */
static void load_two(double zero_shot, double naive, double zero_shot_of_other, double naive_of_other)
{
    static char first[1000], second[1000];
    const char *const members[] = {first, second};
    static const char form[] =
        "\"hyperparams\": {}, \"val_metrics\": {\"mae\": %d}, "
        "\"test_metrics\": {\"mae\": %g, \"mase\": %g}, "
        "\"run\": {\"baseline_metrics\": {\"zero_shot\": {\"val_metrics\": {\"mae\": 4}, "
        "\"test_metrics\": {\"mae\": %g, \"mase\": %g}}, \"seasonal_naive\": {\"test_metrics\": "
        "{\"mae\": %g}}}}";
    snprintf(first, sizeof first, form, 3, 1.0, 2.0, zero_shot, 2 * zero_shot, naive);
    snprintf(second, sizeof second, form, 9, 1.5, 3.0, zero_shot_of_other, 2 * zero_shot_of_other,
             naive_of_other);
    ft_experiments_free(&set);
    scratch_experiments(members, 2, &set);
}

static void load(double zero_shot, double naive)
{
    load_two(zero_shot, naive, zero_shot, naive);
}

/* e0's windows of one step, whose truth is 0: the experiment is off by 1 +- 0.1, the
 * baselines by theirs +- `spread`, each in turn. */
static void write_windows(int n_windows, int n_baseline_windows, double zero_shot, double naive,
                          double spread)
{
    static const char *const time[] = {"t"};
    const double truth[] = {0}, off[] = {zero_shot, naive};
    static const char *const names[] = {"zero_shot", "seasonal_naive"};
    ft_forecasts f = {0};
    ft_text lines = FT_TEXT_EMPTY;
    ft_error err;
    char origin[16];
    cr_assert_eq(ft_forecasts_create(&f, scratch_path("e0/forecasts.csv"), &err), FT_OK, "%s", err.message);
    for (int w = 0; w < n_windows; w++) {
        const float path[] = {w % 2 ? 1.1f : 0.9f};
        snprintf(origin, sizeof origin, "o%d", w);
        cr_assert_eq(ft_forecasts_add_window(&f, "test", "a, \"b\"", origin, time, truth, path, 1, 1, &err),
                     FT_OK);
    }
    cr_assert_eq(ft_forecasts_commit(&f, &err), FT_OK);
    ft_forecasts_close(&f);
    for (int b = 0; b < 2; b++)
        for (int w = 0; w < n_baseline_windows; w++) {
            double quantiles[FT_N_QUANTILES];
            ft_window_sums sums = {0};
            ft_step_before before = {0, 0};
            for (int q = 0; q < FT_N_QUANTILES; q++) quantiles[q] = off[b] + (w / 2 % 2 ? spread : -spread);
            ft_window_sums_add(&sums, &before, 0, quantiles);
            snprintf(origin, sizeof origin, "o%d", w);
            ft_baseline_windows_add(&lines, names[b], "a, \"b\"", origin, &sums);
        }
    cr_assert_eq(ft_baseline_windows_write(scratch_path("e0"), &lines, &err), FT_OK, "%s", err.message);
    ft_text_free(&lines);
}

static void expect_verdict(ft_metric metric, ft_split chosen_by, ft_verdict verdict, const char *sentence)
{
    ft_text text = FT_TEXT_EMPTY;
    ft_error err;
    cr_assert_eq(ft_judge(&set.items[0], &set, metric, chosen_by, &judgement, &err), FT_OK, "%s",
                 err.message);
    ft_judgement_describe(&judgement, &text);
    cr_expect_eq(judgement.verdict, verdict);
    cr_expect_str_eq(text.data ? text.data : "", sentence);
    ft_text_free(&text);
}

static void expect_against(size_t i, const char *sentence)
{
    ft_text text = FT_TEXT_EMPTY;
    cr_assert_lt(i, judgement.n_baselines);
    ft_judgement_describe_against(&judgement, &judgement.against[i], &text);
    cr_expect_str_eq(text.data, sentence);
    ft_text_free(&text);
}

Test(verdict, what_is_worst_is_said_first)
{
    load(0.5, 0.7);
    expect_verdict(
        FT_MAE, FT_VAL, FT_VERDICT_DO_NOT_SHIP,
        "do not ship it: none of 2 experiments beats seasonal_naive; tuning made it worse in all 2 "
        "experiments, on test; how sure that is cannot be told: its forecasts.csv cannot be read");
    load(2, 0.5);
    write_windows(40, 40, 2, 0.5, 0.1);
    expect_verdict(FT_MAE, FT_VAL, FT_VERDICT_DO_NOT_SHIP,
                   "do not ship it: none of 2 experiments beats seasonal_naive, on test");
    load(0.5, 2);
    write_windows(40, 40, 0.5, 2, 0.1);
    expect_verdict(FT_MAE, FT_VAL, FT_VERDICT_DO_NOT_SHIP,
                   "do not ship it: tuning made it worse in all 2 experiments, on test");
}

/* Where other data lie in the same directory, or other lengths and models were tried. */
Test(verdict, each_experiment_is_held_against_its_own_baselines)
{
    static const char unknown[] = "; how sure that is cannot be told: its forecasts.csv cannot be read";
    char sentence[300];
    load_two(0.5, 0.7, 2, 2); /* e1 is worse than e0, and beats its own */
    snprintf(sentence, sizeof sentence,
             "do not ship it: tuning made it worse; it is not better than seasonal_naive, on test%s",
             unknown);
    expect_verdict(FT_MAE, FT_VAL, FT_VERDICT_DO_NOT_SHIP, sentence);
    load_two(2, 1.25, 2, 1.4); /* e0 beats its own; e1 does not, and is not asked */
    snprintf(sentence, sizeof sentence,
             "do not ship it yet: better than zero_shot and seasonal_naive, on test%s", unknown);
    expect_verdict(FT_MAE, FT_VAL, FT_VERDICT_NOT_YET, sentence);
    load_two(2, 0.7, 2, 1.4);
    snprintf(sentence, sizeof sentence,
             "do not ship it: none of 2 experiments beats seasonal_naive, on test%s", unknown);
    expect_verdict(FT_MAE, FT_VAL, FT_VERDICT_DO_NOT_SHIP, sentence);
    cJSON_Delete(set.items[1].run); /* a record without baselines is none of them */
    set.items[1].run = cJSON_CreateObject();
    snprintf(sentence, sizeof sentence, "do not ship it: it does not beat seasonal_naive, on test%s",
             unknown);
    expect_verdict(FT_MAE, FT_VAL, FT_VERDICT_DO_NOT_SHIP, sentence);
}

Test(verdict, tuning_that_may_have_done_nothing_is_not_called_worse)
{
    load(0.95, 2);
    write_windows(40, 40, 0.95, 2, 0.9);
    expect_verdict(FT_MAE, FT_VAL, FT_VERDICT_DO_NOT_SHIP,
                   "do not ship it: tuning made it better in none of 2 experiments, on test");
}

Test(verdict, beyond_chance_it_is_shipped_and_within_it_not_yet)
{
    load(2, 3);
    write_windows(40, 40, 2, 3, 0.1);
    expect_verdict(FT_MAE, FT_VAL, FT_VERDICT_SHIP,
                   "ship it: better than zero_shot and seasonal_naive, beyond chance (95 %), on test");
    cr_expect_lt(judgement.against[0].margin, 0.1);
    load(1.05, 3);
    write_windows(40, 40, 1.05, 3, 0.9);
    expect_verdict(FT_MAE, FT_VAL, FT_VERDICT_NOT_YET,
                   "do not ship it yet: better than zero_shot by no more than chance explains, on test");
    /* 0.05 needs (1 + 0.84 / 1.96) margins: the number of windows by theory. */
    const ft_against *a = &judgement.against[0];
    const double ratio = (1.959964 + 0.841621) / 1.959964 * a->margin / 0.05;
    cr_expect_float_eq(a->n_needed, ceil(40 * ratio * ratio), 1.5);
    cr_expect_gt(a->n_needed, 100);
}

Test(verdict, differences_are_told_with_intervals)
{
    load(2, 1.05);
    write_windows(40, 40, 2, 1.05, 0.9);
    expect_verdict(FT_MAE, FT_VAL, FT_VERDICT_NOT_YET,
                   "do not ship it yet: better than seasonal_naive by no more than chance explains, on test");
    for (size_t i = 0; i < 2; i++) judgement.against[i].margin = 0.25, judgement.against[i].n_needed = 1234;
    expect_against(0, "zero_shot (mae 2): 1 better, 95 % interval 0.75 to 1.25, 40 windows");
    expect_against(
        1, "seasonal_naive (mae 1.05): 0.05 better, 95 % interval -0.2 to 0.3, 40 windows; about 1300 "
           "would tell (more test rows; --eval-windows, if it left some out)");
    judgement.against[0].ahead = -1;
    judgement.against[1].n_needed = 2e6;
    expect_against(0, "zero_shot (mae 2): 1 worse, 95 % interval 0.75 to 1.25, 40 windows");
    judgement.n_series = 9;
    expect_against(
        1, "seasonal_naive (mae 1.05): 0.05 better, 95 % interval -0.2 to 0.3, 9 series; a million would "
           "not tell");
    judgement.against[0].margin = NAN;
    expect_against(0, "zero_shot (mae 2): 1 worse");
}

Test(verdict, without_windows_it_says_why)
{
    static const char start[] =
        "do not ship it yet: better than zero_shot and seasonal_naive, on test; how sure that is "
        "cannot be told: ";
    char sentence[300];
    load(2, 3);
    write_windows(8, 8, 2, 3, 0.1);
    expect_verdict(
        FT_MAE, FT_VAL, FT_VERDICT_NOT_YET,
        "do not ship it yet: better than zero_shot and seasonal_naive, on test; how sure that is "
        "cannot be told: too few windows, 12 are needed (more test rows, or a shorter prediction_length)");
    write_windows(40, 36, 2, 3, 0.1);
    snprintf(sentence, sizeof sentence, "%sbaselines.csv is of other windows than forecasts.csv", start);
    expect_verdict(FT_MAE, FT_VAL, FT_VERDICT_NOT_YET, sentence);
    remove(scratch_path("e0/baselines.csv")); /* as in records of before it */
    snprintf(sentence, sizeof sentence, "%sits run recorded no windows of baselines (a new run does)", start);
    expect_verdict(FT_MAE, FT_VAL, FT_VERDICT_NOT_YET, sentence);
    ft_metrics_set(&set.items[0].metrics[FT_TEST], FT_DIRECTIONAL_ACCURACY, 0.5);
    cJSON *naive =
        cJSON_GetObjectItem(cJSON_GetObjectItem(set.items[0].run, "baseline_metrics"), "seasonal_naive");
    cJSON_AddNumberToObject(cJSON_GetObjectItem(naive, "test_metrics"), "directional_accuracy", 0.25);
    expect_verdict(
        FT_DIRECTIONAL_ACCURACY, FT_VAL, FT_VERDICT_NOT_YET,
        "do not ship it yet: better than seasonal_naive, on test; how sure that is cannot be told: its run "
        "recorded no windows.csv, which has the values before the windows (a new run does)");
}

/* A file of another experiment, or one that lost lines or numbers, gives no interval. */
Test(verdict, windows_add_up_to_the_record)
{
    load(2, 3);
    write_windows(40, 40, 2, 3, 0.1);
    expect_verdict(FT_MAE, FT_VAL, FT_VERDICT_SHIP,
                   "ship it: better than zero_shot and seasonal_naive, beyond chance (95 %), on test");
    write_windows(40, 40, 2.5, 3, 0.1);
    expect_verdict(FT_MAE, FT_VAL, FT_VERDICT_NOT_YET,
                   "do not ship it yet: better than zero_shot and seasonal_naive, on test; how sure that is "
                   "cannot be told: its baselines.csv does not add up to its results.json");
    write_windows(39, 39, 2, 3, 0.1);
    expect_verdict(FT_MAE, FT_VAL, FT_VERDICT_NOT_YET,
                   "do not ship it yet: better than zero_shot and seasonal_naive, on test; how sure that is "
                   "cannot be told: its forecasts.csv does not add up to its results.json");
}

Test(verdict, mase_of_one_series_is_mae_over_its_scale)
{
    load(2, 3);
    write_windows(40, 40, 2, 3, 0.4);
    expect_verdict(FT_MAE, FT_VAL, FT_VERDICT_SHIP,
                   "ship it: better than zero_shot and seasonal_naive, beyond chance (95 %), on test");
    const double margin = judgement.against[0].margin; /* of mae 1, which is mase 2 */
    expect_verdict(FT_MASE, FT_VAL, FT_VERDICT_SHIP,
                   "ship it: better than zero_shot, beyond chance (95 %), on test");
    cr_expect_float_eq(judgement.against[0].margin, 2 * margin, 1e-12);
    /* A second series has a scale of its own. */
    FILE *file = fopen(scratch_path("e0/forecasts.csv"), "a");
    fputs("test,b,o0,t,0,1,1,1,1,1,1,1,1,1,1\n", file);
    fclose(file);
    expect_verdict(
        FT_MASE, FT_VAL, FT_VERDICT_NOT_YET,
        "do not ship it yet: better than zero_shot, on test; how sure that is cannot be told: its run "
        "recorded no windows.csv, which has the scales of several series (a new run does)");
}

Test(verdict, who_chose_by_test_hears_of_optimism)
{
    load(2, 3);
    write_windows(40, 40, 2, 3, 0.1);
    expect_verdict(
        FT_MAE, FT_TEST, FT_VERDICT_SHIP,
        "ship it: better than zero_shot and seasonal_naive, beyond chance (95 %), on test; test chose it, "
        "too, so that this is optimistic");
    /* Without test, validation judges what it chose. */
    set.items[0].metrics[FT_TEST].evaluated = false;
    expect_verdict(FT_MAE, FT_VAL, FT_VERDICT_NOT_YET,
                   "do not ship it yet: better than zero_shot, on val; how sure that is cannot be told: "
                   "there are windows of "
                   "baselines for test alone; val chose it, too, so that this is optimistic");
}

Test(verdict, the_season_of_the_baseline_is_shown)
{
    load(2, 3);
    cJSON_AddNumberToObject(set.items[0].run, "season", 7);
    ft_error err;
    cr_assert_eq(ft_judge(&set.items[0], &set, FT_MAE, FT_VAL, &judgement, &err), FT_OK);
    expect_against(0, "zero_shot (mae 2): 1 better");
    expect_against(1, "seasonal_naive (season 7, mae 3): 2 better");
}

Test(verdict, without_baselines_there_is_none)
{
    load(2, 3);
    ft_error err;
    cJSON_Delete(set.items[1].run);
    set.items[1].run = NULL;
    cr_assert_eq(ft_judge(&set.items[1], &set, FT_MAE, FT_VAL, &judgement, &err), FT_OK);
    cr_expect_eq(judgement.verdict, FT_VERDICT_NONE);
    cr_expect_eq(judgement.n_baselines, 0);
}

Test(verdict, programs_are_told_the_same)
{
    load(2, 0.5);
    write_windows(40, 36, 2, 0.5, 0.1);
    ft_error err;
    cr_assert_eq(ft_judge(&set.items[0], &set, FT_MAE, FT_VAL, &judgement, &err), FT_OK);
    judgement.against[0].margin = 0.25;
    cJSON *object = ft_judgement_to_json(&judgement);
    char *line = ft_json_print_line(object);
    cr_expect_str_eq(line,
                     "{\"is\":\"do not ship\",\"sentence\":\"do not ship it: none of 2 experiments beats "
                     "seasonal_naive, on test; how sure that is cannot be told: baselines.csv is of other "
                     "windows than forecasts.csv\",\"metric\":\"mae\",\"split\":\"test\",\"against\":["
                     "{\"name\":\"zero_shot\",\"value\":2,\"better_by\":1,\"margin\":0.25},"
                     "{\"name\":\"seasonal_naive\",\"value\":0.5,\"better_by\":-0.5,\"margin\":null}]}");
    free(line);
    cJSON_Delete(object);
    judgement = (ft_judgement){.metric = FT_WQL, .split = FT_VAL};
    object = ft_judgement_to_json(&judgement);
    line = ft_json_print_line(object);
    cr_expect_str_eq(line, "{\"is\":\"unknown\",\"metric\":\"wql\",\"split\":\"val\",\"against\":[]}");
    free(line);
    cJSON_Delete(object);
}

/* -- baselines.csv -- */

Test(verdict, windows_of_baselines_are_read_back)
{
    load(2, 3);
    write_windows(5, 5, 2, 3, 0.25);
    ft_window_scores own, other;
    ft_error err;
    cr_assert_eq(ft_window_scores_read(scratch_path("e0"), FT_TEST, FT_RMSE, &own, &err), FT_OK);
    cr_assert_eq(ft_window_scores_read_baseline(scratch_path("e0"), "seasonal_naive", FT_RMSE, &other, &err),
                 FT_OK, "%s", err.message);
    cr_assert_eq(other.n_windows, 5);
    cr_expect_eq(other.n_series, 1);
    cr_expect_eq(other.sum[0], 2.75 * 2.75);
    cr_expect_eq(other.sum[2], 3.25 * 3.25);
    cr_expect(ft_window_scores_match(&own, &other));
    other.origin_checksum++; /* as many windows, but others */
    cr_expect_not(ft_window_scores_match(&own, &other));
    other.origin_checksum--;
    other.weight[3]++;
    cr_expect_not(ft_window_scores_match(&own, &other));
    ft_window_scores_free(&own);
    ft_window_scores_free(&other);
    FILE *file = fopen(scratch_path("e0/baselines.csv"), "a");
    fputs("zero_shot,a,o,1,2\n", file);
    fclose(file);
    cr_assert_eq(ft_window_scores_read_baseline(scratch_path("e0"), "zero_shot", FT_MAE, &other, &err),
                 FT_BAD_INPUT);
    cr_expect_str_eq(other.why_none, "its baselines.csv cannot be read");
    cr_expect(strstr(err.message, "baselines.csv:12: this is no line of a baselines.csv"), "%s", err.message);
}

/* -- how often an interval is right -- */

enum { WINDOWS = 60 };

static double normal(uint32_t *drawn)
{
    double sum = -6; /* of twelve uniform numbers */
    for (int i = 0; i < 3; i++) {
        ft_philox_block b = ft_philox((ft_philox_key){{3, 4}}, (*drawn)++, 0, 0, 0);
        for (int w = 0; w < 4; w++) sum += (double)ft_philox_uniform(b.word[w]);
    }
    return sum;
}

/* How often an experiment that is better than a baseline by `standard_errors` of the
 * difference is called better, over windows that are hard or easy for both. */
static double share_called_better(double standard_errors, int trials)
{
    static double sum[2][WINDOWS], weight[WINDOWS];
    static size_t series[WINDOWS];
    uint32_t drawn = 0;
    int n = 0;
    const double better = standard_errors * sqrt(2.0 / WINDOWS);
    for (int t = 0; t < trials; t++) {
        for (int w = 0; w < WINDOWS; w++) {
            const double hard = exp(normal(&drawn));
            for (int i = 0; i < 2; i++) sum[i][w] = 10 + hard + normal(&drawn) + (i ? better : 0);
            weight[w] = 1;
        }
        ft_window_scores scores[2] = {{WINDOWS, sum[0], weight, series, 1, 0, 0, NULL},
                                      {WINDOWS, sum[1], weight, series, 1, 0, 0, NULL}};
        ft_certainty certainty[2];
        size_t n_blocks;
        cr_assert_eq(ft_confidence_set(scores, 2, FT_MAE, 0, certainty, &n_blocks, NULL), FT_OK);
        n += certainty[1].behind > certainty[1].behind_margin;
    }
    return (double)n / trials;
}

/* By theory, Student's noncentral t with 14 degrees of freedom (60 windows are 15
 * blocks) beyond 2.145: 2.5 % of what is alike, 46.2 % at two standard errors, 74.1 %
 * at 2.8, at which `n_needed` finds 80 % with many windows. Chance over 400 trials is
 * two standard errors of 2.5 %. */
Test(verdict, intervals_call_better_as_often_as_theory_says, .timeout = 300)
{
    const double none = share_called_better(0, 400), two = share_called_better(2, 400),
                 needed = share_called_better(2.8016, 400);
    cr_expect_leq(none, 0.05, "alike: %g", none);
    cr_expect_float_eq(two, 0.462, 0.05, "two standard errors: %g", two);
    cr_expect_float_eq(needed, 0.741, 0.05, "2.8 standard errors: %g", needed);
}
