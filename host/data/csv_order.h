/* The rows of a CSV file in the order of time. */
#ifndef FT_HOST_DATA_CSV_ORDER_H
#define FT_HOST_DATA_CSV_ORDER_H

#include "host/data/csv.h"
#include "host/data/csv_settings.h"

/* Puts the rows of each series in ascending order of their dates. A file that is newest
 * first is reversed, with a note; --sort sorts any other order, and --duplicates merges
 * rows of one date, with a note. FT_BAD_INPUT otherwise, with both lines, and where the
 * dates are fiscal years (2003/04) that were read as months. */
ft_status ft_csv_put_in_order(ft_csv *csv, const ft_csv_settings *settings, ft_error *err);

#endif
