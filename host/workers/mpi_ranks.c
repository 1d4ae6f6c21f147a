/* Ranks that train adapter batches together; see mpi_ranks.h. */
#include "host/workers/mpi_ranks.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

/* What rank 0 broadcasts before each batch. The trajectories' numbers in the plan,
 * which all ranks have, follow in a second broadcast. */
typedef struct order {
    size_t n_trajectories; /* 0: no more batches */
    int32_t slots;
    char checkpoint[PATH_MAX];
} order;

static ft_stop follower_stop(void *context)
{
    return ft_engine_stop(context);
}

ft_worker_callbacks ft_follower_callbacks(ft_engine *engine)
{
    return (ft_worker_callbacks){.context = engine,
                                 /* rank 0 decides what is pruned */
                                 .stop = follower_stop};
}

ft_status ft_mpi_ranks_train(ft_run_context *run_context, const ft_job *job,
                             const ft_worker_callbacks *callbacks, ft_error *err)
{
    ft_comm *launcher = run_context->engine->launcher;
    if (!launcher || job->failure) return ft_worker_train(run_context, job, callbacks, err);
    order said = {.n_trajectories = job->n_trajectories, .slots = job->slots};
    snprintf(said.checkpoint, sizeof said.checkpoint, "%s", job->checkpoint);
    size_t bytes = job->n_trajectories * sizeof *job->trajectories;
    ft_status status = launcher->broadcast(launcher, &said, sizeof said, 0, err);
    if (status == FT_OK) status = launcher->broadcast(launcher, (void *)job->trajectories, bytes, 0, err);
    return status == FT_OK ? ft_worker_train(run_context, job, callbacks, err) : status;
}

ft_status ft_mpi_ranks_dismiss(ft_engine *engine, ft_error *err)
{
    ft_comm *launcher = engine->launcher;
    order said = {0};
    return launcher ? launcher->broadcast(launcher, &said, sizeof said, 0, err) : FT_OK;
}

ft_status ft_mpi_ranks_share_results(ft_engine *engine, ft_status status, void *results, size_t bytes,
                                     ft_error *err)
{
    ft_comm *launcher = engine->launcher;
    if (!launcher) return status;
    status = ft_comm_agree(launcher, status, NULL, err);
    ft_error ignored;
    ft_status heard = launcher->broadcast(launcher, results, bytes, 0, status == FT_OK ? err : &ignored);
    return status == FT_OK ? heard : status;
}

/* Trains one batch that rank 0 announced. */
static ft_status follow_order(ft_sweep *sweep, const order *said, ft_error *err)
{
    ft_comm *launcher = sweep->engine->launcher;
    const ft_worker_callbacks callbacks = ft_follower_callbacks(sweep->engine);
    size_t bytes = said->n_trajectories * sizeof(size_t);
    size_t *trajectories = malloc(bytes);
    if (!trajectories) return ft_no_memory(err, "an adapter batch", bytes);
    ft_status status = launcher->broadcast(launcher, trajectories, bytes, 0, err);
    const ft_job job = {.configs = sweep->grid.configs,
                        .n_configs = sweep->grid.count,
                        .plan = &sweep->plan,
                        .trajectories = trajectories,
                        .n_trajectories = said->n_trajectories,
                        .slots = said->slots,
                        .checkpoint = said->checkpoint};
    ft_error ignored;
    if (status == FT_OK) ft_worker_train(&sweep->run_context, &job, &callbacks, &ignored);
    free(trajectories);
    return status;
}

ft_status ft_mpi_ranks_follow(ft_sweep *sweep, ft_error *err)
{
    ft_comm *launcher = sweep->engine->launcher;
    order said;
    ft_status status = FT_OK;
    while (status == FT_OK) {
        status = launcher->broadcast(launcher, &said, sizeof said, 0, err);
        if (status == FT_OK && said.n_trajectories == 0) break;
        if (status == FT_OK) status = follow_order(sweep, &said, err);
    }
    return status;
}
