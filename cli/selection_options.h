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
        FT_OPT_TEXT("match", &(selection).match, "PATTERN",                                                  \
                    "only experiments whose id matches this glob (lr_search_*)"),                            \
        FT_OPT_FLAG("regex", &(selection).regex, "--match is a regular expression"),                         \
        FT_OPT_LIST("where", &(selection).where, "KEY=VALUE",                                                \
                    "only experiments with this hyperparameter; may be given again")

/* Rows of what is best: a metric, mae by default, and the split that chooses, val by
 * default. */
#define FT_OPTIONS_BEST_BY(metric_target, metric_help, split_target, split_help)                             \
    FT_OPT_TEXT("metric", &(metric_target), "METRIC", metric_help), FT_OPTION_SPLIT(split_target, split_help)
#define FT_OPTION_SPLIT(target, text) FT_OPT_CHOICE("split", &(target), "SPLIT", ft_split_choices, text)
extern const char *const ft_split_choices[];

/* A row that chooses columns (tracker/columns.h). */
#define FT_OPTION_COLUMNS(target)                                                                            \
    FT_OPT_TEXT("columns", &(target), "LIST",                                                                \
                "these columns, by names and globs: hp_*, train_*, val_*, test_*, best_epoch, epochs_run, "  \
                "best_val_loss, mean_val_loss, seconds, pruned, timestamp, error")

/* Loads the chosen experiments and says on stderr what could not be read. Where none
 * is left that is told: as FT_BAD_INPUT where one is `needed`, else as a warning. */
ft_status ft_selection_load(const ft_selection_options *selection, ft_detail detail, bool needed,
                            ft_experiments *experiments, ft_error *err);

/* Warns on stderr of experiments of different data: a command that ranks them says so. */
void ft_selection_warn_data(const ft_experiments *experiments);

/* What such a command does; context: its options. */
typedef ft_status ft_selection_work(const void *context, ft_error *err);
/* Runs a command that takes experiments' ids as arguments: parses its options (`line`
 * lacks the arguments alone), does `work`, tells its error and frees the selection.
 * Returns the exit status. */
int ft_selection_command(const ft_command_line *line, ft_selection_options *selection,
                         ft_selection_work *work, const void *context, int argc, const char *const *argv);

#endif
