/* Copies of tensors between f32 and bf16. */
#include "kernels/cpu/operations.h"
#include "kernels/cpu/vector.h"

enum { CHUNK = 1024 }; /* values converted at a time, on the stack */

static void convert(ft_cpu *cpu, ft_tensor from, ft_tensor to, bool rounded, bool accumulate)
{
#pragma omp parallel for schedule(static) num_threads(cpu->base.n_threads)
    for (int64_t row = 0; row < from.rows; row++) {
        float buffer[CHUNK], sum[CHUNK];
        for (int64_t first = 0; first < from.cols; first += CHUNK) {
            int64_t count = from.cols - first < CHUNK ? from.cols - first : CHUNK;
            ft_read_row(from, row, first, count, count, buffer);
            if (rounded && from.dtype == FT_F32)
                for (int64_t i = 0; i < count; i++) buffer[i] = ft_bf16_round(buffer[i]);
            if (accumulate) {
                ft_read_row(to, row, first, count, count, sum);
                for (int64_t i = 0; i < count; i++) buffer[i] += sum[i];
            }
            ft_write_row(to, row, first, count, buffer);
        }
    }
}

void FT_FOR_ISA(ft_cpu_convert_operations)(ft_cpu *cpu)
{
    cpu->convert = convert;
}
