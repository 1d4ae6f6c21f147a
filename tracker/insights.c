/* Data insights: the figures of docs/reference.md §8 as one JSON object. */
#include "tracker/insights.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/parallel.h"
#include "base/sort.h"
#include "base/text.h"
#include "tracker/kolmogorov_smirnov.h"
#include "tracker/quantiles.h"
#include "tracker/statistics.h"

/* FEW_ROWS are not worth a thread. */
enum { VOLATILITY_WINDOW = 20, TRADING_DAYS = 252, FEW_ROWS = 100000 };

/* A figure's name and value; a list of them becomes an object. */
typedef struct figure {
    const char *name;
    double value;
} figure;

/* Gives `item` to `object`; false (item freed) when either could not be made. */
static bool put(cJSON *object, const char *key, cJSON *item)
{
    if (object && item && cJSON_AddItemToObject(object, key, item)) return true;
    cJSON_Delete(item);
    return false;
}

static cJSON *figures_to_json(const figure *figures, size_t count)
{
    cJSON *object = cJSON_CreateObject();
    for (size_t i = 0; i < count; i++) {
        if (put(object, figures[i].name, ft_json_number(figures[i].value))) continue;
        cJSON_Delete(object);
        return NULL;
    }
    return object;
}

static size_t series_end(const ft_insights_split *split, size_t series)
{
    bool last = !split->series_starts || series + 1 >= split->n_series;
    return last ? split->n_rows : split->series_starts[series + 1];
}

/* Returns, and volatility below, series by series, so that none crosses from one into the
 * next. */
static void series_returns(const ft_insights_split *split, const double *values, double *returns)
{
    for (size_t series = 0, start = 0; start < split->n_rows || series == 0; series++) {
        size_t end = series_end(split, series);
        ft_returns(values + start, end - start, returns + start);
        if (end >= split->n_rows) break;
        start = end;
    }
}

void ft_insights_volatility(const double *values, size_t count, double *returns, double *volatility)
{
    ft_returns(values, count, returns);
    ft_rolling_std(returns, count, VOLATILITY_WINDOW, volatility);
    for (size_t i = 0; i < count; i++) volatility[i] *= sqrt((double)TRADING_DAYS);
}

static void series_volatility(const ft_insights_split *split, const double *values, double *returns,
                              double *volatility)
{
    for (size_t series = 0, start = 0; start < split->n_rows || series == 0; series++) {
        size_t end = series_end(split, series);
        ft_insights_volatility(values + start, end - start, returns + start, volatility + start);
        if (end >= split->n_rows) break;
        start = end;
    }
}

/* Drops NaN, and returns how many are left. */
static size_t drop_missing(double *values, size_t count)
{
    size_t n_known = 0;
    for (size_t i = 0; i < count; i++)
        if (!isnan(values[i])) values[n_known++] = values[i];
    return n_known;
}

/* Moves the values. */
static double median_of(double *values, size_t count)
{
    if (count < 2) return count ? values[0] : NAN;
    const size_t above = count / 2;
    ft_select_double(values, count, above);
    ft_select_double(values, above, above - 1); /* the largest of those below */
    const double middle[] = {values[above - 1], values[above]};
    return count % 2 ? middle[1] : ft_quantile_double(middle, 2, 0.5);
}

cJSON *ft_insights_quality(const ft_insights_split *split)
{
    size_t n_missing = 0, n_numeric = 0;
    for (size_t c = 0; c < split->n_columns; c++) {
        const ft_insights_column *column = &split->columns[c];
        n_numeric += column->values != NULL;
        for (size_t i = 0; i < split->n_rows; i++)
            n_missing +=
                column->values ? isnan(column->values[i]) != 0 : column->missing && column->missing[i];
    }
    double n_cells = (double)split->n_columns * (double)split->n_rows;
    const figure figures[] = {
        {"n_rows", (double)split->n_rows},
        {"n_cols", (double)split->n_columns + 1}, /* and the date */
        {"missing_values", (double)n_missing},
        {"missing_pct", n_cells > 0 ? (double)n_missing / n_cells : NAN},
        {"numeric_cols", (double)n_numeric},
    };
    cJSON *object = figures_to_json(figures, sizeof figures / sizeof *figures);
    ft_text range = FT_TEXT_EMPTY;
    bool known = split->first_date && split->last_date;
    if (known) ft_text_addf(&range, "%s to %s", split->first_date, split->last_date);
    if (range.failed ||
        !put(object, "date_range", known ? cJSON_CreateString(range.data) : cJSON_CreateNull())) {
        cJSON_Delete(object);
        object = NULL;
    }
    ft_text_free(&range);
    return object;
}

