/* Trains an adapter batch; see trainer.h.
 *
 * In every step each slot contributes the next windows of its own epoch. An empty slot
 * contributes none and takes no rows in the matrix products. Between two steps, finished
 * epochs are evaluated, results are delivered, and free slots are filled. */
#include "model/trainer.h"

#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "model/data_parallel_shard.h"
#include "model/trainer_slots.h"
#include "model/window_batch.h"

/* While no result is due, write a checkpoint when the last one is this many times older
 * than it took to write. */
static const double CHECKPOINT_SHARE = 20;

/* Updates early stopping, which may set *stop, and keeps the best weights where the
 * configuration asks for them. */
static ft_status judge_epoch(ft_trainer *t, int32_t g, const ft_epoch *record, bool *stop, ft_error *err)
{
    ft_slot_state *s = &t->states[g];
    bool better;
    *stop = ft_slot_judge(t, g, record, &better);
    if (!better || !ft_slot_config(t, g)->keep_best) return FT_OK;
    size_t bytes = (size_t)t->trainable->n_params * sizeof *s->best;
    if (!s->best) s->best = malloc(bytes);
    if (!s->best) return ft_no_memory(err, "the best weights", bytes);
    return ft_read_tensor(t->model->backend, ft_trainable_row(t->trainable, t->trainable->params, g), s->best,
                          err);
}

/* The record of the epoch that a slot is in, over its steps so far. */
static ft_epoch epoch_of(const ft_slot_state *s, double val_loss)
{
    double steps = (double)s->epoch_steps;
    return (ft_epoch){.epoch = s->n_epochs + 1,
                      .loss = s->loss_sum / steps,
                      .val_loss = val_loss,
                      .learning_rate = s->last_learning_rate,
                      .grad_norm = s->norm_sum / steps,
                      .seconds = s->seconds,
                      .tokens_per_second = s->seconds > 0 ? (double)s->tokens / s->seconds : NAN};
}

/* The epoch's record; `stop`: early stopping ends the training. */
static ft_status end_epoch(ft_trainer *t, int32_t g, double val_loss, bool *stop, ft_error *err)
{
    ft_slot_state *s = &t->states[g];
    ft_epoch *record = &s->history[s->n_epochs];
    *record = epoch_of(s, val_loss);
    s->n_epochs++;
    return judge_epoch(t, g, record, stop, err);
}

/* Decides what follows an epoch: another epoch, a result, or the end. */
static ft_status follow_epoch(ft_trainer *t, int32_t g, bool stop, bool prune, ft_error *err)
{
    ft_slot_state *s = &t->states[g];
    const ft_train_config *config = ft_slot_config(t, g);
    if (s->n_epochs == config->epochs || stop)
        s->ended = FT_TRAINED;
    else if (prune)
        s->ended = FT_TRAINING_PRUNED;
    s->due = s->ended != FT_TRAINING || ft_slot_is_at_milestone(t, g);
    return s->ended == FT_TRAINING ? ft_slot_start_epoch(t, g, err) : FT_OK;
}

/* Makes all ranks prune what any rank prunes. */
static ft_status agree_on_pruned(ft_trainer *t, int32_t n, ft_error *err)
{
    ft_comm *comm = t->settings->comm;
    if (!comm) return FT_OK;
    double *votes = t->val_loss; /* whose values are in the history by now */
    for (int32_t k = 0; k < n; k++) votes[k] = t->pruned[k];
    ft_status status = comm->all_reduce_host(comm, votes, (size_t)n, err);
    for (int32_t k = 0; k < n; k++) t->pruned[k] = votes[k] > 0;
    return status;
}

