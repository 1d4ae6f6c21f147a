/* The state of a sweep on disk, from which it can resume after any stop.
 * docs/architecture.md §5.
 *
 * <results>/.sweeps/<name>/ holds plan.json (what was asked for, and the hashes of
 * data and model), journal.jsonl (append-only: started, done, judged, split),
 * checkpoints/, discarded/ (what is about to be removed) and a lock file that names
 * the process which has it. The lock is the operating system's: it ends with the
 * process.
 *
 * A sweep may be cut into shards. Each is a process with a number, its own batches,
 * its own journal.<i>.jsonl and lock.<i>. Shards share the lock, which a sweep without
 * shards has alone, and read all journals: a recorded configuration counts, whoever
 * recorded it. The number of shards may differ between starts, as long as no shard of
 * the earlier start still runs.
 *
 * Nothing on disk is trusted: plan and journal lines are sealed (base/sealed.h), and a
 * damaged journal line loses only what it said. No directory is changed but the
 * state's and those of this sweep's own experiments. */
#ifndef FT_HOST_SWEEP_STORE_H
#define FT_HOST_SWEEP_STORE_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "host/sweep/index.h"
#include "host/sweep/lock.h"

/* "schema_version" of the plans that this version reads and writes. */
enum { FT_SWEEP_SCHEMA = 6 };

typedef struct ft_sweep_store ft_sweep_store;

/* Whether `result`, the content of a results.json, is the result of `configuration` of
 * the plan. */
typedef bool ft_is_result_of(const void *context, size_t configuration, const cJSON *result);

/* Opens the state of sweep `name`. `plan` stays the caller's: an object with
 * "schema_version" and the arrays "configurations" and "batches", [first trajectory,
 * count, slots] each. If there is a state on disk, its plan must be equal except for
 * the batches, which stay as they were. Otherwise FT_BAD_INPUT says what differs,
 * unless the old state may be replaced: its sweep is complete, or nothing of it was
 * recorded or kept in a checkpoint, and no process runs it.
 *
 * FT_BAD_INPUT also when another process holds the lock or the shard's lock (the
 * message names host and process), when shards of another count run, and when the plan
 * is damaged, of another version, or missing beside its journals. FT_FAILED when the
 * state or a result cannot be read. If journals have lost lines or are gone, results
 * on disk that `is_result` (may be NULL) accepts count. */
ft_status ft_sweep_store_open(const char *results, const char *name, ft_shard shard, const cJSON *plan,
                              ft_is_result_of *is_result, const void *context, ft_sweep_store **store,
                              ft_error *err);
void ft_sweep_store_close(ft_sweep_store *store);

/* A remark on the journals for the user, one for each damaged line; NULL after the
 * last. The number counts remarks from 0. */
const char *ft_sweep_store_remark(const ft_sweep_store *store, size_t configuration);
/* FT_FAILED if this process must stop: its journal could not be written, or its lock
 * or journal was removed or replaced. Nothing of the state is changed from then on.
 * Call it often. */
ft_status ft_sweep_store_check(ft_sweep_store *store, ft_error *err);

/* The id of the experiment that holds the result of `configuration`; NULL if it is not
 * done. If the last process died between a result and its journal line, the result
 * counts. Unfinished experiments were removed when the state was opened. */
const char *ft_sweep_store_done(const ft_sweep_store *store, size_t configuration);
/* Whether `configuration` is done and recorded as failed. */
bool ft_sweep_store_failed(const ft_sweep_store *store, size_t configuration);
/* Reads what other shards have recorded since the state was opened, and forgets
 * results that were deleted. */
ft_status ft_sweep_store_refresh(ft_sweep_store *store, ft_error *err);

/* (*n_batches) the plan's batches as the first start made them, then those that splits
 * added. */
const ft_sweep_batch *ft_sweep_store_batches(const ft_sweep_store *store, size_t *n_batches);
/* The index of the plan's batch that this one is, or was split from. */
size_t ft_sweep_store_root(const ft_sweep_store *store, size_t batch);
/* Whether this process's shard trains a batch. Parts belong to the shard of the whole. */
bool ft_sweep_store_owns(const ft_sweep_store *store, size_t batch);

/* The path of a batch's checkpoint, valid until the next call. NULL when memory runs
 * out. */
const char *ft_sweep_store_checkpoint(ft_sweep_store *store, size_t batch);
/* Removes a batch's checkpoint, because it is finished or starts over. */
void ft_sweep_store_drop_checkpoint(ft_sweep_store *store, size_t batch);
/* Replaces a batch by two halves of trajectories: (count > 1), its unrecorded ones in
 * its order, and a third batch of those that are recorded. All start over. */
ft_status ft_sweep_store_split(ft_sweep_store *store, size_t batch, const size_t *trajectories, size_t count,
                               ft_error *err);

/* _start: journals that a configuration is about to be recorded as `experiment_id`;
 * _finish: that its result is on disk. FT_BAD_INPUT if the id cannot be one of that
 * configuration. */
ft_status ft_sweep_store_start(ft_sweep_store *store, size_t configuration, const char *experiment_id,
                               ft_error *err);
ft_status ft_sweep_store_finish(ft_sweep_store *store, size_t configuration, const char *experiment_id,
                                bool failed, ft_error *err);
/* From now on events reach the disk only at ft_sweep_store_sync: one sync for many
 * events. */
void ft_sweep_store_gather(ft_sweep_store *store);
ft_status ft_sweep_store_sync(ft_sweep_store *store, ft_error *err);
/* After a worker's death, brings a configuration's journal in line with the disk: a
 * result that is gone is forgotten, one whose "done" is missing counts, an unfinished
 * experiment is removed. */
ft_status ft_sweep_store_settle(ft_sweep_store *store, size_t configuration, ft_error *err);
/* While no worker of this process trains: settles what was begun here, and removes
 * leftovers of dead workers: checkpoints of finished batches, temporary files, and
 * discarded experiments that could not be removed before. */
ft_status ft_sweep_store_tidy(ft_sweep_store *store, bool (*is_over)(void *context, size_t batch),
                              void *context, ft_error *err);

/* _pruning_decisions: the decisions journalled by earlier starts, in order, until they
 * are dropped. The next function journals n more. */
const ft_pruning_decision *ft_sweep_store_pruning_decisions(const ft_sweep_store *store, size_t *n_decisions);
void ft_sweep_store_drop_pruning_decisions(ft_sweep_store *store);
ft_status ft_sweep_store_judge(ft_sweep_store *store, const ft_pruning_decision *decisions, size_t n,
                               ft_error *err);

#endif
