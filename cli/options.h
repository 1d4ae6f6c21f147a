/* Command-line options from a table, with messages that help. */
#ifndef FT_CLI_OPTIONS_H
#define FT_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/text.h"

/* Texts given to a repeatable option, and positional arguments. They point into argv. */
typedef struct ft_option_list {
    const char **items; /* (count), malloc'd */
    size_t count;
} ft_option_list;

typedef enum ft_option_kind {
    FT_OPTION_FLAG,    /* bool */
    FT_OPTION_TEXT,    /* const char * into argv */
    FT_OPTION_LIST,    /* ft_option_list; may be given again */
    FT_OPTION_INTEGER, /* int64_t in [least, most] */
    FT_OPTION_REAL,    /* double in [least, most] */
    FT_OPTION_CHOICE,  /* const char *, one of `choices` */
    /* const char *: "" without an argument; "--name=value": one of `choices` */
    FT_OPTION_OPTIONAL
} ft_option_kind;

/* A row of the table; `name` NULL ends it. What is not given keeps the value that it
 * has. */
typedef struct ft_option {
    const char *name; /* without the dashes: "train" */
    ft_option_kind kind;
    void *value;          /* where it is stored, of the kind's type */
    const char *argument; /* shown in help: "FILE"; NULL for a flag */
    const char *help;     /* one line, perhaps with its default */
    double least, most;   /* INTEGER and REAL; both 0: any finite number */
    /* CHOICE; NULL-terminated. Of other kinds: what completion offers, or NULL */
    const char *const *choices;
    bool required;
} ft_option;

/* Rows, one a kind: name, where the value goes, argument, range or choices, help; then,
 * where needed, other members (.required = true). */
#define FT_OPT_FLAG(option, target, ...)                                                                     \
    {                                                                                                        \
        .name = option, .kind = FT_OPTION_FLAG, .value = target, .help = __VA_ARGS__                         \
    }
#define FT_OPT_TEXT(option, target, of, ...)                                                                 \
    {                                                                                                        \
        .name = option, .kind = FT_OPTION_TEXT, .value = target, .argument = of, .help = __VA_ARGS__         \
    }
#define FT_OPT_LIST(option, target, of, ...)                                                                 \
    {                                                                                                        \
        .name = option, .kind = FT_OPTION_LIST, .value = target, .argument = of, .help = __VA_ARGS__         \
    }
#define FT_OPT_INTEGER(option, target, of, low, high, ...)                                                   \
    {                                                                                                        \
        .name = option, .kind = FT_OPTION_INTEGER, .value = target, .argument = of, .least = low,            \
        .most = high, .help = __VA_ARGS__                                                                    \
    }
#define FT_OPT_REAL(option, target, of, low, high, ...)                                                      \
    {                                                                                                        \
        .name = option, .kind = FT_OPTION_REAL, .value = target, .argument = of, .least = low, .most = high, \
        .help = __VA_ARGS__                                                                                  \
    }
#define FT_OPT_CHOICE(option, target, of, words, ...)                                                        \
    {                                                                                                        \
        .name = option, .kind = FT_OPTION_CHOICE, .value = target, .argument = of, .choices = words,         \
        .help = __VA_ARGS__                                                                                  \
    }

typedef struct ft_command_line {
    const char *command; /* "ftgpu run" */
    const char *summary; /* one sentence */
    /* what follows the command: "--train FILE ... --target COLUMN [options]" */
    const char *usage;
    const char *example; /* whole lines that can be typed */
    const char *notes;   /* more help after the options, or NULL */
    /* and what other commands say too: the manual has it once; or NULL */
    void (*shared_notes)(ft_text *out);
    /* What an unknown option is instead, in words ("a hyperparameter: --set
     * epochs=..."), into out; nothing where that is not known. NULL: nobody knows. */
    void (*explain)(const char *name, ft_text *out);
    const ft_option *options;
    /* the name of positional arguments: "ID"; NULL: none are taken */
    const char *positional;
    /* what completion offers for them, NULL-terminated; or NULL */
    const char *const *positional_choices;
    ft_option_list *arguments; /* where they go */
    size_t least_arguments, most_arguments;
} ft_command_line;

/* Parses argv[0 .. argc), which begins after the command's name. Options may be
 * "--name value" or "--name=value", in any order with positional arguments; after "--"
 * all is positional. `help` is set (and nothing else checked) when --help or -h is
 * there. Errors (FT_BAD_INPUT) name the option: unknown, with the nearest; without its
 * argument; given twice; not a number, out of range, not one of the choices; missing
 * although required; too few or too many arguments. Lists must start zeroed and are
 * freed by ft_option_list_free, also after a failure. */
ft_status ft_options_parse(const ft_command_line *line, int argc, const char *const *argv, bool *help,
                           ft_error *err);
void ft_option_list_free(ft_option_list *list);

/* Appends the help: summary, usage, options with their arguments, notes, example. */
void ft_options_help(const ft_command_line *line, ft_text *out);
/* Appends a name and what it means, as the list of options has it. */
void ft_options_add_item(const char *name, const char *help, ft_text *out);
/* Appends whole lines, each after `indent`. */
void ft_options_add_lines(const char *lines, const char *indent, ft_text *out);

#endif