static ft_status end_epochs(ft_trainer *t, int32_t n, ft_error *err)
{
    ft_evaluated of = {.adapters = t->ended,
                       .n_adapters = n,
                       .tokenizer = t->tokenizer,
                       .series = t->series,
                       .context_length = t->settings->context_length,
                       .prediction_length = t->settings->prediction_length};
    ft_status status = ft_stepper_evaluate(t->stepper, &of, &t->validation, t->val_loss, err);
    for (int32_t k = 0; k < n && status == FT_OK; k++)
        status = end_epoch(t, t->ended[k], t->val_loss[k], &t->stop[k], err);
    if (status != FT_OK) return status;
    for (int32_t k = 0; k < n; k++) {
        const ft_slot_state *s = &t->states[t->ended[k]];
        t->indices[k] = s->config;
        t->epochs[k] = s->history[s->n_epochs - 1];
        t->pruned[k] = false;
    }
    if (t->settings->epochs)
        status = t->settings->epochs(t->settings->context, t->indices, t->epochs, n, t->pruned, err);
    if (status == FT_OK) status = agree_on_pruned(t, n, err);
    for (int32_t k = 0; k < n && status == FT_OK; k++)
        status = follow_epoch(t, t->ended[k], t->stop[k], t->pruned[k], err);
    return status;
}

/* After a step in which a training diverged: the next batch, which has windows of it, is
 * dropped. If its step is queued, it has changed nothing. */
static ft_status drop_next_batch(ft_trainer *t, ft_error *err)
{
    ft_status status = t->is_queued ? ft_stepper_drop_next(t->stepper, err) : FT_OK;
    t->has_next = t->is_queued = false;
    return status;
}

/* Ends the epochs that the last step has finished, and trainings that diverged in it. */
static ft_status after_step(ft_trainer *t, int32_t *n_ended, ft_error *err)
{
    bool diverged = false;
    *n_ended = 0;
    for (int32_t g = 0; g < t->n_slots; g++) {
        ft_slot_state *s = &t->states[g];
        if (!ft_slot_is_live(t, g)) continue;
        if (!isfinite(s->loss_sum)) {
            s->ended = FT_TRAINING_DIVERGED;
            s->due = true;
            diverged = true;
        } else if (s->next_window == t->runners[g].windows.count) {
            t->ended[(*n_ended)++] = g;
        }
    }
    ft_status status = diverged ? drop_next_batch(t, err) : FT_OK;
    return status == FT_OK && *n_ended > 0 ? end_epochs(t, *n_ended, err) : status;
}

static int64_t context_of(const ft_window_use *use)
{
    return use->window->label_start - use->window->context_start;
}

/* Sorts by context length, so that the micro-batches of a step share padding that can be
 * cut off; equal lengths keep their order. */
static int by_context(const void *a, const void *b)
{
    const ft_window_use *x = a, *y = b;
    if (context_of(x) != context_of(y)) return context_of(x) < context_of(y) ? -1 : 1;
    return x->window < y->window ? -1 : x->window > y->window;
}

/* The next windows of every live slot, slot by slot. */
static int32_t gather(const ft_trainer *t)
{
    int32_t n = 0;
    for (int32_t g = 0; g < t->n_slots; g++) {
        const ft_slot_state *s = &t->states[g];
        if (!ft_slot_is_live(t, g)) continue;
        const ft_window_list *windows = &t->runners[g].windows;
        int64_t left = windows->count - s->next_window, batch_size = ft_slot_config(t, g)->batch_size;
        int64_t take = left < batch_size ? left : batch_size;
        for (int64_t i = 0; i < take; i++)
            t->uses[n++] = (ft_window_use){&windows->windows[s->next_window + i], g};
        qsort(t->uses + n - take, (size_t)take, sizeof *t->uses, by_context);
    }
    return n;
}

static void tokenize_next_windows(const ft_trainer *t, ft_inputs *in)
{
    ft_window_batch(in, t->tokenizer, t->series, t->uses, gather(t), t->settings->context_length,
                    t->settings->prediction_length);
}

/* Makes the batch of this step, unless it was made during the last one, and moves the
 * slots on to the windows after it. */
static void take_batch(ft_trainer *t)
{
    if (t->has_next)
        ft_stepper_take_next(t->stepper);
    else
        tokenize_next_windows(t, ft_stepper_inputs(t->stepper));
    t->has_next = false;
    const ft_inputs *in = ft_stepper_inputs(t->stepper);
    for (int32_t g = 0; g < t->n_slots; g++)
        t->states[g].next_window += in->sequence_start[g + 1] - in->sequence_start[g];
}

