/* Reading a file by all cores: copying it from the system's memory is much of the
 * work. */
#ifndef FT_BASE_LARGE_FILE_H
#define FT_BASE_LARGE_FILE_H

#include <stddef.h>

#include "base/error.h"

/* As ft_read_file, which reads small files and those that change meanwhile. */
ft_status ft_read_large_file(const char *path, size_t max_bytes, char **data, size_t *size, ft_error *err);

#endif
