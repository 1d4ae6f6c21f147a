/* Training an adapter batch; see trainer.h.
 *
 * Each adapter has a slot for the whole run. In every step each live slot contributes the next windows of its
 * own epoch; a slot that has ended contributes none, so its rows leave the matrix products. */
#include "model/trainer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "model/step.h"
#include "model/window_batch.h"

/* One adapter on its way. */
typedef struct runner {
    const ft_train_config *config;
    ft_train_result *result;
    ft_window_list windows; /* of the current epoch */
    int64_t next_window;
    ft_standing standing; /* its history and best weights are the runner's */
    int64_t total_steps;
    bool live;
    double loss_sum, norm_sum, seconds, last_learning_rate;
    int64_t epoch_steps, tokens;
} runner;

typedef struct trainer {
    ft_chronos *model;
    const ft_weights *base;
    const ft_series *series;
    int32_t n_series, n_runners;
    const ft_train_settings *settings;
    runner *runners;
    ft_adapter **fresh;
    ft_trainable *trainable;
    ft_tokenizer *tokenizer;
    ft_stepper *stepper;
    ft_window_list validation;
    ft_window_use *uses; /* (sum of batch sizes) */
} trainer;

void ft_train_result_free(ft_train_result *result)
{
    ft_adapter_free(result->adapter);
    free(result->history);
    *result = (ft_train_result){0};
}

static ft_window_settings window_settings(const trainer *t, const ft_train_config *config)
{
    return (ft_window_settings){.context_length = t->settings->context_length,
                                .prediction_length = t->settings->prediction_length,
                                .window_stride = config->window_stride,
                                .window_shift = config->window_shift,
                                .seed = config->seed};
}

static ft_status start_epoch(trainer *t, runner *r, ft_error *err)
{
    ft_window_settings windows = window_settings(t, r->config);
    r->next_window = 0;
    r->loss_sum = r->norm_sum = r->seconds = 0;
    r->epoch_steps = r->tokens = 0;
    return ft_windows_train(t->series, t->n_series, &windows, r->standing.n_epochs, &r->windows, err);
}

/* The slot ends, with its last weights or its best ones, and hands its history over. */
static ft_status finish(trainer *t, int32_t g, ft_status ended, ft_error *err)
{
    runner *r = &t->runners[g];
    ft_train_result *result = r->result;
    r->live = false;
    result->status = ended;
    result->history = r->standing.history;
    result->n_epochs = r->standing.n_epochs;
    result->best_epoch = r->standing.best_epoch;
    r->standing.history = NULL;
    if (ended == FT_DIVERGED) return FT_OK;
    ft_backend *backend = t->model->backend;
    ft_status status = ft_adapter_init(&t->fresh[g]->spec, t->base, 0, &result->adapter, err);
    if (status == FT_OK && r->standing.best)
        status = ft_write_tensor(backend, ft_trainable_row(t->trainable, t->trainable->params, g),
                                 r->standing.best, err);
    return status == FT_OK ? ft_trainable_read(t->trainable, g, result->adapter, err) : status;
}

/* Whether early stopping says so; keeps the best weights. */
static ft_status judge_epoch(trainer *t, int32_t g, double val_loss, bool *stop, ft_error *err)
{
    runner *r = &t->runners[g];
    ft_standing *s = &r->standing;
    int32_t patience = r->config->early_stopping_patience;
    bool better = !isnan(val_loss) && (s->best_epoch == 0 || val_loss < s->best_val_loss);
    s->epochs_without_gain = better ? 0 : s->epochs_without_gain + 1;
    *stop = patience > 0 && !isnan(val_loss) && s->epochs_without_gain >= patience;
    if (!better) return FT_OK;
    s->best_val_loss = val_loss;
    s->best_epoch = s->n_epochs;
    if (patience == 0) return FT_OK;
    size_t bytes = (size_t)t->trainable->n_params * sizeof *s->best;
    if (!s->best) s->best = malloc(bytes);
    if (!s->best) return ft_no_memory(err, "the best weights", bytes);
    return ft_read_tensor(t->model->backend, ft_trainable_row(t->trainable, t->trainable->params, g), s->best,
                          err);
}

