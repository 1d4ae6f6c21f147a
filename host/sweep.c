/* Every configuration of a sweep, by the public interface; see ftgpu.h. In this
 * process, one adapter batch after the other, or by workers (coordinator.h). */
#include "host/ftgpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/sweep/live_report.h"
#include "host/sweep/run.h"
#include "host/workers/batch_queue.h"
#include "host/workers/coordinator.h"
#include "host/workers/mpi_ranks.h"
#include "host/workers/worker.h"

static bool is_recorded(void *context, size_t configuration)
{
    return ft_sweep_store_done(((ft_sweep *)context)->store, configuration) != NULL;
}

static ft_status begin(void *context, size_t configuration, const char *experiment_id, ft_error *err)
{
    return ft_sweep_begin_record(context, configuration, experiment_id, err);
}

static ft_status finish(void *context, size_t configuration, const ft_outcome *outcome, ft_error *err)
{
    return ft_sweep_finish_record(context, configuration, outcome, err);
}

static ft_status epochs_ended(void *context, const size_t *trajectories, const ft_epoch *epochs, int32_t n,
                              bool *pruned, ft_error *err)
{
    return ft_sweep_judge(context, trajectories, epochs, n, pruned, err);
}

static ft_stop stop(void *context)
{
    ft_sweep *sweep = context;
    ft_live_report_update(sweep, false);
    ft_error why; /* it is asked for again when training has stopped */
    return ft_sweep_store_check(sweep->store, &why) == FT_OK ? ft_engine_stop(sweep->engine) : FT_STOP_NOW;
}

static void tell(void *context, const ft_event *event)
{
    ft_sweep_tell(context, event);
}

/* One batch; what is too much for the device is cut in two or recorded as failed. */
static ft_status train_batch(ft_sweep *sweep, size_t number, ft_error *err)
{
    const ft_worker_callbacks callbacks = {sweep, is_recorded, begin, finish, epochs_ended, stop, tell};
    size_t n = 0;
    const ft_sweep_batch *batch = &ft_sweep_store_batches(sweep->store, &n)[number];
    ft_job job = {.configs = sweep->grid.configs,
                  .n_configs = sweep->grid.count,
                  .plan = &sweep->plan,
                  .trajectories = batch->trajectories,
                  .n_trajectories = batch->count,
                  .slots = batch->slots,
                  .checkpoint = ft_sweep_store_checkpoint(sweep->store, number)};
    if (!job.checkpoint) return ft_no_memory(err, "a path", 64);
    ft_status status = FT_NO_MEMORY;
    /* Another program may have had the memory for a moment. */
    for (int32_t tries = ft_batch_queue_retries(sweep); status == FT_NO_MEMORY && tries > 0; tries--)
        status = ft_mpi_ranks_train(&sweep->run_context, &job, &callbacks, err);
    if (status == FT_NO_MEMORY) {
        bool is_split = false;
        const ft_error why = *err;
        status = ft_sweep_split(sweep, number, &is_split, err);
        if (status != FT_OK || is_split) return status;
        job.failure = why.message;
        status = ft_mpi_ranks_train(&sweep->run_context, &job, &callbacks, err);
    }
    if (status == FT_OK) ft_sweep_store_drop_checkpoint(sweep->store, number);
    return status;
}

/* All batches of the plan and those that splits add, one after the other. */
static ft_status train_batches(ft_sweep *sweep, ft_error *err)
{
    ft_status status = FT_OK;
    size_t n = 0;
    for (size_t b = 0; ft_sweep_store_batches(sweep->store, &n) && b < n && status == FT_OK; b++) {
        if (ft_sweep_is_over(sweep, b)) continue;
        if (ft_engine_stop(sweep->engine) != FT_STOP_NOT) return ft_fail(err, FT_INTERRUPTED, "interrupted");
        status = train_batch(sweep, b, err);
        /* A result that was deleted is recorded in the checkpoint, which is gone now. */
        if (status == FT_OK && !ft_sweep_is_over(sweep, b)) status = train_batch(sweep, b, err);
        if (status == FT_OK && !ft_sweep_is_over(sweep, b))
            status = ft_fail(err, FT_FAILED, "a batch of the sweep stays undone");
    }
    ft_error why;
    const ft_status may_record = ft_sweep_store_check(sweep->store, &why);
    return may_record == FT_OK ? status : ft_fail(err, may_record, "%s", why.message);
}

