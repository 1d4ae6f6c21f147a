/* What the fuzz targets share: input as files in memory, and what every reader promises
 * of its errors. */
#ifndef FT_TESTS_FUZZ_FUZZ_H
#define FT_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* libFuzzer calls it with each input. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A directory of this process, removed at its end. */
const char *fuzz_directory(void);
/* The file of that name in it now holds these bytes, which live in memory alone. Returns
 * its path, which stays valid. */
const char *fuzz_put(const char *name, const void *data, size_t size);

/* Cuts the input at its next line "===": the part before it, `*size` bytes; *data and
 * *left go on behind it. NULL when nothing is left. */
const uint8_t *fuzz_part(const uint8_t **data, size_t *left, size_t *size);

/* Stops the fuzzer unless `status` is FT_OK, or FT_BAD_INPUT with a message of one line
 * in which `place` (NULL: anything) is named. No input may make a reader fail otherwise:
 * not by its claims about sizes either. */
void fuzz_check(ft_status status, const ft_error *err, const char *place);

/* Stops the fuzzer unless it holds. */
#define FUZZ_EXPECT(condition) ((condition) ? (void)0 : fuzz_stop(#condition, __FILE__, __LINE__))
void fuzz_stop(const char *what, const char *file, int line) __attribute__((noreturn));

#endif
