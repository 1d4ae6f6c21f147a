/* Command-line options; see options.h. */
#include "cli/options.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "host/search/synonyms.h"

enum { MAX_OPTIONS = 64 }; /* of one command */

static bool append(ft_option_list *list, const char *item, ft_error *err)
{
    const char **grown = realloc(list->items, (list->count + 1) * sizeof *grown);
    if (!grown) {
        (void)ft_no_memory(err, "options", (list->count + 1) * sizeof *grown);
        return false;
    }
    list->items = grown;
    list->items[list->count++] = item;
    return true;
}

void ft_option_list_free(ft_option_list *list)
{
    free(list->items);
    *list = (ft_option_list){0};
}

static size_t count_options(const ft_command_line *line)
{
    size_t count = 0;
    while (count < MAX_OPTIONS && line->options[count].name) count++;
    return count;
}

/* The option whose name are the first `length` bytes of `name`, which is shown in
 * messages. */
static ft_status find_option(const ft_command_line *line, const char *name, size_t length,
                             const ft_option **option, ft_error *err)
{
    const char *names[MAX_OPTIONS + 1];
    size_t count = count_options(line);
    for (size_t i = 0; i < count; i++) {
        names[i] = line->options[i].name;
        if (strlen(names[i]) != length || memcmp(names[i], name, length) != 0) continue;
        *option = &line->options[i];
        return FT_OK;
    }
    names[count++] = "help";
    char wanted[64];
    if (length >= sizeof wanted) length = sizeof wanted - 1;
    memcpy(wanted, name, length);
    wanted[length] = '\0';
    ft_text explained = FT_TEXT_EMPTY;
    if (line->explain) line->explain(wanted, &explained);
    if (explained.length > 0 && !explained.failed) {
        ft_status status =
            ft_fail(err, FT_BAD_INPUT, "%s: unknown option --%s (%s)", line->command, wanted, explained.data);
        ft_text_free(&explained);
        return status;
    }
    ft_text_free(&explained);
    const char *nearest = ft_option_synonym(wanted, names, count);
    if (!nearest) nearest = ft_nearest_name(wanted, names, count);
    if (nearest)
        return ft_fail(err, FT_BAD_INPUT, "%s: unknown option --%s (did you mean --%s?)", line->command,
                       wanted, nearest);
    return ft_fail(err, FT_BAD_INPUT, "%s: unknown option --%s (see %s --help)", line->command, wanted,
                   line->command);
}

/* "a whole number from 1 to 10", "a number". */
static void describe_number(const ft_option *option, ft_text *out)
{
    char least[FT_NUMBER_CHARS], most[FT_NUMBER_CHARS];
    ft_text_addf(out, "a %snumber", option->kind == FT_OPTION_INTEGER ? "whole " : "");
    if (option->least != 0 || option->most != 0)
        ft_text_addf(out, " from %s to %s", ft_format_double(option->least, least),
                     ft_format_double(option->most, most));
}

static ft_status store_number(const ft_command_line *line, const ft_option *option, const char *text,
                              ft_error *err)
{
    long long whole = 0;
    double real = 0;
    bool good = option->kind == FT_OPTION_INTEGER ? ft_parse_int(text, strlen(text), &whole)
                                                  : ft_parse_double(text, strlen(text), &real);
    if (option->kind == FT_OPTION_INTEGER) real = (double)whole;
    bool any = option->least == 0 && option->most == 0;
    if (!good || (!any && !(real >= option->least && real <= option->most))) {
        ft_text range = FT_TEXT_EMPTY;
        describe_number(option, &range);
        ft_status status = ft_fail(err, FT_BAD_INPUT, "%s: --%s: \"%.60s\" is not %s", line->command,
                                   option->name, text, range.failed ? "in range" : range.data);
        ft_text_free(&range);
        return status;
    }
    if (option->kind == FT_OPTION_INTEGER)
        *(int64_t *)option->value = whole;
    else
        *(double *)option->value = real;
    return FT_OK;
}

