/* Explains why a path is no model or adapter directory, and what to do about it. */
#ifndef FT_MODEL_PLACE_H
#define FT_MODEL_PLACE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* FT_OK where <directory>/<wanted> ("config.json", "adapter_config.json") exists, or
 * where there is nothing to add to the error of reading it. FT_BAD_INPUT, with what to
 * do, where the path is missing (perhaps a name on the Hugging Face Hub), a file, Hugging
 * Face's cache or an experiment, or where a directory below it is meant. */
ft_status ft_place_check(const char *directory, const char *wanted, ft_error *err);

/* FT_BAD_INPUT where the first bytes of a file are known to be of something else than its
 * name says: a git-lfs pointer, a web page, what torch.save writes. */
ft_status ft_place_check_bytes(const char *path, const void *bytes, size_t size, ft_error *err);
/* The same for a file. FT_OK where it cannot be read: the reader reports that. */
ft_status ft_place_check_file(const char *path, ft_error *err);

#endif
