/* How sure the choice of the best experiment is. */
#ifndef FT_TRACKER_CERTAINTY_H
#define FT_TRACKER_CERTAINTY_H

#include "base/text.h"
#include "tracker/confidence_set.h"
#include "tracker/replicates.h"

enum { FT_MOST_COMPARED = 32 };

/* The best experiments that have forecasts of the same windows, the best first.
 * Replicates (replicates.h) are one: the best of them stands for all, and its windows
 * are their mean. */
typedef struct ft_rivals {
    const ft_experiment *experiment[FT_MOST_COMPARED];
    size_t n_replicates[FT_MOST_COMPARED]; /* whose windows are in the mean */
    ft_certainty certainty[FT_MOST_COMPARED];
    size_t count;
    /* with the metric, but worse than these, or without forecasts */
    size_t n_left_out;
    /* among the best, but of other data or lengths */
    size_t n_of_other_windows;
    size_t n_windows, n_series, n_blocks; /* as in confidence_set.h */
    /* why the best has no windows (ft_window_scores.why_none), so that count is 0; else
     * NULL */
    const char *why_none;
} ft_rivals;

/* Compares the FT_MOST_COMPARED best ones by their forecasts.csv (confidence_set.h).
 * count is 0 for one experiment alone, or where the best has no windows of the metric. */
ft_status ft_rivals_find(const ft_experiments *experiments, const ft_replicates *replicates,
                         const ft_experiment *best, ft_metric metric, ft_split split, ft_rivals *rivals,
                         ft_error *err);
/* How many cannot be told from the best, itself not counted. */
size_t ft_rivals_tied(const ft_rivals *rivals);
typedef enum ft_rivals_detail { FT_RIVALS_ERROR, FT_RIVALS_NAMES } ft_rivals_detail;
/* Adds one sentence: the metric's standard error, or why it has none; which others cannot
 * be told from the best (FT_RIVALS_NAMES); how many were left out, and how many forecast
 * other windows. Adds nothing where none of this is known. */
void ft_rivals_describe(const ft_rivals *rivals, ft_metric metric, ft_split split, ft_rivals_detail detail,
                        ft_text *out);

#endif
