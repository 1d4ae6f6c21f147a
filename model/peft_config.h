/* adapter_config.json, PEFT's description of an adapter. docs/reference.md §4. */
#ifndef FT_MODEL_PEFT_CONFIG_H
#define FT_MODEL_PEFT_CONFIG_H

#include "base/error.h"
#include "model/adapter.h"

/* Reads and checks the file. `spec` gets the kind, and for LoRA alpha, dropout and use_rslora, and as rank
 * the file's "r" (0 where it is not stated); targets stay 0, since the tensors tell them. Whatever would
 * change what the adapter computes, and we do not follow, is refused with the file and the key. */
ft_status ft_peft_config_read(const char *path, ft_adapter_spec *spec, ft_error *err);

/* What the file says of single modules, once the tensors have told which the adapter has: modules (count), by
 * their names without ".weight". FT_BAD_INPUT where rank_pattern or alpha_pattern gives one of them a value
 * of its own, or modules_to_save promises copies and the file of tensors has none (has_copies). */
ft_status ft_peft_config_check(const char *path, const ft_adapter_spec *spec, const ft_tensor_name *modules,
                               size_t count, bool has_copies, ft_error *err);

/* Writes the file for a LoRA or ln_tuning adapter. base_model may be NULL. */
ft_status ft_peft_config_write(const char *path, const ft_adapter_spec *spec, const char *base_model,
                               ft_error *err);

#endif
