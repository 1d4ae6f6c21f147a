/* The limits of this process's control groups (containers, Slurm, systemd; version 1 or
 * 2). A group's limit holds for all groups inside it, so the smallest one on the way to
 * the root counts. */
#ifndef FT_BASE_CGROUP_H
#define FT_BASE_CGROUP_H

/* Processors that the CPU quota allows: 1.5 is 150 ms of CPU time in every 100 ms.
 * INFINITY: no limit, or none that can be read. Both functions read files below `root`,
 * which is "" except in tests. */
double ft_cgroup_cpus(const char *root);
/* Bytes of memory that the limits allow. INFINITY: no limit, or none that can be read. */
double ft_cgroup_memory(const char *root);

#endif
