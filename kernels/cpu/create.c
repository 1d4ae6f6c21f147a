/* Creates the CPU backend: memory (plain host memory), scratch memory, and synchronize
 * (every operation is done when it returns). */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* MADV_HUGEPAGE, pthread_getattr_default_np */
#endif
#include <omp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/limits.h"
#include "base/poison.h"
#include "kernels/cpu/cpu.h"
#include "kernels/cpu/matmul.h"
#include "kernels/host_memory.h"

void ft_cpu_fail(ft_cpu *cpu, ft_status status, const char *message)
{
    if (cpu->failure != FT_OK) return;
    cpu->failure = ft_fail(&cpu->failed, status, "%s", message);
}

bool ft_cpu_has_room(size_t bytes)
{
    if (bytes == 0) return true;
    void *room =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (room == MAP_FAILED) return false;
    munmap(room, bytes);
    return true;
}

/* Starts the OpenMP threads now, after checking that there is room for their stacks;
 * later parallel regions reuse them. OpenMP ends the process when it cannot start a
 * thread. */
static ft_status start_threads(int *n_threads, ft_error *err)
{
    size_t stack = 0;
    pthread_attr_t attributes;
    if (pthread_getattr_default_np(&attributes) == 0) {
        pthread_attr_getstacksize(&attributes, &stack);
        pthread_attr_destroy(&attributes);
    }
    const size_t bytes = (size_t)(*n_threads - 1) * stack;
    if (!ft_cpu_has_room(bytes)) {
        char what[64];
        snprintf(what, sizeof what, "the stacks of %d threads", *n_threads);
        return ft_no_memory(err, what, bytes);
    }
    int started = 1;
    const int dynamic = omp_get_dynamic();
    omp_set_dynamic(0);
#pragma omp parallel num_threads(*n_threads)
    {
#pragma omp master
        started = omp_get_num_threads();
    }
    omp_set_dynamic(dynamic);
    /* fewer by OMP_THREAD_LIMIT, OMP_MAX_ACTIVE_LEVELS or within a parallel region */
    *n_threads = started;
    return FT_OK;
}

static size_t rounded_to_64(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

void *ft_cpu_scratch(ft_cpu *cpu, ft_scratch use, size_t bytes)
{
    char *kept = cpu->scratch[use].data;
    if (bytes > cpu->scratch[use].bytes) {
        free(kept);
        cpu->scratch[use].data = kept = aligned_alloc(64, rounded_to_64(bytes));
        cpu->scratch[use].bytes = kept ? rounded_to_64(bytes) : 0;
    }
    if (kept) {
        FT_UNPOISON(kept, bytes);
        FT_SPOIL(kept, bytes);
        /* room of a larger call before */
        FT_POISON(kept + bytes, cpu->scratch[use].bytes - bytes);
    } else if (cpu->failure == FT_OK && bytes > 0) {
        cpu->failure = ft_no_memory(&cpu->failed, "scratch memory of the CPU backend", bytes);
    }
    return kept;
}

static void free_backend(ft_backend *self)
{
    if (!self) return;
    ft_cpu *cpu = ft_cpu_of(self);
    ft_cpu_free_parts(cpu);
    ft_matmul_cache_free(cpu->matmuls);
    for (int i = 0; i < FT_SCRATCH_COUNT; i++) free(cpu->scratch[i].data);
    free(cpu);
}

/* Large blocks ask for huge pages: attention reads a head's columns row by row, and rows
 * are almost a page apart or more. A training step of size small is 3 % faster with
 * them. */
static void *allocate(ft_backend *self, size_t bytes, ft_error *err)
{
    const size_t huge = (size_t)2 << 20;
    (void)self;
    char *block = NULL;
    size_t rounded = rounded_to_64(bytes ? bytes : 1);
    if (bytes >= 2 * huge && bytes <= PTRDIFF_MAX - huge) {
        rounded = (bytes + huge - 1) / huge * huge;
        block = aligned_alloc(huge, rounded);
#ifdef MADV_HUGEPAGE
        /* only a hint; failure changes nothing */
        if (block) madvise(block, rounded, MADV_HUGEPAGE);
#endif
    } else if (bytes < huge * 2) {
        block = aligned_alloc(64, rounded);
    }
    if (block)
        FT_POISON(block + bytes, rounded - bytes);
    else
        ft_no_memory(err, "device memory", bytes);
    return block;
}

static ft_status synchronize(ft_backend *self, ft_error *err)
{
    ft_cpu *cpu = ft_cpu_of(self);
    ft_status status = cpu->failure;
    if (status != FT_OK && err) *err = cpu->failed;
    cpu->failure = FT_OK;
    return status;
}

ft_status ft_cpu_create(ft_dtype dtype, int n_threads, ft_backend **backend, ft_error *err)
{
    *backend = NULL;
    if (dtype != FT_F32 && dtype != FT_BF16)
        return ft_fail(err, FT_BAD_INPUT, "the CPU backend computes in f32 or bf16");
    if (dtype == FT_BF16 && !ft_cpu_takes_bf16())
        return ft_fail(err, FT_BAD_INPUT,
                       "bf16 on the CPU needs AVX-512, and oneDNN goes by %s here (DNNL_MAX_CPU_ISA lowers "
                       "that): choose --dtype f32",
                       ft_cpu_onednn_isa());
    ft_cpu *cpu = calloc(1, sizeof *cpu);
    if (!cpu) return ft_no_memory(err, "the CPU backend", sizeof *cpu);
    ft_backend *base = &cpu->base;
    ft_isa isa = ft_cpu_isa();
    base->name = "cpu";
    base->real = FT_F32;
    base->matrix = dtype;
    base->bf16 = dtype == FT_BF16;
    base->n_threads = n_threads > 0 ? n_threads : ft_cpu_cores();
    base->pass_rows = FT_CPU_PASS_ROWS;
    cpu->native_bf16 = base->bf16 && isa >= FT_ISA_AVX512_BF16;
    cpu->amx = cpu->native_bf16 && isa == FT_ISA_AMX;
    ft_cpu_describe(base->device, sizeof base->device);
    ft_host_memory_operations(base);
    base->free = free_backend;
    base->allocate = allocate;
    base->synchronize = synchronize;
    base->in_parts = ft_cpu_in_parts;
    ft_cpu_linear_operations(base);
    switch (isa) {
#if defined(__x86_64__)
    case FT_ISA_AMX:
        ft_cpu_operations_amx(cpu);
        break;
    case FT_ISA_AVX512_BF16:
        ft_cpu_operations_avx512_bf16(cpu);
        break;
    case FT_ISA_AVX512:
        ft_cpu_operations_avx512(cpu);
        break;
    case FT_ISA_AVX2:
        ft_cpu_operations_avx2(cpu);
        break;
#endif
    default:
        ft_cpu_operations_generic(cpu);
    }
    ft_status status = start_threads(&base->n_threads, err);
    if (status == FT_OK) status = ft_matmul_cache_create(&cpu->matmuls, err);
    if (status != FT_OK) {
        free_backend(base);
        return status;
    }
    *backend = base;
    return FT_OK;
}
