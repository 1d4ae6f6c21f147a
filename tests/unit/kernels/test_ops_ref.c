/* The ref backend in f32 and bf16 against itself in double, over the table of operations:
 * the storage types' rounding stays within the bounds that every backend must keep. */
#include "tests/unit/kernels/ops_test.h"

OPS_TEST_PARAMETERS(ops_ref, f32)
ParameterizedTest(int *index, ops_ref, f32)
{
    ft_backend *tested = NULL;
    ft_error err;
    cr_assert_eq(ft_ref_create(FT_F32, &tested, &err), FT_OK, "%s", err.message);
    ops_test_shapes(&ft_ops[*index], OPS_TEST_ALL, tested);
    tested->free(tested);
}

OPS_TEST_PARAMETERS(ops_ref, bf16)
ParameterizedTest(int *index, ops_ref, bf16)
{
    ft_backend *tested = NULL;
    ft_error err;
    cr_assert_eq(ft_ref_create(FT_BF16, &tested, &err), FT_OK, "%s", err.message);
    ops_test_shapes(&ft_ops[*index], OPS_TEST_ALL, tested);
    tested->free(tested);
}
