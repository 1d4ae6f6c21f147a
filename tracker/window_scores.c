/* A metric window by window; see window_scores.h. */
#include "tracker/window_scores.h"

#include <math.h>
#include <stdlib.h>

#include "base/checksum.h"
#include "tracker/forecast_rows.h"

bool ft_metric_has_windows(ft_metric metric)
{
    return metric == FT_MAE || metric == FT_RMSE || metric == FT_SMAPE || metric == FT_WQL ||
           metric == FT_COVERAGE_80;
}

/* Adds a step with a known truth. */
static void add_step(ft_metric metric, double truth, const double quantiles[FT_N_QUANTILES], double *sum,
                     double *weight)
{
    const ft_step_losses losses = ft_step_losses_of(truth, quantiles);
    double all_quantiles = 0;
    switch (metric) {
    case FT_MAE:
        *sum += losses.abs_error;
        break;
    case FT_RMSE:
        *sum += losses.squared_error;
        break;
    case FT_SMAPE:
        *sum += losses.smape;
        break;
    case FT_COVERAGE_80:
        *sum += losses.is_covered;
        break;
    default:
        for (int q = 0; q < FT_N_QUANTILES; q++) all_quantiles += losses.quantile[q];
        *sum += all_quantiles / FT_N_QUANTILES;
    }
    *weight += metric == FT_WQL ? fabs(truth) : 1;
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
    size_t capacity;
    ft_raw_cell item, origin; /* of the window under way */
    bool is_open;
} reading;

/* Drops the window under way where no step of it counts. */
static void close_window(const reading *r)
{
    if (r->is_open && r->scores->weight[r->scores->n_windows - 1] == 0) r->scores->n_windows--;
}

/* Begins a window where the row is of another one than the row before. */
static ft_status enter_window(reading *r, const ft_forecast_row *row, ft_error *err)
{
    ft_window_scores *s = r->scores;
    const bool same_item = r->is_open && ft_raw_cell_is_same(row->item, r->item);
    if (same_item && ft_raw_cell_is_same(row->origin, r->origin)) return FT_OK;
    close_window(r);
    ft_status status = grow(s, &r->capacity, err);
    if (status != FT_OK) return status;
    s->n_series += !same_item;
    s->series[s->n_windows] = s->n_series - 1;
    s->sum[s->n_windows] = s->weight[s->n_windows] = 0;
    s->n_windows++;
    r->item = row->item;
    r->origin = row->origin;
    r->is_open = true;
    return FT_OK;
}

static ft_status add_row(void *context, const ft_forecast_row *row, ft_error *err)
{
    reading *r = context;
    ft_window_scores *s = r->scores;
    const ft_raw_cell cells[] = {row->item, row->origin, row->timestamp, row->truth};
    ft_status status = enter_window(r, row, err);
    if (status != FT_OK || isnan(row->target)) return status;
    add_step(r->metric, row->target, row->quantiles, &s->sum[s->n_windows - 1], &s->weight[s->n_windows - 1]);
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++)
        s->windows = ft_checksum(ft_checksum(s->windows, cells[i].text, cells[i].length), ",", 1);
    return FT_OK;
}

ft_status ft_window_scores_read(const char *directory, ft_split split, ft_metric metric,
                                ft_window_scores *scores, ft_error *err)
{
    *scores = (ft_window_scores){0};
    reading r = {.scores = scores, .metric = metric};
    ft_status status = ft_forecast_rows_read(directory, 1u << split, add_row, &r, err);
    if (status == FT_OK) close_window(&r);
    if (status != FT_OK) ft_window_scores_free(scores);
    return status;
}

void ft_window_scores_free(ft_window_scores *scores)
{
    free(scores->sum);
    free(scores->weight);
    free(scores->series);
    *scores = (ft_window_scores){0};
}
