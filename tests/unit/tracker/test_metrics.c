/* Metrics against values worked out by hand and, where Python made them, against the
 * goldens. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/sort.h"
#include "tracker/metrics.h"
#include "tracker/quantiles.h"

static void expect_near(const char *what, double value, double expected)
{
    if (isnan(expected))
        cr_expect(isnan(value), "%s: %.17g, should be undefined", what, value);
    else
        cr_expect(fabs(value - expected) <= 1e-9 * fmax(1, fabs(expected)), "%s: %.17g, should be %.17g",
                  what, value, expected);
}

static ft_metrics_accumulator *accumulator_of(int64_t season)
{
    ft_metrics_accumulator *a;
    ft_error err;
    cr_assert_eq(ft_metrics_create(season, &a, &err), FT_OK);
    return a;
}

Test(quantiles, interpolate_linearly_as_numpy)
{
    const float values[] = {1, 2, 3, 4};
    expect_near("0.1", ft_quantile(values, 4, 0.1), 1.3);
    expect_near("0.5", ft_quantile(values, 4, 0.5), 2.5);
    expect_near("0", ft_quantile(values, 4, 0), 1);
    expect_near("1", ft_quantile(values, 4, 1), 4);
    expect_near("one", ft_quantile(values, 1, 0.9), 1);
    cr_expect(isnan(ft_quantile(values, 0, 0.5)));
}

Test(quantiles, sort_puts_nan_last_for_short_and_long_lists)
{
    for (size_t n = 5; n < 200; n += 97) {
        float values[200];
        for (size_t i = 0; i < n; i++) values[i] = i == 2 ? NAN : (float)((i * 37) % n);
        ft_sort_floats(values, n);
        cr_expect(isnan(values[n - 1]));
        for (size_t i = 1; i + 1 < n; i++) cr_expect(values[i - 1] <= values[i]);
    }
}

Test(quantiles, a_step_with_a_sample_that_is_no_number_is_undefined)
{
    const float samples[] = {1, 2, NAN, 4}; /* (2, 2) */
    float scratch[2];
    double mean, median, level = 0.5;
    ft_summarize_step(samples, 2, 2, 0, &level, 1, scratch, &mean, &median);
    cr_expect(isnan(mean) && isnan(median));
    ft_summarize_step(samples, 2, 2, 1, &level, 1, scratch, &mean, &median);
    cr_expect(mean == 3 && median == 3);
}

Test(metrics, of_one_window_by_hand)
{
    ft_metrics_accumulator *a = accumulator_of(1);
    const double train[] = {1, 2, 3, 5}, truth[] = {1, 2, 4};
    const float samples[] = {1, 3, 3};
    size_t item;
    cr_assert_eq(ft_metrics_add_training(a, NULL, train, 4, &item, NULL), FT_OK);
    cr_assert_eq(ft_metrics_add_window(a, item, truth, samples, 1, 3, 0, NULL), FT_OK);
    ft_metrics m;
    ft_metrics_finish(a, &m);
    expect_near("mae", m.mae, 2.0 / 3);
    expect_near("rmse", m.rmse, sqrt(2.0 / 3));
    expect_near("mase", m.mase, 0.5);
    /* the last forecast stands still */
    expect_near("directional_accuracy", m.directional_accuracy, 2.0 / 3);
    expect_near("smape", m.smape, (0 + 2.0 / 5 + 2.0 / 7) / 3);
    expect_near("wql", m.wql, 2.0 / 7);
    expect_near("coverage_80", m.coverage_80, 1.0 / 3);
    cr_expect(m.evaluated && m.n_steps == 3);
    cr_expect_str_eq(m.notes, "");
    ft_metrics_free(a);
}

Test(metrics, use_the_median_and_quantiles_of_samples)
{
    ft_metrics_accumulator *a = accumulator_of(1);
    const double truth[] = {2.5};
    const float samples[] = {5, 1, 2, 4, 3}; /* q0.1 = 1.4, q0.9 = 4.6, median 3 */
    ft_metrics m;
    ft_metrics_add_window(a, 0, truth, samples, 5, 1, 2, NULL);
    ft_metrics_finish(a, &m);
    expect_near("mae", m.mae, 0.5);
    expect_near("coverage_80", m.coverage_80, 1);
    double loss = 0; /* q_a = 1 + 4a */
    for (int i = 1; i <= 9; i++) {
        double level = i / 10.0, q = 1 + 4 * level;
        loss += 2 * (q >= 2.5 ? (1 - level) * (q - 2.5) : level * (2.5 - q));
    }
    expect_near("wql", m.wql, loss / 9 / 2.5);
    cr_expect(isnan(m.mase));
    cr_expect(strstr(m.notes, "mase is undefined"));
    ft_metrics_free(a);
}

