/* The next token of each path: the logits are warped as transformers' generate warps them
 * (temperature, top-k, top-p, in this order), then one token is drawn by inverting the
 * cumulative distribution. */
#include <math.h>
#include <stdlib.h>

#include "kernels/ref/ref.h"

static int by_value(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* `sorted` holds the logits in ascending order. Everything below the k-th largest goes;
 * ties with it stay. */
static void keep_top_k(double *logit, const double *sorted, int64_t count, int64_t k)
{
    double least = sorted[count - (k < count ? k : count)];
    for (int64_t i = 0; i < count; i++)
        if (logit[i] < least) logit[i] = -INFINITY;
}

/* Removes the least likely tokens as long as their probabilities add up to no more than 1
 * - top_p, never the last. Among tokens of equal probability those with the smaller id go
 * first. `sorted` holds the probabilities in ascending order. */
static void keep_top_p(double *probability, const double *sorted, int64_t count, double top_p)
{
    double cumulative = 0;
    int64_t removed = 0;
    while (removed < count - 1 && cumulative + sorted[removed] <= 1 - top_p) cumulative += sorted[removed++];
    double least = sorted[removed];
    /* tokens as likely as the least one kept that must go all the same */
    int64_t ties = 0;
    while (ties < removed && sorted[removed - 1 - ties] == least) ties++;
    double kept = 0;
    for (int64_t i = 0; i < count; i++) {
        if (probability[i] < least || (probability[i] == least && ties-- > 0)) probability[i] = 0;
        kept += probability[i];
    }
    for (int64_t i = 0; i < count; i++) probability[i] /= kept;
}

/* The first token whose cumulative probability exceeds `uniform`; rounding may leave that
 * to the last possible one. */
static int32_t draw(const double *probability, int64_t count, double uniform)
{
    double cumulative = 0;
    int32_t last = -1;
    for (int64_t i = 0; i < count; i++) {
        if (!(probability[i] > 0)) continue;
        last = (int32_t)i;
        cumulative += probability[i];
        if (cumulative > uniform) break;
    }
    return last;
}

/* Turns logits into the distribution to draw from; false when there is none (NaN, or
 * nothing above -infinity). */
static bool warp(const ft_sampling *sampling, double *logit, double *sorted, int64_t count)
{
    if (sampling->suppressed_token >= 0 && sampling->suppressed_token < count)
        logit[sampling->suppressed_token] = -INFINITY;
    for (int64_t i = 0; i < count; i++) sorted[i] = logit[i] /= (double)sampling->temperature;
    if (sampling->top_k > 0) {
        qsort(sorted, (size_t)count, sizeof *sorted, by_value);
        keep_top_k(logit, sorted, count, sampling->top_k);
    }
    if (!isfinite(ft_ref_softmax(logit, count))) return false;
    if (sampling->top_p < 1) {
        for (int64_t i = 0; i < count; i++) sorted[i] = logit[i];
        qsort(sorted, (size_t)count, sizeof *sorted, by_value);
        keep_top_p(logit, sorted, count, (double)sampling->top_p);
    }
    return true;
}

static void sample(ft_backend *self, const ft_sampling *sampling, ft_tensor logits, int32_t *token,
                   ft_tensor probabilities)
{
    double *values = ft_ref_scratch(self, 2 * logits.cols);
    if (!values) return;
    for (int64_t path = 0; path < logits.rows; path++) {
        ft_ref_load_row(logits, path, values);
        bool possible = warp(sampling, values, values + logits.cols, logits.cols);
        ft_philox_key key = ft_philox_key_of(sampling->seed[path], sampling->step, FT_SITE_SAMPLING);
        ft_philox_block block = ft_philox(key, 0, sampling->series[path], sampling->sample[path], 0);
        double uniform = (double)ft_philox_uniform(block.word[0]);
        token[path] = possible ? draw(values, logits.cols, uniform) : -1;
        if (probabilities.data) ft_ref_store_row(probabilities, path, values);
    }
}

void ft_ref_sampling_operations(ft_backend *backend)
{
    backend->sample = sample;
}
