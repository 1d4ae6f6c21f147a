/* Reading forecasts.csv; see forecast_rows.h. */
#include "tracker/forecast_rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

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

/* What a cell names; FT_N_FORECAST_KINDS where it names nothing. */
static ft_forecast_kind kind_of(ft_raw_cell cell)
{
    int k = 0;
    while (k < FT_N_FORECAST_KINDS &&
           !ft_raw_cell_is_same(cell,
                                (ft_raw_cell){ft_forecast_kind_names[k], strlen(ft_forecast_kind_names[k])}))
        k++;
    return (ft_forecast_kind)k;
}

static bool make_row(const ft_raw_cell cells[N_CELLS], ft_forecast_row *row)
{
    row->item = cells[ITEM];
    row->origin = cells[ORIGIN];
    row->timestamp = cells[TIMESTAMP];
    row->truth = cells[TARGET];
    bool are_numbers =
        ft_raw_cell_number(cells[TARGET], &row->target) && ft_raw_cell_number(cells[MEAN], &row->mean);
    for (int i = 0; i < FT_N_QUANTILES && are_numbers; i++)
        are_numbers = ft_raw_cell_number(cells[FIRST_QUANTILE + i], &row->quantiles[i]);
    return are_numbers;
}

static ft_status read_lines(const char *path, const char *text, size_t size, unsigned kinds,
                            ft_forecast_row_visit *visit, void *context, ft_error *err)
{
    const char *at = text, *end;
    size_t n_lines;
    ft_status status = FT_OK;
    for (size_t line = 1; status == FT_OK && at < text + size; line += n_lines, at = end + 1) {
        ft_raw_cell cells[N_CELLS];
        ft_forecast_row row;
        end = ft_raw_line_end(at, text + size, &n_lines);
        bool is_whole = end && ft_raw_cells_cut(at, end, N_CELLS, cells);
        row.kind = is_whole ? kind_of(cells[SPLIT]) : FT_N_FORECAST_KINDS;
        if (line > 1 && kinds >> row.kind & 1) {
            is_whole = make_row(cells, &row);
            if (is_whole) status = visit(context, &row, err);
        }
        if (!is_whole)
            return ft_fail(err, FT_BAD_INPUT, "%s:%zu: this is no line of a forecasts.csv", path, line);
    }
    return status;
}

ft_status ft_forecast_rows_read(const char *directory, unsigned kinds, ft_forecast_row_visit *visit,
                                void *context, ft_error *err)
{
    char *path = ft_join_path(directory, "forecasts.csv"), *text = NULL;
    size_t size = 0;
    ft_status status = path ? ft_read_file(path, MOST_BYTES, &text, &size, err)
                            : ft_no_memory(err, "a path", strlen(directory));
    if (status == FT_OK) status = read_lines(path, text, size, kinds, visit, context, err);
    free(text);
    free(path);
    return status;
}
