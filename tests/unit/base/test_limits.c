/* Limits of control groups, read from planted files as containers, Slurm and systemd have
 * them. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* sched_getcpu */
#endif
#include <criterion/criterion.h>
#include <math.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cgroup.h"
#include "base/file.h"
#include "base/limits.h"

static char root[64];

static void make_root(void)
{
    snprintf(root, sizeof root, "/tmp/ftgpu_limits_XXXXXX");
    cr_assert(mkdtemp(root));
}

static void remove_root(void)
{
    ft_remove_tree(root);
}

TestSuite(limits, .init = make_root, .fini = remove_root);

static void plant(const char *path, const char *text)
{
    ft_error err;
    char whole[512];
    snprintf(whole, sizeof whole, "%s%s", root, path);
    char *slash = strrchr(whole, '/');
    *slash = '\0';
    cr_assert_eq(ft_make_directories(whole, &err), FT_OK, "%s", err.message);
    *slash = '/';
    FILE *file = fopen(whole, "w"); /* ft_write_file would wait for the disk */
    cr_assert(file);
    fputs(text, file);
    fclose(file);
}

static const char v2_mounts[] =
    "22 1 0:20 / /proc rw shared:5 - proc proc rw\n"
    "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";

Test(limits, a_container_of_version_2_sees_itself_as_the_root)
{
    plant("/proc/self/cgroup", "0::/\n");
    plant("/proc/self/mountinfo", v2_mounts);
    plant("/sys/fs/cgroup/cpu.max", "200000 100000\n");
    plant("/sys/fs/cgroup/memory.max", "4294967296\n");
    cr_expect_eq(ft_cgroup_cpus(root), 2);
    cr_expect_eq(ft_cgroup_memory(root), 0x1p32);
}

Test(limits, the_least_on_the_way_up_counts)
{
    plant("/proc/self/cgroup", "0::/system.slice/slurmstepd.scope/job_7/step_0\n");
    plant("/proc/self/mountinfo", v2_mounts);
    plant("/sys/fs/cgroup/system.slice/cpu.max", "max 100000\n");
    plant("/sys/fs/cgroup/system.slice/slurmstepd.scope/job_7/cpu.max", "350000 100000\n");
    plant("/sys/fs/cgroup/system.slice/slurmstepd.scope/job_7/step_0/cpu.max", "800000 100000\n");
    plant("/sys/fs/cgroup/system.slice/slurmstepd.scope/job_7/memory.max", "1000000\n");
    plant("/sys/fs/cgroup/system.slice/slurmstepd.scope/job_7/step_0/memory.max", "max\n");
    cr_expect_eq(ft_cgroup_cpus(root), 3.5);
    cr_expect_eq(ft_cgroup_memory(root), 1000000);
}

Test(limits, version_1_has_a_hierarchy_for_each_controller)
{
    plant("/proc/self/cgroup", "5:cpuset:/other\n4:memory:/a/b\n3:cpu,cpuacct:/a/b\n0::/init.scope\n");
    plant("/proc/self/mountinfo",
          "31 24 0:27 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
          "32 24 0:28 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
          "33 24 0:29 / /sys/fs/cgroup/mem\\040ory rw - cgroup cgroup rw,memory\n"
          "34 24 0:30 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
    plant("/sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_quota_us", "-1\n");
    plant("/sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_period_us", "100000\n");
    plant("/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "150000\n");
    plant("/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us", "50000\n");
    plant("/sys/fs/cgroup/mem ory/a/b/memory.limit_in_bytes", "536870912\n");
    plant("/sys/fs/cgroup/mem ory/memory.limit_in_bytes", "9223372036854771712\n");
    cr_expect_eq(ft_cgroup_cpus(root), 3);
    cr_expect_eq(ft_cgroup_memory(root), 0x1p29);
}

/* Docker with version 1: the group's path is the host's, of which the mount shows a
 * part. */
Test(limits, the_mount_may_show_a_part_of_the_hierarchy)
{
    plant("/proc/self/cgroup", "4:memory:/docker/abc\n3:cpuacct,cpu:/docker/abc/inner\n");
    plant("/proc/self/mountinfo",
          "32 24 0:28 /docker/abc /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpuacct,cpu\n"
          "33 24 0:29 /docker/ab /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n");
    plant("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "100000\n");
    plant("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
    plant("/sys/fs/cgroup/cpu/inner/cpu.cfs_quota_us", "50000\n");
    plant("/sys/fs/cgroup/cpu/inner/cpu.cfs_period_us", "100000\n");
    plant("/sys/fs/cgroup/memory/memory.limit_in_bytes", "1048576\n");
    cr_expect_eq(ft_cgroup_cpus(root), 0.5);
    cr_expect_eq(ft_cgroup_memory(root), 1048576);
}

Test(limits, what_cannot_be_read_limits_nothing)
{
    cr_expect_eq(ft_cgroup_cpus(root), INFINITY);
    static const char *const groups[] = {"", "\n", "0:", "0::", "0::/../../x", "1:cpu:/", "x"};
    static const char *const mounts[] = {"", "a b - c", v2_mounts, "30 23 0:26 / /sys\\04 rw - cgroup2 x rw",
                                         "30 23 0:26 /q /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"};
    static const char *const values[] = {"", "max", "-5 100000", "100000 0", "nan 100000", "x", "1"};
    for (size_t g = 0; g < sizeof groups / sizeof *groups; g++)
        for (size_t m = 0; m < sizeof mounts / sizeof *mounts; m++)
            for (size_t v = 0; v < sizeof values / sizeof *values; v++) {
                plant("/proc/self/cgroup", groups[g]);
                plant("/proc/self/mountinfo", mounts[m]);
                plant("/sys/fs/cgroup/cpu.max", values[v]);
                plant("/sys/fs/cgroup/memory.max", v == 6 ? "" : values[v]);
                cr_expect_eq(ft_cgroup_cpus(root), INFINITY, "%s, %s, %s", groups[g], mounts[m], values[v]);
                cr_expect(ft_cgroup_memory(root) >= 100000, "%s, %s, %s", groups[g], mounts[m], values[v]);
            }
}

Test(limits, cores_are_what_affinity_and_slurm_leave)
{
    unsetenv("SLURM_CPUS_PER_TASK");
    int all = ft_cpu_cores();
    cr_expect_geq(all, 1);
    setenv("SLURM_CPUS_PER_TASK", "1", 1);
    cr_expect_eq(ft_cpu_cores(), 1);
    setenv("SLURM_CPUS_PER_TASK", "4096", 1);
    cr_expect_eq(ft_cpu_cores(), all);
    setenv("SLURM_CPUS_PER_TASK", "many", 1);
    cr_expect_eq(ft_cpu_cores(), all);
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET((size_t)sched_getcpu(), &one);
    cr_assert_eq(sched_setaffinity(0, sizeof one, &one), 0);
    cr_expect_eq(ft_cpu_cores(), 1);
}
