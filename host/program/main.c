/* The program: finds the command that its first words name, and nothing else, so that `ftgpu --help` starts
 * nothing. */
#include <stdio.h>
#include <string.h>

#include "host/program/command.h"
#include "host/version.h"

typedef struct command {
    const char *name; /* one word, or two as in "data demo" */
    ft_command_function *run;
    const char *summary;
} command;

/* In the order of a user's day. */
static const command commands[] = {
    {"run", ft_command_run, "fine-tune one configuration and record the experiment"},
    {"sweep", ft_command_sweep, "fine-tune a grid or a list of configurations"},
    {"forecast", ft_command_forecast, "forecast series with a model, tuned or not"},
    {"compare", ft_command_compare, "experiments side by side"},
    {"best", ft_command_best, "the best experiment by a metric"},
    {"show", ft_command_show, "one experiment in full"},
    {"data demo", ft_command_data_demo, "write demo data: five years of invented daily prices"},
    {"data insights", ft_command_data_insights, "what the data looks like, before training on it"},
    {"model info", ft_command_model_info, "sizes and settings of a model directory"},
    {"model init", ft_command_model_init, "write a fresh, untrained model"},
    {"model merge", ft_command_model_merge, "write a model with an adapter merged into it"},
    {"devices", ft_command_devices, "what this machine computes with"},
    {"bench", ft_command_bench, "measure training, forecasts and matrix products"},
};
enum { N_COMMANDS = sizeof commands / sizeof *commands };

static const char help_head[] =
    "ftgpu fine-tunes Chronos-T5 time-series models with LoRA over grids of hyperparameters.\n"
    "\n"
    "Usage: ftgpu COMMAND [options]\n"
    "\n";
static const char help_tail[] =
    "\n"
    "ftgpu COMMAND --help shows a command's options and an example; ftgpu --version says which ftgpu this "
    "is.\n"
    "Exit status: 0 done; 1 failed; 2 wrong usage or bad input; 3 a sweep in which some experiments failed;\n"
    "75 stopped, to be started again; 130 interrupted.\n"
    "\n"
    "Example:\n"
    "  ftgpu data demo --out demo\n"
    "  ftgpu model init --size nano --out demo/model\n"
    "  ftgpu sweep --train demo/train.csv --val demo/val.csv --test demo/test.csv --target Close \\\n"
    "      --model demo/model --grid learning_rate=1e-4,1e-3 --grid lora_rank=4,8\n"
    "  ftgpu best --metric mae\n";

/* Whether `name` begins with the word `group` and has a second. */
static bool is_in_group(const char *name, const char *group)
{
    size_t length = strlen(group);
    return strncmp(name, group, length) == 0 && name[length] == ' ';
}

/* Prints and frees the text. */
static int print(ft_text *text)
{
    ft_error err = {""};
    ft_status status = ft_print_text(text, &err);
    ft_text_free(text);
    return ft_command_finish(status, &err);
}

/* The help; with `group` ("data") only of its commands. */
static int print_help(const char *group)
{
    ft_text text = FT_TEXT_EMPTY;
    const char *first = NULL;
    if (!group) ft_text_add(&text, help_head);
    for (size_t i = 0; i < N_COMMANDS; i++) {
        if (!commands[i].run || (group && !is_in_group(commands[i].name, group))) continue;
        ft_text_addf(&text, "  ftgpu %-15s%s\n", commands[i].name, commands[i].summary);
        if (!first) first = commands[i].name;
    }
    if (group)
        ft_text_addf(&text, "\nExample:\n  ftgpu %s --help\n", first);
    else
        ft_text_add(&text, help_tail);
    return print(&text);
}

static int print_version(void)
{
    ft_text text = FT_TEXT_EMPTY;
    ft_text_addf(&text, "ftgpu %s (%s)\n", ft_version(), ft_commit());
    return print(&text);
}

/* Says that there is no such command, with the nearest one. */
static int unknown_command(const char *given, const char *group)
{
    const char *names[N_COMMANDS];
    size_t count = 0, skipped = group ? strlen(group) + 1 : 0;
    for (size_t i = 0; i < N_COMMANDS; i++)
        if (commands[i].run && (!group || is_in_group(commands[i].name, group)))
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

static bool is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0;
}

int main(int argc, char **argv)
{
    const char *const *words = (const char *const *)argv + 1;
    int n_words = argc > 0 ? argc - 1 : 0;
    if (n_words == 0) {
        ft_error err;
        ft_fail(&err, FT_BAD_INPUT, "which command? `ftgpu --help` lists them");
        return ft_command_finish(FT_BAD_INPUT, &err);
    }
    if (is_help(words[0])) return print_help(NULL);
    if (strcmp(words[0], "--version") == 0) return print_version();

    const char *group = NULL;
    for (size_t i = 0; i < N_COMMANDS; i++) {
        const command *candidate = &commands[i];
        if (!candidate->run) continue;
        if (strcmp(candidate->name, words[0]) == 0) return candidate->run(n_words - 1, words + 1);
        if (!is_in_group(candidate->name, words[0])) continue;
        group = words[0];
        if (n_words > 1 && strcmp(candidate->name + strlen(group) + 1, words[1]) == 0)
            return candidate->run(n_words - 2, words + 2);
    }
    if (!group) return unknown_command(words[0], NULL);
    if (n_words == 1) {
        ft_error err;
        ft_fail(&err, FT_BAD_INPUT, "%s needs a second word; `ftgpu %s --help` lists them", group, group);
        return ft_command_finish(FT_BAD_INPUT, &err);
    }
    return is_help(words[1]) ? print_help(group) : unknown_command(words[1], group);
}
