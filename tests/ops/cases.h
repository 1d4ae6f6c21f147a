/* The operations of each subject, for the table in table.c. */
#ifndef FT_TESTS_OPS_CASES_H
#define FT_TESTS_OPS_CASES_H

#include "tests/ops/scene.h"

#define OP_COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

extern const ft_op_shape op_linear_shapes[], op_row_shapes[], op_lora_shapes[], op_attention_shapes[],
    op_decode_shapes[], op_loss_shapes[], op_sample_shapes[], op_parameter_shapes[];
extern const int op_linear_shapes_count, op_row_shapes_count, op_lora_shapes_count, op_attention_shapes_count,
    op_decode_shapes_count, op_loss_shapes_count, op_sample_shapes_count, op_parameter_shapes_count;

void op_linear_forward(ft_op_scene *scene, const ft_op_shape *shape);
void op_linear_backward(ft_op_scene *scene, const ft_op_shape *shape);
void op_weight_gradient(ft_op_scene *scene, const ft_op_shape *shape);
void op_update_weight(ft_op_scene *scene, const ft_op_shape *shape);

void op_embedding_forward(ft_op_scene *scene, const ft_op_shape *shape);
void op_embedding_backward(ft_op_scene *scene, const ft_op_shape *shape);
void op_add_norm_forward(ft_op_scene *scene, const ft_op_shape *shape);
void op_add_norm_backward(ft_op_scene *scene, const ft_op_shape *shape);
void op_relu_forward(ft_op_scene *scene, const ft_op_shape *shape);
void op_relu_backward(ft_op_scene *scene, const ft_op_shape *shape);

void op_lora_forward(ft_op_scene *scene, const ft_op_shape *shape);
void op_lora_backward(ft_op_scene *scene, const ft_op_shape *shape);

void op_attention_forward(ft_op_scene *scene, const ft_op_shape *shape);
void op_attention_backward(ft_op_scene *scene, const ft_op_shape *shape);
void op_decode_attention(ft_op_scene *scene, const ft_op_shape *shape);

void op_cross_entropy(ft_op_scene *scene, const ft_op_shape *shape);
void op_sample(ft_op_scene *scene, const ft_op_shape *shape);

void op_gradient_norm(ft_op_scene *scene, const ft_op_shape *shape);
void op_adamw(ft_op_scene *scene, const ft_op_shape *shape);

#endif
