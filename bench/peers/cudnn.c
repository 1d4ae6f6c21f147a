/* cuDNN's softmax and attention at the shapes of `gpu_bench ops`, in bf16, on GPU 0: a yardstick.
 *
 *   cudnn_peer SIZE BATCH CONTEXT PREDICTION SERIES SAMPLES
 *
 * Attention is the forward pass as T5 has it: no scale, a bias of (heads, queries, keys) that is read from
 * memory (ours looks it up from the buckets), causality as part of the bias. No dropout, as in gpu_bench's
 * lines of the same place, and no mask, which ours has besides. Softmax is cuDNN's own over the logits,
 * beside our cross entropy, which reads and writes as much. Random numbers and replays of a graph, as in
 * gpu_bench. Lines of tab-separated values: operation, size, place, shape, microseconds; the first three as
 * in gpu_bench. What fails has no microseconds and one more value, the reason; the rest goes on.
 *
 * Exit status: 0 all was measured, 1 some failed, 2 wrong usage or no cuDNN or GPU. */
#include <cuda_runtime_api.h>
#include <cudnn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bf16.h"
#include "base/error.h"
#include "kernels/cuda/library.h"
#include "model/config.h"
#include "model/initial_values.h"

/* cuDNN is opened, not linked: the program starts, and says what is missing, on a machine without it. */
#define FUNCTIONS(each)                                                                                      \
    each(cudnnBackendCreateDescriptor) each(cudnnBackendDestroyDescriptor) each(cudnnBackendExecute)         \
        each(cudnnBackendFinalize) each(cudnnBackendGetAttribute) each(cudnnBackendSetAttribute)             \
            each(cudnnCreate) each(cudnnCreateTensorDescriptor) each(cudnnDestroy)                           \
                each(cudnnDestroyTensorDescriptor) each(cudnnGetErrorString) each(cudnnSetStream)            \
                    each(cudnnSetTensor4dDescriptor) each(cudnnSoftmaxForward)
static struct {
#define DECLARE(name) __typeof__(&name) name;
    FUNCTIONS(DECLARE)
#undef DECLARE
#if CUDNN_MAJOR >= 9
    __typeof__(&cudnnGetLastErrorString) cudnnGetLastErrorString;
#endif
} call;

#define TEXT_OF(number) #number
#define FILE_OF(major) "libcudnn.so." TEXT_OF(major)

static bool take(void *library, const char *name, void *function, ft_error *err)
{
    void *found = ft_library_find(library, "cuDNN", name, err);
    memcpy(function, &found, sizeof found);
    return found != NULL;
}

static bool open_cudnn(ft_error *err)
{
    void *library = ft_library_open("cuDNN", FILE_OF(CUDNN_MAJOR), err);
    bool all = library != NULL;
#define TAKE(name) all = all && take(library, #name, &call.name, err);
    FUNCTIONS(TAKE)
#undef TAKE
#if CUDNN_MAJOR >= 9
    all = all && take(library, "cudnnGetLastErrorString", &call.cudnnGetLastErrorString, err);
#endif
    return all;
}

/* Keep the first failure in `err`, where there was none before; true: no failure. */
static bool good(cudnnStatus_t status, const char *what, ft_error *err)
{
    char detail[512] = "";
    if (status == CUDNN_STATUS_SUCCESS) return true;
#if CUDNN_MAJOR >= 9
    call.cudnnGetLastErrorString(detail, sizeof detail);
#endif
    if (!err->message[0])
        ft_fail(err, FT_FAILED, "%s: %s %s", what, call.cudnnGetErrorString(status), detail);
    return false;
}

static bool good_cuda(cudaError_t error, const char *what, ft_error *err)
{
    if (error == cudaSuccess) return true;
    cudaGetLastError(); /* or the next call would be blamed */
    if (!err->message[0]) ft_fail(err, FT_FAILED, "%s: %s", what, cudaGetErrorString(error));
    return false;
}

/* Normal random numbers in device memory, bf16 or floats; NULL after a failure. */
static void *random_numbers(size_t count, bool bf16, const char *name, ft_error *err)
{
    void *data = NULL;
    size_t bytes = count * (bf16 ? sizeof(uint16_t) : sizeof(float));
    float *values = malloc(count * sizeof *values + 1);
    if (!values) ft_no_memory(err, name, count * sizeof *values);
    if (values && good_cuda(cudaMalloc(&data, bytes), "cudaMalloc", err)) {
        const ft_normal_values random = ft_normal_values_of(1, 1, name);
        ft_fill_normal(&random, values, count);
        uint16_t *rounded = (uint16_t *)values; /* in place: the halves written never pass what is read */
        for (size_t i = 0; bf16 && i < count; i++) {
            uint16_t half = ft_bf16_from_float(values[i]);
            memcpy(&rounded[i], &half, sizeof half);
        }
        good_cuda(cudaMemcpy(data, values, bytes, cudaMemcpyHostToDevice), "cudaMemcpy", err);
    }
    free(values);
    return data;
}

