/* generation_config.json of a model directory: the file by which transformers would
 * change how tokens are drawn. docs/reference.md §1, §5. */
#ifndef FT_MODEL_GENERATION_CONFIG_H
#define FT_MODEL_GENERATION_CONFIG_H

#include "base/error.h"
#include "model/config.h"

/* FT_OK where <model_dir>/generation_config.json is missing or holds nothing that changes
 * what ChronosPipeline draws; else FT_BAD_INPUT with the file and the key. Settings that
 * ChronosPipeline overrides (temperature, lengths, ...) are fine. */
ft_status ft_generation_config_check(const char *model_dir, const ft_model_config *config, ft_error *err);

#endif