Test(metrics, leave_out_what_is_unknown)
{
    ft_metrics_accumulator *a = accumulator_of(2);
    const double train[] = {1, NAN, 3, 7, 7}; /* pairs two apart: (1,3), (3,7): 3 */
    const double truth[] = {10, NAN, 12, 13};
    const float samples[] = {11, 50, 12, 11};
    ft_metrics m;
    ft_metrics_add_training(a, NULL, train, 5, NULL, NULL);
    ft_metrics_add_window(a, 0, truth, samples, 1, 4, NAN, NULL);
    ft_metrics_finish(a, &m);
    cr_expect_eq(m.n_steps, 3);
    expect_near("mae", m.mae, 1);
    expect_near("mase", m.mase, 1.0 / 3);
    /* Only the last step has a known truth before it: up, forecast down. */
    expect_near("directional_accuracy", m.directional_accuracy, 0);
    ft_metrics_free(a);
}

Test(metrics, pool_items_each_with_its_own_scale)
{
    ft_metrics_accumulator *a = accumulator_of(1);
    const double flat[] = {4, 4, 4}, slow[] = {1, 2, 3}, fast[] = {10, 30, 50}, truth[] = {1};
    const float samples[] = {3};
    size_t items[3];
    ft_metrics m;
    ft_metrics_add_training(a, "flat", flat, 3, &items[0], NULL);
    ft_metrics_add_training(a, "slow", slow, 3, &items[1], NULL);
    ft_metrics_add_training(a, "fast", fast, 3, &items[2], NULL);
    for (int i = 0; i < 3; i++) ft_metrics_add_window(a, items[i], truth, samples, 1, 1, 1, NULL);
    ft_metrics_finish(a, &m);
    expect_near("mae", m.mae, 2);
    expect_near("mase", m.mase, (2.0 / 1 + 2.0 / 20) / 2);
    cr_expect(strstr(m.notes, "1 of 3 items") && strstr(m.notes, "\"flat\""), "%s", m.notes);
    ft_metrics_free(a);
}

Test(metrics, undefined_ones_say_why)
{
    ft_metrics_accumulator *a = accumulator_of(1);
    const double flat[] = {0, 0, 0}, truth[] = {0, 0};
    const float samples[] = {0, 0};
    ft_metrics m;
    ft_metrics_add_training(a, NULL, flat, 3, NULL, NULL);
    ft_metrics_finish(a, &m);
    cr_expect(isnan(m.mae) && strstr(m.notes, "no evaluated step"));
    ft_metrics_add_window(a, 0, truth, samples, 1, 2, 0, NULL);
    ft_metrics_finish(a, &m);
    expect_near("mae", m.mae, 0);
    expect_near("smape", m.smape, 0);
    expect_near("directional_accuracy", m.directional_accuracy, 1); /* both stand still */
    cr_expect(isnan(m.mase) && strstr(m.notes, "mase is undefined"));
    cr_expect(isnan(m.wql) && strstr(m.notes, "wql is undefined"));
    const float broken[] = {1, INFINITY};
    ft_metrics_add_window(a, 0, truth, broken, 1, 2, 0, NULL);
    ft_metrics_finish(a, &m);
    for (int i = 0; i < FT_N_METRICS; i++) cr_expect(isnan(ft_metrics_get(&m, (ft_metric)i)));
    cr_expect(strstr(m.notes, "not finite"));
    ft_metrics_free(a);
}

Test(metrics, point_forecasts_keep_double_precision)
{
    /* 0.1 is no float: a naive forecast rounded to float would "rise" from the last
     * observation. */
    ft_metrics_accumulator *a = accumulator_of(1);
    const double history[] = {0.3, 0.1}, truth[] = {0.1, 0.2};
    double forecast[2];
    ft_metrics m;
    ft_seasonal_naive(history, 2, 1, forecast, 2);
    ft_metrics_add_point_window(a, 0, truth, forecast, 2, 0.1, NULL);
    ft_metrics_finish(a, &m);
    expect_near("directional_accuracy", m.directional_accuracy, 0.5);
    expect_near("mae", m.mae, 0.05);
    ft_metrics_free(a);
}

