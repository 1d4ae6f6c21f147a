/* Checkpoints: the state of an adapter batch between two steps, on disk. A checkpoint
 * holds weights, optimizer state and counters of every slot; a resumed training gives the
 * same bits as an uninterrupted one.
 *
 * The file is safetensors: `params`, `m`, `v` of all slots in their batch's layout
 * (trainable.h), and `best.<slot>` where the best epoch's weights are kept. Its metadata
 * has "state", everything else as one JSON text, and "crc32", 8 hexadecimal digits: the
 * CRC-32 of that text, then of each tensor's name and bytes, by name. */
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

/* How a configuration's training ended. */
typedef enum ft_training_end {
    FT_TRAINING,          /* not ended */
    FT_TRAINED,           /* all its epochs, or stopped early */
    FT_TRAINING_PRUNED,   /* pruned */
    FT_TRAINING_DIVERGED, /* its loss is NaN or infinite */
} ft_training_end;

/* One slot of the batch. */
typedef struct ft_slot_state {
    /* The configuration in the slot. -1: the slot is free, and the other members have no
     * meaning. */
    int32_t config;
    int64_t step;      /* optimizer steps taken */
    int32_t n_epochs;  /* finished */
    ft_epoch *history; /* (n_epochs); the owner's, with room for all epochs */
    /* Not FT_TRAINING: the result must be delivered; then the slot is free. */
    ft_training_end ended;
    bool due;                                /* a result must be delivered */
    int32_t best_epoch, epochs_without_gain; /* best_epoch 0: none yet */
    double best_val_loss;
    float *best; /* (n_params) weights of best_epoch, or NULL; the owner's */
    /* The current epoch. */
    int64_t next_window, epoch_steps, tokens;
    double loss_sum, norm_sum, seconds, last_learning_rate;
} ft_slot_state;

/* Writes the states of all slots, (trainable->n_adapters), and `next`, the next
 * configuration to take a slot. The file is written whole or not at all. `batch`
 * identifies this adapter batch. */
ft_status ft_checkpoint_write(const char *path, uint32_t batch, const ft_trainable *trainable,
                              const ft_slot_state *states, int32_t next, ft_error *err);

/* Reads a checkpoint into the adapters' rows and into (trainable->n_adapters) zeroed
 * states. It allocates their histories and `best`, which the caller owns, also after a
 * failure. best_epoch, epochs_without_gain and best_val_loss follow from the history and
 * stay 0. max_epochs: (n_configs) of the batch's configurations. FT_BAD_INPUT when the
 * file cannot be read, is damaged or belongs to another batch; rows may then hold
 * anything. It does not check that the numbers are consistent. */
ft_status ft_checkpoint_read(const char *path, uint32_t batch, ft_trainable *trainable,
                             const int32_t *max_epochs, int32_t n_configs, ft_slot_state *states,
                             int32_t *next, ft_error *err);

#endif
