/* Ranks that train adapter batches together (engine->comm). One of them, rank 0, keeps
 * the journal and records the experiments; the others follow: they train and evaluate
 * the same, and keep nothing.
 *
 * Here the ranks are the processes of an MPI launcher. The coordinator's rank groups
 * are of the same kind, but hear from the coordinator what to train (coordinator.h). */
#ifndef FT_HOST_WORKERS_MPI_RANKS_H
#define FT_HOST_WORKERS_MPI_RANKS_H

#include "host/experiment/worker_callbacks.h"
#include "host/sweep/run.h"
#include "host/workers/worker.h"

/* The callbacks of a rank that follows: it records nothing, asks nothing, and stops as
 * its engine says. */
ft_worker_callbacks ft_follower_callbacks(ft_engine *engine);

/* Rank 0's: the batch is trained by all. The same as ft_worker_train where it is
 * alone. */
ft_status ft_mpi_ranks_train(ft_run_context *run_context, const ft_job *job,
                             const ft_worker_callbacks *callbacks, ft_error *err);
/* Rank 0's: nothing more is to be trained. */
ft_status ft_mpi_ranks_dismiss(ft_engine *engine, ft_error *err);
/* All ranks': rank 0's status and results become those of all. */
ft_status ft_mpi_ranks_share_results(ft_engine *engine, ft_status status, void *results, size_t bytes,
                                     ft_error *err);
/* The others': trains what rank 0 says until it dismisses them. The sweep has its
 * plan. What ends a batch is rank 0's to tell; a failure here is of the ranks'
 * communication. */
ft_status ft_mpi_ranks_follow(ft_sweep *sweep, ft_error *err);

#endif
