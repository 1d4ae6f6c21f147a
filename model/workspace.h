/* The memory of a pass: every activation that the forward pass writes and the backward
 * pass reads.
 *
 * One block of device memory, cut by a pure function of the shape, so that the planner
 * can ask for its size without allocating. In passes without backward all blocks of a
 * stack share one set of buffers. */
#ifndef FT_MODEL_WORKSPACE_H
#define FT_MODEL_WORKSPACE_H

#include "kernels/backend.h"
#include "model/trainable.h"

/* Largest shape that a workspace serves. */
typedef struct ft_pass_shape {
    int32_t n_adapters, n_sequences;
    /* rows a sequence; decoder_length 0: the encoder alone */
    int32_t encoder_length, decoder_length;
    bool backward;
    ft_adapter_kind kind; /* which inputs must be kept for gradients */
    uint32_t targets;
    int32_t rank;
} ft_pass_shape;

/* Of one block. rows: of its own stack. */
typedef struct ft_block_activations {
    /* (rows, d_model): residual stream before the sublayer (real), its norm (matrix) */
    ft_tensor x_self, h_self;
    ft_tensor x_cross, h_cross, x_ff, h_ff;
    void *rstd_self, *rstd_cross, *rstd_ff; /* (rows) */
    ft_tensor qkv;                          /* (rows, 3 * inner) matrix */
    ft_tensor self_out;                     /* (rows, inner) matrix: attention before o */
    ft_tensor cross_q;                      /* (rows, inner) matrix */
    ft_tensor cross_out;                    /* (rows, inner) matrix */
    void *self_lse, *cross_lse;             /* (n_sequences, n_heads, length) */
    /* (rows, d_ff) matrix: after relu and dropout */
    ft_tensor f;
    /* (rows, LoRA targets of the projection * rank) real */
    ft_tensor u[FT_PROJECTIONS];
} ft_block_activations;

typedef struct ft_stack_activations {
    /* (n_layers), not owned: inside the workspace's table */
    ft_block_activations *blocks;
    /* (rows, d_model): before the final norm (real) and after it (matrix) */
    ft_tensor x_final, out;
    void *rstd_final;
} ft_stack_activations;

typedef struct ft_workspace {
    ft_backend *backend;
    ft_pass_shape shape;
    size_t bytes; /* of device memory */
    char *memory;
    ft_block_activations *table; /* (blocks of both stacks) */
    ft_stack_activations stack[2];
    /* (encoder rows, n_decoder_layers * 2 * inner) matrix: k and v of cross-attention,
     * block after block; in backward their gradients take their place */
    ft_tensor cross_kv;
    ft_tensor cross_u; /* (encoder rows, LoRA targets in it * rank) real */
    ft_tensor y;       /* (rows, d_model) matrix: a sublayer's output, not yet added */
    ft_tensor logits;  /* (decoder rows, vocab_size) real */
    /* backward only */
    ft_tensor dx, d_encoder_out; /* (rows, d_model), (encoder_rows, d_model) real */
    ft_tensor dh;                /* (rows, d_model) real */
    ft_tensor dy;                /* (rows, d_model) matrix */
    /* (rows, max(3 * inner, d_ff)) matrix: dqkv, df */
    ft_tensor d_wide;
    ft_tensor d_attention; /* (rows, inner) matrix */
    ft_tensor dq;          /* (decoder rows, inner) matrix: cross-attention's */
    /* (rows, rank * most LoRA targets of a call of lora_backward) real */
    ft_tensor du;
    /* Inputs of the pass, in one block of input_bytes that one copy fills: ft_pass_load
     * packs the arrays of each shape without gaps and sets the pointers. */
    char *inputs;
    size_t input_bytes;
    /* (encoder rows), (decoder rows), (decoder rows) */
    int32_t *encoder_ids, *decoder_ids, *labels;
    uint8_t *key_mask;                    /* (encoder rows) */
    int32_t *sequence_start, *adapter_of; /* (n_adapters + 1), (n_sequences) */
    /* (n_adapters), and so are those below */
    int32_t *sequence_offset;
    uint32_t *seed, *step;
    float *model_dropout, *lora_dropout, *lora_scale, *label_scale;
    float *learning_rate, *weight_decay, *max_grad_norm;
    /* Results of a step, side by side: one copy reads both. */
    double *loss_sum, *grad_norm;
    double *loss_before; /* loss_sum of the step before */
} ft_workspace;

/* Bytes of device memory that ft_workspace_create would take. */
size_t ft_workspace_bytes(ft_backend *backend, const ft_model_config *config, const ft_pass_shape *shape);

ft_status ft_workspace_create(ft_backend *backend, const ft_model_config *config, const ft_pass_shape *shape,
                              ft_workspace **workspace, ft_error *err);
void ft_workspace_free(ft_workspace *workspace);

/* Columns that LoRA's u has for the same modules of n_blocks blocks: targets * rank. */
int64_t ft_lora_u_width(const ft_model_config *config, ft_stack stack, int32_t n_blocks,
                        ft_projection_modules modules, uint32_t targets, int32_t rank);

/* The first `rows` rows of a tensor. */
static inline ft_tensor ft_rows(ft_tensor t, int64_t rows)
{
    t.rows = rows;
    return t;
}

#endif
