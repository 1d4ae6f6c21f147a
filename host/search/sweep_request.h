/* From a request (ftgpu.h) to the configurations that it asks for. */
#ifndef FT_HOST_SEARCH_SWEEP_REQUEST_H
#define FT_HOST_SEARCH_SWEEP_REQUEST_H

#include "host/ftgpu.h"
#include "host/search/grid.h"

/* Defaults and the request's own values. */
ft_status ft_sweep_base_config(const ft_experiment_request *request, ft_hyperparameters *config,
                               ft_error *err);

/* Every configuration of the request, in grid order: defaults, the request's own
 * values, then the grid's. Free by ft_grid_free. */
ft_status ft_sweep_configurations(const ft_sweep_request *request, ft_grid *grid, ft_error *err);

#endif
