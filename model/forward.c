/* The forward pass of Chronos-T5 with adapters. docs/reference.md §3.
 *
 * A stack is: embedding; then in every block norm -> sublayer -> residual add, the add
 * fused with the next norm (backend.h add_norm); then the final norm. x names the
 * residual stream, h its norm, y a sublayer's output. */
#include <math.h>

#include "model/pass.h"
#include "model/sites.h"

void ft_pass_project(const ft_pass *pass, ft_projection_use use, int32_t length, ft_tensor x, ft_tensor y)
{
    ft_backend *backend = pass->workspace->backend;
    backend->linear_forward(backend, use.weight, x, y, false);
    ft_lora lora;
    int64_t ranks = 0; /* of the targets before */
    for (int32_t module = 0; ft_pass_lora(pass, &use, &module, &lora);) {
        int64_t count = (int64_t)lora.n_targets * lora.rank;
        backend->lora_forward(backend, &pass->batch, length, &lora, x, y,
                              ft_columns(ft_rows(use.u, x.rows), ranks, count));
        ranks += count;
    }
}

void ft_pass_add_norm(const ft_pass *pass, int32_t length, ft_tensor x, ft_tensor y, uint32_t y_site,
                      int32_t norm_tensor, uint32_t h_site, float h_scale, ft_tensor x_out, ft_tensor h,
                      void *rstd)
{
    ft_backend *backend = pass->workspace->backend;
    int64_t stride;
    ft_tensor weight = ft_trainable_vector(pass->trainable, norm_tensor, &stride);
    backend->add_norm_forward(backend, &pass->batch, length, x, y, y_site, weight.data, stride,
                              pass->trainable->model->config.layer_norm_epsilon, h_site, h_scale, x_out, h,
                              rstd);
}

float ft_output_scale(const ft_model_config *config, ft_stack stack)
{
    return stack == FT_DECODER && config->scale_decoder_outputs ? 1.0f / sqrtf((float)config->d_model) : 1.0f;
}

ft_attention ft_pass_self_attention(const ft_pass *pass, ft_stack stack, int32_t block)
{
    const ft_model_config *config = &pass->trainable->model->config;
    int32_t length = stack == FT_ENCODER ? pass->encoder_length : pass->decoder_length;
    ft_tensor qkv =
        ft_rows(pass->workspace->stack[stack].blocks[block].qkv, (int64_t)pass->batch.n_sequences * length);
    int64_t inner = ft_inner_dim(config), stride;
    return (ft_attention){
        .q = ft_columns(qkv, 0, inner),
        .k = ft_columns(qkv, inner, inner),
        .v = ft_columns(qkv, 2 * inner, inner),
        .n_heads = config->n_heads,
        .d_kv = config->d_kv,
        .q_length = length,
        .kv_length = length,
        .causal = stack == FT_DECODER,
        .key_mask = stack == FT_ENCODER ? pass->workspace->key_mask : NULL,
        .bias = ft_trainable_vector(pass->trainable, stack == FT_ENCODER ? FT_ENCODER_BIAS : FT_DECODER_BIAS,
                                    &stride),
        .max_distance = config->max_distance,
        .bidirectional = stack == FT_ENCODER,
        .dropout_site = ft_site(stack, block, FT_PLACE_SELF_PROBABILITIES),
    };
}

ft_attention ft_pass_cross_attention(const ft_pass *pass, int32_t block)
{
    const ft_model_config *config = &pass->trainable->model->config;
    const ft_block_activations *t = &pass->workspace->stack[FT_DECODER].blocks[block];
    int64_t inner = ft_inner_dim(config), n_sequences = pass->batch.n_sequences;
    ft_tensor kv = ft_rows(pass->workspace->cross_kv, n_sequences * pass->encoder_length);
    return (ft_attention){
        .q = ft_rows(t->cross_q, n_sequences * pass->decoder_length),
        .k = ft_columns(kv, 2 * inner * block, inner),
        .v = ft_columns(kv, 2 * inner * block + inner, inner),
        .n_heads = config->n_heads,
        .d_kv = config->d_kv,
        .q_length = pass->decoder_length,
        .kv_length = pass->encoder_length,
        .key_mask = pass->workspace->key_mask,
        .dropout_site = ft_site(FT_DECODER, block, FT_PLACE_CROSS_PROBABILITIES),
    };
}

