/* One pass of an adapter batch through the model: inputs, forward, loss, backward.
 *
 * ft_inputs is filled on the host, ft_pass_load puts it on the device, and then
 * ft_pass_forward, ft_pass_loss and ft_pass_backward are queued. The sequences lie
 * adapter by adapter; an adapter may have none in a pass. */
#ifndef FT_MODEL_PASS_H
#define FT_MODEL_PASS_H

#include "model/workspace.h"

/* What the optimizer uses for one adapter in a step. */
typedef struct ft_step_rates {
    float learning_rate, weight_decay;
    float max_grad_norm; /* <= 0: no clipping */
} ft_step_rates;

/* Inputs of one pass on the host. Arrays are sized for a largest shape; n_sequences and
 * lengths are those of this pass. */
typedef struct ft_inputs {
    int32_t n_adapters, n_sequences, encoder_length, decoder_length;
    int32_t *sequence_start; /* (n_adapters + 1) */
    int32_t *encoder_ids;    /* (n_sequences, encoder_length) */
    uint8_t *key_mask;       /* (n_sequences, encoder_length) */
    /* (n_sequences, decoder_length); decoder_ids are made from labels by ft_pass_load */
    int32_t *labels, *decoder_ids;
    int32_t *adapter_of;      /* (n_sequences), made by ft_pass_load */
    int32_t *sequence_offset; /* (n_adapters) as in ft_adapter_batch: 0 but in a share */
    uint32_t *seed, *step;    /* (n_adapters) */
    float *model_dropout, *lora_dropout, *lora_scale;
    float *label_scale; /* 1 / counted labels of the adapter, made by ft_pass_load */
    /* (n_adapters) of a training step, set by ft_inputs_set_rates */
    float *learning_rate, *weight_decay, *max_grad_norm;
    /* Counted labels of the adapter, also made by ft_pass_load; in a shard, those of the
     * whole step. */
    int64_t *n_counted;
    /* Some of a step, by ft_inputs_shard or ft_inputs_micro_batch, n_counted included. */
    bool is_shard;
    bool dropout; /* false: evaluation, no dropout anywhere */
    char *packed; /* the arrays as one copy takes them to the device, see ft_pass_load */
    void *memory;
} ft_inputs;

/* Room for a shape. The arrays are zeroed. */
ft_status ft_inputs_create(const ft_pass_shape *shape, ft_inputs **inputs, ft_error *err);
void ft_inputs_free(ft_inputs *inputs);
void ft_inputs_set_rates(ft_inputs *inputs, int32_t adapter, ft_step_rates rates);

typedef struct ft_pass {
    const ft_trainable *trainable;
    ft_workspace *workspace;
    ft_adapter_batch batch;
    int32_t encoder_length, decoder_length;
    bool adds; /* losses and gradients are added to those of an earlier pass */
    /* Optional. ft_pass_backward calls it as soon as everything that contributes to these
     * gradients, some columns of trainable->grads, is queued: block by block, after the
     * decoder's blocks cross-attention's k and v of all of them, and last the tensors
     * outside of blocks; in the same order for all shapes. */
    void (*final)(void *context, ft_tensor gradients);
    void *context;
} ft_pass;

/* Uploads the inputs, in one copy. Checks nothing: the caller guarantees that they fit
 * the workspace's shape. */
void ft_pass_load(ft_pass *pass, const ft_trainable *trainable, ft_workspace *workspace, ft_inputs *inputs);

/* The encoder: its output is workspace->stack[FT_ENCODER].out. */
void ft_pass_encode(const ft_pass *pass);
/* Encoder and decoder: logits are in workspace->logits. */
void ft_pass_forward(const ft_pass *pass);
/* Sets loss_sum[g] (adds to it where pass->adds) to the sum of the adapter's token
 * losses. with_gradient overwrites the logits with the gradient of each adapter's mean
 * loss. */
void ft_pass_loss(const ft_pass *pass, bool with_gradient);
/* Call after ft_pass_loss(pass, true). Writes the gradients of the adapters' mean losses
 * into trainable->grads, or adds them where pass->adds. Writes zeros where the pass has
 * no sequences, as a rank's data-parallel share may. */
void ft_pass_backward(const ft_pass *pass);

/* How forward and backward see a projection: its packed weight, and the modules that
 * stand side by side in its output, block after block. */
typedef struct ft_projection_use {
    const ft_weight *weight;
    ft_stack stack;
    int32_t first_block, n_blocks;
    ft_projection_modules modules; /* of each block */
    int32_t out_features;          /* of one module */
    /* (rows, LoRA targets * rank) real, of the activations */
    ft_tensor u;
} ft_projection_use;
/* A projection of one block; the projection of cross-attention's k and v, which is one
 * for all decoder blocks. */
ft_projection_use ft_pass_projection(const ft_pass *pass, ft_stack stack, int32_t block,
                                     ft_projection projection);
ft_projection_use ft_pass_cross_kv(const ft_pass *pass);
/* Index of the first module's tensor. */
int32_t ft_pass_first_tensor(const ft_pass *pass, const ft_projection_use *use);
/* Sets *lora to the LoRA targets among the projection's modules from number *module on,
 * as many as one call of lora_forward takes, and *module to where the next call goes on.
 * False where no target is left. */
bool ft_pass_lora(const ft_pass *pass, const ft_projection_use *use, int32_t *module, ft_lora *lora);

/* y = x W^T + LoRA, for all modules of the projection at once. Rows of x, y and u agree;
 * length: rows a sequence of pass->batch. */
void ft_pass_project(const ft_pass *pass, ft_projection_use use, int32_t length, ft_tensor x, ft_tensor y);

/* x_out = x + dropout(y), h = norm(x_out) with the norm weight `norm_tensor`. Used before
 * each sublayer and at the end of a stack. */
void ft_pass_add_norm(const ft_pass *pass, int32_t length, ft_tensor x, ft_tensor y, uint32_t y_site,
                      int32_t norm_tensor, uint32_t h_site, float h_scale, ft_tensor x_out, ft_tensor h,
                      void *rstd);

/* The attentions of a block over the pass' activations, with masks, bias and dropout
 * site. */
ft_attention ft_pass_self_attention(const ft_pass *pass, ft_stack stack, int32_t block);
ft_attention ft_pass_cross_attention(const ft_pass *pass, int32_t block);

/* Factor on a stack's output: d_model^-0.5 for a decoder with scaled outputs, else 1. */
float ft_output_scale(const ft_model_config *config, ft_stack stack);

#endif
