/* Every call to CUDA, cuBLASLt and NCCL fails, each in turn, in a program that makes them
 * all: the program ends with a message that names the call, the file and the device, and
 * nothing is left behind. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/comm.h"
#include "tests/simt/simt.h"

enum { DEVICE_BYTES = 1 << 26, ROWS = 8, COLS = 128, COUNT = ROWS * COLS };
enum { OUT_OF_MEMORY = 2, NOT_SUPPORTED = 15, NOT_READY = 600, FAILURE = 719 };
enum { LARGE = 5 << 20 }; /* more than goes by way of the staging memory */

/* What the program owns. */
typedef struct program {
    ft_backend *backend;
    ft_comm *comm;
    ft_weight *weight;
    char *memory;
    void *graph;
    ft_tensor x, y;
    double *norm;
    int32_t *integers; /* 0, 1: sequence_start; 0: adapter_of, seed and step */
} program;

static char host[LARGE];

/* An attention of so wide a head that its kernels of backward ask for more shared
 * memory. */
static void attend(program *p)
{
    const ft_adapter_batch batch = {.n_adapters = 1,
                                    .n_sequences = 1,
                                    .sequence_start = p->integers,
                                    .adapter_of = p->integers,
                                    .seed = (const uint32_t *)p->integers,
                                    .step = (const uint32_t *)p->integers};
    const ft_attention attention = {
        .q = p->x, .k = p->x, .v = p->x, .n_heads = 1, .d_kv = COLS, .q_length = ROWS, .kv_length = ROWS};
    ft_tensor gradients = p->y, absent = {NULL};
    void *lse = p->memory + LARGE / 2;
    gradients.data = p->memory + LARGE / 4;
    p->backend->attention_forward(p->backend, &batch, &attention, p->y, lse);
    p->backend->attention_backward(p->backend, &batch, &attention, p->y, lse, p->x, gradients, gradients,
                                   gradients, absent);
}

/* As a training step: products, kernels, a sum over the ranks. */
static ft_status queue_step(program *p, ft_error *err)
{
    ft_backend *b = p->backend;
    b->zero(b, p->y.data, COUNT * sizeof(float));
    b->linear_forward(b, p->weight, p->x, p->y, true);
    b->copy(b, p->x.data, p->y.data, COLS * sizeof(float));
    attend(p);
    b->gradient_norm(b, p->x, p->norm);
    ft_status status = p->comm->all_reduce(p->comm, p->x, err);
    return status == FT_OK ? p->comm->join(p->comm, err) : status;
}

static ft_status open_program(program *p, ft_error *err)
{
    ft_comm_id id;
    static const float w[COLS * COLS] = {0};
    ft_status status = ft_cuda_create(0, FT_F32, &p->backend, err);
    if (status == FT_OK) status = ft_comm_nccl_id(&id, err);
    if (status == FT_OK) status = ft_comm_nccl(p->backend, &id, 0, 1, 0, &p->comm, err);
    if (status == FT_OK)
        status = p->backend->prepare_weight(p->backend, w, COLS, COLS, true, &p->weight, err);
    if (status == FT_OK && !(p->memory = p->backend->allocate(p->backend, LARGE, err))) status = FT_NO_MEMORY;
    return status;
}

static ft_status run_program(program *p, ft_error *err)
{
    ft_backend *b = p->backend;
    const int32_t integers[] = {0, 1};
    ft_tensor matrix = {p->memory, FT_F32, ROWS, COLS, COLS};
    p->x = p->y = matrix;
    p->y.data = p->memory + sizeof(float) * COUNT;
    p->norm = (double *)(void *)(p->memory + 2 * sizeof(float) * COUNT);
    p->integers = (int32_t *)(void *)(p->norm + ROWS);
    b->to_device(b, p->memory, host, LARGE);
    for (int i = 0; i < 3; i++) b->to_device(b, p->memory, host, LARGE / 2);
    b->to_device(b, p->integers, integers, sizeof integers);
    ft_status status = p->comm->broadcast(p->comm, p->memory, COUNT * sizeof(float), 0, err);
    if (status == FT_OK) status = queue_step(p, err);
    if (status != FT_OK) return status;
    b->capture_begin(b);
    status = queue_step(p, err);
    p->graph = b->capture_end(b);
    if (status == FT_OK && p->graph) b->replay(b, p->graph);
    if (status == FT_OK) status = p->comm->wait(p->comm, err);
    if (status != FT_OK) return status;
    static double norm[ROWS]; /* what could not be waited for may still be copied */
    ft_error ignored;
    b->to_host(b, norm, p->norm, sizeof norm);
    b->fetch(b, norm, p->norm, sizeof *norm);
    b->fetch(b, norm, p->norm, sizeof norm);
    status = b->fetched(b, err);
    ft_status second = b->fetched(b, status == FT_OK ? err : &ignored);
    if (status == FT_OK) status = second;
    if (status != FT_OK) return status;
    b->fetch(b, norm, p->norm, sizeof norm); /* which needs more memory than the first */
    status = b->fetched(b, err);
    if (status != FT_OK) return status;
    b->graph_free(b, p->graph);
    p->graph = NULL;
    b->release(b, p->memory);
    p->memory = NULL;
    return b->synchronize(b, err);
}

