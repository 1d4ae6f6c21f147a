/* A sweep as an array of Slurm jobs; see slurm.h. */
#include "cli/slurm.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "cli/command.h"
#include "host/ftgpu.h"

static const char *const how_choices[] = {"script", NULL};

size_t ft_slurm_options_table(ft_slurm_options *o, ft_option *table)
{
    *o = (ft_slurm_options){0};
    const ft_option rows[] = {
        {.name = "slurm",
         .kind = FT_OPTION_OPTIONAL,
         .value = &o->how,
         .argument = "script",
         .choices = how_choices,
         .help = "submit an array of Slurm jobs and a job that compares their results; =script only writes "
                 "the scripts"},
        FT_OPT_INTEGER("array-tasks", &o->array_tasks, "N", 1, FT_MOST_SHARDS,
                       "--slurm: jobs in the array, one shard each (default: --nodes, else 1)"),
        FT_OPT_INTEGER("nodes", &o->nodes, "N", 1, FT_MOST_SHARDS,
                       "--slurm: use at most N nodes at a time (default: one for each job)"),
        FT_OPT_INTEGER("gpus-per-task", &o->gpus_per_task, "N", 1, 1024,
                       "--slurm: GPUs of each job (default: left to Slurm)"),
        FT_OPT_LIST("sbatch-arg", &o->sbatch_args, "ARG",
                    "--slurm: another option for sbatch, as in --sbatch-arg=--partition=gpu (repeatable)"),
    };
    _Static_assert(sizeof rows / sizeof *rows == FT_SLURM_OPTIONS, "room for all rows");
    memcpy(table, rows, sizeof rows);
    return FT_SLURM_OPTIONS;
}

ft_status ft_slurm_options_check(const ft_slurm_options *o, ft_error *err)
{
    const char *given = o->array_tasks         ? "array-tasks"
                        : o->nodes             ? "nodes"
                        : o->gpus_per_task     ? "gpus-per-task"
                        : o->sbatch_args.count ? "sbatch-arg"
                                               : NULL;
    if (given && !o->how)
        return ft_fail(err, FT_BAD_INPUT, "--%s says how Slurm runs a sweep, but --slurm is not given",
                       given);
    for (size_t i = 0; i < o->sbatch_args.count; i++)
        if (o->sbatch_args.items[i][0] != '-' || strchr(o->sbatch_args.items[i], '\n'))
            return ft_fail(err, FT_BAD_INPUT, "--sbatch-arg: \"%.100s\" is not an option (--partition=gpu)",
                           o->sbatch_args.items[i]);
    return FT_OK;
}

void ft_slurm_options_free(ft_slurm_options *o)
{
    ft_option_list_free(&o->sbatch_args);
}

/* -- the scripts -- */

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           strchr("-_=/.,:%@+", c) || (unsigned char)c >= 128;
}

/* A line "#SBATCH <option><value>", as one word of sbatch, to which backslashes are
 * special between quotes too and blanks even after one. */
static void add_option(ft_text *out, const char *option, const char *value)
{
    bool quoted = false;
    for (const char *c = value; *c; c++) quoted = quoted || !is_plain(*c);
    ft_text_addf(out, "#SBATCH %s%s", quoted ? "\"" : "", option);
    for (const char *c = value; *c; c++) {
        if (!is_plain(*c) && *c != ' ') ft_text_add(out, "\\");
        ft_text_add_bytes(out, c, 1);
    }
    ft_text_add(out, quoted ? "\"\n" : "\n");
}

static void add_number(ft_text *out, const char *option, int64_t value)
{
    ft_text_addf(out, "#SBATCH %s%lld\n", option, (long long)value);
}

/* Where output goes: in the path of a file a % is doubled. */
static void add_output(ft_text *out, const char *directory, const char *file)
{
    ft_text path = FT_TEXT_EMPTY;
    for (const char *c = directory; *c; c++)
        ft_text_add_bytes(&path, *c == '%' ? "%%" : c, *c == '%' ? 2 : 1);
    ft_text_addf(&path, "/%s", file);
    out->failed = out->failed || path.failed;
    if (!path.failed) add_option(out, "--output=", path.data);
    ft_text_free(&path);
}

