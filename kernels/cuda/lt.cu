/* Finding cuBLASLt; see lt.h. */
#include "kernels/cuda/lt.h"

#include "kernels/cuda/library.h"

/* Of the version that the header is of. */
#define FT_LT_TEXT_OF(number) #number
#define FT_LT_FILE(major) "libcublasLt.so." FT_LT_TEXT_OF(major)

ft_status ft_lt_open(ft_lt_functions *functions, ft_error *err)
{
    void *library = ft_library_open("cuBLASLt", FT_LT_FILE(CUBLAS_VER_MAJOR), err);
    if (!library) return FT_BAD_INPUT;
#define FT_LT_TAKE(name)                                                                                     \
    if (!FT_LIBRARY_TAKE(library, "cuBLASLt", functions, name, err)) return FT_BAD_INPUT;
    FT_LT_FUNCTIONS(FT_LT_TAKE)
#undef FT_LT_TAKE
    return FT_OK;
}
