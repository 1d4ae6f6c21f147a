/* What is told of a model directory; see model_info.h. */
#include "host/program/model_info.h"

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

/* The dtype of the file's first matrix that we know: "F32", "BF16" or "F16". A model of several files is
 * told by the file that its index names first. */
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
    if (!ft_path_exists(path)) {
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
    cJSON_AddNumberToObject(object, "vocab_size", config->vocab_size);
    cJSON_AddNumberToObject(object, "d_model", config->d_model);
    cJSON_AddNumberToObject(object, "d_ff", config->d_ff);
    cJSON_AddNumberToObject(object, "n_heads", config->n_heads);
    cJSON_AddNumberToObject(object, "d_kv", config->d_kv);
    cJSON_AddNumberToObject(object, "n_encoder_layers", config->n_encoder_layers);
    cJSON_AddNumberToObject(object, "n_decoder_layers", config->n_decoder_layers);
    cJSON_AddNumberToObject(object, "relative_attention_buckets", config->n_buckets);
    cJSON_AddNumberToObject(object, "relative_attention_max_distance", config->max_distance);
    cJSON_AddItemToObject(object, "dropout_rate", float_number(config->dropout_rate));
    cJSON_AddBoolToObject(object, "scale_decoder_outputs", config->scale_decoder_outputs);
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
    cJSON_AddNumberToObject(object, "total", (double)ft_parameter_count(weights));
    cJSON_AddNumberToObject(object, "embedding", (double)count_of(weights, FT_SHARED));
    cJSON_AddNumberToObject(object, "encoder", (double)encoder);
    cJSON_AddNumberToObject(object, "decoder", (double)decoder);
    cJSON_AddNumberToObject(object, "head", (double)count_of(weights, FT_LM_HEAD));
    cJSON_AddBoolToObject(object, "head_tied", weights->tied);
    cJSON_AddNumberToObject(object, "lora_rank_8_on_q_v", (double)lora_count(config));
    return object;
}

static cJSON *chronos_config(const ft_chronos_config *config)
{
    cJSON *object = cJSON_CreateObject();
    cJSON_AddItemToObject(object, "low_limit", ft_json_number(config->low_limit));
    cJSON_AddItemToObject(object, "high_limit", ft_json_number(config->high_limit));
    cJSON_AddNumberToObject(object, "n_tokens", config->n_tokens);
    cJSON_AddNumberToObject(object, "n_special_tokens", config->n_special_tokens);
    cJSON_AddNumberToObject(object, "pad_token_id", config->pad_token_id);
    cJSON_AddNumberToObject(object, "eos_token_id", config->eos_token_id);
    cJSON_AddNumberToObject(object, "context_length", config->context_length);
    cJSON_AddNumberToObject(object, "prediction_length", config->prediction_length);
    cJSON_AddNumberToObject(object, "num_samples", config->num_samples);
    cJSON_AddItemToObject(object, "temperature", float_number(config->temperature));
    cJSON_AddNumberToObject(object, "top_k", config->top_k);
    cJSON_AddItemToObject(object, "top_p", float_number(config->top_p));
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
        cJSON_AddStringToObject(object, "path", directory);
        cJSON_AddStringToObject(object, "dtype", dtype);
        cJSON_AddStringToObject(object, "checksum", checksum);
        cJSON_AddItemToObject(object, "architecture", architecture(&weights->config));
        cJSON_AddItemToObject(object, "parameters", parameters(weights));
        cJSON_AddItemToObject(object, "chronos_config", chronos_config(&weights->config.chronos));
        *info = object;
    }
    ft_weights_free(weights);
    return status;
}
