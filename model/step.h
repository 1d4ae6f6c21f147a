/* One optimizer step of an adapter batch: forward, loss, backward, gradient norms, AdamW, with memory made
 * once.
 *
 * Where several devices train the batch together (trainable->comm) each rank is given the same inputs and
 * makes the same calls; it works on its shard of every adapter's sequences, gradients and losses are summed
 * over the ranks, and all of them take the same step. */
#ifndef FT_MODEL_STEP_H
#define FT_MODEL_STEP_H

#include "model/window_batch.h"

typedef struct ft_stepper ft_stepper;

/* What the optimizer uses for one adapter in the next step. */
typedef struct ft_step_rates {
    float learning_rate, weight_decay;
    float max_grad_norm; /* <= 0: no clipping */
} ft_step_rates;

/* Room for steps of up to n_sequences sequences (of all ranks) of the given lengths. */
ft_status ft_stepper_create(ft_trainable *trainable, int32_t n_sequences, int32_t encoder_length,
                            int32_t decoder_length, ft_stepper **stepper, ft_error *err);
void ft_stepper_free(ft_stepper *stepper);

/* To be filled before a step: inputs (ids, masks, labels, sequence_start, n_sequences, lengths, seed, step,
 * model_dropout) and rates. */
ft_inputs *ft_stepper_inputs(ft_stepper *stepper);
ft_step_rates *ft_stepper_rates(ft_stepper *stepper, int32_t adapter);

/* Updates every adapter's parameters. Losses and norms can be read afterwards. */
ft_status ft_stepper_step(ft_stepper *stepper, ft_error *err);
/* Forward, loss and backward without the update. */
ft_status ft_stepper_gradients(ft_stepper *stepper, ft_error *err);

/* Of the last step: mean token loss of the adapter's batch, and the norm of its gradient before clipping. */
double ft_stepper_loss(const ft_stepper *stepper, int32_t adapter);
double ft_stepper_grad_norm(const ft_stepper *stepper, int32_t adapter);

/* What is evaluated: adapters in rising order, at most as many as the stepper has sequences. */
typedef struct ft_evaluated {
    const int32_t *adapters; /* (n_adapters) */
    int32_t n_adapters;
    const ft_tokenizer *tokenizer;
    const ft_series *series;
    int32_t context_length, prediction_length;
} ft_evaluated;

/* Mean token loss of each of the adapters over the same windows, dropout off, in passes of the stepper's
 * size; NaN where no label counts. losses: (n_adapters). The last step's losses are overwritten. */
ft_status ft_stepper_evaluate(ft_stepper *stepper, const ft_evaluated *of, const ft_window_list *windows,
                              double *losses, ft_error *err);

#endif