cJSON *ft_insights_distribution(const ft_insights_split *split, const double *target)
{
    double *returns = malloc((split->n_rows + 1) * sizeof *returns);
    if (!returns) return NULL;
    series_returns(split, target, returns);
    ft_moments moments = ft_moments_of(returns, split->n_rows);
    size_t n_known = drop_missing(returns, split->n_rows);
    const figure figures[] = {
        {"mean", moments.mean},
        {"std", moments.std},
        {"skewness", moments.skewness},
        {"kurtosis", moments.kurtosis},
        {"min", moments.min},
        {"max", moments.max},
        {"median", median_of(returns, n_known)},
    };
    free(returns);
    return figures_to_json(figures, sizeof figures / sizeof *figures);
}

cJSON *ft_insights_regimes(const ft_insights_split *split, const double *target)
{
    double *returns = malloc((2 * split->n_rows + 1) * sizeof *returns);
    if (!returns) return NULL;
    double *volatility = returns + split->n_rows;
    series_volatility(split, target, returns, volatility);
    ft_moments moments = ft_moments_of(volatility, split->n_rows);
    size_t n_known = drop_missing(volatility, split->n_rows), n_high = 0;
    double threshold = median_of(volatility, n_known);
    for (size_t i = 0; i < n_known; i++) n_high += volatility[i] > threshold;
    free(returns);
    const figure figures[] = {
        {"volatility_threshold", threshold},
        {"high_vol_periods", (double)n_high},
        {"low_vol_periods", (double)(n_known - n_high)},
        {"volatility_mean", moments.mean},
        {"volatility_std", moments.std},
        {"volatility_min", moments.min},
        {"volatility_max", moments.max},
    };
    return figures_to_json(figures, sizeof figures / sizeof *figures);
}

/* Known returns of a split, ascending; NULL when memory runs out. */
static double *sorted_returns(const ft_insights_split *split, const double *target, size_t *count)
{
    double *returns = malloc((split->n_rows + 1) * sizeof *returns);
    if (!returns) return NULL;
    series_returns(split, target, returns);
    *count = drop_missing(returns, split->n_rows);
    ft_sort_doubles(returns, *count);
    return returns;
}

cJSON *ft_insights_returns_test(const ft_insights_split *train, const double *train_target,
                                const ft_insights_split *test, const double *test_target)
{
    size_t n = 0, m = 0;
    double *a = sorted_returns(train, train_target, &n), *b = sorted_returns(test, test_target, &m);
    cJSON *object = NULL;
    ft_ks_test ks;
    if (a && b && ft_ks_two_samples(a, n, b, m, &ks)) {
        const figure figures[] = {{"ks_statistic", ks.statistic},
                                  {"ks_pvalue", ks.p_value},
                                  {"train_returns", (double)n},
                                  {"test_returns", (double)m}};
        object = figures_to_json(figures, sizeof figures / sizeof *figures);
        if (!put(object, "method", cJSON_CreateString(ks.is_exact ? "exact" : "asymptotic"))) {
            cJSON_Delete(object);
            object = NULL;
        }
    }
    free(a);
    free(b);
    return object;
}

static const double *find_numeric(const ft_insights_split *split, const char *name)
{
    for (size_t c = 0; c < split->n_columns; c++)
        if (strcmp(split->columns[c].name, name) == 0) return split->columns[c].values;
    return NULL;
}

