/* Ranks that train adapter batches together (engine->comm). Rank 0 writes the journal
 * and records the experiments; the other ranks train and evaluate the same batches and
 * write nothing.
 *
 * Here the ranks are the processes of an MPI launcher. The rank groups of a
 * coordinator work alike, but the coordinator tells them what to train (rank_group.h). */
#ifndef FT_HOST_WORKERS_MPI_RANKS_H
#define FT_HOST_WORKERS_MPI_RANKS_H

#include "host/experiment/worker_callbacks.h"
#include "host/sweep/run.h"
#include "host/workers/worker.h"

/* The callbacks of ranks other than 0: they record nothing, and stop when the engine
 * says so. */
ft_worker_callbacks ft_follower_callbacks(ft_engine *engine);

/* Rank 0 only: trains a batch together with the other ranks. Without other ranks the
 * same as ft_worker_train. */
ft_status ft_mpi_ranks_train(ft_run_context *run_context, const ft_job *job,
                             const ft_worker_callbacks *callbacks, ft_error *err);
/* Rank 0 only: ends ft_mpi_ranks_follow on the other ranks. */
ft_status ft_mpi_ranks_dismiss(ft_engine *engine, ft_error *err);
/* Called by all ranks: broadcasts rank 0's status and `results` (bytes) to the others. */
ft_status ft_mpi_ranks_share_results(ft_engine *engine, ft_status status, void *results, size_t bytes,
                                     ft_error *err);
/* Ranks other than 0: trains what rank 0 announces until ft_mpi_ranks_dismiss. The
 * sweep has its plan. Rank 0 reports why a batch ended; a failure here means that the
 * communication broke. */
ft_status ft_mpi_ranks_follow(ft_sweep *sweep, ft_error *err);

#endif
