/* The CPU cores and the memory that this process may use. */
#ifndef FT_BASE_LIMITS_H
#define FT_BASE_LIMITS_H

#include <stddef.h>

/* Limits of control groups are read at the first call. Affinity and environment are read
 * at each call. */

/* The number of CPU cores: the smallest of its affinity, its control groups' quota
 * (rounded up) and Slurm's SLURM_CPUS_PER_TASK; at least 1. */
int ft_cpu_cores(void);

/* Bytes of memory: the machine's, or less where control groups limit it. */
size_t ft_memory_bytes(void);

#endif
