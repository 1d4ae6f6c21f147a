/* All operations of one instruction set, into the backend's table. */
#include "kernels/cpu/operations.h"

void FT_FOR_ISA(ft_cpu_operations)(ft_cpu *cpu)
{
    FT_FOR_ISA(ft_cpu_row_operations)(&cpu->base);
    FT_FOR_ISA(ft_cpu_lora_operations)(&cpu->base);
    FT_FOR_ISA(ft_cpu_attention_operations)(&cpu->base);
    FT_FOR_ISA(ft_cpu_attention_backward_operations)(&cpu->base);
    FT_FOR_ISA(ft_cpu_decode_operations)(&cpu->base);
    FT_FOR_ISA(ft_cpu_loss_operations)(&cpu->base);
    FT_FOR_ISA(ft_cpu_sampling_operations)(&cpu->base);
    FT_FOR_ISA(ft_cpu_optimizer_operations)(&cpu->base);
    FT_FOR_ISA(ft_cpu_convert_operations)(cpu);
}
