/* Pretraining; see pretrain.h. */
#include "model/pretrain.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "base/clock.h"
#include "base/file.h"
#include "model/pretrain_batch.h"
#include "model/step.h"
#include "model/synthetic/synthetic.h"

/* Everything of one call of ft_pretrain. */
typedef struct pretraining {
    ft_chronos *model;
    ft_weights *weights;
    const ft_pretrain_settings *settings;
    ft_pretrain_batch_settings batches;
    uint32_t number; /* tells its checkpoints from those of other settings */
    ft_tokenizer *tokenizer;
    ft_adapter *adapter;
    ft_trainable *trainable;
    ft_stepper *stepper;
    ft_pretrain_batch *batch;
    float *validation_values;
    ft_series *validation; /* (validation_series) */
    ft_window_list windows;
    /* step, tokens, seconds; one entry of history: the last validation */
    ft_slot_state state;
    ft_epoch last;
    double checkpoint_time, report_time; /* of the last */
    ft_pretrain_report since;            /* sums since the last report */
    int64_t steps_since, tokens_since;
} pretraining;

static bool leads(const pretraining *p)
{
    return !p->settings->comm || p->settings->comm->rank == 0;
}

/* -- what is trained, and on what -- */

static uint32_t number_of(const pretraining *p)
{
    const ft_pretrain_settings *s = p->settings;
    const double values[] = {(double)s->steps,     s->minutes,         s->batch_size, s->context_length,
                             s->prediction_length, s->learning_rate,   s->warmup,     s->weight_decay,
                             s->max_grad_norm,     (double)s->dropout, s->seed,       p->weights->checksum};
    return ft_checksum(0, values, sizeof values);
}

/* The last window of each series that no step sees. */
static ft_status make_validation(pretraining *p, ft_error *err)
{
    const ft_pretrain_settings *s = p->settings;
    const int64_t length = s->context_length + s->prediction_length, n = s->validation_series;
    const size_t bytes = (size_t)(n * length) * sizeof(float);
    void *scratch = malloc(ft_synthetic_scratch((int32_t)length));
    p->validation_values = malloc(bytes);
    p->validation = calloc((size_t)n, sizeof *p->validation);
    p->windows.windows = calloc((size_t)n, sizeof *p->windows.windows);
    ft_status status = FT_OK;
    if (!scratch || !p->validation_values || !p->validation || !p->windows.windows)
        status = ft_no_memory(err, "the validation series", bytes);
    for (int64_t i = 0; i < n && status == FT_OK; i++) {
        float *values = p->validation_values + i * length;
        ft_pretrain_validation_series(&p->batches, i, values, scratch);
        p->validation[i] = (ft_series){values, {0, 0, 0, length}};
        p->windows.windows[i] = (ft_window){
            .label_start = s->context_length, .item = (int32_t)i, .label_count = s->prediction_length};
        p->windows.count = p->windows.capacity = i + 1;
    }
    free(scratch);
    return status;
}

static ft_status prepare(pretraining *p, ft_error *err)
{
    const ft_pretrain_settings *s = p->settings;
    const ft_adapter_spec spec = {.kind = FT_FULL};
    p->batches = (ft_pretrain_batch_settings){s->batch_size, s->context_length, s->prediction_length, s->seed,
                                              s->threads};
    p->number = number_of(p);
    p->state.history = &p->last;
    ft_status status = ft_tokenizer_create(&p->weights->config.chronos, &p->tokenizer, err);
    if (status == FT_OK) status = ft_adapter_init(&spec, p->weights, 0, &p->adapter, err);
    if (status == FT_OK)
        status = ft_trainable_create(p->model, (const ft_adapter *const *)&p->adapter, 1, true, &p->trainable,
                                     err);
    if (status == FT_OK) {
        p->trainable->comm = s->comm;
        status = ft_stepper_create(p->trainable, s->batch_size, s->context_length + 1,
                                   s->prediction_length + 1, &p->stepper, err);
    }
    if (status == FT_OK) status = ft_pretrain_batch_create(p->tokenizer, &p->batches, &p->batch, err);
    return status == FT_OK ? make_validation(p, err) : status;
}

static void clean_up(pretraining *p)
{
    ft_pretrain_batch_free(p->batch);
    ft_window_list_free(&p->windows);
    free(p->validation);
    free(p->validation_values);
    ft_stepper_free(p->stepper);
    ft_trainable_free(p->trainable);
    ft_adapter_free(p->adapter);
    ft_tokenizer_free(p->tokenizer);
}

