/* Training an adapter batch: configurations take turns in a fixed number of slots, and
 * the slots share every pass. Each configuration runs its own epochs, schedule, clipping
 * and early stopping. docs/reference.md §4 and §6, docs/architecture.md §5.
 *
 * Which configuration is in which slot at which step depends on the configurations, their
 * order and the number of slots alone (and on what `epochs` answers), never on time: with
 * one thread count the results have the same bits, however often the training was
 * interrupted and gone on with. */
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
    /* to go on from; NULL: fresh from the seed. Its spec is taken but for the dropout */
    const ft_adapter *start;
    double learning_rate, weight_decay, max_grad_norm;
    ft_schedule schedule;
    int64_t warmup_steps;
    int32_t epochs, batch_size, window_stride, early_stopping_patience;
    bool window_shift;
    float model_dropout;
    uint32_t seed;
    /* (n_milestones) shorter lengths whose results are wanted too, in epochs, rising,
     * each below `epochs` */
    const int32_t *milestones;
    int32_t n_milestones;
} ft_train_config;

/* A result as it is handed over; what it points to lives for the call. */
typedef struct ft_train_result {
    ft_status status; /* FT_OK, FT_DIVERGED, FT_INTERRUPTED; then `error` says more */
    const char *error;
    /* the last weights or, with early stopping, the best; NULL when it diverged */
    const ft_adapter *adapter;
    const ft_epoch *history; /* (n_epochs) finished epochs */
    /* best_epoch: of the lowest val_loss, 0 if there was none */
    int32_t n_epochs, best_epoch;
    /* no later result comes: trained to its end, stopped early, pruned or failed */
    bool ended;
    bool pruned; /* `epochs` said so */
} ft_train_result;

/* How soon to stop. */
typedef enum ft_stop {
    FT_STOP_NOT,
    FT_STOP_AT_EPOCH, /* at the next end of some adapter's epoch */
    FT_STOP_NOW,      /* after this step */
} ft_stop;

typedef struct ft_train_settings {
    int32_t context_length, prediction_length;
    int64_t eval_windows; /* at most, for val_loss */
    int32_t slots;        /* adapters trained at a time; 0: all */
    /* A file that is written so often that little is lost, before results are handed over
     * among others, and gone on from where it is there. One that is damaged or of another
     * batch costs its epochs, as `say` tells: training starts from the beginning. Results
     * whose handing over a crash may have cut short come again. NULL: none; then adapters
     * that are stopped hand over what they have, with FT_INTERRUPTED. */
    const char *checkpoint;
    /* Takes a result of configuration `index`: at each milestone and at its end. Another
     * status than FT_OK ends all training. Ranks that train together (`comm`) all call it
     * or none, and must return the same. */
    ft_status (*result)(void *context, int32_t index, const ft_train_result *result, ft_error *err);
    /* After a step that ended epochs of n configurations: sets which are pruned, (n), all
     * false before. May be NULL. Asked again for epochs that a crash has undone: answers
     * must be the same then. Another status than FT_OK ends all training as the last
     * checkpoint has it. */
    ft_status (*epochs)(void *context, const int32_t *indices, const ft_epoch *epochs, int32_t n,
                        bool *pruned, ft_error *err);
    /* Asked after each step; may be NULL. */
    ft_stop (*stop)(void *context);
    void (*say)(void *context, const char *line); /* a line for people; may be NULL */
    void *context;
    /* the devices that train this batch together: ft_train is called on each with the
     * same arguments, the results are the same, rank 0 writes the checkpoints, and all
     * stop where one is told to. NULL: this one alone */
    ft_comm *comm;
} ft_train_settings;

/* Trains configs (of one adapter kind), first come, first in a slot. A configuration that
 * diverges ends alone. The return value tells of what ends all: FT_INTERRUPTED, no
 * window, no memory, the device. */
ft_status ft_train(ft_chronos *model, const ft_weights *base, const ft_series *series, int32_t n_series,
                   const ft_train_config *configs, int32_t n_configs, const ft_train_settings *settings,
                   ft_error *err);

/* Device memory that ft_train allocates on a backend of these types and pass_rows:
 * adapters with their gradients and optimizer state, and the workspace. Of settings->comm
 * the size alone counts. */
ft_status ft_train_bytes(ft_dtype real, ft_dtype matrix, int64_t pass_rows, const ft_weights *base,
                         const ft_series *series, int32_t n_series, const ft_train_config *configs,
                         int32_t n_configs, const ft_train_settings *settings, size_t *bytes, ft_error *err);

#endif
