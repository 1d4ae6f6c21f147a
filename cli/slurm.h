/* `ftgpu sweep --slurm`: the sweep as an array of Slurm jobs, a shard each, and a job
 * after them that compares. */
#ifndef FT_CLI_SLURM_H
#define FT_CLI_SLURM_H

#include "base/error.h"
#include "cli/options.h"

typedef struct ft_slurm_options {
    /* NULL: without Slurm; "": write the scripts and submit them; "script": write them */
    const char *how;
    int64_t nodes, gpus_per_task, array_tasks; /* 0: not given */
    ft_option_list sbatch_args;                /* "--partition=gpu" */
} ft_slurm_options;

enum { FT_SLURM_OPTIONS = 5 };

/* Writes the rows of the options, without an end, into `table` and returns their
 * number. */
size_t ft_slurm_options_table(ft_slurm_options *options, ft_option *table);
/* FT_BAD_INPUT when options of --slurm are given without it. */
ft_status ft_slurm_options_check(const ft_slurm_options *options, ft_error *err);
void ft_slurm_options_free(ft_slurm_options *options);

/* What the scripts must know of the sweep. */
typedef struct ft_slurm_sweep {
    const char *name, *results; /* its directory is there */
    int64_t threads;            /* of a task; 0: what Slurm gives */
    int argc;                   /* the arguments of `ftgpu sweep` as they were typed */
    const char *const *argv;
} ft_slurm_sweep;

/* Writes <results>/.sweeps/<name>/slurm/tasks.sh and compare.sh, and submits them
 * unless only the scripts are wanted; tells on stdout the path of the first, or the
 * jobs. FT_FAILED when sbatch fails. */
ft_status ft_slurm_submit(const ft_slurm_options *options, const ft_slurm_sweep *sweep, ft_error *err);

#endif
