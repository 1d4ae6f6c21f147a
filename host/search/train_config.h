/* Hyperparameters in the model's terms. */
#ifndef FT_HOST_SEARCH_TRAIN_CONFIG_H
#define FT_HOST_SEARCH_TRAIN_CONFIG_H

#include "host/search/hyperparameters.h"
#include "model/trainer.h"

/* The adapter that the hyperparameters describe. */
ft_adapter_spec ft_adapter_spec_of(const ft_hyperparameters *config);

/* The training that they describe for a model; `start` (may be NULL) is the adapter to
 * go on from. */
ft_train_config ft_train_config_of(const ft_hyperparameters *config, const ft_model_config *model,
                                   const ft_adapter *start);

#endif
