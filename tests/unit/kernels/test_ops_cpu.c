/* The cpu backend against ref in double, over the table of operations: f32 and bf16, one
 * thread and several, and each set of instructions that this processor has (a wish for
 * more than it has gives its best). */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/kernels/ops_test.h"

static void check(int index, ft_dtype dtype, int n_threads)
{
    ft_backend *tested = NULL;
    ft_error err;
    cr_assert_eq(ft_cpu_create(dtype, n_threads, &tested, &err), FT_OK, "%s", err.message);
    ops_test_shapes(&ft_ops[index], OPS_TEST_ALL, tested);
    tested->free(tested);
}

/* Each test is a process of its own, so that the environment is too. */
static void check_instructions(int index, const char *name)
{
    setenv("FTGPU_ISA", name, 1);
    check(index, FT_F32, 1);
    check(index, FT_BF16, 1);
}

OPS_TEST_PARAMETERS(ops_cpu, f32)
ParameterizedTest(int *index, ops_cpu, f32)
{
    check(*index, FT_F32, 1);
}

OPS_TEST_PARAMETERS(ops_cpu, bf16)
ParameterizedTest(int *index, ops_cpu, bf16)
{
    check(*index, FT_BF16, 1);
}

OPS_TEST_PARAMETERS(ops_cpu, three_threads)
ParameterizedTest(int *index, ops_cpu, three_threads)
{
    check(*index, FT_F32, 3);
}

OPS_TEST_PARAMETERS(ops_cpu, generic)
ParameterizedTest(int *index, ops_cpu, generic)
{
    check_instructions(*index, "generic");
}

OPS_TEST_PARAMETERS(ops_cpu, avx2)
ParameterizedTest(int *index, ops_cpu, avx2)
{
    check_instructions(*index, "avx2");
}

OPS_TEST_PARAMETERS(ops_cpu, avx512)
ParameterizedTest(int *index, ops_cpu, avx512)
{
    check_instructions(*index, "avx512");
}

OPS_TEST_PARAMETERS(ops_cpu, avx512_bf16)
ParameterizedTest(int *index, ops_cpu, avx512_bf16)
{
    check_instructions(*index, "avx512_bf16");
}

#ifndef __SANITIZE_ADDRESS__
/* Two runs with one number of threads give the same bits. The sanitizers learn nothing
 * from the second. */
static void check_repeats(int index, ft_dtype dtype)
{
    ft_backend *first = NULL, *second = NULL;
    ft_error err;
    char text[256];
    const ft_op *op = &ft_ops[index];
    cr_assert_eq(ft_cpu_create(dtype, 3, &first, &err), FT_OK, "%s", err.message);
    cr_assert_eq(ft_cpu_create(dtype, 3, &second, &err), FT_OK, "%s", err.message);
    for (int i = 0; i < *op->n_shapes; i++) {
        ft_op_result result;
        cr_assert_eq(ft_op_repeat(op, i, first, second, 1, &result, &err), FT_OK, "%s", err.message);
        cr_expect(result.passed, "%s (%s): %s", op->name, ft_op_describe(&op->shapes[i], text), result.worst);
    }
    first->free(first);
    second->free(second);
}

OPS_TEST_PARAMETERS(ops_cpu, same_bits)
ParameterizedTest(int *index, ops_cpu, same_bits)
{
    check_repeats(*index, FT_F32);
    check_repeats(*index, FT_BF16);
}

/* More threads than cores are interrupted anywhere: what two of them add to shows. */
Test(ops_cpu, attention_has_the_same_gradients_by_one_thread_and_many)
{
    const ft_op_shape shape = {
        .adapters = 1, .sequences = 8, .length = 65, .heads = 4, .d_kv = 16, .flags = FT_OP_BIASED};
    const int n_shapes = 1;
    for (int i = 0; i < ft_ops_count; i++) {
        if (strcmp(ft_ops[i].name, "attention_backward") != 0) continue;
        ft_op op = ft_ops[i];
        op.shapes = &shape;
        op.n_shapes = &n_shapes;
        ft_backend *one = NULL, *many = NULL;
        ft_error err;
        ft_op_result result;
        cr_assert_eq(ft_cpu_create(FT_BF16, 1, &one, &err), FT_OK, "%s", err.message);
        cr_assert_eq(ft_cpu_create(FT_BF16, 16, &many, &err), FT_OK, "%s", err.message);
        cr_assert_eq(ft_op_repeat(&op, 0, one, many, 200, &result, &err), FT_OK, "%s", err.message);
        cr_expect(result.passed, "%s", result.worst);
        one->free(one);
        many->free(many);
        return;
    }
    cr_assert_fail("no attention_backward in the table");
}
#endif
