/* Interaction of two hyperparameters; see interaction.h. */
#include "tracker/interaction.h"

#include <math.h>
#include <string.h>

#include "base/sort.h"

/* -- levels -- */

static size_t count_distinct(const double *sorted, size_t n)
{
    size_t distinct = n > 0;
    for (size_t i = 1; i < n; i++) distinct += sorted[i] != sorted[i - 1];
    return distinct;
}

size_t ft_make_levels(const double *values, size_t n, double *sorted, size_t *levels)
{
    double ends[FT_MOST_LEVELS]; /* the largest value of each level */
    size_t n_levels = 0;
    memcpy(sorted, values, n * sizeof *sorted);
    ft_sort_doubles(sorted, n);
    const bool few = count_distinct(sorted, n) <= FT_MOST_LEVELS;
    for (size_t i = 0; i < n; i++) {
        const bool ends_here = i + 1 == n || sorted[i + 1] != sorted[i];
        const bool is_full = few || (i + 1) * FT_FEW_LEVELS >= n * (n_levels + 1);
        if (ends_here && is_full && n_levels < FT_MOST_LEVELS) ends[n_levels++] = sorted[i];
    }
    for (size_t i = 0; i < n; i++) {
        levels[i] = 0;
        while (levels[i] + 1 < n_levels && values[i] > ends[levels[i]]) levels[i]++;
    }
    return n_levels;
}

/* -- Fisher's F -- */

/* The continued fraction of the incomplete beta function, by Lentz's method (Press et
 * al., Numerical Recipes, section 6.4, for the terms). */
static double beta_fraction(double a, double b, double x)
{
    const double tiny = 1e-300;
    double c = 1, d = 1 - (a + b) * x / (a + 1), value;
    d = 1 / (fabs(d) < tiny ? tiny : d);
    value = d;
    for (int m = 1; m <= 1000; m++) {
        const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
                     odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
                     terms[] = {even, odd};
        double change = 1;
        for (int k = 0; k < 2; k++) {
            d = 1 + terms[k] * d;
            d = 1 / (fabs(d) < tiny ? tiny : d);
            c = 1 + terms[k] / c;
            if (fabs(c) < tiny) c = tiny;
            change = c * d;
            value *= change;
        }
        if (fabs(change - 1) < 1e-15) break;
    }
    return value;
}

/* The regularized incomplete beta function I_x(a, b). */
static double incomplete_beta(double a, double b, double x)
{
    if (x <= 0) return 0;
    if (x >= 1) return 1;
    const double front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x));
    if (x < (a + 1) / (a + b + 2)) return front * beta_fraction(a, b, x) / a;
    return 1 - front * beta_fraction(b, a, 1 - x) / b;
}

double ft_f_p_value(double f, size_t freedom, size_t residual)
{
    const double d1 = (double)freedom, d2 = (double)residual;
    if (isnan(f)) return NAN;
    if (f <= 0) return 1;
    return isinf(f) ? 0 : incomplete_beta(d2 / 2, d1 / 2, d2 / (d2 + d1 * f));
}

/* -- least squares -- */

/* 1, then a column for each level but the first of both factors. */
enum { MOST_TERMS = 1 + 2 * (FT_MOST_LEVELS - 1) };

static size_t fill_terms(size_t a, size_t n_a, size_t b, size_t n_b, double terms[MOST_TERMS])
{
    const size_t n = n_a + n_b - 1;
    for (size_t i = 0; i < n; i++) terms[i] = 0;
    terms[0] = 1;
    if (a) terms[a] = 1;
    if (b) terms[n_a - 1 + b] = 1;
    return n;
}

/* Solves the normal equations in place, a column at a time (Gauss and Jordan, the
 * largest pivot first). What the others determine gets 0. Returns the rank. */
