/* What is known of a sweep's configurations, batches and judgements, as its plan and its journals tell it:
 * kept in memory, no files. */
#ifndef FT_HOST_SWEEP_BOOKS_H
#define FT_HOST_SWEEP_BOOKS_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Trajectories that are trained together (plan.h). */
typedef struct ft_sweep_batch {
    size_t *trajectories; /* (count) in the order in which they take slots; the state's */
    size_t count;
    int32_t slots;
    /* The same whoever reads the journals: with R batches in the plan these are 0 ... R - 1, and the halves
     * of batch r + R k are r + R (2 k + 1) and r + R (2 k + 2). */
    size_t number;
    bool is_split; /* its halves took its place */
} ft_sweep_batch;

/* What a scheduler has decided after an epoch of a trajectory. */
typedef struct ft_judgement {
    size_t trajectory;
    int32_t epoch;
    double val_loss;
    bool pruned;
} ft_judgement;

/* Start from {0}; freed by ft_books_free. */
typedef struct ft_sweep_books {
    char **experiments; /* (count): id of the finished experiment, or NULL */
    char **started;     /* (count): id of one that was begun, or NULL */
    bool *failed;       /* (count): the finished experiment was recorded as failed */
    bool *begun_here;   /* (count): by this process or an earlier one with its journal */
    size_t count;
    ft_sweep_batch *batches;
    size_t n_planned, n_batches, batch_capacity; /* the first n_planned are the plan's */
    ft_judgement *judgements;                    /* (n_judgements) that were read, in order */
    size_t n_judgements, judgement_capacity;
} ft_sweep_books;

/* Forgets all and takes a plan (sweep_state.h), which `where` names in messages. */
ft_status ft_books_open(ft_sweep_books *books, const cJSON *plan, const char *where, ft_error *err);
void ft_books_free(ft_sweep_books *books);

ft_status ft_books_start(ft_sweep_books *books, size_t index, const char *experiment_id, ft_error *err);
ft_status ft_books_finish(ft_sweep_books *books, size_t index, const char *experiment_id, bool failed,
                          ft_error *err);
/* A result that is gone from the disk: what was finished counts no more. */
void ft_books_forget(ft_sweep_books *books, size_t index);
/* Whoever had to know them knows them. */
void ft_books_drop_judgements(ft_sweep_books *books);
/* Halves of `trajectories` take the place of a batch. */
ft_status ft_books_split(ft_sweep_books *books, size_t batch, const size_t *trajectories, size_t count,
                         ft_error *err);

/* Reading journals; start from the first two. Splits wait until all are read. */
typedef struct ft_reading {
    bool results_only;
    bool is_own;    /* the journal at hand is this process's */
    cJSON **splits; /* (n_splits) */
    size_t n_splits, split_capacity;
} ft_reading;

/* One line of a journal, which `where` names in messages. Events that this version does not know are passed
 * over. */
ft_status ft_books_replay(ft_sweep_books *books, ft_reading *r, const char *line, size_t length,
                          const char *where, ft_error *err);
/* All are read, or reading failed with `status`, which is returned then. */
ft_status ft_books_end_reading(ft_sweep_books *books, ft_reading *r, ft_status status, const char *where,
                               ft_error *err);

#endif
