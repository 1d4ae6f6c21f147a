/* `ftgpu forecast`: beyond the end of each series. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/ftgpu.h"
#include "host/program/command.h"
#include "host/program/data_options.h"

enum { MAX_QUANTILES = 99 };

/* "0.1,0.5,0.9" */
static ft_status parse_quantiles(const char *text, double quantiles[MAX_QUANTILES], size_t *count,
                                 ft_error *err)
{
    *count = 0;
    for (const char *at = text;; at++) {
        const char *end = at + strcspn(at, ",");
        if (*count == MAX_QUANTILES)
            return ft_fail(err, FT_BAD_INPUT, "--quantiles: more than %d", MAX_QUANTILES);
        double *q = &quantiles[(*count)++];
        if (!ft_parse_double(at, (size_t)(end - at), q) || !(*q > 0 && *q < 1))
            return ft_fail(err, FT_BAD_INPUT, "--quantiles: \"%.*s\" is not a number between 0 and 1",
                           (int)(end - at), at);
        if (!*end) return FT_OK;
        at = end;
    }
}

/* Model and adapter of a recorded experiment: what it wrote, on the model that it was tuned from. */
static ft_status of_experiment(const char *results, const char *id, const char *metric_name,
                               ft_experiments *experiments, ft_forecast_job *job, ft_error *err)
{
    const ft_experiment *found;
    ft_metric metric;
    ft_status status = ft_metric_parse(metric_name, &metric, err);
    if (status == FT_OK) status = ft_command_load(results, FT_WHOLE, experiments, err);
    if (status == FT_OK)
        status = strcmp(id, "best") == 0 ? ft_experiments_best(experiments, metric, FT_TEST, &found, err)
                                         : ft_experiments_find(experiments, id, &found, err);
    if (status != FT_OK) return status;
    if (found->error && found->model_path && *found->model_path)
        ft_command_warn("experiment %s: %s", found->experiment_id, found->error);
    else if (found->error)
        return ft_fail(err, FT_BAD_INPUT, "experiment %s failed: %s", found->experiment_id, found->error);
    if (!found->model_path || !*found->model_path)
        return ft_fail(err, FT_BAD_INPUT, "experiment %s has no model_path", found->experiment_id);
    const cJSON *type = cJSON_GetObjectItemCaseSensitive(found->hyperparams, "adapter_type");
    const cJSON *base = cJSON_GetObjectItemCaseSensitive(found->run, "model");
    if (cJSON_IsString(type) && strcmp(type->valuestring, "full") == 0) {
        job->model = found->model_path; /* a whole model */
        return FT_OK;
    }
    if (!job->model && cJSON_IsString(base)) job->model = base->valuestring;
    job->adapter = found->model_path;
    return FT_OK;
}

static void print_note(void *context, const char *line)
{
    (void)context;
    fprintf(stderr, "ftgpu: %s\n", line);
}

