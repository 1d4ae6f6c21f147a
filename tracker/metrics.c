/* The sums behind the metrics; what each means is said in the header. */
#include "tracker/metrics.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tracker/quantiles.h"

/* places in ft_quantile_levels */
enum { MEDIAN = 4, LOWEST = 0, HIGHEST = FT_N_QUANTILES - 1 };

struct ft_metrics_accumulator {
    int64_t season;
    double *scales; /* (n_items) NaN or 0: the item has none */
    size_t n_items, item_capacity;
    size_t n_without_scale;     /* among the items */
    char first_without[64];     /* name of the first of them */
    const char *without_reason; /* why it has none */

    float *scratch; /* (n_scratch): samples of one step */
    size_t n_scratch;

    int64_t n_steps, n_scaled, n_directions, n_right_directions, n_covered, n_unknown_forecasts;
    double sum_abs_error, sum_squared_error, sum_scaled_error, sum_smape, sum_abs_truth;
    double sum_quantile_loss[FT_N_QUANTILES];
};

ft_status ft_metrics_create(int64_t season, ft_metrics_accumulator **accumulator, ft_error *err)
{
    *accumulator = NULL;
    if (season < 1) return ft_fail(err, FT_BAD_INPUT, "season %lld: must be at least 1", (long long)season);
    ft_metrics_accumulator *created = calloc(1, sizeof *created);
    if (!created) return ft_no_memory(err, "metrics", sizeof *created);
    created->season = season;
    *accumulator = created;
    return FT_OK;
}

void ft_metrics_free(ft_metrics_accumulator *accumulator)
{
    if (!accumulator) return;
    free(accumulator->scales);
    free(accumulator->scratch);
    free(accumulator);
}

ft_status ft_metrics_add_training(ft_metrics_accumulator *a, const char *name, const double *values,
                                  size_t count, size_t *item, ft_error *err)
{
    if (a->n_items == a->item_capacity) {
        size_t capacity = a->item_capacity ? 2 * a->item_capacity : 8;
        double *grown = realloc(a->scales, capacity * sizeof *grown);
        if (!grown) return ft_no_memory(err, "the scales of items", capacity * sizeof *grown);
        a->scales = grown;
        a->item_capacity = capacity;
    }
    double sum = 0;
    size_t n_pairs = 0;
    for (size_t t = (uint64_t)a->season < count ? (size_t)a->season : count; t < count; t++) {
        double change = fabs(values[t] - values[t - (size_t)a->season]);
        if (isnan(change)) continue;
        sum += change;
        n_pairs++;
    }
    double scale = n_pairs ? sum / (double)n_pairs : NAN;
    if (!(scale > 0) || !isfinite(scale)) {
        if (a->n_without_scale == 0) {
            snprintf(a->first_without, sizeof a->first_without, "%s", name ? name : "");
            a->without_reason = n_pairs == 0 ? "has no two known values a season apart"
                                : sum == 0   ? "equals itself a season before everywhere"
                                             : "is too large for its changes to be summed";
        }
        a->n_without_scale++;
        scale = NAN;
    }
    if (item) *item = a->n_items;
    a->scales[a->n_items++] = scale;
    return FT_OK;
}

double ft_metrics_scale(const ft_metrics_accumulator *a, size_t item)
{
    return item < a->n_items ? a->scales[item] : NAN;
}

static int sign(double value)
{
    return (value > 0) - (value < 0);
}

ft_direction ft_step_direction(ft_step_before *before, double truth, const double quantiles[FT_N_QUANTILES])
{
    const double forecast = quantiles[MEDIAN];
    const ft_step_before was = *before;
    *before = (ft_step_before){truth, forecast};
    if (!isfinite(truth) || !isfinite(forecast) || !isfinite(was.truth) || !isfinite(was.forecast))
        return FT_NO_DIRECTION;
    return sign(forecast - was.forecast) == sign(truth - was.truth) ? FT_RIGHT_DIRECTION : FT_WRONG_DIRECTION;
}

