/* A metric window by window; see window_scores.h. */
#include "tracker/window_scores.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tracker/baseline_windows.h"
#include "tracker/baselines.h"
#include "tracker/forecast_rows.h"
#include "tracker/window_starts.h"

/* The sums whose quotient a metric is: returns the upper one, *weight is the lower. */
static const double *quotient_of(const ft_window_sums *sums, ft_metric metric, const double **weight)
{
    *weight = &sums->steps;
    switch (metric) {
    case FT_MASE:
        *weight = &sums->scaled_steps;
        return &sums->scaled_error;
    case FT_RMSE:
        return &sums->squared_error;
    case FT_SMAPE:
        return &sums->smape;
    case FT_COVERAGE_80:
        return &sums->covered;
    case FT_DIRECTIONAL_ACCURACY:
        *weight = &sums->directions;
        return &sums->right_directions;
    case FT_WQL:
        *weight = &sums->absolute_target;
        return &sums->quantile_loss;
    case FT_MAE:
    default:
        return &sums->absolute_error;
    }
}

void ft_window_sums_add(ft_window_sums *sums, ft_step_before *before, double truth,
                        const double quantiles[FT_N_QUANTILES])
{
    const ft_direction direction = ft_step_direction(before, truth, quantiles);
    if (isnan(truth)) return;
    const ft_step_losses losses = ft_step_losses_of(truth, quantiles);
    double all_quantiles = 0;
    for (int q = 0; q < FT_N_QUANTILES; q++) all_quantiles += losses.quantile[q];
    sums->steps++;
    sums->absolute_error += losses.abs_error;
    sums->squared_error += losses.squared_error;
    sums->smape += losses.smape;
    sums->quantile_loss += all_quantiles / FT_N_QUANTILES;
    sums->covered += losses.is_covered;
    sums->absolute_target += fabs(truth);
    sums->directions += direction != FT_NO_DIRECTION;
    sums->right_directions += direction == FT_RIGHT_DIRECTION;
}

/* Room for one window more. */
static ft_status grow(ft_window_scores *s, size_t *capacity, ft_error *err)
{
    if (s->n_windows < *capacity) return FT_OK;
    size_t more = *capacity ? 2 * *capacity : 64;
    double *sum = realloc(s->sum, more * sizeof *sum);
    if (sum) s->sum = sum;
    double *weight = realloc(s->weight, more * sizeof *weight);
    if (weight) s->weight = weight;
    size_t *series = realloc(s->series, more * sizeof *series);
    if (series) s->series = series;
    if (!sum || !weight || !series) return ft_no_memory(err, "the windows", more * 24);
    *capacity = more;
    return FT_OK;
}

/* The windows of one file as they are read. */
typedef struct reading {
    ft_window_scores *scores;
    ft_metric metric;
    const char *baseline;         /* of baselines.csv: whose lines count */
    ft_window_starts starts;      /* of windows.csv, where the metric needs it */
    bool has_starts;              /* reading them has not failed */
    size_t next_start;            /* in starts: behind that of the window under way */
    double scale;                 /* of the one series, where there is no windows.csv */
    const ft_window_start *start; /* of the window under way; NULL: not known */
    ft_step_before before;
    size_t capacity;
    ft_raw_cell item, origin; /* of the window under way */
    size_t n_items;           /* how often the item changed */
    size_t item_of_last;      /* n_items at the last window that was added */
    uint32_t origin_checksum; /* scores->origin_checksum, once this window is added */
    ft_window_sums sums;
    bool is_open;
} reading;

/* Adds the window under way, unless no step of it counts. The file's text may be gone
 * by now. */
static ft_status close_window(reading *r, ft_error *err)
{
    ft_window_scores *s = r->scores;
    const double scale = r->start ? r->start->scale : r->starts.count ? NAN : r->scale;
    if (scale > 0) {
        r->sums.scaled_steps = r->sums.steps;
        r->sums.scaled_error = r->sums.absolute_error / scale;
    }
    const double *weight, *sum = quotient_of(&r->sums, r->metric, &weight);
    if (!r->is_open || !(*weight > 0)) return FT_OK;
    ft_status status = grow(s, &r->capacity, err);
    if (status != FT_OK) return status;
    s->n_series += s->n_windows == 0 || r->n_items != r->item_of_last;
    s->series[s->n_windows] = s->n_series - 1;
    s->sum[s->n_windows] = *sum;
    s->weight[s->n_windows++] = *weight;
    s->origin_checksum = r->origin_checksum;
    r->item_of_last = r->n_items;
    return FT_OK;
}

