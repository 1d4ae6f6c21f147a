/* What is known of a sweep's configurations, batches and pruning decisions, as its
 * plan and its journals tell it: kept in memory, no files. */
#ifndef FT_HOST_SWEEP_INDEX_H
#define FT_HOST_SWEEP_INDEX_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Trajectories that are trained together (plan.h). Those that are not split hold each
 * trajectory once. */
typedef struct ft_sweep_batch {
    size_t *trajectories; /* (count) in the order in which they take slots; the state's */
    size_t count;
    int32_t slots;
    /* The same whoever reads the journals: with R batches in the plan these are 0 ...
     * R - 1, and the halves of batch r + R k are r + R (3 k + 1) and r + R (3 k + 2);
     * what was recorded when it was cut in two is r + R (3 k + 3). */
    size_t number;
    bool is_split; /* its halves took its place */
} ft_sweep_batch;

/* What a scheduler has decided after an epoch of a trajectory. */
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
    bool *begun_here;   /* (count): by this process or an earlier one with its journal */
    size_t count;
    size_t n_trajectories;
    ft_sweep_batch *batches;
    size_t n_planned, n_batches, batch_capacity; /* the first n_planned are the plan's */
    /* (n_decisions) that were read, in order */
    ft_pruning_decision *decisions;
    size_t n_decisions, decision_capacity;
} ft_sweep_index;

/* Forgets all and takes the plan (store.h) of sweep `name`. FT_BAD_INPUT, saying what the
 * plan is or has, where its batches do not hold each trajectory once. */
ft_status ft_sweep_index_open(ft_sweep_index *index, const char *name, const cJSON *plan, ft_error *err);
void ft_sweep_index_free(ft_sweep_index *index);

/* FT_BAD_INPUT unless this sweep may give that id to `configuration`: no other is ever
 * looked at, moved or removed. */
ft_status ft_sweep_index_check_id(const ft_sweep_index *index, size_t configuration,
                                  const char *experiment_id, ft_error *err);
/* The configuration of which an id may be; false: it is none of this sweep. */
bool ft_sweep_index_find_id(const ft_sweep_index *index, const char *experiment_id, size_t *configuration);
ft_status ft_sweep_index_start(ft_sweep_index *index, size_t configuration, const char *experiment_id,
                               ft_error *err);
ft_status ft_sweep_index_finish(ft_sweep_index *index, size_t configuration, const char *experiment_id,
                                bool failed, ft_error *err);
/* A result that is gone from the disk: what was finished counts no more. */
void ft_sweep_index_forget(ft_sweep_index *index, size_t configuration);
/* What was begun is no result: it is to be done again. */
void ft_sweep_index_forget_start(ft_sweep_index *index, size_t configuration);
/* Whoever had to know them knows them. */
void ft_sweep_index_drop_pruning_decisions(ft_sweep_index *index);
/* The index of the batch with that number, or -1. */
int64_t ft_sweep_index_find_batch(const ft_sweep_index *index, size_t number);
/* Halves of `trajectories`, which are two at least of a batch, in its order, take its
 * place, and with them a batch of its others, if any. FT_BAD_INPUT where that cannot
 * be; nothing is changed then. */
ft_status ft_sweep_index_split(ft_sweep_index *index, size_t batch, const size_t *trajectories, size_t count,
                               ft_error *err);

typedef struct ft_journal_line {
    size_t journal, line; /* the journal's number among those that are read; from 1 */
} ft_journal_line;

typedef struct ft_read_split {
    cJSON *entry;
    ft_journal_line where;
} ft_read_split;

/* Reading journals; start from the first two. Splits wait until all are read. */
typedef struct ft_reading {
    bool results_only;
    bool is_own;           /* the journal at hand is this process's */
    ft_read_split *splits; /* (n_splits) */
    size_t n_splits, split_capacity;
    ft_journal_line *damaged; /* (n_damaged) lines that were passed over */
    size_t n_damaged, damaged_capacity;
    size_t n_torn; /* journals whose last line has no end */
} ft_reading;

/* An event of the journal at hand, and where it stands. Events that this version does
 * not know are passed over. FT_BAD_INPUT where it is not of this sweep: then nothing
 * has changed. */
ft_status ft_sweep_index_replay(ft_sweep_index *index, ft_reading *r, const char *event, size_t length,
                                const ft_journal_line *where, ft_error *err);
/* Counts a line that is not to be used. */
ft_status ft_sweep_index_pass_over(ft_reading *r, const ft_journal_line *where, ft_error *err);
/* All are read. */
ft_status ft_sweep_index_end_reading(ft_sweep_index *index, ft_reading *r, ft_error *err);
void ft_sweep_index_free_reading(ft_reading *r);

#endif
