/* ftgpu export: the comparison of experiments as a file, and event files. */
#include <string.h>

#include "base/file.h"
#include "cli/command.h"
#include "cli/selection_options.h"
#include "host/mlflow/mlflow.h"
#include "host/output.h"
#include "tracker/columns.h"
#include "tracker/tensorboard.h"

typedef struct export_options {
    ft_selection_options selection;
    const char *csv, *jsonl, *out, *tensorboard, *mlflow, *columns;
} export_options;

static bool ends_with(const char *path, const char *end)
{
    const size_t length = strlen(path), n = strlen(end);
    return length >= n && strcmp(path + length - n, end) == 0;
}

/* Where the table goes, and how: by the option, or by the ending of --out. */
static ft_status choose_format(const export_options *o, const char **path, ft_table_format *format,
                               ft_error *err)
{
    if ((o->csv != NULL) + (o->jsonl != NULL) + (o->out != NULL) + (o->tensorboard != NULL) != 1)
        return ft_fail(
            err, FT_BAD_INPUT,
            "give one of --csv FILE, --jsonl FILE, --out FILE, --tensorboard DIR and --mlflow URI");
    *path = o->csv ? o->csv : o->jsonl ? o->jsonl : o->out;
    *format = o->csv ? FT_TABLE_SPREADSHEET : FT_TABLE_JSON_LINES;
    if (!o->out || ends_with(o->out, ".jsonl")) return FT_OK;
    *format = FT_TABLE_SPREADSHEET;
    if (ends_with(o->out, ".csv")) return FT_OK;
    return ft_fail(
        err, FT_BAD_INPUT,
        "--out: %.300s: ftgpu cannot write %s; it writes .csv and .jsonl (--csv and --jsonl take any "
        "name)",
        o->out, ends_with(o->out, ".parquet") ? "Parquet" : "a file of that kind");
}

static ft_status export_table(const export_options *options, ft_error *err)
{
    ft_experiments experiments = {0};
    ft_table table = FT_TABLE_EMPTY;
    ft_text text = FT_TEXT_EMPTY, told = FT_TEXT_EMPTY;
    ft_table_format format;
    const char *path = NULL;
    const ft_detail detail = options->columns ? FT_WHOLE : FT_SCORES;
    ft_status status = choose_format(options, &path, &format, err);
    if (status == FT_OK) status = ft_output_check(path, NULL, 0, err);
    if (status == FT_OK) status = ft_selection_load(&options->selection, detail, false, &experiments, err);
    if (status == FT_OK && options->columns)
        status = ft_compare_columns(&experiments, options->columns, &table, err);
    else if (status == FT_OK)
        status = ft_compare(&experiments, &table, err);
    if (status == FT_OK) status = ft_table_print(&table, format, &text, err);
    if (status == FT_OK) status = ft_write_file(path, text.data ? text.data : "", text.length, err);
    if (status == FT_OK) {
        ft_text_add_line(&told, path);
        ft_text_addf(&told, ": %zu experiments, %zu columns\n", table.n_rows, table.n_columns);
        status = ft_print_text(&told, err);
    }
    ft_text_free(&told);
    ft_text_free(&text);
    ft_table_free(&table);
    ft_experiments_free(&experiments);
    return status;
}

static ft_status export_event_files(const export_options *options, ft_error *err)
{
    ft_experiments experiments = {0};
    ft_text told = FT_TEXT_EMPTY;
    const char *directory = options->tensorboard;
    ft_status status = FT_OK;
    if (options->csv || options->jsonl || options->out || options->columns)
        return ft_fail(err, FT_BAD_INPUT,
                       "--tensorboard writes event files, and no table: leave out --csv, --jsonl, --out and "
                       "--columns");
    status = ft_selection_load(&options->selection, FT_HISTORY, false, &experiments, err);
    for (size_t i = 0; i < experiments.count && status == FT_OK; i++)
        status = ft_tensorboard_write(directory, &experiments.items[i], err);
    if (status == FT_OK) {
        ft_text_add_line(&told, directory);
        ft_text_addf(&told, ": %zu experiments; tensorboard --logdir ", experiments.count);
        ft_text_add_line(&told, directory);
        ft_text_add(&told, "\n");
        status = ft_print_text(&told, err);
    }
    ft_text_free(&told);
    ft_experiments_free(&experiments);
    return status;
}

