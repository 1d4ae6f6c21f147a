/* Finding cuBLASLt; see lt.h. */
#include "kernels/cuda/lt.h"

#include <stdio.h>

#include "kernels/cuda/library.h"

/* The toolkit's own directory comes last, for machines where it is not on the loader's path. */
ft_status ft_lt_open(ft_lt_functions *functions, ft_error *err)
{
    char versioned[64];
    snprintf(versioned, sizeof versioned, "libcublasLt.so.%d", CUDART_VERSION / 1000);
    const char *names[] = {versioned, "libcublasLt.so", "/usr/local/cuda/lib64/libcublasLt.so"};
    void *library = ft_library_open("cuBLASLt", names, sizeof names / sizeof *names, err);
    if (!library) return FT_FAILED;
#define FT_LT_TAKE(name)                                                                                     \
    if (!FT_LIBRARY_TAKE(library, "cuBLASLt", functions, name, err)) return FT_FAILED;
    FT_LT_FUNCTIONS(FT_LT_TAKE)
#undef FT_LT_TAKE
    return FT_OK;
}
