/* adapter_config.json, PEFT's description of an adapter. docs/reference.md §4. */
#ifndef FT_MODEL_PEFT_CONFIG_H
#define FT_MODEL_PEFT_CONFIG_H

#include "base/error.h"
#include "model/adapter.h"

/* Reads and checks the file. `spec` gets the kind; for LoRA also alpha, dropout,
 * use_rslora and the rank (the file's "r", 0 where it has none). targets stay 0, since
 * the tensors determine them. Any setting that would change what the adapter computes and
 * that ftgpu does not support is refused, with the file and the key. */
ft_status ft_peft_config_read(const char *path, ft_adapter_spec *spec, ft_error *err);

/* Checks the settings for single modules, once the tensors have shown which modules the
 * adapter has: modules (count), by their names without ".weight". FT_BAD_INPUT where
 * rank_pattern or alpha_pattern sets a value for one of them, or where modules_to_save
 * announces copies and the file of tensors has none (has_copies). */
ft_status ft_peft_config_check(const char *path, const ft_adapter_spec *spec, const ft_tensor_name *modules,
                               size_t count, bool has_copies, ft_error *err);

/* Checks that the adapter has exactly the modules that target_modules, exclude_modules,
 * layers_to_transform and layers_pattern select, as PEFT reads them. modules (count): all
 * modules that could be adapted, by their names without ".weight". has (count): whether
 * the file of tensors has each. prefix, "" or "model.", precedes their names when
 * patterns are matched. FT_BAD_INPUT names the first module that is missing or not
 * selected. FT_OK where the file has no target_modules, or has a pattern that only Python
 * can read. */
ft_status ft_peft_config_check_targets(const char *path, const ft_tensor_name *modules, const bool *has,
                                       size_t count, const char *prefix, ft_error *err);

/* Writes the file for a LoRA or ln_tuning adapter. base_model may be NULL. */
ft_status ft_peft_config_write(const char *path, const ft_adapter_spec *spec, const char *base_model,
                               ft_error *err);

#endif
