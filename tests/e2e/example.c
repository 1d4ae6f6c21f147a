/* The library by its public header alone: a baseline experiment, and a forecast with
 * what it learned.
 *
 * usage: example MODEL DATA_DIR RESULTS_DIR, where DATA_DIR holds train.csv, val.csv and
 * test.csv as `ftgpu data demo` writes them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ftgpu/ftgpu.h>

static void show_line(void *context, const char *line)
{
    (void)context;
    fprintf(stderr, "%s\n", line);
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: example MODEL DATA_DIR RESULTS_DIR\n");
        return 2;
    }
    char train[1024], val[1024], test[1024], adapter[5120];
    snprintf(train, sizeof train, "%s/train.csv", argv[2]);
    snprintf(val, sizeof val, "%s/val.csv", argv[2]);
    snprintf(test, sizeof test, "%s/test.csv", argv[2]);

    ft_error err = {""};
    ft_engine *engine = NULL;
    ft_engine_settings settings = {.results = argv[3], .progress = show_line};
    const char *hyperparameters[] = {"epochs=1", "context_length=64", "learning_rate=1e-3"};
    ft_experiment_request request = {
        .name = "baseline",
        .notes = "Default configuration for reference",
        .model = argv[1],
        .target = "Close",
        .data = {.train = train, .val = val, .test = test},
        .set = hyperparameters,
        .n_set = 3,
    };
    ft_outcome outcome;
    char *forecast = NULL;
    ft_status status = ft_engine_open(&settings, &engine, &err);
    if (status == FT_OK) status = ft_run_experiment(engine, &request, &outcome, &err);
    if (status == FT_OK) {
        printf("%s\nbaseline MAE: %.4f\n", outcome.experiment_id, outcome.test.mae);
        snprintf(adapter, sizeof adapter, "%s/adapter", outcome.directory);
        ft_forecast_job job = {
            .model = argv[1], .adapter = adapter, .data = test, .target = "Close", .horizon = 5, .top_k = -1};
        status = ft_forecast_csv(engine, &job, &forecast, &err);
    }
    if (status == FT_OK)
        fputs(forecast, stdout);
    else
        fprintf(stderr, "%s\n", err.message);
    free(forecast);
    ft_engine_close(engine);
    return status == FT_OK ? 0 : 1;
}
