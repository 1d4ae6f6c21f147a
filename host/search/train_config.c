/* Converts hyperparameters to the model's structs; see train_config.h. */
#include "host/search/train_config.h"

#include <math.h>

#include "model/adapter_kinds.h"

ft_adapter_spec ft_adapter_spec_of(const ft_hyperparameters *config)
{
    ft_adapter_spec spec = {.kind = (ft_adapter_kind)config->adapter_type};
    if (!ft_adapter_kinds[spec.kind].is_low_rank) return spec;
    spec.rank = (int32_t)config->lora_rank;
    spec.alpha = (float)config->lora_alpha;
    spec.dropout = (float)config->dropout_rate;
    spec.use_rslora = config->use_rslora;
    spec.targets = config->lora_targets;
    return spec;
}

void ft_hyperparameters_set_spec(ft_hyperparameters *config, const ft_adapter_spec *spec)
{
    config->adapter_type = spec->kind;
    if (!ft_adapter_kinds[spec->kind].is_low_rank) return;
    config->lora_rank = spec->rank;
    config->lora_alpha = (double)spec->alpha;
    config->use_rslora = spec->use_rslora;
    config->lora_targets = spec->targets;
}

ft_train_config ft_train_config_of(const ft_hyperparameters *config, const ft_model_config *model,
                                   const ft_adapter *start)
{
    return (ft_train_config){
        .spec = ft_adapter_spec_of(config),
        .start = start,
        .learning_rate = config->learning_rate,
        .weight_decay = config->weight_decay,
        .max_grad_norm = config->max_grad_norm,
        .schedule = (ft_schedule)config->lr_scheduler,
        .warmup_steps = config->warmup_steps,
        .epochs = (int32_t)config->epochs,
        .batch_size = (int32_t)config->batch_size,
        .window_stride = (int32_t)ft_window_stride(config),
        .early_stopping_patience = (int32_t)config->early_stopping_patience,
        .window_shift = config->window_shift,
        .keep_best = config->keep == FT_KEEP_BEST,
        .model_dropout = isnan(config->model_dropout) ? model->dropout_rate : (float)config->model_dropout,
        .seed = (uint32_t)config->seed,
    };
}
