/* The configurations of a sweep request. The public half is ftgpu.h. */
#ifndef FT_HOST_SWEEP_H
#define FT_HOST_SWEEP_H

#include "host/ftgpu.h"
#include "host/grid.h"

/* Defaults and the request's own values. */
ft_status ft_sweep_base_config(const ft_experiment_request *request, ft_hyperparameters *config,
                               ft_error *err);

/* Tells by the engine's progress which of the request's own values another overrides: a later one of the same
 * key, or the grid's (NULL: there is none). */
void ft_sweep_tell_overridden(const ft_engine *engine, const ft_experiment_request *request,
                              const ft_grid *grid);

/* Tells likewise where configurations train the same, and the hyperparameters that make no difference. */
ft_status ft_sweep_tell_repeated(const ft_engine *engine, const ft_grid *grid, ft_error *err);

/* Every configuration of the request, in grid order: defaults, the request's own values, then the grid's.
 * Free by ft_grid_free. */
ft_status ft_sweep_configurations(const ft_sweep_request *request, ft_grid *grid, ft_error *err);

#endif
