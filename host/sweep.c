/* Experiments by the public interface: one, or every configuration of a sweep. See ftgpu.h. */
#include "host/sweep.h"

#include "host/study.h"

/* Defaults and the request's own values. */
static ft_status base_config(const ft_experiment_request *request, ft_hyperparameters *config, ft_error *err)
{
    *config = ft_hyperparameters_default;
    ft_status status = FT_OK;
    for (size_t i = 0; i < request->n_set && status == FT_OK; i++)
        status = ft_hyperparameters_set(config, request->set[i], err);
    return status;
}

ft_status ft_run_experiment(ft_engine *engine, const ft_experiment_request *request, ft_outcome *outcome,
                            ft_error *err)
{
    ft_hyperparameters config;
    ft_study study;
    ft_status status = base_config(request, &config, err);
    if (status == FT_OK) status = ft_study_open(engine, request, &config, 1, &study, err);
    if (status != FT_OK) return status;
    status = ft_study_run(&study, &config, 0, 0, outcome, err);
    if (status == FT_OK && outcome->failed)
        status = ft_fail(err, FT_FAILED, "%s: %s", outcome->experiment_id, outcome->error);
    ft_study_close(&study);
    return status;
}

ft_status ft_sweep_configurations(const ft_sweep_request *request, ft_grid *grid, ft_error *err)
{
    ft_grid_source source = {.grids = request->grids,
                             .n_grids = request->n_grids,
                             .grid_file = request->grid_file,
                             .configs_file = request->configs,
                             .max_configs =
                                 request->max_configs > 0 ? request->max_configs : FT_DEFAULT_MAX_CONFIGS};
    ft_hyperparameters base;
    ft_status status = base_config(&request->base, &base, err);
    return status == FT_OK ? ft_grid_expand(&source, &base, grid, err) : status;
}

ft_status ft_run_sweep(ft_engine *engine, const ft_sweep_request *request, ft_sweep_summary *summary,
                       ft_error *err)
{
    *summary = (ft_sweep_summary){0};
    ft_grid grid = {0};
    ft_study study;
    ft_status status = ft_sweep_configurations(request, &grid, err);
    if (status == FT_OK)
        status = ft_study_open(engine, &request->base, grid.configs, grid.count, &study, err);
    if (status != FT_OK) {
        ft_grid_free(&grid);
        return status;
    }
    summary->configurations = grid.count;
    for (size_t i = 0; i < grid.count && status == FT_OK; i++) {
        ft_outcome outcome;
        status = ft_study_run(&study, &grid.configs[i], (int64_t)i + 1, (int64_t)grid.count, &outcome, err);
        if (status != FT_OK) break;
        if (outcome.failed)
            summary->failed++;
        else
            summary->succeeded++;
        if (request->finished) request->finished(request->context, &outcome);
        if (ft_engine_stopped(engine) && i + 1 < grid.count)
            status =
                ft_fail(err, FT_INTERRUPTED, "interrupted after %zu of %zu experiments", i + 1, grid.count);
    }
    ft_study_close(&study);
    ft_grid_free(&grid);
    return status;
}
