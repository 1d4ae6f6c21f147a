/* Whole jobs against the machine's matrix rate; see bench.h. */
#include "host/bench/bench.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "host/bench/clock.h"
#include "host/bench/host_share.h"
#include "model/forecast.h"
#include "model/step.h"

const ft_bench_job ft_bench_default = {.size = "small",
                                       .steps = 3,
                                       .batch_size = 8,
                                       .context_length = 512,
                                       .prediction_length = 64,
                                       .lora_rank = 8,
                                       .n_series = 32,
                                       .num_samples = 20};

ft_status ft_bench_weights(const char *size, ft_weights **weights, ft_error *err)
{
    ft_model_config config;
    *weights = NULL;
    ft_status status = ft_config_for_size(size, &config, err);
    return status == FT_OK ? ft_weights_draw(&config, 1, weights, err) : status;
}

static int32_t noise(const ft_model_config *config, int32_t i, uint32_t factor)
{
    return (int32_t)(((uint32_t)i * factor >> 8) % (uint32_t)config->vocab_size);
}

/* Fills a batch with random tokens, without padding. */
static void fill_batch(const ft_bench_job *job, const ft_model_config *config, ft_inputs *in)
{
    int32_t encoder_length = (int32_t)job->context_length + 1,
            decoder_length = (int32_t)job->prediction_length + 1;
    in->n_sequences = (int32_t)job->batch_size;
    in->encoder_length = encoder_length;
    in->decoder_length = decoder_length;
    in->sequence_start[0] = 0;
    in->sequence_start[1] = in->n_sequences;
    in->seed[0] = 1;
    in->model_dropout[0] = config->dropout_rate;
    memset(in->key_mask, 1, (size_t)in->n_sequences * (size_t)encoder_length);
    for (int32_t i = 0; i < in->n_sequences * encoder_length; i++)
        in->encoder_ids[i] = i % encoder_length == encoder_length - 1 ? 1 : noise(config, i, 2654435761u);
    for (int32_t i = 0; i < in->n_sequences * decoder_length; i++)
        in->labels[i] = i % decoder_length == decoder_length - 1 ? 1 : noise(config, i, 2246822519u);
}

/* Sets the median of the timed steps, and the matrix rate measured right after them. */
static ft_status finish(ft_backend *backend, const ft_bench_job *job, double *seconds,
                        ft_bench_figures *figures, ft_error *err)
{
    figures->seconds = ft_bench_median(seconds, job->steps);
    return ft_bench_matrix_peak(backend, job, &figures->matrix_peak, err);
}

ft_status ft_bench_steps(ft_chronos *chronos, const ft_adapter *adapter, const ft_bench_job *job,
                         double *seconds, ft_error *err)
{
    ft_trainable *trainable = NULL;
    ft_stepper *stepper = NULL;
    ft_status status = ft_trainable_create(chronos, &adapter, 1, true, &trainable, err);
    if (status == FT_OK)
        status = ft_stepper_create(trainable, (int32_t)job->batch_size, (int32_t)job->context_length + 1,
                                   (int32_t)job->prediction_length + 1, &stepper, err);
    for (int64_t i = 0; i <= job->steps && status == FT_OK; i++) {
        ft_inputs *in = ft_stepper_inputs(stepper);
        double started = ft_now_seconds();
        fill_batch(job, &chronos->config, in);
        in->step[0] = (uint32_t)i;
        ft_inputs_set_rates(in, 0, (ft_step_rates){1e-4f, 0.01f, 1.0f});
        status = ft_stepper_step(stepper, err);
        if (i > 0) seconds[i - 1] = ft_now_seconds() - started;
    }
    ft_stepper_free(stepper);
    ft_trainable_free(trainable);
    return status;
}

