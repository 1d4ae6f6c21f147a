/* Adapters on the host: which parameters are trained, their initial values, and the PEFT
 * directories that hold them. docs/reference.md §4. */
#ifndef FT_MODEL_ADAPTER_H
#define FT_MODEL_ADAPTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "model/weights.h"

/* What a kind trains, and how: model/adapter_kinds.h. */
typedef enum ft_adapter_kind { FT_LORA, FT_LN_TUNING, FT_FULL, FT_N_ADAPTER_KINDS } ft_adapter_kind;
/* Their names as adapter_type has them: initializers of an array of strings. */
#define FT_ADAPTER_KIND_NAMES [FT_LORA] = "lora", [FT_LN_TUNING] = "ln_tuning", [FT_FULL] = "full"

/* Bits of ft_adapter_spec.targets, in the order of ft_target_names. */
enum {
    FT_TARGET_Q = 1,
    FT_TARGET_K = 2,
    FT_TARGET_V = 4,
    FT_TARGET_O = 8,
    FT_TARGET_WI = 16,
    FT_TARGET_WO = 32
};
enum { FT_N_TARGETS = 6, FT_ALL_TARGETS = (1 << FT_N_TARGETS) - 1, FT_MAX_RANK = 256 };
extern const char *const ft_target_names[FT_N_TARGETS]; /* q, k, v, o, wi, wo */

typedef struct ft_adapter_spec {
    ft_adapter_kind kind;
    int32_t rank; /* LoRA only, like all below */
    float alpha, dropout;
    bool use_rslora;
    uint32_t targets;
} ft_adapter_spec;

/* "q+v" to bits and back ("q+k+v+o+wi+wo" order). An unknown letter is FT_BAD_INPUT. */
ft_status ft_targets_parse(const char *text, uint32_t *targets, ft_error *err);
void ft_targets_format(uint32_t targets, char out[32]);

/* alpha / r or alpha / sqrt(r). */
float ft_adapter_scale(const ft_adapter_spec *spec);

/* Refuses a spec that the model cannot have (rank 0, above 256 or above a target layer's
 * smaller side, no target). */
ft_status ft_adapter_check(const ft_adapter_spec *spec, const ft_model_config *config, ft_error *err);

/* The values of one adapter on the host. LoRA: for each base tensor that is a target, a:
 * (rank, in_features) and b: (out_features, rank). ln_tuning: for each norm weight its
 * replacement in a (1, d_model). full: for each base tensor its replacement in a. */
typedef struct ft_adapter {
    ft_adapter_spec spec;
    ft_model_config config;
    float **a, **b; /* (ft_tensor_count) by base tensor index; NULL where not trained */
} ft_adapter;

/* Fresh values: A uniform in +-1/sqrt(in_features), B zero, by Philox keyed by (seed,
 * tensor name); ln_tuning and full start from the base's values. */
ft_status ft_adapter_init(const ft_adapter_spec *spec, const ft_weights *base, uint32_t seed,
                          ft_adapter **adapter, ft_error *err);
/* Reads a PEFT directory for this base model; refusals by name, docs/reference.md §4.
 * spec.dropout is the file's lora_dropout. */
ft_status ft_adapter_read(const char *directory, const ft_weights *base, ft_adapter **adapter, ft_error *err);
/* Writes a PEFT directory (LoRA, ln_tuning) or, for full, a model directory; base_model
 * names the base in adapter_config.json and gives full its config. The directory appears
 * whole or not at all (written beside it under a temporary name and renamed). */
ft_status ft_adapter_write(const char *directory, const ft_adapter *adapter, const ft_weights *base,
                           const char *base_model, ft_error *err);
/* weights += scale * B A, or the replacement values, in place. */
ft_status ft_adapter_merge(const ft_adapter *adapter, ft_weights *weights, ft_error *err);
void ft_adapter_free(ft_adapter *adapter);

/* An adapter that does nothing yet: ft_adapter_check, then A and B of each target zero,
 * or the base's values. */
ft_status ft_adapter_create(const ft_adapter_spec *spec, const ft_weights *base, ft_adapter **adapter,
                            ft_error *err);
/* The FT_TARGET_* bit of a tensor, 0 where it is none. */
uint32_t ft_target_of(const ft_tensor_info *info);

#endif
