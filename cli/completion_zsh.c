/* Completion for zsh, with what each option means; see completion.h. The functions of
 * the commands are _arguments specifications. */
#include <string.h>

#include "cli/completion.h"

void ft_completion_zsh_head(ft_text *out)
{
    ft_text metrics = FT_TEXT_EMPTY, keys = FT_TEXT_EMPTY;
    ft_completion_metrics(&metrics);
    ft_completion_keys(&keys);
    if (metrics.failed || keys.failed) {
        out->failed = true;
    } else {
        ft_text_add(out, "#compdef ftgpu\n"
                         "# zsh completion for ftgpu, written by: ftgpu --help=zsh\n\n"
                         "__ftgpu_files() { _files }\n\n"
                         "__ftgpu_directories() { _files -/ }\n\n");
        ft_text_addf(out, "__ftgpu_metrics() { compadd -- %s }\n\n", metrics.data);
        ft_text_addf(out, "__ftgpu_keys() { compadd -- %s }\n\n", keys.data);
        ft_text_addf(out,
                     "__ftgpu_assignments() {\n"
                     "    local key=${PREFIX%%%%=*}\n"
                     "    compset -P '*=' || { compadd -S= -- %s; return }\n"
                     "    case $key in\n",
                     keys.data);
        ft_completion_values("compadd --", out);
        ft_text_add(out, "    esac\n"
                         "}\n\n"
                         "__ftgpu_experiments_or_best() { compadd -- best; __ftgpu_experiments }\n\n"
                         "__ftgpu_experiments() {\n"
                         "    local results=" FT_DEFAULT_RESULTS "\n"
                         "    (( $+opt_args[--results] )) && results=${(Q)opt_args[--results]}\n"
                         "    compadd -- $results/*/results.json(N:h:t)\n"
                         "}\n\n");
    }
    ft_text_free(&keys);
    ft_text_free(&metrics);
}

/* Text within single quotes, where characters of `special` have a meaning. */
static void add_quoted(const char *text, const char *special, ft_text *out)
{
    for (; *text; text++) {
        if (*text == '\'')
            ft_text_add(out, "'\\''");
        else if (strchr(special, *text))
            ft_text_addf(out, "\\%c", *text);
        else
            ft_text_add_bytes(out, text, 1);
    }
}

static const char special_in_arguments[] = "[]:\\";

/* ":ARGUMENT:action" of an argument; without an action nothing is offered. */
static void add_argument(const char *argument, const char *const *choices, ft_text *out)
{
    const char *helper = ft_completion_helper(argument);
    ft_text_add(out, ":");
    add_quoted(argument, special_in_arguments, out);
    ft_text_add(out, ":");
    if (choices) {
        ft_text_add(out, "(");
        for (size_t i = 0; choices[i]; i++) ft_text_addf(out, "%s%s", i ? " " : "", choices[i]);
        ft_text_add(out, ")");
    } else {
        ft_text_add(out, helper ? helper : " ");
    }
}

void ft_completion_zsh_command(const ft_command_line *line, ft_text *out)
{
    ft_completion_function(line->command, out);
    ft_text_add(out, "() {\n    _arguments \\\n");
    for (const ft_option *option = line->options; option->name; option++) {
        ft_text_addf(out, "        '%s--%s%s[", option->kind == FT_OPTION_LIST ? "*" : "", option->name,
                     option->kind == FT_OPTION_FLAG       ? ""
                     : option->kind == FT_OPTION_OPTIONAL ? "=-"
                                                          : "=");
        add_quoted(option->help, special_in_arguments, out);
        ft_text_add(out, "]");
        if (option->kind == FT_OPTION_OPTIONAL) ft_text_add(out, ":");
        if (option->kind != FT_OPTION_FLAG) add_argument(option->argument, option->choices, out);
        ft_text_add(out, "' \\\n");
    }
    if (line->positional) {
        ft_text_addf(out, "        '%s", line->most_arguments > 1 ? "*" : "1");
        add_argument(line->positional, line->positional_choices, out);
        ft_text_add(out, "' \\\n");
    }
    ft_text_add(out, "        '(- *)--help[the help]'\n}\n\n");
}

void ft_completion_zsh_tail(const ft_command *commands, size_t count, ft_text *out)
{
    ft_text_add(out, "_ftgpu() {\n"
                     "    local -a commands\n"
                     "    local -aU found\n"
                     "    local command name\n"
                     "    commands=(\n");
    for (size_t i = 0; i < count; i++) {
        ft_text_addf(out, "        '%s:", commands[i].name);
        add_quoted(commands[i].summary, "", out);
        ft_text_add(out, "'\n");
    }
    ft_text_add(out,
                "    )\n"
                "    if (( CURRENT > 2 && $+functions[_ftgpu_$words[2]] )); then\n"
                "        command=_ftgpu_$words[2]\n"
                "        shift words\n"
                "        (( CURRENT -= 1 ))\n"
                "        $command\n"
                "    elif (( CURRENT > 3 && $+functions[_ftgpu_${words[2]}_${words[3]}] )); then\n"
                "        command=_ftgpu_${words[2]}_${words[3]}\n"
                "        shift 2 words\n"
                "        (( CURRENT -= 2 ))\n"
                "        $command\n"
                "    else\n"
                "        (( CURRENT == 2 )) && found=(--help:'the help' --version:'which ftgpu this is')\n"
                "        for name in $commands; do\n"
                "            if (( CURRENT == 3 )); then\n"
                "                [[ $name == \"$words[2] \"* ]] && found+=(\"${name#* }\")\n"
                "            elif [[ ${name%%:*} == *' '* ]]; then\n"
                "                found+=(\"${name%% *}\")\n"
                "            else\n"
                "                found+=(\"$name\")\n"
                "            fi\n"
                "        done\n"
                "        (( CURRENT <= 3 )) && _describe command found\n"
                "    fi\n"
                "}\n\n"
                "if [[ ${zsh_eval_context[-1]} == loadautofunc ]]; then\n"
                "    _ftgpu \"$@\"\n"
                "else\n"
                "    compdef _ftgpu ftgpu\n"
                "fi\n");
}
