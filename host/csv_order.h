/* The rows of a CSV file in the order of time. */
#ifndef FT_HOST_CSV_ORDER_H
#define FT_HOST_CSV_ORDER_H

#include "host/csv.h"
#include "host/csv_settings.h"

/* Makes the dates of each series rise. Rows of which each series falls from the first to the last are
 * reversed, with a note; others in another order are sorted with --sort, and rows of one date made one with
 * --duplicates, with a note. FT_BAD_INPUT else, with both lines, and where the dates are fiscal years
 * (2003/04) that were read as months. */
ft_status ft_csv_put_in_order(ft_csv *csv, const ft_csv_settings *settings, ft_error *err);

#endif
