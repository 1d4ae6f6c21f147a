/* ftgpu compare: a table of experiments. */
#include "tracker/compare.h"

#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/selection_options.h"
#include "cli/terminal.h"
#include "tracker/columns.h"
#include "tracker/compare_people.h"
#include "tracker/terminal_text.h"

typedef struct compare_options {
    ft_selection_options selection;
    const char *format, *metric, *sort, *split, *columns;
    ft_option_list group_by;
    bool descending, all_columns, each_seed;
} compare_options;

/* Whether --sort names a metric, which the chosen split gives, with or without val_. */
static bool names_metric(const char *sort, const char *split, ft_metric *metric)
{
    if (strncmp(sort, "val_", 4) == 0) return ft_metric_parse(sort + 4, metric, NULL) == FT_OK;
    return strcmp(split, "val") == 0 && ft_metric_parse(sort, metric, NULL) == FT_OK;
}

/* Sorts by the column of --sort, whose name may lack its hp_, val_ or test_ (that of the
 * chosen split is looked for first) and, of groups, its _mean. */
static ft_status sort_table(ft_table *table, const compare_options *options, ft_error *err)
{
    const char *name = options->sort;
    const bool by_test = strcmp(options->split, "test") == 0;
    const char *const prefixes[] = {"", "hp_", by_test ? "test_" : "val_", by_test ? "val_" : "test_"};
    enum { N_PREFIXES = sizeof prefixes / sizeof *prefixes };
    size_t column = table->n_columns;
    for (size_t i = 0; i < 2 * N_PREFIXES && column == table->n_columns; i++) {
        ft_text full = FT_TEXT_EMPTY;
        ft_text_addf(&full, "%s%s%s", prefixes[i % N_PREFIXES], name, i < N_PREFIXES ? "" : "_mean");
        if (full.failed) return ft_no_memory(err, "a column's name", full.length);
        column = ft_table_find(table, full.data);
        ft_text_free(&full);
    }
    if (column < table->n_columns) {
        ft_table_sort(table, column, options->descending);
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

/* Whether people see a row a configuration, and not the table of programs. */
static bool is_for_people(const compare_options *options, ft_table_format format)
{
    return format == FT_TABLE_TEXT && !options->all_columns && !options->columns && !options->group_by.count;
}

/* Whether experiments are held against each other, rather than listed. */
static bool is_ranking(const compare_options *options, bool people)
{
    return people || options->sort || options->group_by.count;
}

/* The metric that ranks: --metric, else --sort's, else mae. */
static ft_status choose_metric(const compare_options *options, ft_metric *metric, ft_split *split,
                               ft_error *err)
{
    const char *name = options->metric ? options->metric : "mae", *sort = options->sort;
    ft_status status = ft_split_parse(options->split, split, err);
    if (!options->metric && sort) {
        if (strncmp(sort, "val_", 4) == 0) sort += 4;
        if (strncmp(sort, "test_", 5) == 0) sort += 5;
        for (int m = 0; m < FT_N_METRICS; m++) {
            const size_t length = strlen(ft_metric_names[m]);
            const bool is_it = strncmp(sort, ft_metric_names[m], length) == 0;
            if (is_it && (!sort[length] || strcmp(sort + length, "_mean") == 0)) name = ft_metric_names[m];
        }
    }
    return status == FT_OK ? ft_metric_parse(name, metric, err) : status;
}

/* Sorts a comparison and gives the order of its experiments: (table->n_rows). */
static ft_status sort_experiments(const compare_options *options, ft_table *table, size_t *order,
                                  ft_error *err)
{
    const size_t place = ft_table_column(table, "");
    if (table->failed) return ft_no_memory(err, "a comparison", 0);
    for (size_t r = 0; r < table->n_rows; r++) ft_table_put_number(table, r, place, (double)r);
    ft_status status = options->sort ? sort_table(table, options, err) : FT_OK;
    for (size_t r = 0; r < table->n_rows && status == FT_OK; r++)
        order[r] = (size_t)table->cells[r * table->n_columns + place].number;
    return status;
}

static ft_status print_for_people(const compare_options *options, const ft_experiments *experiments,
                                  ft_table *table, ft_text *text, ft_error *err)
{
    ft_replicates replicates = {0};
    size_t *order = malloc((experiments->count + 1) * sizeof *order);
    ft_people_comparison people = {.experiments = experiments,
                                   .replicates = &replicates,
                                   .order = order,
                                   .width = ft_terminal_width(stdout)};
    ft_status status = order ? choose_metric(options, &people.metric, &people.split, err)
                             : ft_no_memory(err, "an order", experiments->count * sizeof *order);
    if (status == FT_OK) status = ft_replicates_find(experiments, &replicates, err);
    if (status == FT_OK && options->each_seed) ft_replicates_split(&replicates, experiments->count);
    for (size_t i = 0; status == FT_OK && i < experiments->count; i++) order[i] = i;
    if (status == FT_OK && options->sort) {
        ft_compare_take_means(experiments, &replicates, table);
        status = sort_experiments(options, table, order, err);
    }
    if (status == FT_OK) status = ft_compare_for_people(&people, text, err);
    ft_replicates_free(&replicates);
    free(order);
    return status;
}

/* Shortens ids as far as they stay distinct, drops fractions of a second and, in a table
 * of groups, the hp_ of keys. */
static void shorten(ft_table *table, bool is_of_groups)
{
    for (size_t c = 0; is_of_groups && c < table->n_columns; c++)
        if (strncmp(table->columns[c], "hp_", 3) == 0)
            memmove(table->columns[c], table->columns[c] + 3, strlen(table->columns[c]) - 2);
    const size_t id = ft_table_find(table, "experiment_id"), time = ft_table_find(table, "timestamp");
    if (id < table->n_columns) ft_shorten_ids(table, id);
    for (size_t r = 0; time < table->n_columns && r < table->n_rows; r++) {
        ft_cell *cell = &table->cells[r * table->n_columns + time];
        if (cell->kind == FT_CELL_TEXT) cell->text[strcspn(cell->text, ".")] = '\0';
    }
}

/* Keeps those columns of a table of groups that --columns names. Without it people see
 * the metric that ranks (or all, by --all-columns), and programs see all. */
static ft_status choose_group_columns(const compare_options *options, ft_table_format format,
                                      ft_table *groups, ft_error *err)
{
    const size_t first = options->group_by.count + 1; /* behind the keys and the count */
    ft_text list = FT_TEXT_EMPTY;
    ft_metric metric;
    ft_split split;
    if (options->columns) return ft_groups_keep_columns(groups, first, options->columns, err);
    if (format != FT_TABLE_TEXT || options->all_columns) return FT_OK;
    ft_status status = choose_metric(options, &metric, &split, err);
    if (status == FT_OK) {
        ft_text_addf(&list, "val_%s,test_%s", ft_metric_names[metric], ft_metric_names[metric]);
        status = list.failed ? ft_no_memory(err, "columns", list.length)
                             : ft_groups_keep_columns(groups, first, list.data, err);
    }
    ft_text_free(&list);
    return status;
}

/* Prints the table of programs, or of groups, to people in pieces that fit. */
static ft_status print_table(const compare_options *options, ft_table_format format, ft_table *table,
                             ft_text *text, ft_error *err)
{
    ft_table groups = FT_TABLE_EMPTY, *shown = table;
    ft_status status = FT_OK;
    if (options->group_by.count) {
        shown = &groups;
        status = ft_compare_group(table, options->group_by.items, options->group_by.count, &groups, err);
    }
    if (status == FT_OK && options->sort) status = sort_table(shown, options, err);
    if (status == FT_OK && options->group_by.count)
        status = choose_group_columns(options, format, &groups, err);
    if (format == FT_TABLE_TEXT) shorten(shown, options->group_by.count > 0);
    if (status == FT_OK && format == FT_TABLE_TEXT)
        status = ft_table_print_fitting(shown, ft_terminal_width(stdout), text, err);
    else if (status == FT_OK)
        status = ft_table_print(shown, format, text, err);
    ft_table_free(&groups);
    return status;
}

/* Adds val_<metric> of each metric, if any experiment has been evaluated there. */
static void add_val(const ft_experiments *experiments, ft_table *table)
{
    bool any = false;
    for (size_t i = 0; i < experiments->count; i++) any |= experiments->items[i].metrics[FT_VAL].evaluated;
    for (int m = 0; any && m < FT_N_METRICS; m++) ft_compare_add_val(experiments, (ft_metric)m, table);
}

static ft_status fill_table(const compare_options *options, const ft_experiments *experiments,
                            ft_table *table, ft_error *err)
{
    if (options->columns && !options->group_by.count)
        return ft_compare_columns(experiments, options->columns, table, err);
    if (options->columns) { /* groups are made of all columns; print_table chooses then */
        ft_status all = ft_compare_columns(experiments, "*", table, err);
        return all == FT_OK ? ft_columns_check(table, options->columns, err) : all;
    }
    ft_status status = ft_compare(experiments, table, err);
    if (status == FT_OK && options->group_by.count) add_val(experiments, table);
    if (status == FT_OK) status = add_sort_metric(options, experiments, table, err);
    return status == FT_OK && table->failed ? ft_no_memory(err, "a comparison", 0) : status;
}

static ft_status compare(const void *context, ft_error *err)
{
    const compare_options *options = context;
    ft_experiments experiments = {0};
    ft_table table = FT_TABLE_EMPTY;
    ft_text text = FT_TEXT_EMPTY;
    ft_table_format format;
    if (options->descending && !options->sort)
        return ft_fail(err, FT_BAD_INPUT, "--descending says how --sort goes, but --sort is not given");
    ft_status status = ft_table_format_parse(options->format, &format, err);
    const bool people = status == FT_OK && is_for_people(options, format);
    const ft_detail detail = options->columns ? FT_WHOLE : people ? FT_HISTORY : FT_SCORES;
    if (status == FT_OK) status = ft_selection_load(&options->selection, detail, false, &experiments, err);
    if (status == FT_OK && is_ranking(options, people)) ft_selection_warn_data(&experiments);
    if (status == FT_OK && (!people || options->sort))
        status = fill_table(options, &experiments, &table, err);
    if (status == FT_OK && format == FT_TABLE_TEXT && experiments.count == 0)
        ft_text_add(&text, "there are no experiments\n");
    else if (status == FT_OK && people)
        status = print_for_people(options, &experiments, &table, &text, err);
    else if (status == FT_OK)
        status = print_table(options, format, &table, &text, err);
    if (status == FT_OK && format == FT_TABLE_TEXT) add_unevaluated(&text, &experiments);
    if (status == FT_OK) status = ft_print_text(&text, err);
    ft_text_free(&text);
    ft_table_free(&table);
    ft_experiments_free(&experiments);
    return status;
}

int ft_command_compare(int argc, const char *const *argv)
{
    compare_options options = {.selection = FT_SELECTION_DEFAULT, .format = "table", .split = "val"};
    const ft_option table[] = {
        FT_OPTIONS_SELECTION(options.selection),
        FT_OPT_LIST("group-by", &options.group_by, "KEY",
                    "mean and deviation of the metrics for each value of KEY; may be given again"),
        FT_OPT_TEXT("sort", &options.sort, "COLUMN", "sort by a column, or by a metric (mae) of the split"),
        FT_OPTIONS_BEST_BY(options.metric, "that ranks (default: that of --sort, else mae)", options.split,
                           "by which --sort and # go: val or test (default val: test is held back)"),
        FT_OPT_FLAG("descending", &options.descending, "the largest first"),
        FT_OPT_FLAG("all-columns", &options.all_columns,
                    "for people: all columns, a row an experiment, in pieces that fit; with --group-by all "
                    "metrics"),
        FT_OPT_FLAG("each-seed", &options.each_seed,
                    "for people: a row a seed instead of a row a configuration"),
        FT_OPTION_COLUMNS(options.columns),
        FT_OPTION_FORMAT(options.format),
        {.name = NULL},
    };
    const ft_command_line line = {
        .command = "ftgpu compare",
        .summary = "Shows experiments side by side: what varies, and a metric on validation and test.",
        .usage = "[ID...] [options]",
        .example = "ftgpu compare --sort mae\nftgpu compare --match 'lr_search_*' --format csv\n"
                   "ftgpu compare --group-by learning_rate --sort test_mae_mean\n"
                   "ftgpu compare --columns 'hp_*,val_mae,test_mae,seconds' --format json",
        .notes =
            "For people: # ranks by --metric on --split; seeds of a configuration are one row, with mean\n"
            "and standard deviation; the table is as wide as the terminal, or 80 columns where there is\n"
            "none (COLUMNS says otherwise). csv and json have a row an experiment: experiment_id,\n"
            "timestamp, hp_*, test_*, or --columns. mae, rmse, mase and smape measure the median of the\n"
            "sampled paths. --sort METRIC goes by val_METRIC. --group-by shows people --metric on\n"
            "validation and test, csv and json all metrics; --columns chooses others. The best by\n"
            "--split test, or --sort test_METRIC, looks better there than it is.\n",
        .options = table,
    };
    const int exit_status = ft_selection_command(&line, &options.selection, compare, &options, argc, argv);
    ft_option_list_free(&options.group_by);
    return exit_status;
}
