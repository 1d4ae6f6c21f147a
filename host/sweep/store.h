/* What a sweep remembers on disk, so that it can resume after any stop.
 * docs/architecture.md §5.
 *
 * <results>/.sweeps/<name>/ holds plan.json (what was asked for, and the hashes of
 * data and model), journal.jsonl (append-only: started, done, judged, split),
 * checkpoints/, discarded/ (what is about to be removed) and a lock that names the
 * process which has it. The lock is the operating system's: it ends with the process.
 *
 * A sweep may be cut into shards, each a process that trains the batches whose number
 * is its own and that has a journal.<i>.jsonl and a lock.<i>. They share the lock,
 * which a sweep without shards has alone, and read all journals: what is recorded
 * counts, whoever did it. The number of shards may be another at each start, as long
 * as none of before is left.
 *
 * Nothing here is trusted: plan and journal lines are sealed (base/sealed.h), a
 * journal's line that is damaged costs what it told, and no directory is touched but
 * the state's and those whose names this sweep gives to its experiments. */
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
enum { FT_SWEEP_SCHEMA = 5 };

typedef struct ft_sweep_store ft_sweep_store;

/* Whether what a results.json holds is the result of `configuration` of the plan. */
typedef bool ft_is_result_of(const void *context, size_t configuration, const cJSON *result);

/* Opens the state of sweep `name` with `plan` (an object with "schema_version" and the
 * arrays "configurations" and "batches", [first trajectory, count, slots] each; the
 * caller's). If there is a state, its plan must be the same (but for the batches,
 * which stay as they were): else FT_BAD_INPUT that says what differs, unless that
 * sweep is complete, or nothing of it was recorded or kept in a checkpoint, and nobody
 * runs it: then its state makes way. FT_BAD_INPUT, naming host and process, when
 * another process holds the lock, or the shard's, or when shards of another number are
 * running; and when the plan is damaged, missing beside its journals, or another
 * version's. FT_FAILED when something of the state, or a result, cannot be looked at.
 * Where journals have lost lines, or are gone, results on disk that `is_result` (may
 * be NULL) recognizes count. */
ft_status ft_sweep_store_open(const char *results, const char *name, ft_shard shard, const cJSON *plan,
                              ft_is_result_of *is_result, const void *context, ft_sweep_store **store,
                              ft_error *err);
void ft_sweep_store_close(ft_sweep_store *store);

/* What is to be told of the journals: a line for each of their lines that was damaged,
 * NULL after the last. */
const char *ft_sweep_store_remark(const ft_sweep_store *store, size_t configuration);
/* FT_FAILED when this process must stop: its journal could not be written, or its lock
 * or journal was removed or replaced. To be asked often. From then on nothing of the
 * state is changed. */
ft_status ft_sweep_store_check(ft_sweep_store *store, ft_error *err);

/* The experiment that holds the result of `configuration`, or NULL where it is still
 * to be done. Where the last process died between writing a result and its line in the
 * journal, the result counts; what it left of an unfinished one is removed. */
const char *ft_sweep_store_done(const ft_sweep_store *store, size_t configuration);
/* Whether what is done is recorded as failed. */
bool ft_sweep_store_failed(const ft_sweep_store *store, size_t configuration);
/* Reads what other shards have recorded since the state was opened, and forgets
 * results that are gone. */
ft_status ft_sweep_store_refresh(ft_sweep_store *store, ft_error *err);

/* The plan's batches as the first start of the sweep made them, and those that splits
 * have added. */
const ft_sweep_batch *ft_sweep_store_batches(const ft_sweep_store *store, size_t *n_batches);
/* The batch of the plan that a batch is, or was cut out of. */
size_t ft_sweep_store_root(const ft_sweep_store *store, size_t batch);
/* Whether a batch is trained by this process: half of one is whose the whole was. */
bool ft_sweep_store_owns(const ft_sweep_store *store, size_t batch);

/* The file of a batch's checkpoint; the state's until the next call. NULL when memory
 * runs out. */
const char *ft_sweep_store_checkpoint(ft_sweep_store *store, size_t batch);
/* A batch is over, or begins anew: its checkpoint is removed. */
void ft_sweep_store_drop_checkpoint(ft_sweep_store *store, size_t batch);
/* Two batches with a half each of `trajectories`, (count) > 1 of the batch's in its
 * order, take its place, and one of those that are recorded; all begin anew. */
ft_status ft_sweep_store_split(ft_sweep_store *store, size_t batch, const size_t *trajectories, size_t count,
                               ft_error *err);

/* Journals that a configuration is about to be recorded as `experiment_id`, and that
 * its result is on disk. FT_BAD_INPUT where the id is not one of that configuration. */
ft_status ft_sweep_store_start(ft_sweep_store *store, size_t configuration, const char *experiment_id,
                               ft_error *err);
ft_status ft_sweep_store_finish(ft_sweep_store *store, size_t configuration, const char *experiment_id,
                                bool failed, ft_error *err);
/* From now on what is journalled is on disk only after ft_sweep_store_sync: one wait
 * for the disk for many events. */
void ft_sweep_store_gather(ft_sweep_store *store);
ft_status ft_sweep_store_sync(ft_sweep_store *store, ft_error *err);
/* What is on disk of a configuration whose worker died against what is journalled: a
 * result that is gone is to be done again, one whose "done" is missing counts, the
 * rest of an unfinished experiment is removed. */
ft_status ft_sweep_store_settle(ft_sweep_store *store, size_t configuration, ft_error *err);
/* While no worker of this process is at work: settles what was begun here, and removes
 * what deaths have left of this process's checkpoints, those of batches that are over,
 * and what it has discarded in vain. */
ft_status ft_sweep_store_tidy(ft_sweep_store *store, bool (*is_over)(void *context, size_t batch),
                              void *context, ft_error *err);

/* What a scheduler had decided when the state was opened, in order, until it is
 * dropped; and journals n more. */
const ft_pruning_decision *ft_sweep_store_pruning_decisions(const ft_sweep_store *store, size_t *n_decisions);
void ft_sweep_store_drop_pruning_decisions(ft_sweep_store *store);
ft_status ft_sweep_store_judge(ft_sweep_store *store, const ft_pruning_decision *decisions, size_t n,
                               ft_error *err);

#endif
