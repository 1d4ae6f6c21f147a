/* cuDNN's softmax and attention at the shapes of `gpu_bench ops`, in bf16, on GPU 0: a yardstick.
 *
 *   cudnn_peer SIZE BATCH CONTEXT PREDICTION SERIES SAMPLES
 *
 * Attention is the forward pass as T5 has it: no scale, a bias of (heads, queries, keys) that is read from
 * memory (ours looks it up from the buckets), causality as part of the bias. No dropout and no mask, which
 * ours has besides. Softmax is cuDNN's own over the logits, beside our cross entropy, which reads and writes
 * as much. Lines of tab-separated values: operation, size, place, shape, microseconds; the first three as in
 * gpu_bench. Status 1 when something failed, after the lines that could be measured. */
#include <cuda_runtime_api.h>
#include <cudnn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/config.h"

static void check_cuda(cudaError_t error, const char *what)
{
    if (error == cudaSuccess) return;
    fprintf(stderr, "cudnn_peer: %s: %s\n", what, cudaGetErrorString(error));
    exit(1);
}

static bool good(cudnnStatus_t status, const char *what)
{
    if (status != CUDNN_STATUS_SUCCESS)
        fprintf(stderr, "cudnn_peer: %s: %s\n", what, cudnnGetErrorString(status));
    return status == CUDNN_STATUS_SUCCESS;
}

static void *zeros(size_t bytes)
{
    void *data = NULL;
    check_cuda(cudaMalloc(&data, bytes), "cudaMalloc");
    check_cuda(cudaMemset(data, 0, bytes), "cudaMemset");
    return data;
}

/* Microseconds of a call, the best of a few bursts; 0 when it fails. */
static double time_calls(bool (*call)(void *context), void *context)
{
    enum { CALLS = 20, BURSTS = 5 };
    cudaEvent_t begin, end;
    double best = 0;
    check_cuda(cudaEventCreate(&begin), "cudaEventCreate");
    check_cuda(cudaEventCreate(&end), "cudaEventCreate");
    bool fine = call(context);
    for (int burst = 0; burst < BURSTS && fine; burst++) {
        float milliseconds = 0;
        check_cuda(cudaEventRecord(begin, 0), "cudaEventRecord");
        for (int i = 0; i < CALLS && fine; i++) fine = call(context);
        check_cuda(cudaEventRecord(end, 0), "cudaEventRecord");
        check_cuda(cudaEventSynchronize(end), "cudaEventSynchronize");
        check_cuda(cudaEventElapsedTime(&milliseconds, begin, end), "cudaEventElapsedTime");
        double microseconds = (double)milliseconds * 1e3 / CALLS;
        if (best == 0 || microseconds < best) best = microseconds;
    }
    check_cuda(cudaEventDestroy(begin), "cudaEventDestroy");
    check_cuda(cudaEventDestroy(end), "cudaEventDestroy");
    return fine ? best : 0;
}

/* -- softmax -- */

typedef struct softmax {
    cudnnHandle_t handle;
    cudnnTensorDescriptor_t rows;
    void *logits;
} softmax;

static bool run_softmax(void *context)
{
    softmax *s = context;
    const float one = 1, zero = 0;
    return good(cudnnSoftmaxForward(s->handle, CUDNN_SOFTMAX_ACCURATE, CUDNN_SOFTMAX_MODE_INSTANCE, &one,
                                    s->rows, s->logits, &zero, s->rows, s->logits),
                "cudnnSoftmaxForward");
}

static bool bench_softmax(cudnnHandle_t handle, const char *size, int rows, int vocabulary)
{
    softmax s = {.handle = handle, .logits = zeros((size_t)rows * (size_t)vocabulary * sizeof(float))};
    double microseconds = 0;
    if (good(cudnnCreateTensorDescriptor(&s.rows), "cudnnCreateTensorDescriptor") &&
        good(cudnnSetTensor4dDescriptor(s.rows, CUDNN_TENSOR_NCHW, CUDNN_DATA_FLOAT, rows, vocabulary, 1, 1),
             "cudnnSetTensor4dDescriptor"))
        microseconds = time_calls(run_softmax, &s);
    if (microseconds > 0)
        printf("cross_entropy\t%s\thead\t%d x %d, softmax alone\t%.4g\n", size, rows, vocabulary,
               microseconds);
    cudnnDestroyTensorDescriptor(s.rows);
    check_cuda(cudaFree(s.logits), "cudaFree");
    return microseconds > 0;
}

/* -- attention as a graph of cuDNN's backend: two products with a softmax between, which it fuses -- */

enum { MOST_DESCRIPTORS = 64 };

