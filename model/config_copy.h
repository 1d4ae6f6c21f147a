/* config.json for a copy of a model with f32 weights: the model's own except for the
 * dtype and, if it was trained with other lengths, the lengths. docs/reference.md §1. */
#ifndef FT_MODEL_CONFIG_COPY_H
#define FT_MODEL_CONFIG_COPY_H

#include <stdbool.h>

#include "model/config.h"

/* The text of <model_dir>/config.json, character by character, but with "float32" as its
 * dtype (torch_dtype in older files; added where neither is there). *text is malloc'd,
 * the caller's. *own_head: the config says that the head is not tied to the embedding, so
 * that transformers before 5 expects lm_head.weight in the file even if it is equal.
 * lengths: context_length and prediction_length of the copy's chronos_config; NULL: as
 * they are. With another prediction_length the copy says by eos_prediction_length what
 * the model's own was. */
ft_status ft_config_copy(const char *model_dir, const ft_chronos_config *lengths, char **text, bool *own_head,
                         ft_error *err);

#endif
