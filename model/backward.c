/* The backward pass: the steps of forward.c in reverse order. docs/reference.md §3.
 *
 * dx is the gradient of the residual stream, dh that of a norm's output, dy that of a
 * sublayer's output. With LoRA nothing below the first block's attention is trained, so
 * the pass ends there. */
#include "model/adapter_kinds.h"
#include "model/pass.h"
#include "model/sites.h"

/* Adds the gradients of one projection's adapters. Where dx is present, dx = dy W +
 * LoRA. */
static void project_backward(const ft_pass *pass, ft_projection_use use, int32_t length, ft_tensor x,
                             ft_tensor dy, ft_tensor dx)
{
    ft_workspace *w = pass->workspace;
    ft_backend *backend = w->backend;
    if (dx.data) backend->linear_backward(backend, use.weight, dy, dx, false);
    ft_lora lora;
    int64_t ranks = 0; /* of the targets before */
    for (int32_t module = 0; ft_pass_lora(pass, &use, &module, &lora);) {
        int64_t count = (int64_t)lora.n_targets * lora.rank;
        backend->lora_backward(backend, &pass->batch, length, &lora, x,
                               ft_columns(ft_rows(use.u, x.rows), ranks, count), dy, dx,
                               ft_columns(ft_rows(w->du, x.rows), 0, count));
        ranks += count;
    }
    ft_tensor dw = ft_trainable_gradient(pass->trainable, ft_pass_first_tensor(pass, &use));
    if (dw.data) backend->weight_gradient(backend, dy, x, ft_rows(dw, dy.cols));
}

/* Backward of residual add and norm: adds the gradient through the norm to dx, then
 * writes dy for the sublayer whose output was added there. */
static void add_norm_backward(const ft_pass *pass, int32_t length, ft_tensor x_out, const void *rstd,
                              int32_t norm_tensor, uint32_t h_site, float h_scale, ft_tensor dh, ft_tensor dx,
                              bool dx_is_zero, uint32_t y_site, ft_tensor dy)
{
    ft_backend *backend = pass->workspace->backend;
    int64_t stride;
    ft_tensor weight = ft_trainable_vector(pass->trainable, norm_tensor, &stride);
    ft_tensor dweight = ft_trainable_gradient(pass->trainable, norm_tensor);
    backend->add_norm_backward(backend, &pass->batch, length, x_out, rstd, weight.data, stride, h_site,
                               h_scale, dh, dx, dx_is_zero, y_site, dy, dweight.data);
}

static ft_tensor wide(const ft_workspace *w, int64_t rows, int64_t cols)
{
    return (ft_tensor){w->d_wide.data, w->d_wide.dtype, rows, cols, cols};
}

/* Feed-forward of block b: from dy of its output to dx before it, and dy of the sublayer
 * before. */
static void feed_forward_backward(const ft_pass *pass, ft_stack stack, int32_t b, int32_t length,
                                  ft_tensor dx, ft_tensor dy)
{
    ft_workspace *w = pass->workspace;
    const ft_model_config *config = &pass->trainable->model->config;
    const ft_block_activations *t = &w->stack[stack].blocks[b];
    ft_tensor df = wide(w, dx.rows, config->d_ff), f = ft_rows(t->f, dx.rows), dh = ft_rows(w->dh, dx.rows);
    project_backward(pass, ft_pass_projection(pass, stack, b, FT_PROJECT_WO), length, f, dy, df);
    w->backend->relu_backward(w->backend, &pass->batch, length, ft_site(stack, b, FT_PLACE_FF_INNER), f, df);
    project_backward(pass, ft_pass_projection(pass, stack, b, FT_PROJECT_WI), length,
                     ft_rows(t->h_ff, dx.rows), df, dh);
    add_norm_backward(pass, length, ft_rows(t->x_ff, dx.rows), t->rstd_ff,
                      ft_block_tensor(config, stack, b, FT_FF_NORM), 0, 1.0f, dh, dx, false,
                      ft_site(stack, b, stack == FT_DECODER ? FT_PLACE_CROSS_OUT : FT_PLACE_SELF_OUT), dy);
}

