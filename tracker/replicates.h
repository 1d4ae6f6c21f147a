/* Replicates: experiments on the same data and model whose hyperparameters differ in
 * `seed` alone. They measure one configuration more than once, so that rankings compare
 * their means, and a lucky seed is not taken for a better configuration. */
#ifndef FT_TRACKER_REPLICATES_H
#define FT_TRACKER_REPLICATES_H

#include "base/text.h"
#include "tracker/experiments.h"

/* Groups in the order of their first experiments. An experiment without a seed is a
 * group of its own. Where a seed comes again (a repetition), the experiments with it
 * begin a second group: the seeds of a group differ. */
typedef struct ft_replicates {
    size_t *group;   /* (n): of each experiment */
    size_t *members; /* (n): experiments, group by group */
    /* (n_groups + 1): group g has members[first[g]] ... members[first[g + 1] - 1] */
    size_t *first;
    size_t n_groups;
    size_t most; /* experiments in the largest group */
} ft_replicates;

ft_status ft_replicates_find(const ft_experiments *experiments, ft_replicates *replicates, ft_error *err);
/* Makes each of n experiments a group of its own. */
void ft_replicates_split(ft_replicates *replicates, size_t n);
void ft_replicates_free(ft_replicates *replicates);

/* What a group says about a metric: over its experiments that did not fail and have
 * it. */
typedef struct ft_spread {
    size_t n;
    double mean, std; /* std over n - 1; NaN for fewer than 2. All NaN where n is 0 */
    double cost;      /* mean of ft_metric_cost */
    size_t best;      /* the experiment with the lowest cost */
} ft_spread;
ft_spread ft_replicates_spread(const ft_experiments *experiments, const ft_replicates *replicates,
                               size_t group, ft_metric metric, ft_split split);

/* The experiment that ft_experiments_best gives; NULL where none has the metric. */
const ft_experiment *ft_replicates_best(const ft_experiments *experiments, const ft_replicates *replicates,
                                        ft_metric metric, ft_split split);

/* As ft_experiments_best, where the replicates are found already. */
ft_status ft_replicates_choose(const ft_experiments *experiments, const ft_replicates *replicates,
                               ft_metric metric, ft_split split, const ft_experiment **best, ft_error *err);

/* Adds the mean, "2.25", or of several experiments mean and std, "2.25 ± 0.01". */
void ft_spread_describe(const ft_spread *spread, ft_text *out);
/* Adds by what the best one, one of the experiments, was chosen: "2 seeds: val mae 2.25
 * +- 0.01, test mae 3 +- 0.1; means of seeds were compared, of 4 configurations".
 * Nothing where it has no replicates. */
void ft_replicates_describe(const ft_experiments *experiments, const ft_replicates *replicates,
                            const ft_experiment *best, ft_metric metric, ft_split split, ft_text *out);

#endif
