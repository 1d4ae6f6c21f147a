/* Where the training of an adapter batch stands between two steps, on disk: weights,
 * optimizer state and counters of every slot, enough to go on with the same bits as if it
 * had never stopped. A safetensors file: `params`, `m`, `v` of all slots by their batch's
 * layout (trainable.h), `best.<slot>` where early stopping keeps weights; in the metadata
 * "state", all else as one JSON text, and "crc32", the CRC-32 in 8 hexadecimal digits of
 * this text and then, by name, of each tensor's name and bytes. */
#ifndef FT_MODEL_CHECKPOINT_H
#define FT_MODEL_CHECKPOINT_H

#include "model/trainable.h"

typedef struct ft_epoch {
    int32_t epoch;            /* from 1 */
    double loss;              /* mean over the epoch's steps of the batch loss */
    double val_loss;          /* NaN where the validation split has no window */
    double learning_rate;     /* of the epoch's last step */
    double grad_norm;         /* mean over steps, before clipping */
    double seconds;           /* of training, validation not counted */
    double tokens_per_second; /* of encoder and decoder together */
} ft_epoch;

/* How a configuration's training came to its end. */
typedef enum ft_training_end {
    FT_TRAINING,          /* it has not */
    FT_TRAINED,           /* all its epochs, or stopped early */
    FT_TRAINING_PRUNED,   /* told to stop */
    FT_TRAINING_DIVERGED, /* its loss is no number any more */
} ft_training_end;

/* One slot of the batch. */
typedef struct ft_slot_state {
    /* the configuration in the slot; -1: none, and nothing below counts */
    int32_t config;
    int64_t step;      /* optimizer steps taken */
    int32_t n_epochs;  /* finished */
    ft_epoch *history; /* (n_epochs); the owner's, with room for all epochs */
    /* else than FT_TRAINING: a result is due, and then the slot is free */
    ft_training_end ended;
    bool due;                                /* a result is to be handed over */
    int32_t best_epoch, epochs_without_gain; /* best_epoch 0: none yet */
    double best_val_loss;
    float *best; /* (n_params) weights of best_epoch, or NULL; the owner's */
    /* The epoch under way. */
    int64_t next_window, epoch_steps, tokens;
    double loss_sum, norm_sum, seconds, last_learning_rate;
} ft_slot_state;

/* Writes the slots' states, (trainable->n_adapters), and the next configuration to take a
 * slot; whole or not at all. `batch`: a number that tells this adapter batch from
 * others. */
ft_status ft_checkpoint_write(const char *path, uint32_t batch, const ft_trainable *trainable,
                              const ft_slot_state *states, int32_t next, ft_error *err);

/* Reads a checkpoint into the adapters' rows and (trainable->n_adapters) zeroed states,
 * whose histories and `best` are allocated (the owner's, also after a failure);
 * best_epoch, epochs_without_gain and best_val_loss follow from the history and are left
 * 0. max_epochs: (n_configs) of the batch's configurations. FT_BAD_INPUT when the file
 * cannot be read, is damaged or of another batch; then rows may hold anything. What the
 * numbers say of each other is not looked at. */
ft_status ft_checkpoint_read(const char *path, uint32_t batch, ft_trainable *trainable,
                             const int32_t *max_epochs, int32_t n_configs, ft_slot_state *states,
                             int32_t *next, ft_error *err);

#endif