/* What both scripts know; all paths absolute. */
typedef struct places {
    char *program, *here, *results, *state, *scripts;
    int64_t tasks;
} places;

static void add_head(ft_text *out, const char *name, const char *suffix)
{
    ft_text job = FT_TEXT_EMPTY;
    ft_text_addf(&job, "ftgpu-%s%s", name, suffix);
    out->failed = out->failed || job.failed;
    ft_text_addf(out, "#!/bin/sh\n# Written by ftgpu sweep --slurm, for sweep %s.\n", name);
    if (!job.failed) add_option(out, "--job-name=", job.data);
    ft_text_add(out, "#SBATCH --nodes=1\n#SBATCH --ntasks=1\n");
    ft_text_free(&job);
}

static void add_sbatch_args(ft_text *out, const ft_slurm_options *o)
{
    for (size_t i = 0; i < o->sbatch_args.count; i++) add_option(out, "", o->sbatch_args.items[i]);
}

static void add_change_directory(ft_text *out, const places *p)
{
    ft_text_add(out, "\ncd ");
    ft_text_add_word(out, p->here);
    ft_text_add(out, " || exit 1\n");
}

/* How many arguments an option of --slurm takes up that begins with this one; 0: it is
 * none of them. */
static int slurm_arguments(const char *argument)
{
    ft_slurm_options unused;
    ft_option table[FT_SLURM_OPTIONS];
    size_t n = ft_slurm_options_table(&unused, table), length = strcspn(argument, "=");
    for (size_t i = 0; i < n && strncmp(argument, "--", 2) == 0; i++)
        if (strlen(table[i].name) + 2 == length && strncmp(table[i].name, argument + 2, length - 2) == 0)
            return argument[length] || table[i].kind == FT_OPTION_OPTIONAL ? 1 : 2;
    return 0;
}

static void add_arguments(ft_text *out, const ft_slurm_sweep *sweep)
{
    for (int i = 0; i < sweep->argc;) {
        int taken = slurm_arguments(sweep->argv[i]);
        if (taken == 0) {
            ft_text_add(out, " ");
            ft_text_add_word(out, sweep->argv[i]);
        }
        i += taken > 0 ? taken : 1;
    }
}

static void write_tasks(ft_text *out, const ft_slurm_options *o, const ft_slurm_sweep *sweep, const places *p)
{
    add_head(out, sweep->name, "");
    ft_text_addf(out, "#SBATCH --array=1-%lld", (long long)p->tasks);
    if (o->nodes > 0 && o->nodes < p->tasks) ft_text_addf(out, "%%%lld", (long long)o->nodes);
    ft_text_add(out, "\n");
    if (o->gpus_per_task > 0) add_number(out, "--gpus-per-task=", o->gpus_per_task);
    if (sweep->threads > 0) add_number(out, "--cpus-per-task=", sweep->threads);
    add_output(out, p->scripts, "task_%A_%a.log");
    ft_text_add(out, "#SBATCH --signal=B:USR1@120\n#SBATCH --requeue\n#SBATCH --open-mode=append\n");
    add_sbatch_args(out, o);
    add_change_directory(out, p);
    ft_text_add(out, "child=\n"
                     "trap '[ -z \"$child\" ] || kill -s USR1 \"$child\"' USR1\n"
                     "trap '[ -z \"$child\" ] || kill -s TERM \"$child\"' TERM\n");
    ft_text_add_word(out, p->program);
    ft_text_add(out, " sweep");
    add_arguments(out, sweep);
    ft_text_addf(out, " --shard \"$SLURM_ARRAY_TASK_ID/%lld\" &\n", (long long)p->tasks);
    ft_text_add(out,
                "child=$!\n"
                "# A signal ends wait while the sweep is still writing its checkpoint.\n"
                "wait \"$child\"\n"
                "status=$?\n"
                "while kill -0 \"$child\" 2>/dev/null; do\n"
                "    wait \"$child\"\n"
                "    status=$?\n"
                "done\n"
                "[ \"$status\" = 75 ] || exit \"$status\"\n"
                "# Stopped, to be started again; not if it was cancelled, or is being requeued already.\n"
                "task=${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID tries=20\n"
                "until state=$(squeue --noheader --jobs=\"$task\" --format=%T) || [ \"$tries\" = 0 ]; do\n"
                "    tries=$((tries - 1))\n"
                "    sleep 5\n"
                "done\n"
                "[ \"$state\" != RUNNING ] || scontrol requeue \"$task\"\n"
                "exit 75\n");
}