static const char *checkpoint_of(const trainer *t, int32_t g)
{
    return t->settings->checkpoints ? t->settings->checkpoints[g] : NULL;
}

static ft_status end_epoch(trainer *t, int32_t g, ft_error *err)
{
    runner *r = &t->runners[g];
    ft_standing *s = &r->standing;
    double val_loss = NAN;
    ft_status status =
        ft_stepper_evaluate(t->stepper, g, t->tokenizer, t->series, &t->validation,
                            t->settings->context_length, t->settings->prediction_length, &val_loss, err);
    if (status != FT_OK) return status;
    ft_epoch *record = &s->history[s->n_epochs++];
    double steps = (double)r->epoch_steps;
    *record = (ft_epoch){.epoch = s->n_epochs,
                         .loss = r->loss_sum / steps,
                         .val_loss = val_loss,
                         .learning_rate = r->last_learning_rate,
                         .grad_norm = r->norm_sum / steps,
                         .seconds = r->seconds,
                         .tokens_per_second = r->seconds > 0 ? (double)r->tokens / r->seconds : NAN};
    bool stop_early = false;
    status = judge_epoch(t, g, val_loss, &stop_early, err);
    s->ended = s->n_epochs == r->config->epochs || stop_early;
    bool writes = !t->settings->comm || t->settings->comm->rank == 0;
    if (status == FT_OK && checkpoint_of(t, g) && writes)
        status = ft_checkpoint_write(checkpoint_of(t, g), t->trainable, g, s, err);
    if (status != FT_OK) return status;
    if (t->settings->epoch) t->settings->epoch(t->settings->context, g, record);
    if (s->ended) return finish(t, g, FT_OK, err);
    bool stop = t->settings->stop && t->settings->stop(t->settings->context);
    status = ft_stepper_any(t->stepper, &stop, err);
    if (status != FT_OK) return status;
    if (stop) {
        ft_fail(&r->result->error, FT_INTERRUPTED, "interrupted after epoch %d of %d", s->n_epochs,
                r->config->epochs);
        return finish(t, g, FT_INTERRUPTED, err);
    }
    return start_epoch(t, r, err);
}

/* The next windows of every live slot, slot by slot. */
static int32_t gather(trainer *t)
{
    int32_t n = 0;
    for (int32_t g = 0; g < t->n_runners; g++) {
        runner *r = &t->runners[g];
        if (!r->live) continue;
        int64_t left = r->windows.count - r->next_window;
        int64_t take = left < r->config->batch_size ? left : r->config->batch_size;
        for (int64_t i = 0; i < take; i++)
            t->uses[n++] = (ft_window_use){&r->windows.windows[r->next_window + i], g};
        r->next_window += take;
    }
    return n;
}

/* Adds the last step to its adapters' epochs. The time of a shared step is divided by sequences. */
static void account(trainer *t, double seconds)
{
    const ft_inputs *in = ft_stepper_inputs(t->stepper);
    int64_t tokens = in->encoder_length + in->decoder_length;
    for (int32_t g = 0; g < t->n_runners; g++) {
        runner *r = &t->runners[g];
        if (!r->live) continue;
        int32_t sequences = in->sequence_start[g + 1] - in->sequence_start[g];
        r->standing.step++;
        r->epoch_steps++;
        r->loss_sum += ft_stepper_loss(t->stepper, g);
        r->norm_sum += ft_stepper_grad_norm(t->stepper, g);
        r->seconds += seconds * (double)sequences / (double)in->n_sequences;
        r->tokens += tokens * sequences;
    }
}

