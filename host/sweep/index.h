/* A sweep's configurations, batches and pruning decisions, as plan and journals record
 * them. In memory; reads no files. */
#ifndef FT_HOST_SWEEP_INDEX_H
#define FT_HOST_SWEEP_INDEX_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Trajectories that are trained together (plan.h). Each trajectory is in exactly one
 * batch that is not split. */
typedef struct ft_sweep_batch {
    /* (count), in the order in which they take slots; owned by the index */
    size_t *trajectories;
    size_t count;
    int32_t slots;
    /* Does not depend on the order in which journals are read: with R batches in the
     * plan they are 0 ... R - 1. The halves of batch r + R k (0 <= r < R) are r + R (3
     * k + 1) and r + R (3 k + 2); the trajectories that were recorded before the split
     * become r + R (3 k + 3). */
    size_t number;
    bool is_split; /* replaced by its parts */
} ft_sweep_batch;

/* A scheduler's decision after one epoch of a trajectory. */
typedef struct ft_pruning_decision {
    size_t trajectory;
    int32_t epoch;
    double val_loss;
    bool pruned;
} ft_pruning_decision;

/* Start from {0}; freed by ft_sweep_index_free. */
typedef struct ft_sweep_index {
    char *name;         /* of the sweep */
    char **experiments; /* (count): id of the finished experiment, or NULL */
    char **started;     /* (count): id of one that was begun, or NULL */
    bool *failed;       /* (count): the finished experiment was recorded as failed */
    /* (count): begun by a process that wrote this process's journal */
    bool *begun_here;
    size_t count;
    size_t n_trajectories;
    ft_sweep_batch *batches; /* (n_batches), the plan's n_planned first */
    size_t n_planned, n_batches, batch_capacity;
    /* (n_decisions) as they were read, in order */
    ft_pruning_decision *decisions;
    size_t n_decisions, decision_capacity;
} ft_sweep_index;

/* Empties the index and loads the plan of sweep `name` (its format: store.h).
 * FT_BAD_INPUT, with the reason, unless its batches hold each trajectory once. */
ft_status ft_sweep_index_open(ft_sweep_index *index, const char *name, const cJSON *plan, ft_error *err);
void ft_sweep_index_free(ft_sweep_index *index);

/* FT_BAD_INPUT unless `experiment_id` is one that this sweep could have given to
 * `configuration`. Guards every look at, move or removal of an experiment's directory. */
ft_status ft_sweep_index_check_id(const ft_sweep_index *index, size_t configuration,
                                  const char *experiment_id, ft_error *err);
/* Sets the configuration whose experiment may have this id. False: no configuration of
 * this sweep can have it. */
bool ft_sweep_index_find_id(const ft_sweep_index *index, const char *experiment_id, size_t *configuration);
ft_status ft_sweep_index_start(ft_sweep_index *index, size_t configuration, const char *experiment_id,
                               ft_error *err);
ft_status ft_sweep_index_finish(ft_sweep_index *index, size_t configuration, const char *experiment_id,
                                bool failed, ft_error *err);
/* The result was deleted from the disk: the configuration is not finished any more. */
void ft_sweep_index_forget(ft_sweep_index *index, size_t configuration);
/* The experiment was begun but has no result: the configuration is to be trained
 * again. */
void ft_sweep_index_forget_start(ft_sweep_index *index, size_t configuration);
/* Frees the decisions, once the sweep has replayed them. */
void ft_sweep_index_drop_pruning_decisions(ft_sweep_index *index);
/* The index of the batch with that number, or -1. */
int64_t ft_sweep_index_find_batch(const ft_sweep_index *index, size_t number);
/* Splits a batch: two halves of trajectories: (count >= 2), a subset of the batch in
 * its order, replace it; its other trajectories, if any, become a third batch.
 * FT_BAD_INPUT, with nothing changed, if that is impossible. */
ft_status ft_sweep_index_split(ft_sweep_index *index, size_t batch, const size_t *trajectories, size_t count,
                               ft_error *err);

typedef struct ft_journal_line {
    /* journal: its place among the journals that are read; line: from 1 */
    size_t journal, line;
} ft_journal_line;

typedef struct ft_read_split {
    cJSON *entry;
    ft_journal_line where;
} ft_read_split;

/* State of reading all journals. Set the first two members. Splits are applied at the
 * end, when all journals are read. */
typedef struct ft_reading {
    bool results_only;
    bool is_own;           /* the current journal is this process's */
    ft_read_split *splits; /* (n_splits) */
    size_t n_splits, split_capacity;
    ft_journal_line *damaged; /* (n_damaged) lines that were skipped */
    size_t n_damaged, damaged_capacity;
    size_t n_torn; /* journals whose last line has no newline */
} ft_reading;

/* Applies one event of the current journal; `where` is its line. Skips events that
 * this version does not know. FT_BAD_INPUT, with nothing changed, if the event is not
 * of this sweep. */
ft_status ft_sweep_index_replay(ft_sweep_index *index, ft_reading *r, const char *event, size_t length,
                                const ft_journal_line *where, ft_error *err);
/* Counts a line that was skipped. */
ft_status ft_sweep_index_pass_over(ft_reading *r, const ft_journal_line *where, ft_error *err);
/* Ends reading: applies the splits. */
ft_status ft_sweep_index_end_reading(ft_sweep_index *index, ft_reading *r, ft_error *err);
void ft_sweep_index_free_reading(ft_reading *r);

#endif
