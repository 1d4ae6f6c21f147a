/* What the control groups that this process is in leave it: those of containers, of Slurm and of systemd,
 * version 1 or 2. A group's limit holds for the groups in it, so that the least on the way up counts. */
#ifndef FT_BASE_CGROUP_H
#define FT_BASE_CGROUP_H

/* Processors, as a quota of time allows them: 1.5 is three half processors, or one and a half. INFINITY: no
 * limit, or none that can be read. Both read below `root`, which is "" but in tests. */
double ft_cgroup_cpus(const char *root);
/* Bytes of memory; INFINITY likewise. */
double ft_cgroup_memory(const char *root);

#endif
