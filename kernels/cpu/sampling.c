/* The next token of each path: temperature, top-k, top-p, one draw. */
#include <omp.h>
#include <stdlib.h>

#include "base/philox.h"
#include "kernels/cpu/operations.h"
#include "kernels/cpu/vector.h"

typedef struct candidate {
    float probability;
    int32_t token;
} candidate;

/* A thread's memory for one path. */
typedef struct workspace {
    float *values;         /* (padded) */
    candidate *candidates; /* (vocab) */
} workspace;

/* Floats in their order as integers, and back. */
static int32_t order_of(float value)
{
    int32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits ^ ((bits >> 31) & INT32_MAX);
}

static float float_of(int32_t order)
{
    const int32_t bits = order ^ ((order >> 31) & INT32_MAX);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static int64_t count_below(const float *values, int64_t padded, float limit)
{
    /* several counters, so that they do not wait for each other */
    ft_int_vector counts[FT_GROUP_VECTORS] = {{0}};
    for (int64_t i = 0; i < padded; i += FT_GROUP)
        for (int v = 0; v < FT_GROUP_VECTORS; v++)
            counts[v] += ft_ones(ft_less(ft_load(values + i + v * FT_LANES), ft_set(limit)));
    int64_t count = 0;
    for (int v = 0; v < FT_GROUP_VECTORS; v++)
        for (int i = 0; i < FT_LANES; i++) count += counts[v][i];
    return count;
}

/* Returns a limit such that the values not below it are the k largest of `padded` (k <
 * padded), and all equal to the k-th. Bisection takes about 10 passes over the values,
 * without data-dependent branches. */
static float limit_of_largest(const float *values, int64_t padded, int64_t k, float largest)
{
    int64_t enough = order_of(-INFINITY), too_few = (int64_t)order_of(largest) + 1;
    for (float below = 1.0f; below < 1e6f; below *= 4.0f) {
        /* logits are small: a close start saves passes */
        const float limit = largest - below;
        const int64_t kept = padded - count_below(values, padded, limit);
        if (kept == k) return limit;
        if (kept > k) {
            enough = order_of(limit);
            break;
        }
        too_few = order_of(limit);
    }
    while (too_few - enough > 1) {
        const int64_t middle = enough + (too_few - enough) / 2;
        const int64_t kept = padded - count_below(values, padded, float_of((int32_t)middle));
        if (kept == k) return float_of((int32_t)middle);
        if (kept > k)
            enough = middle;
        else
            too_few = middle;
    }
    return float_of((int32_t)enough);
}

static float largest_of(const float *values, int64_t padded)
{
    ft_vector most = ft_load(values);
    for (int64_t i = FT_LANES; i < padded; i += FT_LANES) most = ft_max(most, ft_load(values + i));
    return ft_largest(most);
}

static int ascending(const void *left, const void *right)
{
    const candidate *a = left, *b = right;
    if (a->probability != b->probability) return a->probability > b->probability ? 1 : -1;
    return (a->token > b->token) - (a->token < b->token);
}

/* Sets the least likely tokens to 0 as long as their sum is at most 1 - top_p, but never
 * the last token; of equal ones the smaller id goes first. Returns the sum of the
 * rest. */
static double keep_top_p(float *probability, int64_t count, double total, double top_p, candidate *candidates)
{
    int64_t n = 0;
    for (int64_t i = 0; i < count; i++)
        if (probability[i] > 0) candidates[n++] = (candidate){probability[i], (int32_t)i};
    qsort(candidates, (size_t)n, sizeof *candidates, ascending);
    double cumulative = 0;
    for (int64_t i = 0; i + 1 < n; i++) {
        cumulative += (double)candidates[i].probability / total;
        if (cumulative > 1 - top_p) break;
        probability[candidates[i].token] = 0.0f;
    }
    double kept = 0;
    for (int64_t i = 0; i < count; i++) kept += (double)probability[i];
    return kept;
}

/* values become unnormalised probabilities; returns their sum, not finite or 0 where
 * there is no distribution. */
static double warp(const ft_sampling *sampling, int64_t count, int64_t padded, workspace *w)
{
    float *values = w->values;
    if (sampling->suppressed_token >= 0 && sampling->suppressed_token < count)
        values[sampling->suppressed_token] = -INFINITY;
    for (int64_t i = 0; i < padded && sampling->temperature != 1.0f; i += FT_LANES)
        ft_store(values + i, ft_load(values + i) / sampling->temperature);
    const float largest = largest_of(values, padded);
    if (sampling->top_k > 0 && sampling->top_k < count) {
        const ft_vector limit = ft_set(limit_of_largest(values, padded, sampling->top_k, largest));
        for (int64_t i = 0; i < padded; i += FT_LANES) {
            const ft_vector value = ft_load(values + i);
            ft_store(values + i, ft_choose(ft_less(value, limit), ft_set(-INFINITY), value));
        }
    }
    double total = 0;
    for (int64_t first = 0; first < padded; first += FT_GROUP) {
        ft_vector sum = ft_set(0.0f);
        for (int v = 0; v < FT_GROUP_VECTORS; v++) {
            const ft_vector e = ft_exp(ft_load(values + first + v * FT_LANES) - largest);
            ft_store(values + first + v * FT_LANES, e);
            sum += e;
        }
        total += (double)ft_sum(sum);
    }
    if (sampling->top_p < 1 && isfinite(total))
        total = keep_top_p(values, count, total, (double)sampling->top_p, w->candidates);
    return total;
}

/* The first token whose cumulative probability exceeds `uniform`, or the last possible
 * one. Groups that end before it are passed over as a whole; most hold nothing but zeros
 * after top-k. */
static int32_t draw(const float *probability, int64_t padded, double total, double uniform)
{
    double cumulative = 0, limit = uniform * total;
    int32_t last = -1;
    for (int64_t first = 0; first < padded; first += FT_GROUP) {
        ft_vector sum = ft_set(0.0f);
        for (int v = 0; v < FT_GROUP_VECTORS; v++) sum += ft_load(probability + first + v * FT_LANES);
        const double group = (double)ft_sum(sum);
        if (group == 0.0) continue;
        const bool passed_over = cumulative + group <= limit;
        double inside = cumulative;
        for (int64_t i = first; i < first + FT_GROUP; i++) {
            if (!(probability[i] > 0)) continue;
            last = (int32_t)i;
            inside += (double)probability[i];
            if (!passed_over && inside > limit) return last;
        }
        cumulative += group;
    }
    return last;
}

static void sample(ft_backend *self, const ft_sampling *sampling, ft_tensor logits, int32_t *token,
                   ft_tensor probabilities)
{
    const int64_t vocab = logits.cols, padded = ft_padded(vocab, FT_GROUP), floats = 3 * padded;
    float *memory = ft_cpu_scratch(ft_cpu_of(self), FT_SCRATCH_OPERATION,
                                   (size_t)(self->n_threads * floats) * sizeof(float));
    if (!memory) return;
#pragma omp parallel num_threads(self->n_threads)
    {
        float *mine = memory + omp_get_thread_num() * floats;
        workspace w = {mine, (candidate *)(mine + padded)};
#pragma omp for schedule(static)
        for (int64_t path = 0; path < logits.rows; path++) {
            ft_read_row(logits, path, 0, vocab, vocab, w.values);
            for (int64_t i = vocab; i < padded; i++) w.values[i] = -INFINITY;
            const double total = warp(sampling, vocab, padded, &w);
            const ft_philox_key key =
                ft_philox_key_of(sampling->seed[path], sampling->step, FT_SITE_SAMPLING);
            const ft_philox_block block =
                ft_philox(key, 0, sampling->series[path], sampling->sample[path], 0);
            const double uniform = (double)ft_philox_uniform(block.word[0]);
            token[path] = isfinite(total) ? draw(w.values, padded, total, uniform) : -1;
            if (probabilities.data) {
                const float scale = (float)(1.0 / total);
                ft_scale_row(w.values, scale, padded);
                ft_write_row(probabilities, path, 0, vocab, w.values);
            }
        }
    }
}

void FT_FOR_ISA(ft_cpu_sampling_operations)(ft_backend *backend)
{
    backend->sample = sample;
}
