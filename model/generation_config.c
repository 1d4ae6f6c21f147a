/* Refusing a generation_config.json that we would not follow; see generation_config.h. */
#include "model/generation_config.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"

/* Of no effect on the tokens: ChronosPipeline passes its own value, or only speed or the
 * form of the output depends on it, or it speaks of beams, assistants or EOS, none of
 * which there are. */
static const char *const harmless[] = {"_from_model_config",
                                       "transformers_version",
                                       "_commit_hash",
                                       "max_length",
                                       "max_new_tokens",
                                       "min_length",
                                       "min_new_tokens",
                                       "do_sample",
                                       "num_return_sequences",
                                       "temperature",
                                       "top_k",
                                       "top_p",
                                       "eos_token_id",
                                       "pad_token_id",
                                       "bos_token_id",
                                       "use_cache",
                                       "cache_implementation",
                                       "cache_config",
                                       "max_cache_len",
                                       "early_stopping",
                                       "length_penalty",
                                       "output_attentions",
                                       "output_hidden_states",
                                       "output_scores",
                                       "output_logits",
                                       "num_assistant_tokens",
                                       "num_assistant_tokens_schedule",
                                       "assistant_confidence_threshold",
                                       "assistant_lookbehind",
                                       "target_lookbehind",
                                       "max_matching_ngram_size",
                                       "compile_config",
                                       "disable_compile",
                                       "low_memory",
                                       "renormalize_logits"};

/* Settings that do nothing at one value. For all others that is null, false or an empty
 * list or object. */
static const struct {
    const char *key;
    double value;
} neutral[] = {
    {"num_beams", 1},
    {"num_beam_groups", 1},
    {"repetition_penalty", 1},
    {"encoder_repetition_penalty", 1},
    {"typical_p", 1},
    {"guidance_scale", 1},
    {"epsilon_cutoff", 0},
    {"eta_cutoff", 0},
    {"diversity_penalty", 0},
    {"min_p", 0},
    {"no_repeat_ngram_size", 0},
    {"encoder_no_repeat_ngram_size", 0},
};

static bool without_effect(const cJSON *item, const ft_model_config *config)
{
    if (cJSON_IsNull(item) || cJSON_IsFalse(item)) return true;
    if ((cJSON_IsArray(item) || cJSON_IsObject(item)) && !item->child) return true;
    for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++)
        if (!strcmp(item->string, harmless[i])) return true;
    if (!cJSON_IsNumber(item)) return false;
    if (!strcmp(item->string, "decoder_start_token_id"))
        return item->valuedouble == (double)config->decoder_start_token_id;
    for (size_t i = 0; i < sizeof neutral / sizeof *neutral; i++)
        if (!strcmp(item->string, neutral[i].key)) return item->valuedouble == neutral[i].value;
    return false;
}

ft_status ft_generation_config_check(const char *model_dir, const ft_model_config *config, ft_error *err)
{
    ft_status status = FT_OK;
    cJSON *root = NULL;
    char *path = ft_join_path(model_dir, "generation_config.json");
    if (!path) return ft_no_memory(err, model_dir, strlen(model_dir));
    bool exists = false;
    status = ft_path_exists(path, &exists, err);
    if (status || !exists) goto cleanup;
    status = ft_json_read(path, &root, err);
    if (status) goto cleanup;
    if (!cJSON_IsObject(root)) {
        status = ft_fail(err, FT_BAD_INPUT, "%s: is not a JSON object", path);
        goto cleanup;
    }
    const cJSON *item;
    cJSON_ArrayForEach(item, root)
    {
        if (without_effect(item, config)) continue;
        status = ft_fail(err, FT_BAD_INPUT,
                         "%s: key \"%s\": this setting changes how tokens are drawn and is not supported "
                         "(remove it)",
                         path, item->string);
        break;
    }
cleanup:
    cJSON_Delete(root);
    free(path);
    return status;
}
