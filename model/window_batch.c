/* Windows as sequences of a pass; see window_batch.h. */
#include "model/window_batch.h"

#include <math.h>

/* Encoder lengths are rounded up to this, so that few different shapes occur. */
enum { LENGTH_STEP = 16 };

static int32_t longest_context(const ft_window_use *uses, int32_t n_uses, int32_t context_length)
{
    int64_t longest = 0;
    for (int32_t i = 0; i < n_uses; i++) {
        int64_t length = uses[i].window->label_start - uses[i].window->context_start;
        if (length > longest) longest = length;
    }
    longest = (longest + LENGTH_STEP - 1) / LENGTH_STEP * LENGTH_STEP;
    return longest < context_length ? (int32_t)longest : context_length;
}

/* Labels of a window: ids of what is known, -100 for the rest of the horizon, EOS. */
static void window_labels(const ft_tokenizer *tokenizer, const ft_series *series, const ft_window *window,
                          float scale, int32_t prediction_length, int32_t *labels)
{
    ft_tokenizer_labels(tokenizer, series->values + window->label_start, window->label_count, scale, labels);
    int32_t end = labels[window->label_count];
    for (int32_t t = window->label_count; t < prediction_length; t++) labels[t] = -100;
    labels[prediction_length] = end;
}

void ft_window_batch(ft_inputs *in, const ft_tokenizer *tokenizer, const ft_series *series,
                     const ft_window_use *uses, int32_t n_uses, int32_t context_length,
                     int32_t prediction_length)
{
    in->n_sequences = n_uses;
    in->encoder_length = longest_context(uses, n_uses, context_length) + 1;
    in->decoder_length = prediction_length + 1;
    for (int32_t g = 0, i = 0; g <= in->n_adapters; g++) {
        while (i < n_uses && uses[i].adapter < g) i++;
        in->sequence_start[g] = i;
    }
    for (int32_t i = 0; i < n_uses; i++) {
        const ft_window *window = uses[i].window;
        const ft_series *item = &series[window->item];
        float scale = ft_tokenizer_context(
            tokenizer, item->values + window->context_start, window->label_start - window->context_start,
            context_length, in->encoder_ids + (int64_t)i * in->encoder_length,
            in->key_mask + (int64_t)i * in->encoder_length, in->encoder_length);
        window_labels(tokenizer, item, window, scale, prediction_length,
                      in->labels + (int64_t)i * in->decoder_length);
    }
}