cJSON *ft_insights_correlations(const ft_insights_split *split, const char *target)
{
    const double *values = find_numeric(split, target);
    cJSON *object = cJSON_CreateObject();
    for (size_t c = 0; object && values && c < split->n_columns; c++) {
        const ft_insights_column *column = &split->columns[c];
        if (!column->values || strcmp(column->name, target) == 0) continue;
        ft_text key = FT_TEXT_EMPTY;
        ft_text_addf(&key, "corr_with_%s", column->name);
        double r = ft_correlation(values, column->values, split->n_rows);
        if (key.failed || !put(object, key.data, ft_json_number(r))) {
            cJSON_Delete(object);
            object = NULL;
        }
        ft_text_free(&key);
    }
    return object;
}

/* The parts of the insights, each of which a core computes. */
enum { QUALITY, REGIMES = QUALITY + 3, DISTRIBUTION = REGIMES + 3, RETURNS_TEST, CORRELATIONS, N_PARTS };

typedef struct parts {
    const ft_insights_split *splits[3]; /* training, validation, test; NULL: left out */
    const double *targets[3];
    const char *target;
    cJSON *made[N_PARTS];
} parts;

static const char *const part_keys[N_PARTS] = {"train_quality",       "val_quality",  "test_quality",
                                               "train_regimes",       NULL,           "test_regimes",
                                               "target_distribution", "returns_test", "correlations"};

static bool is_wanted(const parts *p, int part)
{
    if (part == RETURNS_TEST) return p->splits[0] && p->splits[2];
    return part_keys[part] && p->splits[part < DISTRIBUTION ? part % 3 : 0];
}

static void make_part(void *context, int64_t i)
{
    parts *p = context;
    const int part = (int)i, split = part % 3;
    if (!is_wanted(p, part)) return;
    if (part < REGIMES)
        p->made[part] = ft_insights_quality(p->splits[split]);
    else if (part < DISTRIBUTION)
        p->made[part] = ft_insights_regimes(p->splits[split], p->targets[split]);
    else if (part == DISTRIBUTION)
        p->made[part] = ft_insights_distribution(p->splits[0], p->targets[0]);
    else if (part == RETURNS_TEST)
        p->made[part] = ft_insights_returns_test(p->splits[0], p->targets[0], p->splits[2], p->targets[2]);
    else
        p->made[part] = ft_insights_correlations(p->splits[0], p->target);
}

ft_status ft_insights_create(const ft_insights_split *train, const ft_insights_split *val,
                             const ft_insights_split *test, const char *target, cJSON **insights,
                             ft_error *err)
{
    static const int order[N_PARTS] = {QUALITY,     QUALITY + 1, QUALITY + 2,  DISTRIBUTION, REGIMES,
                                       REGIMES + 1, REGIMES + 2, RETURNS_TEST, CORRELATIONS};
    parts p = {.splits = {train, val, test}, .target = target};
    *insights = NULL;
    for (int s = 0; s < 3; s++) {
        p.targets[s] = p.splits[s] ? find_numeric(p.splits[s], target) : NULL;
        if (p.splits[s] && !p.targets[s])
            return ft_fail(err, FT_BAD_INPUT, "data insights: there is no numeric column \"%.200s\"", target);
    }
    ft_parallel(train && train->n_rows > FEW_ROWS ? 0 : 1, N_PARTS, make_part, &p);
    cJSON *object = cJSON_CreateObject();
    bool ok = object != NULL;
    for (int i = 0; i < N_PARTS; i++) {
        if (!is_wanted(&p, order[i])) continue;
        if (ok)
            ok = put(object, part_keys[order[i]], p.made[order[i]]);
        else
            cJSON_Delete(p.made[order[i]]);
    }
    if (!ok) {
        cJSON_Delete(object);
        return ft_no_memory(err, "data insights", train ? train->n_rows * sizeof(double) : 0);
    }
    *insights = object;
    return FT_OK;
}
