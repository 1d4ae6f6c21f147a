/* Parts of the CPU backend: backends of one thread each on the same memory and weights,
 * so that independent rows go through a chain of operations without waiting for each
 * other after every one of them. */
#include <omp.h>
#include <stdlib.h>

#include "kernels/cpu/cpu.h"
#include "kernels/cpu/matmul.h"

/* A part has its own scratch memory and its own oneDNN products, since these hold the
 * addresses of a call. */
static ft_status part_create(const ft_cpu *cpu, ft_cpu **part, ft_error *err)
{
    *part = malloc(sizeof **part);
    if (!*part) return ft_no_memory(err, "a part of the CPU backend", sizeof **part);
    **part = *cpu;
    (*part)->base.n_threads = 1;
    (*part)->base.in_parts = NULL;
    (*part)->failure = FT_OK;
    (*part)->matmuls = NULL;
    (*part)->parts = NULL;
    (*part)->n_parts = 0;
    for (int i = 0; i < FT_SCRATCH_COUNT; i++) (*part)->scratch[i].data = NULL, (*part)->scratch[i].bytes = 0;
    ft_status status = ft_matmul_cache_create(&(*part)->matmuls, err);
    if (status == FT_OK) return FT_OK;
    (*part)->base.free(&(*part)->base);
    *part = NULL;
    return status;
}

/* Creates the parts that are missing; they are kept until the backend is freed. */
static ft_status need_parts(ft_cpu *cpu, int n_parts, ft_error *err)
{
    if (n_parts <= cpu->n_parts) return FT_OK;
    ft_cpu **parts = realloc(cpu->parts, (size_t)n_parts * sizeof(ft_cpu *));
    if (!parts) return ft_no_memory(err, "parts of the CPU backend", (size_t)n_parts * sizeof(ft_cpu *));
    cpu->parts = parts;
    ft_status status = FT_OK;
    while (cpu->n_parts < n_parts && status == FT_OK) {
        status = part_create(cpu, &parts[cpu->n_parts], err);
        if (status == FT_OK) cpu->n_parts++;
    }
    return status;
}

void ft_cpu_in_parts(ft_backend *self, int n_parts, ft_part_work *work, void *context)
{
    ft_cpu *cpu = ft_cpu_of(self);
    ft_error err;
    ft_status status = need_parts(cpu, n_parts, &err);
    if (status != FT_OK) {
        ft_cpu_fail(cpu, status, err.message);
        return;
    }
#pragma omp parallel for schedule(static, 1) num_threads(n_parts)
    for (int i = 0; i < n_parts; i++) work(context, &cpu->parts[i]->base, i);
    for (int i = 0; i < n_parts; i++) {
        status = cpu->parts[i]->base.synchronize(&cpu->parts[i]->base, &err);
        if (status != FT_OK) ft_cpu_fail(cpu, status, err.message);
    }
}

void ft_cpu_free_parts(ft_cpu *cpu)
{
    for (int i = 0; i < cpu->n_parts; i++) cpu->parts[i]->base.free(&cpu->parts[i]->base);
    free(cpu->parts);
}
