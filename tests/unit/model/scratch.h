/* A directory of a test's own, removed with everything in it, files in it, and messages
 * of errors. */
#ifndef FT_TESTS_UNIT_MODEL_SCRATCH_H
#define FT_TESTS_UNIT_MODEL_SCRATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

void scratch_enter(void);
void scratch_leave(void);

/* "<scratch directory>/<name>": one of 8 buffers in turn. */
const char *scratch_path(const char *name);
/* Makes a directory, writes a file, copies one. */
void scratch_directory(const char *name);
void scratch_write(const char *name, const void *data, size_t size);
void scratch_text(const char *name, const char *text);
void scratch_copy(const char *from, const char *name);
/* The whole file as text, to be freed; `path` is any path. */
char *scratch_read(const char *path);

/* `text` with its first `from` replaced by `to`, to be freed; `from` must be there. */
char *scratch_replace(const char *text, const char *from, const char *to);

/* The test fails unless `status` is FT_OK. */
void expect_ok(ft_status status, const ft_error *err);
/* It fails unless `status` is FT_BAD_INPUT and each of the words (up to NULL) is in the
 * message. */
void expect_refused(ft_status status, const ft_error *err, ...) __attribute__((sentinel));

#endif
