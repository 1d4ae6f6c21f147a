/* What this process may use of its machine. */
#ifndef FT_BASE_LIMITS_H
#define FT_BASE_LIMITS_H

#include <stddef.h>

/* Limits of control groups are those at the first call; affinity and environment are
 * looked at in each. */

/* CPU cores: the least that its affinity, its control groups' quota (rounded up) and
 * Slurm (SLURM_CPUS_PER_TASK) leave it, at least 1. */
int ft_cpu_cores(void);

/* Bytes of memory: the machine's, or what its control groups leave of it. */
size_t ft_memory_bytes(void);

#endif