static ft_status store_choice(const ft_command_line *line, const ft_option *option, const char *text,
                              ft_error *err)
{
    ft_text list = FT_TEXT_EMPTY;
    for (size_t i = 0; option->choices[i]; i++) {
        if (strcmp(text, option->choices[i]) == 0) {
            *(const char **)option->value = option->choices[i];
            ft_text_free(&list);
            return FT_OK;
        }
        ft_text_addf(&list, "%s%s", i == 0 ? "" : option->choices[i + 1] ? ", " : " or ", option->choices[i]);
    }
    ft_status status = ft_fail(err, FT_BAD_INPUT, "%s: --%s: \"%.60s\" is not %s", line->command,
                               option->name, text, list.failed || !list.data ? "a choice" : list.data);
    ft_text_free(&list);
    return status;
}

/* Stores the argument of an option that takes one. */
static ft_status store(const ft_command_line *line, const ft_option *option, const char *text, ft_error *err)
{
    switch (option->kind) {
    case FT_OPTION_FLAG:
        return FT_OK;
    case FT_OPTION_TEXT:
        *(const char **)option->value = text;
        return FT_OK;
    case FT_OPTION_LIST:
        return append(option->value, text, err) ? FT_OK : FT_NO_MEMORY;
    case FT_OPTION_INTEGER:
    case FT_OPTION_REAL:
        return store_number(line, option, text, err);
    case FT_OPTION_CHOICE:
    case FT_OPTION_OPTIONAL:
        return store_choice(line, option, text, err);
    }
    return FT_OK;
}

/* argv[*index] is "--something": takes it, and its argument if that is the next one. */
static ft_status take_option(const ft_command_line *line, int argc, const char *const *argv, int *index,
                             bool *given, ft_error *err)
{
    const char *name = argv[*index] + 2, *equals = strchr(name, '=');
    const ft_option *option = NULL;
    ft_status status = find_option(line, name, equals ? (size_t)(equals - name) : strlen(name), &option, err);
    if (status != FT_OK) return status;
    if (given[option - line->options] && option->kind != FT_OPTION_LIST)
        return ft_fail(err, FT_BAD_INPUT, "%s: --%s is given twice", line->command, option->name);
    given[option - line->options] = true;
    if (option->kind == FT_OPTION_FLAG) {
        if (equals)
            return ft_fail(err, FT_BAD_INPUT, "%s: --%s takes no argument", line->command, option->name);
        *(bool *)option->value = true;
        return FT_OK;
    }
    if (option->kind == FT_OPTION_OPTIONAL && !equals) {
        *(const char **)option->value = "";
        return FT_OK;
    }
    const char *text = equals ? equals + 1 : *index + 1 < argc ? argv[*index + 1] : NULL;
    /* "--train --val x": a forgotten argument, not a file named --val. "-5", "-" and
     * "---" may be arguments. */
    const bool is_option =
        text && strncmp(text, "--", 2) == 0 && (!text[2] || isalpha((unsigned char)text[2]));
    if (!text || (!equals && is_option) || !*text)
        return ft_fail(err, FT_BAD_INPUT, "%s: --%s needs an argument: --%s %s", line->command, option->name,
                       option->name, option->argument);
    if (!equals) ++*index;
    return store(line, option, text, err);
}

static ft_status take_positional(const ft_command_line *line, const char *text, ft_error *err)
{
    if (!line->positional)
        return ft_fail(err, FT_BAD_INPUT, "%s: unexpected argument \"%.100s\"", line->command, text);
    if (line->arguments->count >= line->most_arguments)
        return ft_fail(err, FT_BAD_INPUT, "%s: unexpected argument \"%.100s\" (it takes %s%zu %s)",
                       line->command, text, line->least_arguments < line->most_arguments ? "at most " : "",
                       line->most_arguments, line->positional);
    return append(line->arguments, text, err) ? FT_OK : FT_NO_MEMORY;
}

