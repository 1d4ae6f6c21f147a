/* ftgpu data: demo data, and what data looks like before training on it. */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/data_options.h"
#include "cli/terminal.h"
#include "host/data/demo_data.h"

static ft_status demo(const char *directory, int64_t seed, ft_error *err)
{
    ft_text text = FT_TEXT_EMPTY;
    ft_status status = ft_demo_data_write(directory, (uint32_t)seed, err);
    if (status != FT_OK) return status;
    ft_text_add_line(&text, directory);
    ft_text_addf(&text, ": data.csv (%d rows) and its parts train.csv, val.csv, test.csv\n", FT_DEMO_ROWS);
    status = ft_print_text(&text, err);
    ft_text_free(&text);
    return status;
}

int ft_command_data_demo(int argc, const char *const *argv)
{
    const char *directory = NULL;
    int64_t seed = 0;
    const ft_option table[] = {
        FT_OPT_TEXT("out", &directory, "DIR",
                    "where the files go; made if it is missing; files of other data are not overwritten",
                    .required = true),
        FT_OPT_INTEGER("seed", &seed, "N", 0, 4294967295.0, "of the prices (default 0)"),
        {.name = NULL},
    };
    const ft_command_line line = {
        .command = "ftgpu data demo",
        .summary = "Writes five years of invented daily prices: data.csv and its parts train.csv, val.csv "
                   "and test.csv.",
        .usage = "--out DIR [options]",
        .example = "ftgpu data demo --out demo",
        .notes = "Columns Date, Close, SMA_20, SMA_50, Volume, Volatility. The same seed gives the same "
                 "files on every\n"
                 "machine.\n",
        .options = table,
    };
    int exit_status;
    ft_error err = {""};
    if (!ft_command_parse(&line, argc, argv, &exit_status)) return exit_status;
    return ft_command_finish(demo(directory, seed, &err), &err);
}

/* What people need to know to read the figures. */
static ft_status print_note(ft_error *err)
{
    ft_text note = FT_TEXT_EMPTY;
    ft_text_add(
        &note,
        "\ntarget_distribution is of the target's returns; kurtosis is excess kurtosis (0 for a normal\n"
        "distribution), bias-corrected; volatility is a year's, of 252 rows, over 20 returns at a time\n"
        "(- where a split has fewer).\n");
    ft_status status = ft_print_text(&note, err);
    ft_text_free(&note);
    return status;
}

/* What was done with the files that nobody asked for, a line each. */
static void print_notes(const char *lines)
{
    while (lines && *lines) {
        const size_t length = strcspn(lines, "\n");
        ft_text line = FT_TEXT_EMPTY;
        ft_text_add(&line, "ftgpu: note: ");
        ft_text_add_bytes(&line, lines, length);
        ft_text_add(&line, "\n");
        if (!line.failed) ft_tell_lines(line.data);
        ft_text_free(&line);
        lines += length + (lines[length] == '\n');
    }
}

static ft_status insights(const ft_data_files *files, const char *target, const char *format_name,
                          ft_error *err)
{
    ft_dataset dataset = {0};
    cJSON *found = NULL;
    ft_table_format format;
    ft_dataset_source source = {.train = files->train,
                                .val = files->val,
                                .test = files->test,
                                .data = files->data,
                                .has_split = files->split != NULL,
                                .target = target,
                                .csv = files->csv,
                                .takes_pipes = true,
                                .train_last = files->train_last};
    ft_status status = ft_table_format_parse(format_name, &format, err);
    if (status == FT_OK && files->split) status = ft_split_fractions_parse(files->split, source.split, err);
    if (status == FT_OK) status = ft_dataset_read(&source, &dataset, err);
    if (status == FT_OK) print_notes(dataset.notes.data);
    if (status == FT_OK) status = ft_dataset_insights(&dataset, &found, err);
    if (status == FT_OK) status = ft_print_object(found, format, err);
    if (status == FT_OK && format == FT_TABLE_TEXT) status = print_note(err);
    cJSON_Delete(found);
    ft_dataset_free(&dataset);
    return status;
}

int ft_command_data_insights(int argc, const char *const *argv)
{
    ft_data_files files = {0};
    const char *target = NULL, *format = "table";
    const ft_option table[] = {FT_OPTIONS_DATA(files, target), FT_OPTION_FORMAT(format), {.name = NULL}};
    const ft_command_line line = {
        .command = "ftgpu data insights",
        .summary =
            "Shows what the data looks like: missing values, returns, volatility regimes, correlations.",
        .usage = "--train FILE [--val FILE] [--test FILE] --target COLUMN [options]",
        .example = "ftgpu data insights --data demo/data.csv --split 0.7,0.15,0.15 --target Close",
        .notes =
            "The figures are those that an experiment records as data_insights, by pandas' definitions.\n",
        .options = table,
    };
    int exit_status;
    ft_error err = {""};
    if (!ft_command_parse(&line, argc, argv, &exit_status)) return exit_status;
    return ft_command_finish(insights(&files, target, format, &err), &err);
}