/* While the device computes: makes the next batch, where this step ends no epoch. */
static void make_next_batch(ft_trainer *t)
{
    for (int32_t g = 0; g < t->n_slots; g++)
        if (ft_slot_is_live(t, g) && t->states[g].next_window == t->runners[g].windows.count) return;
    tokenize_next_windows(t, ft_stepper_next_inputs(t->stepper));
    t->has_next = true;
}

static double learning_rate_of(const ft_trainer *t, int32_t g, int64_t step)
{
    const ft_train_config *config = ft_slot_config(t, g);
    return config->learning_rate *
           ft_schedule_factor(config->schedule, step, config->warmup_steps, t->runners[g].total_steps);
}

/* Sets the random-number keys and learning rates of a step: of this one, or of the one
 * that is `ahead` steps later. */
static void set_rates(const ft_trainer *t, int64_t ahead, ft_inputs *in)
{
    for (int32_t g = 0; g < t->n_slots; g++) {
        ft_step_rates rates = {0};
        if (ft_slot_is_live(t, g)) {
            const ft_train_config *config = ft_slot_config(t, g);
            const int64_t step = t->states[g].step + ahead;
            in->seed[g] = config->seed;
            in->step[g] = (uint32_t)step;
            in->model_dropout[g] = config->model_dropout;
            rates = (ft_step_rates){(float)learning_rate_of(t, g, step), (float)config->weight_decay,
                                    (float)config->max_grad_norm};
        }
        ft_inputs_set_rates(in, g, rates);
    }
}

/* Adds the last step to its adapters' epochs. The time of a shared step is divided by
 * sequences. */
static void account(ft_trainer *t, double seconds)
{
    const ft_inputs *in = ft_stepper_inputs(t->stepper);
    int64_t tokens = in->encoder_length + in->decoder_length;
    for (int32_t g = 0; g < t->n_slots; g++) {
        ft_slot_state *s = &t->states[g];
        if (!ft_slot_is_live(t, g)) continue;
        int32_t sequences = in->sequence_start[g + 1] - in->sequence_start[g];
        s->last_learning_rate = learning_rate_of(t, g, s->step);
        s->step++;
        s->epoch_steps++;
        s->loss_sum += ft_stepper_loss(t->stepper, g);
        s->norm_sum += ft_stepper_grad_norm(t->stepper, g);
        s->seconds += seconds * (double)sequences / (double)in->n_sequences;
        s->tokens += tokens * sequences;
    }
}

static void report_step(const ft_trainer *t)
{
    for (int32_t g = 0; g < t->n_slots && t->settings->step; g++) {
        const ft_slot_state *s = &t->states[g];
        if (!ft_slot_is_live(t, g)) continue;
        const ft_epoch so_far = epoch_of(s, NAN);
        const double share = (double)s->next_window / (double)t->runners[g].windows.count;
        t->settings->step(t->settings->context, s->config, &so_far, s->n_epochs + share);
    }
}

/* Queues the step of the batch that was taken, unless it was queued during the last
 * one. */
static ft_status queue_step(ft_trainer *t, ft_error *err)
{
    if (t->is_queued) {
        t->is_queued = false;
        return FT_OK;
    }
    set_rates(t, 0, ft_stepper_inputs(t->stepper));
    return ft_stepper_queue(t->stepper, err);
}

/* Queues the step after this one, so that the device need not wait for the host between
 * them. */
static ft_status queue_next_step(ft_trainer *t, ft_error *err)
{
    set_rates(t, 1, ft_stepper_next_inputs(t->stepper));
    t->is_queued = true;
    return ft_stepper_queue_next(t->stepper, err);
}

/* goes_on: training does not stop after this step. */
static ft_status train_step(ft_trainer *t, bool goes_on, ft_error *err)
{
    double started = ft_now_seconds();
    take_batch(t);
    ft_status status = queue_step(t, err);
    if (status == FT_OK) make_next_batch(t);
    if (status == FT_OK && goes_on && t->has_next && ft_stepper_runs_ahead(t->stepper))
        status = queue_next_step(t, err);
    if (status == FT_OK) status = ft_stepper_finish(t->stepper, err);
    if (status == FT_OK) account(t, ft_now_seconds() - started);
    if (status == FT_OK) report_step(t);
    return status;
}

static bool any_due(const ft_trainer *t)
{
    for (int32_t g = 0; g < t->n_slots; g++)
        if (ft_slot_is_live(t, g) && t->states[g].due) return true;
    return false;
}

