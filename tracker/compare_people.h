/* The comparison for people: a row a configuration, no wider than the terminal. */
#ifndef FT_TRACKER_COMPARE_PEOPLE_H
#define FT_TRACKER_COMPARE_PEOPLE_H

#include "base/text.h"
#include "tracker/replicates.h"
#include "tracker/table.h"

typedef struct ft_people_comparison {
    const ft_experiments *experiments; /* with their histories */
    const ft_replicates *replicates;
    ft_metric metric;
    ft_split split; /* by which # ranks */
    /* (experiments->count): indices of experiments in the order of rows; replicates come
     * where the first of them is */
    const size_t *order;
    size_t width; /* columns of the terminal */
} ft_people_comparison;

/* Adds the table: # (rank by the metric's mean over seeds), id (of replicates the best
 * one's; shortened as ft_shorten_ids), the hyperparameters that vary, seeds, the
 * metric on val and test with its standard error or, of replicates, their standard
 * deviation, how much worse than the best (with half the 95 % interval; = where it
 * cannot be told from it), val_loss by epoch, best epoch, time, error. Columns that do
 * not fit are left out, the last of these first, and named below. Above stands what
 * all have in common. */
ft_status ft_compare_for_people(const ft_people_comparison *comparison, ft_text *out, ft_error *err);

/* Sets the metrics of replicates, in a table of ft_compare, to their mean, so that
 * sorting goes by it. */
void ft_compare_take_means(const ft_experiments *experiments, const ft_replicates *replicates,
                           ft_table *table);

#endif
