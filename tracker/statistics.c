/* Sample statistics. Two passes with extended sums: data are a few thousand rows, so exactness is worth more
 * than speed. */
#include "tracker/statistics.h"

#include <float.h>
#include <math.h>

ft_moments ft_moments_of(const double *values, size_t count)
{
    ft_moments result = {0, NAN, NAN, NAN, NAN, NAN, NAN};
    long double sum = 0;
    for (size_t i = 0; i < count; i++) {
        if (isnan(values[i])) continue;
        sum += values[i];
        if (result.count == 0 || values[i] < result.min) result.min = values[i];
        if (result.count == 0 || values[i] > result.max) result.max = values[i];
        result.count++;
    }
    if (result.count == 0) return result;
    long double n = (long double)result.count, mean = sum / n;
    long double m2 = 0, m3 = 0, m4 = 0;
    for (size_t i = 0; i < count; i++) {
        if (isnan(values[i])) continue;
        long double d = values[i] - mean;
        m2 += d * d;
        m3 += d * d * d;
        m4 += d * d * d * d;
    }
    result.mean = (double)mean;
    if (result.count >= 2) result.std = result.min == result.max ? 0 : (double)sqrtl(m2 / (n - 1));
    /* pandas calls both 0 for a constant. Its test is |m2| < 1e-14 whatever the scale; ours is whether the
     * spread is more than the values' own rounding, so that small returns keep their shape. */
    long double rounding =
        DBL_EPSILON * (fabs(result.min) > fabs(result.max) ? fabs(result.min) : fabs(result.max));
    int constant = result.min == result.max || m2 <= n * rounding * rounding;
    if (result.count >= 3)
        result.skewness = constant ? 0 : (double)(n * sqrtl(n - 1) / (n - 2) * (m3 / (m2 * sqrtl(m2))));
    if (result.count >= 4)
        result.kurtosis = constant ? 0
                                   : (double)(n * (n + 1) * (n - 1) * m4 / ((n - 2) * (n - 3) * m2 * m2) -
                                              3 * (n - 1) * (n - 1) / ((n - 2) * (n - 3)));
    return result;
}

double ft_correlation(const double *x, const double *y, size_t count)
{
    long double sum_x = 0, sum_y = 0;
    double first_x = NAN, first_y = NAN;
    size_t n = 0;
    int x_varies = 0, y_varies = 0;
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(x[i]) || !isfinite(y[i])) continue;
        if (n == 0) first_x = x[i], first_y = y[i];
        x_varies |= x[i] != first_x;
        y_varies |= y[i] != first_y;
        sum_x += x[i];
        sum_y += y[i];
        n++;
    }
    if (n < 2 || !x_varies || !y_varies) return NAN;
    long double mean_x = sum_x / (long double)n, mean_y = sum_y / (long double)n;
    long double xx = 0, yy = 0, xy = 0;
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(x[i]) || !isfinite(y[i])) continue;
        long double dx = x[i] - mean_x, dy = y[i] - mean_y;
        xx += dx * dx;
        yy += dy * dy;
        xy += dx * dy;
    }
    if (!(xx > 0) || !(yy > 0)) return NAN;
    double r = (double)(xy / (sqrtl(xx) * sqrtl(yy)));
    return r > 1 ? 1 : r < -1 ? -1 : r;
}

void ft_returns(const double *values, size_t count, double *returns)
{
    for (size_t i = 0; i < count; i++) {
        double change = i == 0 ? NAN : values[i] / values[i - 1] - 1;
        returns[i] = isfinite(change) ? change : NAN;
    }
}

void ft_rolling_std(const double *values, size_t count, size_t window, double *result)
{
    for (size_t i = 0; i < count; i++) result[i] = NAN;
    if (window < 2) return;
    for (size_t end = window; end <= count; end++) {
        ft_moments moments = ft_moments_of(values + end - window, window);
        if (moments.count == window) result[end - 1] = moments.std;
    }
}