/* The experiments of the sweep by their ids: <name>_<number>_<date>_<time>. */
static void write_comparison(ft_text *out, const ft_slurm_options *o, const ft_slurm_sweep *sweep,
                             const places *p)
{
    ft_text ids = FT_TEXT_EMPTY, csv = FT_TEXT_EMPTY;
    ft_text_add(&ids, "^");
    for (const char *c = sweep->name; *c; c++) {
        if (strchr("^.[$()|*+?{\\", *c)) ft_text_add(&ids, "\\");
        ft_text_add_bytes(&ids, c, 1);
    }
    ft_text_add(&ids, "_[0-9]{3,}_[0-9]{8}_[0-9]{6}(_[0-9]+)?$");
    ft_text_addf(&csv, "%s/comparison.csv", p->state);
    out->failed = out->failed || ids.failed || csv.failed;
    if (out->failed) goto cleanup;
    add_head(out, sweep->name, "-compare");
    add_output(out, p->scripts, "compare_%j.log");
    add_sbatch_args(out, o);
    add_change_directory(out, p);
    ft_text_add(out, "exec ");
    ft_text_add_word(out, p->program);
    ft_text_add(out, " export --csv ");
    ft_text_add_word(out, csv.data);
    ft_text_add(out, " --results ");
    ft_text_add_word(out, p->results);
    ft_text_add(out, " --regex --match ");
    ft_text_add_word(out, ids.data);
    ft_text_add(out, "\n");
cleanup:
    ft_text_free(&ids);
    ft_text_free(&csv);
}

/* -- submitting them -- */