static bool checkpoint_is_old(const ft_trainer *t)
{
    return ft_now_seconds() - t->checkpoint_time >= CHECKPOINT_SHARE * t->checkpoint_cost;
}

static bool has_to_stop(const ft_trainer *t, int32_t n_ended)
{
    ft_stop how = t->settings->stop ? t->settings->stop(t->settings->context) : FT_STOP_NOT;
    return how == FT_STOP_NOW || (how == FT_STOP_AT_EPOCH && n_ended > 0);
}

/* Trains from the state in the slots to the last result. Where one rank fails between two
 * steps, all learn of it before the next step; where it fails within a step, the others
 * learn of it through their communicator. */
static ft_status train_all(ft_trainer *t, ft_error *err)
{
    ft_comm *comm = t->settings->comm;
    /* the start counts as an epoch's end, so training may stop here */
    int32_t n_ended = 1;
    bool stop = false;
    ft_status status = FT_OK, between = FT_OK;
    while (status == FT_OK) {
        /* either all ranks deliver results or none does */
        if (any_due(t)) between = ft_comm_agree(comm, between, NULL, err);
        if (between == FT_OK) between = ft_slots_hand_over(t, err);
        if (between == FT_OK) between = ft_slots_fill(t, err);
        stop = stop || (between == FT_OK && ft_slots_any_live(t) && has_to_stop(t, n_ended));
        status = ft_comm_agree(comm, between, &stop, err);
        if (status != FT_OK || !ft_slots_any_live(t)) break;
        /* a step that is queued is trained first */
        if (stop && !t->is_queued) return ft_slots_interrupt(t, err);
        status = train_step(t, !stop, err);
        if (status == FT_OK) status = after_step(t, &n_ended, err);
        if (status != FT_OK && comm) comm->abort(comm);
        if (status == FT_OK && (any_due(t) || (n_ended > 0 && checkpoint_is_old(t))))
            between = ft_slots_checkpoint(t, err);
    }
    return status;
}

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

/* The most sequences that a step can have: what the largest configurations that fit the
 * slots fill. */
static ft_status most_sequences(ft_trainer *t, int32_t *n_sequences, ft_error *err)
{
    int64_t *fills = malloc((size_t)t->n_configs * sizeof *fills), sum = 0;
    if (!fills) return ft_no_memory(err, "the trainer", (size_t)t->n_configs * sizeof *fills);
    ft_window_list list = {0};
    ft_status status = FT_OK;
    for (int32_t i = 0; i < t->n_configs && status == FT_OK; i++) {
        ft_window_settings windows = ft_train_windows(t, &t->configs[i]);
        status = ft_windows_train(t->series, t->n_series, &windows, 0, &list, err);
        /* an epoch's shift may gain one window a series */
        int64_t most = list.count + t->n_series;
        fills[i] = most < t->configs[i].batch_size ? most : t->configs[i].batch_size;
    }
    if (status == FT_OK) {
        qsort(fills, (size_t)t->n_configs, sizeof *fills, by_size);
        for (int32_t g = 0; g < t->n_slots; g++) sum += fills[g];
        *n_sequences = (int32_t)sum;
        t->uses = calloc((size_t)sum, sizeof *t->uses);
        if (!t->uses) status = ft_no_memory(err, "the trainer", (size_t)sum * sizeof *t->uses);
    }
    ft_window_list_free(&list);
    free(fills);
    return status;
}

/* Reserves memory for adapters of all configurations' shapes, or only measures it. */
typedef ft_status make_room(ft_chronos *model, const ft_adapter_spec *const *specs, int32_t n_specs,
                            int32_t n_adapters, bool for_training, ft_trainable **trainable, ft_error *err);

static ft_status reserve_adapters(ft_trainer *t, make_room *make, ft_error *err)
{
    size_t n = (size_t)t->n_configs;
    ft_adapter_spec *specs = calloc(n, sizeof *specs);
    const ft_adapter_spec **pointers = calloc(n, sizeof *pointers);
    ft_status status = specs && pointers ? FT_OK : ft_no_memory(err, "the trainer", n * sizeof *specs);
    for (size_t i = 0; i < n && status == FT_OK; i++) {
        specs[i] = ft_train_spec(&t->configs[i]);
        pointers[i] = &specs[i];
    }
    if (status == FT_OK)
        status = make(t->model, pointers, t->n_configs, t->n_slots, true, &t->trainable, err);
    if (status == FT_OK) t->trainable->comm = t->settings->comm;
    free(pointers);
    free(specs);
    return status;
}

