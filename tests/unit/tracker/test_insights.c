/* Data insights and the statistics under them, against pandas' values and by hand. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "tracker/insights.h"
#include "tracker/statistics.h"

static void expect_near(const char *what, double value, double expected, double tolerance)
{
    if (isnan(expected))
        cr_expect(isnan(value), "%s: %.17g, should be undefined", what, value);
    else
        cr_expect(fabs(value - expected) <= tolerance * fmax(1, fabs(expected)), "%s: %.17g, should be %.17g",
                  what, value, expected);
}

static double number_at(const cJSON *object, const char *part, const char *key)
{
    const cJSON *item = cJSON_GetObjectItem(cJSON_GetObjectItem(object, part), key);
    cr_assert(item, "no %s.%s", part, key);
    return cJSON_IsNumber(item) ? item->valuedouble : NAN;
}

/* The golden CSV files: Date, then columns of numbers, Sector of text. */
enum { MAX_ROWS = 400, N_COLUMNS = 5, SECTOR = 2 };
typedef struct golden_split {
    char names[N_COLUMNS + 1][32], first[32], last[32];
    double values[N_COLUMNS][MAX_ROWS];
    uint8_t missing[MAX_ROWS];
    ft_insights_column columns[N_COLUMNS];
    ft_insights_split split;
} golden_split;

/* One field of a CSV line into `field`; the position after its comma or line end. */
static const char *next_field(const char *at, char field[64])
{
    size_t length = 0;
    bool quoted = *at == '"';
    if (quoted) at++;
    while (*at && (quoted ? *at != '"' : *at != ',' && *at != '\n')) {
        cr_assert_lt(length, 63);
        field[length++] = *at++;
    }
    field[length] = 0;
    if (quoted) at++;
    return *at ? at + 1 : at;
}

static golden_split *read_split(const char *name)
{
    golden_split *g = calloc(1, sizeof *g);
    char path[512], field[64], *text;
    size_t size, row = 0;
    snprintf(path, sizeof path, "%s/insights_%s.csv", FT_GOLDEN_DIR, name);
    cr_assert_eq(ft_read_file(path, 1 << 20, &text, &size, NULL), FT_OK);
    const char *at = text;
    for (int c = 0; c <= N_COLUMNS; c++) {
        at = next_field(at, field);
        snprintf(g->names[c], sizeof g->names[c], "%.31s", field);
    }
    cr_assert_str_eq(g->names[SECTOR + 1], "Sector");
    for (; *at; row++) {
        cr_assert_lt(row, MAX_ROWS);
        at = next_field(at, field);
        snprintf(row == 0 ? g->first : g->last, sizeof g->last, "%.31s", field);
        for (int c = 0; c < N_COLUMNS; c++) {
            at = next_field(at, field);
            if (c == SECTOR) g->missing[row] = !*field;
            g->values[c][row] = NAN;
            ft_parse_double(field, strlen(field), &g->values[c][row]);
        }
    }
    for (int c = 0; c < N_COLUMNS; c++)
        g->columns[c] = (ft_insights_column){g->names[c + 1], c == SECTOR ? NULL : g->values[c],
                                             c == SECTOR ? g->missing : NULL};
    g->split = (ft_insights_split){g->columns, N_COLUMNS, row, NULL, 0, g->first, g->last};
    free(text);
    return g;
}

/* Every member of `expected` is in `object`, and nothing else. */
static void expect_part(const cJSON *object, const cJSON *expected, double tolerance)
{
    char what[200];
    cr_assert(object, "%s is missing", expected->string);
    cr_expect_eq(cJSON_GetArraySize(object), cJSON_GetArraySize(expected), "%s", expected->string);
    for (const cJSON *e = expected->child; e; e = e->next) {
        const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, e->string);
        snprintf(what, sizeof what, "%s.%s", expected->string, e->string);
        cr_assert(item, "%s is missing", what);
        if (cJSON_IsString(e))
            cr_expect_str_eq(item->valuestring, e->valuestring);
        else
            expect_near(what, cJSON_IsNumber(item) ? item->valuedouble : NAN,
                        cJSON_IsNumber(e) ? e->valuedouble : NAN, tolerance);
    }
}

