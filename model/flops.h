/* Floating-point operations counted from the shapes: what a step or a forecast must
 * compute on any device.
 *
 * A product of (m, k) and (k, n) counts 2 m k n. Only products count (no softmax, norm,
 * optimizer), and only those with a needed result. So with LoRA there is no gradient of
 * frozen weights and nothing below the first trained tensor. What a backward pass
 * recomputes (flash attention's scores) does not count, and of a causal square only half
 * does. */
#ifndef FT_MODEL_FLOPS_H
#define FT_MODEL_FLOPS_H

#include "model/adapter.h"

typedef struct ft_flops {
    double projections_forward, projections_backward; /* frozen weights of blocks */
    double head;                                      /* forward and backward */
    double attention_forward, attention_backward;
    double lora;
} ft_flops;

/* One training step of n_sequences with LoRA `spec`; encoder_length and decoder_length
 * count EOS. */
ft_flops ft_flops_train_step(const ft_model_config *config, const ft_adapter_spec *spec, int64_t n_sequences,
                             int64_t encoder_length, int64_t decoder_length);

/* Forecasts of n_series with num_samples paths of n_tokens each, the encoder once a
 * series, without an adapter. */
ft_flops ft_flops_forecast(const ft_model_config *config, int64_t n_series, int64_t num_samples,
                           int64_t encoder_length, int64_t n_tokens);

/* The products with weights for one token of one path: twice the weights that a decoding
 * step reads. */
double ft_flops_token(const ft_model_config *config);

double ft_flops_total(const ft_flops *flops);

#endif
