/* MeanScaleUniformBins: real values to tokens and back. docs/reference.md §2. */
#ifndef FT_MODEL_TOKENIZER_H
#define FT_MODEL_TOKENIZER_H

#include <stdint.h>

#include "base/error.h"
#include "model/config.h"

typedef struct ft_tokenizer {
    ft_chronos_config config;
    int32_t n_centers;
    float *centers;    /* (n_centers) */
    float *boundaries; /* (n_centers + 1) */
    float bins_per_unit;
} ft_tokenizer;

ft_status ft_tokenizer_create(const ft_chronos_config *config, ft_tokenizer **tokenizer, ft_error *err);
void ft_tokenizer_free(ft_tokenizer *tokenizer);

/* The scale of a context that was already cut to at most context_length values; NaN is
 * missing. */
float ft_tokenizer_scale(const float *values, int64_t count);

/* Tokens of `count` values with a given scale: ids (count), mask (count; 1 = observed).
 * Missing: pad, 0. EOS is not appended here. */
void ft_tokenizer_encode(const ft_tokenizer *tokenizer, const float *values, int64_t count, float scale,
                         int32_t *ids, uint8_t *mask);

/* Cuts `values` to the last context_length (may be less than the config's), computes the
 * scale, and writes cut count + 1 ids and mask entries: the tokens and EOS, at the end of
 * arrays of `capacity` entries, left-padded with pad and mask 0. capacity >= min(count,
 * context_length) + 1. */
float ft_tokenizer_context(const ft_tokenizer *tokenizer, const float *values, int64_t count,
                           int64_t context_length, int32_t *ids, uint8_t *mask, int64_t capacity);

/* Labels of `count` future values: count + 1 ids, missing = -100, the last is EOS. */
void ft_tokenizer_labels(const ft_tokenizer *tokenizer, const float *values, int64_t count, float scale,
                         int32_t *labels);

/* The value of a token. */
float ft_tokenizer_decode(const ft_tokenizer *tokenizer, int32_t id, float scale);

#endif
