/* The table of operations on the simulated GPU, against ref in double: one operation in
 * one type. */
#ifndef FT_TESTS_SIMT_OPS_CUDA_TEST_H
#define FT_TESTS_SIMT_OPS_CUDA_TEST_H

#include "sanitized.h"
#include "tests/simt/simt.h"
#include "tests/unit/kernels/ops_test.h"

enum { DEVICE_BYTES = 1 << 30 };

/* How many shapes of an operation run, the smallest first: all, or under sanitizers those
 * that are cheap when results are compared, and a few when the same is run in another
 * way. */
enum { SHAPES = SANITIZED ? 30 : OPS_TEST_ALL, SHAPES_AGAIN = SANITIZED ? 8 : OPS_TEST_ALL };

static ft_backend *open_device(ft_dtype dtype)
{
    ft_backend *backend = NULL;
    ft_error err;
    cr_assert_eq(ft_cuda_create(0, dtype, &backend, &err), FT_OK, "%s", err.message);
    return backend;
}

/* The `most` smallest shapes pass, without a fault, and give their memory back. */
static void check_operation(int index, int most, ft_dtype dtype)
{
    simt_reset(1, DEVICE_BYTES);
    ft_backend *tested = open_device(dtype);
    ops_test_shapes(&ft_ops[index], most, tested);
    tested->free(tested);
    cr_expect_null(simt_fault(), "%s", simt_fault());
    cr_expect_eq(simt_counted().allocated_bytes, 0, "%zu bytes of device memory are not given back",
                 simt_counted().allocated_bytes);
    simt_reset(1, DEVICE_BYTES);
}

#endif
