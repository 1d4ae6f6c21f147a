/* The model that a request names: a directory, or a model of the Hugging Face Hub
 * (host/hub/hub.h). */
#ifndef FT_HOST_EXPERIMENT_MODEL_SOURCE_H
#define FT_HOST_EXPERIMENT_MODEL_SOURCE_H

#include "host/experiment/engine.h"
#include "model/weights.h"

/* Reads the weights of `model`. A model of the Hub that is not in the cache is
 * downloaded first; the engine's progress and `fetching` callbacks report on that, and
 * its stop callback ends it as FT_INTERRUPTED. *directory, the path of the files, is
 * malloc'd. */
ft_status ft_model_read(const ft_engine *engine, const char *model, ft_weights **weights, char **directory,
                        ft_error *err);

/* The base model's name to store in an adapter, which PEFT must resolve too: the name
 * on the Hub, or the directory. */
const char *ft_model_public_name(const char *model, const char *directory);

#endif
