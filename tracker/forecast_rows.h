/* Reads forecasts.csv back, row by row. docs/interface.md §3. */
#ifndef FT_TRACKER_FORECAST_ROWS_H
#define FT_TRACKER_FORECAST_ROWS_H

#include "tracker/forecasts.h"

/* A cell of the file, quotes and all; not NUL-terminated. */
typedef struct ft_raw_cell {
    const char *text;
    size_t length;
} ft_raw_cell;
bool ft_raw_cell_is_same(ft_raw_cell a, ft_raw_cell b);
/* What the cell says, without its quotes, malloc'd; NULL when memory runs out. */
char *ft_raw_cell_copy(ft_raw_cell cell);
/* A number; an empty cell is NaN. False: not a number. */
bool ft_raw_cell_number(ft_raw_cell cell, double *value);
/* Cuts the line up to `end` into cells: (count); false where it has not so many. */
bool ft_raw_cells_cut(const char *line, const char *end, size_t count, ft_raw_cell *cells);

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