ft_status ft_bench_train(ft_backend *backend, const ft_weights *weights, const ft_bench_job *job,
                         ft_bench_figures *figures, ft_error *err)
{
    const ft_model_config *config = &weights->config;
    ft_adapter_spec spec = {FT_LORA, (int32_t)job->lora_rank, 16.0f, 0.1f, false, FT_TARGET_Q | FT_TARGET_V};
    ft_chronos *chronos = NULL;
    ft_adapter *adapter = NULL;
    double *seconds = calloc((size_t)job->steps, sizeof *seconds);
    ft_status status = seconds ? FT_OK : ft_no_memory(err, "timings", (size_t)job->steps * sizeof *seconds);
    if (status == FT_OK) status = ft_adapter_check(&spec, config, err);
    if (status == FT_OK) status = ft_chronos_create(backend, weights, true, &chronos, err);
    if (status == FT_OK) status = ft_adapter_init(&spec, weights, 1, &adapter, err);
    if (status == FT_OK) status = ft_bench_steps(chronos, adapter, job, seconds, err);
    if (status == FT_OK) status = ft_bench_host_share(chronos, adapter, job, &figures->host_share, err);
    if (status == FT_OK) {
        figures->tokens =
            (double)job->batch_size * (double)(job->context_length + job->prediction_length + 2);
        figures->flops = ft_flops_train_step(config, &adapter->spec, job->batch_size, job->context_length + 1,
                                             job->prediction_length + 1);
        status = finish(backend, job, seconds, figures, err);
    }
    ft_adapter_free(adapter);
    ft_chronos_free(chronos);
    free(seconds);
    return status;
}

ft_status ft_bench_forecast(ft_backend *backend, const ft_weights *weights, const ft_bench_job *job,
                            ft_bench_figures *figures, ft_error *err)
{
    const ft_model_config *config = &weights->config;
    ft_chronos *chronos = NULL;
    ft_trainable *trainable = NULL;
    size_t n_series = (size_t)job->n_series, context = (size_t)job->context_length;
    double *seconds = calloc((size_t)job->steps, sizeof *seconds);
    float *values = malloc(n_series * context * sizeof *values);
    float *samples = malloc(n_series * (size_t)(job->num_samples * job->prediction_length) * sizeof *samples);
    ft_forecast_request *requests = calloc(n_series, sizeof *requests);
    ft_status status = FT_OK;
    if (!seconds || !values || !samples || !requests)
        status = ft_no_memory(err, "the series", n_series * context * 4);
    if (status == FT_OK) status = ft_chronos_create(backend, weights, false, &chronos, err);
    if (status == FT_OK) status = ft_trainable_create(chronos, NULL, 0, false, &trainable, err);
    for (size_t i = 0; i < n_series && status == FT_OK; i++) {
        for (size_t t = 0; t < context; t++)
            values[i * context + t] = 10 + sinf((float)(t + i) / 7) + 0.01f * (float)t;
        requests[i] = (ft_forecast_request){values + i * context, job->context_length, 0, (uint32_t)i};
    }
    for (int64_t i = 0; i < job->steps && status == FT_OK; i++) {
        ft_forecast_settings settings =
            ft_forecast_defaults(&config->chronos, (int32_t)job->prediction_length);
        settings.context_length = (int32_t)job->context_length;
        settings.prediction_length = (int32_t)job->prediction_length;
        settings.num_samples = (int32_t)job->num_samples;
        double started = ft_now_seconds();
        status = ft_forecast(trainable, requests, job->n_series, &settings, samples, err);
        seconds[i] = ft_now_seconds() - started;
    }
    if (status == FT_OK) {
        figures->tokens = (double)(job->n_series * job->num_samples * job->prediction_length);
        figures->flops = ft_flops_forecast(config, job->n_series, job->num_samples, job->context_length + 1,
                                           job->prediction_length);
        status = finish(backend, job, seconds, figures, err);
    }
    ft_trainable_free(trainable);
    ft_chronos_free(chronos);
    free(requests);
    free(samples);
    free(values);
    free(seconds);
    return status;
}
