/* Writes a fresh model's config; see config.h. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "model/config.h"

/* chronos_config; its 14 keys and no other. */
static cJSON *build_chronos(const ft_chronos_config *chronos)
{
    cJSON *b = cJSON_CreateObject(), *limits = cJSON_CreateObject();
    ft_json_set_whole(&b, "context_length", chronos->context_length);
    ft_json_set_whole(&b, "eos_token_id", chronos->eos_token_id);
    ft_json_set_string(&b, "model_type", "seq2seq");
    ft_json_set_whole(&b, "n_special_tokens", chronos->n_special_tokens);
    ft_json_set_whole(&b, "n_tokens", chronos->n_tokens);
    ft_json_set_whole(&b, "num_samples", chronos->num_samples);
    ft_json_set_whole(&b, "pad_token_id", chronos->pad_token_id);
    ft_json_set_whole(&b, "prediction_length", chronos->prediction_length);
    ft_json_set_float(&b, "temperature", chronos->temperature);
    ft_json_set_string(&b, "tokenizer_class", "MeanScaleUniformBins");
    ft_json_set_double(&limits, "high_limit", chronos->high_limit);
    ft_json_set_double(&limits, "low_limit", chronos->low_limit);
    ft_json_set(&b, "tokenizer_kwargs", limits);
    ft_json_set_whole(&b, "top_k", chronos->top_k);
    ft_json_set_float(&b, "top_p", chronos->top_p);
    ft_json_set_bool(&b, "use_eos_token", true);
    return b;
}

char *ft_config_print(const ft_model_config *config)
{
    cJSON *b = cJSON_CreateObject(), *architectures = cJSON_CreateArray();
    ft_json_append(&architectures, cJSON_CreateString("T5ForConditionalGeneration"));
    ft_json_set(&b, "architectures", architectures);
    ft_json_set(&b, "chronos_config", build_chronos(&config->chronos));
    ft_json_set_whole(&b, "d_ff", config->d_ff);
    ft_json_set_whole(&b, "d_kv", config->d_kv);
    ft_json_set_whole(&b, "d_model", config->d_model);
    ft_json_set_whole(&b, "decoder_start_token_id", config->decoder_start_token_id);
    ft_json_set_float(&b, "dropout_rate", config->dropout_rate);
    ft_json_set_string(&b, "dtype", "float32");
    ft_json_set_whole(&b, "eos_token_id", config->eos_token_id);
    ft_json_set_string(&b, "feed_forward_proj", "relu");
    ft_json_set_float(&b, "initializer_factor", config->initializer_factor);
    ft_json_set_bool(&b, "is_encoder_decoder", true);
    ft_json_set_float(&b, "layer_norm_epsilon", config->layer_norm_epsilon);
    ft_json_set_string(&b, "model_type", "t5");
    ft_json_set_whole(&b, "num_decoder_layers", config->n_decoder_layers);
    ft_json_set_whole(&b, "num_heads", config->n_heads);
    ft_json_set_whole(&b, "num_layers", config->n_encoder_layers);
    ft_json_set_whole(&b, "pad_token_id", config->pad_token_id);
    ft_json_set_whole(&b, "relative_attention_max_distance", config->max_distance);
    ft_json_set_whole(&b, "relative_attention_num_buckets", config->n_buckets);
    ft_json_set_bool(&b, "scale_decoder_outputs", config->scale_decoder_outputs);
    ft_json_set_bool(&b, "tie_word_embeddings", config->scale_decoder_outputs);
    ft_json_set_bool(&b, "use_cache", true);
    ft_json_set_whole(&b, "vocab_size", config->vocab_size);
    char *text = b ? ft_json_print(b) : NULL;
    cJSON_Delete(b);
    return text;
}

ft_status ft_config_write(const char *model_dir, const ft_model_config *config, ft_error *err)
{
    ft_status status = ft_make_directories(model_dir, err);
    if (status) return status;
    char *path = ft_join_path(model_dir, "config.json"), *text = ft_config_print(config);
    if (path && text)
        status = ft_write_file(path, text, strlen(text), err);
    else
        status = ft_no_memory(err, model_dir, 0);
    free(text);
    free(path);
    return status;
}
