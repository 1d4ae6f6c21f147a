/* The table of adapter kinds, and the functions of its rows; see adapter_kinds.h. */
#include "model/adapter_kinds.h"

#include <math.h>
#include <string.h>

/* LoRA. */

static bool lora_trains(const ft_tensor_info *info, uint32_t targets)
{
    return (ft_target_of(info) & targets) != 0;
}

static ft_status check_lora(const ft_adapter_spec *spec, const ft_model_config *config, ft_error *err)
{
    if (spec->targets == 0 || spec->targets >> FT_N_TARGETS)
        return ft_fail(err, FT_BAD_INPUT, "lora_targets: at least one of q, k, v, o, wi, wo is needed");
    if (spec->rank < 1 || spec->rank > FT_MAX_RANK)
        return ft_fail(err, FT_BAD_INPUT, "lora_rank %d: a rank from 1 to %d is needed", (int)spec->rank,
                       FT_MAX_RANK);
    if (!isfinite(spec->alpha)) return ft_fail(err, FT_BAD_INPUT, "lora_alpha: a finite number is needed");
    if (!(spec->dropout >= 0.0f && spec->dropout < 1.0f))
        return ft_fail(err, FT_BAD_INPUT, "dropout_rate %g: a number from 0 to below 1 is needed",
                       (double)spec->dropout);
    /* A decoder's block has all that an encoder's has, and all blocks are alike. */
    int32_t block = ft_block_tensor(config, FT_DECODER, 0, (ft_module)0);
    for (int32_t i = block; i < block + FT_MODULES_PER_BLOCK; i++) {
        ft_tensor_info info = ft_tensor_describe(config, i);
        int32_t smaller = info.rows < info.cols ? info.rows : info.cols;
        if (!lora_trains(&info, spec->targets) || spec->rank <= smaller) continue;
        return ft_fail(err, FT_BAD_INPUT, "lora_rank %d is above %d, the smaller side of target \"%s\"",
                       (int)spec->rank, (int)smaller, info.target);
    }
    return FT_OK;
}

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

static void put_base_model(ft_json_builder *b, const char *base_model)
{
    if (base_model)
        ft_json_put_string(b, "base_model_name_or_path", base_model);
    else
        ft_json_put_null(b, "base_model_name_or_path");
}

static void write_lora(ft_json_builder *b, const ft_adapter_spec *spec, const char *base_model)
{
    ft_json_builder targets = ft_json_build_list();
    for (int i = 0; i < FT_N_TARGETS; i++)
        if (spec->targets >> i & 1u) ft_json_put_string(&targets, NULL, ft_target_names[i]);
    ft_json_put_built(b, "alpha_pattern", ft_json_build_object());
    put_base_model(b, base_model);
    ft_json_put_string(b, "bias", "none");
    ft_json_put_bool(b, "fan_in_fan_out", false);
    ft_json_put_bool(b, "inference_mode", true);
    ft_json_put_bool(b, "init_lora_weights", true);
    ft_json_put_float(b, "lora_alpha", spec->alpha);
    ft_json_put_float(b, "lora_dropout", spec->dropout);
    ft_json_put_null(b, "modules_to_save");
    ft_json_put_string(b, "peft_type", "LORA");
    ft_json_put_whole(b, "r", spec->rank);
    ft_json_put_built(b, "rank_pattern", ft_json_build_object());
    ft_json_put_built(b, "target_modules", targets);
    ft_json_put_null(b, "task_type");
    ft_json_put_bool(b, "use_rslora", spec->use_rslora);
}

/* ln_tuning: the norm weights. */

static bool is_norm(const ft_tensor_info *info, uint32_t targets)
{
    (void)targets;
    return info->is_norm;
}

static void write_ln_tuning(ft_json_builder *b, const ft_adapter_spec *spec, const char *base_model)
{
    (void)spec;
    ft_json_builder targets = ft_json_build_list();
    ft_json_put_string(&targets, NULL, "layer_norm");
    ft_json_put_string(&targets, NULL, "final_layer_norm");
    put_base_model(b, base_model);
    ft_json_put_bool(b, "inference_mode", true);
    ft_json_put_null(b, "modules_to_save");
    ft_json_put_string(b, "peft_type", "LN_TUNING");
    ft_json_put_built(b, "target_modules", targets);
    ft_json_put_null(b, "task_type");
}

/* full: all parameters. */

static bool is_any(const ft_tensor_info *info, uint32_t targets)
{
    (void)info;
    (void)targets;
    return true;
}

const ft_adapter_properties ft_adapter_kinds[FT_N_ADAPTER_KINDS] = {
    [FT_LORA] =
        {
            .trains = lora_trains,
            .is_low_rank = true,
            .check = check_lora,
            .peft_type = "LORA",
            .peft_a = "lora_A",
            .peft_b = "lora_B",
            .read_peft = read_lora,
            .write_peft = write_lora,
        },
    [FT_LN_TUNING] =
        {
            .trains = is_norm,
            .peft_type = "LN_TUNING",
            .peft_a = "ln_tuning_layers",
            .write_peft = write_ln_tuning,
        },
    [FT_FULL] = {.trains = is_any, .replaces_weights = true},
};

const ft_adapter_properties *ft_adapter_kind_named(const char *name)
{
    static const char *const names[FT_N_ADAPTER_KINDS] = {FT_ADAPTER_KIND_NAMES};
    for (int kind = 0; kind < FT_N_ADAPTER_KINDS; kind++)
        if (!strcmp(names[kind], name)) return &ft_adapter_kinds[kind];
    return NULL;
}
