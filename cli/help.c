/* The program's help; see help.h. */
#include "cli/help.h"

#include <string.h>

#include "base/version.h"
#include "cli/completion.h"
#include "cli/manual.h"
#include "host/search/hyperparameters.h"

static const char about[] =
    "ftgpu fine-tunes Chronos-T5 time-series models with LoRA over grids of hyperparameters.";

static const struct {
    int status;
    const char *meaning;
} exit_statuses[] = {
    {FT_EXIT_DONE, "done"},
    {FT_EXIT_FAILED, "failed"},
    {FT_EXIT_BAD_INPUT, "wrong usage or bad input"},
    {FT_EXIT_SOME_FAILED, "some experiments of a sweep failed, or some measurements of bench"},
    {FT_EXIT_REQUEUE, "stopped, to be started again"},
    {FT_EXIT_INTERRUPTED, "interrupted"},
};
enum { N_EXIT_STATUSES = sizeof exit_statuses / sizeof *exit_statuses };

static const char example[] =
    "ftgpu data demo --out demo\n"
    "ftgpu sweep --train demo/train.csv --val demo/val.csv --test demo/test.csv --target Close \\\n"
    "    --grid learning_rate=1e-4,1e-3 --grid lora_rank=4,8\n"
    "ftgpu best --metric mae\n";

/* By ft_help_form. */
static const char *const form_words[] = {"", "--help", "--help=man", "--help=bash", "--help=zsh"};

ft_status ft_help_parse(const char *word, ft_help_form *form, ft_error *err)
{
    *form = FT_HELP_NONE;
    if (strcmp(word, "-h") == 0) *form = FT_HELP_TEXT;
    for (int i = FT_HELP_TEXT; i <= FT_HELP_ZSH; i++)
        if (strcmp(word, form_words[i]) == 0) *form = (ft_help_form)i;
    if (*form == FT_HELP_NONE && strncmp(word, "--help=", 7) == 0)
        return ft_fail(err, FT_BAD_INPUT,
                       "%.60s: help comes as --help, --help=man, --help=bash or --help=zsh", word);
    return FT_OK;
}

bool ft_command_is_in_group(const char *name, const char *group)
{
    size_t length = strlen(group);
    return strncmp(name, group, length) == 0 && name[length] == ' ';
}

void ft_help_command(const ft_command_line *line, ft_help_form form, ft_text *out)
{
    switch (form) {
    case FT_HELP_NONE:
    case FT_HELP_TEXT:
        ft_options_help(line, out);
        break;
    case FT_HELP_MAN:
        ft_manual_command(line, out);
        break;
    case FT_HELP_BASH:
        ft_completion_bash_command(line, out);
        break;
    case FT_HELP_ZSH:
        ft_completion_zsh_command(line, out);
        break;
    }
}

/* The help as text; with `group` only of its commands. */
static void add_text(const ft_command *commands, size_t count, const char *group, ft_text *out)
{
    const char *first = NULL;
    if (!group) ft_text_addf(out, "%s\n\nUsage: ftgpu COMMAND [options]\n\n", about);
    for (size_t i = 0; i < count; i++) {
        if (group && !ft_command_is_in_group(commands[i].name, group)) continue;
        ft_text_addf(out, "  ftgpu %-22s%s\n", commands[i].name, commands[i].summary);
        if (!first) first = commands[i].name;
    }
    if (group) {
        ft_text_addf(out, "\nExample:\n  ftgpu %s --help\n", first ? first : group);
        return;
    }
    ft_text_add(
        out,
        "\n"
        "ftgpu COMMAND --help shows a command's options and an example; ftgpu --version says which "
        "ftgpu this is;\n"
        "ftgpu --help=man, --help=bash and --help=zsh write the manual page and the shells' completion.\n"
        "\nExit status:\n");
    for (size_t i = 0; i < N_EXIT_STATUSES; i++)
        ft_text_addf(out, "  %-5d%s\n", exit_statuses[i].status, exit_statuses[i].meaning);
    ft_text_add(out, "\nExample:\n");
    ft_options_add_lines(example, "  ", out);
}