Test(metrics, seasonal_naive_repeats_the_last_known_season)
{
    const double history[] = {1, 2, 3, 4, NAN, 6};
    double forecast[7];
    ft_seasonal_naive(history, 6, 3, forecast, 7);
    const double expected[] = {4, 2, 6, 4, 2, 6, 4};
    for (int i = 0; i < 7; i++) expect_near("step", forecast[i], expected[i]);
    /* a season that is nowhere known: the last value */
    ft_seasonal_naive(history + 4, 2, 4, forecast, 4);
    for (int i = 0; i < 4; i++) expect_near("step", forecast[i], 6);
    ft_seasonal_naive(history, 0, 3, forecast, 1);
    cr_expect(isnan(forecast[0]));
}

Test(metrics, json_and_back)
{
    ft_metrics m = {0}, again;
    ft_error err;
    cJSON *json = ft_metrics_to_json(&m);
    cr_expect_null(json->child, "not evaluated is {}");
    cJSON_Delete(json);
    ft_metrics_set(&m, FT_SMAPE, 0.25);
    json = ft_metrics_to_json(&m);
    const cJSON *number = json->child;
    for (int i = 0; i < FT_N_METRICS; i++, number = number->next) {
        cr_assert(number && strcmp(number->string, ft_metric_names[i]) == 0, "%s", ft_metric_names[i]);
        cr_expect(i == FT_SMAPE ? number->valuedouble == 0.25 : cJSON_IsNull(number), "%s", number->string);
    }
    cr_expect_null(number);
    cr_assert_eq(ft_metrics_from_json(json, &again, &err), FT_OK);
    cr_expect(again.smape == 0.25 && isnan(again.mae));
    cJSON_ReplaceItemInObject(json, "wql", cJSON_CreateString("small"));
    cr_expect_eq(ft_metrics_from_json(json, &again, &err), FT_BAD_INPUT);
    cr_expect(strstr(err.message, "\"wql\" must be a number or null"));
    cJSON_Delete(json);
}

Test(metrics, the_list_in_help_texts_has_every_name_in_order)
{
    char list[200] = "";
    for (int m = 0; m < FT_N_METRICS; m++)
        snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", m ? ", " : "", ft_metric_names[m]);
    cr_expect_str_eq(list, FT_METRIC_LIST);
}

Test(metrics, unknown_name_is_refused_with_the_nearest)
{
    ft_metric metric;
    ft_error err;
    cr_expect_eq(ft_metric_parse("mase", &metric, &err), FT_OK);
    cr_expect_eq(metric, FT_MASE);
    cr_expect_eq(ft_metric_parse("val_loss", &metric, &err), FT_BAD_INPUT);
    cr_expect(strstr(err.message, "--sort best_val_loss"), "%s", err.message);
    cr_expect_eq(ft_metric_parse("directional_acuracy", &metric, &err), FT_BAD_INPUT);
    cr_expect(strstr(err.message, "did you mean \"directional_accuracy\""), "%s", err.message);
}

Test(metrics, samples_give_what_their_quantiles_give)
{
    ft_metrics_accumulator *a = accumulator_of(1), *b = accumulator_of(1);
    const float samples[] = {1, 2, 3, 4, 8, 1}; /* (3, 2) */
    const double truth[] = {2, 3}, train[] = {1, 2};
    double sorted[2][3] = {{1, 3, 8}, {1, 2, 4}}, quantiles[2][FT_N_QUANTILES];
    for (int t = 0; t < 2; t++)
        for (int q = 0; q < FT_N_QUANTILES; q++)
            quantiles[t][q] = ft_quantile_double(sorted[t], 3, ft_quantile_levels[q]);
    ft_metrics_add_training(a, NULL, train, 2, NULL, NULL);
    ft_metrics_add_training(b, NULL, train, 2, NULL, NULL);
    cr_assert_eq(ft_metrics_add_window(a, 0, truth, samples, 3, 2, 5, NULL), FT_OK);
    ft_metrics_add_quantile_window(b, 0, truth, quantiles[0], 2, 5, NULL);
    ft_metrics from_samples, from_quantiles;
    ft_metrics_finish(a, &from_samples);
    ft_metrics_finish(b, &from_quantiles);
    for (int i = 0; i < FT_N_METRICS; i++)
        cr_expect(ft_metrics_get(&from_samples, (ft_metric)i) ==
                      ft_metrics_get(&from_quantiles, (ft_metric)i),
                  "%s", ft_metric_names[i]);
    ft_metrics_free(a);
    ft_metrics_free(b);
}

