/* ftgpu devices: what this machine computes with, and what `auto` means here. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "host/experiment/bf16_gain.h"
#include "kernels/backend.h"

/* The instruction sets that the CPU backend or oneDNN make use of, as the kernel names
 * them. */
static const char *const instruction_sets[] = {
    "sse4_2",   "avx",      "avx2",     "fma",         "f16c",        "avx_vnni",
    "avx512f",  "avx512bw", "avx512vl", "avx512_vnni", "avx512_bf16", "amx_tile",
    "amx_bf16", "asimd",    "sve",      "bf16",        "i8mm"};

/* The text after "key : " in a line of /proc/cpuinfo, or NULL. */
static const char *value_of(char *line, const char *key)
{
    size_t length = strlen(key);
    if (strncmp(line, key, length) != 0) return NULL;
    char *value = strchr(line, ':');
    if (!value || strspn(line + length, " \t") != (size_t)(value - line) - length) return NULL;
    value[strcspn(value, "\n")] = '\0';
    return value + 1 + strspn(value + 1, " \t");
}

/* Adds the known instruction sets among `flags`, a text of words. */
static void add_instruction_sets(const char *flags, ft_text *out)
{
    for (size_t i = 0; i < sizeof instruction_sets / sizeof *instruction_sets; i++) {
        const char *name = instruction_sets[i], *at = flags;
        size_t length = strlen(name);
        while ((at = strstr(at, name)) != NULL) {
            bool whole = (at == flags || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0');
            at += length;
            if (!whole) continue;
            ft_text_addf(out, "%s%s", out->length ? " " : "", name);
            break;
        }
    }
}

/* Instruction sets of the first processor; empty where the kernel does not tell. */
static void read_instruction_sets(ft_text *sets)
{
    char *line = NULL;
    size_t capacity = 0;
    errno = 0;
    FILE *file = fopen("/proc/cpuinfo", "r");
    while (file && getline(&line, &capacity, file) > 1) {
        const char *value;
        if ((value = value_of(line, "flags")) || (value = value_of(line, "Features")))
            add_instruction_sets(value, sets);
    }
    sets->failed = sets->failed || errno == ENOMEM;
    free(line);
    if (file) fclose(file);
}

static ft_status add_cpu(cJSON *object, ft_error *err)
{
    ft_backend *backend = NULL;
    ft_text sets = FT_TEXT_EMPTY;
    ft_status status = ft_cpu_create(FT_F32, 0, &backend, err);
    if (status != FT_OK) return status;
    const double gain = ft_bf16_gain();
    read_instruction_sets(&sets);
    cJSON *cpu = sets.failed ? NULL : cJSON_AddObjectToObject(object, "cpu");
    bool ok = cpu && cJSON_AddStringToObject(cpu, "device", backend->device) &&
              cJSON_AddNumberToObject(cpu, "threads", backend->n_threads) &&
              cJSON_AddNumberToObject(cpu, "memory_bytes", (double)backend->memory_bytes) &&
              cJSON_AddStringToObject(cpu, "instruction_sets", sets.data ? sets.data : "") &&
              cJSON_AddStringToObject(cpu, "onednn_isa", ft_cpu_onednn_isa()) &&
              cJSON_AddBoolToObject(cpu, "bf16_native", gain > 0) &&
              (gain == 0 || cJSON_AddNumberToObject(cpu, "bf16_speed_over_f32", round(100 * gain) / 100)) &&
              cJSON_AddStringToObject(cpu, "dtype_auto", ft_bf16_pays(gain) ? "bf16" : "f32");
    backend->free(backend);
    ft_text_free(&sets);
    return ok ? FT_OK : ft_no_memory(err, "the output", 4096);
}

/* What the build has of CUDA; nothing where it has none. The libraries are opened
 * where there are GPUs. */
static bool add_parts(cJSON *object, bool open)
{
    ft_cuda_parts parts;
    ft_cuda_describe(open, &parts);
    if (!parts.code[0]) return true;
    cJSON *cuda = cJSON_AddObjectToObject(object, "cuda");
    return cuda && cJSON_AddStringToObject(cuda, "code", parts.code) &&
           cJSON_AddStringToObject(cuda, "cublaslt", parts.cublaslt) &&
           cJSON_AddStringToObject(cuda, "nccl", parts.nccl);
}

/* A GPU by name and memory, or what is wrong with it. */
static bool add_gpu(cJSON *object, int number)
{
    char key[32];
    ft_error err = {""};
    ft_backend *backend = NULL;
    ft_status status = ft_cuda_create(number, FT_BF16, &backend, &err);
    snprintf(key, sizeof key, "cuda:%d", number);
    cJSON *gpu = cJSON_AddObjectToObject(object, key);
    if (status != FT_OK) return gpu && cJSON_AddStringToObject(gpu, "error", err.message);
    bool ok = gpu && cJSON_AddStringToObject(gpu, "device", backend->device) &&
              cJSON_AddNumberToObject(gpu, "memory_bytes", (double)backend->memory_bytes);
    backend->free(backend);
    return ok;
}

/* Why there is no GPU: what one is told who asks for the first. */
static bool add_reason(cJSON *object)
{
    ft_error err = {""};
    ft_text reason = FT_TEXT_EMPTY;
    ft_backend *backend = NULL;
    if (ft_cuda_create(0, FT_BF16, &backend, &err) == FT_OK)
        backend->free(backend); /* it has come just now */
    ft_text_addf(&reason, "none: %s", err.message);
    bool ok = !reason.failed && cJSON_AddStringToObject(object, "gpu", reason.data);
    ft_text_free(&reason);
    return ok;
}

/* All GPUs, and which device `auto` takes. */
static ft_status add_gpus(cJSON *object, ft_error *err)
{
    int count = ft_cuda_device_count();
    bool ok = add_parts(object, count > 0);
    for (int i = 0; i < count && ok; i++) ok = add_gpu(object, i);
    if (count == 0) ok = ok && add_reason(object);
    ok = ok && cJSON_AddStringToObject(object, "device_auto", count > 0 ? "cuda:0" : "cpu");
    return ok ? FT_OK : ft_no_memory(err, "the output", 4096);
}

static ft_status devices(const char *format_name, ft_error *err)
{
    ft_table_format format;
    cJSON *object = cJSON_CreateObject();
    ft_status status =
        object ? ft_table_format_parse(format_name, &format, err) : ft_no_memory(err, "the output", 0);
    if (status == FT_OK) status = add_cpu(object, err);
    if (status == FT_OK) status = add_gpus(object, err);
    if (status == FT_OK) status = ft_print_object(object, format, err);
    cJSON_Delete(object);
    return status;
}

int ft_command_devices(int argc, const char *const *argv)
{
    const char *format = "table";
    const ft_option table[] = {FT_OPTION_FORMAT(format), {.name = NULL}};
    const ft_command_line line = {
        .command = "ftgpu devices",
        .summary = "Shows what this machine computes with, and which device and dtype `auto` means here.",
        .usage = "[options]",
        .example = "ftgpu devices --format json",
        .options = table,
    };
    int exit_status;
    ft_error err = {""};
    if (!ft_command_parse(&line, argc, argv, &exit_status)) return exit_status;
    return ft_command_finish(devices(format, &err), &err);
}
