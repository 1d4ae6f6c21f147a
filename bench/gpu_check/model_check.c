/* All checks of the model on a device, one after the other; see model_check.h. */
#include "bench/gpu_check/model_check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/gpu_check/check.h"
#include "host/bench/device.h"

/* Lengths are no multiples of 64. nano: contexts of three chunks of 64 keys, in the
 * simulator within a minute. small: what takes ref about six seconds of one core. */
static const model_check_scene scenes[] = {
    {"nano", 134, 20, {2, 1}, 27, 4, true, false, false},
    {"small", 11, 3, {2, 1}, 4, 2, false, false, false},
};

const model_check_scene *model_check_scene_of(const char *size)
{
    for (size_t i = 0; i < sizeof scenes / sizeof *scenes; i++)
        if (strcmp(scenes[i].size, size) == 0) return &scenes[i];
    return NULL;
}

/* -- lines -- */

static void write_line(check_run *run, const char *check, const char *dtype, const char *status,
                       const char *figures, const char *detail)
{
    fprintf(run->out, "%s\t%s\t%s\t%s\t%s\t%s\n", check, run->scene->size, dtype, status, figures, detail);
    fflush(run->out);
}

static const char *name_of(ft_dtype dtype)
{
    return dtype == FT_BF16 ? "bf16" : "f32";
}

void check_result(check_run *run, const char *check, ft_dtype dtype, double worst, double bound,
                  const char *detail)
{
    char figures[64];
    bool ok = worst <= bound; /* not where it is NaN */
    if (run->lost) return;
    snprintf(figures, sizeof figures, "%.3g\t%.3g", worst, bound);
    write_line(run, check, name_of(dtype), ok ? "ok" : "failed", figures, detail);
    run->failed |= !ok;
}

static ft_status reopen(void *context, ft_backend **backend, ft_error *err)
{
    const check_run *run = context;
    return run->create(FT_F32, backend, err);
}

/* Whether a new backend can be made and does something. */
static bool device_works(check_run *run)
{
    ft_bench_device device = {NULL, reopen, run};
    bool works = ft_bench_recover(&device, NULL) == FT_OK;
    if (device.backend) device.backend->free(device.backend);
    return works;
}

void check_error(check_run *run, const char *check, ft_dtype dtype, const ft_error *err)
{
    char detail[sizeof err->message + 32];
    if (run->lost) return;
    run->failed = true;
    run->lost = !device_works(run);
    snprintf(detail, sizeof detail, "%s%s", run->lost ? "the device was lost: " : "", err->message);
    write_line(run, check, name_of(dtype), "failed", "\t", detail);
}

void check_missing(check_run *run, const char *check, ft_dtype dtype, const ft_error *err)
{
    if (!run->lost) write_line(run, check, name_of(dtype), "missing", "\t", err->message);
}

ft_status check_reference(ft_dtype dtype, ft_backend **backend, ft_error *err)
{
    return ft_ref_create(dtype == FT_F32 ? FT_F64 : dtype, backend, err);
}

/* -- the model and the data -- */

/* As `ftgpu bench` trains, but with a B that is not zero: or A would have no gradient. */
static ft_status make_adapter(check_run *run, int32_t g, ft_error *err)
{
    const ft_adapter_spec spec = {FT_LORA, 8, 16.0f, 0.1f, false, FT_TARGET_Q | FT_TARGET_V};
    ft_status status = ft_adapter_init(&spec, run->weights, (uint32_t)g + 1, &run->adapters[g], err);
    for (int32_t i = 0; i < ft_tensor_count(&run->config) && status == FT_OK; i++)
        for (int32_t j = 0;
             run->adapters[g]->b[i] && j < ft_tensor_describe(&run->config, i).rows * spec.rank; j++)
            run->adapters[g]->b[i][j] = 0.05f * sinf((float)(j + i + g));
    return status;
}

/* Seasons of different lengths and scales, noise in the third. */
static ft_status make_series(check_run *run, ft_error *err)
{
    int64_t rows = run->scene->context_length + run->scene->prediction_length + 32;
    run->values = malloc((size_t)(CHECK_SERIES * rows) * sizeof *run->values);
    if (!run->values) return ft_no_memory(err, "the series", (size_t)(CHECK_SERIES * rows) * 4);
    for (int32_t i = 0; i < CHECK_SERIES; i++) {
        float *values = run->values + i * rows;
        for (int64_t t = 0; t < rows; t++) {
            float noise = (float)((uint32_t)t * 2654435761u >> 16 & 255) / 64;
            values[t] =
                (float)(20 * (i + 1)) + 9 * sinf((float)t / (3 + 2 * (float)i)) + (i == 2 ? noise : 0);
            if (i == 1 && t % 7 == 3) values[t] = NAN;
        }
        run->series[i] = (ft_series){values, {0, rows, rows, rows}};
    }
    return FT_OK;
}

/* Fresh weights with attention that prefers some keys to others, as T5's own
 * initialisation gives it. Its embedding is made smaller, or the head, which is tied
 * to it, would tell the last token again. */
static ft_status draw_weights(check_run *run, ft_error *err)
{
    run->config.initializer_factor = 1;
    ft_status status = ft_weights_draw(&run->config, 1, &run->weights, err);
    for (int64_t i = 0; i < (int64_t)run->config.vocab_size * run->config.d_model && status == FT_OK; i++)
        run->weights->tensor[FT_SHARED][i] *= 0.4f;
    return status;
}

static ft_status open_run(check_run *run, ft_error *err)
{
    ft_backend *backend = NULL;
    ft_status status = run->create(FT_F32, &backend, err);
    if (status != FT_OK) return status;
    backend->free(backend);
    status = ft_config_for_size(run->scene->size, &run->config, err);
    if (status == FT_OK) status = draw_weights(run, err);
    if (status == FT_OK) status = ft_tokenizer_create(&run->config.chronos, &run->tokenizer, err);
    for (int32_t g = 0; g < CHECK_ADAPTERS && status == FT_OK; g++) status = make_adapter(run, g, err);
    return status == FT_OK ? make_series(run, err) : status;
}

static void close_run(check_run *run)
{
    for (int32_t g = 0; g < CHECK_ADAPTERS; g++) ft_adapter_free(run->adapters[g]);
    ft_tokenizer_free(run->tokenizer);
    ft_weights_free(run->weights);
    free(run->values);
}

static void write_reference(check_run *run)
{
    char detail[64];
    snprintf(detail, sizeof detail, "%.2f s by ref on one core", run->reference_seconds);
    if (!run->lost) write_line(run, "reference", "f64", "ok", "\t", detail);
}

static void check_all(check_run *run)
{
    const model_check_scene *scene = run->scene;
    if (!scene->skip_f32) {
        check_training(run, FT_LORA, FT_F32);
        check_forecasts(run, FT_F32);
        if (scene->all_kinds) check_training(run, FT_LN_TUNING, FT_F32);
        if (scene->all_kinds) check_training(run, FT_FULL, FT_F32);
        check_nccl(run);
    }
    if (!scene->skip_bf16) {
        check_training(run, FT_LORA, FT_BF16);
        check_forecasts(run, FT_BF16);
    }
    write_reference(run);
}

int model_check(const model_check_scene *scene, model_check_create *create, FILE *out, ft_error *err)
{
    check_run run = {.scene = scene, .create = create, .out = out};
    ft_status status = open_run(&run, err);
    if (status == FT_OK) check_all(&run);
    close_run(&run);
    return status != FT_OK ? 2 : run.lost ? 3 : run.failed;
}