static ft_status open_trainer(ft_trainer *t, ft_error *err)
{
    size_t n = (size_t)t->n_slots;
    t->states = calloc(n, sizeof *t->states);
    t->runners = calloc(n, sizeof *t->runners);
    t->ended = calloc(n, sizeof *t->ended);
    t->indices = calloc(n, sizeof *t->indices);
    t->epochs = calloc(n, sizeof *t->epochs);
    t->val_loss = calloc(n, sizeof *t->val_loss);
    t->stop = calloc(n, sizeof *t->stop);
    t->pruned = calloc(n, sizeof *t->pruned);
    t->results = calloc(n, sizeof *t->results);
    t->reasons = calloc(n, sizeof *t->reasons);
    if (!t->states || !t->runners || !t->ended || !t->indices || !t->epochs || !t->val_loss || !t->stop ||
        !t->pruned || !t->results || !t->reasons)
        return ft_no_memory(err, "the trainer", n * sizeof *t->states);
    for (int32_t g = 0; g < t->n_slots; g++) t->states[g].config = -1;
    ft_window_settings windows = {t->settings->context_length, t->settings->prediction_length,
                                  t->settings->prediction_length, false, 0};
    int32_t n_sequences = 0;
    ft_status status = ft_tokenizer_create(&t->base->config.chronos, &t->tokenizer, err);
    if (status == FT_OK)
        status = ft_windows_evaluate(t->series, t->n_series, &windows, FT_SPLIT_VALIDATION,
                                     t->settings->eval_windows, &t->validation, err);
    if (status == FT_OK) status = most_sequences(t, &n_sequences, err);
    if (status == FT_OK) status = reserve_adapters(t, ft_trainable_reserve, err);
    if (status == FT_OK)
        status = ft_stepper_create(t->trainable, n_sequences, t->settings->context_length + 1,
                                   t->settings->prediction_length + 1, &t->stepper, err);
    return status;
}

/* Makes the ranks agree on the checkpoint: each has read it itself, and a file system may
 * show one of them an old one. */
static ft_status agree_on_checkpoint(ft_trainer *t, ft_error *err)
{
    ft_comm *comm = t->settings->comm;
    if (!comm || comm->size == 1 || !t->settings->checkpoint) return FT_OK;
    double steps = t->next, all;
    for (int32_t g = 0; g < t->n_slots; g++)
        if (ft_slot_is_live(t, g)) steps += (double)t->states[g].step;
    all = steps;
    ft_status status = comm->all_reduce_host(comm, &all, 1, err);
    if (status == FT_OK && all != steps * comm->size)
        status = ft_fail(err, FT_FAILED, "%s: the ranks have different checkpoints of that name",
                         t->settings->checkpoint);
    return ft_comm_agree(comm, status, NULL, err);
}

/* Resumes from the checkpoint. If any rank cannot use it, all ranks start from the
 * beginning. */
static ft_status resume(ft_trainer *t, ft_error *err)
{
    const ft_train_settings *settings = t->settings;
    ft_error why = {""}, line;
    ft_status status = ft_slots_resume(t, &why);
    bool unusable = status == FT_BAD_INPUT, any_unusable = unusable;
    if (err) *err = why;
    status = ft_comm_agree(settings->comm, unusable ? FT_OK : status, &any_unusable, err);
    if (status != FT_OK || !any_unusable) return status == FT_OK ? agree_on_checkpoint(t, err) : status;
    ft_slots_start_over(t);
    if (!unusable) ft_fail(&why, FT_BAD_INPUT, "%s: another rank cannot use it", settings->checkpoint);
    ft_fail(&line, FT_BAD_INPUT, "%s; training starts from the beginning", why.message);
    if (settings->say) settings->say(settings->context, line.message);
    return FT_OK;
}

