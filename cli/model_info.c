/* What is told of a model directory; see model_info.h. */
#include "cli/model_info.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "model/adapter.h"
#include "model/safetensors.h"

static int64_t count_of(const ft_weights *weights, int32_t index)
{
    if (!weights->tensor[index]) return 0;
    ft_tensor_info info = ft_tensor_describe(&weights->config, index);
    return (int64_t)info.rows * info.cols;
}

int64_t ft_parameter_count(const ft_weights *weights)
{
    int64_t total = 0;
    for (int32_t i = 0; i < ft_tensor_count(&weights->config); i++) total += count_of(weights, i);
    return total;
}

/* The dtype of the file's first matrix that we know: "F32", "BF16" or "F16". A model
 * of several files is told by the file that its index names first. */
static ft_status stored_as(const char *directory, const char **dtype, ft_error *err)
{
    ft_safetensors *file = NULL;
    cJSON *index = NULL;
    ft_status status = FT_OK;
    const char *name = "model.safetensors";
    char *path = ft_join_path(directory, name),
         *index_path = ft_join_path(directory, "model.safetensors.index.json");
    if (!path || !index_path) {
        status = ft_no_memory(err, "a path", strlen(directory));
        goto cleanup;
    }
    bool is_whole = false;
    status = ft_path_exists(path, &is_whole, err);
    if (status != FT_OK) goto cleanup;
    if (!is_whole) {
        status = ft_json_read(index_path, &index, err);
        if (status != FT_OK) goto cleanup;
        const cJSON *map = cJSON_GetObjectItemCaseSensitive(index, "weight_map");
        const cJSON *first = map ? map->child : NULL;
        free(path);
        path = ft_join_path(directory, cJSON_IsString(first) ? first->valuestring : name);
        if (!path) {
            status = ft_no_memory(err, "a path", strlen(directory));
            goto cleanup;
        }
    }
    status = ft_safetensors_open(path, &file, err);
    if (status == FT_OK) *dtype = file->count ? ft_stored_dtype_name(file->tensors[0].dtype) : "F32";
cleanup:
    ft_safetensors_close(file);
    cJSON_Delete(index);
    free(path);
    free(index_path);
    return status;
}

/* A float as the number that people wrote: 0.1, not 0.10000000149011612. */
static cJSON *float_number(float value)
{
    char text[FT_NUMBER_CHARS];
    double number = (double)value;
    ft_format_float(value, text);
    ft_parse_double(text, strlen(text), &number);
    return ft_json_number(number);
}

static cJSON *architecture(const ft_model_config *config)
{
    cJSON *object = cJSON_CreateObject();
    ft_json_set_whole(&object, "vocab_size", config->vocab_size);
    ft_json_set_whole(&object, "d_model", config->d_model);
    ft_json_set_whole(&object, "d_ff", config->d_ff);
    ft_json_set_whole(&object, "n_heads", config->n_heads);
    ft_json_set_whole(&object, "d_kv", config->d_kv);
    ft_json_set_whole(&object, "n_encoder_layers", config->n_encoder_layers);
    ft_json_set_whole(&object, "n_decoder_layers", config->n_decoder_layers);
    ft_json_set_whole(&object, "relative_attention_buckets", config->n_buckets);
    ft_json_set_whole(&object, "relative_attention_max_distance", config->max_distance);
    ft_json_set(&object, "dropout_rate", float_number(config->dropout_rate));
    ft_json_set_bool(&object, "scale_decoder_outputs", config->scale_decoder_outputs);
    return object;
}

/* Trainable numbers of LoRA with the default rank 8 on q and v, to give a measure. */
static int64_t lora_count(const ft_model_config *config)
{
    int64_t total = 0;
    for (int32_t i = 0; i < ft_tensor_count(config); i++) {
        ft_tensor_info info = ft_tensor_describe(config, i);
        if (info.is_linear && info.rows && (strcmp(info.target, "q") == 0 || strcmp(info.target, "v") == 0))
            total += 8 * ((int64_t)info.rows + info.cols);
    }
    return total;
}

static cJSON *parameters(const ft_weights *weights)
{
    const ft_model_config *config = &weights->config;
    int64_t encoder = count_of(weights, FT_ENCODER_BIAS) + count_of(weights, FT_ENCODER_NORM);
    int64_t decoder = count_of(weights, FT_DECODER_BIAS) + count_of(weights, FT_DECODER_NORM);
    for (int32_t i = FT_FIRST_BLOCK_TENSOR; i < ft_block_tensor(config, FT_DECODER, 0, FT_SELF_Q); i++)
        encoder += count_of(weights, i);
    for (int32_t i = ft_block_tensor(config, FT_DECODER, 0, FT_SELF_Q); i < ft_tensor_count(config); i++)
        decoder += count_of(weights, i);
    cJSON *object = cJSON_CreateObject();
    ft_json_set_whole(&object, "total", ft_parameter_count(weights));
    ft_json_set_whole(&object, "embedding", count_of(weights, FT_SHARED));
    ft_json_set_whole(&object, "encoder", encoder);
    ft_json_set_whole(&object, "decoder", decoder);
    ft_json_set_whole(&object, "head", count_of(weights, FT_LM_HEAD));
    ft_json_set_bool(&object, "head_tied", weights->tied);
    ft_json_set_whole(&object, "lora_rank_8_on_q_v", lora_count(config));
    return object;
}

static cJSON *chronos_config(const ft_chronos_config *config)
{
    cJSON *object = cJSON_CreateObject();
    ft_json_set(&object, "low_limit", ft_json_number(config->low_limit));
    ft_json_set(&object, "high_limit", ft_json_number(config->high_limit));
    ft_json_set_whole(&object, "n_tokens", config->n_tokens);
    ft_json_set_whole(&object, "n_special_tokens", config->n_special_tokens);
    ft_json_set_whole(&object, "pad_token_id", config->pad_token_id);
    ft_json_set_whole(&object, "eos_token_id", config->eos_token_id);
    ft_json_set_whole(&object, "context_length", config->context_length);
    ft_json_set_whole(&object, "prediction_length", config->prediction_length);
    ft_json_set_whole(&object, "num_samples", config->num_samples);
    ft_json_set(&object, "temperature", float_number(config->temperature));
    ft_json_set_whole(&object, "top_k", config->top_k);
    ft_json_set(&object, "top_p", float_number(config->top_p));
    return object;
}

ft_status ft_model_info(const char *directory, cJSON **info, ft_error *err)
{
    ft_weights *weights = NULL;
    const char *dtype = NULL;
    *info = NULL;
    ft_status status = ft_weights_read(directory, &weights, err);
    if (status == FT_OK) status = stored_as(directory, &dtype, err);
    if (status == FT_OK) {
        char checksum[16];
        snprintf(checksum, sizeof checksum, "%08x", (unsigned)weights->checksum);
        cJSON *object = cJSON_CreateObject();
        ft_json_set_string(&object, "path", directory);
        ft_json_set_string(&object, "dtype", dtype);
        ft_json_set_string(&object, "checksum", checksum);
        ft_json_set(&object, "architecture", architecture(&weights->config));
        ft_json_set(&object, "parameters", parameters(weights));
        ft_json_set(&object, "chronos_config", chronos_config(&weights->config.chronos));
        *info = object;
        if (!object) status = ft_no_memory(err, "what is told of a model", 0);
    }
    ft_weights_free(weights);
    return status;
}
