/* The table of PEFT's kinds, and the functions of its rows; see peft_kinds.h. */
#include "model/peft_kinds.h"

#include <math.h>
#include <string.h>

/* LoRA. */

/* Initialisations that touch only A and B. All others (pissa, olora, loftq, corda, ...)
 * change the base model's weights, so that the adapter alone is not the whole. */
static ft_status check_initialisation(const char *path, const cJSON *item, ft_error *err)
{
    static const char *const plain[] = {"gaussian", "eva", "orthogonal"};
    if (!item || cJSON_IsNull(item) || cJSON_IsBool(item)) return FT_OK;
    for (size_t i = 0; cJSON_IsString(item) && i < sizeof plain / sizeof *plain; i++)
        if (!strcmp(item->valuestring, plain[i])) return FT_OK;
    return ft_fail(
        err, FT_BAD_INPUT,
        "%s: key \"init_lora_weights\": \"%.100s\" may change the base model, which is not supported", path,
        cJSON_IsString(item) ? item->valuestring : "this value");
}

/* A number in [lowest, highest], or `missing`. */
static ft_status read_number(const char *path, const cJSON *root, const char *key, double lowest,
                             double highest, double missing, double *value, ft_error *err)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(root, key);
    *value = missing;
    if (!item || cJSON_IsNull(item)) return FT_OK;
    *value = cJSON_IsNumber(item) ? item->valuedouble : NAN;
    if (*value >= lowest && *value <= highest) return FT_OK;
    return ft_fail(err, FT_BAD_INPUT, "%s: key \"%s\": a number from %g to %g is needed", path, key, lowest,
                   highest);
}

/* T5 has no biases, so it does not matter which of them were trained. */
static bool is_bias_setting(const cJSON *item)
{
    return cJSON_IsString(item) && (!strcmp(item->valuestring, "none") || !strcmp(item->valuestring, "all") ||
                                    !strcmp(item->valuestring, "lora_only"));
}

static ft_status read_lora(const char *path, const cJSON *root, ft_adapter_spec *spec, ft_error *err)
{
    const cJSON *bias = cJSON_GetObjectItemCaseSensitive(root, "bias");
    const cJSON *rslora = cJSON_GetObjectItemCaseSensitive(root, "use_rslora");
    double rank, alpha, dropout;
    if (bias && !cJSON_IsNull(bias) && !is_bias_setting(bias))
        return ft_fail(err, FT_BAD_INPUT, "%s: key \"bias\": \"none\", \"all\" or \"lora_only\" is needed",
                       path);
    if (rslora && !cJSON_IsNull(rslora) && !cJSON_IsBool(rslora))
        return ft_fail(err, FT_BAD_INPUT, "%s: key \"use_rslora\": true or false is needed", path);
    spec->use_rslora = cJSON_IsTrue(rslora);
    ft_status status =
        check_initialisation(path, cJSON_GetObjectItemCaseSensitive(root, "init_lora_weights"), err);
    /* PEFT's defaults for missing keys: lora_alpha 8, lora_dropout 0. */
    if (status == FT_OK) status = read_number(path, root, "r", 1, FT_MAX_RANK, 0, &rank, err);
    if (status == FT_OK) status = read_number(path, root, "lora_alpha", -1e6, 1e6, 8, &alpha, err);
    if (status == FT_OK) status = read_number(path, root, "lora_dropout", 0, 0.999, 0, &dropout, err);
    if (status) return status;
    if (rank != floor(rank))
        return ft_fail(err, FT_BAD_INPUT, "%s: key \"r\": a whole number is needed", path);
    spec->rank = (int32_t)rank;
    spec->alpha = (float)alpha;
    spec->dropout = (float)dropout;
    return FT_OK;
}

static void put_base_model(cJSON **b, const char *base_model)
{
    if (base_model)
        ft_json_set_string(b, "base_model_name_or_path", base_model);
    else
        ft_json_set_null(b, "base_model_name_or_path");
}

static void write_lora(cJSON **b, const ft_adapter_spec *spec, const char *base_model)
{
    cJSON *targets = cJSON_CreateArray();
    for (int i = 0; i < FT_N_TARGETS; i++)
        if (spec->targets >> i & 1u) ft_json_append(&targets, cJSON_CreateString(ft_target_names[i]));
    ft_json_set(b, "alpha_pattern", cJSON_CreateObject());
    put_base_model(b, base_model);
    ft_json_set_string(b, "bias", "none");
    ft_json_set_bool(b, "fan_in_fan_out", false);
    ft_json_set_bool(b, "inference_mode", true);
    ft_json_set_bool(b, "init_lora_weights", true);
    ft_json_set_float(b, "lora_alpha", spec->alpha);
    ft_json_set_float(b, "lora_dropout", spec->dropout);
    ft_json_set_null(b, "modules_to_save");
    ft_json_set_string(b, "peft_type", "LORA");
    ft_json_set_whole(b, "r", spec->rank);
    ft_json_set(b, "rank_pattern", cJSON_CreateObject());
    ft_json_set(b, "target_modules", targets);
    ft_json_set_null(b, "task_type");
    ft_json_set_bool(b, "use_rslora", spec->use_rslora);
}

/* ln_tuning. */

static void write_ln_tuning(cJSON **b, const ft_adapter_spec *spec, const char *base_model)
{
    (void)spec;
    cJSON *targets = cJSON_CreateArray();
    ft_json_append(&targets, cJSON_CreateString("layer_norm"));
    ft_json_append(&targets, cJSON_CreateString("final_layer_norm"));
    put_base_model(b, base_model);
    ft_json_set_bool(b, "inference_mode", true);
    ft_json_set_null(b, "modules_to_save");
    ft_json_set_string(b, "peft_type", "LN_TUNING");
    ft_json_set(b, "target_modules", targets);
    ft_json_set_null(b, "task_type");
}

/* A full tuning is a whole model: PEFT has no such kind. */
const ft_peft_kind ft_peft_kinds[FT_N_ADAPTER_KINDS] = {
    [FT_LORA] = {.type = "LORA", .a = "lora_A", .b = "lora_B", .read = read_lora, .write = write_lora},
    [FT_LN_TUNING] = {.type = "LN_TUNING", .a = "ln_tuning_layers", .write = write_ln_tuning},
};
