/* Experiments by the public interface: one, or every configuration of a sweep. See ftgpu.h. */
#include "host/sweep.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/coordinator.h"
#include "host/record.h"
#include "host/sweep_run.h"
#include "host/together.h"
#include "host/worker.h"

ft_status ft_sweep_base_config(const ft_experiment_request *request, ft_hyperparameters *config,
                               ft_error *err)
{
    *config = ft_hyperparameters_default;
    ft_status status = FT_OK;
    for (size_t i = 0; i < request->n_set && status == FT_OK; i++)
        status = ft_hyperparameters_set(config, request->set[i], err);
    return status;
}

/* -- one experiment -- */

/* What a run of its own keeps: no journal, the outcome. */
typedef struct lone_run {
    const ft_engine *engine;
    ft_outcome *outcome;
} lone_run;

static bool lone_is_recorded(void *context, size_t configuration)
{
    (void)context;
    (void)configuration;
    return false;
}

static ft_status lone_begin(void *context, size_t configuration, const char *experiment_id, ft_error *err)
{
    (void)context;
    (void)configuration;
    (void)experiment_id;
    (void)err;
    return FT_OK;
}

static ft_status lone_finish(void *context, size_t configuration, const ft_outcome *outcome, ft_error *err)
{
    (void)configuration;
    (void)err;
    *((lone_run *)context)->outcome = *outcome;
    return FT_OK;
}

static void lone_epochs(void *context, const size_t *trajectories, const ft_epoch *epochs, int32_t n,
                        bool *pruned)
{
    (void)context;
    (void)trajectories;
    (void)epochs;
    (void)n;
    (void)pruned;
}

static ft_stop lone_stop(void *context)
{
    return ft_engine_stop(((lone_run *)context)->engine);
}

ft_status ft_run_experiment(ft_engine *engine, const ft_experiment_request *request, ft_outcome *outcome,
                            ft_error *err)
{
    ft_hyperparameters config;
    ft_study study;
    ft_error unwanted;
    if (!err) err = &unwanted; /* its message is recorded */
    ft_status status = ft_sweep_base_config(request, &config, err);
    if (status == FT_OK) status = ft_study_open(engine, request, &config, 1, &study, err);
    if (status != FT_OK) return status;
    lone_run run = {engine, outcome};
    bool leads = ft_engine_leads(engine);
    const ft_link link =
        leads ? (ft_link){&run, lone_is_recorded, lone_begin, lone_finish, lone_epochs, lone_stop}
              : ft_follower_link(engine);
    size_t zero = 0;
    ft_trajectory trajectory = {0, 1};
    const ft_plan plan = {.members = &zero, .n_members = 1, .trajectories = &trajectory, .n_trajectories = 1};
    const ft_job job = {.configs = &config,
                        .n_configs = 1,
                        .plan = &plan,
                        .trajectories = &zero,
                        .n_trajectories = 1,
                        .slots = 1};
    *outcome = (ft_outcome){0};
    status = ft_study_attach(&study, err);
    /* First of all: what tuning has to beat, and so that a stop in training finds it done. */
    const ft_study_baseline *baseline;
    if (status == FT_OK && leads) status = ft_study_baseline_of(&study, &config, &baseline, err);
    status = ft_comm_agree(engine->launcher, status, NULL, err);
    if (status == FT_OK) status = ft_worker_train(&study, &job, &link, err);
    if (status == FT_NO_MEMORY && study.base && leads) {
        const ft_error why = *err;
        status = ft_record_failure(&study, &config, NULL, why.message, &link, outcome, err);
    }
    if (status == FT_OK && outcome->failed)
        status = ft_fail(err, FT_FAILED, "%s: %s", outcome->experiment_id, outcome->error);
    ft_study_close(&study);
    return ft_together_hear(engine, status, outcome, sizeof *outcome, err);
}

/* -- a sweep in this process -- */

static bool is_recorded(void *context, size_t configuration)
{
    return ft_sweep_state_done(((ft_sweep *)context)->state, configuration) != NULL;
}

static ft_status begin(void *context, size_t configuration, const char *experiment_id, ft_error *err)
{
    return ft_sweep_begin_record(context, configuration, experiment_id, err);
}

static ft_status finish(void *context, size_t configuration, const ft_outcome *outcome, ft_error *err)
{
    return ft_sweep_finish_record(context, configuration, outcome, err);
}

static void epochs_ended(void *context, const size_t *trajectories, const ft_epoch *epochs, int32_t n,
                         bool *pruned)
{
    ft_error unsaid; /* a journal that cannot be written ends the sweep with its next record */
    ft_sweep_judge(context, trajectories, epochs, n, pruned, &unsaid);
}

static ft_stop stop(void *context)
{
    return ft_engine_stop(((ft_sweep *)context)->engine);
}

