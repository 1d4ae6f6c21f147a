/* PED-ANOVA; see ped_anova.h. Densities are Parzen estimates on a grid, with one kernel
 * for each value that occurs and one, of weight 1, for the whole range. */
#include "tracker/ped_anova.h"

#include <math.h>
#include <string.h>

#include "base/sort.h"

enum { MOST_STEPS = 50 };
static const double best_share = 0.1, least_density = 1e-12;

size_t ft_ped_mark_best(const double *costs, size_t n, bool *is_best, double *sorted)
{
    size_t n_best = 0;
    if (n == 0) return 0;
    memcpy(sorted, costs, n * sizeof *sorted);
    ft_sort_doubles(sorted, n);
    const double last = sorted[(size_t)ceil(best_share * (double)n) - 1];
    for (size_t i = 0; i < n; i++) n_best += is_best[i] = costs[i] <= last;
    return n_best;
}

/* -- numbers -- */

/* P(a <= Z <= b) of a standard normal Z, exact in both tails. */
static double normal_mass(double a, double b)
{
    const double half = sqrt(0.5);
    return a > 0 ? (erfc(a * half) - erfc(b * half)) / 2 : (erfc(-b * half) - erfc(-a * half)) / 2;
}

/* Scott's rule for `total` values, counts[i] of them at i. */
static double bandwidth(const double *counts, size_t n_steps, double total)
{
    const double first_quarter = floor(total / 4), third_quarter = floor(total * 3 / 4);
    double mean = 0, variance = 0, cumulated = 0, low = NAN, high = NAN, last = 0;
    for (size_t i = 0; i < n_steps; i++) mean += (double)i * counts[i] / total;
    for (size_t i = 0; i < n_steps; i++) {
        if (counts[i] == 0) continue;
        variance += ((double)i - mean) * ((double)i - mean) * counts[i] / fmax(1, total - 1);
        cumulated += counts[i];
        if (isnan(low) && cumulated >= first_quarter) low = (double)i;
        if (isnan(high) && cumulated > third_quarter) high = (double)i;
        last = (double)i;
    }
    if (isnan(high)) high = last;
    const double scott = 1.059 * fmin((high - low) / 1.34, sqrt(variance)) * pow(total, -0.2);
    return fmax(scott, 0.5 / 1.64); /* a kernel covers the grid's cell with 90 % */
}

static void add_kernel(double mean, double width, double weight, size_t n_steps, double *density)
{
    const double all = normal_mass((-0.5 - mean) / width, ((double)n_steps - 0.5 - mean) / width);
    for (size_t i = 0; i < n_steps; i++)
        density[i] +=
            weight * normal_mass(((double)i - 0.5 - mean) / width, ((double)i + 0.5 - mean) / width) / all;
}

static void estimate_number(const double *counts, size_t n_steps, double total, double *density)
{
    const double width = bandwidth(counts, n_steps, total), end = (double)n_steps - 1;
    for (size_t i = 0; i < n_steps; i++)
        if (counts[i] > 0) add_kernel((double)i, width, counts[i] / (total + 1), n_steps, density);
    add_kernel(end / 2, end + 1, 1 / (total + 1), n_steps, density);
}

/* -- choices -- */

static void estimate_choice(const double *counts, size_t n_choices, double total, double *density)
{
    double n_kernels = 1;
    for (size_t i = 0; i < n_choices; i++) n_kernels += counts[i] > 0;
    const double prior = 1 / n_kernels, row = 1 + (double)n_choices * prior;
    for (size_t i = 0; i < n_choices; i++)
        density[i] = (total * prior + counts[i]) / (total + 1) / row + 1 / (total + 1) / (double)n_choices;
}

/* -- both -- */

/* Where the values of a number lie. */
typedef struct grid {
    double low, step;
    size_t n_steps;
} grid;

static double place_of(const ft_ped_parameter *p, double value)
{
    return p->is_log ? log(value) : value;
}

/* Fills a grid; false where the values do not vary. */
static bool make_grid(const ft_ped_parameter *p, size_t n, grid *g)
{
    double low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        if (isnan(p->values[i])) continue;
        low = fmin(low, p->values[i]);
        high = fmax(high, p->values[i]);
    }
    if (!(low < high)) return false;
    double steps = MOST_STEPS;
    if (p->is_whole) steps = p->is_log ? ceil(log(high - low + 1) / log(2)) + 1 : high - low + 1;
    g->n_steps = (size_t)fmin(steps, MOST_STEPS);
    g->low = place_of(p, low);
    g->step = (place_of(p, high) - g->low) / ((double)g->n_steps - 1);
    return true;
}

/* Counts values, of the best trials or of all, and estimates their density. Returns how
 * many there are. */
static double estimate(const ft_ped_parameter *p, const grid *g, const bool *is_best, size_t n,
                       double *counts, double *density)
{
    double total = 0;
    for (size_t i = 0; i < g->n_steps; i++) counts[i] = density[i] = 0;
    for (size_t i = 0; i < n; i++) {
        if (isnan(p->values[i]) || (is_best && !is_best[i])) continue;
        double at = p->values[i];
        if (!p->n_choices)
            at = fmin(fmax(ceil((place_of(p, at) - g->low) / g->step - 0.5), 0), (double)g->n_steps - 1);
        counts[(size_t)at]++;
        total++;
    }
    if (total > 0 && p->n_choices) estimate_choice(counts, g->n_steps, total, density);
    if (total > 0 && !p->n_choices) estimate_number(counts, g->n_steps, total, density);
    return total;
}

double ft_ped_importance(const ft_ped_parameter *parameter, const bool *is_best, size_t n, double *room)
{
    grid g = {.n_steps = parameter->n_choices};
    double numbers[3 * MOST_STEPS], n_best = 0, divergence = 0;
    if (parameter->n_choices == 1 || (!parameter->n_choices && !make_grid(parameter, n, &g))) return 0;
    double *counts = parameter->n_choices ? room : numbers, *best = counts + g.n_steps,
           *all = best + g.n_steps;
    for (size_t i = 0; i < n; i++) n_best += is_best[i];
    const double best_here = estimate(parameter, &g, is_best, n, counts, best),
                 all_here = estimate(parameter, &g, NULL, n, counts, all);
    if (best_here == 0 || all_here < 2) return 0;
    for (size_t i = 0; i < g.n_steps; i++) {
        const double local = all[i] + least_density, ratio = (best[i] + least_density) / local - 1;
        divergence += local * ratio * ratio;
    }
    /* Where some trials lack it: Conditional PED-ANOVA (2026), theorem 4.2. */
    const double alpha = best_here / n_best, beta = all_here / (double)n, share = n_best / (double)n;
    return alpha * alpha / beta * divergence * share * share;
}