/* In this process, and in those that a launcher has started with it. */
static ft_status train_here(ft_sweep *sweep, ft_error *err)
{
    ft_engine *engine = sweep->engine;
    ft_status status = ft_run_context_attach(&sweep->run_context, err);
    if (status != FT_OK) return status;
    const ft_backend *backend = engine->backend;
    bool leads = ft_engine_leads(engine), is_gpu = strcmp(backend->name, "cuda") == 0;
    size_t sharers = engine->launcher && !is_gpu ? (size_t)engine->launcher->local_size : 1;
    ft_sweep_device device = {.bf16 = backend->bf16,
                              .is_gpu = is_gpu,
                              .n_workers = 1,
                              .ranks = engine->comm ? engine->comm->size : 1,
                              .memory_bytes = backend->memory_bytes / sharers};
    if (leads) status = ft_sweep_measure(sweep, &device, err);
    if (status == FT_OK)
        status = leads ? ft_sweep_start(sweep, &device, err) : ft_sweep_make_plan(sweep, &device, err);
    status = ft_comm_agree(engine->launcher, status, NULL, err);
    if (status != FT_OK) return status;
    if (!leads) return ft_mpi_ranks_follow(sweep, err);
    ft_error ignored;
    status = train_batches(sweep, err);
    ft_status gone = ft_mpi_ranks_dismiss(engine, status == FT_OK ? err : &ignored);
    return status == FT_OK ? gone : status;
}

static ft_status run_sweep(ft_engine *engine, const ft_sweep_request *request, ft_sweep_summary *summary,
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
    ft_status status = ft_engine_leads(engine) ? ft_live_report_check(request, err) : FT_OK;
    status = ft_comm_agree(engine->launcher, status, NULL, err);
    if (status == FT_OK) status = ft_sweep_open(engine, request, &sweep, err);
    if (status != FT_OK) return status;
    summary->configurations = summary->all = sweep.grid.count;
    status =
        request->workers != 0 && !engine->launcher ? ft_coordinate(&sweep, err) : train_here(&sweep, err);
    if (sweep.is_own) {
        ft_error ignored;
        ft_status ended = ft_sweep_tidy(&sweep, status == FT_OK ? err : &ignored);
        if (ended == FT_OK) ended = ft_sweep_summarize(&sweep, summary, status == FT_OK ? err : &ignored);
        if (status == FT_OK) status = ended;
        ft_live_report_update(&sweep, true);
        if (status == FT_OK && summary->done < summary->configurations)
            status = ft_fail(
                err, FT_FAILED,
                "%zu of %zu results are gone since they were recorded; the same command trains them again",
                summary->configurations - summary->done, summary->configurations);
    }
    if (status == FT_INTERRUPTED && !sweep.is_own)
        ft_fail(err, status, "sweep \"%s\" stopped before it began; the same command begins it",
                sweep.run_context.name);
    else if (status == FT_INTERRUPTED)
        ft_fail(err, status,
                "sweep \"%s\" stopped with %zu of %zu experiments done; the same command resumes it",
                sweep.run_context.name, summary->done, summary->configurations);
    ft_sweep_close(&sweep);
    return ft_mpi_ranks_share_results(engine, status, summary, sizeof *summary, err);
}

ft_status ft_run_sweep(ft_engine *engine, const ft_sweep_request *request, ft_sweep_summary *summary,
                       ft_error *err)
{
    ft_error ignored = {""};
    if (!err) err = &ignored;
    if (!request || !summary || (request->base.n_set > 0 && !request->base.set) ||
        (request->n_grids > 0 && !request->grids))
        return ft_fail(err, FT_BAD_INPUT, "a sweep needs a request, its lists and a summary (NULL given)");
    ft_status status = ft_engine_enter(engine, err);
    if (status != FT_OK) return status;
    status = run_sweep(engine, request, summary, err);
    ft_engine_leave(engine);
    return status;
}
