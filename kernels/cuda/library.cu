/* Opening libraries; see library.h. */
#include "kernels/cuda/library.h"

#include <cuda_runtime.h>

#ifdef FT_SIMT

void *ft_library_open(const char *what, const char *const *, size_t, ft_error *)
{
    return const_cast<char *>(what);
}

#else

#include <dlfcn.h>

void *ft_library_open(const char *what, const char *const *names, size_t n_names, ft_error *err)
{
    for (size_t i = 0; i < n_names; i++) {
        void *library = dlopen(names[i], RTLD_NOW);
        if (library) return library;
    }
    ft_fail(err, FT_BAD_INPUT, "%s cannot be opened: %s", what, dlerror());
    return NULL;
}

void *ft_library_find(void *library, const char *what, const char *name, ft_error *err)
{
    void *found = dlsym(library, name);
    if (!found) ft_fail(err, FT_FAILED, "%s has no %s", what, name);
    return found;
}

#endif
