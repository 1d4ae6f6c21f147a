/* Windows as sequences of a pass; see window_batch.h. */
#include "model/window_batch.h"

#include <math.h>
#include <string.h>

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

/* Labels of a window: token ids of known values, -100 (not counted in the loss) for
 * others, and EOS at the end, as in pretraining. If prediction_length is not the model's
 * own, EOS is -100 too: the model does not expect it there, its loss (5 nats and more)
 * would outweigh all others, and forecasts never sample it. */
static void window_labels(const ft_tokenizer *tokenizer, const ft_series *series, const ft_window *window,
                          float scale, int32_t prediction_length, int32_t *labels)
{
    ft_tokenizer_labels(tokenizer, series->values + window->label_start, window->label_count, scale, labels);
    int32_t end = labels[window->label_count];
    for (int32_t t = window->label_count; t < prediction_length; t++) labels[t] = -100;
    labels[prediction_length] = prediction_length == tokenizer->config.prediction_length ? end : -100;
}

static bool same_window(const ft_window *a, const ft_window *b)
{
    return a->item == b->item && a->label_start == b->label_start && a->context_start == b->context_start &&
           a->label_count == b->label_count;
}

/* The sequence of the adapter before that has the same place and the same window, -1
 * where there is none: adapters with one seed and batch size see the same windows in the
 * same order. */
static int32_t twin_of(const ft_inputs *in, const ft_window_use *uses, int32_t sequence)
{
    int32_t g = uses[sequence].adapter;
    if (g == 0) return -1;
    int32_t twin = in->sequence_start[g - 1] + sequence - in->sequence_start[g];
    if (twin >= in->sequence_start[g] || !same_window(uses[twin].window, uses[sequence].window)) return -1;
    return twin;
}

static void copy_sequence(ft_inputs *in, int32_t from, int32_t to)
{
    size_t encoder = (size_t)in->encoder_length, decoder = (size_t)in->decoder_length;
    memcpy(in->encoder_ids + (size_t)to * encoder, in->encoder_ids + (size_t)from * encoder,
           encoder * sizeof(int32_t));
    memcpy(in->key_mask + (size_t)to * encoder, in->key_mask + (size_t)from * encoder, encoder);
    memcpy(in->labels + (size_t)to * decoder, in->labels + (size_t)from * decoder, decoder * sizeof(int32_t));
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
        int32_t twin = twin_of(in, uses, i);
        if (twin >= 0) {
            copy_sequence(in, twin, i);
            continue;
        }
        const ft_series *item = &series[window->item];
        float scale = ft_tokenizer_context(
            tokenizer, item->values + window->context_start, window->label_start - window->context_start,
            context_length, in->encoder_ids + (int64_t)i * in->encoder_length,
            in->key_mask + (int64_t)i * in->encoder_length, in->encoder_length);
        window_labels(tokenizer, item, window, scale, prediction_length,
                      in->labels + (int64_t)i * in->decoder_length);
    }
}
