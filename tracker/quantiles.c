/* Quantiles of samples by linear interpolation. The interpolation is written as numpy's
 * lerp (from the nearer end), so that the last bits agree. */
#include "tracker/quantiles.h"

#include <math.h>
#include <stdlib.h>

const double ft_quantile_levels[FT_N_QUANTILES] = {0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9};

/* Where `level` falls among `count` sorted values: between `*below` and the next (or
 * itself), a part `*part` of the way. */
static void locate(size_t count, double level, size_t *below, size_t *above, double *part)
{
    double position = level * (double)(count - 1);
    if (!(position > 0)) position = 0;
    if (position > (double)(count - 1)) position = (double)(count - 1);
    *below = (size_t)position;
    *above = *below + 1 < count ? *below + 1 : *below;
    *part = position - (double)*below;
}

static double interpolate(double low, double high, double part)
{
    return part < 0.5 ? low + (high - low) * part : high - (high - low) * (1 - part);
}

double ft_quantile(const float *sorted, size_t count, double level)
{
    if (count == 0) return NAN;
    size_t below, above;
    double part;
    locate(count, level, &below, &above, &part);
    return interpolate((double)sorted[below], (double)sorted[above], part);
}

double ft_quantile_double(const double *sorted, size_t count, double level)
{
    if (count == 0) return NAN;
    size_t below, above;
    double part;
    locate(count, level, &below, &above, &part);
    return interpolate(sorted[below], sorted[above], part);
}

static int compare_floats(const void *left, const void *right)
{
    float a = *(const float *)left, b = *(const float *)right;
    if (isnan(a) || isnan(b)) return (int)isnan(a) - (int)isnan(b);
    return (a > b) - (a < b);
}

/* Sample counts are about 20, where insertion beats qsort's calls by far. */
enum { INSERTION_LIMIT = 64 };

void ft_sort_floats(float *values, size_t count)
{
    if (count > INSERTION_LIMIT) {
        qsort(values, count, sizeof *values, compare_floats);
        return;
    }
    for (size_t i = 1; i < count; i++) {
        float moving = values[i];
        size_t place = i;
        while (place > 0 && compare_floats(&values[place - 1], &moving) > 0) {
            values[place] = values[place - 1];
            place--;
        }
        values[place] = moving;
    }
}

void ft_summarize_step(const float *samples, size_t n_samples, size_t horizon, size_t step,
                       const double *levels, size_t n_levels, float *scratch, double *mean, double *quantiles)
{
    double sum = 0;
    for (size_t i = 0; i < n_samples; i++) {
        scratch[i] = samples[i * horizon + step];
        sum += (double)scratch[i];
    }
    /* a sum of finite floats is finite in double */
    if (n_samples == 0 || !isfinite(sum)) {
        *mean = NAN;
        for (size_t q = 0; q < n_levels; q++) quantiles[q] = NAN;
        return;
    }
    *mean = sum / (double)n_samples;
    ft_sort_floats(scratch, n_samples);
    for (size_t q = 0; q < n_levels; q++) quantiles[q] = ft_quantile(scratch, n_samples, levels[q]);
}
