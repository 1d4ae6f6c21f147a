/* Reading and checking a Chronos-T5 model's config.json; see config.h. */
#include "model/config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "model/generation_config.h"
#include "model/place.h"

/* Any two sizes multiply to at most 2^38 elements: 2^40 bytes of f32. */
enum { MAX_SIZE = 1 << 19, MAX_LAYERS = 1024 };

/* One object of the file while it is read. The first failure stays in `status`, and later
 * calls do nothing. */
typedef struct reader {
    const char *path, *prefix; /* prefix: "" or "chronos_config." for messages */
    const cJSON *object;
    ft_status status;
    ft_error *err;
} reader;

static void refuse(reader *r, const char *key, const char *what)
{
    if (r->status == FT_OK)
        r->status = ft_fail(r->err, FT_BAD_INPUT, "%s: key \"%s%s\": %s", r->path, r->prefix, key, what);
}

/* The key's value, or NULL where it is missing or null. */
static const cJSON *value_of(const reader *r, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(r->object, key);
    return item && !cJSON_IsNull(item) ? item : NULL;
}

/* A whole number in [lowest, highest]; `missing` where the key is not there (MUST_EXIST:
 * refused). */
enum { MUST_EXIST = INT32_MIN };
static int32_t read_whole(reader *r, const char *key, int32_t lowest, int32_t highest, int32_t missing)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(r->object, key);
    char what[128];
    if (!item && missing != MUST_EXIST) return missing;
    if (!item) {
        refuse(r, key, "is missing");
        return lowest;
    }
    double value = cJSON_IsNumber(item) ? item->valuedouble : NAN;
    if (value >= lowest && value <= highest && value == floor(value)) return (int32_t)value;
    snprintf(what, sizeof what, "a whole number from %d to %d is needed", (int)lowest, (int)highest);
    refuse(r, key, what);
    return lowest;
}

/* A number in [lowest, highest]; a NAN `missing` means that the key must exist. */
static double read_number(reader *r, const char *key, double lowest, double highest, double missing)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(r->object, key);
    char what[128];
    if (!item && !isnan(missing)) return missing;
    if (!item) {
        refuse(r, key, "is missing");
        return lowest;
    }
    double value = cJSON_IsNumber(item) ? item->valuedouble : NAN;
    if (value >= lowest && value <= highest) return value;
    snprintf(what, sizeof what, "a number from %g to %g is needed", lowest, highest);
    refuse(r, key, what);
    return lowest;
}

/* true or false; `missing` (0 or 1) where the key is not there. */
static bool read_flag(reader *r, const char *key, bool missing)
{
    const cJSON *item = value_of(r, key);
    if (!item) return missing;
    if (!cJSON_IsBool(item)) refuse(r, key, "true or false is needed");
    return cJSON_IsTrue(item);
}

/* Refuses anything but `wanted`; the key may be missing where `optional`. */
static void need_string(reader *r, const char *key, const char *wanted, bool optional)
{
    const cJSON *item = value_of(r, key);
    char what[256];
    if (!item) {
        if (!optional) refuse(r, key, "is missing");
        return;
    }
    if (cJSON_IsString(item) && !strcmp(item->valuestring, wanted)) return;
    snprintf(what, sizeof what, "\"%.100s\" is not supported, only \"%s\" is",
             cJSON_IsString(item) ? item->valuestring : "this value", wanted);
    refuse(r, key, what);
}

/* `count` keys, all of them and no other: ChronosPipeline passes them as keyword
 * arguments. */
static void need_keys(reader *r, const char *const *keys, size_t count)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, r->object)
    {
        size_t i = 0;
        while (i < count && strcmp(keys[i], item->string) != 0) i++;
        if (i == count) refuse(r, item->string, "is not a key that Chronos knows there");
    }
    for (size_t i = 0; i < count; i++)
        if (!cJSON_GetObjectItemCaseSensitive(r->object, keys[i])) refuse(r, keys[i], "is missing");
}

