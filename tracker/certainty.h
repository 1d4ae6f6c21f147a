/* How sure the choice of the best experiment is, and whether it is of any use. */
#ifndef FT_TRACKER_CERTAINTY_H
#define FT_TRACKER_CERTAINTY_H

#include "base/text.h"
#include "tracker/confidence_set.h"
#include "tracker/experiments.h"

enum { FT_MOST_COMPARED = 32 };

/* The best experiments that have forecasts of the same windows, the best first. */
typedef struct ft_rivals {
    const ft_experiment *experiment[FT_MOST_COMPARED];
    ft_certainty certainty[FT_MOST_COMPARED];
    size_t count;
    /* with the metric, but worse than these, or without forecasts of the same windows */
    size_t n_left_out;
    size_t n_windows, n_series, n_blocks; /* as in confidence_set.h */
} ft_rivals;

/* Compares the FT_MOST_COMPARED best ones by their forecasts.csv (confidence_set.h).
 * count is 0 for one experiment alone, or for a metric without values of windows. */
ft_status ft_rivals_find(const ft_experiments *experiments, const ft_experiment *best, ft_metric metric,
                         ft_split split, ft_rivals *rivals, ft_error *err);
/* How many cannot be told from the best, itself not counted. */
size_t ft_rivals_tied(const ft_rivals *rivals);
typedef enum ft_rivals_detail { FT_RIVALS_ERROR, FT_RIVALS_NAMES } ft_rivals_detail;
/* Adds one sentence: the metric's standard error, which others cannot be told from the
 * best (FT_RIVALS_NAMES), and how many were left out. Nothing where count is 0. */
void ft_rivals_describe(const ft_rivals *rivals, ft_metric metric, ft_split split, ft_rivals_detail detail,
                        ft_text *out);

typedef enum ft_verdict { FT_VERDICT_NONE, FT_VERDICT_USE, FT_VERDICT_DO_NOT_USE } ft_verdict;
/* The standard error of the best experiment's metric; NaN where it is not known. */
double ft_rivals_standard_error(const ft_rivals *rivals);
/* Adds one sentence: whether the experiment (read whole, with its run) is better than the
 * baselines that its run recorded, and than which of them by less than `standard_error`
 * (NaN: not known). Nothing, and FT_VERDICT_NONE, where it recorded none. */
ft_verdict ft_verdict_describe(const ft_experiment *experiment, ft_metric metric, ft_split split,
                               double standard_error, ft_text *out);

#endif
