/* Finding cuBLASLt; see lt.h. */
#include "kernels/cuda/lt.h"

#include <stdio.h>
#include <string.h>

#ifdef FT_SIMT

ft_status ft_lt_open(ft_lt_functions *functions, ft_error *)
{
#define FT_LT_TAKE(name) functions->name = ::name;
    FT_LT_FUNCTIONS(FT_LT_TAKE)
#undef FT_LT_TAKE
    return FT_OK;
}

#else

#include <dlfcn.h>

/* The toolkit's own directory comes last, for machines where it is not on the loader's path. */
static void *open_library(void)
{
    char versioned[64];
    snprintf(versioned, sizeof versioned, "libcublasLt.so.%d", CUDART_VERSION / 1000);
    const char *names[] = {versioned, "libcublasLt.so", "/usr/local/cuda/lib64/libcublasLt.so"};
    void *library = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names && !library; i++)
        library = dlopen(names[i], RTLD_NOW);
    return library;
}

ft_status ft_lt_open(ft_lt_functions *functions, ft_error *err)
{
    void *library = open_library();
    if (!library) return ft_fail(err, FT_FAILED, "cuBLASLt cannot be opened: %s", dlerror());
#define FT_LT_FIND(name)                                                                                     \
    do {                                                                                                     \
        void *found = dlsym(library, #name);                                                                 \
        if (!found) return ft_fail(err, FT_FAILED, "cuBLASLt has no " #name);                                \
        memcpy(&functions->name, &found, sizeof found);                                                      \
    } while (0);
    FT_LT_FUNCTIONS(FT_LT_FIND)
#undef FT_LT_FIND
    return FT_OK;
}

#endif
