/* The columns of a comparison beyond those of ft_compare, chosen by name. */
#ifndef FT_TRACKER_COLUMNS_H
#define FT_TRACKER_COLUMNS_H

#include "tracker/compare.h"

/* A training history in short; NaN where it has no such value. */
typedef struct ft_history {
    size_t epochs_run;
    double best_epoch;    /* of the lowest val_loss */
    double best_val_loss; /* that */
    double mean_val_loss;
    double seconds; /* of all epochs */
} ft_history;
ft_history ft_history_of(const ft_experiment *experiment);

/* As ft_compare, with the columns of `list` alone behind experiment_id: names and
 * globs, separated by commas ("hp_*,val_mae,seconds"), of those of ft_compare and
 * train_<metric>, val_<metric>, best_epoch, epochs_run, best_val_loss, mean_val_loss,
 * seconds, pruned (a flag), error. Experiments must have been loaded whole.
 * FT_BAD_INPUT with the nearest name for one that no column has. */
ft_status ft_compare_columns(const ft_experiments *experiments, const char *list, ft_table *table,
                             ft_error *err);

#endif
