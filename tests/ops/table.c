/* The table of operations; see cases.h. */
#include "tests/ops/cases.h"

#define OP_ROW(name, shapes, f32, bf16)                                                                      \
    {#name, op_##name, op_##shapes##_shapes, &op_##shapes##_shapes_count, f32, bf16},

/* A row for each operation: one that is not there has no number. */
#define OP_NUMBER(name, shapes, f32, bf16) OP_ROW_##name,
enum { OP_LIST(OP_NUMBER) N_ROWS };
#define OP_IS_THERE(name) _Static_assert(OP_ROW_##name < N_ROWS, #name);
FT_OPERATIONS(OP_IS_THERE)

const ft_op ft_ops[] = {OP_LIST(OP_ROW)};
const int ft_ops_count = OP_COUNT(ft_ops);
