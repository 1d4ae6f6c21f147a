/* The two-sample test of Kolmogorov and Smirnov; see kolmogorov_smirnov.h. */
#include "tracker/kolmogorov_smirnov.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

enum { MOST_EXACT = 10000 };

/* The largest |i m - j n| over all values, i of `a` and j of `b` not above it: the
 * statistic times n m. */
static int64_t largest_distance(const double *a, size_t n, const double *b, size_t m)
{
    int64_t most = 0;
    for (size_t i = 0, j = 0; i < n && j < m;) {
        const double value = a[i] < b[j] ? a[i] : b[j];
        while (i < n && a[i] == value) i++;
        while (j < m && b[j] == value) j++;
        int64_t distance = llabs((int64_t)i * (int64_t)m - (int64_t)j * (int64_t)n);
        if (distance > most) most = distance;
    }
    return most;
}

/* The share of orders of n + m values, all as likely, whose distance reaches `least`
 * somewhere (Hodges 1958). left: (m + 1), the share of orders of the first i and j
 * values. Sums of positive numbers alone: small p are as exact as large ones. */
static double share_that_reaches(int64_t n, int64_t m, int64_t least, double *left)
{
    /* All that are not nearer than `least` have a share of 1, which they keep. */
    for (int64_t j = 0; j <= m; j++) left[j] = 1;
    for (int64_t i = 0, first = 0; i <= n; i++) {
        for (; first <= m && i * m - first * n >= least; first++) left[first] = 1;
        for (int64_t j = first; j <= m && j * n - i * m < least; j++) {
            if (i == 0)
                left[j] = 0;
            else if (j > 0)
                left[j] = ((double)i * left[j] + (double)j * left[j - 1]) / (double)(i + j);
        }
    }
    return left[m];
}

double ft_ks_limit(double x)
{
    const double pi = acos(-1.0);
    if (isnan(x)) return NAN;
    double sum = 0;
    if (x < 1) { /* the other series converges slowly here */
        for (int k = 1; k <= 19 && x > 0; k += 2) sum += exp(-k * k * pi * pi / (8 * x * x));
        return x > 0 ? 1 - sqrt(2 * pi) / x * sum : 1;
    }
    for (int k = 20; k > 0; k--) sum += (k % 2 ? 2 : -2) * exp(-2 * k * k * x * x);
    return sum;
}

bool ft_ks_two_samples(const double *a, size_t n, const double *b, size_t m, ft_ks_test *test)
{
    *test = (ft_ks_test){NAN, NAN, false};
    if (n == 0 || m == 0) return true;
    const int64_t distance = largest_distance(a, n, b, m);
    const double size = (double)n * (double)m;
    test->statistic = (double)distance / size;
    test->is_exact = n <= MOST_EXACT && m <= MOST_EXACT;
    if (!test->is_exact) {
        test->p_value = ft_ks_limit(test->statistic * sqrt(size / (double)(n + m)));
        return true;
    }
    double *room = malloc((m + 1) * sizeof *room);
    if (room) test->p_value = share_that_reaches((int64_t)n, (int64_t)m, distance, room);
    free(room);
    return room != NULL;
}
