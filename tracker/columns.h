/* Tables of experiments with chosen columns, for --columns. */
#ifndef FT_TRACKER_COLUMNS_H
#define FT_TRACKER_COLUMNS_H

#include "tracker/compare.h"

/* A training history in short; NaN where it has no such value. */
typedef struct ft_history {
    size_t epochs_run;
    double best_epoch;    /* the one with the lowest val_loss, from 1 */
    double best_val_loss; /* its val_loss */
    double mean_val_loss; /* over epochs that have one */
    double seconds;       /* of all epochs */
} ft_history;
ft_history ft_history_of(const ft_experiment *experiment);

/* Fills a table with a row an experiment: experiment_id, and the columns in `list`, names
 * and globs separated by commas ("hp_*,val_mae,seconds"). Columns are those of ft_compare
 * and train_<metric>, val_<metric>, best_epoch, epochs_run, best_val_loss, mean_val_loss,
 * seconds, pruned (a flag), error. Experiments must have been loaded as FT_WHOLE.
 * FT_BAD_INPUT, with the nearest name, for a name or glob that no column has. */
ft_status ft_compare_columns(const ft_experiments *experiments, const char *list, ft_table *table,
                             ft_error *err);

/* FT_BAD_INPUT, as ft_compare_columns, where a name of the list is no column of `all`, a
 * table of all columns (list "*"). */
ft_status ft_columns_check(const ft_table *all, const char *list, ft_error *err);

/* Removes from a table of groups (ft_compare_group), from column `first` on, the means
 * and deviations of columns that `list` does not name (as in ft_compare_columns). Fails
 * by FT_NO_MEMORY alone. */
ft_status ft_groups_keep_columns(ft_table *groups, size_t first, const char *list, ft_error *err);

#endif
