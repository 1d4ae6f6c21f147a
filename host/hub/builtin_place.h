/* Where the built-in model lies on this machine: unpacked beside the caches of other programs, so
 * that all that reads a model directory reads it too, Python included. */
#ifndef FT_HOST_HUB_BUILTIN_PLACE_H
#define FT_HOST_HUB_BUILTIN_PLACE_H

#include "base/error.h"

/* Unpacks it where it is not there yet. *directory, malloc'd, is
 * $XDG_CACHE_HOME/ftgpu/models/ftgpu-nano-<checksum>, or below ~/.cache. Where neither can be
 * written, in a container say, it is below $TMPDIR/ftgpu-<user>, a directory that others cannot
 * write; FT_BAD_INPUT where that does not work either. */
ft_status ft_builtin_place(char **directory, ft_error *err);

#endif
