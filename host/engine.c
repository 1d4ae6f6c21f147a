/* Opening a device; see engine.h. */
#include "host/engine.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/devices.h"

/* For what rank 0 does alone: it makes the plan, measures forecasts, records, which a file system may hold
 * up. */
static const double LAUNCHED_TIMEOUT = 1800;

/* `auto` is bf16 where the device multiplies it natively, as every GPU that the CUDA backend takes does. */
static ft_status choose_dtype(const char *name, bool has_bf16, ft_dtype *dtype, ft_error *err)
{
    if (strcmp(name, "auto") == 0)
        *dtype = has_bf16 ? FT_BF16 : FT_F32;
    else if (strcmp(name, "f32") == 0)
        *dtype = FT_F32;
    else if (strcmp(name, "bf16") == 0)
        *dtype = FT_BF16;
    else
        return ft_fail(err, FT_BAD_INPUT, "--dtype %s: not one of auto, f32, bf16", name);
    return FT_OK;
}

/* The GPU that a --device names for the `turn`-th process on this machine, -1 for the CPU. auto takes a GPU
 * where there is one. */
static ft_status choose_device(const char *name, int32_t turn, int *gpu, ft_error *err)
{
    int32_t gpus[64], n = 0;
    ft_status status = ft_devices_parse(name, gpus, 64, &n, err);
    if (status != FT_OK) return status;
    bool any = n < 0;
    if (any && (turn > 0 || strcmp(name, "auto") == 0)) n = ft_cuda_device_count();
    *gpu = n == 0 ? -1 : any ? turn : gpus[turn < n ? turn : 0];
    if (n > 0 && turn >= n)
        return ft_fail(err, FT_BAD_INPUT,
                       "--device %s: the launcher started more processes here than GPUs: %d", name, n);
    return FT_OK;
}

static ft_status join_launcher(ft_engine *engine, ft_error *err)
{
    if (!engine->settings.launched || !ft_comm_is_launched()) return FT_OK;
    ft_status status = ft_comm_mpi(LAUNCHED_TIMEOUT, &engine->launcher, err);
    if (status == FT_OK && engine->launcher->rank > 0) engine->settings.progress = NULL;
    return status;
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
    if (status == FT_OK) status = join_launcher(engine, err);
    if (status != FT_OK) {
        ft_engine_close(engine);
        return status;
    }
    *out = engine;
    return FT_OK;
}

/* The cores that processes of a launcher have on this machine are divided among them. */
static int cpu_threads(const ft_engine *engine)
{
    int64_t threads = engine->settings.threads;
    if (threads > 0 || !engine->launcher) return (int)threads;
    int share = ft_cpu_cores() / engine->launcher->local_size;
    return share > 0 ? share : 1;
}

/* Launched processes on GPUs: NCCL's id goes round by the launcher's means. */
static ft_status connect(ft_engine *engine, bool on_gpu, ft_error *err)
{
    ft_comm *launcher = engine->launcher;
    ft_comm_id id = {{0}};
    if (!launcher) return FT_OK;
    if (!on_gpu) {
        engine->comm = launcher;
        return FT_OK;
    }
    ft_status status = launcher->rank == 0 ? ft_comm_nccl_id(&id, err) : FT_OK;
    status = ft_comm_agree(launcher, status, NULL, err);
    if (status == FT_OK) status = launcher->broadcast(launcher, &id, sizeof id, 0, err);
    if (status == FT_OK)
        status = ft_comm_nccl(engine->backend, &id, launcher->rank, launcher->size, LAUNCHED_TIMEOUT,
                              &engine->comm, err);
    return ft_comm_agree(launcher, status, NULL, err);
}

ft_status ft_engine_attach(ft_engine *engine, ft_error *err)
{
    if (engine->backend) return FT_OK;
    ft_comm *launcher = engine->launcher;
    int gpu = -1;
    ft_dtype dtype = FT_F32;
    ft_status status = choose_device(engine->settings.device, launcher ? launcher->local_rank : 0, &gpu, err);
    /* Launched processes all have GPUs or compute on CPUs, all in the same types. */
    bool on_cpu = gpu < 0, without_bf16 = gpu < 0 && !ft_cpu_has_bf16();
    status = ft_comm_agree(launcher, status, &on_cpu, err);
    if (status == FT_OK) status = ft_comm_agree(launcher, status, &without_bf16, err);
    if (status == FT_OK) status = choose_dtype(engine->settings.dtype, !without_bf16, &dtype, err);
    if (status == FT_OK)
        status = on_cpu ? ft_cpu_create(dtype, cpu_threads(engine), &engine->backend, err)
                        : ft_cuda_create(gpu, dtype, &engine->backend, err);
    status = ft_comm_agree(launcher, status, NULL, err);
    return status == FT_OK ? connect(engine, !on_cpu, err) : status;
}

void ft_engine_close(ft_engine *engine)
{
    if (!engine) return;
    if (engine->comm && engine->comm != engine->launcher) engine->comm->free(engine->comm);
    if (engine->backend) engine->backend->free(engine->backend);
    if (engine->launcher) engine->launcher->free(engine->launcher);
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
