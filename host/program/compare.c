/* ftgpu compare: a table of experiments. */
#include <stdlib.h>

#include "host/program/command.h"
#include "tracker/compare.h"
#include "tracker/select.h"

typedef struct compare_options {
    const char *results, *format, *match, *sort;
    ft_option_list ids, where, group_by;
    bool regex, descending, all_columns;
} compare_options;

/* Sorts by a column, whose name may lack its hp_ or test_. */
static ft_status sort_table(ft_table *table, const char *name, bool descending, ft_error *err)
{
    static const char *const prefixes[] = {"", "hp_", "test_"};
    size_t column = table->n_columns;
    for (size_t i = 0; i < 3 && column == table->n_columns; i++) {
        ft_text full = FT_TEXT_EMPTY;
        ft_text_addf(&full, "%s%s", prefixes[i], name);
        if (full.failed) return ft_no_memory(err, "a column's name", full.length);
        column = ft_table_find(table, full.data);
        ft_text_free(&full);
    }
    if (column < table->n_columns) {
        ft_table_sort(table, column, descending);
        return FT_OK;
    }
    const char *near = ft_nearest_name(name, (const char *const *)table->columns, table->n_columns);
    return ft_fail(err, FT_BAD_INPUT, "--sort: no column \"%.100s\"%s%.100s%s", name,
                   near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

static ft_status compare(const compare_options *options, ft_error *err)
{
    ft_experiments experiments = {0};
    ft_table table = FT_TABLE_EMPTY, groups = FT_TABLE_EMPTY, *shown = &table;
    ft_text text = FT_TEXT_EMPTY;
    ft_table_format format;
    ft_selection selection = {.ids = options->ids.items,
                              .n_ids = options->ids.count,
                              .match = options->match,
                              .regex = options->regex,
                              .where = options->where.items,
                              .n_where = options->where.count};
    ft_status status = ft_table_format_parse(options->format, &format, err);
    if (status == FT_OK) status = ft_command_load(options->results, true, &experiments, err);
    if (status == FT_OK) status = ft_experiments_select(&experiments, &selection, err);
    if (status == FT_OK) status = ft_compare(&experiments, &table, err);
    if (status == FT_OK && options->group_by.count) {
        shown = &groups;
        status = ft_compare_group(&table, options->group_by.items, options->group_by.count, &groups, err);
    }
    if (status == FT_OK && options->sort) status = sort_table(shown, options->sort, options->descending, err);
    if (status == FT_OK && format == FT_TABLE_PEOPLE && !options->all_columns && !options->group_by.count)
        ft_compare_fold_constants(shown, &text);
    if (status == FT_OK) status = ft_table_print(shown, format, &text, err);
    if (status == FT_OK) status = ft_print_text(&text, err);
    ft_text_free(&text);
    ft_table_free(&groups);
    ft_table_free(&table);
    ft_experiments_free(&experiments);
    return status;
}

int ft_command_compare(int argc, const char *const *argv)
{
    compare_options options = {.results = FT_DEFAULT_RESULTS, .format = "table"};
    const ft_option table[] = {
        FT_OPTION_RESULTS(options.results),
        {.name = "match",
         .kind = FT_OPTION_TEXT,
         .value = &options.match,
         .argument = "PATTERN",
         .help = "only experiments whose id matches this glob (lr_search_*)"},
        {.name = "regex",
         .kind = FT_OPTION_FLAG,
         .value = &options.regex,
         .help = "--match is a regular expression"},
        {.name = "where",
         .kind = FT_OPTION_LIST,
         .value = &options.where,
         .argument = "KEY=VALUE",
         .help = "only experiments with this hyperparameter; may be given again"},
        {.name = "group-by",
         .kind = FT_OPTION_LIST,
         .value = &options.group_by,
         .argument = "KEY",
         .help = "mean and deviation of the metrics for each value of KEY; may be given again"},
        {.name = "sort",
         .kind = FT_OPTION_TEXT,
         .value = &options.sort,
         .argument = "COLUMN",
         .help = "sort by a column (mae)"},
        {.name = "descending",
         .kind = FT_OPTION_FLAG,
         .value = &options.descending,
         .help = "the largest first"},
        {.name = "all-columns",
         .kind = FT_OPTION_FLAG,
         .value = &options.all_columns,
         .help = "in a table for people, also the hyperparameters that all share"},
        FT_OPTION_FORMAT(options.format),
        {.name = NULL},
    };
    const ft_command_line line = {
        .command = "ftgpu compare",
        .summary = "Shows experiments side by side: their hyperparameters (hp_*) and their metrics on the "
                   "test split.",
        .usage = "[ID...] [options]",
        .example = "ftgpu compare --sort mae\nftgpu compare --match 'lr_search_*' --format csv",
        .options = table,
        .positional = "ID",
        .arguments = &options.ids,
        .most_arguments = 100000,
    };
    int exit_status;
    if (ft_command_parse(&line, argc, argv, &exit_status)) {
        ft_error err = {""};
        exit_status = ft_command_finish(compare(&options, &err), &err);
    }
    ft_option_list_free(&options.ids);
    ft_option_list_free(&options.where);
    ft_option_list_free(&options.group_by);
    return exit_status;
}
