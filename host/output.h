/* Checks that an output is no input of the command and no file of an experiment, a
 * model or an adapter. */
#ifndef FT_HOST_OUTPUT_H
#define FT_HOST_OUTPUT_H

#include <stddef.h>

#include "base/error.h"

/* What a command reads: a file, or a directory and the files directly in it. */
typedef struct ft_input {
    const char *what; /* "the data" */
    const char *path; /* NULL: not given */
} ft_input;

/* FT_BAD_INPUT where `path` is, by whatever name (a symbolic or a hard link), an
 * input, a file in one that is a directory, or what an experiment, a model, an adapter
 * or a sweep consists of. What does not exist yet is fine. FT_FAILED where that cannot
 * be told. */
ft_status ft_output_check(const char *path, const ft_input *inputs, size_t n_inputs, ft_error *err);

/* FT_BAD_INPUT where the directory holds a file of that name, which is not to be
 * replaced. */
ft_status ft_output_check_absent(const char *directory, const char *name, ft_error *err);

#endif
