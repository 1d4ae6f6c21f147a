/* A metric window by window; see window_scores.h. */
#include "tracker/window_scores.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "tracker/baseline_windows.h"
#include "tracker/forecast_rows.h"

/* The sums that a metric is the quotient of; NULL where it is of none. mase is mae over a
 * scale. */
static const double *quotient_of(const ft_window_sums *sums, ft_metric metric, const double **weight)
{
    *weight = &sums->steps;
    switch (metric) {
    case FT_MAE:
    case FT_MASE:
        return &sums->absolute_error;
    case FT_RMSE:
        return &sums->squared_error;
    case FT_SMAPE:
        return &sums->smape;
    case FT_COVERAGE_80:
        return &sums->covered;
    case FT_WQL:
        *weight = &sums->absolute_target;
        return &sums->quantile_loss;
    default:
        return NULL;
    }
}

bool ft_metric_has_windows(ft_metric metric)
{
    const ft_window_sums none = {0};
    const double *weight;
    return quotient_of(&none, metric, &weight) != NULL;
}

void ft_window_sums_add(ft_window_sums *sums, double truth, const double quantiles[FT_N_QUANTILES])
{
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
    const char *baseline; /* of baselines.csv: whose lines count */
    size_t capacity;
    ft_raw_cell item, origin; /* of the window under way */
    size_t n_items;           /* how often the item changed */
    size_t item_of_last;      /* n_items at the last window that was added */
    uint32_t origin_checksum; /* scores->origin_checksum, once this window is added */
    ft_window_sums sums;
    bool is_open;
} reading;

static uint32_t add_to_checksum(uint32_t checksum, ft_raw_cell cell)
{
    return ft_checksum(ft_checksum(checksum, cell.text, cell.length), ",", 1);
}

/* Adds the window under way, unless no step of it counts. The file's text may be gone
 * by now. */
static ft_status close_window(reading *r, ft_error *err)
{
    ft_window_scores *s = r->scores;
    const double *weight, *sum = quotient_of(&r->sums, r->metric, &weight);
    if (!r->is_open || !sum || *weight == 0) return FT_OK;
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
    r->origin_checksum = add_to_checksum(add_to_checksum(r->scores->origin_checksum, item), origin);
    r->sums = (ft_window_sums){0};
    r->is_open = true;
    return status;
}

static ft_status add_row(void *context, const ft_forecast_row *row, ft_error *err)
{
    reading *r = context;
    const ft_raw_cell cells[] = {row->item, row->origin, row->timestamp, row->truth};
    ft_status status = enter_window(r, row->item, row->origin, err);
    if (status != FT_OK || isnan(row->target)) return status;
    ft_window_sums_add(&r->sums, row->target, row->quantiles);
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++)
        r->scores->window_checksum = add_to_checksum(r->scores->window_checksum, cells[i]);
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

static ft_status finish(reading *r, ft_status status, ft_error *err)
{
    if (status == FT_OK) status = close_window(r, err);
    if (status != FT_OK) ft_window_scores_free(r->scores);
    return status;
}

ft_status ft_window_scores_read(const char *directory, ft_split split, ft_metric metric,
                                ft_window_scores *scores, ft_error *err)
{
    *scores = (ft_window_scores){0};
    reading r = {.scores = scores, .metric = metric};
    return finish(&r, ft_forecast_rows_read(directory, 1u << split, add_row, &r, err), err);
}

ft_status ft_window_scores_read_baseline(const char *directory, const char *baseline, ft_metric metric,
                                         ft_window_scores *scores, ft_error *err)
{
    *scores = (ft_window_scores){0};
    reading r = {.scores = scores, .metric = metric, .baseline = baseline};
    return finish(&r, ft_baseline_windows_read(directory, add_window, &r, err), err);
}

/* Divides windows of mae by the series' scale; of several series, or without a scale,
 * there are none. */
static void scale(ft_window_scores *s, const ft_experiment *e, ft_split split)
{
    const size_t n_series = s->n_series;
    const double by =
        ft_metrics_get(&e->metrics[split], FT_MASE) / ft_metrics_get(&e->metrics[split], FT_MAE);
    if (n_series != 1 || !isfinite(by)) ft_window_scores_free(s);
    s->n_series = n_series;
    for (size_t w = 0; w < s->n_windows; w++) s->sum[w] *= by;
}

ft_status ft_window_scores_of(const ft_experiment *e, ft_split split, ft_metric metric,
                              ft_window_scores *scores, ft_error *err)
{
    const ft_status status = ft_window_scores_read(e->directory, split, metric, scores, err);
    if (status == FT_OK && metric == FT_MASE) scale(scores, e, split);
    return status;
}

ft_status ft_window_scores_of_baseline(const ft_experiment *e, const char *baseline, ft_metric metric,
                                       ft_window_scores *scores, ft_error *err)
{
    const ft_status status = ft_window_scores_read_baseline(e->directory, baseline, metric, scores, err);
    if (status == FT_OK && metric == FT_MASE) scale(scores, e, FT_TEST);
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