int ft_command_forecast(int argc, const char *const *argv)
{
    ft_forecast_job job = {.top_k = -1};
    ft_engine_settings settings = {.progress = print_note};
    const char *experiment = NULL, *quantiles_text = NULL, *results = FT_DEFAULT_RESULTS, *metric = "mae";
    int64_t seed = 0;
    double quantiles[MAX_QUANTILES];
    const ft_option options[] = {
        {.name = "data",
         .kind = FT_OPTION_TEXT,
         .value = &job.data,
         .argument = "FILE",
         .help = "CSV with the history of each series; - is stdin",
         .required = true},
        {.name = "target",
         .kind = FT_OPTION_TEXT,
         .value = &job.target,
         .argument = "COLUMN",
         .help = "the column to forecast",
         .required = true},
        {.name = "model",
         .kind = FT_OPTION_TEXT,
         .value = &job.model,
         .argument = "DIR",
         .help = "the Chronos-T5 model (default: the experiment's)"},
        {.name = "adapter",
         .kind = FT_OPTION_TEXT,
         .value = &job.adapter,
         .argument = "DIR",
         .help = "a PEFT adapter for it"},
        {.name = "experiment",
         .kind = FT_OPTION_TEXT,
         .value = &experiment,
         .argument = "ID|best",
         .help = "the adapter of a recorded experiment, or of the best one"},
        {.name = "metric",
         .kind = FT_OPTION_TEXT,
         .value = &metric,
         .argument = "METRIC",
         .help = "what best means, on the test split (default mae)"},
        FT_OPTIONS_READING(job.csv),
        {.name = "horizon",
         .kind = FT_OPTION_INTEGER,
         .value = &job.horizon,
         .argument = "N",
         .help = "rows to forecast (default: the model's prediction_length)",
         .least = 1,
         .most = 100000},
        {.name = "quantiles",
         .kind = FT_OPTION_TEXT,
         .value = &quantiles_text,
         .argument = "Q1,Q2,...",
         .help = "columns to write (default 0.1,0.2,...,0.9)"},
        {.name = "num-samples",
         .kind = FT_OPTION_INTEGER,
         .value = &job.num_samples,
         .argument = "N",
         .help = "sampled paths a series (default: the model's num_samples)",
         .least = 1,
         .most = 100000},
        {.name = "temperature",
         .kind = FT_OPTION_REAL,
         .value = &job.temperature,
         .argument = "T",
         .help = "of the sampling (default: the model's)",
         .least = 1e-6,
         .most = 1e6},
        {.name = "top-k",
         .kind = FT_OPTION_INTEGER,
         .value = &job.top_k,
         .argument = "K",
         .help = "draw from the K most likely tokens, 0: from all (default: the model's)",
         .least = 0,
         .most = 1e9},
        {.name = "top-p",
         .kind = FT_OPTION_REAL,
         .value = &job.top_p,
         .argument = "P",
         .help = "draw from the most likely tokens that sum to P, 1: all (default: the model's)",
         .least = 1e-6,
         .most = 1},
        {.name = "seed",
         .kind = FT_OPTION_INTEGER,
         .value = &seed,
         .argument = "N",
         .help = "of the sampling (default 0)",
         .least = 0,
         .most = 4294967295.0},
        {.name = "out",
         .kind = FT_OPTION_TEXT,
         .value = &job.out,
         .argument = "FILE",
         .help = "CSV to write (default: stdout)"},
        FT_OPTION_RESULTS(results),
        FT_OPTIONS_ENGINE(settings),
        {0},
    };
    ft_command_line line = {
        .command = "ftgpu forecast",
        .summary = "Forecasts each series of a file beyond its end, with sampled paths, and writes their "
                   "mean and quantiles as CSV.",
        .usage = "--model DIR [--adapter DIR] --data FILE --target COLUMN [options]",
        .example = "ftgpu forecast --experiment best --data demo/data.csv --target Close --horizon 24\n",
        .options = options};
    int exit_status;
    ft_error err = {""};
    ft_engine *engine = NULL;
    ft_experiments experiments = {0};
    char *text = NULL;
    if (!ft_command_parse(&line, argc, argv, &exit_status)) return exit_status;
    ft_status status = FT_OK;
    if (experiment && job.adapter)
        status = ft_fail(&err, FT_BAD_INPUT, "--experiment and --adapter: give one of them");
    if (status == FT_OK && quantiles_text)
        status = parse_quantiles(quantiles_text, quantiles, &job.n_quantiles, &err);
    if (status == FT_OK && experiment)
        status = of_experiment(results, experiment, metric, &experiments, &job, &err);
    job.quantiles = quantiles;
    job.seed = (uint32_t)seed;
    if (status == FT_OK) status = ft_engine_open(&settings, &engine, &err);
    if (status == FT_OK) status = ft_forecast_csv(engine, &job, &text, &err);
    if (status == FT_OK && text) {
        ft_text out = {.data = text, .length = strlen(text)};
        status = ft_print_text(&out, &err);
    }
    free(text);
    ft_engine_close(engine);
    ft_experiments_free(&experiments);
    return ft_command_finish(status, &err);
}
