/* A scene: one case of an operation set up on one backend, with its tensors and results.
 *
 * An operation's function makes its tensors, calls the backend inside `while
 * (op_again(scene))` and names its results:
 *
 *     ft_tensor x = op_values(scene, op_in(scene), rows, cols, 1),
 *               y = op_empty(scene, op_out(scene), rows, cols);
 *     while (op_again(scene)) scene->backend->...;
 *     op_result(scene, "y", y);
 *
 * After a failure (out of memory) tensors are absent and op_again returns false. */
#ifndef FT_TESTS_OPS_SCENE_H
#define FT_TESTS_OPS_SCENE_H

#include "tests/ops/ops.h"

enum { OP_MAX_TENSORS = 64, OP_PADDING = 8 };

typedef struct op_tensor {
    ft_tensor view;
    void *block;
    int64_t block_elements;
    const char *name; /* of a result, else NULL */
    double floor;     /* of a result: the size of the terms that may cancel in it */
    bool exact;       /* results that must be equal (tokens) */
    void *host;       /* results: the block's bytes after the run */
} op_tensor;

struct ft_op_scene {
    ft_backend *backend;
    const ft_op_shape *shape;
    bool bf16_values;
    uint32_t seed, drawn;
    op_tensor tensors[OP_MAX_TENSORS];
    int n_tensors;
    void *blocks[OP_MAX_TENSORS]; /* arrays that are not tensors */
    int n_blocks;
    bool was_called;
    ft_status status;
    ft_error error;
};

void op_scene_free(ft_op_scene *scene);

/* True the first time: the operation is to be called. Then waits for it, and is false. */
bool op_again(ft_op_scene *scene);

/* The types of inputs and results that may be real or matrix, by the shape's flags. */
ft_dtype op_in(const ft_op_scene *scene);
ft_dtype op_out(const ft_op_scene *scene);
bool op_has(const ft_op_scene *scene, uint32_t flag);

/* Random numbers of this scene, the same on every backend: in [-1, 1) times `scale`, f32
 * or bf16 values. */
float op_draw(ft_op_scene *scene, double scale);

/* Tensors with gaps where the shape is strided: random, given (rows * cols values), zero,
 * or NaN (to be written). */
ft_tensor op_values(ft_op_scene *scene, ft_dtype dtype, int64_t rows, int64_t cols, double scale);
ft_tensor op_given(ft_op_scene *scene, ft_dtype dtype, int64_t rows, int64_t cols, const float *values);
ft_tensor op_zeros(ft_op_scene *scene, ft_dtype dtype, int64_t rows, int64_t cols);
ft_tensor op_empty(ft_op_scene *scene, ft_dtype dtype, int64_t rows, int64_t cols);
/* What accumulates is random before, with the flag, or else NaN. */
ft_tensor op_sum(ft_op_scene *scene, ft_dtype dtype, int64_t rows, int64_t cols);

/* A device array of `bytes` bytes copied from host memory; NULL after a failure. */
void *op_array(ft_op_scene *scene, const void *host, size_t bytes);
/* (count) random whole numbers in [low, high). */
int32_t *op_integers(ft_op_scene *scene, int64_t count, int32_t low, int32_t high);

/* The shape's adapters and sequences, with dropout and LoRA scales. */
ft_adapter_batch op_batch(ft_op_scene *scene);

/* Names a tensor from above as a result, to be compared. */
void op_result(ft_op_scene *scene, const char *name, ft_tensor tensor);
/* The same where terms of about the size `floor` may cancel, so that rounding is not
 * small beside what is left. */
void op_result_floor(ft_op_scene *scene, const char *name, ft_tensor tensor, double floor);
/* A device array of whole numbers as a result that must be equal. */
void op_result_integers(ft_op_scene *scene, const char *name, const int32_t *array, int64_t count);

/* A weight from random values; freed by op_free_weight. Its values are (out, in). */
ft_weight *op_weight(ft_op_scene *scene, int32_t out, int32_t in);
void op_free_weight(ft_op_scene *scene, ft_weight *weight);

#endif
