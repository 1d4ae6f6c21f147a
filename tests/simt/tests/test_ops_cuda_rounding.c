/* The table of operations with arithmetic as inexact as a GPU's (rounding.h): the bounds
 * hold there, too. */
#include "has_fma.h"
#include "ops_cuda_test.h"

OPS_TEST_PARAMETERS(ops_cuda_rounding, f32)
ParameterizedTest(int *index, ops_cuda_rounding, f32)
{
    SKIP_WITHOUT_FMA();
    check_operation(*index, SHAPES_AGAIN, FT_F32);
}

OPS_TEST_PARAMETERS(ops_cuda_rounding, bf16)
ParameterizedTest(int *index, ops_cuda_rounding, bf16)
{
    SKIP_WITHOUT_FMA();
    check_operation(*index, SHAPES_AGAIN, FT_BF16);
}
