/* What each vector file offers: a function that writes its operations into the backend's
 * table. */
#ifndef FT_KERNELS_CPU_OPERATIONS_H
#define FT_KERNELS_CPU_OPERATIONS_H

#include "kernels/cpu/cpu.h"

void FT_FOR_ISA(ft_cpu_row_operations)(ft_backend *backend);
void FT_FOR_ISA(ft_cpu_lora_operations)(ft_backend *backend);
void FT_FOR_ISA(ft_cpu_attention_operations)(ft_backend *backend);
void FT_FOR_ISA(ft_cpu_attention_backward_operations)(ft_backend *backend);
void FT_FOR_ISA(ft_cpu_decode_operations)(ft_backend *backend);
void FT_FOR_ISA(ft_cpu_loss_operations)(ft_backend *backend);
void FT_FOR_ISA(ft_cpu_sampling_operations)(ft_backend *backend);
void FT_FOR_ISA(ft_cpu_optimizer_operations)(ft_backend *backend);
void FT_FOR_ISA(ft_cpu_convert_operations)(ft_cpu *cpu);

/* attention.c, for decode.c: attention without dropout where the keys and values of
 * sequence s start at row s * capacity. */
void FT_FOR_ISA(ft_cpu_attention_over_caches)(ft_backend *self, const ft_attention *attention,
                                              int64_t n_caches, int64_t capacity, ft_tensor out);

#endif
