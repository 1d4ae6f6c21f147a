/* Experiments side by side, and one of them for people. */
#ifndef FT_TRACKER_COMPARE_H
#define FT_TRACKER_COMPARE_H

#include "base/error.h"
#include "base/text.h"
#include "tracker/experiments.h"
#include "tracker/table.h"

/* A row an experiment: experiment_id, timestamp, hp_<key> for each hyperparameter that
 * any of them has (in the order in which they first appear), test_<metric> for each
 * metric, and, if one of them failed, error. `table` starts empty. Choose which by
 * ft_experiments_select before. */
ft_status ft_compare(const ft_experiments *experiments, ft_table *table, ft_error *err);

/* Adds a column val_<metric> to a table of ft_compare of the same experiments, and
 * returns its number. */
size_t ft_compare_add_val(const ft_experiments *experiments, ft_metric metric, ft_table *table);

/* Whether a column has the same value in every row. */
bool ft_compare_is_constant(const ft_table *table, size_t column);

/* For people: takes the hp_ columns whose value is the same in every row out of the table
 * and adds a line that names them ("the same in all: epochs 5, ...") to `caption`. Does
 * nothing with fewer than two rows. */
void ft_compare_fold_constants(ft_table *table, ft_text *caption);

/* A row for each combination of values of the `keys` columns (a hyperparameter's name may
 * stand without "hp_"), in order of the values: the keys, count, and <column>_mean and
 * <column>_std (over count - 1; null for one) of each val_ column, then of each test_
 * column, then of other numbers that are no hyperparameters, nulls left out. FT_BAD_INPUT
 * with the nearest name for an unknown key. `groups` starts empty. */
ft_status ft_compare_group(const ft_table *table, const char *const *keys, size_t n_keys, ft_table *groups,
                           ft_error *err);

#endif
