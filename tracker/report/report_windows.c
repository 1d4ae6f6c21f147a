/* Forecasts in a report: some test windows of the best experiment with their 80 % band, and seasonal naive
 * where the season before a window is in its forecasts.csv, too. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tracker/forecast_rows.h"
#include "tracker/report/report_parts.h"

/* Windows shown, and steps before each. */
enum { MOST_WINDOWS = 6, MOST_BEFORE = 48 };
enum { LOW = 0, MEDIAN = 4, HIGH = 8 }; /* of the quantiles 0.1 to 0.9 */

/* Rows as they are read. */
typedef struct reader {
    ft_report_data *data;
    size_t season;
    size_t n_windows;               /* test windows so far, that under way included */
    size_t n_all;                   /* 0 while they are counted */
    ft_raw_cell item, origin, last; /* of the window under way, and its last timestamp */
    double *run;                    /* (n_run): the truth of windows that follow each other without a gap */
    size_t n_run, capacity, start;  /* start: of the window under way */
    cJSON *windows, *shown;         /* the list; the window under way, NULL where it is not shown */
    cJSON *time, *truth, *median, *low, *high;
} reader;

static bool is_shown(const reader *r)
{
    const size_t window = r->n_windows - 1;
    if (r->n_all <= MOST_WINDOWS) return r->n_all > 0;
    for (size_t k = 0; k < MOST_WINDOWS; k++)
        if (window == k * (r->n_all - 1) / (MOST_WINDOWS - 1)) return true;
    return false;
}

static void add_cell(reader *r, cJSON *parent, const char *key, ft_raw_cell cell)
{
    char *text = ft_raw_cell_copy(cell);
    if (!text) r->data->failed = true;
    ft_report_add_text(r->data, parent, key, text);
    free(text);
}

/* Ends the window under way: its seasonal naive forecast, if all of the season before it is known. */
static void close_window(reader *r)
{
    bool is_known = r->shown && r->season > 0 && r->start >= r->season;
    for (size_t i = 1; is_known && i <= r->season; i++) is_known = !isnan(r->run[r->start - i]);
    if (is_known) {
        cJSON *naive = ft_report_add_list(r->data, r->shown, "seasonal_naive");
        for (size_t h = 0; h < r->n_run - r->start; h++)
            ft_report_add_number(r->data, naive, NULL, r->run[r->start - r->season + h % r->season]);
    }
    r->shown = NULL;
}

static void open_window(reader *r, const ft_forecast_row *row)
{
    const bool follows =
        r->n_run && ft_raw_cell_is_same(row->item, r->item) && ft_raw_cell_is_same(row->origin, r->last);
    if (!follows) r->n_run = 0;
    r->start = r->n_run;
    r->item = row->item;
    r->origin = row->origin;
    if (row->split != FT_TEST) return;
    r->n_windows++;
    if (!is_shown(r)) return;
    r->shown = ft_report_add_object(r->data, r->windows, NULL);
    add_cell(r, r->shown, "item", row->item);
    add_cell(r, r->shown, "origin", row->origin);
    cJSON *before = ft_report_add_list(r->data, r->shown, "before");
    for (size_t i = r->start > MOST_BEFORE ? r->start - MOST_BEFORE : 0; i < r->start; i++)
        ft_report_add_number(r->data, before, NULL, r->run[i]);
    r->time = ft_report_add_list(r->data, r->shown, "time");
    r->truth = ft_report_add_list(r->data, r->shown, "truth");
    r->median = ft_report_add_list(r->data, r->shown, "median");
    r->low = ft_report_add_list(r->data, r->shown, "low");
    r->high = ft_report_add_list(r->data, r->shown, "high");
}

static ft_status add_row(void *context, const ft_forecast_row *row, ft_error *err)
{
    reader *r = context;
    if (r->n_run == r->capacity) {
        const size_t more = r->capacity ? 2 * r->capacity : 256;
        double *grown = realloc(r->run, more * sizeof *grown);
        if (!grown) return ft_no_memory(err, "the forecasts of a report", more * sizeof *grown);
        r->run = grown;
        r->capacity = more;
    }
    if (r->n_run == 0 || !ft_raw_cell_is_same(row->item, r->item) ||
        !ft_raw_cell_is_same(row->origin, r->origin)) {
        close_window(r);
        open_window(r, row);
    }
    r->run[r->n_run++] = row->target;
    r->last = row->timestamp;
    if (!r->shown) return FT_OK;
    add_cell(r, r->time, NULL, row->timestamp);
    ft_report_add_number(r->data, r->truth, NULL, row->target);
    ft_report_add_number(r->data, r->median, NULL, row->quantiles[MEDIAN]);
    ft_report_add_number(r->data, r->low, NULL, row->quantiles[LOW]);
    ft_report_add_number(r->data, r->high, NULL, row->quantiles[HIGH]);
    return FT_OK;
}

ft_status ft_report_add_windows(const ft_report_study *study, ft_report_data *data, ft_error *err)
{
    const unsigned splits = 1u << FT_VAL | 1u << FT_TEST;
    const char *directory = study->best ? study->best->directory : NULL;
    const cJSON *season = study->best ? cJSON_GetObjectItemCaseSensitive(study->best->run, "season") : NULL;
    ft_error unread = {""};
    ft_status status = FT_OK;
    cJSON *out = ft_report_add_object(data, data->root, "forecasts");
    reader r = {.data = data, .windows = ft_report_add_list(data, out, "windows")};
    if (cJSON_IsNumber(season) && season->valuedouble >= 1 && season->valuedouble < 1e9)
        r.season = (size_t)season->valuedouble;
    if (directory) status = ft_forecast_rows_read(directory, splits, add_row, &r, &unread);
    if (directory && status == FT_OK) {
        r.n_all = r.n_windows;
        r.n_windows = r.n_run = r.start = 0;
        r.shown = NULL;
        status = ft_forecast_rows_read(directory, splits, add_row, &r, &unread);
        if (status == FT_OK) close_window(&r);
    }
    ft_report_add_number(data, out, "n_windows", (double)r.n_all);
    /* What cannot be read is said in the report: the rest of it is worth having. */
    ft_report_add_text(data, out, "unread", status == FT_OK ? NULL : unread.message);
    free(r.run);
    return status == FT_NO_MEMORY ? ft_fail(err, status, "%s", unread.message) : FT_OK;
}
