/* The model that a request names: a directory, or a model of the Hugging Face Hub
 * (host/hub/hub.h). */
#ifndef FT_HOST_EXPERIMENT_MODEL_SOURCE_H
#define FT_HOST_EXPERIMENT_MODEL_SOURCE_H

#include "host/experiment/engine.h"
#include "model/weights.h"

/* Reads the model's weights; one of the Hub that is not in the cache is fetched first,
 * of which the engine's progress and `fetching` tell. *directory, where its files are,
 * is malloc'd. The engine's stop ends a download as FT_INTERRUPTED. */
ft_status ft_model_read(const ft_engine *engine, const char *model, ft_weights **weights, char **directory,
                        ft_error *err);

/* What an adapter says it was trained on: a name that PEFT resolves too. That is the
 * name on the Hub, or the directory. */
const char *ft_model_public_name(const char *model, const char *directory);

#endif