typedef struct graph {
    cudnnBackendDescriptor_t made[MOST_DESCRIPTORS]; /* all that is to be destroyed */
    int n_made;
    bool fine;
} graph;

static cudnnBackendDescriptor_t make(graph *g, cudnnBackendDescriptorType_t type)
{
    cudnnBackendDescriptor_t d = NULL;
    if (!g->fine || g->n_made == MOST_DESCRIPTORS) return NULL;
    g->fine = good(cudnnBackendCreateDescriptor(type, &d), "cudnnBackendCreateDescriptor");
    if (g->fine) g->made[g->n_made++] = d;
    return d;
}

static void set(graph *g, cudnnBackendDescriptor_t d, cudnnBackendAttributeName_t name,
                cudnnBackendAttributeType_t type, int64_t count, const void *values)
{
    if (g->fine)
        g->fine = good(cudnnBackendSetAttribute(d, name, type, count, values), "cudnnBackendSetAttribute");
}

static void set_descriptor(graph *g, cudnnBackendDescriptor_t d, cudnnBackendAttributeName_t name,
                           cudnnBackendDescriptor_t value)
{
    set(g, d, name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &value);
}

static void finish(graph *g, cudnnBackendDescriptor_t d)
{
    if (g->fine) g->fine = good(cudnnBackendFinalize(d), "cudnnBackendFinalize");
}

/* A tensor of four dimensions; `uid` below 0: virtual, packed, never in memory. */
static cudnnBackendDescriptor_t tensor(graph *g, int64_t uid, cudnnDataType_t type, const int64_t dims[4],
                                       const int64_t strides[4])
{
    const int64_t alignment = 16, packed[4] = {dims[1] * dims[2] * dims[3], dims[2] * dims[3], dims[3], 1};
    bool is_virtual = uid < 0;
    cudnnBackendDescriptor_t t = make(g, CUDNN_BACKEND_TENSOR_DESCRIPTOR);
    if (is_virtual) uid = 1000 + g->n_made;
    set(g, t, CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &type);
    set(g, t, CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, 4, dims);
    set(g, t, CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, 4, strides ? strides : packed);
    set(g, t, CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, 1, &uid);
    set(g, t, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64, 1, &alignment);
    set(g, t, CUDNN_ATTR_TENSOR_IS_VIRTUAL, CUDNN_TYPE_BOOLEAN, 1, &is_virtual);
    finish(g, t);
    return t;
}

static const cudnnDataType_t in_float = CUDNN_DATA_FLOAT;

static cudnnBackendDescriptor_t product(graph *g, cudnnBackendDescriptor_t a, cudnnBackendDescriptor_t b,
                                        cudnnBackendDescriptor_t c)
{
    cudnnBackendDescriptor_t how = make(g, CUDNN_BACKEND_MATMUL_DESCRIPTOR);
    set(g, how, CUDNN_ATTR_MATMUL_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &in_float);
    finish(g, how);
    cudnnBackendDescriptor_t op = make(g, CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR);
    set_descriptor(g, op, CUDNN_ATTR_OPERATION_MATMUL_ADESC, a);
    set_descriptor(g, op, CUDNN_ATTR_OPERATION_MATMUL_BDESC, b);
    set_descriptor(g, op, CUDNN_ATTR_OPERATION_MATMUL_CDESC, c);
    set_descriptor(g, op, CUDNN_ATTR_OPERATION_MATMUL_DESC, how);
    finish(g, op);
    return op;
}