Test(insights, agree_with_pandas)
{
    golden_split *train = read_split("train"), *val = read_split("val"), *test = read_split("test");
    cJSON *insights, *expected;
    ft_error err;
    cr_assert_eq(ft_json_read(FT_GOLDEN_DIR "/insights.json", &expected, &err), FT_OK, "%s", err.message);
    cr_assert_eq(ft_insights_create(&train->split, &val->split, &test->split, "Close", &insights, &err),
                 FT_OK, "%s", err.message);
    static const char *const exact[] = {"train_quality", "val_quality", "test_quality", "target_distribution",
                                        "correlations"};
    for (size_t i = 0; i < sizeof exact / sizeof *exact; i++)
        expect_part(cJSON_GetObjectItem(insights, exact[i]), cJSON_GetObjectItem(expected, exact[i]), 1e-9);
    expect_part(cJSON_GetObjectItem(insights, "train_regimes"),
                cJSON_GetObjectItem(expected, "train_regimes"), 1e-6);
    expect_part(cJSON_GetObjectItem(insights, "test_regimes"), cJSON_GetObjectItem(expected, "test_regimes"),
                1e-6);
    cJSON *returns_test = cJSON_GetObjectItem(insights, "returns_test");
    cr_expect_str_eq(cJSON_GetObjectItem(returns_test, "method")->valuestring, "exact");
    cJSON_DeleteItemFromObject(returns_test, "method");
    expect_part(returns_test, cJSON_GetObjectItem(expected, "returns_test"), 1e-9);
    cr_expect_eq(cJSON_GetArraySize(insights), 8);
    cJSON_Delete(insights);
    cJSON_Delete(expected);
    free(train);
    free(val);
    free(test);
}

Test(insights, returns_and_rolling_windows_agree_with_pandas_row_by_row)
{
    golden_split *train = read_split("train");
    double returns[MAX_ROWS], volatility[MAX_ROWS];
    cJSON *expected;
    cr_assert_eq(ft_json_read(FT_GOLDEN_DIR "/insights.json", &expected, NULL), FT_OK);
    ft_returns(train->values[0], train->split.n_rows, returns);
    ft_rolling_std(returns, train->split.n_rows, 20, volatility);
    size_t i = 0;
    for (const cJSON *e = cJSON_GetObjectItem(expected, "train_returns")->child; e; e = e->next, i++)
        expect_near("return", returns[i], cJSON_IsNumber(e) ? e->valuedouble : NAN, 1e-9);
    cr_expect_eq(i, train->split.n_rows);
    i = 0;
    for (const cJSON *e = cJSON_GetObjectItem(expected, "train_volatility")->child; e; e = e->next, i++)
        expect_near("volatility", volatility[i] * sqrt(252), cJSON_IsNumber(e) ? e->valuedouble : NAN, 1e-6);
    cr_expect_eq(i, train->split.n_rows);
    cJSON_Delete(expected);
    free(train);
}

Test(insights, series_are_pooled_without_crossing)
{
    /* Two series of 25 rows: the first doubles and halves, the second is the first times
     * 1000. */
    enum { ROWS = 50, HALF = 25 };
    double values[ROWS];
    for (int i = 0; i < ROWS; i++) values[i] = (i % HALF % 2 ? 2 : 1) * (i < HALF ? 1 : 1000);
    const size_t starts[] = {0, HALF};
    const ft_insights_column column = {"Close", values, NULL};
    ft_insights_split both = {&column, 1, ROWS, starts, 2, "a", "b"},
                      one = {&column, 1, HALF, NULL, 0, "a", "b"};
    cJSON *pooled, *single;
    cr_assert_eq(ft_insights_create(&both, NULL, NULL, "Close", &pooled, NULL), FT_OK);
    cr_assert_eq(ft_insights_create(&one, NULL, NULL, "Close", &single, NULL), FT_OK);
    cr_expect_eq(number_at(pooled, "target_distribution", "max"), 1,
                 "no return from one series into the next");
    expect_near("mean", number_at(pooled, "target_distribution", "mean"), 0.25, 1e-12);
    /* 25 returns of which the first is missing leave 5 full windows a series. */
    cr_expect_eq(number_at(pooled, "train_regimes", "high_vol_periods") +
                     number_at(pooled, "train_regimes", "low_vol_periods"),
                 10);
    expect_near("volatility", number_at(pooled, "train_regimes", "volatility_max"),
                number_at(single, "train_regimes", "volatility_max"), 1e-12);
    cr_expect_null(cJSON_GetObjectItem(pooled, "test_regimes"));
    cJSON_Delete(pooled);
    cJSON_Delete(single);
}

