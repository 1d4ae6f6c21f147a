/* The kinds of adapters, a row each: what a kind trains, and what model/ and host/ need
 * to know of it. docs/reference.md §4. How PEFT describes it: peft_kinds.h. */
#ifndef FT_MODEL_ADAPTER_KINDS_H
#define FT_MODEL_ADAPTER_KINDS_H

#include "model/adapter.h"

typedef struct ft_adapter_properties {
    /* Whether the kind trains a tensor. targets: of ft_adapter_spec, for LoRA. */
    bool (*trains)(const ft_tensor_info *info, uint32_t targets);
    /* A trained tensor gets two factors, A and B, beside its frozen values, of the rank,
     * scale and dropout in ft_adapter_spec. Otherwise it is replaced, and A is its
     * replacement. */
    bool is_low_rank;
    /* Trains the matrices that the backend packs (prepare_weight). They are packed again
     * after each step, so a pass has one adapter; and its directory is a whole model. */
    bool replaces_weights;
    /* Refuses what the spec of this kind must not have; NULL: nothing. */
    ft_status (*check)(const ft_adapter_spec *spec, const ft_model_config *config, ft_error *err);
} ft_adapter_properties;

/* By ft_adapter_kind. */
extern const ft_adapter_properties ft_adapter_kinds[FT_N_ADAPTER_KINDS];

/* The kind of that adapter_type ("lora"); NULL where there is none. */
const ft_adapter_properties *ft_adapter_kind_named(const char *name);

#endif
