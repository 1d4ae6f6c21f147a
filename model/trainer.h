/* Trains an adapter batch: configurations take turns in a fixed number of slots, and the
 * slots share every pass. Each configuration has its own epochs, schedule, clipping and
 * early stopping. docs/reference.md §4 and §6, docs/architecture.md §5.
 *
 * Training is deterministic. Which configuration is in which slot at which step depends
 * only on the configurations, their order, the number of slots and the answers of
 * `epochs`, never on time. With the same number of threads, results have the same bits,
 * however often training was interrupted and resumed. */
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
    /* The adapter to start from; NULL: a fresh one, from the seed. Everything in its spec
     * except the dropout overrides this configuration's. */
    const ft_adapter *start;
    double learning_rate, weight_decay, max_grad_norm;
    ft_schedule schedule;
    int64_t warmup_steps;
    int32_t epochs, batch_size, window_stride, early_stopping_patience;
    bool window_shift;
    /* A result has the weights of the epoch with the lowest val_loss so far; those of the
     * last epoch without this, or if no val_loss was finite. */
    bool keep_best;
    float model_dropout;
    uint32_t seed;
    /* (n_milestones) shorter trainings that also need a result: numbers of epochs,
     * ascending, each below `epochs`. */
    const int32_t *milestones;
    int32_t n_milestones;
} ft_train_config;

/* A result passed to `results`. Its pointers are valid during the call. */
typedef struct ft_train_result {
    int32_t index;    /* of its configuration */
    ft_status status; /* FT_OK, FT_DIVERGED, FT_INTERRUPTED; then `error` says more */
    const char *error;
    /* where ft_train_read_adapter finds its adapter; NULL: it diverged and has none */
    const struct ft_trainer *trainer;
    int32_t slot;
    ft_adapter_spec spec;    /* of the adapter */
    const ft_epoch *history; /* (n_epochs) finished epochs */
    int32_t n_epochs;
    int32_t best_epoch; /* with the lowest val_loss, from 1; 0: no val_loss was finite */
    int32_t kept_epoch; /* whose weights the adapter has, from 1; 0: no epoch has ended */
    /* this is the last result: trained to its end, stopped early, pruned or failed */
    bool ended;
    bool pruned; /* `epochs` pruned it */
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
    /* The checkpoint file. It is written often, also before results are delivered, so
     * that a crash loses little; training resumes from it where it exists. If it is
     * damaged or belongs to another batch, `say` reports that and training starts from
     * the beginning. A result is delivered again if a crash may have cut its delivery
     * short. NULL: no checkpoints; adapters that are stopped then deliver what they have,
     * with FT_INTERRUPTED. */
    const char *checkpoint;
    /* Receives the results of n configurations that reached a milestone or their end with
     * the same step. Any status other than FT_OK ends all training. In data-parallel
     * training (`comm`) either all ranks call it or none does, and all must return the
     * same status. */
    ft_status (*results)(void *context, const ft_train_result *results, int32_t n, ft_error *err);
    /* Optional. Called after a step that ended epochs of n configurations: sets pruned,
     * (n), all false on entry. It is called again for epochs that a crash has undone and
     * must then give the same answers. Any status other than FT_OK ends all training in
     * the state of the last checkpoint. */
    ft_status (*epochs)(void *context, const int32_t *indices, const ft_epoch *epochs, int32_t n,
                        bool *pruned, ft_error *err);
    /* Optional. Called after each step for every configuration in it, before `epochs`:
     * so_far has the means of the epoch under way (val_loss is NaN); epochs_done is 1.5
     * in the middle of the second epoch. */
    void (*step)(void *context, int32_t index, const ft_epoch *so_far, double epochs_done);
    /* Asked after each step; may be NULL. */
    ft_stop (*stop)(void *context);
    void (*say)(void *context, const char *line); /* a line for people; may be NULL */
    void *context;
    /* The devices that train this batch data-parallel; NULL: this one alone. ft_train is
     * called on each with the same arguments and gives the same results. Rank 0 writes
     * the checkpoints. All ranks stop when one is asked to. */
    ft_comm *comm;
} ft_train_settings;

/* Trains configs, all of one adapter kind; free slots take them in order. A configuration
 * that diverges ends alone. Returns what ended the whole training: FT_INTERRUPTED, no
 * window, no memory, or a failure of the device. */
ft_status ft_train(ft_chronos *model, const ft_weights *base, const ft_series *series, int32_t n_series,
                   const ft_train_config *configs, int32_t n_configs, const ft_train_settings *settings,
                   ft_error *err);

static inline bool ft_train_has_adapter(const ft_train_result *result)
{
    return result->trainer != NULL;
}
/* Reads the adapter of a result that has one, with the weights of kept_epoch; only during
 * the call of `results` that delivers it. The caller frees it. */
ft_status ft_train_read_adapter(const ft_train_result *result, ft_adapter **adapter, ft_error *err);

/* The device memory that ft_train allocates on a backend of these types and pass_rows:
 * adapters with gradients and optimizer state, and the workspace. Of settings->comm only
 * the size matters. *host_bytes: what the best weights of all slots take in the host's
 * memory. */
ft_status ft_train_bytes(ft_dtype real, ft_dtype matrix, int64_t pass_rows, const ft_weights *base,
                         const ft_series *series, int32_t n_series, const ft_train_config *configs,
                         int32_t n_configs, const ft_train_settings *settings, size_t *bytes,
                         size_t *host_bytes, ft_error *err);

#endif