Test(insights, too_little_data_is_null_not_an_error)
{
    const double nothing[] = {NAN}, flat[] = {5, 5, 5, 5, 5, 5};
    const ft_insights_column empty = {"y", nothing, NULL},
                             constant[] = {{"y", flat, NULL}, {"text", NULL, NULL}};
    ft_insights_split no_rows = {&empty, 1, 0, NULL, 0, NULL, NULL},
                      one_row = {&empty, 1, 1, NULL, 0, NULL, NULL};
    ft_insights_split flat_rows = {constant, 2, 6, NULL, 0, "a", "b"};
    cJSON *insights;
    cr_assert_eq(ft_insights_create(&no_rows, &one_row, &no_rows, "y", &insights, NULL), FT_OK);
    cr_expect(isnan(number_at(insights, "train_quality", "missing_pct")));
    cr_expect_eq(number_at(insights, "val_quality", "missing_pct"), 1);
    cr_expect(isnan(number_at(insights, "target_distribution", "median")));
    cr_expect(isnan(number_at(insights, "train_regimes", "volatility_threshold")));
    cr_expect_eq(number_at(insights, "train_regimes", "low_vol_periods"), 0);
    cr_expect(cJSON_IsNull(cJSON_GetObjectItem(cJSON_GetObjectItem(insights, "val_quality"), "date_range")));
    cJSON_Delete(insights);
    cr_assert_eq(ft_insights_create(&flat_rows, NULL, NULL, "y", &insights, NULL), FT_OK);
    cr_expect_eq(number_at(insights, "target_distribution", "std"), 0);
    cr_expect_eq(number_at(insights, "target_distribution", "kurtosis"), 0);
    cr_expect_eq(number_at(insights, "train_quality", "numeric_cols"), 1);
    cr_expect_null(cJSON_GetObjectItem(insights, "correlations")->child);
    cJSON_Delete(insights);
}

Test(insights, a_target_that_is_not_numeric_is_refused)
{
    const ft_insights_column text = {"y", NULL, NULL};
    ft_insights_split split = {&text, 1, 3, NULL, 0, NULL, NULL};
    cJSON *insights;
    ft_error err;
    cr_expect_eq(ft_insights_create(&split, NULL, NULL, "y", &insights, &err), FT_BAD_INPUT);
    cr_expect(strstr(err.message, "\"y\""));
    cr_expect_null(insights);
}

Test(statistics, moments_by_hand)
{
    const double values[] = {2, NAN, 4, 4, 10};
    ft_moments m = ft_moments_of(values, 5);
    /* mean 5; deviations -3 -1 -1 5: m2 36, m3 = -27 - 1 - 1 + 125 = 96, m4 = 81 + 1 + 1
     * + 625 = 708 */
    cr_expect_eq(m.count, 4);
    expect_near("mean", m.mean, 5, 1e-15);
    expect_near("std", m.std, sqrt(12), 1e-15);
    expect_near("skewness", m.skewness, 4 * sqrt(3) / 2 * 96 / (36 * 6), 1e-14);
    expect_near("kurtosis", m.kurtosis, 4.0 * 5 * 3 * 708 / (2 * 1 * 36 * 36) - 3.0 * 9 / 2, 1e-14);
    cr_expect(m.min == 2 && m.max == 10);
    cr_expect(isnan(ft_moments_of(values, 1).std) && isnan(ft_moments_of(values, 3).skewness));
}

Test(statistics, moments_do_not_depend_on_the_scale)
{
    const double values[] = {2, 4, 4, 10, 11};
    double tiny[5];
    for (int i = 0; i < 5; i++) tiny[i] = values[i] * 1e-9;
    expect_near("skewness", ft_moments_of(tiny, 5).skewness, ft_moments_of(values, 5).skewness, 1e-12);
    expect_near("kurtosis", ft_moments_of(tiny, 5).kurtosis, ft_moments_of(values, 5).kurtosis, 1e-12);
}

Test(statistics, correlation_by_hand)
{
    const double x[] = {1, 2, 3, NAN, 9}, y[] = {2, 4, 6, 1, NAN}, down[] = {3, 2, 1, 0, 0},
                 flat[] = {7, 7, 7, 7, 7};
    expect_near("up", ft_correlation(x, y, 5), 1, 1e-15);
    expect_near("down", ft_correlation(x, down, 3), -1, 1e-15);
    cr_expect(isnan(ft_correlation(x, flat, 5)) && isnan(ft_correlation(x, y, 1)) &&
              isnan(ft_correlation(x, y, 0)));
}

Test(statistics, returns_of_zero_and_negative_values)
{
    const double values[] = {0, 2, 0, 0, -1, 1, NAN, 3, 3};
    double r[9];
    ft_returns(values, 9, r);
    const double expected[] = {NAN, NAN, -1, NAN, NAN, -2, NAN, NAN, 0};
    for (int i = 0; i < 9; i++) expect_near("return", r[i], expected[i], 0);
}