/* One batch; what is too much for the device is cut in two or recorded as failed. */
static ft_status train_batch(ft_sweep *sweep, size_t number, ft_error *err)
{
    const ft_link link = {sweep, is_recorded, begin, finish, epochs_ended, stop};
    size_t n = 0;
    const ft_sweep_batch *batch = &ft_sweep_state_batches(sweep->state, &n)[number];
    ft_job job = {.configs = sweep->grid.configs,
                  .n_configs = sweep->grid.count,
                  .plan = &sweep->plan,
                  .trajectories = batch->trajectories,
                  .n_trajectories = batch->count,
                  .slots = batch->slots,
                  .checkpoint = ft_sweep_state_checkpoint(sweep->state, number)};
    if (!job.checkpoint) return ft_no_memory(err, "a path", 64);
    ft_status status = ft_together_train(&sweep->study, &job, &link, err);
    if (status == FT_NO_MEMORY) {
        bool is_split = false;
        const ft_error why = *err;
        status = ft_sweep_split(sweep, number, &is_split, err);
        if (status != FT_OK || is_split) return status;
        job.failure = why.message;
        status = ft_together_train(&sweep->study, &job, &link, err);
    }
    if (status == FT_OK) ft_sweep_state_end_batch(sweep->state, number);
    return status;
}

/* All batches, one after the other; the process's own books. */
static ft_status train_batches(ft_sweep *sweep, ft_error *err)
{
    ft_status status = FT_OK;
    size_t n = 0;
    for (size_t b = 0; ft_sweep_state_batches(sweep->state, &n) && b < n && status == FT_OK; b++) {
        if (ft_sweep_is_over(sweep, b)) continue;
        if (ft_engine_stop(sweep->engine) != FT_STOP_NOT) return ft_fail(err, FT_INTERRUPTED, "interrupted");
        status = train_batch(sweep, b, err);
    }
    return status;
}

/* In this process, and in those that a launcher has started with it. */
static ft_status train_here(ft_sweep *sweep, ft_error *err)
{
    ft_engine *engine = sweep->engine;
    ft_status status = ft_study_attach(&sweep->study, err);
    if (status != FT_OK) return status;
    const ft_backend *backend = engine->backend;
    bool leads = ft_engine_leads(engine), is_gpu = strcmp(backend->name, "cuda") == 0;
    size_t sharers = engine->launcher && !is_gpu ? (size_t)engine->launcher->local_size : 1;
    const ft_sweep_device device = {.bf16 = backend->bf16,
                                    .is_gpu = is_gpu,
                                    .n_workers = 1,
                                    .ranks = engine->comm ? engine->comm->size : 1,
                                    .memory_bytes = backend->memory_bytes / sharers};
    status = leads ? ft_sweep_start(sweep, &device, err) : ft_sweep_make_plan(sweep, &device, err);
    status = ft_comm_agree(engine->launcher, status, NULL, err);
    if (status != FT_OK) return status;
    if (!leads) return ft_together_follow(sweep, err);
    ft_error ungone;
    status = train_batches(sweep, err);
    ft_status gone = ft_together_dismiss(engine, status == FT_OK ? err : &ungone);
    return status == FT_OK ? gone : status;
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
    ft_status status = ft_sweep_base_config(&request->base, &base, err);
    return status == FT_OK ? ft_grid_expand(&source, &base, grid, err) : status;
}

ft_status ft_run_sweep(ft_engine *engine, const ft_sweep_request *request, ft_sweep_summary *summary,
                       ft_error *err)
{
    *summary = (ft_sweep_summary){0};
    ft_sweep sweep;
    if (request->n_shards != 0 &&
        !(request->shard >= 1 && request->shard <= request->n_shards && request->n_shards <= FT_MOST_SHARDS))
        return ft_fail(err, FT_BAD_INPUT, "there is no shard %lld of %lld", (long long)request->shard,
                       (long long)request->n_shards);
    if (engine->launcher && request->workers > 0)
        return ft_fail(err, FT_BAD_INPUT,
                       "the processes that the launcher has started train together: leave out --workers");
    ft_status status = ft_sweep_open(engine, request, &sweep, err);
    if (status != FT_OK) return status;
    summary->configurations = summary->all = sweep.grid.count;
    status =
        request->workers != 0 && !engine->launcher ? ft_coordinate(&sweep, err) : train_here(&sweep, err);
    if (sweep.is_own) {
        ft_error unread;
        ft_status counted = ft_sweep_summarize(&sweep, summary, status == FT_OK ? err : &unread);
        if (status == FT_OK) status = counted;
    }
    if (status == FT_INTERRUPTED)
        ft_fail(err, status,
                "sweep \"%s\" stopped with %zu of %zu experiments done; the same command goes on from there",
                sweep.study.name, summary->done, summary->configurations);
    ft_sweep_close(&sweep);
    return ft_together_hear(engine, status, summary, sizeof *summary, err);
}
