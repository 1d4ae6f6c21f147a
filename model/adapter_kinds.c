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

/* ln_tuning: the norm weights. */

static bool is_norm(const ft_tensor_info *info, uint32_t targets)
{
    (void)targets;
    return info->is_norm;
}

/* full: all parameters. */

static bool is_any(const ft_tensor_info *info, uint32_t targets)
{
    (void)info;
    (void)targets;
    return true;
}

const ft_adapter_properties ft_adapter_kinds[FT_N_ADAPTER_KINDS] = {
    [FT_LORA] = {.trains = lora_trains, .is_low_rank = true, .check = check_lora},
    [FT_LN_TUNING] = {.trains = is_norm},
    [FT_FULL] = {.trains = is_any, .replaces_weights = true},
};

const ft_adapter_properties *ft_adapter_kind_named(const char *name)
{
    static const char *const names[FT_N_ADAPTER_KINDS] = {FT_ADAPTER_KIND_NAMES};
    for (int kind = 0; kind < FT_N_ADAPTER_KINDS; kind++)
        if (!strcmp(names[kind], name)) return &ft_adapter_kinds[kind];
    return NULL;
}
