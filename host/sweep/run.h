/* A sweep under way: its plan, what is journalled of it, and the decisions that
 * follow. Both ways to train, in this process (sweep.c) and in worker processes
 * (coordinator.h), keep what they know of it here. */
#ifndef FT_HOST_SWEEP_RUN_H
#define FT_HOST_SWEEP_RUN_H

#include "host/experiment/run_context.h"
#include "host/search/grid.h"
#include "host/search/pruning.h"
#include "host/sweep/plan.h"
#include "host/sweep/store.h"

/* What was decided on a trajectory, epoch by epoch. */
typedef struct ft_pruning_state {
    int32_t epochs;    /* that were judged: the first so many */
    int32_t pruned_at; /* the one after which it stops; 0: none */
} ft_pruning_state;

typedef struct ft_sweep {
    ft_engine *engine;
    const ft_sweep_request *request;
    bool bf16; /* what it trains in, once it has started */
    /* the engine's --dtype, which is its again when the sweep is closed */
    const char *asked_dtype;
    ft_grid grid;
    ft_run_context run_context;
    /* its batches: those of the first start; of this one, see ft_sweep_store_batches */
    ft_plan plan;
    ft_sweep_store *store;
    ft_scheduler_kind scheduling;
    ft_scheduler *scheduler;
    /* (plan.n_trajectories), NULL without a scheduler */
    ft_pruning_state *pruning_states;
    bool *is_own; /* (plan.n_trajectories): this process's shard has it */
    /* configurations of the shard that an earlier start has recorded */
    size_t resumed;
} ft_sweep;

/* What the plan has to know of the devices. */
typedef struct ft_sweep_device {
    bool bf16, is_gpu;
    int32_t n_workers;   /* that take batches */
    int32_t ranks;       /* devices of each of them, which train its batches together */
    size_t memory_bytes; /* of one device */
    /* that a device needs to be fast (calibration.h); 0: not known */
    int64_t busy_rows;
} ft_sweep_device;

/* Reads configurations, data and model, without a device. */
ft_status ft_sweep_open(ft_engine *engine, const ft_sweep_request *request, ft_sweep *sweep, ft_error *err);
/* What `--dtype auto` means in this sweep from now on, for all its processes. */
void ft_sweep_settle_dtype(ft_sweep *sweep, bool bf16);
/* Sets busy_rows where a plan is still to be made that needs it; the engine has its
 * device. */
ft_status ft_sweep_measure(const ft_sweep *sweep, ft_sweep_device *device, ft_error *err);
/* Makes the plan alone. */
ft_status ft_sweep_make_plan(ft_sweep *sweep, const ft_sweep_device *device, ft_error *err);
/* Makes the plan and opens the state on disk. */
ft_status ft_sweep_start(ft_sweep *sweep, const ft_sweep_device *device, ft_error *err);
void ft_sweep_close(ft_sweep *sweep);

/* Takes away what deaths have left in the state and of experiments, while no worker is
 * at work. */
ft_status ft_sweep_tidy(ft_sweep *sweep, ft_error *err);
/* What is done now, by other shards too. */
ft_status ft_sweep_summarize(ft_sweep *sweep, ft_sweep_summary *summary, ft_error *err);

/* Whether all configurations of a trajectory are recorded. */
bool ft_sweep_is_trained(const ft_sweep *sweep, size_t trajectory);
/* Whether a batch asks nothing of this process: all of it is recorded, its halves took
 * its place, or it is another shard's. */
bool ft_sweep_is_over(const ft_sweep *sweep, size_t batch);

/* A configuration is about to be recorded; its record is on disk, and the request is
 * told. */
ft_status ft_sweep_begin_record(ft_sweep *sweep, size_t configuration, const char *experiment_id,
                                ft_error *err);
ft_status ft_sweep_finish_record(ft_sweep *sweep, size_t configuration, const ft_outcome *outcome,
                                 ft_error *err);

/* Sets which of n trajectories are pruned after these epochs, by the scheduler and by
 * what was decided before, and journals it. */
ft_status ft_sweep_judge(ft_sweep *sweep, const size_t *trajectories, const ft_epoch *epochs, int32_t n,
                         bool *pruned, ft_error *err);

/* Cuts in two what is left of a batch that is too much for its device. False: it is a
 * single trajectory. */
ft_status ft_sweep_split(ft_sweep *sweep, size_t batch, bool *is_split, ft_error *err);

#endif
