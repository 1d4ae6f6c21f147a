/* What the data looks like, by pandas' definitions: quality, distribution, volatility
 * regimes, correlations. docs/reference.md §8. */
#ifndef FT_TRACKER_INSIGHTS_H
#define FT_TRACKER_INSIGHTS_H

#include <cjson/cJSON.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef struct ft_insights_column {
    const char *name;
    const double *values; /* (n_rows), NaN = missing; NULL for a text column */
    /* (n_rows) of a text column, 1 = missing; NULL: none is missing */
    const uint8_t *missing;
} ft_insights_column;

/* One split. The date column is not among `columns`, but counts in n_cols. With several
 * series the rows lie series by series: returns and rolling windows never cross from one
 * series into the next, and their values are pooled. */
typedef struct ft_insights_split {
    const ft_insights_column *columns; /* (n_columns) */
    size_t n_columns, n_rows;
    /* (n_series), first row of each, ascending, the first 0; NULL: one series */
    const size_t *series_starts;
    size_t n_series;
    const char *first_date, *last_date; /* as in the file; NULL: unknown (null) */
} ft_insights_split;

/* The object of `data_insights`: train_quality, val_quality, test_quality,
 * target_distribution, train_regimes, test_regimes, returns_test, correlations. A split
 * that is NULL is left out. `target` names a numeric column of each split (else
 * FT_BAD_INPUT). Undefined figures are null. *insights is the caller's. */
ft_status ft_insights_create(const ft_insights_split *train, const ft_insights_split *val,
                             const ft_insights_split *test, const char *target, cJSON **insights,
                             ft_error *err);

/* Volatility at each row of one series: the deviation of its last 20 returns, a year's;
 * NaN before there are as many. returns: (count) scratch. */
void ft_insights_volatility(const double *values, size_t count, double *returns, double *volatility);

/* The parts, for other uses and for tests. NULL when memory runs out. */
cJSON *ft_insights_quality(const ft_insights_split *split);
cJSON *ft_insights_distribution(const ft_insights_split *split, const double *target);
cJSON *ft_insights_regimes(const ft_insights_split *split, const double *target);
/* Whether the returns of train and test come from one distribution
 * (kolmogorov_smirnov.h). */
cJSON *ft_insights_returns_test(const ft_insights_split *train, const double *train_target,
                                const ft_insights_split *test, const double *test_target);
cJSON *ft_insights_correlations(const ft_insights_split *split, const char *target);

#endif
