/* The kinds of adapters, a row each: what a kind trains, what model/ and host/ need to
 * know of it, and how PEFT describes it. docs/reference.md §4. */
#ifndef FT_MODEL_ADAPTER_KINDS_H
#define FT_MODEL_ADAPTER_KINDS_H

#include "model/adapter.h"
#include "model/json_builder.h"

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

    /* PEFT's: peft_type, and the last part of a tensor's name, of A and of B. NULL where
     * PEFT has no such kind or no such tensor. */
    const char *peft_type, *peft_a, *peft_b;
    /* The spec from adapter_config.json at `path`; NULL: it has no settings. */
    ft_status (*read_peft)(const char *path, const cJSON *root, ft_adapter_spec *spec, ft_error *err);
    /* The keys of adapter_config.json, in PEFT's order: the alphabet's. */
    void (*write_peft)(ft_json_builder *b, const ft_adapter_spec *spec, const char *base_model);
} ft_adapter_properties;

/* By ft_adapter_kind. */
extern const ft_adapter_properties ft_adapter_kinds[FT_N_ADAPTER_KINDS];

/* The kind of that adapter_type ("lora"); NULL where there is none. */
const ft_adapter_properties *ft_adapter_kind_named(const char *name);

#endif