/* y = x (mode) b; `b` NULL: of x alone. */
static cudnnBackendDescriptor_t pointwise(graph *g, cudnnPointwiseMode_t mode, cudnnBackendDescriptor_t x,
                                          cudnnBackendDescriptor_t b, cudnnBackendDescriptor_t y)
{
    cudnnBackendDescriptor_t how = make(g, CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
    set(g, how, CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, 1, &mode);
    set(g, how, CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_TYPE_DATA_TYPE, 1, &in_float);
    finish(g, how);
    cudnnBackendDescriptor_t op = make(g, CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
    set_descriptor(g, op, CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, how);
    set_descriptor(g, op, CUDNN_ATTR_OPERATION_POINTWISE_XDESC, x);
    if (b) set_descriptor(g, op, CUDNN_ATTR_OPERATION_POINTWISE_BDESC, b);
    set_descriptor(g, op, CUDNN_ATTR_OPERATION_POINTWISE_YDESC, y);
    finish(g, op);
    return op;
}

static cudnnBackendDescriptor_t reduction(graph *g, cudnnReduceTensorOp_t mode, cudnnBackendDescriptor_t x,
                                          cudnnBackendDescriptor_t y)
{
    cudnnBackendDescriptor_t how = make(g, CUDNN_BACKEND_REDUCTION_DESCRIPTOR);
    set(g, how, CUDNN_ATTR_REDUCTION_OPERATOR, CUDNN_TYPE_REDUCTION_OPERATOR_TYPE, 1, &mode);
    set(g, how, CUDNN_ATTR_REDUCTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &in_float);
    finish(g, how);
    cudnnBackendDescriptor_t op = make(g, CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR);
    set_descriptor(g, op, CUDNN_ATTR_OPERATION_REDUCTION_DESC, how);
    set_descriptor(g, op, CUDNN_ATTR_OPERATION_REDUCTION_XDESC, x);
    set_descriptor(g, op, CUDNN_ATTR_OPERATION_REDUCTION_YDESC, y);
    finish(g, op);
    return op;
}

typedef struct attention {
    cudnnHandle_t handle;
    int64_t n, heads, d_kv, queries, keys;
    bool biased;
    cudnnBackendDescriptor_t plan, variant;
} attention;

enum { Q = 1, K, V, BIAS, OUT, N_UIDS = OUT };

/* The operations, in order; the number of them. */
static int add_operations(graph *g, const attention *a, cudnnBackendDescriptor_t operations[8])
{
    int64_t width = a->heads * a->d_kv;
    const int64_t q_dims[4] = {a->n, a->heads, a->queries, a->d_kv},
                  q_strides[4] = {a->queries * width, a->d_kv, width, 1};
    const int64_t k_dims[4] = {a->n, a->heads, a->d_kv, a->keys},
                  k_strides[4] = {a->keys * width, a->d_kv, 1, width};
    const int64_t v_dims[4] = {a->n, a->heads, a->keys, a->d_kv},
                  v_strides[4] = {a->keys * width, a->d_kv, width, 1};
    const int64_t bias_dims[4] = {1, a->heads, a->queries, a->keys};
    const int64_t score_dims[4] = {a->n, a->heads, a->queries, a->keys},
                  row_dims[4] = {a->n, a->heads, a->queries, 1};
    const cudnnDataType_t f32 = CUDNN_DATA_FLOAT, bf16 = CUDNN_DATA_BFLOAT16;
    cudnnBackendDescriptor_t scores = tensor(g, -1, f32, score_dims, NULL), biased = scores;
    int count = 0;
    operations[count++] =
        product(g, tensor(g, Q, bf16, q_dims, q_strides), tensor(g, K, bf16, k_dims, k_strides), scores);
    if (a->biased) {
        biased = tensor(g, -1, f32, score_dims, NULL);
        operations[count++] =
            pointwise(g, CUDNN_POINTWISE_ADD, scores, tensor(g, BIAS, bf16, bias_dims, NULL), biased);
    }
    cudnnBackendDescriptor_t largest = tensor(g, -1, f32, row_dims, NULL),
                             sum = tensor(g, -1, f32, row_dims, NULL);
    cudnnBackendDescriptor_t below = tensor(g, -1, f32, score_dims, NULL),
                             power = tensor(g, -1, f32, score_dims, NULL);
    cudnnBackendDescriptor_t probabilities = tensor(g, -1, bf16, score_dims, NULL);
    operations[count++] = reduction(g, CUDNN_REDUCE_TENSOR_MAX, biased, largest);
    operations[count++] = pointwise(g, CUDNN_POINTWISE_SUB, biased, largest, below);
    operations[count++] = pointwise(g, CUDNN_POINTWISE_EXP, below, NULL, power);
    operations[count++] = reduction(g, CUDNN_REDUCE_TENSOR_ADD, power, sum);
    operations[count++] = pointwise(g, CUDNN_POINTWISE_DIV, power, sum, probabilities);
    operations[count++] = product(g, probabilities, tensor(g, V, bf16, v_dims, v_strides),
                                  tensor(g, OUT, bf16, q_dims, q_strides));
    return count;
}

/* A plan by the first of the heuristics' engines that takes the graph. */
static void make_plan(graph *g, attention *a)
{
    enum { MOST_ENGINES = 8 };
    cudnnBackendDescriptor_t operations[8], engines[MOST_ENGINES] = {NULL};
    int64_t found = 0, count = add_operations(g, a, operations);
    cudnnBackendHeurMode_t mode = CUDNN_HEUR_MODE_A;
    cudnnBackendDescriptor_t whole = make(g, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
    set(g, whole, CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR, count, operations);
    set(g, whole, CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, 1, &a->handle);
    finish(g, whole);
    cudnnBackendDescriptor_t heuristics = make(g, CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
    set_descriptor(g, heuristics, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, whole);
    set(g, heuristics, CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, &mode);
    finish(g, heuristics);
    for (int i = 0; i < MOST_ENGINES; i++) engines[i] = make(g, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
    if (g->fine)
        g->fine = good(cudnnBackendGetAttribute(heuristics, CUDNN_ATTR_ENGINEHEUR_RESULTS,
                                                CUDNN_TYPE_BACKEND_DESCRIPTOR, MOST_ENGINES, &found, engines),
                       "the engines for attention");
    for (int64_t i = 0; i < found && i < MOST_ENGINES && g->fine && !a->plan; i++) {
        cudnnBackendDescriptor_t plan = make(g, CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
        set(g, plan, CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, 1, &a->handle);
        set_descriptor(g, plan, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, engines[i]);
        if (g->fine && cudnnBackendFinalize(plan) == CUDNN_STATUS_SUCCESS) a->plan = plan;
    }
    if (g->fine && !a->plan) {
        fprintf(stderr, "cudnn_peer: none of %lld engines takes attention with %lld x %lld scores\n",
                (long long)found, (long long)a->queries, (long long)a->keys);
        g->fine = false;
    }
}

static bool run_attention(void *context)
{
    attention *a = context;
    return good(cudnnBackendExecute(a->handle, a->plan, a->variant), "attention");
}

static bool bench_attention(attention *a, const char *size, const char *place)
{
    graph g = {.fine = true};
    double microseconds = 0;
    int64_t width = a->heads * a->d_kv, workspace_bytes = 0, got = 0;
    make_plan(&g, a);
    if (g.fine)
        g.fine = good(cudnnBackendGetAttribute(a->plan, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE,
                                               CUDNN_TYPE_INT64, 1, &got, &workspace_bytes),
                      "the workspace of attention");
    const int64_t uids[N_UIDS] = {Q, K, V, OUT, BIAS};
    const size_t elements[N_UIDS] = {(size_t)(a->n * a->queries * width), (size_t)(a->n * a->keys * width),
                                     (size_t)(a->n * a->keys * width), (size_t)(a->n * a->queries * width),
                                     (size_t)(a->heads * a->queries * a->keys)};
    void *data[N_UIDS], *workspace = zeros((size_t)workspace_bytes + 16);
    for (int i = 0; i < N_UIDS; i++) data[i] = zeros(elements[i] * 2);
    a->variant = make(&g, CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
    set(&g, a->variant, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, N_UIDS - !a->biased, uids);
    set(&g, a->variant, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, N_UIDS - !a->biased,
        data);
    set(&g, a->variant, CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, 1, &workspace);
    finish(&g, a->variant);
    if (g.fine) microseconds = time_calls(run_attention, a);
    if (microseconds > 0)
        printf("attention_forward\t%s\t%s\t%lld x %lld heads x %lld, %lld x %lld\t%.4g\n", size, place,
               (long long)a->n, (long long)a->heads, (long long)a->d_kv, (long long)a->queries,
               (long long)a->keys, microseconds);
    for (int i = 0; i < N_UIDS; i++) check_cuda(cudaFree(data[i]), "cudaFree");
    check_cuda(cudaFree(workspace), "cudaFree");
    while (g.n_made > 0) cudnnBackendDestroyDescriptor(g.made[--g.n_made]);
    return microseconds > 0;
}

int main(int argc, char **argv)
{
    ft_model_config config;
    ft_error err = {""};
    cudnnHandle_t handle;
    int numbers[5] = {0};
    for (int i = 0; i < 5 && argc == 7; i++) numbers[i] = atoi(argv[2 + i]);
    if (numbers[0] < 1 || numbers[1] < 1 || numbers[2] < 1 ||
        ft_config_for_size(argv[1], &config, &err) != FT_OK) {
        fprintf(stderr, "usage: cudnn_peer SIZE BATCH CONTEXT PREDICTION SERIES SAMPLES (%s)\n", err.message);
        return 2;
    }
    if (!good(cudnnCreate(&handle), "cudnnCreate")) return 1;
    const int64_t encoder = numbers[1] + 1, decoder = numbers[2] + 1;
    const struct {
        const char *place;
        int64_t queries, keys;
        bool biased;
    } places[] = {{"encoder", encoder, encoder, true},
                  {"decoder", decoder, decoder, true},
                  {"cross", decoder, encoder, false}};
    bool all = bench_softmax(handle, argv[1], numbers[0] * (int)decoder, config.vocab_size);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        attention a = {.handle = handle,
                       .n = numbers[0],
                       .heads = config.n_heads,
                       .d_kv = config.d_kv,
                       .queries = places[i].queries,
                       .keys = places[i].keys,
                       .biased = places[i].biased};
        all &= bench_attention(&a, argv[1], places[i].place);
    }
    cudnnDestroy(handle);
    return all ? 0 : 1;
}
