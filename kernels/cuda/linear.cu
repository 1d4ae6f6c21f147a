/* Products with frozen weights, by cuBLASLt: y = x w^T, dx = dy w, dw += dy^T x.
 *
 * A weight is stored once, (out, in) row-major in the backend's matrix type, and all
 * products read it in that layout. cuBLASLt's matrices are column-major: a row-major
 * (rows, cols) matrix is a column-major (cols, rows) one. Each product is therefore
 * computed transposed: y^T = w x^T and so on. An operand of another type than the weight
 * is first converted into scratch memory. The algorithm that cuBLASLt's heuristics choose
 * is cached by shape. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bf16.h"
#include "kernels/cuda/device.h"
#include "kernels/cuda/kernel.h"
#include "kernels/cuda/lt.h"

struct ft_weight {
    int32_t out_features, in_features;
    void *data; /* (out, in), matrix */
};

/* One product as cuBLASLt sees it: d = op(a) op(b) (+ d), column-major. */
typedef struct product_shape {
    int64_t m, n, k, a_leading, b_leading, d_leading;
    cudaDataType_t input, output;
    cublasOperation_t a_operation, b_operation;
    uint32_t a_alignment, b_alignment, d_alignment;
} product_shape;

typedef struct planned_product {
    product_shape shape;
    cublasLtMatmulDesc_t product;
    cublasLtMatrixLayout_t a, b, d;
    cublasLtMatmulAlgo_t algo;
    size_t workspace;
    struct planned_product *next;
} planned_product;

struct ft_cuda_lt {
    ft_lt_functions call;
    cublasLtHandle_t handle;
    planned_product *planned;
};

enum { CONVERT_THREADS = 128, WORKSPACE_BYTES = 32 << 20, ALGORITHMS = 4 };

/* to = from, element by element; four a thread. */
__global__ void __launch_bounds__(CONVERT_THREADS) convert_kernel(ft_tensor from, ft_tensor to)
{
    int64_t fours_per_row = (from.cols + 3) / 4;
    int64_t index = (int64_t)blockIdx.x * CONVERT_THREADS + threadIdx.x, row = index / fours_per_row;
    if (row >= from.rows) return;
    float v[4];
    int col = (int)(index % fours_per_row) * 4;
    ft_load4(from, ft_in_fours(from), row, col, v);
    ft_store4(to, ft_in_fours(to), row, col, v);
}

static void convert(ft_cuda *cuda, ft_tensor from, ft_tensor to)
{
    if (from.rows == 0) return;
    int64_t fours = from.rows * ft_cuda_ceil(from.cols, 4);
    CUDA_LAUNCH(cuda, convert_kernel, ft_cuda_ceil(fours, CONVERT_THREADS), CONVERT_THREADS, 0, from, to);
}

/* Converts the operand to the matrix type, if it has another. Returns false after a
 * failure. */
static bool as_matrix(ft_cuda *cuda, ft_cuda_use use, ft_tensor *t)
{
    if (t->dtype == cuda->base.matrix) return true;
    ft_tensor packed = *t;
    packed.dtype = cuda->base.matrix;
    packed.stride = ft_cuda_ceil(t->cols, 8) * 8;
    packed.data =
        ft_cuda_scratch(cuda, use, (size_t)(packed.rows * packed.stride) * ft_dtype_bytes(packed.dtype));
    if (!packed.data) return false;
    convert(cuda, *t, packed);
    *t = packed;
    return cuda->failure == FT_OK;
}

static bool lt_check(ft_cuda *cuda, cublasStatus_t status, const char *call, int line)
{
    if (status == CUBLAS_STATUS_SUCCESS) return true;
    if (cuda->failure == FT_OK)
        cuda->failure = ft_fail(&cuda->failed, FT_FAILED, "%s:%d: %s: %s (status %d) on device %d, %s",
                                __FILE__, line, call, cuda->lt->call.cublasLtGetStatusName(status),
                                (int)status, cuda->device, cuda->base.device);
    return false;
}
#define LT_TRY(function, ...) lt_check(cuda, lt->call.function(__VA_ARGS__), #function, __LINE__)

/* Appends the product's shape to the kept failure, with all that is needed to reproduce
 * the product outside of ftgpu. */
