/* The next token of each path: temperature, top-k, top-p, one draw. */
#include <omp.h>
#include <stdlib.h>

#include "kernels/cpu/operations.h"
#include "kernels/cpu/vector.h"

typedef struct candidate {
    float probability;
    int32_t token;
} candidate;

/* A thread's memory for one path. */
typedef struct workspace {
    float *values;         /* (padded) */
    float *heap;           /* (vocab) */
    candidate *candidates; /* (vocab) */
} workspace;

/* Puts `value` in the place of the least of a heap of `count`, whose least is on top. */
static void replace_least(float *heap, int64_t count, float value)
{
    int64_t at = 0;
    for (;;) {
        int64_t child = 2 * at + 1;
        if (child >= count) break;
        if (child + 1 < count && heap[child + 1] < heap[child]) child++;
        if (!(heap[child] < value)) break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = value;
}

/* The k-th largest of `padded` values (whole groups, padded with -infinity); k <= their true count. Few
 * values get past the least of the k largest so far, so that most groups cost one comparison. */
static float kth_largest(const float *values, int64_t padded, int64_t k, float *heap)
{
    for (int64_t i = 0; i < k; i++) heap[i] = -INFINITY;
    for (int64_t first = 0; first < padded; first += FT_GROUP) {
        ft_vector most = ft_load(values + first);
        for (int v = 1; v < FT_GROUP_VECTORS; v++)
            most = ft_max(ft_load(values + first + v * FT_LANES), most);
        if (!(ft_largest(most) > heap[0])) continue;
        for (int64_t i = first; i < first + FT_GROUP; i++)
            if (values[i] > heap[0]) replace_least(heap, k, values[i]);
    }
    return heap[0];
}

static int ascending(const void *left, const void *right)
{
    const candidate *a = left, *b = right;
    if (a->probability != b->probability) return a->probability > b->probability ? 1 : -1;
    return (a->token > b->token) - (a->token < b->token);
}

/* Sets to 0 the least likely tokens as long as their sum is at most 1 - top_p, never the last; among equals
 * those with the smaller number go first. Returns the sum of the rest. */
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

/* values become unnormalised probabilities; returns their sum, not finite or 0 where there is no
 * distribution. */
static double warp(const ft_sampling *sampling, int64_t count, int64_t padded, workspace *w)
{
    float *values = w->values;
    if (sampling->suppressed_token >= 0 && sampling->suppressed_token < count)
        values[sampling->suppressed_token] = -INFINITY;
    for (int64_t i = 0; i < padded; i++) values[i] /= sampling->temperature;
    if (sampling->top_k > 0 && sampling->top_k < count) {
        const float least = kth_largest(values, padded, sampling->top_k, w->heap);
        for (int64_t i = 0; i < padded; i++) values[i] = values[i] < least ? -INFINITY : values[i];
    }
    ft_vector most = ft_load(values);
    for (int64_t i = FT_LANES; i < padded; i += FT_LANES) most = ft_max(ft_load(values + i), most);
    const float largest = ft_largest(most);
    double total = 0;
    for (int64_t i = 0; i < padded; i += FT_LANES) {
        ft_vector e = ft_exp(ft_load(values + i) - largest);
        ft_store(values + i, e);
        total += (double)ft_sum(e);
    }
    if (sampling->top_p < 1 && isfinite(total))
        total = keep_top_p(values, count, total, (double)sampling->top_p, w->candidates);
    return total;
}

/* The first token whose cumulative probability exceeds `uniform`, or the last possible one. Groups that end
 * before it are passed over as a whole; most hold nothing but zeros after top-k. */
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
    const int64_t vocab = logits.cols, padded = ft_padded(vocab, FT_GROUP), floats = 4 * padded;
    float *memory = ft_cpu_scratch(ft_cpu_of(self), FT_SCRATCH_OPERATION,
                                   (size_t)(self->n_threads * floats) * sizeof(float));
    if (!memory) return;
#pragma omp parallel num_threads(self->n_threads)
    {
        float *mine = memory + omp_get_thread_num() * floats;
        workspace w = {mine, mine + padded, (candidate *)(mine + 2 * padded)};
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