/* -- timing -- */

typedef struct timed {
    cudaStream_t stream; /* of the handle, too */
    cudaEvent_t begin, end;
    bool (*call)(void *context, ft_error *err);
    void *context;
} timed;

enum { CALLS = 20, BURSTS = 5 };

/* The calls of a burst as a graph; NULL where they cannot be captured. */
static cudaGraphExec_t capture(timed *t)
{
    ft_error ignored = {""};
    cudaGraph_t graph = NULL;
    cudaGraphExec_t executable = NULL;
    if (cudaStreamBeginCapture(t->stream, cudaStreamCaptureModeRelaxed) != cudaSuccess) return NULL;
    bool fine = true;
    for (int i = 0; i < CALLS && fine; i++) fine = t->call(t->context, &ignored);
    fine = cudaStreamEndCapture(t->stream, &graph) == cudaSuccess && fine;
    if (fine && cudaGraphInstantiate(&executable, graph, 0) != cudaSuccess) executable = NULL;
    if (graph) cudaGraphDestroy(graph);
    cudaGetLastError();
    return executable;
}

static bool run_burst(timed *t, cudaGraphExec_t graph, ft_error *err)
{
    bool fine = true;
    if (graph) return good_cuda(cudaGraphLaunch(graph, t->stream), "cudaGraphLaunch", err);
    for (int i = 0; i < CALLS && fine; i++) fine = t->call(t->context, err);
    return fine;
}

/* Microseconds of a call, the best of a few bursts; 0 when it fails. Sets *launched where the calls could not
 * be captured, so that launches count. */
static double time_calls(timed *t, bool *launched, ft_error *err)
{
    double best = 0;
    bool fine = good_cuda(cudaEventCreate(&t->begin), "cudaEventCreate", err) &&
                good_cuda(cudaEventCreate(&t->end), "cudaEventCreate", err) && t->call(t->context, err) &&
                good_cuda(cudaStreamSynchronize(t->stream), "cudaStreamSynchronize", err);
    cudaGraphExec_t graph = fine ? capture(t) : NULL;
    *launched = fine && !graph;
    for (int burst = 0; burst <= BURSTS && fine; burst++) {
        float milliseconds = 0;
        fine = good_cuda(cudaEventRecord(t->begin, t->stream), "cudaEventRecord", err) &&
               run_burst(t, graph, err) &&
               good_cuda(cudaEventRecord(t->end, t->stream), "cudaEventRecord", err) &&
               good_cuda(cudaEventSynchronize(t->end), "cudaEventSynchronize", err) &&
               good_cuda(cudaEventElapsedTime(&milliseconds, t->begin, t->end), "cudaEventElapsedTime", err);
        double microseconds = (double)milliseconds * 1e3 / CALLS;
        if (burst > 0 && (best == 0 || microseconds < best)) best = microseconds; /* the first warms up */
    }
    if (graph) cudaGraphExecDestroy(graph);
    if (t->begin) cudaEventDestroy(t->begin);
    if (t->end) cudaEventDestroy(t->end);
    return fine ? best : 0;
}

/* A line of the output; true: it was measured. */
static bool print_line(const char *operation, const char *size, const char *place, const char *shape,
                       double microseconds, bool launched, const ft_error *err)
{
    printf("%s\t%s\t%s\t%s%s\t", operation, size, place, shape, launched ? ", not captured" : "");
    if (microseconds > 0)
        printf("%.4g\n", microseconds);
    else
        printf("\t%s\n", err->message);
    fflush(stdout);
    return microseconds > 0;
}

/* -- softmax -- */

typedef struct softmax {
    cudnnHandle_t handle;
    cudnnTensorDescriptor_t rows;
    void *logits;
} softmax;

static bool run_softmax(void *context, ft_error *err)
{
    softmax *s = context;
    const float one = 1, zero = 0;
    return good(call.cudnnSoftmaxForward(s->handle, CUDNN_SOFTMAX_ACCURATE, CUDNN_SOFTMAX_MODE_INSTANCE, &one,
                                         s->rows, s->logits, &zero, s->rows, s->logits),
                "cudnnSoftmaxForward", err);
}

