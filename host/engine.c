/* Opening a device; see engine.h. */
#include "host/engine.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/devices.h"

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

/* The GPU that a --device names first, -1 for the CPU. auto takes the first GPU where there is one. */
static ft_status choose_device(const char *name, int *gpu, ft_error *err)
{
    int32_t gpus[64], n = 0;
    ft_status status = ft_devices_parse(name, gpus, 64, &n, err);
    if (status != FT_OK) return status;
    *gpu = n > 0 ? gpus[0] : n == 0 ? -1 : 0;
    if (strcmp(name, "auto") == 0 && ft_cuda_device_count() == 0) *gpu = -1;
    return FT_OK;
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
    int32_t gpus[64], n_gpus;
    ft_dtype dtype;
    ft_status status = ft_devices_parse(engine->settings.device, gpus, 64, &n_gpus, err);
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
    ft_status status = choose_device(engine->settings.device, &gpu, err);
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
