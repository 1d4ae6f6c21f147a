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

int ft_command_forecast(int argc, const char *const *argv)
{
    ft_forecast_job job = {.top_k = -1};
    ft_engine_settings settings = {.progress = tell, .fetching = ft_hub_bar_fetching};
    const char *quantiles_text = NULL;
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
         .help =
             "the Chronos-T5 model: a directory, or ORG/NAME on the Hugging Face Hub (default: the one that "
             "the experiment was tuned on, else ftgpu-nano, which is built in)"},
        {.name = "adapter",
         .kind = FT_OPTION_TEXT,
         .value = &job.adapter,
         .argument = "DIR",
         .help = "a PEFT adapter for it"},
        {.name = "experiment",
         .kind = FT_OPTION_TEXT,
         .value = &job.experiment,
         .argument = "ID|best",
         .help = "the adapter of a recorded experiment, or of the best one"},
        FT_OPTIONS_BEST_BY(job.metric, "what best means (default mae)", job.split,
                           "on which split: val or test (default val: test is held back)"),
        {.name = "match",
         .kind = FT_OPTION_TEXT,
         .value = &job.match,
         .argument = "PATTERN",
         .help = "the best of the experiments whose id matches this glob (lr_search_*)"},
        {.name = "context-length",
         .kind = FT_OPTION_INTEGER,
         .value = &job.context_length,
         .argument = "N",
         .help = "rows that the model looks back (default: as the experiment was tuned, else the model's "
                 "context_length)",
         .least = 1,
         .most = 65536},
        {.name = "freq",
         .kind = FT_OPTION_TEXT,
         .value = &job.freq,
         .argument = "NAME",
         .help = "frequency of the forecast dates, as pandas names it: h, 15min, D, B, W-FRI, MS, ME, BME, "
                 "QE-NOV, "
                 "YS (default: what most dates of a series agree on)"},
        FT_OPTIONS_READING(job.csv),
        {.name = "horizon",
         .kind = FT_OPTION_INTEGER,
         .value = &job.horizon,
         .argument = "N",
         .help = "rows to forecast (default: the experiment's prediction_length, else the model's)",
         .least = 1,
         .most = 100000},
        {.name = "quantiles",
         .kind = FT_OPTION_TEXT,
         .value = &quantiles_text,
         .argument = "Q1,Q2,...",
         .help = "columns to write (default 0.1,0.2,...,0.9); 0.5 is always among them"},
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
         .help = "CSV to write (default: stdout), not one of the inputs"},
        FT_OPTION_RESULTS(settings.results),
        FT_OPTIONS_ENGINE(settings),
        {0},
    };
    ft_command_line line = {
        .command = "ftgpu forecast",
        .summary = "Forecasts each series of a file beyond its end, with sampled paths, and writes their "
                   "mean and quantiles as CSV.",
        .usage = "[--model DIR] [--adapter DIR] --data FILE --target COLUMN [options]",
        .example = "ftgpu forecast --experiment best --match 'lr_search_*' --data demo/data.csv --target "
                   "Close --horizon 24\n",
        .notes =
            "Columns: item_id, timestamp, target_name, predictions (the mean of the sampled paths) and the\n"
            "quantiles. mae, rmse, mase and smape, which experiments are compared by, measure the median:\n"
            "the column 0.5. An experiment is forecast with the context_length and prediction_length that "
            "it\n"
            "was tuned with, from where its results are now, on the model that it was tuned on.\n",
        .options = options};
    int exit_status;
    ft_error err = {""};
    ft_engine *engine = NULL;
    char *text = NULL;
    if (!ft_command_parse(&line, argc, argv, &exit_status)) return exit_status;
    ft_status status = FT_OK;
    if (quantiles_text) status = parse_quantiles(quantiles_text, quantiles, &job.n_quantiles, &err);
    job.quantiles = quantiles;
    job.seed = (uint32_t)seed;
    if (status == FT_OK) status = ft_engine_open(&settings, &engine, &err);
    if (status == FT_OK) status = ft_forecast_csv(engine, &job, &text, &err);
    ft_hub_bar_end();
    if (status == FT_OK && text) {
        ft_text out = {.data = text, .length = strlen(text)};
        status = ft_print_text(&out, &err);
    }
    free(text);
    ft_engine_close(engine);
    return ft_command_finish(status, &err);
}
