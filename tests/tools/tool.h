/* What the tools of check_interop.py share: a model with perhaps an adapter on the CPU in
 * f32, and batches from a file. */
#ifndef FT_TESTS_TOOL_H
#define FT_TESTS_TOOL_H

#include <stdint.h>

#include "model/pass.h"
#include "model/safetensors.h"

typedef struct tool {
    ft_backend *backend;
    ft_weights *weights;
    ft_chronos *chronos;
    ft_adapter *adapter;
    ft_trainable *trainable;
    ft_safetensors *file;
    ft_pass_shape shape; /* of one batch */
    int64_t n_batches;
    ft_inputs *inputs;
} tool;

/* adapter may be NULL. The file's tensors may have a leading n_batches. */
ft_status tool_open(tool *t, const char *model, const char *adapter, const char *file, bool for_training,
                    ft_error *err);
/* Fills inputs with batch `index`; exits on a broken file. */
void tool_load(const tool *t, ft_inputs *inputs, int64_t index);
/* Frees everything, tells the error and returns the exit status. */
int tool_close(tool *t, ft_status status, const ft_error *err);

#endif
