/* Loads cuBLASLt; see lt.h. */
#include "kernels/cuda/lt.h"

#include <stdio.h>

#include "kernels/cuda/library.h"

/* The version that the header belongs to. */
#define FT_LT_TEXT_OF(number) #number
#define FT_LT_FILE(major) "libcublasLt.so." FT_LT_TEXT_OF(major)

ft_status ft_lt_open(ft_lt_functions *functions, ft_error *err)
{
    void *library = ft_library_open("cuBLASLt", FT_LT_FILE(CUBLAS_VER_MAJOR), err);
    if (!library) return FT_BAD_INPUT;
    functions->path = ft_library_path(library);
#define FT_LT_TAKE(name)                                                                                     \
    if (!FT_LIBRARY_TAKE(library, "cuBLASLt", functions, name, err)) return FT_BAD_INPUT;
    FT_LT_FUNCTIONS(FT_LT_TAKE)
#undef FT_LT_TAKE
    return FT_OK;
}

void ft_lt_describe(bool open, char *text, size_t size)
{
    ft_lt_functions call;
    ft_error err;
    if (!open) {
        snprintf(text, size, "%s, opened when a GPU is", FT_LT_FILE(CUBLAS_VER_MAJOR));
    } else if (ft_lt_open(&call, &err) != FT_OK) {
        snprintf(text, size, "%s", err.message);
    } else {
        size_t version = call.cublasLtGetVersion();
        snprintf(text, size, "%zu.%zu.%zu, %s", version / 10000, version / 100 % 100, version % 100,
                 call.path);
    }
}
