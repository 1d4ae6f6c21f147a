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

/* The residual stream of a stack, between two sublayers. */
typedef struct stream {
    ft_stack stack;
    int32_t length;
    int64_t rows;
    ft_tensor x; /* (rows, d_model) */
    /* the last sublayer's output, which is not yet added to x; no data: there was none */
    ft_tensor pending;
    uint32_t pending_site;
} stream;

/* Begins a sublayer: x_out = x + pending, which is x from now on; h = norm(x_out). */
static void enter_sublayer(const ft_pass *pass, stream *s, int32_t norm_tensor, ft_tensor x_out, ft_tensor h,
                           void *rstd)
{
    ft_pass_add_norm(pass, s->length, s->x, s->pending, s->pending_site, norm_tensor, 0, 1.0f, x_out, h,
                     rstd);
    s->x = x_out;
}

/* Ends a sublayer by its last product, which becomes pending. */
static void leave_sublayer(const ft_pass *pass, stream *s, ft_projection_use use, ft_tensor inner,
                           uint32_t site)
{
    s->pending = ft_rows(pass->workspace->y, s->rows);
    s->pending_site = site;
    ft_pass_project(pass, use, s->length, inner, s->pending);
}

static void self_attention(const ft_pass *pass, stream *s, int32_t block, int32_t first_tensor)
{
    ft_backend *backend = pass->workspace->backend;
    ft_block_activations *t = &pass->workspace->stack[s->stack].blocks[block];
    ft_tensor h = ft_rows(t->h_self, s->rows), out = ft_rows(t->self_out, s->rows);
    enter_sublayer(pass, s, first_tensor + FT_SELF_NORM, ft_rows(t->x_self, s->rows), h, t->rstd_self);
    ft_pass_project(pass, ft_pass_projection(pass, s->stack, block, FT_PROJECT_SELF_QKV), s->length, h,
                    ft_rows(t->qkv, s->rows));
    ft_attention attention = ft_pass_self_attention(pass, s->stack, block);
    backend->attention_forward(backend, &pass->batch, &attention, out, t->self_lse);
    leave_sublayer(pass, s, ft_pass_projection(pass, s->stack, block, FT_PROJECT_SELF_O), out,
                   ft_site(s->stack, block, FT_PLACE_SELF_OUT));
}

/* The decoder's attention to the encoder's output, whose keys and values
 * ft_pass_forward has computed. */
static void cross_attention(const ft_pass *pass, stream *s, int32_t block, int32_t first_tensor)
{
    ft_workspace *w = pass->workspace;
    ft_block_activations *t = &w->stack[s->stack].blocks[block];
    ft_tensor h = ft_rows(t->h_cross, s->rows), out = ft_rows(t->cross_out, s->rows);
    enter_sublayer(pass, s, first_tensor + FT_CROSS_NORM, ft_rows(t->x_cross, s->rows), h, t->rstd_cross);
    ft_pass_project(pass, ft_pass_projection(pass, s->stack, block, FT_PROJECT_CROSS_Q), s->length, h,
                    ft_rows(t->cross_q, s->rows));
    ft_attention attention = ft_pass_cross_attention(pass, block);
    w->backend->attention_forward(w->backend, &pass->batch, &attention, out, t->cross_lse);
    leave_sublayer(pass, s, ft_pass_projection(pass, s->stack, block, FT_PROJECT_CROSS_O), out,
                   ft_site(s->stack, block, FT_PLACE_CROSS_OUT));
}

static void feed_forward(const ft_pass *pass, stream *s, int32_t block, int32_t first_tensor)
{
    ft_backend *backend = pass->workspace->backend;
    ft_block_activations *t = &pass->workspace->stack[s->stack].blocks[block];
    ft_tensor h = ft_rows(t->h_ff, s->rows), f = ft_rows(t->f, s->rows);
    enter_sublayer(pass, s, first_tensor + FT_FF_NORM, ft_rows(t->x_ff, s->rows), h, t->rstd_ff);
    ft_pass_project(pass, ft_pass_projection(pass, s->stack, block, FT_PROJECT_WI), s->length, h, f);
    backend->relu_forward(backend, &pass->batch, s->length, ft_site(s->stack, block, FT_PLACE_FF_INNER), f);
    leave_sublayer(pass, s, ft_pass_projection(pass, s->stack, block, FT_PROJECT_WO), f,
                   ft_site(s->stack, block, FT_PLACE_FF_OUT));
}

/* One stack from its token ids to its output. */
static void stack_forward(const ft_pass *pass, ft_stack stack)
{
    ft_workspace *w = pass->workspace;
    const ft_model_config *config = &pass->trainable->model->config;
    const bool decoder = stack == FT_DECODER;
    int32_t n_layers = decoder ? config->n_decoder_layers : config->n_encoder_layers;
    ft_stack_activations *a = &w->stack[stack];
    stream s = {.stack = stack, .length = decoder ? pass->decoder_length : pass->encoder_length};
    int64_t stride;
    s.rows = (int64_t)pass->batch.n_sequences * s.length;
    s.x = ft_rows(n_layers > 0 ? a->blocks[0].x_self : a->x_final, s.rows);
    w->backend->embedding_forward(w->backend, &pass->batch, s.length,
                                  ft_trainable_vector(pass->trainable, FT_SHARED, &stride),
                                  decoder ? w->decoder_ids : w->encoder_ids, ft_embedding_site(stack), s.x);
    for (int32_t b = 0; b < n_layers; b++) {
        int32_t first_tensor = ft_block_tensor(config, stack, b, (ft_module)0);
        self_attention(pass, &s, b, first_tensor);
        if (decoder) cross_attention(pass, &s, b, first_tensor);
        feed_forward(pass, &s, b, first_tensor);
    }
    ft_pass_add_norm(pass, s.length, s.x, s.pending, s.pending_site,
                     decoder ? FT_DECODER_NORM : FT_ENCODER_NORM, ft_final_site(stack),
                     ft_output_scale(config, stack), ft_rows(a->x_final, s.rows), ft_rows(a->out, s.rows),
                     a->rstd_final);
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
