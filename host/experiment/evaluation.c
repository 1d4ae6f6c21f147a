/* Forecasts over the splits of a dataset, and their metrics; see evaluation.h. */
#include "host/experiment/evaluation.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/forecast.h"
#include "tracker/baseline_windows.h"
#include "tracker/forecasts.h"
#include "tracker/window_starts.h"

ft_series *ft_dataset_series(const ft_dataset *dataset)
{
    ft_series *series = calloc(dataset->n_items, sizeof *series);
    for (size_t i = 0; series && i < dataset->n_items; i++) {
        series[i].values = dataset->items[i].values_single;
        memcpy(series[i].split_start, dataset->items[i].split_start, sizeof series[i].split_start);
    }
    return series;
}

_Static_assert((int)FT_TRAIN == (int)FT_SPLIT_TRAIN && (int)FT_VAL == (int)FT_SPLIT_VALIDATION &&
                   (int)FT_TEST == (int)FT_SPLIT_TEST && (int)FT_N_SPLITS == (int)FT_SPLITS,
               "the tracker's splits are the model's");

/* The split's evaluation windows in order, at most eval_windows. */
static ft_status windows_of(const ft_evaluation *e, ft_split split, ft_window_list *list, ft_error *err)
{
    ft_window_settings settings = {e->context_length, e->prediction_length, e->prediction_length, false, 0};
    return ft_windows_evaluate(e->series, (int32_t)e->dataset->n_items, &settings, (ft_series_split)split,
                               e->eval_windows, list, err);
}

static ft_status start_metrics(const ft_evaluation *e, ft_metrics_accumulator **accumulator, ft_error *err)
{
    ft_status status = ft_metrics_create(e->season, accumulator, err);
    for (size_t i = 0; i < e->dataset->n_items && status == FT_OK; i++) {
        const ft_dataset_item *item = &e->dataset->items[i];
        status = ft_metrics_add_training(*accumulator, item->id, item->values, (size_t)item->split_start[1],
                                         NULL, err);
    }
    return status;
}

/* The last value before `row` that is not missing; NaN if there is none. */
static double last_observation(const ft_dataset_item *item, int64_t row)
{
    while (row > 0 && isnan(item->values[row - 1])) row--;
    return row > 0 ? item->values[row - 1] : NAN;
}

static bool stopped(void *engine)
{
    return ft_engine_stop(engine) != FT_STOP_NOT;
}

/* The windows of all splits in one list; split s has windows first[s] ... first[s + 1]
 * - 1. */
typedef struct split_windows {
    ft_window_list of[FT_N_SPLITS];
    int64_t first[FT_N_SPLITS + 1];
} split_windows;

static ft_status find_windows(const ft_evaluation *e, split_windows *windows, ft_error *err)
{
    ft_status status = FT_OK;
    *windows = (split_windows){0};
    for (int split = 0; split < FT_N_SPLITS && status == FT_OK; split++) {
        status = windows_of(e, (ft_split)split, &windows->of[split], err);
        windows->first[split + 1] = windows->first[split] + windows->of[split].count;
    }
    return status;
}

static void free_windows(split_windows *windows)
{
    for (int split = 0; split < FT_N_SPLITS; split++) ft_window_list_free(&windows->of[split]);
}

struct ft_evaluation_samples {
    split_windows windows;
    int32_t n_adapters; /* at least 1 */
    /* (n_adapters, windows, eval_samples, prediction_length). A window whose label_count
     * is below prediction_length has its paths at the front: (eval_samples,
     * label_count). */
    float *values;
};

/* Values that are sampled of a window. */
static size_t window_values(const ft_evaluation *e)
{
    return (size_t)e->eval_samples * (size_t)e->prediction_length;
}

/* The samples of a window by adapter `index`. Windows are counted over all splits. */
static float *samples_at(const ft_evaluation *e, const ft_evaluation_samples *s, int32_t index,
                         int64_t window)
{
    const size_t before = (size_t)index * (size_t)s->windows.first[FT_N_SPLITS] + (size_t)window;
    return s->values + before * window_values(e);
}

/* The random numbers of a window depend on its first label's row in the dataset, so that
 * they are the same whichever windows and adapters are evaluated beside it. */
