/* Windows as sequences of a pass: tokens of the context, labels of the future. */
#ifndef FT_MODEL_WINDOW_BATCH_H
#define FT_MODEL_WINDOW_BATCH_H

#include "model/pass.h"
#include "model/tokenizer.h"
#include "model/windows.h"

/* One window and the adapter that sees it. */
typedef struct ft_window_use {
    const ft_window *window;
    int32_t adapter;
} ft_window_use;

/* Fills inputs' ids, masks, labels, sequence_start, n_sequences and encoder_length
 * from windows in the order of their adapters: the context left-padded to the batch's
 * longest, the labels with the context's scale, missing ones -100, and EOS, which is
 * -100 too where prediction_length is not the model's own (docs/reference.md §2).
 * decoder_length is prediction_length + 1. */
void ft_window_batch(ft_inputs *inputs, const ft_tokenizer *tokenizer, const ft_series *series,
                     const ft_window_use *uses, int32_t n_uses, int32_t context_length,
                     int32_t prediction_length);

#endif
