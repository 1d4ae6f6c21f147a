/* Sample statistics in two passes: the mean, then what is around it. Moments have
 * extended sums. */
#include "tracker/statistics.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/sort.h"

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
    /* pandas calls both 0 for a constant. Its test is |m2| < 1e-14 whatever the scale;
     * ours is whether the spread is more than the values' own rounding, so that small
     * returns keep their shape. */
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

/* How many of the sorted values are below `value`, or with `or_equal` not above it. */
static size_t count_below(const double *sorted, size_t count, double value, int or_equal)
{
    size_t first = 0, end = count;
    while (first < end) {
        size_t middle = first + (end - first) / 2;
        if (sorted[middle] < value || (or_equal && sorted[middle] == value))
            first = middle + 1;
        else
            end = middle;
    }
    return first;
}

/* Replaces values by their ranks from 1, ties by the mean of theirs. sorted: (count)
 * scratch. */
static void rank(double *values, size_t count, double *sorted)
{
    memcpy(sorted, values, count * sizeof *values);
    ft_sort_doubles(sorted, count);
    for (size_t i = 0; i < count; i++) {
        size_t below = count_below(sorted, count, values[i], 0),
               upto = count_below(sorted, count, values[i], 1);
        values[i] = (double)(below + upto + 1) / 2;
    }
}

double ft_rank_correlation(const double *x, const double *y, size_t count, double *room)
{
    double *x_ranks = room, *y_ranks = room + count, *sorted = room + 2 * count;
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(x[i]) || !isfinite(y[i])) continue;
        x_ranks[n] = x[i];
        y_ranks[n++] = y[i];
    }
    rank(x_ranks, n, sorted);
    rank(y_ranks, n, sorted);
    return ft_correlation(x_ranks, y_ranks, n);
}

/* Abramowitz and Stegun 26.7.3 and 26.7.4: finite sums for whole degrees of freedom. */
double ft_student_p_value(double t, size_t freedom)
{
    if (isnan(t)) return NAN;
    const double angle = atan(fabs(t) / sqrt((double)freedom)), c = cos(angle), s = sin(angle);
    const int odd = freedom % 2 == 1;
    double term = odd ? c : 1, sum = 0;
    for (size_t k = odd ? 3 : 2; k <= freedom; k += 2) {
        sum += term;
        term *= c * c * ((double)k - 1) / (double)k;
    }
    double inside = odd ? 2 / acos(-1.0) * (angle + s * sum) : s * sum;
    return inside >= 1 ? 0 : 1 - inside;
}

ft_parabola ft_fit_parabola(const double *x, const double *y, size_t count)
{
    const ft_parabola unknown = {NAN, NAN, NAN};
    long double n = 0, x_mean = 0, y_mean = 0, spread = 0;
    for (size_t i = 0; i < count; i++)
        if (isfinite(x[i]) && isfinite(y[i])) n++, x_mean += x[i], y_mean += y[i];
    if (n < 4) return unknown;
    x_mean /= n, y_mean /= n;
    for (size_t i = 0; i < count; i++)
        if (isfinite(x[i]) && isfinite(y[i])) spread += (x[i] - x_mean) * (x[i] - x_mean);
    if (!(spread > 0)) return unknown;
    spread = sqrtl(spread / n);
    /* z: x with mean 0 and variance 1; q = z^2 - 1 - skew z is orthogonal to it and to
     * 1. */
    long double skew = 0, zy = 0, qq = 0, qy = 0, rest = 0;
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(x[i]) || !isfinite(y[i])) continue;
        long double z = (x[i] - x_mean) / spread;
        skew += z * z * z / n;
        zy += z * (y[i] - y_mean) / n;
    }
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(x[i]) || !isfinite(y[i])) continue;
        long double z = (x[i] - x_mean) / spread, q = z * z - 1 - skew * z;
        qq += q * q;
        qy += q * (y[i] - y_mean);
    }
    if (qq <= 1e-12L * n) return unknown; /* two values of x, which any parabola fits */
    const long double c = qy / qq, b = zy - c * skew;
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(x[i]) || !isfinite(y[i])) continue;
        long double z = (x[i] - x_mean) / spread, q = z * z - 1 - skew * z;
        long double off = y[i] - y_mean - zy * z - c * q;
        rest += off * off;
    }
    if (c == 0) return unknown;
    const double t = rest > 0 ? (double)(c / sqrtl(rest / (n - 3) / qq)) : INFINITY;
    return (ft_parabola){(double)(x_mean - spread * b / (2 * c)), ft_student_p_value(t, (size_t)n - 3),
                         c > 0 ? 1 : -1};
}

void ft_returns(const double *values, size_t count, double *returns)
{
    for (size_t i = 0; i < count; i++) {
        double change = i == 0 ? NAN : values[i] / values[i - 1] - 1;
        returns[i] = isfinite(change) ? change : NAN;
    }
}

/* Windows that are measured side by side, so that a processor adds up several at once. */
enum { SIDE_BY_SIDE = 64 };

/* The standard deviation of the windows that begin at values[0] ... values[count - 1],
 * with an exact 0 for a constant. A missing value makes its windows missing. */
static void stds_of_windows(const double *values, size_t count, size_t window, double *result)
{
    double mean[SIDE_BY_SIDE] = {0}, m2[SIDE_BY_SIDE] = {0}, spread[SIDE_BY_SIDE] = {0};
    for (size_t k = 0; k < window; k++)
        for (size_t i = 0; i < count; i++) mean[i] += values[i + k];
    for (size_t i = 0; i < count; i++) mean[i] /= (double)window;
    for (size_t k = 0; k < window; k++) {
        for (size_t i = 0; i < count; i++) {
            const double d = values[i + k] - mean[i];
            m2[i] += d * d;
            spread[i] += fabs(values[i + k] - values[i]);
        }
    }
    for (size_t i = 0; i < count; i++) result[i] = spread[i] == 0 ? 0 : sqrt(m2[i] / (double)(window - 1));
}

void ft_rolling_std(const double *values, size_t count, size_t window, double *result)
{
    for (size_t i = 0; i < count; i++) result[i] = NAN;
    if (window < 2 || count < window) return;
    const size_t n_windows = count - window + 1;
    for (size_t first = 0; first < n_windows; first += SIDE_BY_SIDE) {
        const size_t n = n_windows - first < SIDE_BY_SIDE ? n_windows - first : SIDE_BY_SIDE;
        stds_of_windows(values + first, n, window, result + window - 1 + first);
    }
}