static void make_requests(const ft_evaluation *e, const ft_evaluation_samples *s,
                          ft_forecast_request *requests)
{
    for (int32_t index = 0; index < s->n_adapters; index++)
        for (int split = 0; split < FT_N_SPLITS; split++)
            for (int64_t i = 0; i < s->windows.of[split].count; i++) {
                const ft_window *window = &s->windows.of[split].windows[i];
                const ft_dataset_item *item = &e->dataset->items[window->item];
                *requests++ = (ft_forecast_request){.values = item->values_single + window->context_start,
                                                    .count = window->label_start - window->context_start,
                                                    .adapter = index,
                                                    .series = (uint32_t)item->first_row +
                                                              (uint32_t)window->label_start};
            }
}

/* Moves the paths of windows that are shorter than prediction_length together. */
static void pack_short_windows(const ft_evaluation *e, const ft_evaluation_samples *s)
{
    const size_t whole = (size_t)e->prediction_length;
    for (int32_t index = 0; index < s->n_adapters; index++)
        for (int split = 0; split < FT_N_SPLITS; split++)
            for (int64_t i = 0; i < s->windows.of[split].count; i++) {
                const size_t horizon = (size_t)s->windows.of[split].windows[i].label_count;
                float *paths = samples_at(e, s, index, s->windows.first[split] + i);
                for (size_t k = 1; k < (size_t)e->eval_samples && horizon < whole; k++)
                    memmove(paths + k * horizon, paths + k * whole, horizon * sizeof *paths);
            }
}

static ft_forecast_settings settings_of(const ft_evaluation *e, const ft_trainable *trainable)
{
    ft_forecast_settings settings =
        ft_forecast_defaults(&trainable->model->config.chronos, e->prediction_length);
    settings.context_length = e->context_length;
    settings.prediction_length = e->prediction_length;
    settings.num_samples = (int32_t)e->eval_samples;
    settings.seed = FT_EVALUATION_SEED;
    settings.stop = stopped;
    settings.context = (void *)(uintptr_t)e->engine;
    settings.comm = e->comm;
    return settings;
}

/* Bytes of the samples of one adapter. */
static size_t sample_bytes(const ft_evaluation *e, const split_windows *windows)
{
    return (size_t)windows->first[FT_N_SPLITS] * window_values(e) * sizeof(float);
}

/* The windows, and memory for their samples. */
static ft_status make_samples(const ft_evaluation *e, const ft_trainable *trainable,
                              ft_evaluation_samples **out, ft_error *err)
{
    ft_evaluation_samples *s = *out = calloc(1, sizeof *s);
    if (!s) return ft_no_memory(err, "the forecasts of the splits", sizeof *s);
    s->n_adapters = trainable->n_adapters > 0 ? trainable->n_adapters : 1;
    ft_status status = find_windows(e, &s->windows, err);
    if (status != FT_OK) return status;
    const size_t bytes = (size_t)s->n_adapters * sample_bytes(e, &s->windows);
    s->values = malloc(bytes + 1);
    return s->values ? FT_OK : ft_no_memory(err, "the forecasts of the splits", bytes);
}

/* All splits and adapters in one call, so that groups of windows are full. */
ft_status ft_evaluation_sample(const ft_evaluation *e, const ft_trainable *trainable,
                               ft_evaluation_samples **out, ft_error *err)
{
    const ft_forecast_settings settings = settings_of(e, trainable);
    ft_forecast_request *requests = NULL;
    int64_t count = 0;
    ft_status status = make_samples(e, trainable, out, err);
    if (status == FT_OK) {
        count = (*out)->n_adapters * (*out)->windows.first[FT_N_SPLITS];
        requests = calloc((size_t)count + 1, sizeof *requests);
        if (!requests)
            status = ft_no_memory(err, "the forecasts of the splits", (size_t)count * sizeof *requests);
    }
    if (status == FT_OK) make_requests(e, *out, requests);
    /* all ranks begin or none */
    status = ft_comm_agree(e->comm, status, NULL, err);
    if (status == FT_OK) status = ft_forecast(trainable, requests, count, &settings, (*out)->values, err);
    if (status == FT_OK) {
        pack_short_windows(e, *out);
    } else {
        ft_evaluation_samples_free(*out);
        *out = NULL;
    }
    free(requests);
    return status;
}

void ft_evaluation_samples_free(ft_evaluation_samples *samples)
{
    if (!samples) return;
    free_windows(&samples->windows);
    free(samples->values);
    free(samples);
}

ft_status ft_evaluation_sample_bytes(const ft_evaluation *e, size_t *bytes, ft_error *err)
{
    split_windows windows;
    ft_status status = find_windows(e, &windows, err);
    *bytes = sample_bytes(e, &windows);
    free_windows(&windows);
    return status;
}

