/* How good forecasts are: the metrics of docs/reference.md §7, summed up window by
 * window.
 *
 * Counted are steps with a known truth y; several series are pooled over all their steps.
 * f is the median of the samples, q_a their quantile a (ft_quantile); everything is
 * summed in double.
 *
 *   mae                   mean |y - f|
 *   rmse                  sqrt(mean (y - f)^2)
 *   mase                  mean |y - f| / scale of the window's item; scale is
 *                         mean |y_t - y_(t-season)| over the pairs of its training series
 *                         where both are known. With one item: mae / scale. Items without
 *                         a positive scale (constant, or shorter than a season) are left
 *                         out, and named in the notes.
 *   directional_accuracy  proportion of steps with sign(f_t - f_(t-1)) =
 *                         sign(y_t - y_(t-1)); signs are -1, 0, 1. At a window's first
 *                         step f_(t-1) and y_(t-1) are the last observation before the
 *                         window. Steps with an unknown y_t or y_(t-1) are left out.
 *   smape                 mean 2|y - f| / (|y| + |f|); 0 where y = f = 0
 *   wql                   mean over a = 0.1 ... 0.9 of
 *                         sum 2|(q_a - y) ((y <= q_a) - a)| / sum |y|
 *                         (GluonTS' mean_weighted_sum_quantile_loss)
 *   coverage_80           proportion of steps with q_0.1 <= y <= q_0.9
 *
 * Undefined is NaN, with the reason in `notes`. */
#ifndef FT_TRACKER_METRICS_H
#define FT_TRACKER_METRICS_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "tracker/quantiles.h"

/* Which values are better. */
typedef enum ft_better { FT_LOWER_IS_BETTER, FT_HIGHER_IS_BETTER, FT_NEAR_80_IS_BETTER } ft_better;

/* All metrics: ft_metric, the name in files and members of structs, and which way is
 * better. */
#define FT_METRICS(METRIC)                                                                                   \
    METRIC(FT_MAE, mae, FT_LOWER_IS_BETTER)                                                                  \
    METRIC(FT_RMSE, rmse, FT_LOWER_IS_BETTER)                                                                \
    METRIC(FT_MASE, mase, FT_LOWER_IS_BETTER)                                                                \
    METRIC(FT_DIRECTIONAL_ACCURACY, directional_accuracy, FT_HIGHER_IS_BETTER)                               \
    METRIC(FT_SMAPE, smape, FT_LOWER_IS_BETTER)                                                              \
    METRIC(FT_WQL, wql, FT_LOWER_IS_BETTER)                                                                  \
    METRIC(FT_COVERAGE_80, coverage_80, FT_NEAR_80_IS_BETTER)
/* The names in this order, for help texts. */
#define FT_METRIC_LIST "mae, rmse, mase, directional_accuracy, smape, wql, coverage_80"

#define FT_METRIC_ENTRY(metric, name, better) metric,
typedef enum ft_metric { FT_METRICS(FT_METRIC_ENTRY) FT_N_METRICS } ft_metric;

typedef struct ft_metrics {
    /* false: this split has no metrics at all (a zeroed struct); the numbers mean
     * nothing */
    bool evaluated;
#define FT_METRIC_MEMBER(metric, name, better) double name;
    FT_METRICS(FT_METRIC_MEMBER)
    /* steps with a known truth; 0 when the metrics were read from a file */
    int64_t n_steps;
    char notes[512]; /* "mase is undefined: ...; ..." or "" */
} ft_metrics;

/* "mae", "rmse", ...: by ft_metric. */
extern const char *const ft_metric_names[FT_N_METRICS];

/* The metric of that name; FT_BAD_INPUT with the nearest name and the list where there is
 * none. */
ft_status ft_metric_parse(const char *name, ft_metric *metric, ft_error *err);

/* The number, NaN where undefined or not evaluated. */
double ft_metrics_get(const ft_metrics *metrics, ft_metric metric);
void ft_metrics_set(ft_metrics *metrics, ft_metric metric, double value);

ft_better ft_metric_better(ft_metric metric);
/* Smaller is better: the value itself, its negative where higher is better, its distance
 * to 0.8 where that is best. NaN stays. */
