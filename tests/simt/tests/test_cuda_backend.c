/* The CUDA backend's frame, executed by the simulator: graphs, errors in words, two
 * devices. */
#include <criterion/criterion.h>
#include <string.h>

#include "kernels/backend.h"
#include "tests/simt/simt.h"

enum { ROWS = 3, COLS = 64, COUNT = ROWS * COLS };
enum { OUT_OF_MEMORY = 2, LAUNCH_FAILURE = 719 };

static ft_backend *open_device(int device, ft_dtype dtype)
{
    ft_backend *backend = NULL;
    ft_error err;
    cr_assert_eq(ft_cuda_create(device, dtype, &backend, &err), FT_OK, "%s", err.message);
    return backend;
}

/* A (ROWS, COLS) f32 tensor full of `value`. */
static ft_tensor filled(ft_backend *backend, float value)
{
    ft_error err;
    float values[COUNT];
    for (int i = 0; i < COUNT; i++) values[i] = value;
    ft_tensor t = {backend->allocate(backend, sizeof values, &err), FT_F32, ROWS, COLS, COLS};
    cr_assert_not_null(t.data, "%s", err.message);
    cr_assert_eq(ft_write_tensor(backend, t, values, &err), FT_OK);
    return t;
}

static float first_value(ft_backend *backend, ft_tensor t)
{
    float values[COUNT] = {0};
    ft_error err;
    cr_assert_eq(ft_read_tensor(backend, t, values, &err), FT_OK);
    return values[0];
}

static void expect_message(const char *message, const char *words)
{
    cr_expect(strstr(message, words), "\"%s\" does not say \"%s\"", message, words);
}

Test(cuda_backend, a_captured_step_is_replayed)
{
    simt_reset(1, 1 << 28);
    ft_backend *backend = open_device(0, FT_F32);
    float one = 1;
    ft_error err;
    ft_weight *weight = NULL;
    cr_assert_eq(backend->prepare_weight(backend, &one, 1, 1, true, &weight, &err), FT_OK);
    ft_tensor x = filled(backend, 1), y = filled(backend, 0);
    ft_tensor x_first = ft_columns(x, 0, 1), y_first = ft_columns(y, 0, 1);
    backend->linear_forward(backend, weight, x_first, y_first,
                            true); /* plans and scratch come with the first call */
    backend->capture_begin(backend);
    backend->linear_forward(backend, weight, x_first, y_first, true);
    void *graph = backend->capture_end(backend);
    cr_assert_eq(backend->synchronize(backend, &err), FT_OK, "%s", err.message);
    cr_expect_eq(first_value(backend, y), 1.0f, "capturing alone runs nothing");
    uint64_t allocations = simt_counted().allocations;
    for (int i = 0; i < 4; i++) backend->replay(backend, graph);
    cr_expect_eq(first_value(backend, y), 5.0f);
    cr_expect_eq(simt_counted().allocations, allocations);
    backend->graph_free(backend, graph);
    backend->free_weight(backend, weight);
    backend->release(backend, x.data);
    backend->release(backend, y.data);
    backend->free(backend);
}

Test(cuda_backend, out_of_memory_says_what_was_asked_what_is_free_and_what_to_lower)
{
    simt_reset(1, 1 << 20);
    ft_backend *backend = open_device(0, FT_F32);
    ft_error err = {""};
    cr_expect_null(backend->allocate(backend, (size_t)3 << 20, &err));
    expect_message(err.message, "3145728 bytes");
    expect_message(err.message, "1048576 of 1048576 are free");
    expect_message(err.message, "batch_size");
    expect_message(err.message, "simulated GPU 0");
    /* The backend goes on with what fits. */
    void *block = backend->allocate(backend, 1024, &err);
    cr_expect_not_null(block);
    backend->release(backend, block);
    cr_expect_eq(backend->synchronize(backend, &err), FT_OK);
    backend->free(backend);
}

