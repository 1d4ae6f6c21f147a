/* Warnings about values of a request that have no effect, sent to the engine's
 * progress. */
#ifndef FT_HOST_EXPERIMENT_REQUEST_WARNINGS_H
#define FT_HOST_EXPERIMENT_REQUEST_WARNINGS_H

#include "host/experiment/engine.h"
#include "host/search/grid.h"

/* Warns about --set values that a later --set or the grid (NULL: none) overrides. */
void ft_request_warn_overridden(const ft_engine *engine, const ft_experiment_request *request,
                                const ft_grid *grid);

/* Warns about configurations that train the same, and names the hyperparameters
 * without effect. */
ft_status ft_request_warn_repeated(const ft_engine *engine, const ft_grid *grid, ft_error *err);

#endif