double ft_metric_cost(ft_metric metric, double value);
/* "lower is better", "higher is better" or "nearest to 0.8 is best". */
const char *ft_metric_direction(ft_metric metric);

/* {"mae": 1.5, ..., "mase": null}; {} where not evaluated. NULL when memory runs out. */
cJSON *ft_metrics_to_json(const ft_metrics *metrics);
/* Reads such an object; missing keys and null are NaN, other keys are ignored, {} and
 * null are "not evaluated". Another type is FT_BAD_INPUT. */
ft_status ft_metrics_from_json(const cJSON *object, ft_metrics *metrics, ft_error *err);

/* What one step with a known truth adds to the metrics' sums. */
typedef struct ft_step_losses {
    double abs_error, squared_error, smape;
    double quantile[FT_N_QUANTILES]; /* of wql, before it is divided by sum |y| */
    bool is_covered;                 /* by the 80 % interval */
} ft_step_losses;
ft_step_losses ft_step_losses_of(double truth, const double quantiles[FT_N_QUANTILES]);

/* The truth and the median forecast of the step before; for a window's first step the
 * last known value before the window is both: {last_observation, last_observation}. */
typedef struct ft_step_before {
    double truth, forecast;
} ft_step_before;
typedef enum ft_direction { FT_NO_DIRECTION, FT_WRONG_DIRECTION, FT_RIGHT_DIRECTION } ft_direction;
/* Whether the median goes from the step before in the direction of the truth;
 * FT_NO_DIRECTION where a truth or forecast of the two steps is not finite. Then *before
 * is this step. */
ft_direction ft_step_direction(ft_step_before *before, double truth, const double quantiles[FT_N_QUANTILES]);

/* The sums of one split. */
typedef struct ft_metrics_accumulator ft_metrics_accumulator;

/* `season` >= 1: m of mase. */
ft_status ft_metrics_create(int64_t season, ft_metrics_accumulator **accumulator, ft_error *err);
void ft_metrics_free(ft_metrics_accumulator *accumulator);

/* The training series of one item (NaN = missing) gives its mase scale. Items are
 * numbered 0, 1, ... in the order in which they are added; *item (may be NULL) is the
 * number. `name` (may be NULL) is used in notes. */
ft_status ft_metrics_add_training(ft_metrics_accumulator *accumulator, const char *name, const double *values,
                                  size_t count, size_t *item, ft_error *err);

/* The mase scale of an item, in units of the target; NaN: it has none. */
double ft_metrics_scale(const ft_metrics_accumulator *accumulator, size_t item);

/* One evaluated window of item `item`. truth: (horizon), NaN = unknown; samples:
 * (n_samples, horizon) row-major; last_observation: the last known value before the
 * window, NaN if there is none. */
ft_status ft_metrics_add_window(ft_metrics_accumulator *accumulator, size_t item, const double *truth,
                                const float *samples, size_t n_samples, size_t horizon,
                                double last_observation, ft_error *err);

/* The same from quantiles in double: quantiles: (horizon, FT_N_QUANTILES) row-major, the
 * median is the point forecast. */
ft_status ft_metrics_add_quantile_window(ft_metrics_accumulator *accumulator, size_t item,
                                         const double *truth, const double *quantiles, size_t horizon,
                                         double last_observation, ft_error *err);

/* The same for a point forecast (all quantiles equal), in double: forecast: (horizon). */
ft_status ft_metrics_add_point_window(ft_metrics_accumulator *accumulator, size_t item, const double *truth,
                                      const double *forecast, size_t horizon, double last_observation,
                                      ft_error *err);

/* The metrics of what was added so far. A forecast that was not finite makes all of them
 * undefined. */
void ft_metrics_finish(const ft_metrics_accumulator *accumulator, ft_metrics *metrics);

/* Seasonal naive: forecast[t] is the last known value of the same season in `history`
 * (count, NaN = missing), looking back whole seasons; the last known value at all where
 * that season has none; NaN where nothing is known. */
void ft_seasonal_naive(const double *history, size_t count, int64_t season, double *forecast, size_t horizon);

#endif
