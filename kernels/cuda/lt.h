/* cuBLASLt, loaded when the first GPU is opened: the program is not linked with it
 * (docs/architecture.md §3). */
#ifndef FT_KERNELS_CUDA_LT_H
#define FT_KERNELS_CUDA_LT_H

#include <cublasLt.h>

#include "base/error.h"

#define FT_LT_FUNCTIONS(each)                                                                                \
    each(cublasLtGetVersion) each(cublasLtGetStatusName) each(cublasLtCreate) each(cublasLtDestroy)          \
        each(cublasLtMatmulDescCreate) each(cublasLtMatmulDescDestroy) each(cublasLtMatmulDescSetAttribute)  \
            each(cublasLtMatrixLayoutCreate) each(cublasLtMatrixLayoutDestroy)                               \
                each(cublasLtMatmulPreferenceCreate) each(cublasLtMatmulPreferenceDestroy)                   \
                    each(cublasLtMatmulPreferenceSetAttribute) each(cublasLtMatmulAlgoGetHeuristic)          \
                        each(cublasLtMatmul)

typedef struct ft_lt_functions {
    const char *path; /* the library's file */
#define FT_LT_DECLARE(name) decltype(&::name) name;
    FT_LT_FUNCTIONS(FT_LT_DECLARE)
#undef FT_LT_DECLARE
} ft_lt_functions;

/* Loads the library, once per process, and looks up its functions. It stays open. */
ft_status ft_lt_open(ft_lt_functions *functions, ft_error *err);
/* cuBLASLt's part of ft_cuda_describe. */
void ft_lt_describe(bool open, char *text, size_t size);

#endif