/* -- checkpoints -- */

static ft_status write_checkpoint(pretraining *p, ft_error *err)
{
    p->checkpoint_time = ft_now_seconds();
    if (!p->settings->checkpoint || !leads(p)) return FT_OK;
    return ft_checkpoint_write(p->settings->checkpoint, p->number, p->trainable, &p->state, 0, err);
}

/* Resumes from the checkpoint, where there is one. One that is of other settings or
 * damaged is refused: it may hold hours of work. */
static ft_status resume(pretraining *p, ft_error *err)
{
    const char *path = p->settings->checkpoint;
    const int32_t most_epochs = 1;
    int32_t next;
    bool there = false;
    ft_status status = path ? ft_path_exists(path, &there, err) : FT_OK;
    if (status != FT_OK || !there) return status;
    ft_slot_state state = {0};
    ft_error why;
    status = ft_checkpoint_read(path, p->number, p->trainable, &most_epochs, 1, &state, &next, &why);
    if (status == FT_OK && (state.config != 0 || state.n_epochs > 1))
        status = ft_fail(&why, FT_BAD_INPUT, "%s: it is no checkpoint of a pretraining", path);
    if (status == FT_OK) {
        if (state.n_epochs == 1) p->last = state.history[0];
        ft_epoch *own = p->state.history;
        p->state = state;
        p->state.history = own;
        ft_trainable_repack(p->trainable);
    } else {
        status = ft_fail(err, status, "%s; give the options it was made with, or remove it to start afresh",
                         why.message);
    }
    free(state.history);
    free(state.best);
    return status;
}

/* -- steps -- */

/* The share of the training that lies behind. */
static double share_done(const pretraining *p)
{
    const ft_pretrain_settings *s = p->settings;
    double by_steps = s->steps > 0 ? (double)p->state.step / (double)s->steps : 0;
    double by_time = s->minutes > 0 ? p->state.seconds / (60 * s->minutes) : 0;
    double done = by_steps > by_time ? by_steps : by_time;
    return done < 1 ? done : 1;
}

/* All ranks go by rank 0's clock. */
static ft_status agree_on_time(const pretraining *p, double *seconds, ft_error *err)
{
    ft_comm *comm = p->settings->comm;
    if (!comm || comm->size == 1) return FT_OK;
    if (comm->rank != 0) *seconds = 0;
    return comm->all_reduce_host(comm, seconds, 1, err);
}

static double learning_rate(const ft_pretrain_settings *s, double done)
{
    double rising = s->warmup > 0 ? done / s->warmup : 1, falling = (1 - done) / (1 - s->warmup);
    return s->learning_rate * (rising < falling ? rising : falling);
}

static ft_status train_step(pretraining *p, ft_error *err)
{
    const ft_pretrain_settings *s = p->settings;
    ft_slot_state *state = &p->state;
    double started = ft_now_seconds();
    ft_inputs *in = ft_stepper_inputs(p->stepper);
    ft_pretrain_batch_take(p->batch, in);
    ft_pretrain_batch_begin(p->batch, state->step + 1);
    in->seed[0] = s->seed;
    in->step[0] = (uint32_t)state->step;
    in->model_dropout[0] = s->dropout;
    state->last_learning_rate = learning_rate(s, share_done(p));
    ft_inputs_set_rates(
        in, 0,
        (ft_step_rates){(float)state->last_learning_rate, (float)s->weight_decay, (float)s->max_grad_norm});
    ft_status status = ft_stepper_step(p->stepper, err);
    if (status != FT_OK) return status;
    double loss = ft_stepper_loss(p->stepper, 0), seconds = ft_now_seconds() - started;
    if (!isfinite(loss))
        return ft_fail(err, FT_DIVERGED, "the loss of step %lld is no number: a lower learning rate may help",
                       (long long)state->step);
    status = agree_on_time(p, &seconds, err);
    int64_t tokens = (int64_t)in->n_sequences * (in->encoder_length + in->decoder_length);
    state->step++;
    state->seconds += seconds;
    state->tokens += tokens;
    p->since.loss += loss;
    p->since.grad_norm += ft_stepper_grad_norm(p->stepper, 0);
    p->since.seconds += seconds;
    p->steps_since++;
    p->tokens_since += tokens;
    return status;
}

/* The mean loss on series that no step sees; counted as the one epoch of the checkpoint's
 * history. */