static void read_chronos(reader *parent, ft_model_config *config)
{
    static const char *const keys[] = {"tokenizer_class", "tokenizer_kwargs",
                                       "context_length",  "prediction_length",
                                       "n_tokens",        "n_special_tokens",
                                       "pad_token_id",    "eos_token_id",
                                       "use_eos_token",   "model_type",
                                       "num_samples",     "temperature",
                                       "top_k",           "top_p"};
    static const char *const limits[] = {"low_limit", "high_limit"};
    ft_chronos_config *chronos = &config->chronos;
    const cJSON *object = value_of(parent, "chronos_config");
    if (!cJSON_IsObject(object)) {
        refuse(parent, "chronos_config", "is missing or not an object (is this a Chronos model?)");
        return;
    }
    reader r = {parent->path, "chronos_config.", object, parent->status, parent->err};
    need_keys(&r, keys, sizeof keys / sizeof *keys);
    need_string(&r, "tokenizer_class", "MeanScaleUniformBins", false);
    need_string(&r, "model_type", "seq2seq", false);
    chronos->context_length = read_whole(&r, "context_length", 1, MAX_SIZE, MUST_EXIST);
    chronos->prediction_length = read_whole(&r, "prediction_length", 1, MAX_SIZE, MUST_EXIST);
    chronos->n_tokens = read_whole(&r, "n_tokens", 3, MAX_SIZE, MUST_EXIST);
    chronos->n_special_tokens = read_whole(&r, "n_special_tokens", 1, MAX_SIZE, MUST_EXIST);
    chronos->pad_token_id = read_whole(&r, "pad_token_id", 0, MAX_SIZE, MUST_EXIST);
    chronos->eos_token_id = read_whole(&r, "eos_token_id", 0, MAX_SIZE, MUST_EXIST);
    if (!read_flag(&r, "use_eos_token", false)) refuse(&r, "use_eos_token", "false is not supported");
    chronos->num_samples = read_whole(&r, "num_samples", 1, 1 << 20, MUST_EXIST);
    chronos->temperature = (float)read_number(&r, "temperature", 1e-6, 1e6, NAN);
    chronos->top_k = read_whole(&r, "top_k", 0, MAX_SIZE, MUST_EXIST);
    chronos->top_p = (float)read_number(&r, "top_p", 1e-6, 1.0, NAN);

    const cJSON *kwargs = value_of(&r, "tokenizer_kwargs");
    if (!cJSON_IsObject(kwargs)) refuse(&r, "tokenizer_kwargs", "an object is needed");
    reader t = {r.path, "chronos_config.tokenizer_kwargs.", kwargs, r.status, r.err};
    if (t.status == FT_OK) {
        need_keys(&t, limits, 2);
        chronos->low_limit = read_number(&t, "low_limit", -1e15, 1e15, NAN);
        chronos->high_limit = read_number(&t, "high_limit", -1e15, 1e15, NAN);
        if (!(chronos->low_limit < chronos->high_limit)) refuse(&t, "high_limit", "must be above low_limit");
    }
    r.status = t.status;

    if (chronos->pad_token_id >= chronos->n_special_tokens)
        refuse(&r, "pad_token_id", "must be below n_special_tokens");
    if (chronos->eos_token_id >= chronos->n_special_tokens)
        refuse(&r, "eos_token_id", "must be below n_special_tokens");
    if (chronos->n_tokens < chronos->n_special_tokens + 2)
        refuse(&r, "n_tokens", "leaves no bins beside the special tokens");
    if (chronos->n_tokens > config->vocab_size) refuse(&r, "n_tokens", "is above the model's vocab_size");
    parent->status = r.status;
    chronos->eos_prediction_length = read_whole(parent, "eos_prediction_length", 1, MAX_SIZE, 0);
}

