/* Forecasts in a report: some test windows of the best experiment with their 80 % band,
 * and what the baselines forecast there, which its forecasts.csv has for the same windows
 * (ft_forecasts_is_example). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tracker/forecast_rows.h"
#include "tracker/report/report_parts.h"

/* Windows shown, and steps before each. */
enum { MOST_WINDOWS = 8, MOST_BEFORE = 48 };
enum { LOW = 0, MEDIAN = 4, HIGH = 8 }; /* of the quantiles 0.1 to 0.9 */

/* A window that is shown, and whose it is. */
typedef struct shown {
    ft_raw_cell item, origin;
    cJSON *out;
} shown;

/* Rows as they are read. */
typedef struct reader {
    ft_report_data *data;
    size_t n_windows;               /* test windows so far, that under way included */
    size_t n_all;                   /* 0 while they are counted */
    ft_raw_cell item, origin, last; /* of the window under way, and its last timestamp */
    /* (n_run): the truth of windows that follow each other without a gap */
    double *run;
    size_t n_run, capacity;
    cJSON *windows; /* the list */
    shown shown[MOST_WINDOWS];
    size_t n_shown;
    /* of the window under way; NULL where it is not shown */
    cJSON *time, *truth, *median, *low, *high;
} reader;

static void add_cell(reader *r, cJSON *parent, const char *key, ft_raw_cell cell)
{
    char *text = ft_raw_cell_copy(cell);
    if (!text) r->data->failed = true;
    ft_report_add_text(r->data, parent, key, text);
    free(text);
}

static void open_window(reader *r, const ft_forecast_row *row)
{
    const bool follows =
        r->n_run && ft_raw_cell_is_same(row->item, r->item) && ft_raw_cell_is_same(row->origin, r->last);
    if (!follows) r->n_run = 0;
    r->item = row->item;
    r->origin = row->origin;
    r->time = NULL;
    if (row->kind != FT_OF_TEST) return;
    r->n_windows++;
    if (r->n_shown == MOST_WINDOWS || r->n_all == 0 || !ft_forecasts_is_example(r->n_windows - 1, r->n_all))
        return;
    cJSON *out = ft_report_add_object(r->data, r->windows, NULL);
    r->shown[r->n_shown++] = (shown){row->item, row->origin, out};
    add_cell(r, out, "item", row->item);
    add_cell(r, out, "origin", row->origin);
    cJSON *before = ft_report_add_list(r->data, out, "before");
    for (size_t i = r->n_run > MOST_BEFORE ? r->n_run - MOST_BEFORE : 0; i < r->n_run; i++)
        ft_report_add_number(r->data, before, NULL, r->run[i]);
    r->time = ft_report_add_list(r->data, out, "time");
    r->truth = ft_report_add_list(r->data, out, "truth");
    r->median = ft_report_add_list(r->data, out, "median");
    r->low = ft_report_add_list(r->data, out, "low");
    r->high = ft_report_add_list(r->data, out, "high");
}

/* A step of a baseline, into the window that it belongs to. */
static void add_baseline(reader *r, const ft_forecast_row *row)
{
    const char *key = row->kind == FT_OF_ZERO_SHOT ? "zero_shot" : "seasonal_naive";
    for (size_t i = 0; i < r->n_shown; i++) {
        const shown *at = &r->shown[i];
        if (!ft_raw_cell_is_same(at->item, row->item) || !ft_raw_cell_is_same(at->origin, row->origin))
            continue;
        cJSON *list = cJSON_GetObjectItemCaseSensitive(at->out, key);
        if (!list) list = ft_report_add_list(r->data, at->out, key);
        ft_report_add_number(r->data, list, NULL, row->quantiles[MEDIAN]);
        return;
    }
}

static ft_status add_row(void *context, const ft_forecast_row *row, ft_error *err)
{
    reader *r = context;
    if (row->kind == FT_OF_ZERO_SHOT || row->kind == FT_OF_SEASONAL_NAIVE) {
        add_baseline(r, row);
        return FT_OK;
    }
    if (r->n_run == r->capacity) {
        const size_t more = r->capacity ? 2 * r->capacity : 256;
        double *grown = realloc(r->run, more * sizeof *grown);
        if (!grown) return ft_no_memory(err, "the forecasts of a report", more * sizeof *grown);
        r->run = grown;
        r->capacity = more;
    }
    if (r->n_run == 0 || !ft_raw_cell_is_same(row->item, r->item) ||
        !ft_raw_cell_is_same(row->origin, r->origin))
        open_window(r, row);
    r->run[r->n_run++] = row->target;
    r->last = row->timestamp;
    if (!r->time) return FT_OK;
    add_cell(r, r->time, NULL, row->timestamp);
    ft_report_add_number(r->data, r->truth, NULL, row->target);
    ft_report_add_number(r->data, r->median, NULL, row->quantiles[MEDIAN]);
    ft_report_add_number(r->data, r->low, NULL, row->quantiles[LOW]);
    ft_report_add_number(r->data, r->high, NULL, row->quantiles[HIGH]);
    return FT_OK;
}

ft_status ft_report_add_windows(const ft_report_ranking *ranking, ft_report_data *data, ft_error *err)
{
    const unsigned kinds =
        1u << FT_OF_VAL | 1u << FT_OF_TEST | 1u << FT_OF_ZERO_SHOT | 1u << FT_OF_SEASONAL_NAIVE;
    const char *directory = ranking->best ? ranking->best->directory : NULL;
    ft_error read_error = {""};
    ft_status status = FT_OK;
    cJSON *out = ft_report_add_object(data, data->root, "forecasts");
    reader r = {.data = data, .windows = ft_report_add_list(data, out, "windows")};
    if (directory) status = ft_forecast_rows_read(directory, kinds, add_row, &r, &read_error);
    if (directory && status == FT_OK) {
        r.n_all = r.n_windows;
        r.n_windows = r.n_run = 0;
        status = ft_forecast_rows_read(directory, kinds, add_row, &r, &read_error);
    }
    ft_report_add_number(data, out, "n_windows", (double)r.n_all);
    /* What cannot be read is said in the report: the rest of it is worth having. */
    ft_report_add_text(data, out, "unread", status == FT_OK ? NULL : read_error.message);
    free(r.run);
    return status == FT_NO_MEMORY ? ft_fail(err, status, "%s", read_error.message) : FT_OK;
}
