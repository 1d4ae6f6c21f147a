/* A report's data and page: who stands where, what is left out of long histories, what is
 * forecast, and that no text of the results can be read as HTML. */
#include "tests/unit/tracker/scratch.h"

#include <math.h>

#include "tracker/forecasts.h"
#include "tracker/report/report.h"
#include "tracker/report/report_page.h"

static ft_experiments set;
static cJSON *data;

static void unload(void)
{
    ft_experiments_free(&set);
    cJSON_Delete(data);
    scratch_leave();
}

TestSuite(report, .init = scratch_enter, .fini = unload);

/* e0, e1, ... with these members. */
static void collect(const char *const *members, size_t count, ft_metric metric, ft_split split)
{
    ft_error err;
    scratch_experiments(members, count, &set);
    const ft_report_request request = {&set, metric, split, "results"};
    cr_assert_eq(ft_report_collect(&request, &data, &err), FT_OK, "%s", err.message);
}

/* The value at "a.b.0.c"; NULL where there is none. */
static const cJSON *at(const char *path)
{
    const cJSON *item = data;
    char name[64];
    for (int n; *path && item; path += n + (path[n] == '.')) {
        n = (int)strcspn(path, ".");
        snprintf(name, sizeof name, "%.*s", n, path);
        item = cJSON_IsArray(item) ? cJSON_GetArrayItem(item, atoi(name))
                                   : cJSON_GetObjectItemCaseSensitive(item, name);
    }
    return item;
}

static const char *text_at(const char *path)
{
    const cJSON *item = at(path);
    return cJSON_IsString(item) ? item->valuestring : "no text";
}

static double number_at(const char *path)
{
    const cJSON *item = at(path);
    return cJSON_IsNumber(item) ? item->valuedouble : NAN;
}

static void expect_numbers(const char *path, const double *expected, int count)
{
    const cJSON *list = at(path);
    cr_assert_eq(cJSON_GetArraySize(list), count, "%s has %d values", path, cJSON_GetArraySize(list));
    for (int i = 0; i < count; i++) cr_expect_eq(cJSON_GetArrayItem(list, i)->valuedouble, expected[i]);
}

#define BASELINES                                                                                            \
    "\"run\": {\"baseline_metrics\": {\"zero_shot\": {\"val_metrics\": {\"mae\": 4}, \"test_metrics\": "     \
    "{\"mae\": 5}},"                                                                                         \
    "\"seasonal_naive\": {\"val_metrics\": {\"mae\": 1.5}, \"test_metrics\": {\"mae\": 2.5}}}}"

static const char *const three[] = {
    "\"hyperparams\": {\"rate\": 1, \"epochs\": 2}, \"val_metrics\": {\"mae\": 3}, \"test_metrics\": "
    "{\"mae\": 1}",
    "\"hyperparams\": {\"rate\": 2, \"epochs\": 2}, \"error\": \"diverged\", \"val_metrics\": {\"mae\": 0}",
    "\"hyperparams\": {\"rate\": 3, \"epochs\": 2}, \"val_metrics\": {\"mae\": 2.00000049}, "
    "\"test_metrics\": {\"mae\": 2}, \"training_history\": [{\"loss\": 9, \"val_loss\": 8, \"seconds\": 2}, "
    "{\"loss\": 7, \"val_loss\": 8.5, \"seconds\": 3}], " BASELINES,
};

Test(report, the_best_comes_first_and_who_failed_last)
{
    collect(three, 3, FT_MAE, FT_VAL);
    cr_expect_str_eq(text_at("experiments.0.id"), "e2");
    cr_expect_str_eq(text_at("experiments.1.id"), "e0");
    cr_expect_str_eq(text_at("experiments.2.id"), "e1");
    cr_expect_str_eq(text_at("experiments.2.failed"), "diverged");
    cr_expect_eq(number_at("experiments.0.val"), 2); /* six digits */
    cr_expect_eq(number_at("experiments.0.test"), 2);
    /* What varies, and what does not. */
    cr_expect_str_eq(text_at("hyperparameters.0"), "rate");
    cr_expect_null(at("hyperparameters.1"));
    cr_expect_str_eq(text_at("constants.0.0"), "epochs");
    cr_expect_eq(number_at("constants.0.1"), 2);
    expect_numbers("experiments.0.values", (double[]){3}, 1);
    expect_numbers("experiments.0.val_loss", (double[]){8, 8.5}, 2);
    cr_expect_eq(number_at("experiments.0.best_epoch"), 1);
    cr_expect_eq(number_at("experiments.0.seconds"), 5);
}

