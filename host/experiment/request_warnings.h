/* Warnings about what a request asks for twice or in vain, told by the engine's
 * progress. */
#ifndef FT_HOST_EXPERIMENT_REQUEST_WARNINGS_H
#define FT_HOST_EXPERIMENT_REQUEST_WARNINGS_H

#include "host/experiment/engine.h"
#include "host/search/grid.h"

/* Which of the request's own values another overrides: a later one of the same key, or
 * the grid's (NULL: there is none). */
void ft_request_warn_overridden(const ft_engine *engine, const ft_experiment_request *request,
                                const ft_grid *grid);

/* Where configurations train the same, and the hyperparameters that make no
 * difference. */
ft_status ft_request_warn_repeated(const ft_engine *engine, const ft_grid *grid, ft_error *err);

#endif
