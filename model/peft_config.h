/* adapter_config.json, PEFT's description of an adapter. docs/reference.md §4. */
#ifndef FT_MODEL_PEFT_CONFIG_H
#define FT_MODEL_PEFT_CONFIG_H

#include "base/error.h"
#include "model/adapter.h"

/* Reads and checks the file. `spec` gets the kind, and for LoRA alpha, dropout and
 * use_rslora, and as rank the file's "r" (0 where it is not stated); targets stay 0,
 * since the tensors tell them. Whatever would change what the adapter computes, and we do
 * not follow, is refused with the file and the key. */
ft_status ft_peft_config_read(const char *path, ft_adapter_spec *spec, ft_error *err);

/* What the file says of single modules, once the tensors have told which the adapter has:
 * modules (count), by their names without ".weight". FT_BAD_INPUT where rank_pattern or
 * alpha_pattern gives one of them a value of its own, or modules_to_save promises copies
 * and the file of tensors has none (has_copies). */
ft_status ft_peft_config_check(const char *path, const ft_adapter_spec *spec, const ft_tensor_name *modules,
                               size_t count, bool has_copies, ft_error *err);

/* Whether the adapter has just the modules that target_modules, exclude_modules,
 * layers_to_transform and layers_pattern mean, as PEFT reads them: modules (count) are
 * all that could be adapted, by their names without ".weight", `has` (count) those that
 * the file of tensors has. `prefix` stands before their names for the patterns, "" or
 * "model.". FT_BAD_INPUT names the first that is missing or not meant. Says nothing where
 * the file has no target_modules, or a pattern that only Python reads. */
ft_status ft_peft_config_check_targets(const char *path, const ft_tensor_name *modules, const bool *has,
                                       size_t count, const char *prefix, ft_error *err);

/* Writes the file for a LoRA or ln_tuning adapter. base_model may be NULL. */
ft_status ft_peft_config_write(const char *path, const ft_adapter_spec *spec, const char *base_model,
                               ft_error *err);

#endif