static void close_program(program *p)
{
    ft_error ignored;
    ft_backend *b = p->backend;
    if (!b) return;
    b->synchronize(b, &ignored); /* so that what follows is done after a failure, too */
    if (p->graph) b->graph_free(b, p->graph);
    b->release(b, p->memory);
    b->free_weight(b, p->weight);
    if (p->comm) p->comm->free(p->comm);
    b->free(b);
}

/* The n-th call of `function` fails; NULL: none does. calls: how often it was called
 * before the closing, where there is somebody to tell. */
static ft_status run(const char *function, int nth, int error, int calls[SIMT_FUNCTIONS], ft_error *err)
{
    program p = {.backend = NULL};
    simt_reset(1, DEVICE_BYTES);
    if (function) simt_fail_call(function, nth, error);
    *err = (ft_error){""};
    ft_status status = open_program(&p, err);
    if (status == FT_OK) status = run_program(&p, err);
    for (int i = 0; i < SIMT_FUNCTIONS; i++) calls[i] = simt_called(simt_functions[i]);
    close_program(&p);
    cr_expect_null(simt_fault(), "%s", simt_fault());
    cr_expect_eq(simt_counted().allocated_bytes, 0, "%s, call %d: %zu bytes are not given back",
                 function ? function : "no failure", nth, simt_counted().allocated_bytes);
    return status;
}

static bool says(const ft_error *err, const char *words)
{
    return strstr(err->message, words) != NULL;
}

static void expect_told(const char *function, int nth, ft_status status, const ft_error *err)
{
    const char *call = strcmp(function, "launch") == 0 ? "launch of " : function;
    cr_expect_neq(status, FT_OK, "call %d of %s failed unnoticed", nth, function);
    cr_expect(says(err, call), "call %d of %s: \"%s\"", nth, function, err->message);
    /* no device, and no operation */
    if (strcmp(function, "cudaGetDeviceCount") == 0) return;
    cr_expect(says(err, "kernels/cuda/"), "%s: \"%s\"", function, err->message);
    if (strcmp(function, "ncclGetUniqueId") != 0) /* of a process */
        cr_expect(says(err, "device 0"), "%s: \"%s\"", function, err->message);
}

/* Those that this program does not make: what each is for. */
static const char *const elsewhere[] = {
    /* not the backend's */
    "cudaDeviceSynchronize",
    "ncclGroupStart",
    "ncclGroupEnd",
    /* when there is no memory: below */
    "cudaMemGetInfo",
    /* a late rank: test_cuda_comm.c */
    "ncclCommAbort",
    "ncclCommGetAsyncError",
};

Test(cuda_failures, every_call_is_checked)
{
    int calls[SIMT_FUNCTIONS], made[SIMT_FUNCTIONS];
    ft_error err;
    cr_assert_eq(run(NULL, 0, 0, made, &err), FT_OK, "%s", err.message);
    for (int i = 0; i < SIMT_FUNCTIONS; i++) {
        const char *function = simt_functions[i];
        bool missing = made[i] == 0 && simt_called(function) == 0;
        for (size_t e = 0; e < sizeof elsewhere / sizeof *elsewhere; e++)
            if (strcmp(function, elsewhere[e]) == 0) missing = false;
        cr_expect_not(missing, "%s is not called here and so not proven", function);
    }
    for (int i = 0; i < SIMT_FUNCTIONS; i++)
        for (int nth = 1; nth <= made[i]; nth++) {
            ft_status status = run(simt_functions[i], nth, FAILURE, calls, &err);
            expect_told(simt_functions[i], nth, status, &err);
        }
}

/* What fails while all is freed has nobody to be told, and must do no harm. */
Test(cuda_failures, closing_goes_on)
{
    int calls[SIMT_FUNCTIONS], made[SIMT_FUNCTIONS], total[SIMT_FUNCTIONS];
    ft_error err;
    run(NULL, 0, 0, made, &err);
    for (int i = 0; i < SIMT_FUNCTIONS; i++) total[i] = simt_called(simt_functions[i]);
    for (int i = 0; i < SIMT_FUNCTIONS; i++)
        for (int nth = made[i] + 1; nth <= total[i]; nth++)
            cr_expect_eq(run(simt_functions[i], nth, FAILURE, calls, &err), FT_OK, "%s", err.message);
}

