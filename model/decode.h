/* Decoding a group of series: encoder once a series, then one token a step for all its
 * sampled paths, with key-value caches. */
#ifndef FT_MODEL_DECODE_H
#define FT_MODEL_DECODE_H

#include "model/pass.h"

typedef struct ft_decoder ft_decoder;

typedef struct ft_decode_shape {
    /* tokens drawn a path */
    int32_t n_adapters, n_series, num_samples, encoder_length, n_tokens;
} ft_decode_shape;

/* Device memory that a decoder of this shape takes. */
size_t ft_decoder_bytes(const ft_trainable *trainable, const ft_decode_shape *shape);

ft_status ft_decoder_create(const ft_trainable *trainable, const ft_decode_shape *shape, ft_decoder **decoder,
                            ft_error *err);
void ft_decoder_free(ft_decoder *decoder);

/* The decoder's encoder inputs, to be filled (encoder_ids, key_mask, sequence_start,
 * n_sequences, encoder_length) before ft_decoder_run; owned by the decoder. */
ft_inputs *ft_decoder_inputs(ft_decoder *decoder);

typedef struct ft_decode_sampling {
    float temperature, top_p;
    int32_t top_k;
    const uint32_t *series; /* (n_sequences) key of each series */
    uint32_t seed, first_step;
} ft_decode_sampling;

/* tokens: (n_sequences, num_samples, n_tokens). FT_DIVERGED where logits were not
 * finite. */
ft_status ft_decoder_run(ft_decoder *decoder, const ft_decode_sampling *sampling, int32_t *tokens,
                         ft_error *err);

#endif