static double *numbers_of(const cJSON *list, size_t *count)
{
    *count = (size_t)cJSON_GetArraySize(list);
    double *values = malloc((*count + 1) * sizeof *values);
    size_t i = 0;
    for (const cJSON *item = list->child; item; item = item->next)
        values[i++] = cJSON_IsNumber(item) ? item->valuedouble : NAN;
    return values;
}

static void check_case(const cJSON *c)
{
    ft_metrics_accumulator *a = accumulator_of((int64_t)cJSON_GetObjectItem(c, "season")->valuedouble);
    const char *name = cJSON_GetObjectItem(c, "name")->valuestring;
    size_t n;
    double *train = numbers_of(cJSON_GetObjectItem(c, "train"), &n);
    ft_metrics_add_training(a, NULL, train, n, NULL, NULL);
    double *last = numbers_of(cJSON_GetObjectItem(c, "last_observation"), &n);
    for (size_t w = 0; w < n; w++) {
        size_t horizon, h;
        const cJSON *paths = cJSON_GetArrayItem(cJSON_GetObjectItem(c, "samples"), (int)w);
        double *truth = numbers_of(cJSON_GetArrayItem(cJSON_GetObjectItem(c, "truth"), (int)w), &horizon);
        size_t n_samples = (size_t)cJSON_GetArraySize(paths);
        /* The golden's samples are doubles: quantiles are taken here, in double. */
        /* (horizon, n_samples) */
        double *steps = malloc((horizon * n_samples + 1) * sizeof *steps);
        double *quantiles = malloc((horizon + 1) * FT_N_QUANTILES * sizeof *quantiles);
        for (size_t s = 0; s < n_samples; s++) {
            double *path = numbers_of(cJSON_GetArrayItem(paths, (int)s), &h);
            cr_assert_eq(h, horizon);
            for (size_t t = 0; t < horizon; t++) steps[t * n_samples + s] = path[t];
            free(path);
        }
        for (size_t t = 0; t < horizon; t++) {
            ft_sort_doubles(steps + t * n_samples, n_samples);
            for (int q = 0; q < FT_N_QUANTILES; q++)
                quantiles[t * FT_N_QUANTILES + (size_t)q] =
                    ft_quantile_double(steps + t * n_samples, n_samples, ft_quantile_levels[q]);
        }
        ft_metrics_add_quantile_window(a, 0, truth, quantiles, horizon, last[w], NULL);
        free(quantiles);
        free(steps);
        free(truth);
    }
    ft_metrics m;
    ft_metrics_finish(a, &m);
    for (int i = 0; i < FT_N_METRICS; i++) {
        char what[200];
        const cJSON *expected = cJSON_GetObjectItem(cJSON_GetObjectItem(c, "expected"), ft_metric_names[i]);
        snprintf(what, sizeof what, "%s: %s", name, ft_metric_names[i]);
        expect_near(what, ft_metrics_get(&m, (ft_metric)i),
                    cJSON_IsNumber(expected) ? expected->valuedouble : NAN);
        if (cJSON_IsNull(expected)) cr_expect(strstr(m.notes, "undefined"), "%s has no reason", what);
    }
    free(train);
    free(last);
    ft_metrics_free(a);
}

Test(metrics, agree_with_the_reference)
{
    cJSON *cases;
    ft_error err;
    cr_assert_eq(ft_json_read(FT_GOLDEN_DIR "/metrics.json", &cases, &err), FT_OK, "%s", err.message);
    cr_assert(cJSON_GetArraySize(cases) > 0);
    for (const cJSON *c = cases->child; c; c = c->next) check_case(c);
    cJSON_Delete(cases);
}