/* The T5 keys, with T5Config's defaults for what is missing. */
static void read_t5(reader *r, ft_model_config *config)
{
    need_string(r, "model_type", "t5", true);
    const cJSON *architectures = value_of(r, "architectures");
    if (architectures) {
        const cJSON *first = cJSON_GetArrayItem(architectures, 0);
        if (!cJSON_IsArray(architectures) || !cJSON_IsString(first) ||
            strcmp(first->valuestring, "T5ForConditionalGeneration") != 0)
            refuse(r, "architectures",
                   "this architecture is not supported, only T5ForConditionalGeneration is: "
                   "amazon/chronos-t5-tiny, "
                   "-mini, -small, -base, -large");
    }
    need_string(r, "feed_forward_proj", "relu", true);
    need_string(r, "dense_act_fn", "relu", true);
    if (read_flag(r, "is_gated_act", false))
        refuse(r, "is_gated_act", "a gated feed-forward is not supported");
    if (!read_flag(r, "is_encoder_decoder", true)) refuse(r, "is_encoder_decoder", "false is not supported");
    if (value_of(r, "quantization_config"))
        refuse(r, "quantization_config", "quantized models are not supported");

    config->vocab_size = read_whole(r, "vocab_size", 1, MAX_SIZE, 32128);
    config->d_model = read_whole(r, "d_model", 1, MAX_SIZE, 512);
    config->d_kv = read_whole(r, "d_kv", 1, MAX_SIZE, 64);
    config->d_ff = read_whole(r, "d_ff", 1, MAX_SIZE, 2048);
    config->n_heads = read_whole(r, "num_heads", 1, MAX_SIZE, 8);
    if ((int64_t)config->d_kv * config->n_heads > MAX_SIZE)
        refuse(r, "num_heads", "times d_kv is more than 524288, which is not supported");
    config->n_encoder_layers = read_whole(r, "num_layers", 1, MAX_LAYERS, 6);
    config->n_decoder_layers = config->n_encoder_layers; /* null means that too */
    if (value_of(r, "num_decoder_layers"))
        config->n_decoder_layers = read_whole(r, "num_decoder_layers", 1, MAX_LAYERS, MUST_EXIST);
    config->n_buckets = read_whole(r, "relative_attention_num_buckets", 4, MAX_SIZE, 32);
    config->max_distance = read_whole(r, "relative_attention_max_distance", 2, 1 << 30, 128);
    if (config->max_distance <= config->n_buckets / 2)
        refuse(r, "relative_attention_max_distance", "must be above half of relative_attention_num_buckets");
    config->dropout_rate = (float)read_number(r, "dropout_rate", 0.0, 0.999, 0.1);
    config->layer_norm_epsilon = (float)read_number(r, "layer_norm_epsilon", 1e-30, 1.0, 1e-6);
    config->initializer_factor = (float)read_number(r, "initializer_factor", 0.0, 1e6, 1.0);
    config->decoder_start_token_id =
        read_whole(r, "decoder_start_token_id", 0, config->vocab_size - 1, MUST_EXIST);
    config->pad_token_id = read_whole(r, "pad_token_id", 0, config->vocab_size - 1, 0);
    config->eos_token_id = read_whole(r, "eos_token_id", 0, config->vocab_size - 1, 1);
    config->tie_word_embeddings = read_flag(r, "tie_word_embeddings", true);
    config->scale_decoder_outputs = read_flag(r, "scale_decoder_outputs", config->tie_word_embeddings);
}

ft_status ft_config_parse(const char *text, size_t size, const char *path, ft_model_config *config,
                          ft_error *err)
{
    cJSON *root = NULL;
    *config = (ft_model_config){0};
    ft_status status = ft_json_parse(text, size, path, &root, err);
    if (status) return status;
    reader r = {path, "", root, FT_OK, err};
    if (cJSON_IsObject(root)) {
        read_t5(&r, config);
        read_chronos(&r, config);
    } else {
        r.status = ft_fail(err, FT_BAD_INPUT, "%s: is not a JSON object", path);
    }
    cJSON_Delete(root);
    return r.status;
}

ft_status ft_config_read(const char *model_dir, ft_model_config *config, ft_error *err)
{
    char *text = NULL;
    size_t size = 0;
    *config = (ft_model_config){0};
    char *path = ft_join_path(model_dir, "config.json");
    if (!path) return ft_no_memory(err, model_dir, strlen(model_dir));
    ft_status status = ft_place_check(model_dir, "config.json", err);
    if (status == FT_OK) status = ft_read_file(path, FT_CONFIG_MAX_BYTES, &text, &size, err);
    if (status == FT_OK) status = ft_place_check_bytes(path, text, size, err);
    if (status == FT_OK) status = ft_config_parse(text, size, path, config, err);
    if (status == FT_OK) status = ft_generation_config_check(model_dir, config, err);
    free(text);
    free(path);
    return status;
}
