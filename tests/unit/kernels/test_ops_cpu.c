/* The cpu backend in f32 and bf16 against ref in double, over the table of operations. */
#include "tests/unit/kernels/ops_test.h"

static void check(int index, ft_dtype dtype, int n_threads)
{
    ft_backend *tested = NULL;
    ft_error err;
    cr_assert_eq(ft_cpu_create(dtype, n_threads, &tested, &err), FT_OK, "%s", err.message);
    ops_test_all_shapes(&ft_ops[index], tested);
    tested->free(tested);
}

OPS_TEST_PARAMETERS(ops_cpu, f32)
ParameterizedTest(int *index, ops_cpu, f32)
{
    check(*index, FT_F32, 0);
}

OPS_TEST_PARAMETERS(ops_cpu, f32_three_threads)
ParameterizedTest(int *index, ops_cpu, f32_three_threads)
{
    check(*index, FT_F32, 3);
}

OPS_TEST_PARAMETERS(ops_cpu, bf16)
ParameterizedTest(int *index, ops_cpu, bf16)
{
    check(*index, FT_BF16, 0);
}