static bool bench_softmax(cudnnHandle_t handle, cudaStream_t stream, const char *size, int rows,
                          int vocabulary)
{
    ft_error err = {""};
    char shape[64];
    bool launched = false;
    double microseconds = 0;
    softmax s = {.handle = handle,
                 .logits = random_numbers((size_t)rows * (size_t)vocabulary, false, "logits", &err)};
    timed t = {.stream = stream, .call = run_softmax, .context = &s};
    if (s.logits && good(call.cudnnCreateTensorDescriptor(&s.rows), "cudnnCreateTensorDescriptor", &err) &&
        good(call.cudnnSetTensor4dDescriptor(s.rows, CUDNN_TENSOR_NCHW, CUDNN_DATA_FLOAT, rows, vocabulary, 1,
                                             1),
             "cudnnSetTensor4dDescriptor", &err))
        microseconds = time_calls(&t, &launched, &err);
    if (s.rows) call.cudnnDestroyTensorDescriptor(s.rows);
    cudaFree(s.logits);
    snprintf(shape, sizeof shape, "%d x %d, softmax alone", rows, vocabulary);
    return print_line("cross_entropy", size, "head", shape, microseconds, launched, &err);
}

/* -- attention as a graph of cuDNN's backend: two products with a softmax between, which it fuses -- */

enum { MOST_DESCRIPTORS = 128 };

typedef struct graph {
    cudnnBackendDescriptor_t made[MOST_DESCRIPTORS]; /* all that is to be destroyed */
    int n_made;
    ft_error err; /* the first failure */
} graph;

static bool fine(const graph *g)
{
    return !g->err.message[0];
}

static cudnnBackendDescriptor_t make(graph *g, cudnnBackendDescriptorType_t type)
{
    cudnnBackendDescriptor_t d = NULL;
    if (g->n_made == MOST_DESCRIPTORS && fine(g)) ft_fail(&g->err, FT_FAILED, "too many descriptors");
    if (fine(g) && good(call.cudnnBackendCreateDescriptor(type, &d), "cudnnBackendCreateDescriptor", &g->err))
        g->made[g->n_made++] = d;
    return d;
}

static void set(graph *g, cudnnBackendDescriptor_t d, cudnnBackendAttributeName_t name,
                cudnnBackendAttributeType_t type, int64_t count, const void *values)
{
    if (fine(g))
        good(call.cudnnBackendSetAttribute(d, name, type, count, values), "cudnnBackendSetAttribute",
             &g->err);
}

static void set_descriptor(graph *g, cudnnBackendDescriptor_t d, cudnnBackendAttributeName_t name,
                           cudnnBackendDescriptor_t value)
{
    set(g, d, name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &value);
}