/* Cross-attention of block b. The gradients of its k and v overwrite k and v. */
static void cross_attention_backward(const ft_pass *pass, int32_t b, ft_tensor dx, ft_tensor dy)
{
    ft_workspace *w = pass->workspace;
    ft_backend *backend = w->backend;
    const ft_model_config *config = &pass->trainable->model->config;
    const ft_block_activations *t = &w->stack[FT_DECODER].blocks[b];
    ft_tensor out = ft_rows(t->cross_out, dx.rows), dout = ft_rows(w->d_attention, dx.rows), nothing = {0};
    ft_tensor dq = ft_rows(w->dq, dx.rows), dh = ft_rows(w->dh, dx.rows);
    project_backward(pass, ft_pass_projection(pass, FT_DECODER, b, FT_PROJECT_CROSS_O), pass->decoder_length,
                     out, dy, dout);
    ft_attention attention = ft_pass_cross_attention(pass, b);
    backend->attention_backward(backend, &pass->batch, &attention, out, t->cross_lse, dout, dq, attention.k,
                                attention.v, nothing);
    project_backward(pass, ft_pass_projection(pass, FT_DECODER, b, FT_PROJECT_CROSS_Q), pass->decoder_length,
                     ft_rows(t->h_cross, dx.rows), dq, dh);
    add_norm_backward(pass, pass->decoder_length, ft_rows(t->x_cross, dx.rows), t->rstd_cross,
                      ft_block_tensor(config, FT_DECODER, b, FT_CROSS_NORM), 0, 1.0f, dh, dx, false,
                      ft_site(FT_DECODER, b, FT_PLACE_SELF_OUT), dy);
}

/* Self-attention of block b. In block 0 with LoRA only what its own targets need is
 * computed. */
static void self_attention_backward(const ft_pass *pass, ft_stack stack, int32_t b, int32_t length,
                                    ft_tensor dx, ft_tensor dy)
{
    ft_workspace *w = pass->workspace;
    ft_backend *backend = w->backend;
    const ft_trainable *trainable = pass->trainable;
    const ft_model_config *config = &trainable->model->config;
    const ft_block_activations *t = &w->stack[stack].blocks[b];
    int64_t inner = ft_inner_dim(config);
    bool bottom = b == 0 && ft_adapter_kinds[trainable->kind].is_low_rank;
    bool trains_inside = trainable->targets & (FT_TARGET_Q | FT_TARGET_K | FT_TARGET_V);
    if (bottom && !trains_inside && !(trainable->targets & FT_TARGET_O)) return;

    ft_tensor nothing = {0}, out = ft_rows(t->self_out, dx.rows);
    ft_tensor dout = bottom && !trains_inside ? nothing : ft_rows(w->d_attention, dx.rows);
    project_backward(pass, ft_pass_projection(pass, stack, b, FT_PROJECT_SELF_O), length, out, dy, dout);
    if (!dout.data) return;
    ft_tensor dqkv = wide(w, dx.rows, 3 * inner), dh = bottom ? nothing : ft_rows(w->dh, dx.rows);
    ft_attention attention = ft_pass_self_attention(pass, stack, b);
    backend->attention_backward(
        backend, &pass->batch, &attention, out, t->self_lse, dout, ft_columns(dqkv, 0, inner),
        ft_columns(dqkv, inner, inner), ft_columns(dqkv, 2 * inner, inner),
        ft_trainable_gradient(trainable, stack == FT_ENCODER ? FT_ENCODER_BIAS : FT_DECODER_BIAS));
    project_backward(pass, ft_pass_projection(pass, stack, b, FT_PROJECT_SELF_QKV), length,
                     ft_rows(t->h_self, dx.rows), dqkv, dh);
    if (bottom) return;
    add_norm_backward(pass, length, ft_rows(t->x_self, dx.rows), t->rstd_self,
                      ft_block_tensor(config, stack, b, FT_SELF_NORM), 0, 1.0f, dh, dx, false,
                      b > 0 ? ft_site(stack, b - 1, FT_PLACE_FF_OUT) : 0, b > 0 ? dy : nothing);
}

static void tell(const ft_pass *pass, ft_tensor gradients)
{
    if (pass->final) pass->final(pass->context, gradients);
}

static void tell_block(const ft_pass *pass, ft_stack stack, int32_t b)
{
    int32_t first = ft_block_tensor(&pass->trainable->model->config, stack, b, 0);
    tell(pass, ft_trainable_gradients(pass->trainable, first, first + FT_MODULES_PER_BLOCK));
}

static void tell_cross_kv(const ft_pass *pass)
{
    tell(pass, ft_trainable_cross_kv_gradients(pass->trainable));
}

