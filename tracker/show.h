/* Experiments in words, for people: the best one, and one in full. */
#ifndef FT_TRACKER_SHOW_H
#define FT_TRACKER_SHOW_H

#include "base/error.h"
#include "base/text.h"
#include "tracker/experiments.h"

/* The best experiment by `metric` of `split` (as ft_experiments_best): its id,
 * metrics, hyperparameters, beside the baselines that its run recorded; its figure on
 * test, or if the split is test, that this is optimistic and when validation would
 * choose another one; how sure the choice is, and whether it beats the baselines.
 * width: columns of the terminal, which the table keeps to; lines are for
 * ft_wrap_lines. Experiments must be loaded with FT_BASELINES or FT_WHOLE. */
ft_status ft_describe_best(const ft_experiments *experiments, ft_metric metric, ft_split split, size_t width,
                           ft_text *out, ft_error *err);

/* The lines of the best experiment and of its verdict alone, as at the end of a sweep.
 * Nothing where no experiment has the metric. Loaded as above. */
ft_status ft_describe_verdict(const ft_experiments *experiments, ft_metric metric, ft_split split,
                              ft_text *out, ft_error *err);

/* Adds the lines "verdict", whether to ship the experiment `best`, and "against", its
 * difference to each baseline, both on test. split: that which chose it. Adds nothing
 * where its run recorded no baselines. Loaded as above. */
ft_status ft_describe_judgement(const ft_experiments *experiments, const ft_experiment *best,
                                ft_metric metric, ft_split split, ft_text *out, ft_error *err);

/* One experiment: error, hyperparameters, metrics of all splits beside the baselines,
 * epochs, insights, notes. width: as above. */
ft_status ft_show_experiment(const ft_experiment *experiment, size_t width, ft_text *out, ft_error *err);

#endif
