/* Files compressed by gzip. */
#ifndef FT_BASE_GZIP_H
#define FT_BASE_GZIP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* Whether the bytes begin as gzip's do. */
bool ft_is_gzip(const void *data, size_t size);

/* Decompresses all members of a gzip file, at most max_bytes. *text is malloc'd, owned by
 * the caller and NUL-terminated (not counted in *length). FT_BAD_INPUT where the data is
 * damaged, truncated, too large, or followed by bytes other than zeros. `path` is for
 * messages. */
ft_status ft_gunzip(const char *path, const void *data, size_t size, size_t max_bytes, char **text,
                    size_t *length, ft_error *err);

#endif
