/* How much memory a backend is asked for, of one backend at a time. */
#ifndef FT_TESTS_UNIT_MODEL_COUNTED_H
#define FT_TESTS_UNIT_MODEL_COUNTED_H

#include "kernels/backend.h"

/* From here on the bytes of every `allocate` are added up, until counted_end returns
 * their sum. */
void counted_begin(ft_backend *backend);
size_t counted_end(ft_backend *backend);

#endif
