/* The slots of a training; see trainer_slots.h. */
#include "model/trainer_slots.h"

#include <math.h>
#include <stdlib.h>

ft_window_settings ft_train_windows(const ft_trainer *t, const ft_train_config *config)
{
    return (ft_window_settings){.context_length = t->settings->context_length,
                                .prediction_length = t->settings->prediction_length,
                                .window_stride = config->window_stride,
                                .window_shift = config->window_shift,
                                .seed = config->seed};
}

ft_status ft_slot_load_epoch(ft_trainer *t, int32_t g, int32_t epoch, ft_error *err)
{
    ft_window_settings windows = ft_train_windows(t, ft_slot_config(t, g));
    return ft_windows_train(t->series, t->n_series, &windows, epoch, &t->runners[g].windows, err);
}

ft_status ft_slot_start_epoch(ft_trainer *t, int32_t g, ft_error *err)
{
    ft_slot_state *s = &t->states[g];
    s->next_window = s->epoch_steps = s->tokens = 0;
    s->loss_sum = s->norm_sum = s->seconds = 0;
    return ft_slot_load_epoch(t, g, s->n_epochs, err);
}

ft_status ft_slot_count_steps(ft_trainer *t, int32_t g, ft_error *err)
{
    const ft_train_config *config = ft_slot_config(t, g);
    ft_window_settings windows = ft_train_windows(t, config);
    return ft_windows_count_steps(t->series, t->n_series, &windows, config->epochs, config->batch_size,
                                  &t->runners[g].total_steps, err);
}

bool ft_slot_is_at_milestone(const ft_trainer *t, int32_t g)
{
    const ft_train_config *config = ft_slot_config(t, g);
    for (int32_t i = 0; i < config->n_milestones; i++)
        if (config->milestones[i] == t->states[g].n_epochs) return true;
    return false;
}

bool ft_slot_judge(ft_trainer *t, int32_t g, const ft_epoch *epoch, bool *better)
{
    ft_slot_state *s = &t->states[g];
    int32_t patience = ft_slot_config(t, g)->early_stopping_patience;
    *better = !isnan(epoch->val_loss) && (s->best_epoch == 0 || epoch->val_loss < s->best_val_loss);
    s->epochs_without_gain = *better ? 0 : s->epochs_without_gain + 1;
    if (*better) {
        s->best_val_loss = epoch->val_loss;
        s->best_epoch = epoch->epoch;
    }
    return patience > 0 && !isnan(epoch->val_loss) && s->epochs_without_gain >= patience;
}

void ft_slot_free(ft_trainer *t, int32_t g)
{
    free(t->states[g].history);
    free(t->states[g].best);
    t->states[g] = (ft_slot_state){.config = -1};
}

/* Writes the starting weights of the slot's configuration to the device. */
static ft_status place_adapter(ft_trainer *t, int32_t g, ft_error *err)
{
    const ft_train_config *config = ft_slot_config(t, g);
    ft_adapter_spec spec = ft_train_spec(config);
    ft_adapter *fresh = NULL;
    ft_status status = FT_OK;
    if (config->start) {
        ft_adapter with_dropout = *config->start;
        with_dropout.spec.dropout = spec.dropout;
        status = ft_trainable_write(t->trainable, g, &with_dropout, err);
    } else {
        status = ft_adapter_init(&spec, t->base, config->seed, &fresh, err);
        if (status == FT_OK) status = ft_trainable_write(t->trainable, g, fresh, err);
        ft_adapter_free(fresh);
    }
    if (status == FT_OK) ft_trainable_repack(t->trainable);
    return status;
}

ft_status ft_slots_fill(ft_trainer *t, ft_error *err)
{
    ft_status status = FT_OK;
    for (int32_t g = 0; g < t->n_slots && t->next < t->n_configs && status == FT_OK; g++) {
        ft_slot_state *s = &t->states[g];
        if (ft_slot_is_live(t, g)) continue;
        *s = (ft_slot_state){.config = t->next++};
        size_t bytes = (size_t)ft_slot_config(t, g)->epochs * sizeof *s->history;
        s->history = calloc(1, bytes);
        status =
            s->history ? ft_slot_count_steps(t, g, err) : ft_no_memory(err, "the training history", bytes);
        if (status == FT_OK) status = place_adapter(t, g, err);
        if (status == FT_OK) status = ft_slot_start_epoch(t, g, err);
    }
    return status;
}

