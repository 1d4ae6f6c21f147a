/* How sure the choice of the best experiment is, in words. */
#ifndef FT_TRACKER_CERTAINTY_H
#define FT_TRACKER_CERTAINTY_H

#include "base/text.h"
#include "tracker/experiments.h"

/* Adds a line: the metric's standard error, and which others cannot be told from the best one
 * (confidence_set.h) by their forecasts.csv. Compares the FT_MOST_COMPARED best ones; says how many others it
 * left out, because they are worse or have no forecasts of the same windows. Adds nothing for one experiment
 * alone, or for a metric without values of windows. */
enum { FT_MOST_COMPARED = 32 };
ft_status ft_certainty_describe(const ft_experiments *experiments, const ft_experiment *best,
                                ft_metric metric, ft_split split, ft_text *out, ft_error *err);

/* Adds a line: whether the experiment (read whole, with its run) is better than the baselines that its run
 * recorded. Nothing where it recorded none. */
void ft_verdict_describe(const ft_experiment *experiment, ft_metric metric, ft_split split, ft_text *out);

#endif
