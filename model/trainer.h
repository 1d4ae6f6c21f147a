/* Training an adapter batch: every configuration runs its own epochs, schedule, clipping and early stopping,
 * all in shared passes. REFERENCE §4 and §6. */
#ifndef FT_MODEL_TRAINER_H
#define FT_MODEL_TRAINER_H

#include "model/adapter.h"
#include "model/checkpoint.h"
#include "model/chronos.h"
#include "model/schedule.h"
#include "model/trainable.h"
#include "model/windows.h"

/* What one adapter of the batch does. */
typedef struct ft_train_config {
    ft_adapter_spec spec;
    const ft_adapter
        *start; /* to go on from; NULL: fresh from the seed. Its spec is taken but for the dropout */
    double learning_rate, weight_decay, max_grad_norm;
    ft_schedule schedule;
    int64_t warmup_steps;
    int32_t epochs, batch_size, window_stride, early_stopping_patience;
    bool window_shift;
    float model_dropout;
    uint32_t seed;
} ft_train_config;

typedef struct ft_train_result {
    ft_status status; /* FT_OK, FT_DIVERGED (see error), FT_INTERRUPTED */
    ft_error error;
    ft_adapter *adapter; /* the last weights or, with early stopping, the best; NULL when it failed. Owned by
                            the result */
    ft_epoch *history;   /* (n_epochs) finished epochs */
    int32_t n_epochs, best_epoch; /* best_epoch: of the lowest val_loss, 0 if there was none */
} ft_train_result;

void ft_train_result_free(ft_train_result *result);

typedef struct ft_train_settings {
    int32_t context_length, prediction_length;
    int64_t eval_windows; /* at most, for val_loss */
    /* Called after each epoch of an adapter; may be NULL. */
    void (*epoch)(void *context, int32_t index, const ft_epoch *epoch);
    /* (n_configs) files: written after each epoch, gone on from where one is there; an entry or the whole may
     * be NULL. */
    const char *const *checkpoints;
    /* Asked at each epoch's end of an adapter; true: that adapter stops there with FT_INTERRUPTED. May be
     * NULL. */
    bool (*stop)(void *context);
    void *context;
    ft_comm *comm; /* the devices that train this batch together: ft_train is called on each with the same
                      arguments, the results are the same, rank 0 writes the checkpoints, and all stop where
                      one is told to. NULL: this one alone */
} ft_train_settings;

/* Trains configs (of one adapter kind) in one batch. results: (n_configs), zeroed by the caller, each freed
 * by ft_train_result_free. A configuration that diverges ends alone. The return value tells of what ends all:
 * no window, no memory, the device. */
ft_status ft_train(ft_chronos *model, const ft_weights *base, const ft_series *series, int32_t n_series,
                   const ft_train_config *configs, int32_t n_configs, const ft_train_settings *settings,
                   ft_train_result *results, ft_error *err);

#endif