static void add_shape(ft_cuda *cuda, const product_shape *shape)
{
    const struct {
        const char *name;
        cudaDataType_t type;
        cublasOperation_t operation;
        int64_t leading;
        uint32_t alignment;
    } operands[] = {{"a", shape->input, shape->a_operation, shape->a_leading, shape->a_alignment},
                    {"b", shape->input, shape->b_operation, shape->b_leading, shape->b_alignment},
                    {"d", shape->output, CUBLAS_OP_N, shape->d_leading, shape->d_alignment}};
    char *message = cuda->failed.message;
    size_t room = sizeof cuda->failed.message, used = strlen(message);
    snprintf(message + used, room - used, ", of the product d = op(a) op(b) with m %lld, n %lld, k %lld",
             (long long)shape->m, (long long)shape->n, (long long)shape->k);
    for (size_t i = 0; i < sizeof operands / sizeof *operands; i++) {
        used = strlen(message);
        snprintf(message + used, room - used, "; %s %s%s, leading dimension %lld, aligned to %u bytes",
                 operands[i].name, operands[i].type == CUDA_R_16BF ? "bf16" : "f32",
                 operands[i].operation == CUBLAS_OP_T ? " transposed" : "", (long long)operands[i].leading,
                 (unsigned)operands[i].alignment);
    }
}

static void free_plan(struct ft_cuda_lt *lt, planned_product *plan)
{
    if (plan->product) lt->call.cublasLtMatmulDescDestroy(plan->product);
    if (plan->a) lt->call.cublasLtMatrixLayoutDestroy(plan->a);
    if (plan->b) lt->call.cublasLtMatrixLayoutDestroy(plan->b);
    if (plan->d) lt->call.cublasLtMatrixLayoutDestroy(plan->d);
    free(plan);
}

/* Chooses the best algorithm of the heuristics' list that works on this device; some on
 * the list may not. */
static bool choose_algorithm(ft_cuda *cuda, planned_product *plan)
{
    struct ft_cuda_lt *lt = cuda->lt;
    cublasLtMatmulPreference_t preference = NULL;
    cublasLtMatmulHeuristicResult_t results[ALGORITHMS];
    size_t workspace = WORKSPACE_BYTES;
    int found = 0;
    if (!LT_TRY(cublasLtMatmulPreferenceCreate, &preference)) return false;
    const struct {
        cublasLtMatmulPreferenceAttributes_t attribute;
        uint32_t alignment;
    } alignments[] = {{CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, plan->shape.a_alignment},
                      {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, plan->shape.b_alignment},
                      {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, plan->shape.d_alignment},
                      {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, plan->shape.d_alignment}};
    bool good = LT_TRY(cublasLtMatmulPreferenceSetAttribute, preference,
                       CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &workspace, sizeof workspace);
    for (size_t i = 0; good && i < sizeof alignments / sizeof *alignments; i++)
        good = LT_TRY(cublasLtMatmulPreferenceSetAttribute, preference, alignments[i].attribute,
                      &alignments[i].alignment, sizeof alignments[i].alignment);
    good = good && LT_TRY(cublasLtMatmulAlgoGetHeuristic, lt->handle, plan->product, plan->a, plan->b,
                          plan->d, plan->d, preference, ALGORITHMS, results, &found);
    int best = 0;
    while (best < found &&
           (results[best].state != CUBLAS_STATUS_SUCCESS || results[best].workspaceSize > WORKSPACE_BYTES))
        best++;
    if (good && best == found)
        good = lt_check(cuda, CUBLAS_STATUS_NOT_SUPPORTED, "cublasLtMatmulAlgoGetHeuristic", __LINE__);
    if (good) {
        plan->algo = results[best].algo;
        plan->workspace = results[best].workspaceSize;
    }
    return LT_TRY(cublasLtMatmulPreferenceDestroy, preference) && good;
}

