/* How many rows at a time a device needs to be fast; see calibration.h. */
#include "host/sweep/calibration.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/version.h"
#include "host/bench/bench.h"
#include "host/experiment/calibration_cache.h"
#include "model/weights.h"

/* Times steps of 8, 16, 32, ... sequences until twice in a row a larger step was no
 * faster by the row, or the time is spent. Then once more, since other load may have
 * disturbed the first round. No device gets fewer rows than the first size has: they
 * cost next to no memory, and a few busy seconds of the machine must not make all
 * later sweeps narrow. */
enum {
    CONTEXT = 128,
    PREDICTION = 16,
    FIRST_SEQUENCES = 8,
    FIRST_ROWS = FIRST_SEQUENCES * (CONTEXT + PREDICTION + 2),
    MOST_SIZES = 9,
    STEPS = 3,
    ROUNDS = 2
};
static const double GAIN = 1.03, FAST_ENOUGH = 0.95, MOST_SECONDS = 1;

/* rate[i]: rows per second of steps of FIRST_SEQUENCES << i sequences. */
typedef struct measurement {
    double rate[MOST_SIZES];
    int n_sizes;
} measurement;

static ft_status measure_size(ft_chronos *chronos, const ft_adapter *adapter, int size, double *rate,
                              ft_error *err)
{
    const ft_bench_job job = {.steps = STEPS,
                              .batch_size = FIRST_SEQUENCES << size,
                              .context_length = CONTEXT,
                              .prediction_length = PREDICTION};
    double seconds[STEPS];
    ft_status status = ft_bench_steps(chronos, adapter, &job, seconds, err);
    for (int i = 0; i < STEPS && status == FT_OK; i++)
        *rate = fmax(*rate, (double)(FIRST_ROWS << size) / seconds[i]);
    return status;
}

/* A device may run out of memory before a larger step is no faster: then the sizes
 * that fit count. */
static ft_status measure_sizes(ft_chronos *chronos, const ft_adapter *adapter, measurement *m, ft_error *err)
{
    const double started = ft_now_seconds();
    double best = 0;
    for (int without_gain = 0; m->n_sizes < MOST_SIZES && without_gain < 2;) {
        double *rate = &m->rate[m->n_sizes];
        ft_status status = measure_size(chronos, adapter, m->n_sizes, rate, err);
        if (status == FT_NO_MEMORY && m->n_sizes > 0) break;
        if (status != FT_OK) return status;
        m->n_sizes++;
        without_gain = *rate < GAIN * best ? without_gain + 1 : 0;
        best = fmax(best, *rate);
        if (ft_now_seconds() - started > MOST_SECONDS) break;
    }
    for (int round = 1; round < ROUNDS; round++)
        for (int i = 0; i < m->n_sizes; i++) {
            ft_status status = measure_size(chronos, adapter, i, &m->rate[i], err);
            if (status != FT_OK) return status;
        }
    return FT_OK;
}

static double rows_that_are_enough(const measurement *m)
{
    double best = 0;
    int enough = 0;
    for (int i = 0; i < m->n_sizes; i++) best = fmax(best, m->rate[i]);
    while (m->rate[enough] < FAST_ENOUGH * best) enough++;
    return FIRST_ROWS << enough;
}

static ft_status measure_rows(ft_backend *backend, const ft_model_config *config, double *rows, ft_error *err)
{
    const ft_adapter_spec spec = {FT_LORA, 8, 16.0f, 0.1f, false, FT_TARGET_Q | FT_TARGET_V};
    ft_model_config small = *config;
    small.n_encoder_layers = small.n_decoder_layers = 1;
    ft_weights *weights = NULL;
    ft_chronos *chronos = NULL;
    ft_adapter *adapter = NULL;
    measurement m = {.n_sizes = 0};
    ft_status status = ft_weights_draw(&small, 1, &weights, err);
    if (status == FT_OK) status = ft_chronos_create(backend, weights, true, &chronos, err);
    if (status == FT_OK) status = ft_adapter_init(&spec, weights, 1, &adapter, err);
    if (status == FT_OK) status = measure_sizes(chronos, adapter, &m, err);
    if (status == FT_OK) *rows = rows_that_are_enough(&m);
    ft_adapter_free(adapter);
    ft_chronos_free(chronos);
    ft_weights_free(weights);
    return status;
}

ft_status ft_calibrate(ft_backend *backend, const ft_model_config *config, int64_t *busy_rows, ft_error *err)
{
    char key[400], device[200];
    double rows = 0;
    snprintf(device, sizeof device, "%s", backend->device);
    if (strcmp(backend->name, "cpu") == 0) ft_cpu_identify(device, sizeof device);
    snprintf(
        key, sizeof key,
        "busy_rows: ftgpu %s, %s, %d threads, %s, d_model %d, d_kv %d, d_ff %d, n_heads %d, vocab_size %d",
        ft_version(), device, backend->n_threads, backend->bf16 ? "bf16" : "f32", (int)config->d_model,
        (int)config->d_kv, (int)config->d_ff, (int)config->n_heads, (int)config->vocab_size);
    ft_status status = FT_OK;
    if (!ft_calibration_find(key, &rows)) {
        status = measure_rows(backend, config, &rows, err);
        if (status == FT_OK) ft_calibration_keep(key, &rows);
    }
    if (status == FT_OK) *busy_rows = rows < 1e15 ? (int64_t)rows : (int64_t)1e15;
    return status;
}
