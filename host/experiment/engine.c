/* Opening a device; see engine.h. */
#include "host/experiment/engine.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/text.h"
#include "host/experiment/bf16_gain.h"
#include "host/experiment/devices.h"

/* Seconds that ranks of a launcher wait for rank 0, which alone makes the plan,
 * computes metrics and records; a slow file system may delay it. */
static const double LAUNCHED_TIMEOUT = 1800;

/* `auto` is bf16 where that is faster on the device, as on every GPU that the CUDA
 * backend supports. */
static ft_status choose_dtype(const char *name, bool prefers_bf16, ft_dtype *dtype, ft_error *err)
{
    if (strcmp(name, "auto") == 0)
        *dtype = prefers_bf16 ? FT_BF16 : FT_F32;
    else if (strcmp(name, "f32") == 0)
        *dtype = FT_F32;
    else if (strcmp(name, "bf16") == 0)
        *dtype = FT_BF16;
    else
        return ft_fail(err, FT_BAD_INPUT, "--dtype %s: not one of auto, f32, bf16", name);
    return FT_OK;
}

/* The GPU that a --device gives to the process with number `turn` on this machine, or
 * -1 for the CPU. "auto" takes a GPU if there is one. */
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
    if (status == FT_OK && engine->launcher->rank > 0) {
        engine->settings.progress = NULL;
        engine->settings.event = NULL;
    }
    return status;
}

/* Copies a setting, or its default if it is NULL, into memory that the engine owns. */
static ft_status keep_text(ft_engine *engine, int number, const char **setting, const char *by_default,
                           ft_error *err)
{
    const char *text = *setting ? *setting : by_default;
    if (!text) return FT_OK;
    *setting = engine->texts[number] = ft_copy_string(text);
    return *setting ? FT_OK : ft_no_memory(err, "the engine", strlen(text) + 1);
}

ft_status ft_engine_open(const ft_engine_settings *settings, ft_engine **out, ft_error *err)
{
    if (out) *out = NULL;
    if (!settings || !out)
        return ft_fail(err, FT_BAD_INPUT, "an engine needs settings and a place (NULL given)");
    ft_engine *engine = calloc(1, sizeof *engine);
    if (!engine) return ft_no_memory(err, "the engine", sizeof *engine);
    ft_engine_settings *own = &engine->settings;
    *own = *settings;
    engine->process = getpid();
    int32_t gpus[64], n_gpus;
    ft_dtype dtype;
    ft_status status = keep_text(engine, 0, &own->device, "auto", err);
    if (status == FT_OK) status = keep_text(engine, 1, &own->dtype, "auto", err);
    if (status == FT_OK) status = keep_text(engine, 2, &own->results, FT_DEFAULT_RESULTS, err);
    if (status == FT_OK) status = keep_text(engine, 3, &own->command_line, NULL, err);
    if (status == FT_OK) status = ft_devices_parse(own->device, gpus, 64, &n_gpus, err);
    if (status == FT_OK) status = choose_dtype(own->dtype, false, &dtype, err);
    if (status == FT_OK) status = join_launcher(engine, err);
    if (status != FT_OK) {
        ft_engine_close(engine);
        return status;
    }
    *out = engine;
    return FT_OK;
}

ft_status ft_engine_enter(ft_engine *engine, ft_error *err)
{
    if (!engine) return ft_fail(err, FT_BAD_INPUT, "no engine is given (NULL)");
    if (engine->process != getpid())
        return ft_fail(err, FT_BAD_INPUT, "the engine was opened by another process: each needs its own");
    if (atomic_exchange(&engine->is_busy, true))
        return ft_fail(err, FT_BAD_INPUT,
                       "the engine is busy: it serves one call at a time, another thread needs its own");
    return FT_OK;
}

void ft_engine_leave(ft_engine *engine)
{
    atomic_store(&engine->is_busy, false);
}

/* Threads on the CPU: the processes of a launcher share this machine's cores. */
static int cpu_threads(const ft_engine *engine)
{
    int64_t threads = engine->settings.threads;
    if (threads > 0 || !engine->launcher) return (int)threads;
    int share = ft_cpu_cores() / engine->launcher->local_size;
    return share > 0 ? share : 1;
}

