/* What is told of a model directory. */
#ifndef FT_CLI_MODEL_INFO_H
#define FT_CLI_MODEL_INFO_H

#include <cjson/cJSON.h>
#include <stdint.h>

#include "base/error.h"
#include "model/weights.h"

/* Numbers that the model holds; a head tied to the embedding counts once. */
int64_t ft_parameter_count(const ft_weights *weights);

/* Reads the whole directory. *info: {"path", "dtype", "checksum", "architecture":
 * {...}, "parameters": {...}, "chronos_config": {...}}, the caller's. */
ft_status ft_model_info(const char *directory, cJSON **info, ft_error *err);

#endif
