/* Whether two hyperparameters act together: whether the best value of one depends on
 * the other's. */
#ifndef FT_TRACKER_INTERACTION_H
#define FT_TRACKER_INTERACTION_H

#include <stdbool.h>
#include <stddef.h>

enum { FT_MOST_LEVELS = 5, FT_FEW_LEVELS = 3 };

/* The level of each of n values, numbered in ascending order: one for each value where
 * there are at most FT_MOST_LEVELS, else thirds of the values by rank (equal ones
 * together). values: (n), known; levels, sorted: (n). Returns how many levels there
 * are. */
size_t ft_make_levels(const double *values, size_t n, double *sorted, size_t *levels);

/* The F test of the interaction in a two-way analysis of variance: the additive model
 * of both factors against the means of all combinations that occur, both by least
 * squares, so that these need not be equally many. */
typedef struct ft_interaction {
    double f, p_value;
    double share;             /* of the variance of y that the interaction explains */
    size_t freedom, residual; /* degrees of freedom, of the effect and of the residuals */
} ft_interaction;

/* a, b: (n) levels below n_a and n_b, at most FT_MOST_LEVELS; y: (n). False where
 * nothing can be said: a factor has one level, no combination differs from the
 * additive model, or there are no more observations than combinations. */
bool ft_interaction_of(const size_t *a, size_t n_a, const size_t *b, size_t n_b, const double *y, size_t n,
                       ft_interaction *out);

/* P(F >= f) of Fisher's F distribution with these degrees of freedom. */
double ft_f_p_value(double f, size_t freedom, size_t residual);

#endif
