/* Where the training of one adapter stands between two epochs, on disk: weights, optimizer state and
 * counters, enough to go on with the same bits as if it had never stopped. A safetensors file: rows `params`,
 * `m`, `v` and perhaps `best` of the adapter's layout in its batch (trainable.h), counters as one JSON text
 * in the metadata. */
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

typedef struct ft_standing {
    int64_t step;                            /* optimizer steps taken */
    int32_t n_epochs;                        /* finished */
    ft_epoch *history;                       /* (n_epochs); the owner's, with room for all epochs */
    bool ended;                              /* trained to its end: only evaluation is missing */
    int32_t best_epoch, epochs_without_gain; /* best_epoch 0: none yet */
    double best_val_loss;
    float *best; /* (n_params) weights of best_epoch, or NULL; the owner's */
} ft_standing;

/* Writes the standing of adapter `index` and its rows, whole or not at all. */
ft_status ft_checkpoint_write(const char *path, const ft_trainable *trainable, int32_t index,
                              const ft_standing *standing, ft_error *err);

/* Reads a checkpoint into the adapter's rows and the standing, whose history has room for max_epochs; `best`
 * is allocated where the file has one. FT_BAD_INPUT when the file is broken or of another layout; then rows
 * may hold anything. */
ft_status ft_checkpoint_read(const char *path, ft_trainable *trainable, int32_t index, int32_t max_epochs,
                             ft_standing *standing, ft_error *err);

#endif