static ft_status export_to_mlflow(const export_options *options, ft_error *err)
{
    ft_experiments experiments = {0};
    ft_mlflow *mlflow = NULL;
    ft_text told = FT_TEXT_EMPTY;
    size_t n_new = 0;
    if (options->csv || options->jsonl || options->out || options->columns || options->tensorboard)
        return ft_fail(err, FT_BAD_INPUT,
                       "--mlflow sends experiments, and writes nothing: leave out --csv, --jsonl, --out, "
                       "--columns and --tensorboard");
    ft_status status = ft_mlflow_open(options->mlflow, FT_MLFLOW_PATIENT, &mlflow, err);
    if (status == FT_OK) status = ft_selection_load(&options->selection, FT_WHOLE, false, &experiments, err);
    for (size_t i = 0; i < experiments.count && status == FT_OK; i++) {
        bool is_new = false;
        status = ft_mlflow_send(mlflow, &experiments.items[i], &is_new, err);
        n_new += is_new;
    }
    if (mlflow && experiments.count > 0) {
        ft_text_addf(&told, "sent %zu of %zu experiments to MLflow", n_new, experiments.count);
        if (status == FT_OK && n_new < experiments.count) ft_text_add(&told, "; the others were there");
        ft_text_add(&told, "\n");
        ft_error ignored;
        ft_status printed = ft_print_text(&told, status == FT_OK ? err : &ignored);
        if (status == FT_OK) status = printed;
    }
    ft_text_free(&told);
    ft_experiments_free(&experiments);
    ft_mlflow_close(mlflow);
    return status;
}

static ft_status export(const void *context, ft_error *err)
{
    const export_options *options = context;
    if (options->mlflow) return export_to_mlflow(options, err);
    return options->tensorboard ? export_event_files(options, err) : export_table(options, err);
}

int ft_command_export(int argc, const char *const *argv)
{
    export_options options = {.selection = FT_SELECTION_DEFAULT};
    const ft_option table[] = {
        FT_OPT_TEXT("csv", &options.csv, "FILE",
                    "write a table for spreadsheets; a file that is there is replaced"),
        FT_OPT_TEXT("jsonl", &options.jsonl, "FILE", "write a JSON object a line instead"),
        FT_OPT_TEXT("out", &options.out, "FILE", "write what the name ends in: .csv or .jsonl"),
        FT_OPT_TEXT("tensorboard", &options.tensorboard, "DIR",
                    "write an event file for each experiment, for tensorboard --logdir DIR"),
        FT_OPT_TEXT("mlflow", &options.mlflow, "URI",
                    "send to this MLflow server, http://HOST:5000, what it does not have yet"),
        FT_OPTION_COLUMNS(options.columns),
        FT_OPTIONS_SELECTION(options.selection),
        {.name = NULL},
    };
    const ft_command_line line = {
        .command = "ftgpu export",
        .summary =
            "Writes the comparison of experiments into a file, or gives them to TensorBoard or MLflow.",
        .usage = "--csv FILE|--jsonl FILE|--out FILE|--tensorboard DIR|--mlflow URI [ID...]",
        .example = "ftgpu export --csv experiments.csv\nftgpu export --jsonl lr.jsonl --match 'lr_search_*' "
                   "--columns 'hp_*,val_*,test_*,seconds'",
        .notes =
            "Columns: experiment_id, timestamp, hp_<hyperparameter>, test_<metric>, and error where one\n"
            "failed, or those of --columns. What is undefined is empty, in JSON null; numbers read back "
            "exactly.\n"
            "In CSV, a text that a spreadsheet would compute (it begins with =, +, - or @) gets a ' before "
            "it;\n"
            "compare --format csv prints it as it is.\n",
        .options = table,
    };
    return ft_selection_command(&line, &options.selection, export, &options, argc, argv);
}
