/* Makes the configurations that a request (ftgpu.h) asks for. */
#ifndef FT_HOST_SEARCH_SWEEP_REQUEST_H
#define FT_HOST_SEARCH_SWEEP_REQUEST_H

#include "host/ftgpu.h"
#include "host/search/grid.h"

/* The defaults, overridden by the request's own values (--set). */
ft_status ft_sweep_base_config(const ft_experiment_request *request, ft_hyperparameters *config,
                               ft_error *err);

/* All configurations of the request, in grid order: the above, overridden by the grid.
 * Freed by ft_grid_free. */
ft_status ft_sweep_configurations(const ft_sweep_request *request, ft_grid *grid, ft_error *err);

#endif
