/* The table of operations as Criterion tests: one test an operation, so that a crash in
 * one leaves the others running. */
#ifndef FT_TESTS_UNIT_KERNELS_OPS_TEST_H
#define FT_TESTS_UNIT_KERNELS_OPS_TEST_H

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdlib.h>

#include "tests/ops/ops.h"

/* The indices of all operations, in memory that Criterion can hand to its child
 * processes. */
static struct criterion_test_params ops_test_indices(void)
{
    int *index = cr_malloc((size_t)ft_ops_count * sizeof *index);
    for (int i = 0; i < ft_ops_count; i++) index[i] = i;
    return cr_make_param_array(int, index, (size_t)ft_ops_count);
}

#define OPS_TEST_PARAMETERS(suite, test)                                                                     \
    ParameterizedTestParameters(suite, test)                                                                 \
    {                                                                                                        \
        return ops_test_indices();                                                                           \
    }

enum { OPS_TEST_ALL = 1 << 10 /* shapes: more than an operation has */ };

/* The `most` smallest shapes of one operation on `tested`, against ref in double. */
static void ops_test_shapes(const ft_op *op, int most, ft_backend *tested)
{
    ft_backend *reference = NULL;
    ft_error err;
    char text[256];
    int shapes[OPS_TEST_ALL];
    cr_assert_eq(ft_ref_create(FT_F64, &reference, &err), FT_OK, "%s", err.message);
    cr_assert_geq(*op->n_shapes, 20);
    double worst = 0;
    int count = ft_op_smallest(op, most, shapes);
    for (int n = 0; n < count; n++) {
        int i = shapes[n];
        ft_op_result result;
        ft_status status = ft_op_check(op, i, reference, tested, &result, &err);
        cr_assert_eq(status, FT_OK, "%s", err.message);
        cr_expect(result.passed, "%s (%s): %s; error %.3g, allowed %.3g", op->name,
                  ft_op_describe(&op->shapes[i], text), result.worst, result.error, result.bound);
        if (result.error > worst) worst = result.error;
    }
    if (getenv("FT_OPS_VERBOSE")) cr_log_warn("%s on %s: worst error %.3g", op->name, tested->device, worst);
    reference->free(reference);
}

#endif
