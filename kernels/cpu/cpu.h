/* Shared by the CPU backend: its state, scratch memory, and how one binary holds several
 * instruction sets.
 *
 * The files that cpu.cmake lists as vector files are compiled once for each instruction
 * set, with FT_ISA set to its name. Each has one function, named by FT_FOR_ISA, that
 * writes its operations into the backend's table. All other files (memory, oneDNN) are
 * compiled once. */
#ifndef FT_KERNELS_CPU_CPU_H
#define FT_KERNELS_CPU_CPU_H

#include "kernels/backend.h"

#define FT_ISA_JOIN2(name, isa) name##_##isa
#define FT_ISA_JOIN(name, isa) FT_ISA_JOIN2(name, isa)
#define FT_FOR_ISA(name) FT_ISA_JOIN(name, FT_ISA)

/* The uses of scratch memory. An operation may hold several at once. */
typedef enum ft_scratch {
    FT_SCRATCH_OPERATION, /* inside one operation */
    FT_SCRATCH_X,         /* a converted input of a matrix product */
    FT_SCRATCH_Y,         /* its result before conversion */
    FT_SCRATCH_DNNL,      /* oneDNN's own */
    FT_SCRATCH_COUNT,
} ft_scratch;

typedef struct ft_matmul_cache ft_matmul_cache;
typedef struct ft_cpu ft_cpu;
struct ft_cpu {
    ft_backend base; /* first, so that a backend's address is its ft_cpu's */
    /* oneDNN multiplies bf16 inputs. Otherwise bf16 means rounding, and products are
     * computed in f32. */
    bool native_bf16;
    bool amx; /* bf16 is multiplied by AMX, by oneDNN and attention */
    struct {
        void *data;
        size_t bytes;
    } scratch[FT_SCRATCH_COUNT];
    /* the first failure since the last synchronize, with its message */
    ft_status failure;
    ft_error failed;
    ft_matmul_cache *matmuls;
    ft_cpu **parts; /* (n_parts), created by in_parts */
    int n_parts;
    /* to = from with conversion, over equal shapes; `rounded`: to bf16's precision even
     * where `to` is f32; `accumulate`: to += from. */
    void (*convert)(ft_cpu *cpu, ft_tensor from, ft_tensor to, bool rounded, bool accumulate);
};

static inline ft_cpu *ft_cpu_of(ft_backend *backend)
{
    return (ft_cpu *)backend;
}

/* Returns at least `bytes` of 64-byte aligned scratch memory, valid until the next call
 * for the same use. Without memory it returns NULL and keeps the failure for synchronize;
 * the operation then returns without doing anything. */
void *ft_cpu_scratch(ft_cpu *cpu, ft_scratch use, size_t bytes);

/* Whether `bytes` of address space are available. For calls that end the process if they
 * get no memory. */
bool ft_cpu_has_room(size_t bytes);

/* Keeps the first failure for synchronize. */
void ft_cpu_fail(ft_cpu *cpu, ft_status status, const char *message);

/* parts.c: ft_backend.in_parts; and frees the parts that it has created. */
void ft_cpu_in_parts(ft_backend *self, int n_parts, ft_part_work *work, void *context);
void ft_cpu_free_parts(ft_cpu *cpu);

/* linear.c: frozen weights and matrix products, into the table. */
void ft_cpu_linear_operations(ft_backend *backend);

/* processor.c */
typedef enum ft_isa { FT_ISA_GENERIC, FT_ISA_AVX2, FT_ISA_AVX512, FT_ISA_AVX512_BF16, FT_ISA_AMX } ft_isa;
/* The best instruction set of this processor; the environment variable FTGPU_ISA
 * (generic, avx2, avx512, avx512_bf16, amx) can lower it, for tests. */
ft_isa ft_cpu_isa(void);

/* operations.c, one for each instruction set: all vector files' operations, into the
 * table. */
void ft_cpu_operations_generic(ft_cpu *cpu);
void ft_cpu_operations_avx2(ft_cpu *cpu);
void ft_cpu_operations_avx512(ft_cpu *cpu);
void ft_cpu_operations_avx512_bf16(ft_cpu *cpu);
void ft_cpu_operations_amx(ft_cpu *cpu);

#endif