/* Runs sbatch --parsable; `id`: the job's, without a cluster's name. */
static ft_status submit(const char *script, const char *dependency, char id[64], ft_error *err)
{
    const char *argv[5] = {"sbatch", "--parsable"};
    int n = 2, ends[2], wait_status = 0;
    if (dependency) argv[n++] = dependency;
    argv[n] = script;
    if (pipe(ends) != 0) return ft_fail(err, FT_FAILED, "sbatch: %s", strerror(errno));
    pid_t pid = fork();
    if (pid == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        execvp("sbatch", (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    close(ends[1]);
    size_t length = 0;
    for (ssize_t got; pid > 0 && length < 63 && (got = read(ends[0], id + length, 63 - length)) != 0;) {
        if (got < 0 && errno != EINTR) break;
        length += got > 0 ? (size_t)got : 0;
    }
    close(ends[0]);
    id[length] = '\0';
    id[strcspn(id, ";\n")] = '\0';
    if (pid < 0) return ft_fail(err, FT_FAILED, "sbatch: %s", strerror(errno));
    while (waitpid(pid, &wait_status, 0) < 0 && errno == EINTR) continue;
    if (WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 127)
        return ft_fail(err, FT_FAILED, "sbatch cannot be started here; the script is %s", script);
    if (!WIFEXITED(wait_status) || WEXITSTATUS(wait_status) != 0 || !*id)
        return ft_fail(err, FT_FAILED, "sbatch did not take %s", script);
    return FT_OK;
}

static ft_status submit_both(const char *tasks, const char *comparison, const places *p, ft_error *err)
{
    char array[64], after[64], dependency[128];
    ft_text told = FT_TEXT_EMPTY;
    ft_status status = submit(tasks, NULL, array, err);
    if (status != FT_OK) return status;
    ft_text_addf(&told, "job %s: %lld tasks, %s/task_%s_*.log\n", array, (long long)p->tasks, p->scripts,
                 array);
    snprintf(dependency, sizeof dependency, "--dependency=afterany:%s", array);
    status = submit(comparison, dependency, after, err);
    if (status == FT_OK) ft_text_addf(&told, "job %s: after them, %s/comparison.csv\n", after, p->state);
    ft_error ignored;
    ft_status printed = ft_print_text(&told, status == FT_OK ? err : &ignored);
    ft_text_free(&told);
    return status == FT_OK ? printed : status;
}

static ft_status find_places(const ft_slurm_options *o, const ft_slurm_sweep *sweep, places *p, ft_error *err)
{
    char program[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    if (length < 0) return ft_fail(err, FT_FAILED, "/proc/self/exe: %s", strerror(errno));
    program[length] = '\0';
    p->tasks = o->array_tasks > 0 ? o->array_tasks : o->nodes > 0 ? o->nodes : 1;
    p->program = ft_copy_string(program);
    p->here = getcwd(NULL, 0);
    ft_status made = ft_make_directories(sweep->results, err);
    if (made != FT_OK) return made;
    p->results = realpath(sweep->results, NULL);
    if (!p->here || !p->results) return ft_fail(err, FT_FAILED, "%s: %s", sweep->results, strerror(errno));
    if (strpbrk(p->here, "\n") || strpbrk(p->results, "\n"))
        return ft_fail(err, FT_BAD_INPUT, "a path that holds a line's end cannot stand in a Slurm script");
    char *sweeps = ft_join_path(p->results, ".sweeps");
    p->state = sweeps ? ft_join_path(sweeps, sweep->name) : NULL;
    p->scripts = p->state ? ft_join_path(p->state, "slurm") : NULL;
    free(sweeps);
    return p->program && p->scripts ? FT_OK : ft_no_memory(err, "a path", 256);
}

static ft_status write_script(const char *path, const ft_text *text, ft_error *err)
{
    if (!path || text->failed) return ft_no_memory(err, "a Slurm script", 4096);
    return ft_write_file(path, text->data, text->length, err);
}

ft_status ft_slurm_submit(const ft_slurm_options *o, const ft_slurm_sweep *sweep, ft_error *err)
{
    places p = {0};
    ft_text text = FT_TEXT_EMPTY, after = FT_TEXT_EMPTY, told = FT_TEXT_EMPTY;
    char *tasks = NULL, *comparison = NULL;
    ft_status status = find_places(o, sweep, &p, err);
    if (status == FT_OK) status = ft_make_directories(p.scripts, err);
    if (status != FT_OK) goto cleanup;
    tasks = ft_join_path(p.scripts, "tasks.sh");
    comparison = ft_join_path(p.scripts, "compare.sh");
    write_tasks(&text, o, sweep, &p);
    write_comparison(&after, o, sweep, &p);
    status = write_script(tasks, &text, err);
    if (status == FT_OK) status = write_script(comparison, &after, err);
    if (status != FT_OK) goto cleanup;
    if (!*o->how) {
        status = submit_both(tasks, comparison, &p, err);
        goto cleanup;
    }
    ft_text_addf(&told, "%s\n", tasks);
    status = ft_print_text(&told, err);
    if (status == FT_OK)
        fprintf(stderr, "submit it by sbatch, and then sbatch --dependency=afterany:JOB %s\n", comparison);
cleanup:
    ft_text_free(&told);
    ft_text_free(&after);
    ft_text_free(&text);
    free(comparison);
    free(tasks);
    free(p.scripts);
    free(p.state);
    free(p.results);
    free(p.here);
    free(p.program);
    return status;
}
