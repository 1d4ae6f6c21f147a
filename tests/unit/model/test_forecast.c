/* Horizons of several chunks: a shorter forecast is the beginning of a longer one, bit
 * for bit. The parts of a backend draw what the whole draws. Groups of series are as
 * large as the device's memory allows. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "golden.h"
#include "model/forecast.h"

enum { LONGEST = 80, HORIZON = 44, SAMPLES = 3, CPU_THREADS = 1, CPU_BF16 = 2, CPU = 3 };

static int32_t num_samples = SAMPLES;

/* A history with a trend, a season and a hole. */
static void draw_history(float *values, int64_t count, int64_t number)
{
    for (int64_t i = 0; i < count; i++)
        values[i] =
            i % 11 == 5 ? NAN : (float)(50 + number) + sinf((float)(i + number)) * 8 + (float)i * 0.1f;
}

static float *forecast(const golden_model *m, const ft_forecast_request *requests, int64_t n, int32_t horizon)
{
    ft_error err = {""};
    ft_forecast_settings s = ft_forecast_defaults(&m->weights->config.chronos, horizon);
    s.num_samples = num_samples;
    float *samples = calloc((size_t)n * (size_t)num_samples * (size_t)horizon, sizeof *samples);
    cr_assert_eq(ft_forecast(m->trainable, requests, n, &s, samples, &err), FT_OK, "%s", err.message);
    return samples;
}

/* Each path of `horizon` values must begin the path of HORIZON values. */
static void expect_beginning(const golden_model *m, const ft_forecast_request *requests, int64_t n,
                             int32_t horizon, const float *longest, const char *what)
{
    float *samples = forecast(m, requests, n, horizon);
    for (int64_t p = 0; p < n * SAMPLES; p++)
        cr_expect(memcmp(samples + p * horizon, longest + p * HORIZON, (size_t)horizon * sizeof *samples) ==
                      0,
                  "%s: horizon %d, history %lld: path %lld is another than with horizon %d", what,
                  (int)horizon, (long long)requests[p / SAMPLES].count, (long long)p, (int)HORIZON);
    free(samples);
}

/* Histories shorter than the context (64), as long, and longer; chunks of 10. */
static void check_alone(int backend, const char *adapter, int64_t step, int32_t horizons)
{
    golden_model m = golden_model_open(&golden_backends[backend], "model_tied", adapter, false);
    cr_assert_eq(m.weights->config.chronos.prediction_length, 10);
    float values[LONGEST];
    draw_history(values, LONGEST, 0);
    for (int64_t count = 0; count <= LONGEST; count += step) {
        const ft_forecast_request request = {values, count, 0, 7};
        float *longest = forecast(&m, &request, 1, HORIZON);
        for (int32_t horizon = 1; horizon < HORIZON; horizon += horizons)
            expect_beginning(&m, &request, 1, horizon, longest, adapter ? adapter : "no adapter");
        free(longest);
    }
    golden_model_close(&m);
}

Test(forecast, a_shorter_horizon_begins_a_longer_one)
{
    check_alone(CPU, NULL, 10, 1);
}

Test(forecast, also_with_an_adapter)
{
    check_alone(CPU, "adapter_lora_qv", 40, 1);
}

Test(forecast, also_in_bf16)
{
    check_alone(CPU_BF16, NULL, 50, 11);
}

/* Many series of other lengths in one call, more than a group of the decoder holds. */
static void check_together(int64_t n, const char *adapter)
{
    golden_model m = golden_model_open(&golden_backends[CPU], "model_tied", adapter, false);
    float *values = calloc((size_t)(n * LONGEST), sizeof *values);
    ft_forecast_request *requests = calloc((size_t)n, sizeof *requests);
    for (int64_t i = 0; i < n; i++) {
        requests[i] = (ft_forecast_request){values + i * LONGEST, (i * 37) % (LONGEST + 1), 0, (uint32_t)i};
        draw_history(values + i * LONGEST, LONGEST, i);
    }
    float *longest = forecast(&m, requests, n, HORIZON);
    for (int32_t horizon = 1; horizon<HORIZON; horizon += n> 20 ? 14 : 3)
        expect_beginning(&m, requests, n, horizon, longest, "together");
    for (int64_t i = 0; i<n; i += n> 20 ? 23 : 1) { /* and as if each were alone */
        float *alone = forecast(&m, &requests[i], 1, HORIZON);
        cr_expect(memcmp(alone, longest + i * SAMPLES * HORIZON, sizeof *alone * SAMPLES * HORIZON) == 0,
                  "series %lld of %lld values: another forecast in company", (long long)i,
                  (long long)requests[i].count);
        free(alone);
    }
    free(longest);
    free(requests);
    free(values);
    golden_model_close(&m);
}

