/* Opening a device; see engine.h. */
#include "host/engine.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* `auto` is bf16 where the device multiplies it natively, as every GPU that the CUDA backend takes does. */
static ft_status choose_dtype(const char *name, bool on_gpu, ft_dtype *dtype, ft_error *err)
{
    if (strcmp(name, "auto") == 0)
        *dtype = on_gpu || ft_cpu_has_bf16() ? FT_BF16 : FT_F32;
    else if (strcmp(name, "f32") == 0)
        *dtype = FT_F32;
    else if (strcmp(name, "bf16") == 0)
        *dtype = FT_BF16;
    else
        return ft_fail(err, FT_BAD_INPUT, "--dtype %s: not one of auto, f32, bf16", name);
    return FT_OK;
}

/* "auto", "cpu", "cuda" or "cuda:<number>"; gpu: the number, -1 for the CPU. auto takes the first GPU where
 * there is one. */
static ft_status choose_device(const char *name, int *gpu, ft_error *err)
{
    *gpu = -1;
    if (strcmp(name, "cpu") == 0) return FT_OK;
    if (strcmp(name, "auto") == 0) {
        if (ft_cuda_device_count() > 0) *gpu = 0;
        return FT_OK;
    }
    if (strcmp(name, "cuda") == 0) {
        *gpu = 0;
        return FT_OK;
    }
    if (strncmp(name, "cuda:", 5) == 0) {
        char *end;
        long number = strtol(name + 5, &end, 10);
        if (end != name + 5 && *end == '\0' && number >= 0 && number < 1024) {
            *gpu = (int)number;
            return FT_OK;
        }
    }
    return ft_fail(err, FT_BAD_INPUT, "--device %s: not one of auto, cpu, cuda, cuda:<number>", name);
}

ft_status ft_engine_open(const ft_engine_settings *settings, ft_engine **out, ft_error *err)
{
    *out = NULL;
    const char *device = settings->device ? settings->device : "auto";
    int gpu = -1;
    ft_status status = choose_device(device, &gpu, err);
    if (status != FT_OK) return status;
    ft_dtype dtype = FT_F32;
    status = choose_dtype(settings->dtype ? settings->dtype : "auto", gpu >= 0, &dtype, err);
    if (status != FT_OK) return status;
    ft_engine *engine = calloc(1, sizeof *engine);
    if (!engine) return ft_no_memory(err, "the engine", sizeof *engine);
    engine->settings = *settings;
    engine->settings.device = device;
    if (!engine->settings.results) engine->settings.results = "results/fine_tuning";
    status = gpu >= 0 ? ft_cuda_create(gpu, dtype, &engine->backend, err)
                      : ft_cpu_create(dtype, (int)settings->threads, &engine->backend, err);
    if (status != FT_OK) {
        ft_engine_close(engine);
        return status;
    }
    *out = engine;
    return FT_OK;
}

void ft_engine_close(ft_engine *engine)
{
    if (!engine) return;
    if (engine->backend) engine->backend->free(engine->backend);
    free(engine);
}

void ft_engine_say(const ft_engine *engine, const char *format, ...)
{
    if (!engine->settings.progress) return;
    char line[512];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    engine->settings.progress(engine->settings.context, line);
}

bool ft_engine_stopped(const ft_engine *engine)
{
    return engine->settings.stop && engine->settings.stop(engine->settings.context);
}
