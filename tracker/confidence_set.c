/* How sure a ranking is; see confidence_set.h. */
#include "tracker/confidence_set.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/philox.h"

enum { DRAWS = 2000 };
static const double LEVEL = 0.05, Z_95 = 1.959963984540054;

/* Random numbers one after the other. */
typedef struct dice {
    ft_philox_key key;
    uint64_t count;
} dice;

static size_t pick(dice *d, size_t below)
{
    ft_philox_block b = ft_philox(d->key, (uint32_t)d->count, (uint32_t)(d->count >> 32), 0, 0);
    d->count++;
    return (size_t)((double)ft_philox_uniform(b.word[0]) * (double)below);
}

/* -- which windows vary together -- */

/* Windows of a series follow one another, and errors of neighbours are alike: blocks of
 * the cube root of their number, as is usual (Künsch 1989). */
static size_t block_length(size_t n)
{
    size_t length = (size_t)(cbrt((double)n) + 0.5);
    return length > 0 ? length : 1;
}

typedef struct plan {
    size_t n_windows, n_series;
    /* (n_series + 1): the windows of series i are [first[i], first[i + 1]) */
    size_t *first;
} plan;

static size_t count_blocks(const plan *p)
{
    return p->n_series > 1 ? p->n_series : p->n_windows / block_length(p->n_windows);
}

/* How often each window is drawn, (n_windows). */
static void draw(const plan *p, dice *d, double *times)
{
    memset(times, 0, p->n_windows * sizeof *times);
    for (size_t k = 0; k < p->n_series; k++) {
        size_t series = p->n_series > 1 ? pick(d, p->n_series) : 0;
        size_t first = p->first[series], n = p->first[series + 1] - first, length = block_length(n);
        for (size_t done = 0; done < n; done += length) {
            /* blocks go round: each window is drawn equally often */
            size_t start = pick(d, n);
            for (size_t i = 0; i < length && done + i < n; i++) times[first + (start + i) % n]++;
        }
    }
}

/* -- values of the metric -- */

static double value_of(ft_metric metric, double sum, double weight)
{
    double value = sum / weight;
    return ft_metric_cost(metric, metric == FT_RMSE ? sqrt(value) : value);
}

/* costs: (DRAWS, count). */
static void draw_costs(const plan *p, const ft_window_scores *scores, size_t count, ft_metric metric,
                       uint32_t seed, double *times, double *costs)
{
    dice d = {{{seed, 0x62737472u}}, 0}; /* "bstr" */
    for (size_t b = 0; b < DRAWS; b++) {
        draw(p, &d, times);
        for (size_t i = 0; i < count; i++) {
            double sum = 0, weight = 0;
            for (size_t w = 0; w < p->n_windows; w++) {
                sum += times[w] * scores[i].sum[w];
                weight += times[w] * scores[i].weight[w];
            }
            costs[b * count + i] = value_of(metric, sum, weight);
        }
    }
}

static double total(const double *values, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += values[i];
    return sum;
}

/* -- few blocks -- */

/* How much wider intervals of Student's t are than normal ones at 95 %, with n - 1
 * degrees of freedom, and how much too narrow the spread of draws from n is. */
static double small_sample_factor(size_t n)
{
    const double z = Z_95, v = (double)n - 1;
    const double t = z + (pow(z, 3) + z) / (4 * v) + (5 * pow(z, 5) + 16 * pow(z, 3) + 3 * z) / (96 * v * v) +
                     (3 * pow(z, 7) + 19 * pow(z, 5) + 17 * pow(z, 3) - 15 * z) / (384 * v * v * v);
    return t / z * sqrt((double)n / v);
}

/* -- the set -- */

/* How far each experiment that is left is from the mean of those left, and how far draws
 * are from that. */
typedef struct distances {
    /* (count): the metric's cost, cost - mean, standard error of that */
    double *cost, *distance, *error;
    double *mean; /* (DRAWS): of those left */
} distances;

static double mean_of_left(const double *costs, const ft_certainty *certainty, size_t count)
{
    double sum = 0, n = 0;
    for (size_t i = 0; i < count; i++)
        if (certainty[i].is_tied) sum += costs[i], n++;
    return sum / n;
}

static void measure(const double *costs, const ft_certainty *certainty, size_t count, double factor,
                    distances *d)
{
    const double mean = mean_of_left(d->cost, certainty, count);
    for (size_t b = 0; b < DRAWS; b++) d->mean[b] = mean_of_left(costs + b * count, certainty, count);
    for (size_t i = 0; i < count; i++) {
        double squares = 0;
        d->distance[i] = d->cost[i] - mean;
        for (size_t b = 0; b < DRAWS; b++) {
            double off = costs[b * count + i] - d->mean[b] - d->distance[i];
            squares += off * off;
        }
        d->error[i] = factor * sqrt(squares / DRAWS);
    }
}

/* Whether the draws of one do not spread, but for rounding: it is as far from the mean
 * in all windows. */