Test(forecast, and_in_company)
{
    check_together(2, NULL);
    check_together(9, "adapter_lora_qv");
    check_together(220, NULL);
}

/* Five series: two parts meet within the third one, of whose 3 or 7 paths (samples) the
 * first part would have 1 or 3. */
static void check_parts(int backend, const char *adapter, int32_t samples)
{
    enum { SERIES = 5 };
    num_samples = samples;
    golden_model m = golden_model_open(&golden_backends[backend], "model_tied", adapter, false);
    float values[SERIES][LONGEST];
    ft_forecast_request requests[SERIES];
    for (int64_t i = 0; i < SERIES; i++) {
        requests[i] = (ft_forecast_request){values[i], LONGEST - 9 * i, 0, (uint32_t)i};
        draw_history(values[i], LONGEST, i);
    }
    float *in_parts = forecast(&m, requests, SERIES, HORIZON);
    m.backend->in_parts = NULL;
    float *whole = forecast(&m, requests, SERIES, HORIZON);
    for (int64_t p = 0; p < (int64_t)SERIES * samples; p++)
        cr_expect_arr_eq(in_parts + p * HORIZON, whole + p * HORIZON, sizeof *whole * HORIZON,
                         "%s, %s: path %lld", golden_backends[backend].label,
                         adapter ? adapter : "no adapter", (long long)p);
    free(whole);
    free(in_parts);
    golden_model_close(&m);
}

Test(forecast, parts_draw_what_the_whole_backend_draws)
{
    check_parts(CPU_THREADS, NULL, 3);
    check_parts(CPU_THREADS, "adapter_lora_qv", 7);
    check_parts(CPU_BF16, "adapter_lora_qv", 3);
    check_parts(CPU_BF16, NULL, 7);
}

/* A device's allocations: the largest that succeeded, and the least that fail. */
static size_t largest_block, too_large;
static void *(*allocate_really)(ft_backend *self, size_t bytes, ft_error *err);

static void *allocate_below(ft_backend *self, size_t bytes, ft_error *err)
{
    if (bytes >= too_large) {
        ft_fail(err, FT_NO_MEMORY, "no room for %zu bytes", bytes);
        return NULL;
    }
    if (bytes > largest_block) largest_block = bytes;
    return allocate_really(self, bytes, err);
}

/* Forecasts of 250 series, 750 paths, on a device that fails from `limit` bytes on. */
static float *forecast_below(const golden_model *m, size_t limit)
{
    enum { SERIES = 250 };
    static float values[SERIES][LONGEST];
    ft_forecast_request requests[SERIES];
    for (int64_t i = 0; i < SERIES; i++) {
        requests[i] = (ft_forecast_request){values[i], LONGEST, 0, (uint32_t)i};
        draw_history(values[i], LONGEST, i);
    }
    largest_block = 0;
    too_large = limit;
    return forecast(m, requests, SERIES, 3);
}

Test(forecast, groups_are_as_large_as_the_memory_of_a_gpu_allows)
{
    enum { BYTES = 250 * SAMPLES * 3 * sizeof(float) };
    golden_model m = golden_model_open(&golden_backends[CPU], "model_tied", NULL, false);
    allocate_really = m.backend->allocate;
    m.backend->allocate = allocate_below;
    float *on_cpu = forecast_below(&m, SIZE_MAX);
    const size_t cpu_block = largest_block;
    m.backend->host_memory = false;
    m.backend->memory_bytes = (size_t)64 << 30;
    float *on_gpu = forecast_below(&m, SIZE_MAX);
    const size_t gpu_block = largest_block;
    cr_expect_gt(gpu_block, cpu_block, "the GPU's groups are no larger: %zu bytes", gpu_block);
    float *on_full_gpu = forecast_below(&m, gpu_block / 3);
    cr_expect_gt(largest_block, 0);
    cr_expect_lt(largest_block, gpu_block / 3);
    cr_expect_arr_eq(on_gpu, on_cpu, BYTES);
    cr_expect_arr_eq(on_full_gpu, on_cpu, BYTES);
    free(on_full_gpu);
    free(on_gpu);
    free(on_cpu);
    m.backend->host_memory = true;
    m.backend->allocate = allocate_really;
    golden_model_close(&m);
}
