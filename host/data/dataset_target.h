/* Checks the column to forecast in one file. */
#ifndef FT_HOST_DATA_DATASET_TARGET_H
#define FT_HOST_DATA_DATASET_TARGET_H

#include "host/data/csv.h"

/* FT_BAD_INPUT, naming the line, if the file has no such column, or the column has a
 * text, an infinite number or one beyond float's range. Adds a line to `notes` if several
 * columns have the name, and if values like -999 may stand for missing ones. */
ft_status ft_dataset_check_target(const ft_csv *csv, const char *target, ft_text *notes, ft_error *err);

#endif
