/* The slots of a training, internal to trainer.c: which configuration is in which slot,
 * its weights on the device, checkpoints (trainer_checkpoint.c), and the delivery of
 * results. trainer.c runs the steps in between. */
#ifndef FT_MODEL_TRAINER_SLOTS_H
#define FT_MODEL_TRAINER_SLOTS_H

#include "model/step.h"
#include "model/trainer.h"

/* What a slot needs besides its ft_slot_state; it can be rebuilt from the
 * configuration. */
typedef struct ft_runner {
    ft_window_list windows; /* of the epoch under way */
    int64_t total_steps;
} ft_runner;

typedef struct ft_trainer {
    ft_chronos *model;
    const ft_weights *base;
    const ft_series *series;
    const ft_train_config *configs;
    int32_t n_series, n_configs, n_slots;
    const ft_train_settings *settings;
    uint32_t batch;        /* identifies its checkpoints among those of other batches */
    int32_t next;          /* configuration to take the next free slot */
    ft_slot_state *states; /* (n_slots) */
    ft_runner *runners;    /* (n_slots) */
    ft_trainable *trainable;
    ft_tokenizer *tokenizer;
    ft_stepper *stepper;
    ft_window_list validation;
    ft_window_use *uses; /* (sum of batch sizes) */
    bool has_next;       /* the stepper's next inputs hold the next batch */
    bool is_queued;      /* its step is queued, before this one's losses are known */
    /* (n_slots) slots that have finished an epoch with the last step, and for each: */
    int32_t *ended;
    int32_t *indices; /* its configuration, and so on */
    ft_epoch *epochs;
    double *val_loss;
    bool *stop, *pruned;
    /* (n_slots) results that are delivered together, and why trainings failed */
    ft_train_result *results;
    ft_error *reasons;
    double checkpoint_time, checkpoint_cost;
} ft_trainer;

static inline const ft_train_config *ft_slot_config(const ft_trainer *t, int32_t g)
{
    return &t->configs[t->states[g].config];
}

static inline bool ft_slot_is_live(const ft_trainer *t, int32_t g)
{
    return t->states[g].config >= 0;
}

/* The adapter spec this configuration trains with: its start adapter's, or its own. */
static inline ft_adapter_spec ft_train_spec(const ft_train_config *config)
{
    ft_adapter_spec spec = config->start ? config->start->spec : config->spec;
    spec.dropout = config->spec.dropout;
    return spec;
}

ft_window_settings ft_train_windows(const ft_trainer *t, const ft_train_config *config);

/* The windows of an epoch, from 0. */
ft_status ft_slot_load_epoch(ft_trainer *t, int32_t g, int32_t epoch, ft_error *err);
/* The slot's next epoch, from its first window. */
ft_status ft_slot_start_epoch(ft_trainer *t, int32_t g, ft_error *err);
/* Sets the number of steps of the whole training, which the learning-rate schedule
 * needs. */
ft_status ft_slot_count_steps(ft_trainer *t, int32_t g, ft_error *err);
/* Whether the epoch that the slot has just finished is a milestone. */
bool ft_slot_is_at_milestone(const ft_trainer *t, int32_t g);
/* Updates early stopping with a finished epoch. Sets *better if its val_loss is the
 * lowest so far. Returns whether early stopping ends the training. */
bool ft_slot_judge(ft_trainer *t, int32_t g, const ft_epoch *epoch, bool *better);
void ft_slot_free(ft_trainer *t, int32_t g);

/* Puts the next configurations, in order, into the free slots. */
ft_status ft_slots_fill(ft_trainer *t, ft_error *err);
bool ft_slots_any_live(const ft_trainer *t);

ft_status ft_slots_checkpoint(ft_trainer *t, ft_error *err);
/* Resumes from the checkpoint, if there is one. FT_BAD_INPUT: it is unusable; the caller
 * must then call ft_slots_start_over. */
ft_status ft_slots_resume(ft_trainer *t, ft_error *err);
/* Frees all slots; the first configurations are the next to take them. */
void ft_slots_start_over(ft_trainer *t);

/* Delivers the results that are due. Slots that have ended become free. */
ft_status ft_slots_hand_over(ft_trainer *t, ft_error *err);
/* Ends all adapters when training is asked to stop: delivers what they have and returns
 * FT_INTERRUPTED. */
ft_status ft_slots_interrupt(ft_trainer *t, ft_error *err);

#endif