Test(cuda_backend, no_memory_for_scratch_is_reported_by_synchronize)
{
    simt_reset(1, 1 << 28);
    ft_backend *backend = open_device(0, FT_F32);
    ft_tensor x = filled(backend, 1);
    double *norm = backend->allocate(backend, ROWS * sizeof *norm, NULL);
    ft_error err;
    simt_fail_call("cudaMalloc", 1, OUT_OF_MEMORY);
    backend->gradient_norm(backend, x, norm);
    cr_expect_eq(backend->synchronize(backend, &err), FT_NO_MEMORY);
    expect_message(err.message, "has no memory for");
    backend->release(backend, x.data);
    backend->release(backend, norm);
    backend->free(backend);
}

Test(cuda_backend, opening_fails_in_words)
{
    enum { INSUFFICIENT_DRIVER = 35 };
    ft_backend *backend = NULL;
    ft_error err;
    simt_reset(0, 1 << 20);
    cr_expect_eq(ft_cuda_device_count(), 0);
    cr_expect_eq(ft_cuda_create(0, FT_F32, &backend, &err), FT_BAD_INPUT);
    expect_message(err.message, "no GPU 0");
    simt_fail_call("cudaGetDeviceCount", 1, INSUFFICIENT_DRIVER);
    cr_expect_eq(ft_cuda_create(0, FT_F32, &backend, &err), FT_BAD_INPUT);
    expect_message(err.message, "there is no driver, or it is older than this build's CUDA 13.0");
    simt_reset(2, 1 << 20);
    cr_expect_eq(ft_cuda_device_count(), 2);
    cr_expect_eq(ft_cuda_create(2, FT_F32, &backend, &err), FT_BAD_INPUT);
    cr_expect_eq(ft_cuda_create(0, FT_F64, &backend, &err), FT_BAD_INPUT);
}

/* As a GPU newer than what this build has code for. */
Test(cuda_backend, a_device_without_code_is_refused_when_it_is_opened)
{
    enum { NO_KERNEL_IMAGE = 209 };
    ft_backend *backend = NULL;
    ft_error err = {""};
    simt_reset(2, 1 << 28);
    simt_set_capability(1, 90);
    simt_fail_call("cudaFuncGetAttributes", 1, NO_KERNEL_IMAGE);
    cr_assert_eq(ft_cuda_create(1, FT_F32, &backend, &err), FT_BAD_INPUT);
    cr_expect_null(backend);
    expect_message(err.message, "device 1, simulated GPU 1, has compute capability 9.0");
    expect_message(err.message, "this build has code for 8.0 and PTX of 8.0");
    expect_message(err.message, "cudaErrorNoKernelImageForDevice");
    expect_message(err.message, "-DFTGPU_CUDA_ARCHITECTURES=90");
    backend = open_device(1, FT_F32); /* the failure is not remembered */
    backend->free(backend);
    cr_expect_null(simt_fault(), "%s", simt_fault());
}

Test(cuda_backend, two_devices_work_side_by_side)
{
    simt_reset(2, 1 << 28);
    ft_backend *first = open_device(0, FT_F32), *second = open_device(1, FT_F32);
    ft_tensor a = filled(first, 1), b = filled(second, 2);
    double norm[ROWS];
    double *norm_a = first->allocate(first, sizeof norm, NULL),
           *norm_b = second->allocate(second, sizeof norm, NULL);
    first->gradient_norm(first, a, norm_a);
    second->gradient_norm(second, b, norm_b);
    first->to_host(first, norm, norm_a, sizeof norm);
    cr_expect_eq(norm[0], 8.0);
    second->to_host(second, norm, norm_b, sizeof norm);
    cr_expect_eq(norm[0], 16.0);
    ft_error err;
    cr_expect_eq(first->synchronize(first, &err), FT_OK);
    cr_expect_eq(second->synchronize(second, &err), FT_OK);
    first->release(first, a.data);
    first->release(first, norm_a);
    second->release(second, b.data);
    second->release(second, norm_b);
    first->free(first);
    second->free(second);
    cr_expect_eq(simt_counted().allocated_bytes, 0);
}
