/* ftgpu compare: a table of experiments. ftgpu export: the same into a file. */
#include "tracker/compare.h"

#include <string.h>

#include "base/file.h"
#include "cli/command.h"
#include "cli/selection_options.h"
#include "host/output.h"

typedef struct compare_options {
    ft_selection_options selection;
    const char *format, *sort, *split;
    ft_option_list group_by;
    bool descending, all_columns;
} compare_options;

/* Whether --sort names a metric, which the chosen split gives, with or without val_. */
static bool names_metric(const char *sort, const char *split, ft_metric *metric)
{
    if (strncmp(sort, "val_", 4) == 0) return ft_metric_parse(sort + 4, metric, NULL) == FT_OK;
    return strcmp(split, "val") == 0 && ft_metric_parse(sort, metric, NULL) == FT_OK;
}

/* Sorts by a column, whose name may lack its hp_, val_ or test_ and, of groups, its
 * _mean. */
static ft_status sort_table(ft_table *table, const char *name, bool descending, ft_error *err)
{
    static const char *const forms[][2] = {{"", ""},      {"hp_", ""},       {"val_", ""},      {"test_", ""},
                                           {"", "_mean"}, {"val_", "_mean"}, {"test_", "_mean"}};
    size_t column = table->n_columns;
    for (size_t i = 0; i < sizeof forms / sizeof *forms && column == table->n_columns; i++) {
        ft_text full = FT_TEXT_EMPTY;
        ft_text_addf(&full, "%s%s%s", forms[i][0], name, forms[i][1]);
        if (full.failed) return ft_no_memory(err, "a column's name", full.length);
        column = ft_table_find(table, full.data);
        ft_text_free(&full);
    }
    if (column < table->n_columns) {
        ft_table_sort(table, column, descending);
        return FT_OK;
    }
    const char *near = ft_nearest_name(name, (const char *const *)table->columns, table->n_columns);
    if (!near) near = ft_nearest_name(name, ft_metric_names, FT_N_METRICS);
    return ft_fail(err, FT_BAD_INPUT, "--sort: no column \"%.100s\"%s%.100s%s", name,
                   near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

/* Rows without metrics and without an error need a word. */
static void add_unevaluated(ft_text *out, const ft_experiments *experiments)
{
    size_t n = 0;
    for (size_t i = 0; i < experiments->count; i++)
        n += !experiments->items[i].metrics[FT_TEST].evaluated && !experiments->items[i].error;
    if (n > 0)
        ft_text_addf(out,
                     "\n%zu of %zu experiments did not fail, but have no metrics: `ftgpu show ID` says why\n",
                     n, experiments->count);
}

/* The metric to sort by, where it is one; nothing is sorted in silence by a column of
 * nothing. */
static ft_status add_sort_metric(const compare_options *options, const ft_experiments *experiments,
                                 ft_table *table, ft_error *err)
{
    ft_metric metric;
    const ft_experiment *any;
    if (!options->sort || !names_metric(options->sort, options->split, &metric)) return FT_OK;
    ft_compare_add_val(experiments, metric, table);
    return experiments->count ? ft_experiments_best(experiments, metric, FT_VAL, &any, err) : FT_OK;
}

static ft_status compare(const compare_options *options, ft_error *err)
{
    ft_experiments experiments = {0};
    ft_table table = FT_TABLE_EMPTY, groups = FT_TABLE_EMPTY, *shown = &table;
    ft_text text = FT_TEXT_EMPTY;
    ft_table_format format;
    if (options->descending && !options->sort)
        return ft_fail(err, FT_BAD_INPUT, "--descending says how --sort goes, but --sort is not given");
    ft_status status = ft_table_format_parse(options->format, &format, err);
    if (status == FT_OK) status = ft_selection_load(&options->selection, FT_SCORES, false, &experiments, err);
    if (status == FT_OK) status = ft_compare(&experiments, &table, err);
    if (status == FT_OK) status = add_sort_metric(options, &experiments, &table, err);
    if (status == FT_OK && options->group_by.count) {
        shown = &groups;
        status = ft_compare_group(&table, options->group_by.items, options->group_by.count, &groups, err);
    }
    if (status == FT_OK && options->sort) status = sort_table(shown, options->sort, options->descending, err);
    if (status == FT_OK && format == FT_TABLE_TEXT && !options->all_columns && !options->group_by.count)
        ft_compare_fold_constants(shown, &text);
    if (status == FT_OK) status = ft_table_print(shown, format, &text, err);
    if (status == FT_OK && format == FT_TABLE_TEXT) add_unevaluated(&text, &experiments);
    if (status == FT_OK) status = ft_print_text(&text, err);
    ft_text_free(&text);
    ft_table_free(&groups);
    ft_table_free(&table);
    ft_experiments_free(&experiments);
    return status;
}

int ft_command_compare(int argc, const char *const *argv)
{
    compare_options options = {.selection = FT_SELECTION_DEFAULT, .format = "table", .split = "val"};
    const ft_option table[] = {
        FT_OPTIONS_SELECTION(options.selection),
        {.name = "group-by",
         .kind = FT_OPTION_LIST,
         .value = &options.group_by,
         .argument = "KEY",
         .help = "mean and deviation of the metrics for each value of KEY; may be given again"},
        {.name = "sort",
         .kind = FT_OPTION_TEXT,
         .value = &options.sort,
         .argument = "COLUMN",
         .help = "sort by a column, or by a metric (mae) of the split"},
        FT_OPTION_SPLIT(options.split,
                        "whose metric --sort takes: val or test (default val: test is held back)"),
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
        .example = "ftgpu compare --sort mae\nftgpu compare --match 'lr_search_*' --format csv\n"
                   "ftgpu compare --group-by learning_rate --sort test_mae_mean",
        .notes = "test_mae, test_rmse, test_mase and test_smape measure the median of the sampled paths.\n"
                 "--sort METRIC adds val_METRIC and sorts by it. The best by --split test, or --sort "
                 "test_METRIC,\n"
                 "looks better there than it is.\n",
        .options = table,
        .positional = "ID",
        .arguments = &options.selection.ids,
        .most_arguments = FT_MOST_IDS,
    };
    int exit_status;
    if (ft_command_parse(&line, argc, argv, &exit_status)) {
        ft_error err = {""};
        exit_status = ft_command_finish(compare(&options, &err), &err);
    }
    ft_selection_options_free(&options.selection);
    ft_option_list_free(&options.group_by);
    return exit_status;
}

static ft_status export_csv(const ft_selection_options *selection, const char *path, ft_error *err)
{
    ft_experiments experiments = {0};
    ft_table table = FT_TABLE_EMPTY;
    ft_text csv = FT_TEXT_EMPTY, told = FT_TEXT_EMPTY;
    ft_status status = ft_output_check(path, NULL, 0, err);
    if (status == FT_OK) status = ft_selection_load(selection, FT_SCORES, false, &experiments, err);
    if (status == FT_OK) status = ft_compare(&experiments, &table, err);
    if (status == FT_OK) status = ft_table_print(&table, FT_TABLE_SPREADSHEET, &csv, err);
    if (status == FT_OK) status = ft_write_file(path, csv.data, csv.length, err);
    if (status == FT_OK) {
        ft_text_add_line(&told, path);
        ft_text_addf(&told, ": %zu experiments, %zu columns\n", table.n_rows, table.n_columns);
        status = ft_print_text(&told, err);
    }
    ft_text_free(&told);
    ft_text_free(&csv);
    ft_table_free(&table);
    ft_experiments_free(&experiments);
    return status;
}

int ft_command_export(int argc, const char *const *argv)
{
    ft_selection_options selection = FT_SELECTION_DEFAULT;
    const char *path = NULL;
    const ft_option table[] = {
        {.name = "csv",
         .kind = FT_OPTION_TEXT,
         .value = &path,
         .argument = "FILE",
         .help = "where the table goes; a file that is there is replaced",
         .required = true},
        FT_OPTIONS_SELECTION(selection),
        {.name = NULL},
    };
    const ft_command_line line = {
        .command = "ftgpu export",
        .summary = "Writes the comparison of experiments, a row each, into a CSV file.",
        .usage = "--csv FILE [ID...] [options]",
        .example = "ftgpu export --csv experiments.csv\nftgpu export --csv lr.csv --match 'lr_search_*'",
        .notes =
            "Columns: experiment_id, timestamp, hp_<hyperparameter>, test_<metric>, and error where one\n"
            "failed. What is undefined is empty; numbers read back exactly. A text that a spreadsheet\n"
            "would compute (it begins with =, +, - or @) gets a ' before it; compare --format csv prints\n"
            "it as it is.\n",
        .options = table,
        .positional = "ID",
        .arguments = &selection.ids,
        .most_arguments = FT_MOST_IDS,
    };
    int exit_status;
    if (ft_command_parse(&line, argc, argv, &exit_status)) {
        ft_error err = {""};
        exit_status = ft_command_finish(export_csv(&selection, path, &err), &err);
    }
    ft_selection_options_free(&selection);
    return exit_status;
}
