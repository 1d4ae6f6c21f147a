/* A metric window by window; see window_scores.h. */
#include "tracker/window_scores.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "base/file.h"
#include "base/text.h"
#include "tracker/quantiles.h"

static const size_t MOST_BYTES = (size_t)1 << 32;

/* The columns of forecasts.csv. */
enum {
    SPLIT,
    ITEM,
    ORIGIN,
    TIMESTAMP,
    TARGET,
    MEAN,
    FIRST_QUANTILE,
    N_CELLS = FIRST_QUANTILE + FT_N_QUANTILES
};

typedef struct cell {
    const char *text; /* quotes and all */
    size_t length;
} cell;

bool ft_metric_has_windows(ft_metric metric)
{
    return metric == FT_MAE || metric == FT_RMSE || metric == FT_SMAPE || metric == FT_WQL ||
           metric == FT_COVERAGE_80;
}

/* Cuts a line into cells; false where there are not N_CELLS of them. */
static bool cut(const char *line, const char *end, cell cells[N_CELLS])
{
    for (int i = 0; i < N_CELLS; i++) {
        bool quoted = false;
        const char *at = line;
        while (at < end && (quoted || *at != ',')) quoted ^= *at++ == '"';
        cells[i] = (cell){line, (size_t)(at - line)};
        if (i + 1 == N_CELLS) return at == end;
        if (at == end) return false;
        line = at + 1;
    }
    return false;
}

static bool is_same(cell a, cell b)
{
    return a.length == b.length && memcmp(a.text, b.text, a.length) == 0;
}

/* An empty cell is NaN. False: not a number. */
static bool read_number(cell c, double *value)
{
    *value = NAN;
    return c.length == 0 || ft_parse_double(c.text, c.length, value);
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
    size_t capacity;
    cell item, origin; /* of the window under way */
    bool is_open;
} reading;

/* Begins a window where the line is of another one than the line before. */
static ft_status enter_window(reading *r, const cell cells[N_CELLS], ft_error *err)
{
    ft_window_scores *s = r->scores;
    const bool same_item = r->is_open && is_same(cells[ITEM], r->item);
    if (same_item && is_same(cells[ORIGIN], r->origin)) return FT_OK;
    if (r->is_open && s->weight[s->n_windows - 1] == 0) s->n_windows--; /* no step of it counts */
    ft_status status = grow(s, &r->capacity, err);
    if (status != FT_OK) return status;
    s->n_series += !same_item;
    s->series[s->n_windows] = s->n_series - 1;
    s->sum[s->n_windows] = s->weight[s->n_windows] = 0;
    s->n_windows++;
    r->item = cells[ITEM];
    r->origin = cells[ORIGIN];
    r->is_open = true;
    return FT_OK;
}

static ft_status add_line(reading *r, const cell cells[N_CELLS], ft_metric metric, bool *is_number,
                          ft_error *err)
{
    ft_window_scores *s = r->scores;
    double y, q[FT_N_QUANTILES];
    *is_number = read_number(cells[TARGET], &y);
    for (int i = 0; i < FT_N_QUANTILES && *is_number; i++)
        *is_number = read_number(cells[FIRST_QUANTILE + i], &q[i]);
    ft_status status = *is_number ? enter_window(r, cells, err) : FT_OK;
    if (status != FT_OK || !*is_number || isnan(y)) return status;
    add_step(metric, y, q, &s->sum[s->n_windows - 1], &s->weight[s->n_windows - 1]);
    for (int i = ITEM; i <= TARGET; i++)
        s->windows = ft_checksum(ft_checksum(s->windows, cells[i].text, cells[i].length), ",", 1);
    return FT_OK;
}

static ft_status read_lines(const char *path, const char *text, size_t size, ft_split split, ft_metric metric,
                            reading *r, ft_error *err)
{
    const char *at = text, *end;
    const cell wanted = {ft_split_names[split], strlen(ft_split_names[split])};
    ft_status status = FT_OK;
    for (size_t line = 1; status == FT_OK && at < text + size; line++, at = end + 1) {
        cell cells[N_CELLS];
        end = memchr(at, '\n', (size_t)(text + size - at));
        bool is_whole = end && cut(at, end, cells);
        if (is_whole && line > 1 && is_same(cells[SPLIT], wanted))
            status = add_line(r, cells, metric, &is_whole, err);
        if (!is_whole)
            return ft_fail(err, FT_BAD_INPUT, "%s:%zu: this is no line of a forecasts.csv", path, line);
    }
    ft_window_scores *s = r->scores;
    if (r->is_open && s->weight[s->n_windows - 1] == 0) s->n_windows--;
    return status;
}

ft_status ft_window_scores_read(const char *directory, ft_split split, ft_metric metric,
                                ft_window_scores *scores, ft_error *err)
{
    char *path = ft_join_path(directory, "forecasts.csv"), *text = NULL;
    size_t size = 0;
    *scores = (ft_window_scores){0};
    reading r = {.scores = scores};
    ft_status status = path ? ft_read_file(path, MOST_BYTES, &text, &size, err)
                            : ft_no_memory(err, "a path", strlen(directory));
    if (status == FT_OK) status = read_lines(path, text, size, split, metric, &r, err);
    if (status != FT_OK) ft_window_scores_free(scores);
    free(text);
    free(path);
    return status;
}

void ft_window_scores_free(ft_window_scores *scores)
{
    free(scores->sum);
    free(scores->weight);
    free(scores->series);
    *scores = (ft_window_scores){0};
}
