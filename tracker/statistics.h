/* Sample statistics as pandas defines them: NaN are missing and left out, undefined
 * results are NaN. */
#ifndef FT_TRACKER_STATISTICS_H
#define FT_TRACKER_STATISTICS_H

#include <stddef.h>

typedef struct ft_moments {
    size_t count;     /* values that are not NaN */
    double mean, std; /* std over count - 1 */
    /* bias-corrected; kurtosis is that in excess of 3, a normal distribution's */
    double skewness, kurtosis;
    double min, max;
} ft_moments;

ft_moments ft_moments_of(const double *values, size_t count);

/* Pearson's correlation over the pairs where both are known and finite; NaN with fewer
 * than two pairs or where one is constant. */
double ft_correlation(const double *x, const double *y, size_t count);

/* Spearman's correlation: Pearson's of the ranks, the mean rank for ties, over the same
 * pairs. room: (3 count) scratch. */
double ft_rank_correlation(const double *x, const double *y, size_t count, double *room);

/* y = a + b x + c x^2 by least squares over pairs that are known and finite. All NaN with
 * fewer than 4 pairs or 3 values of x. */
typedef struct ft_parabola {
    double vertex;  /* the x where it turns */
    double p_value; /* of the t-test of c = 0, two-sided */
    double bend;    /* the sign of c: > 0 has a lowest point */
} ft_parabola;
ft_parabola ft_fit_parabola(const double *x, const double *y, size_t count);

/* P(|T| >= |t|) of Student's t with that many degrees of freedom, at least 1. */
double ft_student_p_value(double t, size_t freedom);

/* y_t / y_(t-1) - 1 for count values; the first, and whatever is not finite, is NaN. */
void ft_returns(const double *values, size_t count, double *returns);

/* Standard deviation of each window of `window` values that ends at t; NaN where one of
 * them is missing. */
void ft_rolling_std(const double *values, size_t count, size_t window, double *result);

#endif