bool ft_slots_any_live(const ft_trainer *t)
{
    for (int32_t g = 0; g < t->n_slots; g++)
        if (ft_slot_is_live(t, g)) return true;
    return false;
}

ft_status ft_train_read_adapter(const ft_train_result *result, ft_adapter **adapter, ft_error *err)
{
    const ft_trainer *t = result->trainer;
    ft_backend *backend = t->model->backend;
    ft_tensor row = ft_trainable_row(t->trainable, t->trainable->params, result->slot);
    size_t bytes = (size_t)t->trainable->n_params * sizeof(float);
    const float *best = t->states[result->slot].best;
    float *last = NULL;
    ft_status status = ft_adapter_create(&result->spec, t->base, adapter, err);
    if (status == FT_OK && best) {
        /* The best weights pass through the slot's row, which training may still need. */
        last = malloc(bytes);
        status =
            last ? ft_read_tensor(backend, row, last, err) : ft_no_memory(err, "the best weights", bytes);
        if (status == FT_OK) status = ft_write_tensor(backend, row, best, err);
    }
    if (status == FT_OK) status = ft_trainable_read(t->trainable, result->slot, *adapter, err);
    if (status == FT_OK && best) status = ft_write_tensor(backend, row, last, err);
    free(last);
    if (status == FT_OK) return FT_OK;
    ft_adapter_free(*adapter);
    *adapter = NULL;
    return status;
}

/* The result of slot g, which ended with this status. */
static ft_train_result result_of(const ft_trainer *t, int32_t g, ft_status ended)
{
    const ft_slot_state *s = &t->states[g];
    return (ft_train_result){.index = s->config,
                             .status = ended,
                             .error = t->reasons[g].message,
                             .trainer = ended == FT_DIVERGED ? NULL : t,
                             .slot = g,
                             .spec = ft_train_spec(ft_slot_config(t, g)),
                             .history = s->history,
                             .n_epochs = s->n_epochs,
                             .best_epoch = s->best_epoch,
                             .kept_epoch = s->best ? s->best_epoch : s->n_epochs,
                             .ended = s->ended != FT_TRAINING || ended != FT_OK,
                             .pruned = s->ended == FT_TRAINING_PRUNED};
}

/* The result of slot g that is due. */
static ft_train_result due_result(ft_trainer *t, int32_t g)
{
    const ft_slot_state *s = &t->states[g];
    t->reasons[g] = (ft_error){""};
    if (s->ended != FT_TRAINING_DIVERGED) return result_of(t, g, FT_OK);
    ft_fail(&t->reasons[g], FT_DIVERGED,
            "the training loss became %s in epoch %d, step %lld (lower learning_rate)",
            isinf(s->loss_sum) ? "infinite" : "NaN", s->n_epochs + 1, (long long)s->step);
    return result_of(t, g, FT_DIVERGED);
}

/* Delivers the first n of t->results. */
static ft_status deliver(ft_trainer *t, int32_t n, ft_error *err)
{
    if (n == 0) return FT_OK;
    ft_status status = t->settings->results(t->settings->context, t->results, n, err);
    /* The receiver of the results may have packed other weights. */
    ft_trainable_repack(t->trainable);
    return status;
}

ft_status ft_slots_hand_over(ft_trainer *t, ft_error *err)
{
    int32_t n = 0;
    for (int32_t g = 0; g < t->n_slots; g++)
        if (ft_slot_is_live(t, g) && t->states[g].due) t->results[n++] = due_result(t, g);
    ft_status status = deliver(t, n, err);
    for (int32_t k = 0; k < n; k++) {
        const int32_t g = t->results[k].slot;
        t->states[g].due = false;
        if (status == FT_OK && t->states[g].ended != FT_TRAINING) ft_slot_free(t, g);
    }
    return status;
}

ft_status ft_slots_interrupt(ft_trainer *t, ft_error *err)
{
    ft_status status = ft_slots_checkpoint(t, err);
    int32_t n = 0;
    for (int32_t g = 0; g < t->n_slots && !t->settings->checkpoint; g++) {
        if (!ft_slot_is_live(t, g)) continue;
        ft_fail(&t->reasons[g], FT_INTERRUPTED, "interrupted after epoch %d of %d", t->states[g].n_epochs,
                ft_slot_config(t, g)->epochs);
        t->results[n++] = result_of(t, g, FT_INTERRUPTED);
    }
    if (status == FT_OK) status = deliver(t, n, err);
    return status == FT_OK ? ft_fail(err, FT_INTERRUPTED, "interrupted") : status;
}
