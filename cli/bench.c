/* `ftgpu bench`: training steps, forecasts, matrix products and single operations on a
 * fresh model. */
#include <math.h>
#include <string.h>

#include "cli/bench_figures.h"
#include "cli/command.h"
#include "host/experiment/engine.h"

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

/* What was measured: an object, or a list. */
typedef struct measured {
    cJSON *figures; /* NULL where memory ran out */
    int64_t failures;
} measured;

static void keep(measured *m, bool added, const ft_error *failure)
{
    m->failures += failure->message[0] != '\0';
    if (added) return;
    cJSON_Delete(m->figures);
    m->figures = NULL;
}

static void add_op(void *context, const ft_bench_op *op, const ft_bench_limits *limits)
{
    measured *m = context;
    keep(m, m->figures && ft_bench_add_op(m->figures, op, limits), &op->failure);
}

static void add_product(void *context, const ft_bench_product *product)
{
    measured *m = context;
    keep(m, m->figures && ft_bench_add_product(m->figures, product), &product->failure);
}

static ft_status reopen(void *context, ft_backend **backend, ft_error *err)
{
    ft_engine *engine = context;
    if (engine->backend) engine->backend->free(engine->backend);
    engine->backend = NULL;
    ft_status status = ft_engine_attach(engine, err);
    *backend = engine->backend;
    return status;
}

/* A CPU's peak rate is that of the faster dtype. */
static ft_status measure_other_type(const ft_backend *backend, const ft_bench_job *job, double *peak,
                                    ft_error *err)
{
    double rate = 0;
    ft_backend *other = NULL;
    ft_status status = ft_cpu_create(backend->bf16 ? FT_F32 : FT_BF16, backend->n_threads, &other, err);
    if (status == FT_OK) status = ft_bench_matrix_peak(other, job, &rate, err);
    if (other) other->free(other);
    *peak = fmax(*peak, rate);
    return status;
}

static ft_status measure_job(ft_backend *backend, const wish *w, cJSON **figures, ft_error *err)
{
    ft_bench_figures job;
    ft_weights *weights = NULL;
    bool trains = strcmp(w->what, "train") == 0;
    ft_status status = ft_bench_weights(w->job.size, &weights, err);
    if (status == FT_OK)
        status = (trains ? ft_bench_train : ft_bench_forecast)(backend, weights, &w->job, &job, err);
    if (status == FT_OK && strcmp(backend->name, "cpu") == 0 && ft_cpu_has_bf16())
        status = measure_other_type(backend, &w->job, &job.matrix_peak, err);
    if (status == FT_OK) *figures = ft_bench_job_json(backend, &w->job, trains, &job);
    ft_weights_free(weights);
    return status;
}

/* Where the device is lost, m holds what was measured until then. */
static ft_status measure(ft_engine *engine, const wish *w, measured *m, ft_error *err)
{
    ft_bench_device device = {engine->backend, reopen, engine};
    ft_status status = FT_OK;
    if (strcmp(w->what, "ops") == 0) {
        m->figures = cJSON_CreateArray();
        status = ft_bench_ops(&device, &w->job, w->operation, 0, add_op, m, err);
    } else if (strcmp(w->what, "gemm") == 0) {
        m->figures = cJSON_CreateArray();
        status = ft_bench_gemm(&device, &w->job, add_product, m, err);
    } else {
        status = measure_job(engine->backend, w, &m->figures, err);
    }
    if (status == FT_OK && !m->figures) status = ft_no_memory(err, "the figures", 1024);
    return status;
}

static const char *const sizes[] = {"nano", "tiny", "mini", "small", "base", "large", NULL};
static const char *const words[] = {"train", "forecast", "gemm", "ops", NULL};

static ft_status check(wish *w, ft_error *err)
{
    bool known = false, ops = strcmp(w->what, "ops") == 0;
    for (int i = 0; words[i]; i++) known = known || strcmp(w->what, words[i]) == 0;
    if (!known) return ft_fail(err, FT_BAD_INPUT, "bench %s: not one of train, forecast, gemm, ops", w->what);
    if (w->operation && !ops)
        return ft_fail(err, FT_BAD_INPUT, "bench %s: --op belongs to bench ops", w->what);
    if (!w->job.size && !ops) w->job.size = ft_bench_default.size;
    return FT_OK;
}

