/* The configurations of a request; see sweep_request.h. */
#include "host/search/sweep_request.h"

ft_status ft_sweep_base_config(const ft_experiment_request *request, ft_hyperparameters *config,
                               ft_error *err)
{
    size_t times[FT_N_FIELDS];
    return ft_hyperparameters_set_all(config, request->set, request->n_set, times, err);
}

ft_status ft_sweep_configurations(const ft_sweep_request *request, ft_grid *grid, ft_error *err)
{
    ft_grid_source source = {.grids = request->grids,
                             .n_grids = request->n_grids,
                             .grid_file = request->grid_file,
                             .configs_file = request->configs,
                             .seeds = request->seeds,
                             .max_configs =
                                 request->max_configs > 0 ? request->max_configs : FT_DEFAULT_MAX_CONFIGS};
    ft_hyperparameters base;
    ft_status status = ft_sweep_base_config(&request->base, &base, err);
    return status == FT_OK ? ft_grid_expand(&source, &base, grid, err) : status;
}
