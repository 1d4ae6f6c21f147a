/* Texts in UTF-16, as spreadsheets and Windows shells write them. */
#ifndef FT_BASE_UTF16_H
#define FT_BASE_UTF16_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* Whether the bytes begin with the mark of UTF-16, of either byte order, and not with
 * that of UTF-32. */
bool ft_is_utf16(const void *data, size_t size);

/* The text in UTF-8, without the mark. *text is malloc'd, owned by the caller and
 * NUL-terminated (not counted in *length). FT_BAD_INPUT where a character is cut off or
 * half of it is missing. `path` is for messages. */
ft_status ft_utf16_decode(const char *path, const void *data, size_t size, char **text, size_t *length,
                          ft_error *err);

#endif
