/* Libraries of CUDA's that are opened when they are needed, so that the program is not linked with them
 * (DESIGN.md §3). tests/simt has stand-ins for them, which are linked. */
#ifndef FT_KERNELS_CUDA_LIBRARY_H
#define FT_KERNELS_CUDA_LIBRARY_H

#include <stddef.h>

#include "base/error.h"

/* The first of `names` that the loader finds, or NULL and the error; once opened it stays. `what` is its name
 * for people. */
void *ft_library_open(const char *what, const char *const *names, size_t n_names, ft_error *err);
/* The library's function of that name, or NULL and the error. */
void *ft_library_find(void *library, const char *what, const char *name, ft_error *err);

/* Sets functions->name, declared as decltype(&::name); false, and the error, where the library has none. */
#ifdef FT_SIMT
#define FT_LIBRARY_TAKE(library, what, functions, name, err)                                                 \
    ((void)(library), (void)(err), (functions)->name = ::name, true)
#else
#define FT_LIBRARY_TAKE(library, what, functions, name, err)                                                 \
    ((functions)->name = (decltype((functions)->name))ft_library_find(library, what, #name, err),            \
     (functions)->name != NULL)
#endif

#endif
