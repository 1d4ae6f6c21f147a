/* MeanScaleUniformBins; see tokenizer.h. Bits matter here: a token id may change where a
 * rounding does, so this file needs -ffp-contract=off (only the fmaf written below are
 * fused) and no fast-math option (CMakeLists.txt). */
#include "model/tokenizer.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#ifdef __FAST_MATH__
#error "the tokenizer must not be built with -ffast-math"
#endif

enum { LABEL_IGNORED = -100 }; /* torch's ignore_index */

ft_status ft_tokenizer_create(const ft_chronos_config *config, ft_tokenizer **tokenizer, ft_error *err)
{
    *tokenizer = NULL;
    int64_t n_centers = (int64_t)config->n_tokens - config->n_special_tokens - 1;
    if (n_centers < 1 || config->n_special_tokens < 0)
        return ft_fail(err, FT_BAD_INPUT, "n_tokens %d leaves no bins beside %d special tokens",
                       (int)config->n_tokens, (int)config->n_special_tokens);
    size_t bytes = sizeof(ft_tokenizer) + (size_t)(2 * n_centers + 1) * sizeof(float);
    ft_tokenizer *made = calloc(1, bytes);
    if (!made) return ft_no_memory(err, "the tokenizer", bytes);
    made->config = *config;
    made->n_centers = (int32_t)n_centers;
    made->centers = (float *)(made + 1);
    made->boundaries = made->centers + n_centers;

    /* torch.linspace in float: from both ends, with fused multiply-add */
    float low = (float)config->low_limit, high = (float)config->high_limit;
    float step = n_centers > 1 ? (high - low) / (float)(n_centers - 1) : 0.0f;
    for (int64_t i = 0; i < n_centers; i++)
        made->centers[i] = n_centers == 1      ? low
                           : i < n_centers / 2 ? fmaf(step, (float)i, low)
                                               : fmaf(-step, (float)(n_centers - 1 - i), high);
    made->bins_per_unit = step > 0.0f ? 1.0f / step : 0.0f;
    made->boundaries[0] = -1e20f;
    for (int64_t i = 1; i < n_centers; i++)
        made->boundaries[i] = (made->centers[i] + made->centers[i - 1]) / 2.0f;
    made->boundaries[n_centers] = 1e20f;
    *tokenizer = made;
    return FT_OK;
}

void ft_tokenizer_free(ft_tokenizer *tokenizer)
{
    free(tokenizer); /* the tables lie behind the struct */
}

float ft_tokenizer_scale(const float *values, int64_t count)
{
    double sum = 0.0;
    int64_t observed = 0;
    for (int64_t i = 0; i < count; i++) {
        if (isnan(values[i])) continue;
        sum += fabs((double)values[i]);
        observed++;
    }
    float scale = (float)sum / (float)observed; /* 0/0 where nothing is observed */
    return scale > 0.0f ? scale : 1.0f;
}

/* torch.bucketize(value, boundaries, right=True): the number of boundaries <= value. A
 * NaN (infinity over infinity) is not below any boundary there, so it lands in the last
 * bin. All bins but the first and last have the same width, so arithmetic finds the bin
 * or, by rounding, its neighbour; comparisons with the boundaries decide. */
static int32_t bin_of(const ft_tokenizer *tokenizer, float value)
{
    const int32_t last = tokenizer->n_centers + 1;
    const float guess = (value - (float)tokenizer->config.low_limit) * tokenizer->bins_per_unit + 1.5f;
    int32_t bin = guess < 0.0f ? 0 : guess < (float)last ? (int32_t)guess : last;
    while (bin < last && !(tokenizer->boundaries[bin] > value)) bin++;
    while (bin > 0 && tokenizer->boundaries[bin - 1] > value) bin--;
    return bin;
}

static int32_t token_of(const ft_tokenizer *tokenizer, float value, float scale)
{
    int32_t id = tokenizer->config.n_special_tokens + bin_of(tokenizer, value / scale);
    return id < tokenizer->config.n_tokens ? id : tokenizer->config.n_tokens - 1;
}

void ft_tokenizer_encode(const ft_tokenizer *tokenizer, const float *values, int64_t count, float scale,
                         int32_t *ids, uint8_t *mask)
{
    for (int64_t i = 0; i < count; i++) {
        bool observed = !isnan(values[i]);
        mask[i] = observed;
        ids[i] = observed ? token_of(tokenizer, values[i], scale) : tokenizer->config.pad_token_id;
    }
}

float ft_tokenizer_context(const ft_tokenizer *tokenizer, const float *values, int64_t count,
                           int64_t context_length, int32_t *ids, uint8_t *mask, int64_t capacity)
{
    if (count > context_length) {
        values += count - context_length;
        count = context_length;
    }
    float scale = ft_tokenizer_scale(values, count);
    int64_t padding = capacity - count - 1;
    for (int64_t i = 0; i < padding; i++) ids[i] = tokenizer->config.pad_token_id;
    memset(mask, 0, (size_t)padding);
    ft_tokenizer_encode(tokenizer, values, count, scale, ids + padding, mask + padding);
    ids[capacity - 1] = tokenizer->config.eos_token_id;
    mask[capacity - 1] = 1;
    return scale;
}

void ft_tokenizer_labels(const ft_tokenizer *tokenizer, const float *values, int64_t count, float scale,
                         int32_t *labels)
{
    for (int64_t i = 0; i < count; i++)
        labels[i] = isnan(values[i]) ? LABEL_IGNORED : token_of(tokenizer, values[i], scale);
    labels[count] = tokenizer->config.eos_token_id;
}

float ft_tokenizer_decode(const ft_tokenizer *tokenizer, int32_t id, float scale)
{
    int64_t index = (int64_t)id - tokenizer->config.n_special_tokens - 1;
    if (index < 0) index = 0;
    if (index >= tokenizer->n_centers) index = tokenizer->n_centers - 1;
    return tokenizer->centers[index] * scale;
}