static void close_trainer(ft_trainer *t)
{
    ft_stepper_free(t->stepper);
    ft_trainable_free(t->trainable);
    for (int32_t g = 0; g < t->n_slots; g++) {
        if (t->states) ft_slot_free(t, g);
        if (t->runners) ft_window_list_free(&t->runners[g].windows);
    }
    ft_window_list_free(&t->validation);
    ft_tokenizer_free(t->tokenizer);
    free(t->uses);
    free(t->reasons);
    free(t->results);
    free(t->pruned);
    free(t->stop);
    free(t->val_loss);
    free(t->epochs);
    free(t->indices);
    free(t->ended);
    free(t->runners);
    free(t->states);
}

static ft_trainer make_trainer(ft_chronos *model, const ft_weights *base, const ft_series *series,
                               int32_t n_series, const ft_train_config *configs, int32_t n_configs,
                               const ft_train_settings *settings)
{
    int32_t slots = settings->slots > 0 && settings->slots < n_configs ? settings->slots : n_configs;
    return (ft_trainer){.model = model,
                        .base = base,
                        .series = series,
                        .configs = configs,
                        .n_series = n_series,
                        .n_configs = n_configs,
                        .n_slots = slots,
                        .settings = settings,
                        .checkpoint_time = ft_now_seconds()};
}

ft_status ft_train(ft_chronos *model, const ft_weights *base, const ft_series *series, int32_t n_series,
                   const ft_train_config *configs, int32_t n_configs, const ft_train_settings *settings,
                   ft_error *err)
{
    ft_trainer t = make_trainer(model, base, series, n_series, configs, n_configs, settings);
    ft_status status = ft_comm_agree(settings->comm, open_trainer(&t, err), NULL, err);
    if (status == FT_OK) status = resume(&t, err);
    if (status == FT_OK) status = train_all(&t, err);
    if (t.trainable) {
        ft_error ignored;
        ft_status restored = ft_trainable_restore(t.trainable, base, &ignored);
        if (status == FT_OK && restored != FT_OK) status = ft_fail(err, restored, "%s", ignored.message);
    }
    close_trainer(&t);
    return status;
}

/* Bytes of the best weights, for as many configurations that keep them as can be in slots
 * at a time. */
static size_t best_bytes(const ft_trainer *t)
{
    int32_t n = 0;
    for (int32_t i = 0; i < t->n_configs && n < t->n_slots; i++) n += t->configs[i].keep_best;
    return (size_t)n * (size_t)t->trainable->n_params * sizeof(float);
}

ft_status ft_train_bytes(ft_dtype real, ft_dtype matrix, int64_t pass_rows, const ft_weights *base,
                         const ft_series *series, int32_t n_series, const ft_train_config *configs,
                         int32_t n_configs, const ft_train_settings *settings, size_t *bytes,
                         size_t *host_bytes, ft_error *err)
{
    ft_backend types = {.real = real, .matrix = matrix};
    ft_chronos model = {.backend = &types, .config = base->config, .tied = base->tied};
    ft_trainer t = make_trainer(&model, base, series, n_series, configs, n_configs, settings);
    int32_t n_sequences = 0;
    ft_status status = most_sequences(&t, &n_sequences, err);
    if (status == FT_OK) status = reserve_adapters(&t, ft_trainable_measure, err);
    if (status == FT_OK) {
        const ft_trainable *adapters = t.trainable;
        if (settings->comm && settings->comm->size > 1)
            n_sequences = ft_shard_sequences(n_sequences, t.n_slots, settings->comm->size);
        else if (pass_rows > 0)
            n_sequences =
                ft_micro_batch_sequences(n_sequences, t.n_slots, settings->context_length + 1, pass_rows);
        ft_pass_shape shape = {.n_adapters = t.n_slots,
                               .n_sequences = n_sequences,
                               .encoder_length = settings->context_length + 1,
                               .decoder_length = settings->prediction_length + 1,
                               .backward = true,
                               .kind = adapters->kind,
                               .targets = adapters->targets,
                               .rank = adapters->rank};
        *bytes = ft_workspace_bytes(&types, &base->config, &shape) + ft_trainable_bytes(adapters);
        *host_bytes = best_bytes(&t);
    }
    close_trainer(&t);
    return status;
}
