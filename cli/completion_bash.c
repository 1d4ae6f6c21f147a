/* Completion for bash; see completion.h. It needs no package beside bash itself.
 *
 * The function of a command is called with $current, the word that is typed, and
 * $option, the word before it: "--name" where current is its argument. bash cuts words
 * at "=", which the tail undoes. */
#include "cli/completion.h"

void ft_completion_bash_head(ft_text *out)
{
    ft_text metrics = FT_TEXT_EMPTY, keys = FT_TEXT_EMPTY;
    ft_completion_metrics(&metrics);
    ft_completion_keys(&keys);
    if (metrics.failed || keys.failed) {
        out->failed = true;
    } else {
        ft_text_add(out,
                    "# bash completion for ftgpu, written by: ftgpu --help=bash\n\n"
                    "__ftgpu_words() { mapfile -t COMPREPLY < <(compgen -W \"$*\" -- \"$current\"); }\n\n"
                    "__ftgpu_paths() {\n"
                    "    compopt -o filenames 2>/dev/null\n"
                    "    mapfile -t COMPREPLY < <(compgen \"$1\" -- \"$current\")\n"
                    "}\n\n"
                    "__ftgpu_files() { __ftgpu_paths -f; }\n\n"
                    "__ftgpu_directories() { __ftgpu_paths -d; }\n\n");
        ft_text_addf(out, "__ftgpu_metrics() { __ftgpu_words \"%s\"; }\n\n", metrics.data);
        ft_text_addf(out, "__ftgpu_keys() { __ftgpu_words \"%s\"; }\n\n", keys.data);
        ft_text_add(out, "__ftgpu_assignments() {\n"
                         "    compopt -o nospace 2>/dev/null\n"
                         "    __ftgpu_keys\n"
                         "    COMPREPLY=(\"${COMPREPLY[@]/%/=}\")\n"
                         "}\n\n"
                         "__ftgpu_values() { # KEY\n"
                         "    case $1 in\n");
        ft_completion_values("__ftgpu_words", out);
        ft_text_add(out, "    esac\n"
                         "}\n\n"
                         "__ftgpu_experiments_or_best() { __ftgpu_words best; __ftgpu_experiments; }\n\n"
                         "__ftgpu_experiments() {\n"
                         "    local i result results=" FT_DEFAULT_RESULTS "\n"
                         "    for ((i = 1; i < ${#COMP_WORDS[@]} - 1; i++)); do\n"
                         "        [[ ${COMP_WORDS[i]} == --results ]] && results=${COMP_WORDS[i + 1]}\n"
                         "        [[ $results == = ]] && results=${COMP_WORDS[i + 2]}\n"
                         "    done\n"
                         "    for result in \"$results/$current\"*/results.json; do\n"
                         "        [[ -e $result ]] || continue\n"
                         "        result=${result%/results.json}\n"
                         "        COMPREPLY+=(\"${result##*/}\")\n"
                         "    done\n"
                         "}\n\n");
    }
    ft_text_free(&keys);
    ft_text_free(&metrics);
}

static void add_words(const char *const *words, ft_text *out)
{
    ft_text_add(out, "__ftgpu_words \"");
    for (size_t i = 0; words[i]; i++) ft_text_addf(out, "%s%s", i ? " " : "", words[i]);
    ft_text_add(out, "\"");
}

void ft_completion_bash_command(const ft_command_line *line, ft_text *out)
{
    ft_completion_function(line->command, out);
    ft_text_add(out, "() {\n    case $option in\n");
    for (const ft_option *option = line->options; option->name; option++) {
        if (option->kind == FT_OPTION_FLAG || option->kind == FT_OPTION_OPTIONAL) continue;
        const char *helper = ft_completion_helper(option->argument);
        ft_text_addf(out, "    --%s) ", option->name);
        if (option->choices)
            add_words(option->choices, out);
        else if (helper)
            ft_text_add(out, helper);
        ft_text_add(out, ";;\n");
    }
    const char *helper = line->positional ? ft_completion_helper(line->positional) : NULL;
    ft_text_add(out, "    *)\n");
    if (helper || line->positional_choices) {
        ft_text_add(out, "        [[ $current == -* ]] || { ");
        if (line->positional_choices)
            add_words(line->positional_choices, out);
        else
            ft_text_add(out, helper);
        ft_text_add(out, "; return; }\n");
    }
    ft_text_add(out, "        __ftgpu_words \"");
    for (const ft_option *option = line->options; option->name; option++)
        ft_text_addf(out, "--%s ", option->name);
    ft_text_add(out, "--help\" ;;\n    esac\n}\n\n");
}

void ft_completion_bash_tail(const ft_command *commands, size_t count, ft_text *out)
{
    ft_text_add(
        out, "_ftgpu() {\n"
             "    local current=${COMP_WORDS[COMP_CWORD]} option=${COMP_WORDS[COMP_CWORD - 1]}\n"
             "    local first=${COMP_WORDS[1]} second=${COMP_WORDS[2]-} name words=\n"
             "    COMPREPLY=()\n"
             "    # bash cuts --name=value and key=value at the =.\n"
             "    if [[ $current == = || $option == = ]]; then\n"
             "        if [[ $current == = ]]; then current=; else option=${COMP_WORDS[COMP_CWORD - 2]}; fi\n"
             "        [[ $option == --* ]] || { __ftgpu_values \"$option\"; return; }\n"
             "    fi\n"
             "    if ((COMP_CWORD > 1)) && declare -F \"_ftgpu_$first\" >/dev/null; then\n"
             "        \"_ftgpu_$first\"\n"
             "        return\n"
             "    elif ((COMP_CWORD > 2)) && declare -F \"_ftgpu_${first}_$second\" >/dev/null; then\n"
             "        \"_ftgpu_${first}_$second\"\n"
             "        return\n"
             "    fi\n"
             "    for name in");
    for (size_t i = 0; i < count; i++) ft_text_addf(out, " \"%s\"", commands[i].name);
    ft_text_add(out, "; do\n"
                     "        if ((COMP_CWORD == 1)); then\n"
                     "            words+=\" ${name%% *}\"\n"
                     "        elif ((COMP_CWORD == 2)) && [[ $name == \"$first \"* ]]; then\n"
                     "            words+=\" ${name#* }\"\n"
                     "        fi\n"
                     "    done\n"
                     "    ((COMP_CWORD == 1)) && words+=\" --help --version\"\n"
                     "    __ftgpu_words \"$words\"\n"
                     "}\n\n"
                     "complete -F _ftgpu ftgpu\n");
}
