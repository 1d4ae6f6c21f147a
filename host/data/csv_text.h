/* The bytes of a CSV file, wherever they come from: a file, perhaps compressed by gzip,
 * or a pipe. */
#ifndef FT_HOST_DATA_CSV_TEXT_H
#define FT_HOST_DATA_CSV_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/text.h"

/* Reads `path` whole, decompressed; "-" is standard input. *text is malloc'd, the
 * caller's and NUL-terminated (not counted in *size). A pipe, which can be read once, is
 * refused unless `takes_pipes`; so are files that are known to be no text (Excel,
 * Parquet, zip), with what to do instead. The text is UTF-8: UTF-16 is decoded, and so is
 * Windows-1252, with a line in notes. */
ft_status ft_csv_text_read(const char *path, bool takes_pipes, char **text, size_t *size, ft_text *notes,
                           ft_error *err);

/* What messages call the path: "stdin" for "-". */
const char *ft_csv_text_name(const char *path);

#endif
