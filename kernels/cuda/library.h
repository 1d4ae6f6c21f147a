/* Opens CUDA's libraries when they are needed, so that the program is not linked with
 * them (docs/architecture.md §3). File names include the version ("libnccl.so.2"), since
 * another version may have another ABI. In tests/simt, stand-ins for them are linked. */
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
/* Sets functions->name, declared as decltype(&::name), to the library's function. Returns
 * false and sets the error where the library has none. */
#define FT_LIBRARY_TAKE(library, what, functions, name, err)                                                 \
    ((void)(library), (void)(err), (functions)->name = ::name, true)

#else

#ifdef __cplusplus
extern "C" {
#endif

/* Calls `visit` with each path where the library may be, best first, until it returns
 * true. Returns whether it did. The order:
 *
 *   1. the directories in FTGPU_CUDA_LIBRARIES;
 *   2. the bare name, which the loader looks up (LD_LIBRARY_PATH and the system's paths);
 *   3. the toolkit's directories (CUDA_HOME, CUDA_PATH, /usr/local/cuda*);
 *   4. NVIDIA's Python packages, in the order in which Python environments take effect:
 *      VIRTUAL_ENV, CONDA_PREFIX, PYTHONPATH, the python3 on PATH, the user's, the
 *      system's.
 *
 * Patterns are expanded to the files that they match. No Python runs. */
bool ft_library_places(const char *file, bool (*visit)(const char *path, void *context), void *context);

/* Opens the first usable library of that name; it stays open. Returns NULL and sets the
 * error (FT_BAD_INPUT) where there is none. `what` is its name in messages. */
void *ft_library_open(const char *what, const char *file, ft_error *err);
/* The path of the file that was opened. */
const char *ft_library_path(void *library);
/* Returns the library's function of that name, or NULL and sets the error. */
void *ft_library_find(void *library, const char *what, const char *name, ft_error *err);

#ifdef __cplusplus
}
#endif

#define FT_LIBRARY_TAKE(library, what, functions, name, err)                                                 \
    ((functions)->name = (decltype((functions)->name))ft_library_find(library, what, #name, err),            \
     (functions)->name != NULL)

#endif
#endif
