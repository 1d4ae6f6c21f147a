/* The trainer's checkpoint: written between two steps; a later start resumes from it.
 *
 * A checkpoint is used only if every number in it agrees with the configurations and with
 * the other numbers. A wrong number would be an index out of bounds, or give results that
 * no uninterrupted training has. So the state must be one that this training reaches
 * after some step. */
#include <math.h>
#include <stdlib.h>

#include "base/checksum.h"
#include "base/clock.h"
#include "base/file.h"
#include "model/trainer_slots.h"

/* Changes with the order of tensors in a row of parameters (model/trainable.h), so that a
 * checkpoint of another order is not read. */
enum { ROW_ORDER = 2 };

/* A number that identifies everything the results depend on: settings, configurations,
 * the base model, the data. */
static uint32_t batch_number(const ft_trainer *t)
{
    const ft_train_settings *settings = t->settings;
    const double shape[] = {ROW_ORDER,
                            settings->context_length,
                            settings->prediction_length,
                            (double)settings->eval_windows,
                            t->n_slots,
                            t->n_configs,
                            t->n_series,
                            t->base->checksum};
    uint32_t number = ft_checksum(0, shape, sizeof shape);
    for (int32_t i = 0; i < t->n_configs; i++) {
        const ft_train_config *c = &t->configs[i];
        const ft_adapter_spec spec = ft_train_spec(c);
        const double values[] = {spec.kind,
                                 spec.rank,
                                 (double)spec.alpha,
                                 (double)spec.dropout,
                                 spec.use_rslora,
                                 spec.targets,
                                 c->start != NULL,
                                 c->learning_rate,
                                 c->weight_decay,
                                 c->max_grad_norm,
                                 c->schedule,
                                 (double)c->warmup_steps,
                                 c->epochs,
                                 c->batch_size,
                                 c->window_stride,
                                 c->early_stopping_patience,
                                 c->window_shift,
                                 c->keep_best,
                                 (double)c->model_dropout,
                                 c->seed,
                                 c->n_milestones};
        number = ft_checksum(number, values, sizeof values);
        if (c->n_milestones > 0)
            number = ft_checksum(number, c->milestones, (size_t)c->n_milestones * sizeof *c->milestones);
    }
    for (int32_t i = 0; i < t->n_series; i++) {
        const ft_series *s = &t->series[i];
        number = ft_checksum(number, s->split_start, sizeof s->split_start);
        number = ft_checksum(number, s->values, (size_t)s->split_start[FT_SPLITS] * sizeof *s->values);
    }
    return number;
}

ft_status ft_slots_checkpoint(ft_trainer *t, ft_error *err)
{
    if (!t->settings->checkpoint || (t->settings->comm && t->settings->comm->rank != 0)) return FT_OK;
    double started = ft_now_seconds();
    ft_status status =
        ft_checkpoint_write(t->settings->checkpoint, t->batch, t->trainable, t->states, t->next, err);
    t->checkpoint_time = ft_now_seconds();
    t->checkpoint_cost = t->checkpoint_time - started;
    return status;
}

/* Each function below returns what is wrong, or NULL. */

/* Checks which configurations are in slots: slots take them in order, and no slot is free
 * while a configuration waits. */
static const char *wrong_slots(const ft_trainer *t)
{
    int32_t n_before_last = 0;
    if (!ft_slots_any_live(t)) return "nothing is left to do in it";
    for (int32_t g = 0; g < t->n_slots; g++) {
        int32_t config = t->states[g].config;
        if (config < 0 && t->next < t->n_configs) return "a slot is free though a configuration waits";
        if (config >= t->next) return "a configuration in a slot waits for one";
        n_before_last += config >= 0 && config < t->next - 1;
        for (int32_t other = 0; other < g && config >= 0; other++)
            if (t->states[other].config == config) return "a configuration is in two slots";
    }
    /* When the last configuration got its slot, an earlier one had left it. */
    return n_before_last < t->n_slots ? NULL : "a configuration is gone without a slot";
}

/* Checks the finished epochs and sets what follows from them. *stops: early stopping ends
 * the training after the last one. */
static const char *wrong_history(ft_trainer *t, int32_t g, bool *stops)
{
    ft_slot_state *s = &t->states[g];
    *stops = false;
    for (int32_t e = 0; e < s->n_epochs; e++) {
        const ft_epoch *epoch = &s->history[e];
        bool better;
        if (*stops) return "early stopping would have ended the training before";
        if (epoch->epoch != e + 1) return "its epochs are not in order";
        if (!isfinite(epoch->loss) || !isfinite(epoch->learning_rate) || !(epoch->seconds >= 0) ||
            epoch->tokens_per_second < 0)
            return "an epoch's numbers cannot be";
        *stops = ft_slot_judge(t, g, epoch, &better);
    }
    bool keeps_best = ft_slot_config(t, g)->keep_best && s->best_epoch > 0;
    return keeps_best == (s->best != NULL) ? NULL : "the best weights do not fit its epochs";
}

/* Checks whether the training has ended as the state says, and whether a result is
 * due. */
