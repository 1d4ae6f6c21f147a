/* The options that say which experiments a command looks at, the same in every command
 * that looks at several. */
#ifndef FT_CLI_SELECTION_OPTIONS_H
#define FT_CLI_SELECTION_OPTIONS_H

#include "cli/command.h"
#include "cli/options.h"
#include "tracker/experiments.h"

typedef struct ft_selection_options {
    const char *results, *match;
    bool regex;
    /* ids: the command's positional arguments, where it takes them */
    ft_option_list ids, where;
} ft_selection_options;

#define FT_SELECTION_DEFAULT ((ft_selection_options){.results = FT_DEFAULT_RESULTS})

/* Rows of an option table that fill `selection`, an ft_selection_options. */
#define FT_OPTIONS_SELECTION(selection)                                                                      \
    FT_OPTION_RESULTS((selection).results),                                                                  \
        {.name = "match",                                                                                    \
         .kind = FT_OPTION_TEXT,                                                                             \
         .value = &(selection).match,                                                                        \
         .argument = "PATTERN",                                                                              \
         .help = "only experiments whose id matches this glob (lr_search_*)"},                               \
        {.name = "regex",                                                                                    \
         .kind = FT_OPTION_FLAG,                                                                             \
         .value = &(selection).regex,                                                                        \
         .help = "--match is a regular expression"},                                                         \
    {                                                                                                        \
        .name = "where", .kind = FT_OPTION_LIST, .value = &(selection).where, .argument = "KEY=VALUE",       \
        .help = "only experiments with this hyperparameter; may be given again"                              \
    }

/* Rows of what is best: a metric, mae by default, and the split that chooses, val by
 * default. */
#define FT_OPTIONS_BEST_BY(metric_target, metric_help, split_target, split_help)                             \
    {.name = "metric",                                                                                       \
     .kind = FT_OPTION_TEXT,                                                                                 \
     .value = &(metric_target),                                                                              \
     .argument = "METRIC",                                                                                   \
     .help = metric_help},                                                                                   \
        FT_OPTION_SPLIT(split_target, split_help)
#define FT_OPTION_SPLIT(target, text)                                                                        \
    {                                                                                                        \
        .name = "split", .kind = FT_OPTION_CHOICE, .value = &(target), .argument = "SPLIT", .help = text,    \
        .choices = ft_split_choices                                                                          \
    }
extern const char *const ft_split_choices[];

/* A row that chooses columns (tracker/columns.h). */
#define FT_OPTION_COLUMNS(target)                                                                            \
    {                                                                                                        \
        .name = "columns", .kind = FT_OPTION_TEXT, .value = &(target), .argument = "LIST",                   \
        .help = "these columns, by names and globs: hp_*, train_*, val_*, test_*, best_epoch, epochs_run, "  \
                "best_val_loss, mean_val_loss, seconds, pruned, timestamp, error"                            \
    }

enum { FT_MOST_IDS = 100000 };

/* Loads the chosen experiments and says on stderr what could not be read. Where none
 * is left that is told: as FT_BAD_INPUT where one is `needed`, else as a warning. */
ft_status ft_selection_load(const ft_selection_options *selection, ft_detail detail, bool needed,
                            ft_experiments *experiments, ft_error *err);
void ft_selection_options_free(ft_selection_options *selection);

#endif
