/* `ftgpu bench`: training steps, forecasts and matrix products on a fresh model. */
#include <string.h>

#include "host/bench.h"
#include "host/program/command.h"

/* An object of figures as a table of two columns, a list of objects as one row each. */
static ft_status print_figures(const cJSON *figures, ft_table_format format, ft_error *err)
{
    if (format == FT_TABLE_JSON) return ft_print_json(figures, err);
    ft_table table = FT_TABLE_EMPTY;
    const cJSON *row = cJSON_IsArray(figures) ? figures->child : figures;
    for (; row; row = cJSON_IsArray(figures) ? row->next : NULL) {
        ft_table_add_row(&table);
        for (const cJSON *cell = row->child; cell; cell = cell->next) {
            if (cJSON_IsObject(cell)) continue; /* the count by parts: JSON has it */
            size_t column = ft_table_column(&table, cell->string);
            if (cJSON_IsString(cell))
                ft_table_set_text(&table, column, cell->valuestring);
            else
                ft_table_set_number(&table, column, cell->valuedouble);
        }
    }
    ft_status status = ft_print_table(&table, format, err);
    ft_table_free(&table);
    return status;
}

int ft_command_bench(int argc, const char *const *argv)
{
    ft_bench_job job = ft_bench_default;
    ft_engine_settings settings = {0};
    const char *format = "table";
    ft_option_list what = {0};
    const char *const sizes[] = {"nano", "tiny", "mini", "small", "base", "large", NULL};
    const ft_option options[] = {
        {.name = "size",
         .kind = FT_OPTION_CHOICE,
         .value = &job.size,
         .argument = "SIZE",
         .help = "of the fresh model (default small)",
         .choices = sizes},
        {.name = "steps",
         .kind = FT_OPTION_INTEGER,
         .value = &job.steps,
         .argument = "N",
         .help = "timed repetitions, the median counts (default 3)",
         .least = 1,
         .most = 10000},
        {.name = "batch-size",
         .kind = FT_OPTION_INTEGER,
         .value = &job.batch_size,
         .argument = "N",
         .help = "windows a training step (default 8)",
         .least = 1,
         .most = 4096},
        {.name = "context-length",
         .kind = FT_OPTION_INTEGER,
         .value = &job.context_length,
         .argument = "N",
         .help = "rows of context (default 512)",
         .least = 1,
         .most = 65536},
        {.name = "prediction-length",
         .kind = FT_OPTION_INTEGER,
         .value = &job.prediction_length,
         .argument = "N",
         .help = "rows to forecast (default 64)",
         .least = 1,
         .most = 65536},
        {.name = "lora-rank",
         .kind = FT_OPTION_INTEGER,
         .value = &job.lora_rank,
         .argument = "N",
         .help = "of the adapter in training, on q+v (default 8)",
         .least = 1,
         .most = 256},
        {.name = "series",
         .kind = FT_OPTION_INTEGER,
         .value = &job.n_series,
         .argument = "N",
         .help = "series to forecast (default 32)",
         .least = 1,
         .most = 65536},
        {.name = "num-samples",
         .kind = FT_OPTION_INTEGER,
         .value = &job.num_samples,
         .argument = "N",
         .help = "paths a series (default 20)",
         .least = 1,
         .most = 65536},
        FT_OPTION_FORMAT(format),
        FT_OPTIONS_ENGINE(settings),
        {0},
    };
    ft_command_line line = {.command = "ftgpu bench",
                            .summary = "Times a training step, a forecast or the matrix products in them, "
                                       "against the matrix rate of the same run.",
                            .usage = "train|forecast|gemm [options]",
                            .example = "ftgpu bench train --size small --format json\n",
                            .options = options,
                            .positional = "WHAT",
                            .arguments = &what,
                            .least_arguments = 1,
                            .most_arguments = 1};
    int exit_status;
    ft_error err = {""};
    ft_engine *engine = NULL;
    cJSON *figures = NULL;
    ft_table_format how = FT_TABLE_PEOPLE;
    if (!ft_command_parse(&line, argc, argv, &exit_status)) {
        ft_option_list_free(&what);
        return exit_status;
    }
    ft_status (*bench)(ft_engine *, const ft_bench_job *, cJSON **, ft_error *) = NULL;
    if (strcmp(what.items[0], "train") == 0) bench = ft_bench_train;
    if (strcmp(what.items[0], "forecast") == 0) bench = ft_bench_forecast;
    if (strcmp(what.items[0], "gemm") == 0) bench = ft_bench_gemm;
    ft_status status = ft_table_format_parse(format, &how, &err);
    if (status == FT_OK && !bench)
        status = ft_fail(&err, FT_BAD_INPUT, "bench %s: not one of train, forecast, gemm", what.items[0]);
    if (status == FT_OK) status = ft_engine_open(&settings, &engine, &err);
    if (status == FT_OK) status = ft_engine_attach(engine, &err);
    if (status == FT_OK) status = bench(engine, &job, &figures, &err);
    if (status == FT_OK) status = print_figures(figures, how, &err);
    cJSON_Delete(figures);
    ft_engine_close(engine);
    ft_option_list_free(&what);
    return ft_command_finish(status, &err);
}
