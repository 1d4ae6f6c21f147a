/* Text in Windows-1252 (Western European), as older spreadsheets and databases write
 * it. */
#ifndef FT_BASE_WINDOWS1252_H
#define FT_BASE_WINDOWS1252_H

#include <stddef.h>

#include "base/error.h"

/* The index of the first byte that is not part of a UTF-8 character; `size` where there
 * is none. */
size_t ft_find_non_utf8(const char *text, size_t size);

/* The text in UTF-8: what is UTF-8 stays, any other byte is a character of Windows-1252
 * (which holds Latin-1). *decoded is malloc'd, the caller's and NUL-terminated (not
 * counted in *length); *count: how many characters were decoded. Fails by
 * FT_NO_MEMORY alone; `path` is for its message. */
ft_status ft_windows1252_decode(const char *path, const char *text, size_t size, char **decoded,
                                size_t *length, size_t *count, ft_error *err);

#endif
