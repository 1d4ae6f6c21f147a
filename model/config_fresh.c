/* The config of a fresh model, and how a config is written; see config.h. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "model/config.h"

ft_status ft_config_for_size(const char *size, ft_model_config *config, ft_error *err)
{
    static const struct {
        const char *name;
        int32_t d_model, d_ff, n_heads, d_kv, layers;
        float factor;
    } sizes[] = {
        {"nano", 64, 256, 4, 16, 2, 1.0f},      {"tiny", 256, 1024, 4, 64, 4, 0.05f},
        {"mini", 384, 1536, 8, 64, 4, 0.05f},   {"small", 512, 2048, 8, 64, 6, 0.05f},
        {"base", 768, 3072, 12, 64, 12, 0.05f}, {"large", 1024, 4096, 16, 64, 24, 0.05f},
    };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        if (strcmp(size, sizes[i].name) != 0) continue;
        /* All but the sizes as amazon/chronos-t5-*. */
        *config = (ft_model_config){
            .vocab_size = 4096,
            .d_model = sizes[i].d_model,
            .d_kv = sizes[i].d_kv,
            .d_ff = sizes[i].d_ff,
            .n_heads = sizes[i].n_heads,
            .n_encoder_layers = sizes[i].layers,
            .n_decoder_layers = sizes[i].layers,
            .n_buckets = 32,
            .max_distance = 128,
            .decoder_start_token_id = 0,
            .pad_token_id = 0,
            .eos_token_id = 1,
            .dropout_rate = 0.1f,
            .layer_norm_epsilon = 1e-6f,
            .initializer_factor = sizes[i].factor,
            .scale_decoder_outputs = true,
            .chronos = {.low_limit = -15.0,
                        .high_limit = 15.0,
                        .n_tokens = 4096,
                        .n_special_tokens = 2,
                        .pad_token_id = 0,
                        .eos_token_id = 1,
                        .context_length = 512,
                        .prediction_length = 64,
                        .num_samples = 20,
                        .top_k = 50,
                        .temperature = 1.0f,
                        .top_p = 1.0f},
        };
        return FT_OK;
    }
    return ft_fail(err, FT_BAD_INPUT,
                   "\"%s\" is not a model size (use nano, tiny, mini, small, base or large)", size);
}

/* An object that grows; `complete` turns false when memory runs out. */
typedef struct builder {
    cJSON *object;
    bool complete;
} builder;

static void put(builder *b, const char *key, cJSON *item)
{
    if (item && b->object && cJSON_AddItemToObject(b->object, key, item)) return;
    cJSON_Delete(item);
    b->complete = false;
}

static void put_whole(builder *b, const char *key, int32_t value)
{
    put(b, key, cJSON_CreateNumber(value));
}

static void put_string(builder *b, const char *key, const char *value)
{
    put(b, key, cJSON_CreateString(value));
}

/* The shortest text of a real number, with a point: T5Config refuses 1 where it wants 1.0. */
static void put_text(builder *b, const char *key, const char *number)
{
    char text[FT_NUMBER_CHARS + 2];
    size_t length = strlen(number);
    memcpy(text, number, length + 1);
    if (!strpbrk(number, ".en")) memcpy(text + length, ".0", 3);
    put(b, key, cJSON_CreateRaw(text));
}

static void put_double(builder *b, const char *key, double value)
{
    char number[FT_NUMBER_CHARS];
    put_text(b, key, ft_format_double(value, number));
}

static void put_float(builder *b, const char *key, float value)
{
    char number[FT_NUMBER_CHARS];
    put_text(b, key, ft_format_float(value, number));
}

/* chronos_config; its 14 keys and no other. */
static builder build_chronos(const ft_chronos_config *chronos)
{
    builder b = {cJSON_CreateObject(), true}, limits = {cJSON_CreateObject(), true};
    put_whole(&b, "context_length", chronos->context_length);
    put_whole(&b, "eos_token_id", chronos->eos_token_id);
    put_string(&b, "model_type", "seq2seq");
    put_whole(&b, "n_special_tokens", chronos->n_special_tokens);
    put_whole(&b, "n_tokens", chronos->n_tokens);
    put_whole(&b, "num_samples", chronos->num_samples);
    put_whole(&b, "pad_token_id", chronos->pad_token_id);
    put_whole(&b, "prediction_length", chronos->prediction_length);
    put_float(&b, "temperature", chronos->temperature);
    put_string(&b, "tokenizer_class", "MeanScaleUniformBins");
    put_double(&limits, "high_limit", chronos->high_limit);
    put_double(&limits, "low_limit", chronos->low_limit);
    put(&b, "tokenizer_kwargs", limits.object);
    put_whole(&b, "top_k", chronos->top_k);
    put_float(&b, "top_p", chronos->top_p);
    put(&b, "use_eos_token", cJSON_CreateBool(true));
    b.complete = b.complete && limits.complete;
    return b;
}

char *ft_config_print(const ft_model_config *config)
{
    builder b = {cJSON_CreateObject(), true}, chronos = build_chronos(&config->chronos);
    cJSON *architectures = cJSON_CreateArray();
    cJSON *name = cJSON_CreateString("T5ForConditionalGeneration");
    if (!cJSON_AddItemToArray(architectures, name)) {
        cJSON_Delete(name);
        b.complete = false;
    }
    put(&b, "architectures", architectures);
    put(&b, "chronos_config", chronos.object);
    put_whole(&b, "d_ff", config->d_ff);
    put_whole(&b, "d_kv", config->d_kv);
    put_whole(&b, "d_model", config->d_model);
    put_whole(&b, "decoder_start_token_id", config->decoder_start_token_id);
    put_float(&b, "dropout_rate", config->dropout_rate);
    put_string(&b, "dtype", "float32");
    put_whole(&b, "eos_token_id", config->eos_token_id);
    put_string(&b, "feed_forward_proj", "relu");
    put_float(&b, "initializer_factor", config->initializer_factor);
    put(&b, "is_encoder_decoder", cJSON_CreateBool(true));
    put_float(&b, "layer_norm_epsilon", config->layer_norm_epsilon);
    put_string(&b, "model_type", "t5");
    put_whole(&b, "num_decoder_layers", config->n_decoder_layers);
    put_whole(&b, "num_heads", config->n_heads);
    put_whole(&b, "num_layers", config->n_encoder_layers);
    put_whole(&b, "pad_token_id", config->pad_token_id);
    put_whole(&b, "relative_attention_max_distance", config->max_distance);
    put_whole(&b, "relative_attention_num_buckets", config->n_buckets);
    put(&b, "scale_decoder_outputs", cJSON_CreateBool(config->scale_decoder_outputs));
    put(&b, "tie_word_embeddings", cJSON_CreateBool(config->scale_decoder_outputs));
    put(&b, "use_cache", cJSON_CreateBool(true));
    put_whole(&b, "vocab_size", config->vocab_size);
    char *text = b.complete && chronos.complete ? ft_json_print(b.object) : NULL;
    cJSON_Delete(b.object);
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
