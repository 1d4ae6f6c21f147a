/* Converts hyperparameters to the model's structs. */
#ifndef FT_HOST_SEARCH_TRAIN_CONFIG_H
#define FT_HOST_SEARCH_TRAIN_CONFIG_H

#include "host/search/hyperparameters.h"
#include "model/trainer.h"

/* The adapter that the hyperparameters describe. */
ft_adapter_spec ft_adapter_spec_of(const ft_hyperparameters *config);

/* The reverse: type, rank, alpha, use_rslora and targets from a spec. Its dropout is not
 * taken: dropout_rate is each training's own. */
void ft_hyperparameters_set_spec(ft_hyperparameters *config, const ft_adapter_spec *spec);

/* The training that the hyperparameters describe, for a model; `start` is the adapter
 * to continue from, or NULL. */
ft_train_config ft_train_config_of(const ft_hyperparameters *config, const ft_model_config *model,
                                   const ft_adapter *start);

#endif
