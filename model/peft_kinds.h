/* How PEFT describes the kinds of adapters in adapter_config.json and in tensors'
 * names, a row each. */
#ifndef FT_MODEL_PEFT_KINDS_H
#define FT_MODEL_PEFT_KINDS_H

#include <cjson/cJSON.h>

#include "base/json.h"
#include "model/adapter.h"

typedef struct ft_peft_kind {
    /* peft_type, and the last part of a tensor's name, of A and of B. NULL where PEFT has
     * no such kind or no such tensor. */
    const char *type, *a, *b;
    /* The spec from adapter_config.json at `path`; NULL: it has no settings. */
    ft_status (*read)(const char *path, const cJSON *root, ft_adapter_spec *spec, ft_error *err);
    /* The keys of adapter_config.json, in PEFT's order: the alphabet's. */
    void (*write)(cJSON **b, const ft_adapter_spec *spec, const char *base_model);
} ft_peft_kind;

/* By ft_adapter_kind. */
extern const ft_peft_kind ft_peft_kinds[FT_N_ADAPTER_KINDS];

#endif
