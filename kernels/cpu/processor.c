/* What the processor can do, and its name. */
#include <dnnl.h>
#include <dnnl_debug.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernels/cpu/cpu.h"

static ft_isa processor_isa(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !__builtin_cpu_supports("bmi2"))
        return FT_ISA_GENERIC;
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
        !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vl") ||
        !__builtin_cpu_supports("avx512cd"))
        return FT_ISA_AVX2;
    return __builtin_cpu_supports("avx512bf16") ? FT_ISA_AVX512_BF16 : FT_ISA_AVX512;
#else
    return FT_ISA_GENERIC;
#endif
}

ft_isa ft_cpu_isa(void)
{
    static const char *const names[] = {"generic", "avx2", "avx512", "avx512_bf16"};
    ft_isa isa = processor_isa();
    const char *wish = getenv("FTGPU_ISA");
    for (int i = 0; wish && i < (int)isa; i++)
        if (strcmp(wish, names[i]) == 0) return (ft_isa)i;
    return isa;
}

/* Whether oneDNN may use an instruction set. Its sets are masks: one that has more has
 * all bits of the lesser. */
static bool onednn_has(dnnl_cpu_isa_t wanted)
{
    return (dnnl_get_effective_cpu_isa() & wanted) == wanted;
}

bool ft_cpu_onednn_takes_bf16(void)
{
#if defined(__x86_64__)
    return onednn_has(dnnl_cpu_isa_avx512_core);
#else
    return true;
#endif
}

bool ft_cpu_has_bf16(void)
{
    return ft_cpu_isa() == FT_ISA_AVX512_BF16 && onednn_has(dnnl_cpu_isa_avx512_core_bf16);
}

const char *ft_cpu_onednn_isa(void)
{
    static const char prefix[] = "cpu_isa_";
    const char *name = dnnl_cpu_isa2str(dnnl_get_effective_cpu_isa());
    return strncmp(name, prefix, sizeof prefix - 1) == 0 ? name + sizeof prefix - 1 : name;
}

void ft_cpu_describe(char *text, size_t size)
{
    /* the first processor's name is in it; read without stdio, which would allocate */
    char start[4096];
    snprintf(text, size, "CPU");
    int file = open("/proc/cpuinfo", O_RDONLY | O_CLOEXEC);
    ssize_t length = file >= 0 ? read(file, start, sizeof start - 1) : -1;
    if (file >= 0) close(file);
    start[length > 0 ? length : 0] = '\0';
    const char *line = strstr(start, "\nmodel name"), *colon = line ? strchr(line, ':') : NULL;
    if (!colon) return;
    colon += 1 + strspn(colon + 1, " \t");
    snprintf(text, size, "%.*s", (int)strcspn(colon, "\n"), colon);
}
