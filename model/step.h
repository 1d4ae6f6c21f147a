/* One optimizer step of an adapter batch: forward, loss, backward, gradient norms,
 * AdamW. Memory is allocated once.
 *
 * In data-parallel training (trainable->comm) each rank gets the same inputs and makes
 * the same calls. It computes its shard of every adapter's sequences; gradients and
 * losses are summed over the ranks (all-reduce), and all ranks take the same step.
 *
 * Between steps a device need not wait for the host (ft_stepper_runs_ahead): the next
 * step may be queued before the losses of this one are read. Should one of them turn
 * out not to be finite, the step that was queued ahead changes nothing
 * (ft_adamw.loss_before), so that the caller can take it back and queue another one:
 * results are those of a caller that reads first. */
#ifndef FT_MODEL_STEP_H
#define FT_MODEL_STEP_H

#include "model/window_batch.h"

typedef struct ft_stepper ft_stepper;

/* Room for steps of up to n_sequences sequences (of all ranks) of the given lengths. */
ft_status ft_stepper_create(ft_trainable *trainable, int32_t n_sequences, int32_t encoder_length,
                            int32_t decoder_length, ft_stepper **stepper, ft_error *err);
void ft_stepper_free(ft_stepper *stepper);

/* The caller fills these before a step: ids, masks, labels, sequence_start, n_sequences,
 * lengths, seed, step, model_dropout and rates. */
ft_inputs *ft_stepper_inputs(ft_stepper *stepper);

/* The inputs of the next step, to be filled while the device computes this one.
 * ft_stepper_take_next makes them the inputs of the step, and the others those of the
 * next one. */
ft_inputs *ft_stepper_next_inputs(ft_stepper *stepper);
void ft_stepper_take_next(ft_stepper *stepper);

/* Updates every adapter's parameters. Losses and norms can be read afterwards. */
ft_status ft_stepper_step(ft_stepper *stepper, ft_error *err);
/* The same in two halves: queues the step, then waits for it and reads losses and norms.
 * Where queueing fails there is nothing to finish. */
ft_status ft_stepper_queue(ft_stepper *stepper, ft_error *err);
ft_status ft_stepper_finish(ft_stepper *stepper, ft_error *err);
/* Queues the step of the next inputs too, between the two calls above.
 * ft_stepper_finish then waits for the first of the two alone, and after
 * ft_stepper_take_next for the second. Only where ft_stepper_runs_ahead. */
ft_status ft_stepper_queue_next(ft_stepper *stepper, ft_error *err);
/* Instead of ft_stepper_take_next and ft_stepper_finish: waits for the step that was
 * queued ahead and drops its results. It has changed nothing if a loss of the step
 * before it was not finite. */
ft_status ft_stepper_drop_next(ft_stepper *stepper, ft_error *err);
/* Whether the device computes while the host does something else, and no other rank takes
 * part. */
bool ft_stepper_runs_ahead(const ft_stepper *stepper);
/* For measurements: the device's work of the last step, n times more without any work
 * of the host between. Sets the seconds of one. The parameters move on. */
ft_status ft_stepper_repeat(ft_stepper *stepper, int32_t n, double *seconds, ft_error *err);
/* Forward, loss and backward without the update. */
ft_status ft_stepper_gradients(ft_stepper *stepper, ft_error *err);

/* Of the last step: mean token loss of the adapter's batch, and the norm of its gradient
 * before clipping. */
double ft_stepper_loss(const ft_stepper *stepper, int32_t adapter);
double ft_stepper_grad_norm(const ft_stepper *stepper, int32_t adapter);

/* What is evaluated: adapters in rising order, at most as many as the stepper has
 * sequences. */
typedef struct ft_evaluated {
    const int32_t *adapters; /* (n_adapters) */
    int32_t n_adapters;
    const ft_tokenizer *tokenizer;
    const ft_series *series;
    int32_t context_length, prediction_length;
} ft_evaluated;

/* Evaluates the adapters on the same windows, without dropout, in passes of the stepper's
 * size. losses: (n_adapters) mean token losses, NaN where no label counts. Overwrites the
 * losses of the last step. */
ft_status ft_stepper_evaluate(ft_stepper *stepper, const ft_evaluated *of, const ft_window_list *windows,
                              double *losses, ft_error *err);

#endif
