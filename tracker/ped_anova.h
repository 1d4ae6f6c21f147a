/* PED-ANOVA: how much each hyperparameter decides whether a trial is among the best.
 *
 * Watanabe, Bansal and Hutter ("PED-ANOVA: Efficiently Quantifying Hyperparameter
 * Importance in Arbitrary Subspaces", IJCAI 2023), as Optuna 5 computes it by default
 * (PedAnovaImportanceEvaluator): the Pearson divergence between the density of a
 * hyperparameter's values among the best tenth of trials and among all. It sees any
 * effect, also one with its best in between, which no correlation does. */
#ifndef FT_TRACKER_PED_ANOVA_H
#define FT_TRACKER_PED_ANOVA_H

#include <stdbool.h>
#include <stddef.h>

/* One hyperparameter in n trials. Its range is that of its values: Optuna's study would
 * know the search space, a directory of experiments does not. */
typedef struct ft_ped_parameter {
    /* (n): NaN where a trial has none; of a choice its number from 0 */
    const double *values;
    size_t n_choices; /* 0: it is a number */
    bool is_whole;    /* the number is whole */
    bool is_log;      /* the number is positive, and looked at by its logarithm */
} ft_ped_parameter;

/* Marks the best tenth of n trials (rounded up, with all that tie) by cost, which is
 * lower for better ones. sorted: (n) scratch. Returns how many are marked. */
size_t ft_ped_mark_best(const double *costs, size_t n, bool *is_best, double *sorted);

/* The importance, before one divides by the sum over all hyperparameters. 0 where the
 * hyperparameter does not vary or all trials are among the best. room: (3 n) scratch, of
 * a choice. */
double ft_ped_importance(const ft_ped_parameter *parameter, const bool *is_best, size_t n, double *room);

#endif