/* Connects launched processes on GPUs by NCCL; the launcher's communicator broadcasts
 * NCCL's id. */
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

/* Id of the process that opened a device; 0: none yet. A forked child must not open
 * one: it would wait for threads that the fork did not copy. */
static atomic_long computing_process;

/* Whether `auto` means bf16 on this CPU. Measures that only if `auto` was asked for. */
static bool auto_is_bf16(const ft_engine *engine)
{
    return strcmp(engine->settings.dtype, "auto") == 0 && ft_bf16_pays(ft_bf16_gain());
}

ft_status ft_engine_attach(ft_engine *engine, ft_error *err)
{
    if (engine->backend) return FT_OK;
    long computing = atomic_load(&computing_process);
    if (computing != 0 && computing != (long)getpid())
        return ft_fail(err, FT_BAD_INPUT,
                       "this process's parent has computed before it was forked: fork first, or exec");
    ft_comm *launcher = engine->launcher;
    int gpu = -1;
    ft_dtype dtype = FT_F32;
    ft_status status = choose_device(engine->settings.device, launcher ? launcher->local_rank : 0, &gpu, err);
    /* Launched processes agree: all on GPUs or all on CPUs, in one dtype. */
    bool on_cpu = gpu < 0, without_bf16 = gpu < 0 && !auto_is_bf16(engine);
    status = ft_comm_agree(launcher, status, &on_cpu, err);
    if (status == FT_OK) status = ft_comm_agree(launcher, status, &without_bf16, err);
    if (status == FT_OK) status = choose_dtype(engine->settings.dtype, !without_bf16, &dtype, err);
    if (status == FT_OK)
        status = on_cpu ? ft_cpu_create(dtype, cpu_threads(engine), &engine->backend, err)
                        : ft_cuda_create(gpu, dtype, &engine->backend, err);
    if (status == FT_OK && (!on_cpu || engine->backend->n_threads > 1))
        atomic_store(&computing_process, (long)getpid());
    status = ft_comm_agree(launcher, status, NULL, err);
    return status == FT_OK ? connect(engine, !on_cpu, err) : status;
}

void ft_engine_close(ft_engine *engine)
{
    if (!engine) return;
    /* in a forked child the devices belong to the parent */
    if (engine->process == getpid()) {
        if (engine->comm && engine->comm != engine->launcher) engine->comm->free(engine->comm);
        if (engine->backend) engine->backend->free(engine->backend);
        if (engine->launcher) engine->launcher->free(engine->launcher);
    }
    for (size_t i = 0; i < sizeof engine->texts / sizeof *engine->texts; i++) free(engine->texts[i]);
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

void ft_event_to_line(const ft_event *e, char *line, size_t size)
{
    char label[64] = "run";
    if (e->configurations > 0) snprintf(label, sizeof label, "%zu/%zu", e->configuration, e->configurations);
    snprintf(line, size,
             "%s  epoch %.0f/%lld  loss %.4f  val_loss %.4f  lr %.3g  grad_norm %.3g  %.0f tokens/s", label,
             e->epochs_done, (long long)e->epochs, ft_unsigned_nan(e->loss), ft_unsigned_nan(e->val_loss),
             e->learning_rate, ft_unsigned_nan(e->grad_norm), e->tokens_per_second);
}

void ft_engine_tell(const ft_engine *engine, const ft_event *event)
{
    char line[512];
    if (engine->settings.event) {
        engine->settings.event(engine->settings.context, event);
    } else if (engine->settings.progress && event->kind == FT_EVENT_EPOCH) {
        ft_event_to_line(event, line, sizeof line);
        engine->settings.progress(engine->settings.context, line);
    }
}

void ft_engine_say_notes(const ft_engine *engine, const char *lines)
{
    while (lines && *lines) {
        size_t length = strcspn(lines, "\n");
        ft_engine_say(engine, "note: %.*s", (int)length, lines);
        lines += length + (lines[length] == '\n');
    }
}

ft_stop ft_engine_stop(const ft_engine *engine)
{
    int how = engine->settings.stop ? engine->settings.stop(engine->settings.context) : 0;
    return how >= FT_STOP_NOW ? FT_STOP_NOW : how > 0 ? FT_STOP_AT_EPOCH : FT_STOP_NOT;
}
