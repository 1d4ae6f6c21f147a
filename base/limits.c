/* What this process may use of its machine; see limits.h. */
#define _GNU_SOURCE /* sched_getaffinity */
#include "base/limits.h"

#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cgroup.h"

/* What the control groups allow, read once: it takes several files of /proc and /sys. */
static pthread_once_t read_once = PTHREAD_ONCE_INIT;
static double group_cpus, group_memory;

static void read_groups(void)
{
    group_cpus = ft_cgroup_cpus("");
    group_memory = ft_cgroup_memory("");
}

/* Slurm's --cpus-per-task, which affinity does not show unless tasks are bound to
 * cores. 0: not set. */
static int slurm_cpus(void)
{
    const char *text = getenv("SLURM_CPUS_PER_TASK");
    return text ? atoi(text) : 0;
}

int ft_cpu_cores(void)
{
    cpu_set_t set;
    int cores =
        sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : (int)sysconf(_SC_NPROCESSORS_ONLN);
    pthread_once(&read_once, read_groups);
    const double quota = ceil(group_cpus);
    if (quota < cores) cores = (int)quota;
    if (slurm_cpus() > 0 && slurm_cpus() < cores) cores = slurm_cpus();
    return cores > 0 ? cores : 1;
}

size_t ft_memory_bytes(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), page_bytes = sysconf(_SC_PAGE_SIZE);
    double bytes = pages > 0 && page_bytes > 0 ? (double)pages * (double)page_bytes : 0x1p32;
    pthread_once(&read_once, read_groups);
    return (size_t)fmin(bytes, group_memory);
}
