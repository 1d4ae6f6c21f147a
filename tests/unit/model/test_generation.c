/* Decoding against transformers and ChronosPipeline. docs/reference.md §5. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "golden.h"
#include "model/forecast.h"

/* Requests for the rows of a (n, length) matrix left-padded with NaN. */
static ft_forecast_request *requests_of(const float *context, int64_t n, int64_t length)
{
    ft_forecast_request *requests = calloc((size_t)n, sizeof *requests);
    for (int64_t i = 0; i < n; i++) {
        const float *row = context + i * length;
        int64_t skip = 0;
        while (skip < length && isnan(row[skip])) skip++;
        requests[i] = (ft_forecast_request){row + skip, length - skip, 0, (uint32_t)i};
    }
    return requests;
}

static void check_greedy(const golden_backend *backend, const char *model, const char *file_name)
{
    ft_error err;
    golden_model m = golden_model_open(backend, model, NULL, false);
    ft_safetensors *file = golden_open(file_name);
    int64_t n = golden_dim(file, "context", 0), steps = golden_dim(file, "tokens", 1), count;
    float *context = golden_floats(file, "context", NULL);
    int32_t *expected = golden_integers(file, "tokens", &count),
            *tokens = malloc((size_t)count * 2 * sizeof *tokens);
    ft_forecast_request *requests = requests_of(context, n, golden_dim(file, "context", 1));
    ft_forecast_settings s = ft_forecast_defaults(&m.weights->config.chronos, (int32_t)steps);
    s.prediction_length = (int32_t)steps;
    s.top_k = 1;
    s.num_samples = 2; /* both paths of a series must be the greedy one */
    cr_assert_eq(ft_forecast_tokens(m.trainable, requests, n, &s, tokens, &err), FT_OK, "%s", err.message);
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < 2; k++)
            for (int64_t t = 0; t < steps; t++)
                cr_expect_eq(tokens[(i * 2 + k) * steps + t], expected[i * steps + t],
                             "%s %s: series %d, path %d, step %d", backend->label, model, (int)i, (int)k,
                             (int)t);
    free(requests);
    free(tokens);
    free(expected);
    free(context);
    golden_close(file);
    golden_model_close(&m);
}

Test(generation, greedy)
{
    for (int i = 0; i < GOLDEN_BACKENDS; i++) {
        if (golden_backends[i].bf16) continue;
        check_greedy(&golden_backends[i], "model_tied", "greedy_tied.safetensors");
        check_greedy(&golden_backends[i], "model_untied", "greedy_untied.safetensors");
    }
}

/* A horizon of several chunks, each seeing the medians of those before. */
Test(generation, chunked_horizon_as_the_pipeline)
{
    for (int b = 0; b < GOLDEN_BACKENDS; b++) {
        if (golden_backends[b].bf16) continue;
        ft_error err;
        golden_model m = golden_model_open(&golden_backends[b], "model_tied", NULL, false);
        ft_safetensors *file = golden_open("pipeline.safetensors");
        int64_t n = golden_dim(file, "context", 0), horizon = golden_dim(file, "forecast", 1);
        float *context = golden_floats(file, "context", NULL),
              *expected = golden_floats(file, "forecast", NULL);
        ft_forecast_request *requests = requests_of(context, n, golden_dim(file, "context", 1));
        ft_forecast_settings s = ft_forecast_defaults(&m.weights->config.chronos, (int32_t)horizon);
        cr_assert_gt(horizon, s.prediction_length);
        s.top_k = 1;
        s.num_samples = 1;
        float *samples = malloc((size_t)(n * horizon) * sizeof *samples);
        cr_assert_eq(ft_forecast(m.trainable, requests, n, &s, samples, &err), FT_OK, "%s", err.message);
        for (int64_t i = 0; i < n * horizon; i++)
            cr_expect_lt(fabsf(samples[i] - expected[i]), 4e-6f * fabsf(expected[i]) + 1e-30f,
                         "%s: series %d, step %d: %.9g, expected %.9g", golden_backends[b].label,
                         (int)(i / horizon), (int)(i % horizon), (double)samples[i], (double)expected[i]);
        free(samples);
        free(requests);
        free(expected);
        free(context);
        golden_close(file);
        golden_model_close(&m);
    }
}

/* The distribution over the next token, given the same logits. */
Test(generation, sampling_distribution)
{
    for (int b = 0; b < GOLDEN_BACKENDS; b++) {
        ft_error err;
        ft_backend *backend;
        cr_assert_eq(golden_backends[b].create(&backend, &err), FT_OK, "%s", err.message);
        ft_safetensors *file = golden_open("sampling.safetensors");
        int64_t n_settings = golden_dim(file, "settings", 0), rows = golden_dim(file, "logits", 0),
                vocab = golden_dim(file, "logits", 1);
        float *logits = golden_floats(file, "logits", NULL),
              *settings = golden_floats(file, "settings", NULL);
        float *expected = golden_floats(file, "probabilities", NULL),
              *ours = malloc((size_t)(rows * vocab) * sizeof *ours);
        size_t bytes = (size_t)(rows * vocab) * ft_dtype_bytes(backend->real);
        ft_tensor device = {backend->allocate(backend, bytes, &err), backend->real, rows, vocab, vocab};
        ft_tensor probabilities = device;
        probabilities.data = backend->allocate(backend, bytes, &err);
        uint32_t *keys = backend->allocate(backend, (size_t)rows * 4, &err);
        int32_t *tokens = backend->allocate(backend, (size_t)rows * 4, &err);
        backend->zero(backend, keys, (size_t)rows * 4);
        for (int64_t s = 0; s < n_settings; s++) {
            ft_sampling sampling = {.temperature = settings[s * 3],
                                    .top_k = (int32_t)settings[s * 3 + 1],
                                    .top_p = settings[s * 3 + 2],
                                    .suppressed_token = 1,
                                    .seed = keys,
                                    .series = keys,
                                    .sample = keys};
            cr_assert_eq(ft_write_tensor(backend, device, logits, &err), FT_OK);
            backend->sample(backend, &sampling, device, tokens, probabilities);
            cr_assert_eq(ft_read_tensor(backend, probabilities, ours, &err), FT_OK);
            for (int64_t i = 0; i < rows * vocab; i++)
                cr_expect_lt(fabsf(ours[i] - expected[s * rows * vocab + i]), 1e-5f,
                             "%s: temperature %g, top_k %g, top_p %g: row %d, token %d: %g, expected %g",
                             golden_backends[b].label, (double)settings[s * 3], (double)settings[s * 3 + 1],
                             (double)settings[s * 3 + 2], (int)(i / vocab), (int)(i % vocab), (double)ours[i],
                             (double)expected[s * rows * vocab + i]);
        }
        backend->release(backend, device.data);
        backend->release(backend, probabilities.data);
        backend->release(backend, keys);
        backend->release(backend, tokens);
        free(ours);
        free(expected);
        free(settings);
        free(logits);
        golden_close(file);
        backend->free(backend);
    }
}