Test(cuda_failures, out_of_memory_says_what_was_asked_what_is_free_and_what_to_lower)
{
    int calls[SIMT_FUNCTIONS], made[SIMT_FUNCTIONS];
    ft_error err;
    run(NULL, 0, 0, made, &err);
    for (int i = 0; i < SIMT_FUNCTIONS; i++) {
        if (strcmp(simt_functions[i], "cudaMalloc") != 0) continue;
        cr_expect_geq(made[i], 4);
        for (int nth = 1; nth <= made[i]; nth++) {
            cr_expect_eq(run("cudaMalloc", nth, OUT_OF_MEMORY, calls, &err), FT_NO_MEMORY);
            cr_expect(says(&err, "has no memory for ") && says(&err, " of 67108864 are free"), "%s",
                      err.message);
            cr_expect(says(&err, "batch_size") && says(&err, "adapters"), "%s", err.message);
        }
    }
    /* Where even that cannot be asked. */
    simt_reset(1, DEVICE_BYTES);
    ft_backend *backend = NULL;
    cr_assert_eq(ft_cuda_create(0, FT_F32, &backend, &err), FT_OK);
    simt_fail_call("cudaMemGetInfo", 1, FAILURE);
    cr_expect_null(backend->allocate(backend, (size_t)1 << 40, &err));
    cr_expect(says(&err, "1099511627776 bytes"), "%s", err.message);
    backend->free(backend);
}

/* The heuristic's results are asked for their state and their workspace. */
Test(cuda_failures, the_first_algorithm_that_can_be_used_is_taken)
{
    ft_error err = {""};
    program p = {.backend = NULL};
    simt_reset(1, DEVICE_BYTES);
    cr_assert_eq(open_program(&p, &err), FT_OK, "%s", err.message);
    simt_spoil_algorithms(3);
    cr_expect_eq(run_program(&p, &err), FT_OK, "%s", err.message);
    cr_expect_eq(simt_counted().matmuls, 2);
    close_program(&p);
    cr_expect_null(simt_fault(), "%s", simt_fault());
}

/* Whose shape only the backend knows. */
Test(cuda_failures, a_product_that_cannot_be_made_says_what_it_is)
{
    const char *const calls[] = {"cublasLtMatmulAlgoGetHeuristic", "cublasLtMatmul",
                                 "cublasLtMatrixLayoutCreate"};
    for (int i = 0; i < 4; i++) {
        ft_error err = {""};
        program p = {.backend = NULL};
        const char *call = calls[i % 3];
        simt_reset(1, DEVICE_BYTES);
        cr_assert_eq(open_program(&p, &err), FT_OK, "%s", err.message);
        if (i == 0)
            simt_spoil_algorithms(100);
        else
            simt_fail_call(call, 1, NOT_SUPPORTED);
        cr_expect_neq(run_program(&p, &err), FT_OK);
        cr_expect(says(&err, call) && says(&err, "CUBLAS_STATUS_NOT_SUPPORTED"), "%s", err.message);
        cr_expect(says(&err, "linear.cu:") && says(&err, "device 0"), "%s", err.message);
        cr_expect(says(&err, "m 128, n 8, k 128"), "%s", err.message);
        cr_expect(says(&err, "a f32 transposed, leading dimension 128, aligned to 256 bytes"), "%s",
                  err.message);
        cr_expect(says(&err, "b f32, leading dimension 128, aligned to "), "%s", err.message);
        cr_expect(says(&err, "d f32, leading dimension 128, aligned to "), "%s", err.message);
        close_program(&p);
    }
}

/* NCCL is asked for errors while something is under way. */
Test(cuda_failures, an_asynchronous_error_of_nccl_ends_the_wait)
{
    ft_error err;
    program p = {.backend = NULL};
    simt_reset(1, DEVICE_BYTES);
    cr_assert_eq(open_program(&p, &err), FT_OK, "%s", err.message);
    simt_fail_call("cudaEventQuery", 1, NOT_READY);
    simt_fail_call("ncclCommGetAsyncError", 1, 6);
    cr_expect_eq(p.comm->wait(p.comm, &err), FT_FAILED);
    cr_expect(says(&err, "ncclCommGetAsyncError: remote process exited"), "%s", err.message);
    cr_expect(says(&err, "comm_nccl.cu:") && says(&err, "device 0"), "%s", err.message);
    cr_expect_eq(simt_called("ncclCommAbort"), 1);
    close_program(&p);
}
