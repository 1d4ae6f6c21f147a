/* From sample paths to a point forecast and quantiles, as numpy defines them. */
#ifndef FT_TRACKER_QUANTILES_H
#define FT_TRACKER_QUANTILES_H

#include <stddef.h>

/* The quantiles that metrics and forecasts.csv hold: 0.1, 0.2, ... 0.9. */
enum { FT_N_QUANTILES = 9 };
extern const double ft_quantile_levels[FT_N_QUANTILES];

/* Quantile `level` in [0, 1] of `count` ascending values, interpolated linearly
 * (numpy.quantile's default, in double). NaN where count is 0. */
double ft_quantile(const float *sorted, size_t count, double level);
double ft_quantile_double(const double *sorted, size_t count, double level);

/* Sorts ascending in place; NaN go to the end. */
void ft_sort_floats(float *values, size_t count);

/* What `n_samples` paths say about one step: mean (in double) and quantiles at `levels`
 * (n_levels). samples: (n_samples, horizon), row-major; scratch: (n_samples),
 * overwritten. If a sample is not finite, or there is none, all results are NaN. */
void ft_summarize_step(const float *samples, size_t n_samples, size_t horizon, size_t step,
                       const double *levels, size_t n_levels, float *scratch, double *mean,
                       double *quantiles);

#endif
