/* The program: finds the command that its first words name, and nothing else, so that `ftgpu --help` starts
 * nothing. */
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "base/version.h"
#include "cli/command.h"
#include "cli/help.h"

/* In the order of a user's day. */
static const ft_command commands[] = {
    {"run", ft_command_run, "fine-tune one configuration and record the experiment"},
    {"sweep", ft_command_sweep, "fine-tune a grid or a list of configurations"},
    {"forecast", ft_command_forecast, "forecast series with a model, tuned or not"},
    {"compare", ft_command_compare, "experiments side by side"},
    {"best", ft_command_best, "the best experiment by a metric"},
    {"show", ft_command_show, "one experiment in full"},
    {"analyze importance", ft_command_analyze_importance, "which hyperparameters matter for a metric"},
    {"analyze overfitting", ft_command_analyze_overfitting, "validation errors against training errors"},
    {"analyze convergence", ft_command_analyze_convergence, "how the training losses went down"},
    {"analyze summary", ft_command_analyze_summary, "all experiments in short"},
    {"analyze regimes", ft_command_analyze_regimes,
     "volatility of the test split against the training split"},
    {"refine", ft_command_refine, "the next grid, around the best experiment"},
    {"export", ft_command_export, "the comparison into a CSV file"},
    {"report", ft_command_report, "all that the experiments tell, as one HTML page"},
    {"data demo", ft_command_data_demo, "write demo data: five years of invented daily prices"},
    {"data insights", ft_command_data_insights, "what the data looks like, before training on it"},
    {"model info", ft_command_model_info, "sizes and settings of a model directory"},
    {"model init", ft_command_model_init, "write a fresh, untrained model"},
    {"model merge", ft_command_model_merge, "write a model with an adapter merged into it"},
    {"model pull", ft_command_model_pull, "fetch a model from the Hugging Face Hub"},
    {"model list", ft_command_model_list, "the models in the Hugging Face cache"},
    {"pretrain", ft_command_pretrain, "train a fresh model from scratch, on artificial series"},
    {"devices", ft_command_devices, "what this machine computes with"},
    {"bench", ft_command_bench, "measure training, forecasts and single operations"},
};
enum { N_COMMANDS = sizeof commands / sizeof *commands };

static int print_version(void)
{
    ft_text text = FT_TEXT_EMPTY;
    ft_text_addf(&text, "ftgpu %s (%s)\n", ft_version(), ft_commit());
    ft_error err = {""};
    ft_status status = ft_print_text(&text, &err);
    ft_text_free(&text);
    return ft_command_finish(status, &err);
}

/* Says that there is no such command, with the nearest one. */
static int unknown_command(const char *given, const char *group)
{
    const char *names[N_COMMANDS];
    size_t count = 0, skipped = group ? strlen(group) + 1 : 0;
    for (size_t i = 0; i < N_COMMANDS; i++)
        if (!group || ft_command_is_in_group(commands[i].name, group))
            names[count++] = commands[i].name + skipped;
    const char *near = ft_nearest_name(given, names, count), *space = group ? " " : "";
    if (!group) group = "";
    ft_error err;
    if (near)
        ft_fail(&err, FT_BAD_INPUT, "no command \"%s%s%.60s\"; did you mean \"%s%s%s\"?", group, space, given,
                group, space, near);
    else
        ft_fail(&err, FT_BAD_INPUT, "no command \"%s%s%.60s\"; `ftgpu%s%s --help` lists them", group, space,
                given, space, group);
    return ft_command_finish(FT_BAD_INPUT, &err);
}

/* The form of help that the word asks for: "help" does, too. */
static ft_status parse_help(const char *word, ft_help_form *form, ft_error *err)
{
    return ft_help_parse(strcmp(word, "help") == 0 ? "--help" : word, form, err);
}

/* Memory that is freed stays with the process: passes come and go by the hundred megabytes, and having their
 * pages cleared by the system each time took 6 % of an evaluation. */