static planned_product *make_plan(ft_cuda *cuda, const product_shape *shape)
{
    struct ft_cuda_lt *lt = cuda->lt;
    planned_product *plan = (planned_product *)calloc(1, sizeof *plan);
    if (!plan) {
        ft_cuda_fail(cuda, FT_NO_MEMORY, "no memory for the plan of a matrix product");
        return NULL;
    }
    plan->shape = *shape;
    bool a_turned = shape->a_operation == CUBLAS_OP_T, b_turned = shape->b_operation == CUBLAS_OP_T;
    uint64_t m = (uint64_t)shape->m, n = (uint64_t)shape->n, k = (uint64_t)shape->k;
    if (LT_TRY(cublasLtMatmulDescCreate, &plan->product, CUBLAS_COMPUTE_32F, CUDA_R_32F) &&
        LT_TRY(cublasLtMatmulDescSetAttribute, plan->product, CUBLASLT_MATMUL_DESC_TRANSA,
               &shape->a_operation, sizeof shape->a_operation) &&
        LT_TRY(cublasLtMatmulDescSetAttribute, plan->product, CUBLASLT_MATMUL_DESC_TRANSB,
               &shape->b_operation, sizeof shape->b_operation) &&
        LT_TRY(cublasLtMatrixLayoutCreate, &plan->a, shape->input, a_turned ? k : m, a_turned ? m : k,
               shape->a_leading) &&
        LT_TRY(cublasLtMatrixLayoutCreate, &plan->b, shape->input, b_turned ? n : k, b_turned ? k : n,
               shape->b_leading) &&
        LT_TRY(cublasLtMatrixLayoutCreate, &plan->d, shape->output, m, n, shape->d_leading) &&
        choose_algorithm(cuda, plan)) {
        plan->next = lt->planned;
        lt->planned = plan;
        return plan;
    }
    free_plan(lt, plan);
    return NULL;
}

/* The largest power of two, up to 256, that divides the address. */
static uint32_t alignment_of(const void *data)
{
    uintptr_t lowest = (uintptr_t)data & (~(uintptr_t)data + 1);
    return lowest == 0 || lowest > 256 ? 256 : (uint32_t)lowest;
}

static cudaDataType_t type_of(ft_dtype dtype)
{
    return dtype == FT_BF16 ? CUDA_R_16BF : CUDA_R_32F;
}

/* d = a b (+ d), column-major: the operands are the transposes of these row-major
 * tensors. `a` and `b` have the matrix type. */
static void multiply(ft_cuda *cuda, ft_tensor a, cublasOperation_t a_operation, ft_tensor b,
                     cublasOperation_t b_operation, ft_tensor d, int64_t k, bool accumulate)
{
    struct ft_cuda_lt *lt = cuda->lt;
    product_shape shape;
    memset(&shape, 0, sizeof shape); /* compared by memcmp, padding included */
    shape.m = d.cols, shape.n = d.rows, shape.k = k;
    shape.a_leading = a.stride, shape.b_leading = b.stride, shape.d_leading = d.stride;
    shape.input = type_of(a.dtype), shape.output = type_of(d.dtype);
    shape.a_operation = a_operation, shape.b_operation = b_operation;
    shape.a_alignment = alignment_of(a.data), shape.b_alignment = alignment_of(b.data);
    shape.d_alignment = alignment_of(d.data);
    planned_product *plan = lt->planned;
    while (plan && memcmp(&plan->shape, &shape, sizeof shape) != 0) plan = plan->next;
    if (!plan) plan = make_plan(cuda, &shape);
    if (!plan) {
        add_shape(cuda, &shape);
        return;
    }
    void *workspace = plan->workspace ? ft_cuda_scratch(cuda, FT_CUDA_WORKSPACE, WORKSPACE_BYTES) : NULL;
    if (plan->workspace && !workspace) return;
    float alpha = 1, beta = accumulate ? 1.0f : 0.0f;
    if (!LT_TRY(cublasLtMatmul, lt->handle, plan->product, &alpha, a.data, plan->a, b.data, plan->b, &beta,
                d.data, plan->d, d.data, plan->d, &plan->algo, workspace, plan->workspace, cuda->stream))
        add_shape(cuda, &shape);
}

static ft_tensor weight_tensor(const ft_cuda *cuda, const ft_weight *weight)
{
    ft_tensor w = {weight->data, cuda->base.matrix, weight->out_features, weight->in_features,
                   weight->in_features};
    return w;
}

static void linear_forward(ft_backend *self, const ft_weight *weight, ft_tensor x, ft_tensor y,
                           bool accumulate)
{
    ft_cuda *cuda = ft_cuda_of(self);
    if (x.rows == 0 || !ft_cuda_enter(cuda) || !as_matrix(cuda, FT_CUDA_LEFT, &x)) return;
    multiply(cuda, weight_tensor(cuda, weight), CUBLAS_OP_T, x, CUBLAS_OP_N, y, weight->in_features,
             accumulate);
}

