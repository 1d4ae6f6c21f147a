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
 * there is one, if `look`; without it no device is touched. */
static ft_status choose_device(const char *name, bool look, int *gpu, ft_error *err)
{
    *gpu = -1;
    if (strcmp(name, "cpu") == 0) return FT_OK;
    if (strcmp(name, "auto") == 0) {
        if (look && ft_cuda_device_count() > 0) *gpu = 0;
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
    ft_engine *engine = calloc(1, sizeof *engine);
    if (!engine) return ft_no_memory(err, "the engine", sizeof *engine);
    engine->settings = *settings;
    if (!engine->settings.device) engine->settings.device = "auto";
    if (!engine->settings.dtype) engine->settings.dtype = "auto";
    if (!engine->settings.results) engine->settings.results = "results/fine_tuning";
    int gpu;
    ft_dtype dtype;
    ft_status status = choose_device(engine->settings.device, false, &gpu, err);
    if (status == FT_OK) status = choose_dtype(engine->settings.dtype, false, &dtype, err);
    if (status != FT_OK) {
        ft_engine_close(engine);
        return status;
    }
    *out = engine;
    return FT_OK;
}

ft_status ft_engine_attach(ft_engine *engine, ft_error *err)
{
    if (engine->backend) return FT_OK;
    int gpu = -1;
    ft_dtype dtype = FT_F32;
    ft_status status = choose_device(engine->settings.device, true, &gpu, err);
    if (status == FT_OK) status = choose_dtype(engine->settings.dtype, gpu >= 0, &dtype, err);
    if (status != FT_OK) return status;
    return gpu >= 0 ? ft_cuda_create(gpu, dtype, &engine->backend, err)
                    : ft_cpu_create(dtype, (int)engine->settings.threads, &engine->backend, err);
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

ft_stop ft_engine_stop(const ft_engine *engine)
{
    int how = engine->settings.stop ? engine->settings.stop(engine->settings.context) : 0;
    return how >= FT_STOP_NOW ? FT_STOP_NOW : how > 0 ? FT_STOP_AT_EPOCH : FT_STOP_NOT;
}