/* Computes the gradient of the encoder's output from the gradients of cross-attention's k
 * and v in all blocks. */
static void cross_kv_backward(const ft_pass *pass)
{
    ft_workspace *w = pass->workspace;
    int64_t rows = (int64_t)pass->batch.n_sequences * pass->encoder_length;
    project_backward(pass, ft_pass_cross_kv(pass), pass->encoder_length,
                     ft_rows(w->stack[FT_ENCODER].out, rows), ft_rows(w->cross_kv, rows),
                     ft_rows(w->d_encoder_out, rows));
    tell_cross_kv(pass);
}

/* One stack, from dh of its output down to its embedding. */
static void stack_backward(const ft_pass *pass, ft_stack stack, ft_tensor dh)
{
    ft_workspace *w = pass->workspace;
    const ft_model_config *config = &pass->trainable->model->config;
    bool decoder = stack == FT_DECODER;
    int32_t length = decoder ? pass->decoder_length : pass->encoder_length;
    int32_t n_layers = decoder ? config->n_decoder_layers : config->n_encoder_layers;
    const ft_stack_activations *a = &w->stack[stack];
    ft_tensor dx = ft_rows(w->dx, dh.rows), dy = ft_rows(w->dy, dh.rows);
    add_norm_backward(pass, length, ft_rows(a->x_final, dh.rows), a->rstd_final,
                      decoder ? FT_DECODER_NORM : FT_ENCODER_NORM, ft_final_site(stack),
                      ft_output_scale(config, stack), dh, dx, true,
                      ft_site(stack, n_layers - 1, FT_PLACE_FF_OUT), dy);
    for (int32_t b = n_layers - 1; b >= 0; b--) {
        feed_forward_backward(pass, stack, b, length, dx, dy);
        if (decoder) cross_attention_backward(pass, b, dx, dy);
        self_attention_backward(pass, stack, b, length, dx, dy);
        tell_block(pass, stack, b);
    }
    ft_tensor d_embedding = ft_trainable_gradient(pass->trainable, FT_SHARED);
    if (d_embedding.data)
        w->backend->embedding_backward(w->backend, &pass->batch, length, dx,
                                       decoder ? w->decoder_ids : w->encoder_ids, ft_embedding_site(stack),
                                       d_embedding);
}

/* The pass has no sequences: only reports all gradients as final. */
static void backward_of_none(const ft_pass *pass)
{
    const ft_model_config *config = &pass->trainable->model->config;
    for (int32_t b = config->n_decoder_layers - 1; b >= 0; b--) tell_block(pass, FT_DECODER, b);
    tell_cross_kv(pass);
    for (int32_t b = config->n_encoder_layers - 1; b >= 0; b--) tell_block(pass, FT_ENCODER, b);
}

static void backward_of_some(const ft_pass *pass)
{
    ft_workspace *w = pass->workspace;
    ft_backend *backend = w->backend;
    const ft_trainable *trainable = pass->trainable;
    int64_t rows = (int64_t)pass->batch.n_sequences * pass->decoder_length;
    int64_t encoder_rows = (int64_t)pass->batch.n_sequences * pass->encoder_length;
    ft_tensor dlogits = ft_rows(w->logits, rows), dh = ft_rows(w->dh, rows);
    backend->linear_backward(backend, trainable->model->head, dlogits, dh, false);
    ft_tensor d_head = ft_trainable_gradient(trainable, trainable->model->tied ? FT_SHARED : FT_LM_HEAD);
    if (d_head.data)
        backend->weight_gradient(backend, dlogits, ft_rows(w->stack[FT_DECODER].out, rows), d_head);
    stack_backward(pass, FT_DECODER, dh);
    cross_kv_backward(pass);
    stack_backward(pass, FT_ENCODER, ft_rows(w->d_encoder_out, encoder_rows));
}

void ft_pass_backward(const ft_pass *pass)
{
    ft_backend *backend = pass->workspace->backend;
    const ft_tensor grads = pass->trainable->grads;
    if (!pass->adds)
        backend->zero(backend, grads.data, (size_t)(grads.rows * grads.cols) * ft_dtype_bytes(grads.dtype));
    if (pass->batch.n_sequences > 0)
        backward_of_some(pass);
    else
        backward_of_none(pass);
    tell(pass, ft_trainable_gradients(pass->trainable, 0, FT_FIRST_BLOCK_TENSOR));
}
