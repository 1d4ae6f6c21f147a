/* Which series each row of a CSV file is of, by the cells of its id columns. */
#ifndef FT_HOST_DATA_CSV_ITEMS_H
#define FT_HOST_DATA_CSV_ITEMS_H

#include "base/text.h"
#include "host/data/csv.h"
#include "host/data/csv_header.h"
#include "host/data/csv_scanner.h"

/* What finding a series by its name needs while a file is read; begins zeroed. */
typedef struct ft_csv_items {
    /* (n_buckets): index of a series by the hash of its name, -1: free */
    int32_t *buckets;
    size_t n_buckets, capacity;
    ft_text parts[FT_CSV_MAX_IDS], id; /* of a row, where several columns name a series */
} ft_csv_items;

/* The row that is being read, csv->n_rows, is of the series that its only id cell names:
 * sets csv->items of it, and adds a series that is new. FT_BAD_INPUT where the cell is
 * empty. */
ft_status ft_csv_items_take(ft_csv_items *items, ft_csv *csv, const ft_csv_cell *cell, ft_error *err);

/* Of several id columns: the cell at `place` among them, and when all are there, the
 * series "a|b" (a backslash stands before | and backslash in cells, so that different
 * ones never make one name). The second is called without id columns too. `line` is the
 * row's. */
ft_status ft_csv_items_take_part(ft_csv_items *items, const ft_csv *csv, size_t place,
                                 const ft_csv_cell *cell, ft_error *err);
ft_status ft_csv_items_take_parts(ft_csv_items *items, ft_csv *csv, size_t line, ft_error *err);

void ft_csv_items_free(ft_csv_items *items);

#endif