static ft_status train_step(trainer *t, ft_error *err)
{
    double started = ft_now_seconds();
    ft_inputs *in = ft_stepper_inputs(t->stepper);
    ft_window_batch(in, t->tokenizer, t->series, t->uses, gather(t), t->settings->context_length,
                    t->settings->prediction_length);
    for (int32_t g = 0; g < t->n_runners; g++) {
        runner *r = &t->runners[g];
        ft_step_rates *rates = ft_stepper_rates(t->stepper, g);
        in->seed[g] = r->config->seed;
        in->step[g] = (uint32_t)r->standing.step;
        in->model_dropout[g] = r->config->model_dropout;
        r->last_learning_rate =
            r->config->learning_rate * ft_schedule_factor(r->config->schedule, r->standing.step,
                                                          r->config->warmup_steps, r->total_steps);
        rates->learning_rate = r->live ? (float)r->last_learning_rate : 0.0f;
        rates->weight_decay = r->live ? (float)r->config->weight_decay : 0.0f;
        rates->max_grad_norm = (float)r->config->max_grad_norm;
    }
    ft_status status = ft_stepper_step(t->stepper, err);
    if (status != FT_OK) return status;
    account(t, ft_now_seconds() - started);
    for (int32_t g = 0; g < t->n_runners && status == FT_OK; g++) {
        runner *r = &t->runners[g];
        if (!r->live) continue;
        double loss = ft_stepper_loss(t->stepper, g);
        if (!isfinite(loss)) {
            ft_fail(&r->result->error, FT_DIVERGED,
                    "the training loss became %s in epoch %d, step %lld (lower learning_rate)",
                    isnan(loss) ? "NaN" : "infinite", r->standing.n_epochs + 1, (long long)r->standing.step);
            status = finish(t, g, FT_DIVERGED, err);
        } else if (r->next_window == r->windows.count) {
            status = end_epoch(t, g, err);
        }
    }
    return status;
}

static bool any_live(const trainer *t)
{
    for (int32_t g = 0; g < t->n_runners; g++)
        if (t->runners[g].live) return true;
    return false;
}

/* The first epoch, the number of steps, the starting weights of a slot. */
static ft_status start_runner(trainer *t, int32_t g, const ft_train_config *config, ft_train_result *result,
                              ft_error *err)
{
    runner *r = &t->runners[g];
    *r = (runner){.config = config, .result = result, .live = true};
    r->standing.history = calloc((size_t)config->epochs, sizeof *r->standing.history);
    if (!r->standing.history)
        return ft_no_memory(err, "the training history", (size_t)config->epochs * sizeof(ft_epoch));
    ft_window_settings windows = window_settings(t, config);
    ft_status status = ft_windows_count_steps(t->series, t->n_series, &windows, config->epochs,
                                              config->batch_size, &r->total_steps, err);
    if (status == FT_OK) {
        ft_adapter_spec spec = config->start ? config->start->spec : config->spec;
        spec.dropout = config->spec.dropout;
        status = ft_adapter_init(&spec, t->base, config->seed, &t->fresh[g], err);
    }
    return status == FT_OK ? start_epoch(t, r, err) : status;
}

/* Slots with a checkpoint go on from it. */
static ft_status resume_runners(trainer *t, ft_error *err)
{
    ft_status status = FT_OK;
    for (int32_t g = 0; g < t->n_runners && status == FT_OK; g++) {
        runner *r = &t->runners[g];
        const char *path = checkpoint_of(t, g);
        if (!path || !ft_path_exists(path)) continue;
        status = ft_checkpoint_read(path, t->trainable, g, r->config->epochs, &r->standing, err);
        if (status == FT_OK) status = r->standing.ended ? finish(t, g, FT_OK, err) : start_epoch(t, r, err);
    }
    return status;
}