/* Begins a window where the row is of another one than the row before. */
static ft_status enter_window(reading *r, ft_raw_cell item, ft_raw_cell origin, ft_error *err)
{
    const bool same_item = r->is_open && ft_raw_cell_is_same(item, r->item);
    if (same_item && ft_raw_cell_is_same(origin, r->origin)) return FT_OK;
    ft_status status = close_window(r, err);
    r->n_items += !same_item;
    r->item = item;
    r->origin = origin;
    r->origin_checksum = ft_window_checksum(r->scores->origin_checksum, item, origin);
    r->sums = (ft_window_sums){0};
    r->start = ft_window_starts_find(&r->starts, &r->next_start, item, origin);
    const double last = r->start ? r->start->last : NAN;
    r->before = (ft_step_before){last, last};
    r->is_open = true;
    return status;
}

static ft_status add_row(void *context, const ft_forecast_row *row, ft_error *err)
{
    reading *r = context;
    const ft_raw_cell cells[] = {row->item, row->origin, row->timestamp, row->truth};
    ft_status status = enter_window(r, row->item, row->origin, err);
    if (status != FT_OK) return status;
    ft_window_sums_add(&r->sums, &r->before, row->target, row->quantiles);
    if (isnan(row->target)) return FT_OK;
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++)
        r->scores->window_checksum = ft_raw_cell_checksum(r->scores->window_checksum, cells[i]);
    return FT_OK;
}

static ft_status add_window(void *context, const ft_baseline_window *window, ft_error *err)
{
    reading *r = context;
    const ft_raw_cell baseline = {r->baseline, strlen(r->baseline)};
    if (!ft_raw_cell_is_same(window->baseline, baseline)) return FT_OK;
    ft_status status = enter_window(r, window->item, window->origin, err);
    r->sums = window->sums;
    return status;
}

/* Whether the metric needs what windows.csv has. */
static bool needs_starts(ft_metric metric)
{
    return metric == FT_MASE || metric == FT_DIRECTIONAL_ACCURACY;
}

/* Drops the windows, but keeps n_series. */
static void drop_windows(ft_window_scores *s, const char *why)
{
    const size_t n_series = s->n_series;
    ft_window_scores_free(s);
    s->n_series = n_series;
    s->why_none = why;
}

/* Drops windows that cannot be scored without windows.csv, and says why there is none. */
static void explain(reading *r)
{
    ft_window_scores *s = r->scores;
    const bool lacks_starts = r->starts.count == 0 && needs_starts(r->metric);
    if (lacks_starts && (r->metric != FT_MASE || s->n_series > 1))
        drop_windows(s,
                     r->metric == FT_MASE
                         ? "its run recorded no windows.csv, which has the scales of several series (a new "
                           "run does)"
                         : "its run recorded no windows.csv, which has the values before the windows (a "
                           "new run does)");
    else if (s->n_windows == 0)
        drop_windows(s, r->baseline ? "its run recorded no windows of baselines (a new run does)"
                                    : "its forecasts.csv has no window with a known truth");
}

static ft_status finish(reading *r, ft_status status, ft_error *err)
{
    if (status == FT_OK) status = close_window(r, err);
    if (status == FT_OK) explain(r);
    if (status != FT_OK) ft_window_scores_free(r->scores);
    if (status == FT_BAD_INPUT)
        r->scores->why_none = !r->has_starts ? "its windows.csv cannot be read"
                              : r->baseline  ? "its baselines.csv cannot be read"
                                             : "its forecasts.csv cannot be read";
    ft_window_starts_free(&r->starts);
    return status;
}

static ft_status read_starts(reading *r, const char *directory, ft_split split, ft_error *err)
{
    const ft_status status =
        needs_starts(r->metric) ? ft_window_starts_read(directory, split, &r->starts, err) : FT_OK;
    r->has_starts = status == FT_OK;
    return status;
}

