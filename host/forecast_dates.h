/* The dates that follow the series of a file, and how they are written. */
#ifndef FT_HOST_FORECAST_DATES_H
#define FT_HOST_FORECAST_DATES_H

#include "base/text.h"
#include "host/data/dataset.h"
#include "host/data/frequency.h"

typedef struct ft_forecast_dates {
    int64_t *times; /* (n_items, horizon) */
    /* that shows all of them; each series has its last date's offset */
    ft_timestamp_style style;
    size_t horizon;
    /* where rows are not evenly spaced: one line that says how they go on; else empty */
    ft_text remark;
} ft_forecast_dates;

/* Continues each series at `named`, or, where that is NULL, at the frequency of its
 * dates; a series of one or two rows at that of the longest, if it has more; one row
 * alone by the finest part that dates show (a quarter, a month, a year, else a day).
 * `path` is the file's name in the remark. *dates is the caller's also on failure:
 * FT_BAD_INPUT beyond the year 9999, or where dates would be written alike. */
ft_status ft_forecast_dates_create(const ft_dataset *dataset, const char *path, const ft_frequency *named,
                                   size_t horizon, ft_forecast_dates *dates, ft_error *err);
void ft_forecast_dates_free(ft_forecast_dates *dates);

/* The date of step t, from 0, of a series, written. Returns `out`. */
char *ft_forecast_date(const ft_forecast_dates *dates, const ft_dataset *dataset, size_t item, size_t t,
                       char out[FT_TIMESTAMP_CHARS]);

#endif