ft_step_losses ft_step_losses_of(double truth, const double quantiles[FT_N_QUANTILES])
{
    const double forecast = quantiles[MEDIAN], error = fabs(truth - forecast),
                 size = fabs(truth) + fabs(forecast);
    ft_step_losses losses = {.abs_error = error,
                             .squared_error = error * error,
                             .smape = size > 0 ? 2 * error / size : 0,
                             .is_covered = quantiles[LOWEST] <= truth && truth <= quantiles[HIGHEST]};
    for (int q = 0; q < FT_N_QUANTILES; q++)
        losses.quantile[q] =
            2 * fabs((quantiles[q] - truth) * ((truth <= quantiles[q]) - ft_quantile_levels[q]));
    return losses;
}

/* One step's contribution to everything but direction. */
static void add_step(ft_metrics_accumulator *a, double scale, double truth,
                     const double quantiles[FT_N_QUANTILES])
{
    const ft_step_losses losses = ft_step_losses_of(truth, quantiles);
    a->n_steps++;
    a->sum_abs_error += losses.abs_error;
    a->sum_squared_error += losses.squared_error;
    if (scale > 0) {
        a->sum_scaled_error += losses.abs_error / scale;
        a->n_scaled++;
    }
    a->sum_smape += losses.smape;
    a->sum_abs_truth += fabs(truth);
    for (int q = 0; q < FT_N_QUANTILES; q++) a->sum_quantile_loss[q] += losses.quantile[q];
    a->n_covered += losses.is_covered;
}

static void add_truth(ft_metrics_accumulator *a, size_t item, ft_step_before *before, double truth,
                      const double quantiles[FT_N_QUANTILES])
{
    const double forecast = quantiles[MEDIAN];
    if (isfinite(truth) && isfinite(forecast)) add_step(a, ft_metrics_scale(a, item), truth, quantiles);
    a->n_unknown_forecasts += isfinite(truth) && !isfinite(forecast);
    const ft_direction direction = ft_step_direction(before, truth, quantiles);
    a->n_directions += direction != FT_NO_DIRECTION;
    a->n_right_directions += direction == FT_RIGHT_DIRECTION;
}

ft_status ft_metrics_add_window(ft_metrics_accumulator *a, size_t item, const double *truth,
                                const float *samples, size_t n_samples, size_t horizon,
                                double last_observation, ft_error *err)
{
    if (n_samples == 0) return ft_fail(err, FT_FAILED, "a forecast without samples has no metrics");
    if (n_samples > a->n_scratch) {
        float *grown = realloc(a->scratch, n_samples * sizeof *grown);
        if (!grown) return ft_no_memory(err, "the samples of a step", n_samples * sizeof *grown);
        a->scratch = grown;
        a->n_scratch = n_samples;
    }
    ft_step_before before = {last_observation, last_observation};
    for (size_t t = 0; t < horizon; t++) {
        double mean, quantiles[FT_N_QUANTILES];
        ft_summarize_step(samples, n_samples, horizon, t, ft_quantile_levels, FT_N_QUANTILES, a->scratch,
                          &mean, quantiles);
        add_truth(a, item, &before, truth[t], quantiles);
    }
    return FT_OK;
}

ft_status ft_metrics_add_quantile_window(ft_metrics_accumulator *a, size_t item, const double *truth,
                                         const double *quantiles, size_t horizon, double last_observation,
                                         ft_error *err)
{
    (void)err; /* nothing is allocated here; the three ways to add a window look alike */
    ft_step_before before = {last_observation, last_observation};
    for (size_t t = 0; t < horizon; t++)
        add_truth(a, item, &before, truth[t], quantiles + t * FT_N_QUANTILES);
    return FT_OK;
}

ft_status ft_metrics_add_point_window(ft_metrics_accumulator *a, size_t item, const double *truth,
                                      const double *forecast, size_t horizon, double last_observation,
                                      ft_error *err)
{
    (void)err;
    ft_step_before before = {last_observation, last_observation};
    for (size_t t = 0; t < horizon; t++) {
        double quantiles[FT_N_QUANTILES];
        for (int q = 0; q < FT_N_QUANTILES; q++) quantiles[q] = forecast[t];
        add_truth(a, item, &before, truth[t], quantiles);
    }
    return FT_OK;
}

