/* Opening a device; see engine.h. */
#include "host/engine.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static ft_status choose_dtype(const char *name, ft_dtype *dtype, ft_error *err)
{
    if (strcmp(name, "auto") == 0)
        *dtype = ft_cpu_has_bf16() ? FT_BF16 : FT_F32;
    else if (strcmp(name, "f32") == 0)
        *dtype = FT_F32;
    else if (strcmp(name, "bf16") == 0)
        *dtype = FT_BF16;
    else
        return ft_fail(err, FT_BAD_INPUT, "--dtype %s: not one of auto, f32, bf16", name);
    return FT_OK;
}

ft_status ft_engine_open(const ft_engine_settings *settings, ft_engine **out, ft_error *err)
{
    *out = NULL;
    const char *device = settings->device ? settings->device : "auto";
    if (strcmp(device, "auto") != 0 && strcmp(device, "cpu") != 0) {
        if (strncmp(device, "cuda", 4) == 0)
            return ft_fail(err, FT_BAD_INPUT, "--device %s: this build has no CUDA backend (use cpu)",
                           device);
        return ft_fail(err, FT_BAD_INPUT, "--device %s: not one of auto, cpu", device);
    }
    ft_dtype dtype = FT_F32;
    ft_status status = choose_dtype(settings->dtype ? settings->dtype : "auto", &dtype, err);
    if (status != FT_OK) return status;
    ft_engine *engine = calloc(1, sizeof *engine);
    if (!engine) return ft_no_memory(err, "the engine", sizeof *engine);
    engine->settings = *settings;
    engine->settings.device = device;
    if (!engine->settings.results) engine->settings.results = "results/fine_tuning";
    status = ft_cpu_create(dtype, (int)settings->threads, &engine->backend, err);
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
