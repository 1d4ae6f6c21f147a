/* Sample statistics as pandas defines them: NaN are missing and left out, undefined results are NaN. */
#ifndef FT_TRACKER_STATISTICS_H
#define FT_TRACKER_STATISTICS_H

#include <stddef.h>

typedef struct ft_moments {
    size_t count; /* values that are not NaN */
    double mean, std /* over count - 1 */, skewness, kurtosis /* excess; both bias-corrected */, min, max;
} ft_moments;

ft_moments ft_moments_of(const double *values, size_t count);

/* Pearson's correlation over the pairs where both are known and finite; NaN with fewer than two pairs or where one is
 * constant. */
double ft_correlation(const double *x, const double *y, size_t count);

/* y_t / y_(t-1) - 1 for count values; the first, and whatever is not finite, is NaN. */
void ft_returns(const double *values, size_t count, double *returns);

/* Standard deviation of each window of `window` values that ends at t; NaN where one of them is missing. */
void ft_rolling_std(const double *values, size_t count, size_t window, double *result);

#endif
