/* What the processor can do, and its name. */
#include <dnnl.h>
#include <dnnl_debug.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/checksum.h"
#include "kernels/cpu/cpu.h"

/* Whether oneDNN may use an instruction set. Its sets are masks: one that has more has
 * all bits of the lesser. */
static bool onednn_has(dnnl_cpu_isa_t wanted)
{
    return (dnnl_get_effective_cpu_isa() & wanted) == wanted;
}

#if defined(__x86_64__)
/* Whether the processor has AMX and the kernel lets this process use its registers: each
 * process has to ask for them once. Only where oneDNN may use AMX too, so that
 * DNNL_MAX_CPU_ISA limits both. */
static bool amx_is_allowed(void)
{
    enum { ARCH_REQUEST_PERMISSION = 0x1023, TILE_DATA = 18 };
    return onednn_has(dnnl_cpu_isa_avx512_core_amx) &&
           syscall(SYS_arch_prctl, ARCH_REQUEST_PERMISSION, TILE_DATA) == 0;
}
#endif

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
    if (!__builtin_cpu_supports("avx512bf16")) return FT_ISA_AVX512;
    return amx_is_allowed() ? FT_ISA_AMX : FT_ISA_AVX512_BF16;
#else
    return FT_ISA_GENERIC;
#endif
}

static const char *const isa_names[] = {"generic", "avx2", "avx512", "avx512_bf16", "amx"};

ft_isa ft_cpu_isa(void)
{
    ft_isa isa = processor_isa();
    const char *wish = getenv("FTGPU_ISA");
    for (int i = 0; wish && i < (int)isa; i++)
        if (strcmp(wish, isa_names[i]) == 0) return (ft_isa)i;
    return isa;
}

bool ft_cpu_takes_bf16(void)
{
#if defined(__x86_64__)
    return onednn_has(dnnl_cpu_isa_avx512_core);
#else
    return true;
#endif
}

bool ft_cpu_has_bf16(void)
{
    return ft_cpu_isa() >= FT_ISA_AVX512_BF16 && onednn_has(dnnl_cpu_isa_avx512_core_bf16);
}

const char *ft_cpu_onednn_isa(void)
{
    static const char prefix[] = "cpu_isa_";
    const char *name = dnnl_cpu_isa2str(dnnl_get_effective_cpu_isa());
    return strncmp(name, prefix, sizeof prefix - 1) == 0 ? name + sizeof prefix - 1 : name;
}

/* What the kernel says of the first processor, read without stdio, which would
 * allocate. */
enum { CPUINFO_CHARS = 8192 };
static void read_cpuinfo(char text[CPUINFO_CHARS])
{
    int file = open("/proc/cpuinfo", O_RDONLY | O_CLOEXEC);
    ssize_t length = file >= 0 ? read(file, text, CPUINFO_CHARS - 1) : -1;
    if (file >= 0) close(file);
    text[length > 0 ? length : 0] = '\0';
}

/* The value of the first line "<key>   : value", and its length; "" where no line has the
 * key. */
static const char *find_value(const char *cpuinfo, const char *key, int *length)
{
    const size_t key_length = strlen(key);
    *length = 0;
    for (const char *line = cpuinfo; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, key_length) != 0) continue;
        const char *colon = line + key_length + strspn(line + key_length, " \t");
        if (*colon != ':') continue;
        const char *value = colon + 1 + strspn(colon + 1, " \t");
        *length = (int)strcspn(value, "\n");
        return value;
    }
    return "";
}

static void put_name(const char *cpuinfo, char *text, size_t size)
{
    int length;
    const char *name = find_value(cpuinfo, "model name", &length);
    snprintf(text, size, "%.*s", length, name);
    if (length == 0) snprintf(text, size, "CPU");
}

void ft_cpu_describe(char *text, size_t size)
{
    char cpuinfo[CPUINFO_CHARS];
    read_cpuinfo(cpuinfo);
    put_name(cpuinfo, text, size);
}

void ft_cpu_identify(char *text, size_t size)
{
    static const char *const keys[] = {"cpu family", "model", "stepping", "flags"};
    char cpuinfo[CPUINFO_CHARS], name[128];
    uint32_t checksum = 0;
    read_cpuinfo(cpuinfo);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        int length;
        const char *value = find_value(cpuinfo, keys[i], &length);
        checksum = ft_checksum(ft_checksum(checksum, value, (size_t)length), ",", 1);
    }
    put_name(cpuinfo, name, sizeof name);
    snprintf(text, size, "%s %08lx, %s, %s", name, (unsigned long)checksum, isa_names[ft_cpu_isa()],
             ft_cpu_onednn_isa());
}
