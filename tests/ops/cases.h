/* The table of operations. */
#ifndef FT_TESTS_OPS_CASES_H
#define FT_TESTS_OPS_CASES_H

#include "tests/ops/scene.h"

#define OP_COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

extern const ft_op_shape op_linear_shapes[], op_row_shapes[], op_lora_shapes[], op_attention_shapes[],
    op_decode_shapes[], op_loss_shapes[], op_sample_shapes[], op_parameter_shapes[];
extern const int op_linear_shapes_count, op_row_shapes_count, op_lora_shapes_count, op_attention_shapes_count,
    op_decode_shapes_count, op_loss_shapes_count, op_sample_shapes_count, op_parameter_shapes_count;

/* The operations: name, shapes (op_<shapes>_shapes), bounds in f32 and in bf16.
 *
 * In f32 a sum of n products is off by about sqrt(n) * 6e-8, vectorized exponentials by a
 * few 1e-7 times the score's size; in bf16 a result stored in bf16 is off by up to 2^-9 =
 * 2e-3 of itself, and so is each rounded input. lora_backward: the gradients of all
 * adapters are one result. Beside its mean size stands the rounding of the largest, that
 * of the adapter with the largest lora_scale: up to 0.027. */
#define OP_LIST(OP)                                                                                          \
    OP(linear_forward, linear, 1e-5, 1e-2)                                                                   \
    OP(linear_backward, linear, 1e-5, 1e-2)                                                                  \
    OP(weight_gradient, linear, 1e-5, 1e-2)                                                                  \
    OP(update_weight, linear, 1e-5, 1e-2)                                                                    \
    OP(embedding_forward, row, 1e-6, 1e-6)                                                                   \
    OP(embedding_backward, row, 1e-5, 1e-5)                                                                  \
    OP(add_norm_forward, row, 1e-5, 1e-2)                                                                    \
    OP(add_norm_backward, row, 2e-5, 1e-2)                                                                   \
    OP(relu_forward, row, 1e-6, 1e-2)                                                                        \
    OP(relu_backward, row, 1e-6, 1e-2)                                                                       \
    OP(lora_forward, lora, 1e-5, 3e-2)                                                                       \
    OP(lora_backward, lora, 1e-5, 5e-2)                                                                      \
    OP(attention_forward, attention, 5e-5, 2e-2)                                                             \
    OP(attention_backward, attention, 2e-4, 5e-2)                                                            \
    OP(decode_attention, decode, 5e-5, 2e-2)                                                                 \
    OP(cross_entropy, loss, 2e-5, 2e-5)                                                                      \
    OP(sample, sample, 2e-5, 2e-5)                                                                           \
    OP(gradient_norm, parameter, 1e-6, 1e-6)                                                                 \
    OP(adamw, parameter, 1e-6, 1e-6)

/* Runs one operation at one shape: op_linear_forward ... */
#define OP_DECLARE(name, shapes, f32, bf16) void op_##name(ft_op_scene *scene, const ft_op_shape *shape);
OP_LIST(OP_DECLARE)

#endif
