/* config.json of a Chronos-T5 model: the architecture and chronos_config's 14 keys.
 * docs/reference.md §1. */
#ifndef FT_MODEL_CONFIG_H
#define FT_MODEL_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef struct ft_chronos_config {
    double low_limit, high_limit; /* tokenizer_kwargs */
    int32_t n_tokens, n_special_tokens, pad_token_id, eos_token_id;
    int32_t context_length, prediction_length, num_samples, top_k;
    float temperature, top_p;
    /* The horizon after which the model expects EOS, where that is not prediction_length:
     * tuning with another one states that in config.json, and does not teach EOS. 0: it
     * is. Beside chronos_config in the file, which takes no other keys. */
    int32_t eos_prediction_length;
} ft_chronos_config;

typedef struct ft_model_config {
    int32_t vocab_size, d_model, d_kv, d_ff, n_heads;
    int32_t n_encoder_layers, n_decoder_layers;
    int32_t n_buckets, max_distance; /* relative attention */
    int32_t decoder_start_token_id, pad_token_id, eos_token_id;
    float dropout_rate, layer_norm_epsilon, initializer_factor;
    bool tie_word_embeddings; /* lm_head.weight may be missing: it is the embedding */
    /* Decoder output times d_model^-0.5 before the head, by the rule of docs/reference.md
     * §1. */
    bool scale_decoder_outputs;
    ft_chronos_config chronos;
} ft_model_config;

/* d_kv * n_heads: the width of q, k and v. */
static inline int32_t ft_inner_dim(const ft_model_config *config)
{
    return config->d_kv * config->n_heads;
}

/* Reads <model_dir>/config.json (and refuses a generation_config.json with settings we do
 * not follow). Every value is checked: sizes are positive and small enough that no
 * product of two overflows 2^40 bytes; errors name file and key. */
ft_status ft_config_read(const char *model_dir, ft_model_config *config, ft_error *err);
/* The same for the text of a config.json (`size` bytes); `path` is for messages.
 * generation_config.json isn't looked at. */
ft_status ft_config_parse(const char *text, size_t size, const char *path, ft_model_config *config,
                          ft_error *err);
enum { FT_CONFIG_MAX_BYTES = 16 << 20 };

/* The config of a fresh model of a size by name (nano, tiny, mini, small, base, large)
 * and F, its initialisation factor. */
ft_status ft_config_for_size(const char *size, ft_model_config *config, ft_error *err);

/* config.json for a config that ft_config_for_size made (loadable by transformers and
 * ChronosPipeline). */
ft_status ft_config_write(const char *model_dir, const ft_model_config *config, ft_error *err);
/* Its text: malloc'd, NULL when memory runs out. */
char *ft_config_print(const ft_model_config *config);

#endif
