/* The CUDA backend against ref in double, over the table of operations, executed by the simulator: f32 and bf16, threads,
 * blocks and streams in forward order; and in reverse and random order the same bits. */
#include <stdlib.h>

#include "tests/simt/simt.h"
#include "tests/unit/kernels/ops_test.h"

enum { DEVICE_BYTES = 1 << 30 };

static ft_backend *open_device(ft_dtype dtype)
{
    ft_backend *backend = NULL;
    ft_error err;
    cr_assert_eq(ft_cuda_create(0, dtype, &backend, &err), FT_OK, "%s", err.message);
    return backend;
}

static void check(int index, ft_dtype dtype)
{
    simt_reset(1, DEVICE_BYTES);
    ft_backend *tested = open_device(dtype);
    ops_test_all_shapes(&ft_ops[index], tested);
    tested->free(tested);
    cr_expect_null(simt_fault(), "%s", simt_fault());
    cr_expect_eq(simt_counted().allocated_bytes, 0, "%zu bytes of device memory are not given back",
                 simt_counted().allocated_bytes);
    simt_reset(1, DEVICE_BYTES);
}

OPS_TEST_PARAMETERS(ops_cuda, f32)
ParameterizedTest(int *index, ops_cuda, f32)
{
    check(*index, FT_F32);
}

OPS_TEST_PARAMETERS(ops_cuda, bf16)
ParameterizedTest(int *index, ops_cuda, bf16)
{
    check(*index, FT_BF16);
}
