/* `ftgpu bench`: training steps, forecasts, matrix products and single operations on a fresh model. */
#include <string.h>

#include "host/engine.h"
#include "host/program/bench_figures.h"
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

/* What to measure, as the words of the command and its options say. */
typedef struct wish {
    const char *what;
    ft_bench_job job;
    const char *operation; /* part of a name, or NULL */
} wish;

typedef struct op_list {
    cJSON *list;
    ft_bench_limits limits;
    bool complete;
} op_list;

static void add_op(void *context, const ft_bench_op *op)
{
    op_list *ops = context;
    ops->complete = ops->complete && ft_bench_add_op(ops->list, op, &ops->limits);
}

static ft_status measure_ops(ft_backend *backend, const wish *w, cJSON **figures, ft_error *err)
{
    op_list ops = {0};
    ft_status status = ft_bench_measure_limits(backend, &ops.limits, err);
    if (status == FT_OK) ops.list = ft_bench_limits_json(&ops.limits);
    ops.complete = ops.list != NULL;
    if (status == FT_OK) status = ft_bench_ops(backend, &w->job, w->operation, add_op, &ops, err);
    if (status == FT_OK && ops.complete) {
        *figures = ops.list;
        return FT_OK;
    }
    cJSON_Delete(ops.list);
    return status;
}

/* *figures stays NULL where memory ran out. */
static ft_status measure(ft_backend *backend, const wish *w, cJSON **figures, ft_error *err)
{
    ft_bench_figures measured;
    ft_bench_product products[FT_BENCH_PRODUCTS];
    ft_status status = FT_OK;
    if (strcmp(w->what, "ops") == 0) {
        status = measure_ops(backend, w, figures, err);
    } else if (strcmp(w->what, "gemm") == 0) {
        status = ft_bench_gemm(backend, &w->job, products, err);
        if (status == FT_OK) *figures = ft_bench_products_json(products, FT_BENCH_PRODUCTS);
    } else {
        bool trains = strcmp(w->what, "train") == 0;
        status = (trains ? ft_bench_train : ft_bench_forecast)(backend, &w->job, &measured, err);
        if (status == FT_OK) *figures = ft_bench_job_json(backend, &w->job, &measured);
    }
    if (status == FT_OK && !*figures) status = ft_no_memory(err, "the figures", 1024);
    return status;
}

int ft_command_bench(int argc, const char *const *argv)
{
    wish w = {.job = ft_bench_default};
    ft_engine_settings settings = {0};
    const char *format = "table";
    ft_option_list what = {0};
    const char *const sizes[] = {"nano", "tiny", "mini", "small", "base", "large", NULL};
    const char *const words[] = {"train", "forecast", "gemm", "ops", NULL};
    w.job.size = NULL;
    const ft_option options[] = {
        {.name = "op",
         .kind = FT_OPTION_TEXT,
         .value = &w.operation,
         .argument = "NAME",
         .help = "ops: only operations with NAME in their name, as attention (default: all)"},
        {.name = "size",
         .kind = FT_OPTION_CHOICE,
         .value = &w.job.size,
         .argument = "SIZE",
         .help = "of the fresh model (default small; ops: all sizes)",
         .choices = sizes},
        {.name = "steps",
         .kind = FT_OPTION_INTEGER,
         .value = &w.job.steps,
         .argument = "N",
         .help = "timed repetitions, the median counts (default 3)",
         .least = 1,
         .most = 10000},
        {.name = "batch-size",
         .kind = FT_OPTION_INTEGER,
         .value = &w.job.batch_size,
         .argument = "N",
         .help = "windows a training step (default 8)",
         .least = 1,
         .most = 4096},
        {.name = "context-length",
         .kind = FT_OPTION_INTEGER,
         .value = &w.job.context_length,
         .argument = "N",
         .help = "rows of context (default 512)",
         .least = 1,
         .most = 65536},
        {.name = "prediction-length",
         .kind = FT_OPTION_INTEGER,
         .value = &w.job.prediction_length,
         .argument = "N",
         .help = "rows to forecast (default 64)",
         .least = 1,
         .most = 65536},
        {.name = "lora-rank",
         .kind = FT_OPTION_INTEGER,
         .value = &w.job.lora_rank,
         .argument = "N",
         .help = "of the adapter in training, on q+v (default 8)",
         .least = 1,
         .most = 256},
        {.name = "series",
         .kind = FT_OPTION_INTEGER,
         .value = &w.job.n_series,
         .argument = "N",
         .help = "series to forecast (default 32)",
         .least = 1,
         .most = 65536},
        {.name = "num-samples",
         .kind = FT_OPTION_INTEGER,
         .value = &w.job.num_samples,
         .argument = "N",
         .help = "paths a series (default 20)",
         .least = 1,
         .most = 65536},
        FT_OPTION_FORMAT(format),
        FT_OPTIONS_ENGINE(settings),
        {0},
    };
    ft_command_line line = {.command = "ftgpu bench",
                            .summary =
                                "Times a training step, a forecast, the matrix products in them or each "
                                "operation by itself, against what the device reaches in the same run.",
                            .usage = "train|forecast|gemm|ops [options]",
                            .example = "ftgpu bench train --size small --format json\n"
                                       "ftgpu bench ops --op attention --size small\n",
                            .options = options,
                            .positional = "WHAT",
                            .positional_choices = words,
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
    w.what = what.items[0];
    bool known = false, ops = strcmp(w.what, "ops") == 0;
    for (int i = 0; words[i]; i++) known = known || strcmp(w.what, words[i]) == 0;
    if (!w.job.size && !ops) w.job.size = ft_bench_default.size;
    ft_status status = ft_table_format_parse(format, &how, &err);
    if (status == FT_OK && !known)
        status = ft_fail(&err, FT_BAD_INPUT, "bench %s: not one of train, forecast, gemm, ops", w.what);
    if (status == FT_OK && w.operation && !ops)
        status = ft_fail(&err, FT_BAD_INPUT, "bench %s: --op belongs to bench ops", w.what);
    if (status == FT_OK) status = ft_engine_open(&settings, &engine, &err);
    if (status == FT_OK) status = ft_engine_attach(engine, &err);
    if (status == FT_OK) status = measure(engine->backend, &w, &figures, &err);
    if (status == FT_OK) status = print_figures(figures, how, &err);
    cJSON_Delete(figures);
    ft_engine_close(engine);
    ft_option_list_free(&what);
    return ft_command_finish(status, &err);
}
