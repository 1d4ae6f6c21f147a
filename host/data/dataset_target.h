/* The column to forecast, in one file. */
#ifndef FT_HOST_DATA_DATASET_TARGET_H
#define FT_HOST_DATA_DATASET_TARGET_H

#include "host/data/csv.h"

/* FT_BAD_INPUT where the file has no such column, or it has a text, an infinite number or
 * one beyond float's range. Notes where several columns have its name, and -999 and the
 * like among other values. */
ft_status ft_dataset_check_target(const ft_csv *csv, const char *target, ft_text *notes, ft_error *err);

#endif
