/* Floating-point operations counted from the shapes; see flops.h. */
#include "model/flops.h"

double ft_flops_total(const ft_flops *f)
{
    return f->projections_forward + f->projections_backward + f->head + f->attention_forward +
           f->attention_backward + f->lora;
}

/* Of the projections of one block on `rows` of its stack and, for cross-attention's keys
 * and values, encoder_rows. */
static double block_projections(const ft_model_config *c, bool decoder, double rows, double encoder_rows)
{
    double d = c->d_model, inner = ft_inner_dim(c), ff = c->d_ff;
    double own = 2 * rows * (4 * d * inner + 2 * d * ff);
    return decoder ? own + 2 * rows * 2 * d * inner + 2 * encoder_rows * 2 * d * inner : own;
}

/* One product of queries and keys, or of probabilities and values. */
static double attention_product(const ft_model_config *c, double sequences, double q_length, double kv_length)
{
    return 2 * sequences * q_length * kv_length * ft_inner_dim(c);
}

/* LoRA of a block's targets, one direction: down and up. */
static double block_lora(const ft_model_config *c, const ft_adapter_spec *spec, bool decoder, double rows,
                         double encoder_rows)
{
    double d = c->d_model, inner = ft_inner_dim(c), ff = c->d_ff, r = spec->rank, total = 0;
    const uint32_t square[] = {FT_TARGET_Q, FT_TARGET_K, FT_TARGET_V, FT_TARGET_O};
    for (int i = 0; i < 4; i++) {
        if (!(spec->targets & square[i])) continue;
        total += 2 * rows * r * (d + inner);
        bool on_encoder = square[i] == FT_TARGET_K || square[i] == FT_TARGET_V;
        if (decoder) total += 2 * (on_encoder ? encoder_rows : rows) * r * (d + inner);
    }
    if (spec->targets & FT_TARGET_WI) total += 2 * rows * r * (d + ff);
    if (spec->targets & FT_TARGET_WO) total += 2 * rows * r * (d + ff);
    return total;
}

ft_flops ft_flops_train_step(const ft_model_config *c, const ft_adapter_spec *spec, int64_t n_sequences,
                             int64_t encoder_length, int64_t decoder_length)
{
    double s = (double)n_sequences, te = (double)encoder_length, td = (double)decoder_length;
    double re = s * te, rd = s * td, d = c->d_model, inner = ft_inner_dim(c);
    double le = c->n_encoder_layers, ld = c->n_decoder_layers;
    ft_flops f = {0};
    f.projections_forward =
        le * block_projections(c, false, re, re) + ld * block_projections(c, true, rd, re);
    /* The input of each stack's first q, k, v needs no gradient. */
    f.projections_backward = f.projections_forward - 2 * (re + rd) * 3 * d * inner;
    f.head = 2 * 2 * rd * d * c->vocab_size;
    double encoder_product = attention_product(c, s, te, te),
           causal_product = attention_product(c, s, td, td) / 2;
    double cross_product = attention_product(c, s, td, te);
    double products = le * encoder_product + ld * (causal_product + cross_product);
    f.attention_forward = 2 * products;
    f.attention_backward = 4 * products;
    double lora = le * block_lora(c, spec, false, re, re) + ld * block_lora(c, spec, true, rd, re);
    f.lora = 3 * lora; /* forward, gradients of A and B, gradient of the input */
    return f;
}

double ft_flops_token(const ft_model_config *c)
{
    return c->n_decoder_layers * block_projections(c, true, 1, 0) + 2.0 * c->d_model * c->vocab_size;
}

ft_flops ft_flops_forecast(const ft_model_config *c, int64_t n_series, int64_t num_samples,
                           int64_t encoder_length, int64_t n_tokens)
{
    double s = (double)n_series, te = (double)encoder_length, paths = s * (double)num_samples,
           t = (double)n_tokens;
    double le = c->n_encoder_layers, ld = c->n_decoder_layers;
    ft_flops f = {0};
    f.projections_forward =
        le * block_projections(c, false, s * te, 0) + ld * block_projections(c, true, paths * t, s * te);
    f.head = 2 * paths * t * c->d_model * c->vocab_size;
    f.attention_forward =
        2 * (le * attention_product(c, s, te, te) +
             ld * (attention_product(c, paths, t, te) + attention_product(c, paths, t, t) / 2));
    return f;
}