/* Adds one window to the metrics and the file. samples: (eval_samples, label_count). */
static ft_status add_window(const ft_evaluation *e, const ft_window *window, const float *samples,
                            const char *split, ft_metrics_accumulator *accumulator, ft_forecasts *forecasts,
                            ft_error *err)
{
    const ft_dataset_item *item = &e->dataset->items[window->item];
    const size_t horizon = (size_t)window->label_count, paths = (size_t)e->eval_samples;
    const double *truth = item->values + window->label_start;
    ft_status status = ft_metrics_add_window(accumulator, (size_t)window->item, truth, samples, paths,
                                             horizon, last_observation(item, window->label_start), err);
    if (status == FT_OK && forecasts)
        status =
            ft_forecasts_add_window(forecasts, split, item->id, item->dates[window->label_start - 1],
                                    item->dates + window->label_start, truth, samples, paths, horizon, err);
    return status;
}

/* Whether the window is one that baselines are recorded for. */
static bool is_example(const ft_evaluation *e, ft_split split, int64_t window, int64_t count)
{
    return e->examples && split == FT_TEST && ft_forecasts_is_example((size_t)window, (size_t)count);
}

/* Adds how a baseline did in a test window to the lines of baselines.csv. */
static ft_status add_baseline_window(const ft_evaluation *e, const char *baseline, const ft_window *window,
                                     const ft_window_sums *sums, ft_error *err)
{
    const ft_dataset_item *item = &e->dataset->items[window->item];
    ft_baseline_windows_add(e->baseline_windows, baseline, item->id, item->dates[window->label_start - 1],
                            sums);
    return e->baseline_windows->failed ? ft_no_memory(err, "the windows of a baseline", 0) : FT_OK;
}

/* The same of samples: (eval_samples, label_count). */
static ft_status add_sampled_window(const ft_evaluation *e, const ft_window *window, const float *samples,
                                    ft_error *err)
{
    const double *truth = e->dataset->items[window->item].values + window->label_start;
    const size_t horizon = (size_t)window->label_count, n = (size_t)e->eval_samples;
    const double last = last_observation(&e->dataset->items[window->item], window->label_start);
    ft_window_sums sums = {0};
    ft_step_before before = {last, last};
    float *scratch = malloc((n + 1) * sizeof *scratch);
    if (!scratch) return ft_no_memory(err, "the samples of a step", n * sizeof *scratch);
    for (size_t t = 0; t < horizon; t++) {
        double mean, quantiles[FT_N_QUANTILES];
        ft_summarize_step(samples, n, horizon, t, ft_quantile_levels, FT_N_QUANTILES, scratch, &mean,
                          quantiles);
        ft_window_sums_add(&sums, &before, truth[t], quantiles);
    }
    free(scratch);
    return add_baseline_window(e, "zero_shot", window, &sums, err);
}

/* Metrics of an adapter on a split. */
static ft_status measure_split(const ft_evaluation *e, ft_split split, const ft_evaluation_samples *s,
                               int32_t index, ft_forecasts *forecasts, ft_metrics *metrics, ft_error *err)
{
    const ft_window_list *windows = &s->windows.of[split];
    ft_metrics_accumulator *accumulator = NULL;
    ft_status status = start_metrics(e, &accumulator, err);
    const char *label = ft_split_names[split];
    if (e->examples) label = ft_forecast_kind_names[FT_OF_ZERO_SHOT];
    for (int64_t i = 0; i < windows->count && status == FT_OK; i++) {
        const float *paths = samples_at(e, s, index, s->windows.first[split] + i);
        status = add_window(e, &windows->windows[i], paths, label, accumulator,
                            is_example(e, split, i, windows->count) ? e->examples : forecasts, err);
        if (status == FT_OK && e->baseline_windows && split == FT_TEST)
            status = add_sampled_window(e, &windows->windows[i], paths, err);
    }
    if (status == FT_OK) ft_metrics_finish(accumulator, metrics);
    ft_metrics_free(accumulator);
    return status;
}

ft_status ft_evaluation_measure(const ft_evaluation *e, const ft_evaluation_samples *samples, int32_t index,
                                const char *forecasts_path, ft_metrics metrics[FT_N_SPLITS], ft_error *err)
{
    ft_forecasts forecasts = {0};
    ft_status status = forecasts_path ? ft_forecasts_create(&forecasts, forecasts_path, err) : FT_OK;
    for (int split = 0; split < FT_N_SPLITS && status == FT_OK; split++)
        status = measure_split(e, (ft_split)split, samples, index, forecasts_path ? &forecasts : NULL,
                               &metrics[split], err);
    if (status == FT_OK && forecasts_path && e->more_lines) ft_forecasts_add_lines(&forecasts, e->more_lines);
    if (status == FT_OK && forecasts_path) status = ft_forecasts_commit(&forecasts, err);
    ft_forecasts_close(&forecasts);
    return status;
}