Test(report, the_verdict_is_that_of_best)
{
    collect(three, 3, FT_MAE, FT_VAL);
    cr_expect_str_eq(text_at("verdict.is"), "not yet");
    cr_expect_str_eq(
        text_at("verdict.sentence"),
        "do not ship it yet: better than zero_shot and seasonal_naive, on test; how sure that is "
        "cannot be told: its forecasts.csv cannot be read");
    cr_expect_str_eq(text_at("verdict.figures.2.against"), "seasonal_naive (mae 2.5): 0.5 better");
    cr_expect_str_eq(text_at("verdict.figures.0.name"), "e2");
    cr_expect_str_eq(text_at("verdict.figures.1.name"), "zero_shot");
    cr_expect_eq(number_at("verdict.figures.1.test"), 5);
    cr_expect_eq(number_at("verdict.figures.2.val"), 1.5);
}

Test(report, by_test_another_is_best)
{
    collect(three, 3, FT_MAE, FT_TEST);
    cr_expect_str_eq(text_at("experiments.0.id"), "e0");
    cr_expect_str_eq(text_at("verdict.is"), "unknown"); /* e0 recorded no baselines */
    cr_expect_str_eq(text_at("split"), "test");
}

Test(report, without_the_metric_there_is_no_best)
{
    collect(three, 3, FT_WQL, FT_VAL);
    cr_expect_str_eq(text_at("verdict.is"), "unknown");
    cr_expect(strstr(text_at("verdict.sentence"), "no experiment has a wql on val"), "%s",
              text_at("verdict.sentence"));
    cr_expect_eq(cJSON_GetArraySize(at("experiments")), 3);
    cr_expect_eq(cJSON_GetArraySize(at("verdict.figures")), 0);
}

Test(report, no_experiments_are_refused)
{
    ft_error err;
    const ft_report_request request = {&set, FT_MAE, FT_VAL, "results"};
    cr_expect_eq(ft_report_collect(&request, &data, &err), FT_BAD_INPUT);
}

/* 70,000 epochs of one experiment: every second one, and the best and the last. */
Test(report, long_histories_keep_the_best_epoch)
{
    enum { EPOCHS = 70000, BEST = 40001 };
    ft_error err;
    scratch_results("long", "{\"experiment_id\": \"long\", \"hyperparams\": {}}");
    cr_assert_eq(ft_experiments_load(scratch_directory, FT_WHOLE, &set, &err), FT_OK);
    set.items[0].training_history = malloc(EPOCHS * sizeof *set.items[0].training_history);
    cr_assert(set.items[0].training_history);
    set.items[0].n_epochs = EPOCHS;
    for (int i = 0; i < EPOCHS; i++)
        set.items[0].training_history[i] = (ft_epoch_record){i + 1, 2, i == BEST ? 1 : 3, NAN, NAN, NAN, NAN};
    const ft_report_request request = {&set, FT_MAE, FT_VAL, "results"};
    cr_assert_eq(ft_report_collect(&request, &data, &err), FT_OK, "%s", err.message);
    const cJSON *epochs = at("experiments.0.epoch");
    cr_expect_eq(cJSON_GetArraySize(epochs), EPOCHS / 2 + 2);
    cr_expect_eq(number_at("experiments.0.best_epoch"), BEST + 1);
    double least = INFINITY, last = 0;
    for (const cJSON *v = at("experiments.0.val_loss.0"); v; v = v->next) least = fmin(least, v->valuedouble);
    for (const cJSON *v = epochs->child; v; v = v->next) last = v->valuedouble;
    cr_expect_eq(least, 1);
    cr_expect_eq(last, EPOCHS);
}

/* -- forecasts -- */

/* Windows of 2 steps of series "a,<b>", test behind val without a gap, then one behind a
 * gap. The truth is 1, 2, 3, ...; four paths. */
static void write_forecasts(const char *id)
{
    static const float samples[] = {1, 1, 2, 2, 3, 3, 4, 4}; /* (4, 2) */
    static const char *const origins[] = {"d0", "d2", "d4", "d8"};
    static const char *const times[][2] = {{"d1", "d2"}, {"d3", "d4"}, {"d5", "d6"}, {"d9", "d10"}};
    ft_forecasts f = {0};
    ft_error err;
    char name[64];
    snprintf(name, sizeof name, "%s/forecasts.csv", id);
    cr_assert_eq(ft_forecasts_create(&f, scratch_path(name), &err), FT_OK, "%s", err.message);
    for (int w = 0; w < 4; w++) {
        const double truth[] = {2 * w + 1, 2 * w + 2};
        cr_assert_eq(ft_forecasts_add_window(&f, w == 0 ? "val" : "test", "a,\"<b>\"", origins[w], times[w],
                                             truth, samples, 4, 2, &err),
                     FT_OK);
    }
    /* Of the second test window what the baselines say; and of one that is not there. */
    const float path[] = {6, 7};
    const double truth[] = {5, 6};
    const char *const kinds[] = {ft_forecast_kind_names[FT_OF_ZERO_SHOT],
                                 ft_forecast_kind_names[FT_OF_SEASONAL_NAIVE]};
    ft_forecasts collected = {0};
    for (int k = 0; k < 3; k++)
        cr_assert_eq(ft_forecasts_add_window(&collected, kinds[k % 2], "a,\"<b>\"", k < 2 ? "d4" : "d5",
                                             times[2], truth, k == 1 ? path : samples, k == 1 ? 1 : 4, 2,
                                             &err),
                     FT_OK);
    ft_forecasts_add_lines(&f, &collected.line);
    ft_forecasts_close(&collected);
    cr_assert_eq(ft_forecasts_commit(&f, &err), FT_OK);
    ft_forecasts_close(&f);
}