/* One stack from its token ids to its output. */
static void stack_forward(const ft_pass *pass, ft_stack stack)
{
    ft_workspace *w = pass->workspace;
    ft_backend *backend = w->backend;
    const ft_model_config *config = &pass->trainable->model->config;
    bool decoder = stack == FT_DECODER;
    int32_t length = decoder ? pass->decoder_length : pass->encoder_length;
    int32_t n_layers = decoder ? config->n_decoder_layers : config->n_encoder_layers;
    int64_t rows = (int64_t)pass->batch.n_sequences * length;
    int64_t stride;
    ft_stack_activations *a = &w->stack[stack];
    ft_tensor y = ft_rows(w->y, rows), nothing = {0};

    ft_tensor x = ft_rows(n_layers > 0 ? a->blocks[0].x_self : a->x_final, rows);
    backend->embedding_forward(backend, &pass->batch, length,
                               ft_trainable_vector(pass->trainable, FT_SHARED, &stride),
                               decoder ? w->decoder_ids : w->encoder_ids, ft_embedding_site(stack), x);
    ft_tensor pending = nothing; /* the last sublayer's output, not yet added */
    uint32_t pending_site = 0;
    for (int32_t b = 0; b < n_layers; b++) {
        ft_block_activations *t = &a->blocks[b];
        int32_t tensor = ft_block_tensor(config, stack, b, (ft_module)0);
        ft_tensor qkv = ft_rows(t->qkv, rows), h = ft_rows(t->h_self, rows), out = ft_rows(t->self_out, rows);
        ft_pass_add_norm(pass, length, x, pending, pending_site, tensor + FT_SELF_NORM, 0, 1.0f,
                         ft_rows(t->x_self, rows), h, t->rstd_self);
        x = ft_rows(t->x_self, rows);
        ft_pass_project(pass, ft_pass_projection(pass, stack, b, FT_PROJECT_SELF_QKV), length, h, qkv);
        ft_attention attention = ft_pass_self_attention(pass, stack, b);
        backend->attention_forward(backend, &pass->batch, &attention, out, t->self_lse);
        ft_pass_project(pass, ft_pass_projection(pass, stack, b, FT_PROJECT_SELF_O), length, out, y);
        pending = y;
        pending_site = ft_site(stack, b, FT_PLACE_SELF_OUT);

        if (decoder) {
            ft_tensor q = ft_rows(t->cross_q, rows);
            h = ft_rows(t->h_cross, rows);
            out = ft_rows(t->cross_out, rows);
            ft_pass_add_norm(pass, length, x, pending, pending_site, tensor + FT_CROSS_NORM, 0, 1.0f,
                             ft_rows(t->x_cross, rows), h, t->rstd_cross);
            x = ft_rows(t->x_cross, rows);
            ft_pass_project(pass, ft_pass_projection(pass, stack, b, FT_PROJECT_CROSS_Q), length, h, q);
            attention = ft_pass_cross_attention(pass, b);
            backend->attention_forward(backend, &pass->batch, &attention, out, t->cross_lse);
            ft_pass_project(pass, ft_pass_projection(pass, stack, b, FT_PROJECT_CROSS_O), length, out, y);
            pending_site = ft_site(stack, b, FT_PLACE_CROSS_OUT);
        }

        h = ft_rows(t->h_ff, rows);
        ft_pass_add_norm(pass, length, x, pending, pending_site, tensor + FT_FF_NORM, 0, 1.0f,
                         ft_rows(t->x_ff, rows), h, t->rstd_ff);
        x = ft_rows(t->x_ff, rows);
        ft_tensor f = ft_rows(t->f, rows);
        ft_pass_project(pass, ft_pass_projection(pass, stack, b, FT_PROJECT_WI), length, h, f);
        backend->relu_forward(backend, &pass->batch, length, ft_site(stack, b, FT_PLACE_FF_INNER), f);
        ft_pass_project(pass, ft_pass_projection(pass, stack, b, FT_PROJECT_WO), length, f, y);
        pending_site = ft_site(stack, b, FT_PLACE_FF_OUT);
    }
    ft_pass_add_norm(pass, length, x, pending, pending_site, decoder ? FT_DECODER_NORM : FT_ENCODER_NORM,
                     ft_final_site(stack), ft_output_scale(config, stack), ft_rows(a->x_final, rows),
                     ft_rows(a->out, rows), a->rstd_final);
}

void ft_pass_encode(const ft_pass *pass)
{
    stack_forward(pass, FT_ENCODER);
}

void ft_pass_forward(const ft_pass *pass)
{
    ft_workspace *w = pass->workspace;
    int64_t rows = (int64_t)pass->batch.n_sequences * pass->decoder_length;
    int64_t encoder_rows = (int64_t)pass->batch.n_sequences * pass->encoder_length;
    stack_forward(pass, FT_ENCODER);
    ft_pass_project(pass, ft_pass_cross_kv(pass), pass->encoder_length,
                    ft_rows(w->stack[FT_ENCODER].out, encoder_rows), ft_rows(w->cross_kv, encoder_rows));
    stack_forward(pass, FT_DECODER);
    w->backend->linear_forward(w->backend, pass->trainable->model->head,
                               ft_rows(w->stack[FT_DECODER].out, rows), ft_rows(w->logits, rows), false);
}

void ft_pass_loss(const ft_pass *pass, bool with_gradient)
{
    ft_workspace *w = pass->workspace;
    int64_t rows = (int64_t)pass->batch.n_sequences * pass->decoder_length;
    if (!pass->adds)
        w->backend->zero(w->backend, w->loss_sum, (size_t)pass->batch.n_adapters * sizeof(double));
    w->backend->cross_entropy(w->backend, &pass->batch, pass->decoder_length, ft_rows(w->logits, rows),
                              w->labels, with_gradient ? w->label_scale : NULL, w->loss_sum);
}
