/* `ftgpu forecast`: beyond the end of each series. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/data_options.h"
#include "cli/hub_bar.h"
#include "cli/selection_options.h"
#include "host/ftgpu.h"

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

/* What is worth a word. */
static void tell(void *context, const char *line)
{
    (void)context;
    ft_hub_bar_end();
    fprintf(stderr, "ftgpu: %s\n", line);
}

/* Opens the engine, forecasts, and prints what does not go to --out. */
static ft_status forecast(const ft_engine_settings *settings, ft_forecast_job *job,
                          const char *quantiles_text, ft_error *err)
{
    double quantiles[MAX_QUANTILES];
    ft_engine *engine = NULL;
    char *text = NULL;
    ft_status status = FT_OK;
    if (quantiles_text) status = parse_quantiles(quantiles_text, quantiles, &job->n_quantiles, err);
    job->quantiles = quantiles;
    if (status == FT_OK) status = ft_engine_open(settings, &engine, err);
    if (status == FT_OK) status = ft_forecast_csv(engine, job, &text, err);
    ft_hub_bar_end();
    if (status == FT_OK && text) {
        ft_text out = {.data = text, .length = strlen(text)};
        status = ft_print_text(&out, err);
    }
    free(text);
    ft_engine_close(engine);
    return status;
}

static const char notes[] =
    "Columns: item_id, timestamp, target_name, predictions (the mean of the sampled paths) and the\n"
    "quantiles. mae, rmse, mase and smape, which experiments are compared by, measure the median:\n"
    "the column 0.5. An experiment is forecast with the context_length and prediction_length that "
    "it\n"
    "was tuned with, from where its results are now, on the model that it was tuned on.\n";

/* How paths are sampled. */
#define OPTIONS_SAMPLING(job, seed_)                                                                         \
    FT_OPT_INTEGER("num-samples", &(job).num_samples, "N", 1, 100000,                                        \
                   "sampled paths a series (default: the model's num_samples)"),                             \
        FT_OPT_REAL("temperature", &(job).temperature, "T", 1e-6, 1e6,                                       \
                    "of the sampling (default: the model's)"),                                               \
        FT_OPT_INTEGER("top-k", &(job).top_k, "K", 0, 1e9,                                                   \
                       "draw from the K most likely tokens, 0: from all (default: the model's)"),            \
        FT_OPT_REAL("top-p", &(job).top_p, "P", 1e-6, 1,                                                     \
                    "draw from the most likely tokens that sum to P, 1: all (default: the model's)"),        \
        FT_OPT_INTEGER("seed", &(seed_), "N", 0, 4294967295.0, "of the sampling (default 0)")

int ft_command_forecast(int argc, const char *const *argv)
{
    ft_forecast_job job = {.top_k = -1};
    ft_engine_settings settings = {.progress = tell, .fetching = ft_hub_bar_fetching};
    const char *quantiles_text = NULL;
    int64_t seed = 0;
    const ft_option options[] = {
        FT_OPT_TEXT("data", &job.data, "FILE", "CSV with the history of each series; - is stdin",
                    .required = true),
        FT_OPT_TEXT("target", &job.target, "COLUMN", "the column to forecast", .required = true),
        FT_OPT_TEXT(
            "model", &job.model, "DIR",
            "the Chronos-T5 model: a directory, or ORG/NAME on the Hugging Face Hub (default: the one that "
            "the experiment was tuned on, else ftgpu-nano, which is built in)"),
        FT_OPT_TEXT("adapter", &job.adapter, "DIR", "a PEFT adapter for it"),
        FT_OPT_TEXT("experiment", &job.experiment, "ID|best",
                    "the adapter of a recorded experiment, or of the best one"),
        FT_OPTIONS_BEST_BY(job.metric, "what best means (default mae)", job.split,
                           "on which split: val or test (default val: test is held back)"),
        FT_OPT_TEXT("match", &job.match, "PATTERN",
                    "the best of the experiments whose id matches this glob (lr_search_*)"),
        FT_OPT_INTEGER(
            "context-length", &job.context_length, "N", 1, 65536,
            "rows that the model looks back (default: as the experiment was tuned, else the model's "
            "context_length)"),
        FT_OPT_TEXT(
            "freq", &job.freq, "NAME",
            "frequency of the forecast dates, as pandas names it: h, 15min, D, B, W-FRI, MS, ME, BME, "
            "QE-NOV, YS (default: what most dates of a series agree on)"),
        FT_OPTIONS_READING(job.csv),
        FT_OPT_INTEGER("horizon", &job.horizon, "N", 1, 100000,
                       "rows to forecast (default: the experiment's prediction_length, else the model's)"),
        FT_OPT_TEXT("quantiles", &quantiles_text, "Q1,Q2,...",
                    "columns to write (default 0.1,0.2,...,0.9); 0.5 is always among them"),
        OPTIONS_SAMPLING(job, seed),
        FT_OPT_TEXT("out", &job.out, "FILE", "CSV to write (default: stdout), not one of the inputs"),
        FT_OPTION_RESULTS(settings.results),
        FT_OPTIONS_ENGINE(settings),
        {0},
    };
    ft_command_line line = {
        .command = "ftgpu forecast",
        .summary = "Forecasts each series of a file beyond its end by sampled paths: their mean and "
                   "quantiles as CSV.",
        .usage = "[--experiment ID|best] [--model DIR] --data FILE --target COLUMN [options]",
        .example =
            "ftgpu forecast --data demo/data.csv --target Close --out forecast.csv\n"
            "ftgpu forecast --experiment best --match 'lr_search_*' --data demo/data.csv --target Close\n",
        .notes = notes,
        .options = options};
    int exit_status;
    ft_error err = {""};
    if (!ft_command_parse(&line, argc, argv, &exit_status)) return exit_status;
    job.seed = (uint32_t)seed;
    return ft_command_finish(forecast(&settings, &job, quantiles_text, &err), &err);
}