static void linear_backward(ft_backend *self, const ft_weight *weight, ft_tensor dy, ft_tensor dx,
                            bool accumulate)
{
    ft_cuda *cuda = ft_cuda_of(self);
    if (dy.rows == 0 || !ft_cuda_enter(cuda) || !as_matrix(cuda, FT_CUDA_LEFT, &dy)) return;
    multiply(cuda, weight_tensor(cuda, weight), CUBLAS_OP_N, dy, CUBLAS_OP_N, dx, weight->out_features,
             accumulate);
}

static void weight_gradient(ft_backend *self, ft_tensor dy, ft_tensor x, ft_tensor dw)
{
    ft_cuda *cuda = ft_cuda_of(self);
    if (dy.rows == 0 || !ft_cuda_enter(cuda)) return;
    if (!as_matrix(cuda, FT_CUDA_LEFT, &dy) || !as_matrix(cuda, FT_CUDA_RIGHT, &x)) return;
    multiply(cuda, x, CUBLAS_OP_N, dy, CUBLAS_OP_T, dw, dy.rows, true);
}

static size_t weight_bytes(ft_backend *self, int32_t out_features, int32_t in_features, bool)
{
    return sizeof(ft_weight) + (size_t)out_features * (size_t)in_features * ft_dtype_bytes(self->matrix);
}

static void free_weight(ft_backend *self, ft_weight *weight)
{
    if (!weight) return;
    self->release(self, weight->data);
    free(weight);
}

static ft_status prepare_weight(ft_backend *self, const float *w, int32_t out_features, int32_t in_features,
                                bool with_backward, ft_weight **out, ft_error *err)
{
    size_t count = (size_t)out_features * (size_t)in_features, bytes = count * ft_dtype_bytes(self->matrix);
    (void)with_backward;
    *out = NULL;
    ft_status status = FT_OK;
    uint16_t *rounded = NULL;
    ft_weight *weight = (ft_weight *)calloc(1, sizeof *weight);
    if (!weight) return ft_no_memory(err, "a weight", sizeof *weight);
    weight->out_features = out_features;
    weight->in_features = in_features;
    weight->data = self->allocate(self, bytes, err);
    if (!weight->data) {
        free(weight);
        return FT_NO_MEMORY;
    }
    if (self->bf16) {
        rounded = (uint16_t *)malloc(bytes + 1);
        if (!rounded) status = ft_no_memory(err, "a weight on its way to the device", bytes);
        for (size_t i = 0; rounded && i < count; i++) rounded[i] = ft_bf16_from_float(w[i]);
    }
    if (status == FT_OK) {
        self->to_device(self, weight->data, rounded ? (const void *)rounded : (const void *)w, bytes);
        *out = weight;
    } else {
        free_weight(self, weight);
    }
    free(rounded);
    return status;
}

static void update_weight(ft_backend *self, ft_weight *weight, ft_tensor w)
{
    ft_cuda *cuda = ft_cuda_of(self);
    if (!ft_cuda_enter(cuda)) return;
    convert(cuda, w, weight_tensor(cuda, weight));
}

ft_status ft_cuda_linear_operations(ft_cuda *cuda, ft_error *err)
{
    struct ft_cuda_lt *lt = (struct ft_cuda_lt *)calloc(1, sizeof *lt);
    if (!lt) return ft_no_memory(err, "matrix products", sizeof *lt);
    cuda->lt = lt;
    ft_status status = ft_lt_open(&lt->call, err);
    if (status != FT_OK) return status;
    if (!LT_TRY(cublasLtCreate, &lt->handle)) {
        if (err) *err = cuda->failed;
        return cuda->failure;
    }
    ft_backend *base = &cuda->base;
    base->prepare_weight = prepare_weight;
    base->update_weight = update_weight;
    base->free_weight = free_weight;
    base->weight_bytes = weight_bytes;
    base->linear_forward = linear_forward;
    base->linear_backward = linear_backward;
    base->weight_gradient = weight_gradient;
    return FT_OK;
}

void ft_cuda_linear_close(ft_cuda *cuda)
{
    struct ft_cuda_lt *lt = cuda->lt;
    if (!lt) return;
    while (lt->planned) {
        planned_product *plan = lt->planned;
        lt->planned = plan->next;
        free_plan(lt, plan);
    }
    if (lt->handle) lt->call.cublasLtDestroy(lt->handle);
    free(lt);
    cuda->lt = NULL;
}
