/* What importance is computed from; shared by importance.c and importance_pairs.c. */
#ifndef FT_TRACKER_IMPORTANCE_SAMPLE_H
#define FT_TRACKER_IMPORTANCE_SAMPLE_H

#include "tracker/compare.h"
#include "tracker/ped_anova.h"

/* The configurations that have the metric: some experiment of theirs succeeded and it is
 * finite. Of replicates (tracker/replicates.h) a value is the mean. */
typedef struct ft_importance_sample {
    ft_metric metric;
    ft_split split;
    ft_table all;         /* ft_compare of all experiments */
    size_t n;             /* configurations */
    size_t n_experiments; /* theirs, replicates counted one by one */
    size_t *row;          /* (n): of `all`, the best of its replicates */
    /* (n): the metric, its ft_metric_cost, and the metric on test (NaN: none) */
    double *metrics, *cost, *test;
    bool *is_best; /* (n): among the best tenth (ft_ped_mark_best) */
    size_t n_best;
    /* (n): is the best, or cannot be told from it by its forecasts (certainty.h); all
     * false where there are no forecasts to compare */
    bool *is_tied;
    bool can_tell; /* there are windows enough for that: else all of them are tied */
    /* (n): of the hyperparameter that ft_importance_take_column took last; `scaled` are
     * their logarithms where they span decades */
    double *values, *scaled;
    double *scratch; /* (3 n) */
} ft_importance_sample;

/* Takes the configurations of all experiments. Fails by FT_NO_MEMORY alone; _free is
 * needed then, too. */
ft_status ft_importance_sample_take(const ft_experiments *experiments, ft_metric metric, ft_split split,
                                    ft_importance_sample *sample, ft_error *err);
void ft_importance_sample_free(ft_importance_sample *sample);

/* The cell of configuration i in a column of `all`. */
const ft_cell *ft_importance_cell(const ft_importance_sample *sample, size_t i, size_t column);

/* Takes a column into `values` and `scaled`: numbers, or numbers of choices where one is
 * a text or a flag; NaN where a configuration has none. varies: there are two values. */
ft_ped_parameter ft_importance_take_column(const ft_importance_sample *sample, size_t column, bool *varies);

/* "configurations" where there are replicates, else "experiments". */
const char *ft_importance_unit(const ft_importance_sample *sample);

/* importance_pairs.c: adds one line on which two hyperparameters act together most.
 * Nothing where fewer than two vary. */
ft_status ft_importance_remark_pairs(const ft_importance_sample *sample, ft_text *remark, ft_error *err);

#endif