static const char *wrong_end(ft_trainer *t, int32_t g, bool stops)
{
    const ft_slot_state *s = &t->states[g];
    const ft_train_config *config = ft_slot_config(t, g);
    bool is_last = s->n_epochs == config->epochs || stops;
    bool goes_on = s->ended == FT_TRAINING || s->ended == FT_TRAINING_DIVERGED;
    if (goes_on && is_last) return "it goes on after its last epoch";
    if (s->ended == FT_TRAINED && !is_last) return "it ends before its last epoch";
    if (s->ended == FT_TRAINING_PRUNED && (is_last || s->n_epochs == 0)) return "it cannot be pruned there";
    if (isfinite(s->loss_sum) == (s->ended == FT_TRAINING_DIVERGED)) return "its loss does not fit its end";
    if (s->ended != FT_TRAINING) return s->due ? NULL : "it has ended and no result is due";
    return s->due && !(ft_slot_is_at_milestone(t, g) && s->next_window == 0)
               ? "a result is due where there is none"
               : NULL;
}

/* Checks the position in the current or just finished epoch, whose windows are in the
 * runner. `before`: steps of the epochs before it. */
static const char *wrong_position(const ft_trainer *t, int32_t g, bool is_over, int64_t before)
{
    const ft_slot_state *s = &t->states[g];
    int64_t count = t->runners[g].windows.count, batch_size = ft_slot_config(t, g)->batch_size;
    int64_t longest = (int64_t)t->settings->context_length + t->settings->prediction_length + 2;
    bool is_at_end = s->next_window == count;
    if (s->next_window > count || is_over > is_at_end || (s->ended == FT_TRAINING && is_at_end))
        return "its next window is not in its epoch";
    if (!is_at_end && s->next_window % batch_size != 0) return "its next window begins no step";
    if (s->epoch_steps != (s->next_window + batch_size - 1) / batch_size ||
        s->step != before + s->epoch_steps)
        return "its steps do not fit its windows";
    bool has_begun = s->epoch_steps > 0;
    if (s->tokens > s->next_window * longest || (s->tokens > 0) != has_begun ||
        !(s->seconds >= 0 && isfinite(s->seconds)) || !isfinite(s->last_learning_rate) ||
        (!has_begun && (s->loss_sum != 0 || s->norm_sum != 0 || s->seconds != 0)))
        return "the sums of its epoch cannot be";
    return NULL;
}

static ft_status unusable(const ft_trainer *t, int32_t g, const char *why, ft_error *err)
{
    return ft_fail(err, FT_BAD_INPUT, "%s: slot %d: %s", t->settings->checkpoint, g + 1, why);
}

/* Checks a slot, and rebuilds what belongs to its state. */
static ft_status resume_slot(ft_trainer *t, int32_t g, ft_error *err)
{
    const ft_slot_state *s = &t->states[g];
    const ft_train_config *config = ft_slot_config(t, g);
    ft_window_settings windows = ft_train_windows(t, config);
    bool stops, is_over = s->ended == FT_TRAINED || s->ended == FT_TRAINING_PRUNED;
    const char *wrong = wrong_history(t, g, &stops);
    if (!wrong) wrong = wrong_end(t, g, stops);
    if (wrong) return unusable(t, g, wrong, err);
    int32_t epoch = s->n_epochs - is_over;
    int64_t before = 0;
    ft_status status = ft_slot_load_epoch(t, g, epoch, err);
    if (status == FT_OK)
        status =
            ft_windows_count_steps(t->series, t->n_series, &windows, epoch, config->batch_size, &before, err);
    if (status != FT_OK) return status;
    wrong = wrong_position(t, g, is_over, before);
    if (wrong) return unusable(t, g, wrong, err);
    ft_adapter_spec spec = ft_train_spec(config);
    ft_trainable_describe(t->trainable, g, &spec);
    return ft_slot_count_steps(t, g, err);
}

ft_status ft_slots_resume(ft_trainer *t, ft_error *err)
{
    const char *path = t->settings->checkpoint;
    if (!path) return FT_OK;
    t->batch = batch_number(t);
    bool exists = false;
    ft_status status = ft_path_exists(path, &exists, err);
    if (status != FT_OK || !exists) return status;
    int32_t *max_epochs = malloc((size_t)t->n_configs * sizeof *max_epochs);
    if (!max_epochs) return ft_no_memory(err, "a checkpoint", (size_t)t->n_configs * sizeof *max_epochs);
    for (int32_t i = 0; i < t->n_configs; i++) max_epochs[i] = t->configs[i].epochs;
    status =
        ft_checkpoint_read(path, t->batch, t->trainable, max_epochs, t->n_configs, t->states, &t->next, err);
    free(max_epochs);
    const char *wrong = status == FT_OK ? wrong_slots(t) : NULL;
    if (wrong) status = ft_fail(err, FT_BAD_INPUT, "%s: %s", path, wrong);
    for (int32_t g = 0; g < t->n_slots && status == FT_OK; g++)
        if (ft_slot_is_live(t, g)) status = resume_slot(t, g, err);
    if (status == FT_OK) ft_trainable_repack(t->trainable);
    t->checkpoint_time = ft_now_seconds();
    return status;
}

void ft_slots_start_over(ft_trainer *t)
{
    for (int32_t g = 0; g < t->n_slots; g++) ft_slot_free(t, g);
    t->next = 0;
}
