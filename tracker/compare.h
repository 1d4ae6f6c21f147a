/* Experiments side by side, and one of them for people. */
#ifndef FT_TRACKER_COMPARE_H
#define FT_TRACKER_COMPARE_H

#include "base/error.h"
#include "base/text.h"
#include "tracker/experiments.h"
#include "tracker/table.h"

/* A row an experiment: experiment_id, timestamp, hp_<key> for each hyperparameter that any of them has (in
 * the order in which they first appear), test_<metric> for each metric, and, if one of them failed, error.
 * `table` starts empty. */
ft_status ft_compare(const ft_experiment *const *experiments, size_t count, ft_table *table, ft_error *err);

/* For people: takes the hp_ columns whose value is the same in every row out of the table and adds a line
 * that names them ("the same in all: epochs 5, ...") to `caption`. Does nothing with fewer than two rows. */
void ft_compare_fold_constants(ft_table *table, ft_text *caption);

/* The best experiment by `metric` of `split` in words: its id, the metrics of val and test, the
 * hyperparameters, beside the baselines that its run recorded; and, if the split is not val, when validation
 * would have chosen another one. */
ft_status ft_describe_best(const ft_experiments *experiments, ft_metric metric, ft_split split, ft_text *out,
                           ft_error *err);

/* One experiment for people: hyperparameters, metrics of all splits beside the baselines, epochs, insights,
 * notes, error. */
ft_status ft_show_experiment(const ft_experiment *experiment, ft_text *out, ft_error *err);

#endif