static bool is_steady(const distances *d, size_t i)
{
    return d->error[i] <= 1e-12 * fabs(d->cost[i]);
}

/* The distance in standard errors; of a steady one beyond measure, unless the distance
 * is rounding, too. */
static double standardized(const distances *d, size_t i)
{
    if (!is_steady(d, i)) return d->distance[i] / d->error[i];
    return d->distance[i] > 1e-9 * fabs(d->cost[i]) ? INFINITY : 0;
}

/* The number of the worst of those left, if they are not all alike; else count. */
static size_t find_worse(const double *costs, const ft_certainty *certainty, size_t count, double factor,
                         const distances *d)
{
    size_t worst = count, beyond = 0;
    double most = 0;
    for (size_t i = 0; i < count; i++) {
        double t = standardized(d, i);
        if (certainty[i].is_tied && t > most) most = t, worst = i;
    }
    for (size_t b = 0; b < DRAWS; b++) {
        double largest = 0;
        for (size_t i = 0; i < count; i++) {
            if (!certainty[i].is_tied || is_steady(d, i)) continue;
            /* Draws spread as they do; what is measured is held against a wider
             * spread. */
            double t = factor * (costs[b * count + i] - d->mean[b] - d->distance[i]) / d->error[i];
            if (t > largest) largest = t;
        }
        beyond += largest >= most;
    }
    return (double)beyond < LEVEL * DRAWS ? worst : count;
}

static void reduce(const double *costs, size_t count, double factor, ft_certainty *certainty, distances *d)
{
    for (size_t left = count; left > 1; left--) {
        measure(costs, certainty, count, factor, d);
        size_t worse = find_worse(costs, certainty, count, factor, d);
        if (worse == count) return;
        certainty[worse].is_tied = false;
    }
}

static void find_errors(const double *costs, size_t count, double factor, const distances *d,
                        ft_certainty *certainty)
{
    for (size_t i = 0; i < count; i++) {
        double squares = 0;
        for (size_t b = 0; b < DRAWS; b++) {
            double off = costs[b * count + i] - d->cost[i];
            squares += off * off;
        }
        certainty[i].standard_error = factor * sqrt(squares / DRAWS);
    }
}

/* Differences to the first, draw by draw. */
static void find_differences(const double *costs, size_t count, double factor, const distances *d,
                             ft_certainty *certainty)
{
    for (size_t i = 0; i < count; i++) {
        double squares = 0;
        certainty[i].behind = d->cost[i] - d->cost[0];
        for (size_t b = 0; b < DRAWS; b++) {
            double off = costs[b * count + i] - costs[b * count] - certainty[i].behind;
            squares += off * off;
        }
        certainty[i].behind_margin = Z_95 * factor * sqrt(squares / DRAWS);
    }
}

static bool make_plan(const ft_window_scores *scores, plan *p)
{
    *p = (plan){.n_windows = scores->n_windows, .n_series = scores->n_series};
    p->first = calloc(p->n_series + 1, sizeof *p->first);
    if (!p->first) return false;
    for (size_t w = 0; w < p->n_windows; w++) p->first[scores->series[w] + 1] = w + 1;
    /* A series all of whose windows are left out has none. */
    for (size_t i = 0; i < p->n_series; i++)
        if (p->first[i + 1] < p->first[i]) p->first[i + 1] = p->first[i];
    return true;
}

ft_status ft_confidence_set(const ft_window_scores *scores, size_t count, ft_metric metric, uint32_t seed,
                            ft_certainty *certainty, size_t *n_blocks, ft_error *err)
{
    plan p = {0};
    *n_blocks = 0;
    for (size_t i = 0; i < count; i++) certainty[i] = (ft_certainty){NAN, true, NAN, NAN};
    if (count == 0 || scores[0].n_windows == 0) return FT_OK;
    double *costs = malloc(DRAWS * count * sizeof *costs),
           *times = malloc(scores[0].n_windows * sizeof *times),
           *room = malloc((3 * count + DRAWS) * sizeof *room);
    ft_status status = FT_OK;
    if (!costs || !times || !room || !make_plan(scores, &p)) {
        status = ft_no_memory(err, "the draws of windows", DRAWS * count * sizeof *costs);
    } else if ((*n_blocks = count_blocks(&p)) >= FT_LEAST_BLOCKS) {
        distances d = {room, room + count, room + 2 * count, room + 3 * count};
        const double factor = small_sample_factor(*n_blocks),
                     plain = sqrt((double)*n_blocks / ((double)*n_blocks - 1));
        for (size_t i = 0; i < count; i++)
            d.cost[i] =
                value_of(metric, total(scores[i].sum, p.n_windows), total(scores[i].weight, p.n_windows));
        draw_costs(&p, scores, count, metric, seed, times, costs);
        find_errors(costs, count, plain, &d, certainty);
        find_differences(costs, count, factor, &d, certainty);
        reduce(costs, count, factor, certainty, &d);
    }
    free(p.first);
    free(room);
    free(times);
    free(costs);
    return status;
}
