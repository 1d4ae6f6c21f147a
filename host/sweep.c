/* Experiments by the public interface: one, or every configuration of a sweep. See ftgpu.h. */
#include "host/sweep.h"

#include <stdio.h>

#include "host/study.h"
#include "host/version.h"

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
    status = ft_study_run(&study, &config, NULL, outcome, err);
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

/* Everything that decides the results, to be compared when the sweep is started again: {data_hash,
 * model_hash, ..., base, keys, configurations}, a configuration being its values of `keys`. The caller's;
 * NULL when memory runs out. */
static cJSON *plan_of(const ft_study *study, const ft_sweep_request *request, const ft_grid *grid)
{
    char model[24], data[24];
    ft_hyperparameters base;
    ft_error ignored;
    snprintf(model, sizeof model, "crc32:%08x", (unsigned)study->weights->checksum);
    snprintf(data, sizeof data, "crc32:%08x", (unsigned)study->dataset.checksum);
    cJSON *plan = cJSON_CreateObject();
    bool ok = plan && base_config(&request->base, &base, &ignored) == FT_OK &&
              cJSON_AddNumberToObject(plan, "schema_version", 1) &&
              cJSON_AddStringToObject(plan, "ftgpu_version", ft_version()) &&
              cJSON_AddStringToObject(plan, "data_hash", data) &&
              cJSON_AddStringToObject(plan, "model_hash", model) &&
              cJSON_AddStringToObject(plan, "target", request->base.target) &&
              cJSON_AddStringToObject(plan, "dtype", study->engine->backend->bf16 ? "bf16" : "f32") &&
              cJSON_AddNumberToObject(plan, "season", (double)study->season) &&
              cJSON_AddNumberToObject(plan, "eval_windows", (double)study->eval_windows) &&
              cJSON_AddItemToObject(plan, "hyperparameters", ft_hyperparameters_to_json(&base));
    cJSON *keys = ok ? cJSON_AddArrayToObject(plan, "keys") : NULL;
    cJSON *configurations = keys ? cJSON_AddArrayToObject(plan, "configurations") : NULL;
    ok = configurations != NULL;
    for (size_t k = 0; k < grid->n_keys && ok; k++)
        ok = cJSON_AddItemToArray(keys, cJSON_CreateString(grid->keys[k]->name));
    for (size_t i = 0; i < grid->count && ok; i++) {
        cJSON *values = cJSON_CreateArray();
        ok = values && cJSON_AddItemToArray(configurations, values);
        for (size_t k = 0; k < grid->n_keys && ok; k++)
            ok = cJSON_AddItemToArray(values, ft_field_to_json(grid->keys[k], &grid->configs[i]));
    }
    if (ok) return plan;
    cJSON_Delete(plan);
    return NULL;
}

/* Configurations that are not done yet, in order. */
static ft_status run_all(ft_study *study, const ft_sweep_request *request, const ft_grid *grid,
                         ft_sweep_state *state, ft_sweep_summary *summary, ft_error *err)
{
    ft_status status = FT_OK;
    summary->resumed = ft_sweep_state_n_done(state);
    if (summary->resumed > 0)
        ft_engine_say(study->engine, "going on: %zu of %zu experiments are done", summary->resumed,
                      grid->count);
    for (size_t i = 0; i < grid->count && status == FT_OK; i++) {
        if (ft_sweep_state_done(state, i)) continue;
        if (ft_engine_stopped(study->engine)) return ft_fail(err, FT_INTERRUPTED, "interrupted");
        ft_outcome outcome;
        ft_sweep_place place = {i, grid->count, state};
        status = ft_study_run(study, &grid->configs[i], &place, &outcome, err);
        if (status != FT_OK) break;
        if (request->finished) request->finished(request->context, &outcome);
    }
    return status;
}

ft_status ft_run_sweep(ft_engine *engine, const ft_sweep_request *request, ft_sweep_summary *summary,
                       ft_error *err)
{
    *summary = (ft_sweep_summary){0};
    ft_grid grid = {0};
    ft_study study = {0};
    ft_sweep_state *state = NULL;
    cJSON *plan = NULL;
    ft_status status = ft_sweep_configurations(request, &grid, err);
    if (status == FT_OK)
        status = ft_study_open(engine, &request->base, grid.configs, grid.count, &study, err);
    if (status == FT_OK) {
        plan = plan_of(&study, request, &grid);
        status = plan ? ft_sweep_state_open(engine->settings.results, study.name, plan, &state, err)
                      : ft_no_memory(err, "the plan", grid.count * 64);
    }
    summary->configurations = grid.count;
    if (status == FT_OK) status = run_all(&study, request, &grid, state, summary, err);
    if (status == FT_INTERRUPTED)
        ft_fail(err, status,
                "sweep \"%s\" stopped with %zu of %zu experiments done; the same command goes on from there",
                study.name, ft_sweep_state_n_done(state), grid.count);
    if (state) {
        summary->done = ft_sweep_state_n_done(state);
        summary->failed = ft_sweep_state_n_failed(state);
    }
    ft_sweep_state_close(state);
    cJSON_Delete(plan);
    ft_study_close(&study);
    ft_grid_free(&grid);
    return status;
}