static ft_status check_required(const ft_command_line *line, const bool *given, ft_error *err)
{
    for (size_t i = 0; i < count_options(line); i++)
        if (line->options[i].required && !given[i])
            return ft_fail(err, FT_BAD_INPUT, "%s: --%s %s is needed", line->command, line->options[i].name,
                           line->options[i].argument);
    if (line->positional && line->arguments->count < line->least_arguments)
        return ft_fail(err, FT_BAD_INPUT, "%s: an argument is missing: %s", line->command, line->positional);
    return FT_OK;
}

ft_status ft_options_parse(const ft_command_line *line, int argc, const char *const *argv, bool *help,
                           ft_error *err)
{
    bool given[MAX_OPTIONS] = {false}, options_end = false;
    *help = false;
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++) {
        *help = *help || strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0;
        if (*help) return FT_OK;
    }
    ft_status status = FT_OK;
    for (int i = 0; i < argc && status == FT_OK; i++) {
        if (options_end || argv[i][0] != '-' || argv[i][1] == '\0')
            status = take_positional(line, argv[i], err);
        else if (strcmp(argv[i], "--") == 0)
            options_end = true;
        else if (argv[i][1] == '-')
            status = take_option(line, argc, argv, &i, given, err);
        else
            status = ft_fail(err, FT_BAD_INPUT,
                             "%s: unknown option %.60s (options begin with two dashes, see %s --help)",
                             line->command, argv[i], line->command);
    }
    return status == FT_OK ? check_required(line, given, err) : status;
}

/* Appends `words`, broken at blanks so that lines are no longer than 100; all but the
 * first are indented. */
static void add_wrapped(ft_text *out, const char *words, size_t column, size_t indent)
{
    for (bool first = true; *words; first = false) {
        size_t length = strcspn(words, " ");
        if (!first && column + 1 + length > 100) {
            ft_text_addf(out, "\n%*s", (int)indent, "");
            column = indent;
        } else if (!first) {
            ft_text_add(out, " ");
            column++;
        }
        ft_text_add_bytes(out, words, length);
        column += length;
        words += length;
        words += strspn(words, " ");
    }
    ft_text_add(out, "\n");
}

static void add_option(const ft_option *option, size_t width, ft_text *out)
{
    size_t start = out->length;
    bool is_optional = option->kind == FT_OPTION_OPTIONAL;
    ft_text_addf(out, "  --%s%s%s%s", option->name,
                 is_optional        ? "[="
                 : option->argument ? " "
                                    : "",
                 option->argument ? option->argument : "", is_optional ? "]" : "");
    size_t used = out->length - start;
    ft_text_addf(out, "%*s", used < width ? (int)(width - used) : 2, "");
    add_wrapped(out, option->help, used < width ? width : used + 2, width);
}

void ft_options_add_item(const char *name, const char *help, ft_text *out)
{
    ft_text_addf(out, "  %-24s  ", name);
    add_wrapped(out, help, 28, 28);
}

void ft_options_add_lines(const char *lines, const char *indent, ft_text *out)
{
    while (*lines) {
        size_t length = strcspn(lines, "\n");
        if (length) ft_text_add(out, indent);
        ft_text_add_bytes(out, lines, length);
        ft_text_add(out, "\n");
        lines += length + (lines[length] == '\n');
    }
}

void ft_options_help(const ft_command_line *line, ft_text *out)
{
    enum { WIDTH = 28 };
    static const ft_option help = {.name = "help", .help = "this text"};
    ft_text_addf(out, "%s\n\nUsage: %s %s\n\nOptions:\n", line->summary, line->command, line->usage);
    for (size_t i = 0; i < count_options(line); i++) add_option(&line->options[i], WIDTH, out);
    add_option(&help, WIDTH, out);
    if (line->notes) {
        ft_text_add(out, "\n");
        ft_options_add_lines(line->notes, "", out);
    }
    if (line->shared_notes) {
        ft_text_add(out, "\n");
        line->shared_notes(out);
    }
    ft_text_add(out, "\nExample:\n");
    ft_options_add_lines(line->example, "  ", out);
}