static void add_reason(ft_metrics *metrics, const char *reason)
{
    size_t used = strlen(metrics->notes);
    snprintf(metrics->notes + used, sizeof metrics->notes - used, "%s%s", used ? "; " : "", reason);
}

static void explain_mase(const ft_metrics_accumulator *a, ft_metrics *metrics)
{
    char reason[256];
    if (a->n_scaled == 0) {
        if (a->n_items == 0)
            snprintf(reason, sizeof reason, "mase is undefined: no training series was given");
        else if (a->n_items == 1)
            snprintf(reason, sizeof reason, "mase is undefined: the training series %s (season %lld)",
                     a->without_reason, (long long)a->season);
        else
            snprintf(reason, sizeof reason,
                     "mase is undefined: no item's training series changes from season to season");
        add_reason(metrics, reason);
    } else if (a->n_scaled < a->n_steps) {
        snprintf(reason, sizeof reason,
                 "mase leaves out %zu of %zu items, the first \"%s\": its training series %s",
                 a->n_without_scale, a->n_items, a->first_without, a->without_reason);
        add_reason(metrics, reason);
    }
}

/* A sum that overflowed is as undefined as 0/0. */
static double ratio(double numerator, double denominator)
{
    double value = numerator / denominator;
    return isfinite(value) ? value : NAN;
}

void ft_metrics_finish(const ft_metrics_accumulator *a, ft_metrics *metrics)
{
    *metrics = (ft_metrics){.evaluated = true, .n_steps = a->n_steps};
    for (int m = 0; m < FT_N_METRICS; m++) ft_metrics_set(metrics, (ft_metric)m, NAN);
    if (a->n_unknown_forecasts > 0) {
        snprintf(metrics->notes, sizeof metrics->notes,
                 "all metrics are undefined: %lld of the forecasts are not finite numbers",
                 (long long)a->n_unknown_forecasts);
        return;
    }
    if (a->n_steps == 0) {
        add_reason(metrics, "all metrics are undefined: no evaluated step has a known truth");
        return;
    }
    double n = (double)a->n_steps;
    metrics->mae = ratio(a->sum_abs_error, n);
    metrics->rmse = sqrt(ratio(a->sum_squared_error, n));
    metrics->mase = ratio(a->sum_scaled_error, (double)a->n_scaled);
    metrics->directional_accuracy = ratio((double)a->n_right_directions, (double)a->n_directions);
    metrics->smape = ratio(a->sum_smape, n);
    double sum_wql = 0;
    for (int q = 0; q < FT_N_QUANTILES; q++) sum_wql += a->sum_quantile_loss[q] / a->sum_abs_truth;
    metrics->wql = ratio(sum_wql, FT_N_QUANTILES);
    metrics->coverage_80 = (double)a->n_covered / n;

    explain_mase(a, metrics);
    if (isnan(metrics->directional_accuracy))
        add_reason(metrics,
                   "directional_accuracy is undefined: no step has a known truth and a known one before it");
    if (isnan(metrics->wql)) add_reason(metrics, "wql is undefined: the truth is zero everywhere");
    if (isnan(metrics->mae) || isnan(metrics->rmse))
        add_reason(metrics, "the errors are too large to be summed");
}

void ft_seasonal_naive(const double *history, size_t count, int64_t season, double *forecast, size_t horizon)
{
    double last = NAN;
    for (size_t i = count; i > 0 && isnan(last); i--) last = history[i - 1];
    size_t m = season < 1 ? 1 : (size_t)season;
    for (size_t t = 0; t < horizon; t++) {
        forecast[t] = NAN;
        /* Step t has the season of history[count - m + t mod m]. */
        size_t back = m - t % m;
        for (; back <= count && isnan(forecast[t]); back += m) forecast[t] = history[count - back];
        if (isnan(forecast[t])) forecast[t] = last;
    }
}
