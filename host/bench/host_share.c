/* Steps with and without the host's work; see host_share.h. */
#include "host/bench/host_share.h"

#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "host/bench/clock.h"
#include "model/step.h"

/* Steps of one measurement. Where the device runs ahead, the host's work shows only in a
 * row of steps. */
enum { STEPS_AHEAD = 8 };

/* A stepper, and windows for its steps. */
typedef struct training {
    const ft_bench_job *job;
    ft_tokenizer *tokenizer;
    float *values; /* (rows) of one series, which all windows are in */
    ft_series series;
    ft_window *windows;  /* (batch_size) */
    ft_window_use *uses; /* (batch_size) */
    ft_trainable *trainable;
    ft_stepper *stepper;
    uint32_t step;
    double computing; /* seconds of the device, where it does not run ahead */
} training;

static void make_windows(training *t)
{
    const ft_bench_job *job = t->job;
    const int64_t rows = job->batch_size + job->context_length + job->prediction_length;
    for (int64_t i = 0; i < rows; i++) t->values[i] = 10 + 3 * sinf((float)i / 7) + 0.01f * (float)(i % 97);
    t->series = (ft_series){t->values, {0, rows, rows, rows}};
    for (int64_t i = 0; i < job->batch_size; i++) {
        t->windows[i] = (ft_window){.context_start = i,
                                    .label_start = i + job->context_length,
                                    .label_count = (int32_t)job->prediction_length};
        t->uses[i] = (ft_window_use){&t->windows[i], 0};
    }
}

static ft_status start(training *t, ft_chronos *chronos, const ft_adapter *adapter, ft_error *err)
{
    const ft_bench_job *job = t->job;
    const size_t batch = (size_t)job->batch_size;
    const size_t rows = batch + (size_t)job->context_length + (size_t)job->prediction_length;
    t->values = malloc(rows * sizeof *t->values);
    t->windows = calloc(batch, sizeof *t->windows);
    t->uses = calloc(batch, sizeof *t->uses);
    if (!t->values || !t->windows || !t->uses)
        return ft_no_memory(err, "the windows of a step", rows * sizeof *t->values);
    make_windows(t);
    ft_status status = ft_tokenizer_create(&chronos->config.chronos, &t->tokenizer, err);
    if (status == FT_OK) status = ft_trainable_create(chronos, &adapter, 1, true, &t->trainable, err);
    if (status == FT_OK)
        status = ft_stepper_create(t->trainable, (int32_t)job->batch_size, (int32_t)job->context_length + 1,
                                   (int32_t)job->prediction_length + 1, &t->stepper, err);
    return status;
}

static void end(training *t)
{
    ft_stepper_free(t->stepper);
    ft_trainable_free(t->trainable);
    ft_tokenizer_free(t->tokenizer);
    free(t->uses);
    free(t->windows);
    free(t->values);
}

/* The host's work for a step. */
static void fill(training *t, ft_inputs *in)
{
    const ft_bench_job *job = t->job;
    ft_window_batch(in, t->tokenizer, &t->series, t->uses, (int32_t)job->batch_size,
                    (int32_t)job->context_length, (int32_t)job->prediction_length);
    in->seed[0] = 1;
    in->step[0] = t->step++;
    in->model_dropout[0] = t->trainable->model->config.dropout_rate;
    ft_inputs_set_rates(in, 0, (ft_step_rates){1e-4f, 0.01f, 1.0f});
}

/* One step, and the queueing of the next one where the device runs ahead. */
static ft_status train_step(training *t, ft_error *err)
{
    const bool ahead = ft_stepper_runs_ahead(t->stepper);
    const double started = ft_now_seconds();
    ft_status status = ahead ? FT_OK : ft_stepper_queue(t->stepper, err);
    t->computing = ft_now_seconds() - started;
    if (status == FT_OK) fill(t, ft_stepper_next_inputs(t->stepper));
    if (status == FT_OK && ahead) status = ft_stepper_queue_next(t->stepper, err);
    if (status == FT_OK) status = ft_stepper_finish(t->stepper, err);
    if (status == FT_OK) ft_stepper_take_next(t->stepper);
    return status;
}

/* Seconds a step of n, as in training. */
static ft_status time_training(training *t, int32_t n, double *seconds, ft_error *err)
{
    const bool ahead = ft_stepper_runs_ahead(t->stepper);
    fill(t, ft_stepper_inputs(t->stepper));
    ft_status status = ahead ? ft_stepper_queue(t->stepper, err) : FT_OK;
    /* one more before the clock starts, so that it finds the device at work */
    if (status == FT_OK && ahead) status = train_step(t, err);
    double started = ft_now_seconds();
    for (int32_t i = 0; i < n && status == FT_OK; i++) status = train_step(t, err);
    *seconds = (ft_now_seconds() - started) / n;
    if (status == FT_OK && ahead) status = ft_stepper_finish(t->stepper, err);
    return status;
}

/* With and without the host by turns; the first pair is not counted. A device that
 * does not run ahead has computed when the step is queued. */
static ft_status measure(training *t, double *with, double *alone, ft_error *err)
{
    const bool ahead = ft_stepper_runs_ahead(t->stepper);
    const int32_t n = ahead ? STEPS_AHEAD : 1;
    ft_status status = FT_OK;
    for (int64_t i = -1; i < t->job->steps && status == FT_OK; i++) {
        const int64_t at = i < 0 ? 0 : i;
        status = time_training(t, n, &with[at], err);
        alone[at] = t->computing;
        if (status == FT_OK && ahead) status = ft_stepper_repeat(t->stepper, n, &alone[at], err);
    }
    return status;
}

ft_status ft_bench_host_share(ft_chronos *chronos, const ft_adapter *adapter, const ft_bench_job *job,
                              double *share, ft_error *err)
{
    training t = {.job = job};
    const size_t steps = (size_t)job->steps;
    double *times = calloc(2 * steps, sizeof *times);
    ft_status status =
        times ? start(&t, chronos, adapter, err) : ft_no_memory(err, "timings", 2 * steps * sizeof *times);
    if (status == FT_OK) status = measure(&t, times, times + steps, err);
    if (status == FT_OK) {
        const double with = ft_bench_median(times, job->steps);
        *share = fmax(0, 1 - ft_bench_median(times + steps, job->steps) / with);
    }
    end(&t);
    free(times);
    return status;
}
