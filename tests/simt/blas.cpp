/* The cuBLASLt stand-in: each product is queued on its stream and computed in f32, row by
 * row. The algorithm remembers the alignment that it was chosen for, and a product with
 * less of it fails, as a vectorized kernel would; so does one by an algorithm whose state
 * was a failure. The workspace is overwritten. */
#include <cstring>
#include <vector>

#include "cublasLt.h"
#include "cuda_bf16.h"
#include "tests/simt/machine.h"

struct simt_lt {
    int device;
};
struct simt_lt_product {
    bool transpose_a, transpose_b;
};
struct simt_lt_layout {
    cudaDataType_t type;
    int64_t rows, cols, leading;
};
struct simt_lt_preference {
    size_t workspace;
    uint32_t alignment[4] = {256, 256, 256, 256};
};

static int spoiled; /* algorithms of each heuristic */

void simt_spoil_algorithms(int n)
{
    spoiled = n;
}

#define FAIL_IF_TOLD(function)                                                                               \
    if (int error = simt::injected(#function)) return (cublasStatus_t)error

namespace
{

float load(const simt_lt_layout &layout, const void *data, int64_t row, int64_t col)
{
    int64_t index = col * layout.leading + row;
    if (layout.type == CUDA_R_32F) return static_cast<const float *>(data)[index];
    return __bfloat162float(static_cast<const __nv_bfloat16 *>(data)[index]);
}

void store(const simt_lt_layout &layout, void *data, int64_t row, int64_t col, float value)
{
    int64_t index = col * layout.leading + row;
    if (layout.type == CUDA_R_32F)
        static_cast<float *>(data)[index] = value;
    else
        static_cast<__nv_bfloat16 *>(data)[index] = __float2bfloat16_rn(value);
}

/* A matrix as f32, transposed or not, the first index slow. */
std::vector<float> gather(const simt_lt_layout &layout, const void *data, bool cols_slow)
{
    std::vector<float> values((size_t)(layout.rows * layout.cols));
    size_t at = 0;
    for (int64_t i = 0; i < (cols_slow ? layout.cols : layout.rows); i++)
        for (int64_t j = 0; j < (cols_slow ? layout.rows : layout.cols); j++)
            values[at++] = cols_slow ? load(layout, data, j, i) : load(layout, data, i, j);
    return values;
}

void multiply(const simt_lt_product &product, float alpha, const void *a, const simt_lt_layout &a_layout,
              const void *b, const simt_lt_layout &b_layout, float beta, const void *c,
              const simt_lt_layout &c_layout, void *d, const simt_lt_layout &d_layout)
{
    int64_t m = d_layout.rows, n = d_layout.cols, k = product.transpose_a ? a_layout.rows : a_layout.cols;
    std::vector<float> left = gather(a_layout, a, product.transpose_a);   /* (m, k) */
    std::vector<float> right = gather(b_layout, b, !product.transpose_b); /* (n, k) */
    for (int64_t j = 0; j < n; j++)
        for (int64_t i = 0; i < m; i++) {
            const float *x = left.data() + i * k, *y = right.data() + j * k;
            float part[8] = {0}, sum = 0;
            int64_t e = 0;
            for (; e + 8 <= k; e += 8)
                for (int lane = 0; lane < 8; lane++) part[lane] += x[e + lane] * y[e + lane];
            for (; e < k; e++) sum += x[e] * y[e];
            for (float one : part) sum += one;
            sum *= alpha;
            if (beta != 0) sum += beta * load(c_layout, c, i, j);
            store(d_layout, d, i, j, sum);
        }
}

bool aligned(const void *data, uint64_t alignment)
{
    return (uintptr_t)data % alignment == 0;
}

} // namespace

size_t cublasLtGetVersion(void)
{
    return 130100;
}

const char *cublasLtGetStatusName(cublasStatus_t status)
{
    switch (status) {
    case CUBLAS_STATUS_NOT_SUPPORTED:
        return "CUBLAS_STATUS_NOT_SUPPORTED";
    case CUBLAS_STATUS_EXECUTION_FAILED:
        return "CUBLAS_STATUS_EXECUTION_FAILED";
    default:
        return "CUBLAS_STATUS_SIMULATED";
    }
}

cublasStatus_t cublasLtCreate(cublasLtHandle_t *handle)
{
    FAIL_IF_TOLD(cublasLtCreate);
    *handle = new simt_lt{simt::current_device()};
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle)
{
    delete handle;
    FAIL_IF_TOLD(cublasLtDestroy);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t *product, cublasComputeType_t, cudaDataType_t)
{
    FAIL_IF_TOLD(cublasLtMatmulDescCreate);
    *product = new simt_lt_product{false, false};
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t product)
{
    delete product;
    FAIL_IF_TOLD(cublasLtMatmulDescDestroy);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t product,
                                              cublasLtMatmulDescAttributes_t attribute, const void *value,
                                              size_t bytes)
{
    FAIL_IF_TOLD(cublasLtMatmulDescSetAttribute);
    cublasOperation_t operation;
    if (bytes != sizeof operation) return CUBLAS_STATUS_INVALID_VALUE;
    memcpy(&operation, value, bytes);
    bool transpose = operation == CUBLAS_OP_T;
    (attribute == CUBLASLT_MATMUL_DESC_TRANSA ? product->transpose_a : product->transpose_b) = transpose;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t *layout, cudaDataType_t type, uint64_t rows,
                                          uint64_t cols, int64_t leading)
{
    FAIL_IF_TOLD(cublasLtMatrixLayoutCreate);
    if (leading < (int64_t)rows || rows == 0 || cols == 0) return CUBLAS_STATUS_INVALID_VALUE;
    *layout = new simt_lt_layout{type, (int64_t)rows, (int64_t)cols, leading};
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout)
{
    delete layout;
    FAIL_IF_TOLD(cublasLtMatrixLayoutDestroy);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t *preference)
{
    FAIL_IF_TOLD(cublasLtMatmulPreferenceCreate);
    *preference = new simt_lt_preference{};
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference)
{
    delete preference;
    FAIL_IF_TOLD(cublasLtMatmulPreferenceDestroy);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t preference,
                                                    cublasLtMatmulPreferenceAttributes_t attribute,
                                                    const void *value, size_t bytes)
{
    FAIL_IF_TOLD(cublasLtMatmulPreferenceSetAttribute);
    if (attribute == CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES) {
        if (bytes != sizeof preference->workspace) return CUBLAS_STATUS_INVALID_VALUE;
        memcpy(&preference->workspace, value, bytes);
        return CUBLAS_STATUS_SUCCESS;
    }
    int operand = attribute - CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES;
    if (bytes != sizeof(uint32_t) || operand < 0 || operand > 3) return CUBLAS_STATUS_INVALID_VALUE;
    memcpy(&preference->alignment[operand], value, bytes);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t, cublasLtMatmulDesc_t, cublasLtMatrixLayout_t,
                                              cublasLtMatrixLayout_t, cublasLtMatrixLayout_t,
                                              cublasLtMatrixLayout_t, cublasLtMatmulPreference_t preference,
                                              int wanted, cublasLtMatmulHeuristicResult_t *results,
                                              int *found)
{
    *found = 0;
    FAIL_IF_TOLD(cublasLtMatmulAlgoGetHeuristic);
    if (wanted < 1) return CUBLAS_STATUS_INVALID_VALUE;
    size_t least = preference->workspace < 1024 ? preference->workspace : 1024;
    for (int n = 0; n < wanted; n++) {
        cublasLtMatmulHeuristicResult_t &result = results[n];
        result = {};
        bool fails = n < spoiled && n % 2 == 0, is_large = n < spoiled && n % 2 == 1;
        for (int i = 0; i < 4; i++) result.algo.data[i] = preference->alignment[i];
        result.workspaceSize = is_large ? preference->workspace + 1 : least;
        result.algo.data[4] = result.workspaceSize;
        result.state = fails ? CUBLAS_STATUS_NOT_SUPPORTED : CUBLAS_STATUS_SUCCESS;
        result.algo.data[5] = (uint64_t)result.state;
    }
    *found = wanted;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t product, const void *alpha,
                              const void *a, cublasLtMatrixLayout_t a_layout, const void *b,
                              cublasLtMatrixLayout_t b_layout, const void *beta, const void *c,
                              cublasLtMatrixLayout_t c_layout, void *d, cublasLtMatrixLayout_t d_layout,
                              const cublasLtMatmulAlgo_t *algo, void *workspace, size_t workspace_bytes,
                              cudaStream_t stream)
{
    FAIL_IF_TOLD(cublasLtMatmul);
    simt_lt_product shape = *product;
    simt_lt_layout la = *a_layout, lb = *b_layout, lc = *c_layout, ld = *d_layout;
    int64_t k = shape.transpose_a ? la.rows : la.cols;
    if (algo->data[5]) return (cublasStatus_t)algo->data[5];
    bool fits = (shape.transpose_a ? la.cols : la.rows) == ld.rows &&
                (shape.transpose_b ? lb.rows : lb.cols) == ld.cols &&
                (shape.transpose_b ? lb.cols : lb.rows) == k && lc.rows == ld.rows && lc.cols == ld.cols;
    if (!fits || handle->device != simt::current_device() || algo->data[4] > workspace_bytes)
        return CUBLAS_STATUS_INVALID_VALUE;
    if (!aligned(a, algo->data[0]) || !aligned(b, algo->data[1]) || !aligned(c, algo->data[2]) ||
        !aligned(d, algo->data[3]))
        return CUBLAS_STATUS_EXECUTION_FAILED;
    float by, keep;
    memcpy(&by, alpha, sizeof by);
    memcpy(&keep, beta, sizeof keep);
    simt::counts().matmuls++;
    size_t scribble = algo->data[4];
    int error = simt::enqueue(stream, "cublasLtMatmul", [=] {
        if (scribble) memset(workspace, 0xff, scribble);
        multiply(shape, by, a, la, b, lb, keep, c, lc, d, ld);
    });
    return error ? CUBLAS_STATUS_EXECUTION_FAILED : CUBLAS_STATUS_SUCCESS;
}