static void finish(graph *g, cudnnBackendDescriptor_t d)
{
    if (fine(g)) good(call.cudnnBackendFinalize(d), "cudnnBackendFinalize", &g->err);
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

/* From one row of the bias to the next: rows begin at multiples of 16 bytes, as their tensor says. */
static int64_t bias_stride(const attention *a)
{
    return (a->keys + 7) / 8 * 8;
}

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
    const int64_t bias_dims[4] = {1, a->heads, a->queries, a->keys}, row = bias_stride(a),
                  bias_strides[4] = {a->heads * a->queries * row, a->queries * row, row, 1};
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
            pointwise(g, CUDNN_POINTWISE_ADD, scores, tensor(g, BIAS, bf16, bias_dims, bias_strides), biased);
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

/* A plan by the first of the engines that takes the graph, of those that the heuristics of this mode propose;
 * NULL: there is none. */
static cudnnBackendDescriptor_t find_plan(graph *g, const attention *a, cudnnBackendDescriptor_t whole,
                                          cudnnBackendHeurMode_t mode, int64_t *found)
{
    enum { MOST_ENGINES = 8 };
    cudnnBackendDescriptor_t engines[MOST_ENGINES] = {NULL}, taken = NULL;
    cudnnBackendDescriptor_t heuristics = make(g, CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
    set_descriptor(g, heuristics, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, whole);
    set(g, heuristics, CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, &mode);
    finish(g, heuristics);
    for (int i = 0; i < MOST_ENGINES; i++) engines[i] = make(g, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
    if (!fine(g) || call.cudnnBackendGetAttribute(heuristics, CUDNN_ATTR_ENGINEHEUR_RESULTS,
                                                  CUDNN_TYPE_BACKEND_DESCRIPTOR, MOST_ENGINES, found,
                                                  engines) != CUDNN_STATUS_SUCCESS)
        *found = 0;
    for (int64_t i = 0; i < *found && i < MOST_ENGINES && fine(g) && !taken; i++) {
        cudnnBackendDescriptor_t plan = make(g, CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
        set(g, plan, CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, 1, &a->handle);
        set_descriptor(g, plan, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, engines[i]);
        if (fine(g) && call.cudnnBackendFinalize(plan) == CUDNN_STATUS_SUCCESS) taken = plan;
    }
    return taken;
}

static void make_plan(graph *g, attention *a)
{
    cudnnBackendDescriptor_t operations[8], whole = make(g, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
    int64_t count = add_operations(g, a, operations), found[2] = {0, 0};
    set(g, whole, CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR, count, operations);
    set(g, whole, CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, 1, &a->handle);
    finish(g, whole);
    a->plan = find_plan(g, a, whole, CUDNN_HEUR_MODE_A, &found[0]);
    if (!a->plan) a->plan = find_plan(g, a, whole, CUDNN_HEUR_MODE_FALLBACK, &found[1]);
    if (fine(g) && !a->plan)
        ft_fail(&g->err, FT_FAILED, "none of %lld engines takes it", (long long)(found[0] + found[1]));
}

static bool run_attention(void *context, ft_error *err)
{
    attention *a = context;
    return good(call.cudnnBackendExecute(a->handle, a->plan, a->variant), "cudnnBackendExecute", err);
}

static bool bench_attention(attention *a, cudaStream_t stream, const char *size, const char *place)
{
    static const char *const names[N_UIDS] = {"q", "k", "v", "bias", "out"};
    graph g = {.n_made = 0};
    char shape[64];
    bool launched = false;
    double microseconds = 0;
    int64_t width = a->heads * a->d_kv, workspace_bytes = 0, got = 0;
    make_plan(&g, a);
    if (fine(&g))
        good(call.cudnnBackendGetAttribute(a->plan, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE,
                                           CUDNN_TYPE_INT64, 1, &got, &workspace_bytes),
             "the workspace of attention", &g.err);
    const int64_t elements[N_UIDS] = {
        a->n * a->queries * width, a->n * a->keys * width, a->n * a->keys * width,
        a->biased ? a->heads * a->queries * bias_stride(a) : 0, a->n * a->queries * width};
    int64_t uids[N_UIDS];
    void *data[N_UIDS], *workspace = NULL;
    int count = 0;
    for (int i = 0; i < N_UIDS; i++) {
        if (elements[i] == 0) continue;
        uids[count] = i + 1;
        data[count++] = fine(&g) ? random_numbers((size_t)elements[i], true, names[i], &g.err) : NULL;
    }
    if (fine(&g))
        good_cuda(cudaMalloc(&workspace, (size_t)workspace_bytes + 16), "cudaMalloc of the workspace",
                  &g.err);
    a->variant = make(&g, CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
    set(&g, a->variant, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, count, uids);
    set(&g, a->variant, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, count, data);
    set(&g, a->variant, CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, 1, &workspace);
    finish(&g, a->variant);
    timed t = {.stream = stream, .call = run_attention, .context = a};
    if (fine(&g)) microseconds = time_calls(&t, &launched, &g.err);
    for (int i = 0; i < count; i++) cudaFree(data[i]);
    cudaFree(workspace);
    while (g.n_made > 0) call.cudnnBackendDestroyDescriptor(g.made[--g.n_made]);
    snprintf(shape, sizeof shape, "%lld x %lld heads x %lld, %lld x %lld", (long long)a->n,
             (long long)a->heads, (long long)a->d_kv, (long long)a->queries, (long long)a->keys);
    return print_line("attention_forward", size, place, shape, microseconds, launched, &g.err);
}

int main(int argc, char **argv)
{
    ft_model_config config;
    ft_error err = {""};
    cudnnHandle_t handle;
    cudaStream_t stream;
    int numbers[5] = {0};
    for (int i = 0; i < 5 && argc == 7; i++) numbers[i] = atoi(argv[2 + i]);
    if (numbers[0] < 1 || numbers[1] < 1 || numbers[2] < 1 ||
        ft_config_for_size(argv[1], &config, &err) != FT_OK) {
        fprintf(stderr, "usage: cudnn_peer SIZE BATCH CONTEXT PREDICTION SERIES SAMPLES (%s)\n", err.message);
        return 2;
    }
    if (!open_cudnn(&err) ||
        !good_cuda(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "cudaStreamCreate", &err) ||
        !good(call.cudnnCreate(&handle), "cudnnCreate", &err) ||
        !good(call.cudnnSetStream(handle, stream), "cudnnSetStream", &err)) {
        fprintf(stderr, "cudnn_peer: %s\n", err.message);
        return 2;
    }
    const int64_t encoder = numbers[1] + 1, decoder = numbers[2] + 1;
    const struct {
        const char *place;
        int64_t queries, keys;
        bool biased;
    } places[] = {{"encoder", encoder, encoder, true},
                  {"decoder", decoder, decoder, true},
                  {"cross", decoder, encoder, false}};
    bool all = bench_softmax(handle, stream, argv[1], numbers[0] * (int)decoder, config.vocab_size);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        attention a = {.handle = handle,
                       .n = numbers[0],
                       .heads = config.n_heads,
                       .d_kv = config.d_kv,
                       .queries = places[i].queries,
                       .keys = places[i].keys,
                       .biased = places[i].biased};
        all &= bench_attention(&a, stream, argv[1], places[i].place);
    }
    call.cudnnDestroy(handle);
    cudaStreamDestroy(stream);
    return all ? 0 : 1;
}