static ft_status validate(pretraining *p, ft_error *err)
{
    const int32_t adapter = 0;
    const ft_evaluated of = {.adapters = &adapter,
                             .n_adapters = 1,
                             .tokenizer = p->tokenizer,
                             .series = p->validation,
                             .context_length = p->settings->context_length,
                             .prediction_length = p->settings->prediction_length};
    double val_loss;
    ft_status status = ft_stepper_evaluate(p->stepper, &of, &p->windows, &val_loss, err);
    p->last = (ft_epoch){.epoch = 1, .val_loss = val_loss, .learning_rate = p->state.last_learning_rate};
    p->state.n_epochs = 1;
    return status;
}

static void report(pretraining *p, bool validated)
{
    const double steps = p->steps_since > 0 ? (double)p->steps_since : NAN;
    const ft_pretrain_report now = {.step = p->state.step,
                                    .done = share_done(p),
                                    .loss = p->since.loss / steps,
                                    .grad_norm = p->since.grad_norm / steps,
                                    .val_loss = validated ? p->last.val_loss : NAN,
                                    .learning_rate = p->state.last_learning_rate,
                                    .tokens_per_second = (double)p->tokens_since / p->since.seconds,
                                    .seconds = p->state.seconds};
    if (p->settings->report && leads(p)) p->settings->report(p->settings->context, &now);
    if (p->steps_since > 0) p->last.loss = now.loss;
    p->since = (ft_pretrain_report){0};
    p->steps_since = p->tokens_since = 0;
    p->report_time = ft_now_seconds();
}

/* Reports, validates and writes a checkpoint where that is due. */
static ft_status between_steps(pretraining *p, bool is_over, ft_error *err)
{
    const ft_pretrain_settings *s = p->settings;
    double now = ft_now_seconds();
    bool due = is_over || now - p->checkpoint_time >= s->checkpoint_seconds;
    ft_status status = ft_comm_agree(s->comm, FT_OK, &due, err);
    if (status != FT_OK) return status;
    if (due) status = validate(p, err);
    if (status == FT_OK && (due || now - p->report_time >= s->report_seconds)) report(p, due);
    if (status == FT_OK && due) status = write_checkpoint(p, err);
    return s->comm ? ft_comm_agree(s->comm, status, NULL, err) : status;
}

static ft_status agree_to_stop(const pretraining *p, bool *stop, ft_error *err)
{
    const ft_pretrain_settings *s = p->settings;
    *stop = s->stop && s->stop(s->context) != FT_STOP_NOT;
    return ft_comm_agree(s->comm, FT_OK, stop, err);
}

static ft_status train(pretraining *p, ft_error *err)
{
    bool stop = false;
    ft_status status = FT_OK;
    p->checkpoint_time = p->report_time = ft_now_seconds();
    if (share_done(p) < 1) ft_pretrain_batch_begin(p->batch, p->state.step);
    while (status == FT_OK && share_done(p) < 1) {
        status = train_step(p, err);
        if (status == FT_OK) status = agree_to_stop(p, &stop, err);
        if (status == FT_OK && stop) break;
        if (status == FT_OK) status = between_steps(p, share_done(p) >= 1, err);
    }
    if (status != FT_OK || !stop || share_done(p) >= 1) return status;
    status = write_checkpoint(p, err);
    return status == FT_OK
               ? ft_fail(err, FT_INTERRUPTED, "stopped after step %lld; the same command resumes it",
                         (long long)p->state.step)
               : status;
}

/* The trained parameters into the weights. */
static ft_status keep_weights(pretraining *p, ft_error *err)
{
    ft_status status = ft_trainable_read(p->trainable, 0, p->adapter, err);
    return status == FT_OK ? ft_adapter_merge(p->adapter, p->weights, err) : status;
}

ft_status ft_pretrain(ft_chronos *model, ft_weights *weights, const ft_pretrain_settings *settings,
                      ft_pretrain_result *result, ft_error *err)
{
    pretraining p = {.model = model, .weights = weights, .settings = settings};
    ft_status status = ft_comm_agree(settings->comm, prepare(&p, err), NULL, err);
    if (status == FT_OK) status = ft_comm_agree(settings->comm, resume(&p, err), NULL, err);
    if (status == FT_OK) status = train(&p, err);
    if (status == FT_OK) status = keep_weights(&p, err);
    if (status == FT_OK)
        *result =
            (ft_pretrain_result){p.state.step, p.state.tokens, p.state.seconds, p.last.loss, p.last.val_loss};
    clean_up(&p);
    return status;
}
