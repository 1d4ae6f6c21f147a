/* Which series each row of a CSV file is of, by the cells of its id columns. */
#ifndef FT_HOST_DATA_CSV_ITEMS_H
#define FT_HOST_DATA_CSV_ITEMS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "host/data/csv_header.h"
#include "host/data/csv_scanner.h"

/* Series in the order of appearance. Begins zeroed, but for its first two members. */
typedef struct ft_csv_items {
    const char *path, *id_name; /* for messages */
    char **names;               /* (n_items); NULL: the only series */
    size_t n_items, capacity;
    int32_t last; /* the series of the row before */
    /* Of its name where a cell that begins with it and ends behind it is the whole of it,
     * without quotes; 0: look at the cell. */
    size_t last_bytes;
    int32_t *buckets; /* (n_buckets): a series by the hash of its name, -1: free */
    size_t n_buckets;
    ft_text parts[FT_CSV_MAX_IDS], id; /* of a row, where several columns name a series */
} ft_csv_items;

/* Sets `last` to the series that the only id cell of a row names, which is added where it
 * is new. FT_BAD_INPUT where the cell is empty. `separator` stands between cells. */
ft_status ft_csv_items_take(ft_csv_items *items, const ft_csv_cell *cell, char separator, ft_error *err);

/* Without id columns: all rows are of the only series. */
ft_status ft_csv_items_take_only(ft_csv_items *items, ft_error *err);

/* Of several id columns: the cell at `place` among them, and when all `n_ids` are there,
 * the series "a|b" (a backslash stands before | and backslash in cells, so that different
 * ones never make one name). */
ft_status ft_csv_items_take_part(ft_csv_items *items, size_t place, const ft_csv_cell *cell, ft_error *err);
ft_status ft_csv_items_take_parts(ft_csv_items *items, size_t n_ids, ft_error *err);

/* Adds the series of `others`, of which number i is places[i] then; places:
 * (others->n_items). The names that are new move. */
ft_status ft_csv_items_join(ft_csv_items *items, ft_csv_items *others, int32_t *places, ft_error *err);

void ft_csv_items_free(ft_csv_items *items);

#endif
