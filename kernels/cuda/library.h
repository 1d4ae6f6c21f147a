/* Libraries of CUDA's that are opened when they are needed, so that the program is not
 * linked with them (docs/architecture.md §3). A library is named with its version
 * ("libnccl.so.2"): another one may have another ABI. tests/simt has stand-ins for them,
 * which are linked. */
#ifndef FT_KERNELS_CUDA_LIBRARY_H
#define FT_KERNELS_CUDA_LIBRARY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

#ifdef FT_SIMT

static inline void *ft_library_open(const char *what, const char *, ft_error *)
{
    return const_cast<char *>(what);
}
static inline const char *ft_library_path(void *)
{
    return "tests/simt";
}
/* Sets functions->name, declared as decltype(&::name); false, and the error, where the
 * library has none. */
#define FT_LIBRARY_TAKE(library, what, functions, name, err)                                                 \
    ((void)(library), (void)(err), (functions)->name = ::name, true)

#else

#ifdef __cplusplus
extern "C" {
#endif

/* Visits the paths where the library may lie, the best first, until `visit` returns true;
 * returns whether it did. First the directories named by FTGPU_CUDA_LIBRARIES, then the
 * name alone, which leaves the search to the loader (LD_LIBRARY_PATH and what the system
 * knows), then the toolkit's directories (CUDA_HOME, CUDA_PATH, /usr/local/cuda*), then
 * NVIDIA's packages for Python, in the order in which environments are meant to be seen:
 * VIRTUAL_ENV, CONDA_PREFIX, PYTHONPATH, the python3 on PATH, the user's own, the
 * system's. Those that are patterns are visited where they match a file; no Python is
 * run. */
bool ft_library_places(const char *file, bool (*visit)(const char *path, void *context), void *context);

/* The first library of that name that can be opened, or NULL and the error
 * (FT_BAD_INPUT); once opened it stays. `what` is its name for people. */
void *ft_library_open(const char *what, const char *file, ft_error *err);
/* The file that was opened. */
const char *ft_library_path(void *library);
/* The library's function of that name, or NULL and the error. */
void *ft_library_find(void *library, const char *what, const char *name, ft_error *err);

#ifdef __cplusplus
}
#endif

#define FT_LIBRARY_TAKE(library, what, functions, name, err)                                                 \
    ((functions)->name = (decltype((functions)->name))ft_library_find(library, what, #name, err),            \
     (functions)->name != NULL)

#endif
#endif