static void keep_memory(void)
{
#ifdef __GLIBC__
    mallopt(M_MMAP_MAX, 0);
    mallopt(M_TRIM_THRESHOLD, INT_MAX);
#endif
}

/* Opens /dev/null as each standard stream that the caller has closed: otherwise the next file or socket would
 * get its number, and messages would go there. Reading and writing fail as before. */
static void fill_streams(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) == -1) (void)!open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

/* Starts the program again with OpenMP's waiting threads set to spin 1,000 times, then sleep. By default they
 * spin for milliseconds, and on a machine with other load a sweep takes 15 to 40 times as long. OpenMP reads
 * this before main begins, so it takes a new start, of the same process. The user's own settings stay. */
static void let_threads_sleep(char **argv)
{
    const char *preloaded = getenv("LD_PRELOAD");
    if (getenv("GOMP_SPINCOUNT") || getenv("OMP_WAIT_POLICY")) return;
    /* Where the loader was started by hand, or valgrind is at work, /proc/self/exe is not this program. */
    if (getauxval(AT_BASE) == 0 || (preloaded && strstr(preloaded, "vgpreload"))) return;
    if (setenv("GOMP_SPINCOUNT", "1000", 1) == 0) execv("/proc/self/exe", argv);
    /* Where that fails threads wait as they do by default. */
}

static bool uses_all_cores(const ft_command *command)
{
    return command->run == ft_command_run || command->run == ft_command_sweep ||
           command->run == ft_command_forecast || command->run == ft_command_bench ||
           command->run == ft_command_pretrain;
}

/* The command's name has `skipped` words. */
static int run_command(const ft_command *command, int skipped, int n_words, char **argv)
{
    if (uses_all_cores(command)) let_threads_sleep(argv);
    return command->run(n_words - skipped, (const char *const *)argv + 1 + skipped);
}

int main(int argc, char **argv)
{
    fill_streams();
    signal(SIGCHLD, SIG_DFL); /* ignored, it would hide how a worker ended */
    signal(SIGXFSZ, SIG_IGN); /* a file that grows too large is an error of its write */
    keep_memory();
    prctl(PR_SET_NAME, "ftgpu"); /* after execv of /proc/self/exe it would be "exe" */
    const char *const *words = (const char *const *)argv + 1;
    int n_words = argc > 0 ? argc - 1 : 0;
    ft_help_form form = FT_HELP_NONE;
    ft_error err = {""};
    if (n_words == 0) {
        ft_fail(&err, FT_BAD_INPUT, "which command? `ftgpu --help` lists them");
        return ft_command_finish(FT_BAD_INPUT, &err);
    }
    if (parse_help(words[0], &form, &err) != FT_OK) return ft_command_finish(FT_BAD_INPUT, &err);
    if (form != FT_HELP_NONE) return ft_help_program(commands, N_COMMANDS, NULL, form);
    if (strcmp(words[0], "--version") == 0) return print_version();

    const char *group = NULL;
    for (size_t i = 0; i < N_COMMANDS; i++) {
        const ft_command *candidate = &commands[i];
        if (strcmp(candidate->name, words[0]) == 0) return run_command(candidate, 1, n_words, argv);
        if (!ft_command_is_in_group(candidate->name, words[0])) continue;
        group = words[0];
        if (n_words > 1 && strcmp(candidate->name + strlen(group) + 1, words[1]) == 0)
            return run_command(candidate, 2, n_words, argv);
    }
    if (!group) return unknown_command(words[0], NULL);
    if (n_words == 1) {
        ft_fail(&err, FT_BAD_INPUT, "%s needs a second word; `ftgpu %s --help` lists them", group, group);
        return ft_command_finish(FT_BAD_INPUT, &err);
    }
    if (parse_help(words[1], &form, &err) == FT_OK && form == FT_HELP_TEXT)
        return ft_help_program(commands, N_COMMANDS, group, form);
    return unknown_command(words[1], group);
}
