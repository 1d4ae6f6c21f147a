/* How sure a ranking is: standard errors, and which experiments cannot be told from the
 * best.
 *
 * A paired bootstrap draws the windows with replacement, the same draw for all
 * experiments: blocks of neighbouring windows, whose errors are alike; with several
 * series it draws series first.
 *
 * The experiments that cannot be told from the best are the model confidence set of
 * Hansen, Lunde and Nason ("The model confidence set", Econometrica 2011; statistic
 * T_max): a test at 5 % asks whether all are equally good, and as long as it says no, the
 * worst is removed. The set holds for all experiments at once, although the best is
 * chosen after the fact: if all are alike, one is excluded in at most 5 % of cases. */
#ifndef FT_TRACKER_CONFIDENCE_SET_H
#define FT_TRACKER_CONFIDENCE_SET_H

#include "tracker/window_scores.h"

/* With fewer blocks of windows nothing is said: the spread of so few says little of
 * theirs. */
enum { FT_LEAST_BLOCKS = 6 };

typedef struct ft_certainty {
    double standard_error; /* of the metric; NaN where there are too few windows */
    bool is_tied;          /* cannot be told from the best; the best itself is */
    double behind;         /* how much worse than the first, in the metric's cost */
    /* half the 95 % interval of that, this comparison alone; NaN as above */
    double behind_margin;
} ft_certainty;

/* certainty: (count) of experiments with the same windows. *n_blocks: of windows, or
 * series, that vary independently; with fewer than FT_LEAST_BLOCKS all are tied. seed: of
 * the draws. */
ft_status ft_confidence_set(const ft_window_scores *scores, size_t count, ft_metric metric, uint32_t seed,
                            ft_certainty *certainty, size_t *n_blocks, ft_error *err);

#endif