/* scale: of mase, where there is one series and no windows.csv; NaN: not known. */
static ft_status read_split(const char *directory, ft_split split, ft_metric metric, double scale,
                            ft_window_scores *scores, ft_error *err)
{
    *scores = (ft_window_scores){0};
    reading r = {.scores = scores, .metric = metric, .scale = scale};
    ft_status status = read_starts(&r, directory, split, err);
    if (status == FT_OK) status = ft_forecast_rows_read(directory, 1u << split, add_row, &r, err);
    return finish(&r, status, err);
}

static ft_status read_baseline(const char *directory, const char *baseline, ft_metric metric, double scale,
                               ft_window_scores *scores, ft_error *err)
{
    *scores = (ft_window_scores){0};
    reading r = {.scores = scores, .metric = metric, .baseline = baseline, .scale = scale};
    ft_status status = read_starts(&r, directory, FT_TEST, err);
    if (status == FT_OK) status = ft_baseline_windows_read(directory, add_window, &r, err);
    return finish(&r, status, err);
}

ft_status ft_window_scores_read(const char *directory, ft_split split, ft_metric metric,
                                ft_window_scores *scores, ft_error *err)
{
    return read_split(directory, split, metric, NAN, scores, err);
}

ft_status ft_window_scores_read_baseline(const char *directory, const char *baseline, ft_metric metric,
                                         ft_window_scores *scores, ft_error *err)
{
    return read_baseline(directory, baseline, metric, NAN, scores, err);
}

/* The mase scale of the series, where the experiment has only one. */
static double scale_of(const ft_experiment *e, ft_split split)
{
    return ft_metrics_get(&e->metrics[split], FT_MAE) / ft_metrics_get(&e->metrics[split], FT_MASE);
}

/* Whether the windows give the metric that is recorded, if one is: else a file is of
 * another run, or damaged. */
static bool adds_up(const ft_window_scores *s, ft_metric metric, const ft_metrics *recorded)
{
    const double value = ft_metrics_get(recorded, metric);
    double sum = 0, weight = 0;
    for (size_t w = 0; w < s->n_windows; w++) {
        sum += s->sum[w];
        weight += s->weight[w];
    }
    const double told = metric == FT_RMSE ? sqrt(sum / weight) : sum / weight;
    return s->n_windows == 0 || !isfinite(value) || fabs(told - value) <= 1e-5 * fabs(value);
}

ft_status ft_window_scores_of(const ft_experiment *e, ft_split split, ft_metric metric,
                              ft_window_scores *scores, ft_error *err)
{
    ft_status status = read_split(e->directory, split, metric, scale_of(e, split), scores, err);
    if (status == FT_OK && !adds_up(scores, metric, &e->metrics[split]))
        drop_windows(scores, needs_starts(metric)
                                 ? "its forecasts.csv and windows.csv do not add up to its results.json"
                                 : "its forecasts.csv does not add up to its results.json");
    return status;
}

ft_status ft_window_scores_of_baseline(const ft_experiment *e, const char *baseline, ft_metric metric,
                                       ft_window_scores *scores, ft_error *err)
{
    const char *name;
    ft_metrics metrics[FT_N_SPLITS];
    ft_status status = read_baseline(e->directory, baseline, metric, scale_of(e, FT_TEST), scores, err);
    for (size_t i = 0; status == FT_OK && ft_baseline_get(e, i, &name, metrics); i++)
        if (strcmp(name, baseline) == 0 && !adds_up(scores, metric, &metrics[FT_TEST]))
            drop_windows(scores, "its baselines.csv does not add up to its results.json");
    return status;
}

bool ft_window_scores_match(const ft_window_scores *a, const ft_window_scores *b)
{
    if (a->n_windows != b->n_windows || a->origin_checksum != b->origin_checksum) return false;
    for (size_t w = 0; w < a->n_windows; w++)
        if (!(fabs(a->weight[w] - b->weight[w]) <= 1e-9 * fabs(a->weight[w]))) return false;
    return true;
}

void ft_window_scores_free(ft_window_scores *scores)
{
    free(scores->sum);
    free(scores->weight);
    free(scores->series);
    *scores = (ft_window_scores){0};
}
