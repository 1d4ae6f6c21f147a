/* A sweep in progress: its plan, its store, and the decisions of its scheduler. Used
 * by both ways to train: in this process (sweep.c) and by workers (coordinator.h). */
#ifndef FT_HOST_SWEEP_RUN_H
#define FT_HOST_SWEEP_RUN_H

#include "host/experiment/run_context.h"
#include "host/search/grid.h"
#include "host/search/pruning.h"
#include "host/sweep/plan.h"
#include "host/sweep/store.h"

/* The pruning decisions on one trajectory so far. */
typedef struct ft_pruning_state {
    int32_t epochs;    /* epochs 1 ... epochs were judged */
    int32_t pruned_at; /* the epoch after which it was pruned; 0: none */
} ft_pruning_state;

/* How up to date the request's report is (live_report.h). */
typedef struct ft_report_state {
    bool is_stale;   /* something was recorded since it was written */
    bool has_failed; /* it could not be written, which was said */
    double next;     /* when it may be written again, in seconds of ft_now_seconds */
} ft_report_state;

typedef struct ft_sweep {
    ft_engine *engine;
    const ft_sweep_request *request;
    bool bf16; /* what it trains in, set when it starts */
    /* the engine's --dtype, restored when the sweep is closed */
    const char *asked_dtype;
    ft_grid grid;
    ft_run_context run_context;
    /* its batches are made anew at each start; those in use are ft_sweep_store_batches */
    ft_plan plan;
    ft_sweep_store *store;
    ft_scheduler_kind scheduling;
    ft_scheduler *scheduler;
    /* (plan.n_trajectories); NULL without a scheduler */
    ft_pruning_state *pruning_states;
    bool *is_own; /* (plan.n_trajectories): belongs to this process's shard */
    /* configurations of the shard that earlier starts recorded */
    size_t resumed;
    ft_report_state report;
} ft_sweep;

/* What the plan needs to know of the devices. */
typedef struct ft_sweep_device {
    bool bf16, is_gpu;
    int32_t n_workers;   /* that take batches */
    int32_t ranks;       /* devices of each worker, which train its batches together */
    size_t memory_bytes; /* of one device */
    /* rows that a device needs to be fast (calibration.h); 0: not known */
    int64_t busy_rows;
} ft_sweep_device;

/* Reads configurations, data and model; opens no device. */
ft_status ft_sweep_open(ft_engine *engine, const ft_sweep_request *request, ft_sweep *sweep, ft_error *err);
/* Fixes what `--dtype auto` means in this sweep, for all its processes. */
void ft_sweep_settle_dtype(ft_sweep *sweep, bool bf16);
/* Measures device->busy_rows if the plan is still to be made and needs it. The engine
 * has its device. */
ft_status ft_sweep_measure(const ft_sweep *sweep, ft_sweep_device *device, ft_error *err);
/* Makes the plan, without touching the disk (for a dry run). */
ft_status ft_sweep_make_plan(ft_sweep *sweep, const ft_sweep_device *device, ft_error *err);
/* Makes the plan and opens the store; resumes if the sweep is on disk. */
ft_status ft_sweep_start(ft_sweep *sweep, const ft_sweep_device *device, ft_error *err);
void ft_sweep_close(ft_sweep *sweep);

/* Removes what dead workers left in the store and of unfinished experiments. No worker
 * may be training. */
ft_status ft_sweep_tidy(ft_sweep *sweep, ft_error *err);
/* Counts what is done so far, by other shards too. */
ft_status ft_sweep_summarize(ft_sweep *sweep, ft_sweep_summary *summary, ft_error *err);

/* Sends an event to the engine, with the size of the sweep and what varies in the event's
 * configuration. */
void ft_sweep_tell(const ft_sweep *sweep, const ft_event *event);

/* Whether all configurations of a trajectory are recorded. */
bool ft_sweep_is_trained(const ft_sweep *sweep, size_t trajectory);
/* Whether this process has nothing to do for a batch: all of it is recorded, it was
 * split, or another shard has it. */
bool ft_sweep_is_over(const ft_sweep *sweep, size_t batch);

/* _begin_record: journals that a configuration is about to be recorded.
 * _finish_record: journals that its record is on disk, and calls the request's
 * callback. */
ft_status ft_sweep_begin_record(ft_sweep *sweep, size_t configuration, const char *experiment_id,
                                ft_error *err);
ft_status ft_sweep_finish_record(ft_sweep *sweep, size_t configuration, const ft_outcome *outcome,
                                 ft_error *err);

/* Asks the scheduler, or the decisions of an earlier start, which of n trajectories
 * are pruned after these epochs, and journals it. trajectories, epochs, pruned: (n). */
ft_status ft_sweep_judge(ft_sweep *sweep, const size_t *trajectories, const ft_epoch *epochs, int32_t n,
                         bool *pruned, ft_error *err);

/* Splits the unrecorded trajectories of a batch in two. *is_split is false if only one
 * is left. */
ft_status ft_sweep_split(ft_sweep *sweep, size_t batch, bool *is_split, ft_error *err);

#endif
