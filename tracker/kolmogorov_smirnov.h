/* The two-sample test of Kolmogorov and Smirnov: whether two samples come from one
 * distribution. */
#ifndef FT_TRACKER_KOLMOGOROV_SMIRNOV_H
#define FT_TRACKER_KOLMOGOROV_SMIRNOV_H

#include <stdbool.h>
#include <stddef.h>

typedef struct ft_ks_test {
    /* the largest distance between the distribution functions; NaN without values */
    double statistic;
    double p_value; /* two-sided */
    /* counted over all orders of the values, as scipy's ks_2samp does; else the limit */
    bool is_exact;
} ft_ks_test;

/* a: (n), b: (m), both ascending and without NaN. Exact up to 10,000 values each. False
 * when memory runs out. */
bool ft_ks_two_samples(const double *a, size_t n, const double *b, size_t m, ft_ks_test *test);

/* P(K >= x) of Kolmogorov's limit, for x = statistic * sqrt(n m / (n + m)); scipy's
 * kstwobign.sf. */
double ft_ks_limit(double x);

#endif