Test(report, test_windows_of_the_best_are_shown_with_what_baselines_forecast)
{
    static const char *const one[] = {
        "\"hyperparams\": {}, \"val_metrics\": {\"mae\": 1}, \"run\": {\"target\": \"y\"}"};
    scratch_results("e0", "");
    write_forecasts("e0");
    collect(one, 1, FT_MAE, FT_VAL);
    cr_expect_eq(number_at("forecasts.n_windows"), 3);
    cr_expect_eq(cJSON_GetArraySize(at("forecasts.windows")), 3);
    cr_expect_str_eq(text_at("forecasts.windows.0.item"), "a,\"<b>\"");
    cr_expect_str_eq(text_at("forecasts.windows.0.origin"), "d2");
    cr_expect_str_eq(text_at("forecasts.windows.0.time.1"), "d4");
    expect_numbers("forecasts.windows.0.before", (double[]){1, 2}, 2);
    expect_numbers("forecasts.windows.0.truth", (double[]){3, 4}, 2);
    expect_numbers("forecasts.windows.0.median", (double[]){2.5, 2.5}, 2);
    cr_expect_null(at("forecasts.windows.0.seasonal_naive"));
    cr_expect_null(at("forecasts.windows.0.zero_shot"));
    expect_numbers("forecasts.windows.1.seasonal_naive", (double[]){6, 7}, 2);
    expect_numbers("forecasts.windows.1.zero_shot", (double[]){2.5, 2.5}, 2);
    expect_numbers("forecasts.windows.2.before", NULL, 0); /* behind the gap */
    /* The target: val, test, and a gap. */
    cr_expect_str_eq(text_at("target.name"), "y");
    cr_expect_str_eq(text_at("target.runs.0.split"), "val");
    expect_numbers("target.runs.0.value", (double[]){1, 2}, 2);
    expect_numbers("target.runs.1.value", (double[]){3, 4, 5, 6}, 4);
    expect_numbers("target.runs.2.value", (double[]){7, 8}, 2);
    cr_expect_str_eq(text_at("target.runs.2.time.0"), "d9");
}

Test(report, a_best_without_forecasts_says_so)
{
    collect(three, 3, FT_MAE, FT_VAL);
    cr_expect_eq(cJSON_GetArraySize(at("forecasts.windows")), 0);
    cr_expect(strstr(text_at("forecasts.unread"), "forecasts.csv"), "%s", text_at("forecasts.unread"));
}

/* -- the page -- */

static size_t count(const char *text, const char *part)
{
    size_t n = 0;
    for (const char *found = text; (found = strstr(found, part)); found += strlen(part)) n++;
    return n;
}

Test(report, no_text_ends_the_element_that_it_stands_in)
{
    ft_text page = FT_TEXT_EMPTY, plain = FT_TEXT_EMPTY;
    ft_report_fill_page("[\"</script><!--<script>\",\"{{style}}\",\"\\u2028 &lt; ü\"]", &page);
    ft_report_fill_page("[]", &plain);
    cr_assert(!page.failed && !plain.failed);
    cr_expect_eq(count(page.data, "</script>"), count(plain.data, "</script>"));
    cr_expect_eq(count(page.data, "<!--"), count(plain.data, "<!--"));
    cr_expect_eq(
        count(page.data, "[\"\\u003c/script>\\u003c!--\\u003cscript>\",\"{{style}}\",\"\\u2028 &lt; ü\"]"),
        1);
    cr_expect_eq(count(plain.data, "{{"), 0);
    /* Nothing is fetched: no element has an address. */
    cr_expect_eq(count(plain.data, "src=\"") + count(plain.data, "href=\"http"), 0);
    ft_text_free(&page);
    ft_text_free(&plain);
}