/* A point forecast is one sampled path. */
static ft_status add_naive_example(const ft_evaluation *e, const ft_window *window, const double *forecast,
                                   ft_error *err)
{
    const ft_dataset_item *item = &e->dataset->items[window->item];
    const size_t horizon = (size_t)window->label_count;
    float *path = malloc((horizon + 1) * sizeof *path);
    if (!path) return ft_no_memory(err, "a forecast", horizon * sizeof *path);
    for (size_t h = 0; h < horizon; h++) path[h] = (float)forecast[h];
    ft_status status =
        ft_forecasts_add_window(e->examples, ft_forecast_kind_names[FT_OF_SEASONAL_NAIVE], item->id,
                                item->dates[window->label_start - 1], item->dates + window->label_start,
                                item->values + window->label_start, path, 1, horizon, err);
    free(path);
    return status;
}

/* The same of a point forecast: (label_count). */
static ft_status add_naive_window(const ft_evaluation *e, const ft_window *window, const double *forecast,
                                  ft_error *err)
{
    const double *truth = e->dataset->items[window->item].values + window->label_start;
    const double last = last_observation(&e->dataset->items[window->item], window->label_start);
    ft_window_sums sums = {0};
    ft_step_before before = {last, last};
    for (int32_t t = 0; t < window->label_count; t++) {
        double quantiles[FT_N_QUANTILES];
        for (int q = 0; q < FT_N_QUANTILES; q++) quantiles[q] = forecast[t];
        ft_window_sums_add(&sums, &before, truth[t], quantiles);
    }
    return add_baseline_window(e, "seasonal_naive", window, &sums, err);
}

/* Adds a line of windows.csv. */
static ft_status add_window_start(const ft_evaluation *e, ft_split split, const ft_window *window,
                                  const ft_metrics_accumulator *accumulator, ft_error *err)
{
    const ft_dataset_item *item = &e->dataset->items[window->item];
    ft_window_starts_add(e->window_starts, split, item->id, item->dates[window->label_start - 1],
                         last_observation(item, window->label_start),
                         ft_metrics_scale(accumulator, (size_t)window->item));
    return e->window_starts->failed ? ft_no_memory(err, "the windows", 0) : FT_OK;
}

static ft_status naive_split(const ft_evaluation *e, ft_split split, double *forecast, ft_metrics *metrics,
                             ft_error *err)
{
    ft_window_list windows = {0};
    ft_metrics_accumulator *accumulator = NULL;
    ft_status status = windows_of(e, split, &windows, err);
    if (status == FT_OK) status = start_metrics(e, &accumulator, err);
    for (int64_t i = 0; i < windows.count && status == FT_OK; i++) {
        const ft_window *window = &windows.windows[i];
        const ft_dataset_item *item = &e->dataset->items[window->item];
        size_t horizon = (size_t)window->label_count;
        ft_seasonal_naive(item->values, (size_t)window->label_start, e->season, forecast, horizon);
        status =
            ft_metrics_add_point_window(accumulator, (size_t)window->item, item->values + window->label_start,
                                        forecast, horizon, last_observation(item, window->label_start), err);
        if (status == FT_OK && is_example(e, split, i, windows.count))
            status = add_naive_example(e, window, forecast, err);
        if (status == FT_OK && e->baseline_windows && split == FT_TEST)
            status = add_naive_window(e, window, forecast, err);
        if (status == FT_OK && e->window_starts)
            status = add_window_start(e, split, window, accumulator, err);
    }
    if (status == FT_OK) ft_metrics_finish(accumulator, metrics);
    ft_metrics_free(accumulator);
    ft_window_list_free(&windows);
    return status;
}

ft_status ft_evaluate_naive(const ft_evaluation *e, ft_metrics metrics[FT_N_SPLITS], ft_error *err)
{
    double *forecast = malloc((size_t)e->prediction_length * sizeof *forecast);
    if (!forecast) return ft_no_memory(err, "a forecast", (size_t)e->prediction_length * sizeof *forecast);
    ft_status status = FT_OK;
    for (int split = 0; split < FT_N_SPLITS && status == FT_OK; split++)
        status = naive_split(e, (ft_split)split, forecast, &metrics[split], err);
    free(forecast);
    return status;
}
