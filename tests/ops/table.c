/* The table of operations; see cases.h. */
#include "tests/ops/cases.h"

#define OP_ROW(name, shapes, f32, bf16)                                                                      \
    {#name, op_##name, op_##shapes##_shapes, &op_##shapes##_shapes_count, f32, bf16},

const ft_op ft_ops[] = {OP_LIST(OP_ROW)};
const int ft_ops_count = OP_COUNT(ft_ops);
