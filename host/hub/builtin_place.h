/* Unpacks the built-in model, so that everything that reads a model directory can read
 * it, Python included. */
#ifndef FT_HOST_HUB_BUILTIN_PLACE_H
#define FT_HOST_HUB_BUILTIN_PLACE_H

#include "base/error.h"

/* Unpacks the model unless it is there. *directory, malloc'd, is
 * models/ftgpu-nano-<checksum> in ft_cache_directory(). If that cannot be written, as in
 * some containers, it is below $TMPDIR/ftgpu-<user>, which only this user can write.
 * FT_BAD_INPUT if neither works. */
ft_status ft_builtin_place(char **directory, ft_error *err);

#endif
