/* The batches of pretraining: artificial series, drawn and tokenized by all cores while
 * the device works on the batch before.
 *
 * What a batch holds depends on the seed, the number of the step and the settings alone,
 * so that a training that is resumed sees what an uninterrupted one sees. */
#ifndef FT_MODEL_PRETRAIN_BATCH_H
#define FT_MODEL_PRETRAIN_BATCH_H

#include "model/pass.h"
#include "model/tokenizer.h"

typedef struct ft_pretrain_batch_settings {
    int32_t batch_size, context_length, prediction_length; /* sequences; tokens */
    uint32_t seed;
    int threads; /* that draw; 0: all cores */
} ft_pretrain_batch_settings;

/* A batch on the host. All sequences of a batch are padded to one length: context_length,
 * or a half, a quarter, an eighth or a sixteenth of it. Short series are common in
 * practice, and short contexts cost little. */
typedef struct ft_pretrain_batch ft_pretrain_batch;

ft_status ft_pretrain_batch_create(const ft_tokenizer *tokenizer, const ft_pretrain_batch_settings *settings,
                                   ft_pretrain_batch **batch, ft_error *err);
void ft_pretrain_batch_free(ft_pretrain_batch *batch);

/* Begins to draw the batch of step `step` in a thread of its own; ft_pretrain_batch_take
 * waits for it. Each begin is followed by one take. */
void ft_pretrain_batch_begin(ft_pretrain_batch *batch, int64_t step);
/* Puts the batch into the inputs of a pass of one adapter: ids, masks, labels and
 * lengths. */
void ft_pretrain_batch_take(ft_pretrain_batch *batch, ft_inputs *inputs);

/* The longest context of a step's sequences. */
int32_t ft_pretrain_context(const ft_pretrain_batch_settings *settings, int64_t step);

/* Series that no step sees, for validation: number `index` with context_length +
 * prediction_length values. */
void ft_pretrain_validation_series(const ft_pretrain_batch_settings *settings, int64_t index, float *values,
                                   void *scratch);

#endif
