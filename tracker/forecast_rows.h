/* Reads forecasts.csv back, row by row. docs/interface.md §3. */
#ifndef FT_TRACKER_FORECAST_ROWS_H
#define FT_TRACKER_FORECAST_ROWS_H

#include "tracker/forecasts.h"
#include "tracker/raw_cells.h"

/* A step of a window. Cells point into the file's text, which is there until the reading
 * ends. */
typedef struct ft_forecast_row {
    ft_forecast_kind kind;
    ft_raw_cell item, origin, timestamp, truth;
    double target, mean, quantiles[FT_N_QUANTILES]; /* NaN: an empty cell */
} ft_forecast_row;

typedef ft_status ft_forecast_row_visit(void *context, const ft_forecast_row *row, ft_error *err);

/* Calls `visit` with each row of the kinds in `kinds` (bit 1 << FT_OF_VAL, ...), in the
 * order of the file. FT_BAD_INPUT, naming file and line, where the directory has no
 * forecasts.csv or it is not one. */
ft_status ft_forecast_rows_read(const char *directory, unsigned kinds, ft_forecast_row_visit *visit,
                                void *context, ft_error *err);

#endif
