/* ftgpu show: one experiment in full. */
#include "tracker/show.h"

#include "cli/command.h"
#include "cli/terminal.h"
#include "tracker/compare.h"
#include "tracker/terminal_text.h"

ft_status ft_print_experiment(const char *directory, ft_table_format format, ft_error *err)
{
    ft_experiment experiment = {0};
    ft_status status = ft_experiment_read(directory, &experiment, err);
    if (status != FT_OK) return status;
    if (format == FT_TABLE_TEXT) {
        const size_t width = ft_terminal_width(stdout);
        ft_text text = FT_TEXT_EMPTY, wrapped = FT_TEXT_EMPTY;
        status = ft_show_experiment(&experiment, width, &text, err);
        if (status == FT_OK) ft_wrap_lines(text.data, width, &wrapped);
        if (status == FT_OK) status = ft_print_text(&wrapped, err);
        ft_text_free(&wrapped);
        ft_text_free(&text);
    } else if (format == FT_TABLE_CSV) {
        ft_table table = FT_TABLE_EMPTY;
        ft_experiments alone = {.items = &experiment, .count = 1};
        status = ft_compare(&alone, &table, err);
        if (status == FT_OK) status = ft_print_table(&table, format, err);
        ft_table_free(&table);
    } else {
        cJSON *object = ft_experiment_to_json(&experiment);
        status = object ? ft_print_json(object, err) : ft_no_memory(err, "the experiment", 0);
        cJSON_Delete(object);
    }
    ft_experiment_free(&experiment);
    return status;
}

static ft_status show(const char *results, const char *id, const char *format_name, ft_error *err)
{
    ft_experiments experiments = {0};
    ft_table_format format;
    const ft_experiment *found;
    ft_status status = ft_table_format_parse(format_name, &format, err);
    if (status == FT_OK) status = ft_command_load(results, FT_SCORES, &experiments, err);
    if (status == FT_OK) status = ft_experiments_find(&experiments, id, &found, err);
    if (status == FT_OK) status = ft_print_experiment(found->directory, format, err);
    ft_experiments_free(&experiments);
    return status;
}

int ft_command_show(int argc, const char *const *argv)
{
    const char *results = FT_DEFAULT_RESULTS, *format = "table";
    ft_option_list ids = {0};
    const ft_option table[] = {FT_OPTION_RESULTS(results), FT_OPTION_FORMAT(format), {.name = NULL}};
    const ft_command_line line = {
        .command = "ftgpu show",
        .summary = "Shows one experiment: metrics of all splits beside the baselines, epochs, data, notes.",
        .usage = "ID [options]",
        .example = "ftgpu show baseline_20250101_120000\nftgpu show baseline --format json",
        .notes = "ID may be shortened to a beginning that no other experiment has. json prints results.json, "
                 "csv the\n"
                 "row of `ftgpu compare`.\n",
        .options = table,
        .positional = "ID",
        .arguments = &ids,
        .least_arguments = 1,
        .most_arguments = 1,
    };
    int exit_status;
    if (ft_command_parse(&line, argc, argv, &exit_status)) {
        ft_error err = {""};
        exit_status = ft_command_finish(show(results, ids.items[0], format, &err), &err);
    }
    ft_option_list_free(&ids);
    return exit_status;
}