static size_t solve(double m[MOST_TERMS][MOST_TERMS + 1], size_t n)
{
    bool used[MOST_TERMS] = {false};
    size_t rank = 0;
    for (; rank < n; rank++) {
        size_t pivot = n;
        for (size_t i = 0; i < n; i++)
            if (!used[i] && (pivot == n || m[i][i] > m[pivot][pivot])) pivot = i;
        if (pivot == n || m[pivot][pivot] < 1e-9) break;
        used[pivot] = true;
        for (size_t i = 0; i < n; i++) {
            if (i == pivot) continue;
            const double factor = m[i][pivot] / m[pivot][pivot];
            for (size_t k = 0; k <= n; k++) m[i][k] -= factor * m[pivot][k];
        }
    }
    for (size_t i = 0; i < n; i++) m[i][n] = used[i] ? m[i][n] / m[i][i] : 0;
    return rank;
}

/* What the additive model leaves of the squares of y. *rank: its parameters. */
static double additive_rest(const size_t *a, size_t n_a, const size_t *b, size_t n_b, const double *y,
                            size_t n, size_t *rank)
{
    double m[MOST_TERMS][MOST_TERMS + 1] = {{0}}, terms[MOST_TERMS], rest = 0;
    size_t n_terms = 1;
    for (size_t i = 0; i < n; i++) {
        n_terms = fill_terms(a[i], n_a, b[i], n_b, terms);
        for (size_t r = 0; r < n_terms; r++) {
            for (size_t c = 0; c < n_terms; c++) m[r][c] += terms[r] * terms[c];
            m[r][n_terms] += terms[r] * y[i];
        }
    }
    *rank = solve(m, n_terms);
    for (size_t i = 0; i < n; i++) {
        double off = y[i];
        fill_terms(a[i], n_a, b[i], n_b, terms);
        for (size_t t = 0; t < n_terms; t++) off -= terms[t] * m[t][n_terms];
        rest += off * off;
    }
    return rest;
}

/* What the means of combinations leave. *n_cells: how many occur. */
static double full_rest(const size_t *a, const size_t *b, const double *y, size_t n, size_t *n_cells)
{
    double sum[FT_MOST_LEVELS][FT_MOST_LEVELS] = {{0}}, count[FT_MOST_LEVELS][FT_MOST_LEVELS] = {{0}},
           rest = 0;
    *n_cells = 0;
    for (size_t i = 0; i < n; i++) {
        *n_cells += count[a[i]][b[i]] == 0;
        sum[a[i]][b[i]] += y[i];
        count[a[i]][b[i]]++;
    }
    for (size_t i = 0; i < n; i++) {
        const double off = y[i] - sum[a[i]][b[i]] / count[a[i]][b[i]];
        rest += off * off;
    }
    return rest;
}

bool ft_interaction_of(const size_t *a, size_t n_a, const size_t *b, size_t n_b, const double *y, size_t n,
                       ft_interaction *out)
{
    double mean = 0, total = 0;
    size_t rank, n_cells;
    if (n_a < 2 || n_b < 2 || n_a > FT_MOST_LEVELS || n_b > FT_MOST_LEVELS) return false;
    for (size_t i = 0; i < n; i++) mean += y[i] / (double)n;
    for (size_t i = 0; i < n; i++) total += (y[i] - mean) * (y[i] - mean);
    const double full = full_rest(a, b, y, n, &n_cells),
                 gain = additive_rest(a, n_a, b, n_b, y, n, &rank) - full;
    if (n <= n_cells || n_cells <= rank || !(total > 0)) return false;
    out->freedom = n_cells - rank;
    out->residual = n - n_cells;
    out->share = gain > 0 ? gain / total : 0;
    /* What rounding leaves is nothing. */
    const double noise = full > 1e-12 * total ? full / (double)out->residual : 0;
    out->f = noise > 0 ? fmax(gain, 0) / (double)out->freedom / noise : gain > 1e-12 * total ? INFINITY : 0;
    out->p_value = ft_f_p_value(out->f, out->freedom, out->residual);
    return true;
}