/* Measures, and prints what was measured even if a device was lost meanwhile. */
static int run(const ft_engine_settings *settings, wish *w, const char *format)
{
    ft_error err = {""};
    ft_engine *engine = NULL;
    measured m = {NULL, 0};
    ft_table_format how = FT_TABLE_TEXT;
    ft_status status = ft_table_format_parse(format, &how, &err);
    if (status == FT_OK) status = check(w, &err);
    if (status == FT_OK) status = ft_engine_open(settings, &engine, &err);
    if (status == FT_OK) status = ft_engine_attach(engine, &err);
    if (status == FT_OK) status = measure(engine, w, &m, &err);
    if (m.figures && m.figures->child) {
        ft_error failure = {""};
        ft_status printed = print_figures(m.figures, how, &failure);
        if (status == FT_OK && printed != FT_OK) {
            status = printed;
            err = failure;
        }
    }
    cJSON_Delete(m.figures);
    ft_engine_close(engine);
    int exit_status = ft_command_finish(status, &err);
    return exit_status == FT_EXIT_DONE && m.failures > 0 ? FT_EXIT_SOME_FAILED : exit_status;
}

int ft_command_bench(int argc, const char *const *argv)
{
    wish w = {.job = ft_bench_default};
    ft_engine_settings settings = {0};
    const char *format = "table";
    ft_option_list what = {0};
    w.job.size = NULL;
    const ft_option options[] = {
        FT_OPT_TEXT("op", &w.operation, "NAME",
                    "ops: only operations with NAME in their name, as attention (default: all)"),
        FT_OPT_CHOICE("size", &w.job.size, "SIZE", sizes,
                      "size of the model (default small; ops: all sizes)"),
        FT_OPT_INTEGER("steps", &w.job.steps, "N", 1, 10000,
                       "timed repetitions, of which the median counts (default 3)"),
        FT_OPT_INTEGER("batch-size", &w.job.batch_size, "N", 1, 4096,
                       "windows in a training step (default 8)"),
        FT_OPT_INTEGER("context-length", &w.job.context_length, "N", 1, 65536,
                       "rows of context (default 512)"),
        FT_OPT_INTEGER("prediction-length", &w.job.prediction_length, "N", 1, 65536,
                       "rows to forecast (default 64)"),
        FT_OPT_INTEGER("lora-rank", &w.job.lora_rank, "N", 1, 256,
                       "rank of the adapter that is trained, on q+v (default 8)"),
        FT_OPT_INTEGER("series", &w.job.n_series, "N", 1, 65536, "series to forecast (default 32)"),
        FT_OPT_INTEGER("num-samples", &w.job.num_samples, "N", 1, 65536,
                       "sample paths for each series (default 20)"),
        FT_OPTION_FORMAT(format),
        FT_OPTIONS_ENGINE(settings),
        {0},
    };
    ft_command_line line = {.command = "ftgpu bench",
                            .summary = "Times training, forecasts, matrix products or single operations, "
                                       "beside what the device can do.",
                            .usage = "train|forecast|gemm|ops [options]",
                            .example = "ftgpu bench train --size small --format json\n"
                                       "ftgpu bench ops --op attention --size small\n",
                            .notes = "fraction_of_peak: gflops over matrix_peak_gflops, the device's matrix "
                                     "rate in this run.\n"
                                     "host_share (train): the share of a step in which the device waits for "
                                     "the host.\n"
                                     "fraction_of_floor (ops): 1 is as fast as the device's matrix rate or "
                                     "memory allow.\n",
                            .options = options,
                            .positional = "WHAT",
                            .positional_choices = words,
                            .arguments = &what,
                            .least_arguments = 1,
                            .most_arguments = 1};
    int exit_status;
    if (ft_command_parse(&line, argc, argv, &exit_status)) {
        w.what = what.items[0];
        exit_status = run(&settings, &w, format);
    }
    ft_option_list_free(&what);
    return exit_status;
}