static void add_manual_head(const ft_command *commands, size_t count, ft_text *out)
{
    ft_text_addf(out, ".TH FTGPU 1 \"\" \"ftgpu %s\" \"User Commands\"\n.ad l\n.nh\n", ft_version());
    ft_manual_section("NAME", out);
    ft_text_add(out,
                "ftgpu \\- fine\\-tune Chronos\\-T5 time\\-series models over grids of hyperparameters\n");
    ft_manual_section("SYNOPSIS", out);
    ft_text_add(out, ".B ftgpu\n\\fICOMMAND\\fR [\\fIoptions\\fR]\n.br\n"
                     ".B ftgpu\n\\fICOMMAND\\fR \\fB\\-\\-help\\fR\n.br\n"
                     ".B ftgpu \\-\\-help \\fR|\\fB \\-\\-version\n");
    ft_manual_section("DESCRIPTION", out);
    ft_manual_text(about, out);
    ft_text_add(out, "\n.PP\nThe commands, in the order of a day's work:\n");
    for (size_t i = 0; i < count; i++) ft_manual_item(commands[i].name, NULL, commands[i].summary, out);
    ft_manual_section("COMMANDS", out);
    ft_text_add(
        out, "Options may be written \\fB\\-\\-name\\fR \\fIvalue\\fR or \\fB\\-\\-name=\\fR\\fIvalue\\fR, "
             "in any order.\nWhat follows a lone \\fB\\-\\-\\fR is no option.\n");
}

static void add_manual_tail(ft_text *out)
{
    ft_text words = FT_TEXT_EMPTY;
    ft_manual_section("HYPERPARAMETERS", out);
    for (size_t i = 0; i < FT_N_FIELDS; i++) {
        words.length = 0;
        ft_field_help(&ft_fields[i], &words);
        ft_manual_item(ft_fields[i].name, NULL, words.data ? words.data : "", out);
    }
    out->failed = out->failed || words.failed;
    ft_manual_section("EXIT STATUS", out);
    for (size_t i = 0; i < N_EXIT_STATUSES; i++) {
        words.length = 0;
        ft_text_addf(&words, "%d", exit_statuses[i].status);
        ft_manual_item(words.data ? words.data : "", NULL, exit_statuses[i].meaning, out);
    }
    ft_text_free(&words);
    ft_manual_section("ENVIRONMENT", out);
    ft_manual_item(
        "FTGPU_CUDA_LIBRARIES", NULL,
        "Directories, separated by colons, where libcublasLt and libnccl are looked for first; then come the "
        "loader's, CUDA_HOME, /usr/local/cuda and NVIDIA's packages for Python. `ftgpu devices` shows what "
        "was found.",
        out);
    ft_manual_section("FILES", out);
    ft_manual_item(
        FT_DEFAULT_RESULTS, NULL,
        "Where experiments are kept unless --results says otherwise: a directory each, with results.json, "
        "forecasts.csv and the trained adapter.",
        out);
    ft_manual_item(
        "~/.cache/ftgpu/calibration.json", NULL,
        "What was measured of this machine's devices (under $XDG_CACHE_HOME where that is set): how "
        "many configurations they gain from at a time. Measured anew where it is missing.",
        out);
    ft_manual_section("EXAMPLE", out);
    ft_manual_example(example, out);
}

/* The commands that this program has, for the forms that hold a part of each. */
static int print_parts(const ft_command *commands, size_t count, ft_help_form form)
{
    for (size_t i = 0; i < count; i++) {
        int exit_status = commands[i].run(1, &form_words[form]);
        if (exit_status != FT_EXIT_DONE) return exit_status;
    }
    return FT_EXIT_DONE;
}

/* Prints and frees the text. */
static int print(ft_text *text)
{
    ft_error err = {""};
    ft_status status = ft_print_text(text, &err);
    ft_text_free(text);
    return ft_command_finish(status, &err);
}

int ft_help_program(const ft_command *commands, size_t count, const char *group, ft_help_form form)
{
    ft_text head = FT_TEXT_EMPTY, tail = FT_TEXT_EMPTY;
    switch (form) {
    case FT_HELP_NONE:
    case FT_HELP_TEXT:
        add_text(commands, count, group, &head);
        return print(&head);
    case FT_HELP_MAN:
        add_manual_head(commands, count, &head);
        add_manual_tail(&tail);
        break;
    case FT_HELP_BASH:
        ft_completion_bash_head(&head);
        ft_completion_bash_tail(commands, count, &tail);
        break;
    case FT_HELP_ZSH:
        ft_completion_zsh_head(&head);
        ft_completion_zsh_tail(commands, count, &tail);
        break;
    }
    int exit_status = print(&head);
    if (exit_status == FT_EXIT_DONE) exit_status = print_parts(commands, count, form);
    if (exit_status == FT_EXIT_DONE) return print(&tail);
    ft_text_free(&tail);
    return exit_status;
}
