/* The table: operations, their shapes, and how far a backend may be from double arithmetic. */
#include "tests/ops/cases.h"

/* Bounds: in f32 a sum of n products is off by about sqrt(n) * 6e-8, vectorized exponentials by a few 1e-7
 * times the score's size; in bf16 a result stored in bf16 is off by up to 2^-9 = 2e-3 of itself, and so is
 * each rounded input. lora_backward: the gradients of all adapters are one result, beside whose mean size
 * stands the rounding of the largest, those of the adapter with the largest lora_scale: up to 0.027. */
const ft_op ft_ops[] = {
    {"linear_forward", op_linear_forward, op_linear_shapes, &op_linear_shapes_count, 1e-5, 1e-2},
    {"linear_backward", op_linear_backward, op_linear_shapes, &op_linear_shapes_count, 1e-5, 1e-2},
    {"weight_gradient", op_weight_gradient, op_linear_shapes, &op_linear_shapes_count, 1e-5, 1e-2},
    {"update_weight", op_update_weight, op_linear_shapes, &op_linear_shapes_count, 1e-5, 1e-2},
    {"embedding_forward", op_embedding_forward, op_row_shapes, &op_row_shapes_count, 1e-6, 1e-6},
    {"embedding_backward", op_embedding_backward, op_row_shapes, &op_row_shapes_count, 1e-5, 1e-5},
    {"add_norm_forward", op_add_norm_forward, op_row_shapes, &op_row_shapes_count, 1e-5, 1e-2},
    {"add_norm_backward", op_add_norm_backward, op_row_shapes, &op_row_shapes_count, 2e-5, 1e-2},
    {"relu_forward", op_relu_forward, op_row_shapes, &op_row_shapes_count, 1e-6, 1e-2},
    {"relu_backward", op_relu_backward, op_row_shapes, &op_row_shapes_count, 1e-6, 1e-2},
    {"lora_forward", op_lora_forward, op_lora_shapes, &op_lora_shapes_count, 1e-5, 3e-2},
    {"lora_backward", op_lora_backward, op_lora_shapes, &op_lora_shapes_count, 1e-5, 5e-2},
    {"attention_forward", op_attention_forward, op_attention_shapes, &op_attention_shapes_count, 5e-5, 2e-2},
    {"attention_backward", op_attention_backward, op_attention_shapes, &op_attention_shapes_count, 2e-4,
     5e-2},
    {"decode_attention", op_decode_attention, op_decode_shapes, &op_decode_shapes_count, 5e-5, 2e-2},
    {"cross_entropy", op_cross_entropy, op_loss_shapes, &op_loss_shapes_count, 2e-5, 2e-5},
    {"sample", op_sample, op_sample_shapes, &op_sample_shapes_count, 2e-5, 2e-5},
    {"gradient_norm", op_gradient_norm, op_parameter_shapes, &op_parameter_shapes_count, 1e-6, 1e-6},
    {"adamw", op_adamw, op_parameter_shapes, &op_parameter_shapes_count, 1e-6, 1e-6},
};
const int ft_ops_count = OP_COUNT(ft_ops);