/* The slots' adapters on the device, those that go on from given weights included. */
static ft_status place_adapters(trainer *t, ft_error *err)
{
    ft_status status = ft_trainable_create(t->model, (const ft_adapter *const *)t->fresh, t->n_runners, true,
                                           &t->trainable, err);
    if (status == FT_OK) t->trainable->comm = t->settings->comm;
    for (int32_t g = 0; g < t->n_runners && status == FT_OK; g++) {
        const ft_adapter *start = t->runners[g].config->start;
        if (!start) continue;
        ft_adapter with_dropout = *start;
        with_dropout.spec.dropout = t->fresh[g]->spec.dropout;
        status = ft_trainable_write(t->trainable, g, &with_dropout, err);
    }
    if (status == FT_OK) status = resume_runners(t, err);
    if (status == FT_OK && t->trainable->kind == FT_FULL) ft_trainable_repack(t->trainable);
    return status;
}

ft_status ft_train(ft_chronos *model, const ft_weights *base, const ft_series *series, int32_t n_series,
                   const ft_train_config *configs, int32_t n_configs, const ft_train_settings *settings,
                   ft_train_result *results, ft_error *err)
{
    trainer t = {.model = model,
                 .base = base,
                 .series = series,
                 .n_series = n_series,
                 .n_runners = n_configs,
                 .settings = settings};
    t.runners = calloc((size_t)n_configs, sizeof *t.runners);
    t.fresh = calloc((size_t)n_configs, sizeof *t.fresh);
    int32_t n_sequences = 0;
    for (int32_t g = 0; g < n_configs; g++) n_sequences += configs[g].batch_size;
    t.uses = calloc((size_t)n_sequences, sizeof *t.uses);
    ft_status status = FT_OK;
    if (!t.runners || !t.fresh || !t.uses)
        status = ft_no_memory(err, "the trainer",
                              (size_t)n_configs * sizeof(runner) + (size_t)n_sequences * sizeof *t.uses);
    if (status == FT_OK) status = ft_tokenizer_create(&base->config.chronos, &t.tokenizer, err);
    ft_window_settings windows = {settings->context_length, settings->prediction_length,
                                  settings->prediction_length, false, 0};
    if (status == FT_OK)
        status = ft_windows_evaluate(series, n_series, &windows, FT_SPLIT_VALIDATION, settings->eval_windows,
                                     &t.validation, err);
    for (int32_t g = 0; g < n_configs && status == FT_OK; g++)
        status = start_runner(&t, g, &configs[g], &results[g], err);
    /* No step is larger than what the epochs' windows fill. */
    int64_t largest = 0;
    for (int32_t g = 0; g < n_configs && status == FT_OK; g++) {
        int64_t fill = t.runners[g].windows.count + 1; /* an epoch's shift may gain one window a series */
        fill += n_series;
        largest += fill < configs[g].batch_size ? fill : configs[g].batch_size;
    }
    if (status == FT_OK) status = place_adapters(&t, err);
    if (status == FT_OK)
        status = ft_stepper_create(t.trainable, (int32_t)largest, settings->context_length + 1,
                                   settings->prediction_length + 1, &t.stepper, err);
    while (status == FT_OK && any_live(&t)) status = train_step(&t, err);

    if (t.trainable && t.trainable->kind == FT_FULL) {
        ft_error ignored;
        ft_status restored = ft_trainable_restore(t.trainable, base, &ignored);
        if (status == FT_OK && restored != FT_OK) status = ft_fail(err, restored, "%s", ignored.message);
    }
    ft_stepper_free(t.stepper);
    ft_trainable_free(t.trainable);
    for (int32_t g = 0; g < n_configs; g++) {
        if (t.fresh) ft_adapter_free(t.fresh[g]);
        if (!t.runners) continue;
        ft_window_list_free(&t.runners[g].windows);
        free(t.runners[g].standing.history);
        free(t.runners[g].standing.best);
    }
    ft_window_list_free(&t.validation);
    ft_tokenizer_free(t.tokenizer);
    free(t.uses);
    free(t.fresh);
    free(t.runners);
    return status;
}
