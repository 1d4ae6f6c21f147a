/* Forecasts beyond the end of each series of a file, as Chronos' predict_df writes them. See ftgpu.h. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "host/dataset.h"
#include "host/engine.h"
#include "model/forecast.h"
#include "tracker/quantiles.h"
#include "tracker/table.h"

/* Everything that one call owns. */
typedef struct forecaster {
    const ft_forecast_job *job;
    ft_dataset dataset;
    ft_weights *weights;
    ft_chronos *chronos;
    ft_adapter *adapter;
    ft_trainable *trainable;
    ft_forecast_settings settings;
    const double *levels;
    size_t n_levels;
    float *samples;    /* (n_items, num_samples, horizon) */
    float *scratch;    /* (num_samples) */
    double *quantiles; /* (n_levels) */
} forecaster;

static ft_status check_job(const ft_forecast_job *job, ft_error *err)
{
    if (!job->model) return ft_fail(err, FT_BAD_INPUT, "no model given (--model DIR, or --experiment ID)");
    if (!job->data) return ft_fail(err, FT_BAD_INPUT, "no data given (--data FILE)");
    if (!job->target) return ft_fail(err, FT_BAD_INPUT, "no target column given (--target COLUMN)");
    if (job->horizon < 0 || job->horizon > 100000)
        return ft_fail(err, FT_BAD_INPUT, "horizon %lld: not in 1 ... 100000", (long long)job->horizon);
    if (job->num_samples < 0 || job->num_samples > 100000)
        return ft_fail(err, FT_BAD_INPUT, "num_samples %lld: not in 1 ... 100000",
                       (long long)job->num_samples);
    if (!(job->temperature >= 0) || isinf(job->temperature))
        return ft_fail(err, FT_BAD_INPUT, "temperature %g: must be a number above 0", job->temperature);
    if (!(job->top_p >= 0 && job->top_p <= 1))
        return ft_fail(err, FT_BAD_INPUT, "top_p %g: not in (0, 1]", job->top_p);
    for (size_t i = 0; i < job->n_quantiles; i++)
        if (!(job->quantiles[i] > 0 && job->quantiles[i] < 1))
            return ft_fail(err, FT_BAD_INPUT, "quantile %g: not between 0 and 1", job->quantiles[i]);
    return FT_OK;
}

static ft_status open_model(forecaster *f, ft_engine *engine, ft_error *err)
{
    const ft_forecast_job *job = f->job;
    ft_status status = ft_weights_read(job->model, &f->weights, err);
    if (status == FT_OK) status = ft_engine_attach(engine, err);
    if (status == FT_OK && job->adapter) status = ft_adapter_read(job->adapter, f->weights, &f->adapter, err);
    if (status == FT_OK) status = ft_chronos_create(engine->backend, f->weights, false, &f->chronos, err);
    const ft_adapter *adapters[] = {f->adapter};
    if (status == FT_OK)
        status = ft_trainable_create(f->chronos, adapters, f->adapter != NULL, false, &f->trainable, err);
    if (status != FT_OK) return status;
    const ft_chronos_config *chronos = &f->weights->config.chronos;
    f->settings =
        ft_forecast_defaults(chronos, job->horizon > 0 ? (int32_t)job->horizon : chronos->prediction_length);
    if (job->num_samples > 0) f->settings.num_samples = (int32_t)job->num_samples;
    if (job->temperature > 0) f->settings.temperature = (float)job->temperature;
    if (job->top_p > 0) f->settings.top_p = (float)job->top_p;
    if (job->top_k >= 0) f->settings.top_k = (int32_t)job->top_k;
    f->settings.seed = job->seed;
    return FT_OK;
}

static ft_status draw_samples(forecaster *f, ft_error *err)
{
    size_t n_items = f->dataset.n_items;
    size_t values = n_items * (size_t)f->settings.num_samples * (size_t)f->settings.horizon;
    ft_forecast_request *requests = calloc(n_items, sizeof *requests);
    f->samples = malloc(values * sizeof *f->samples);
    f->scratch = malloc((size_t)f->settings.num_samples * sizeof *f->scratch);
    f->quantiles = malloc(f->n_levels * sizeof *f->quantiles);
    if (!requests || !f->samples || !f->scratch || !f->quantiles) {
        free(requests);
        return ft_no_memory(err, "the forecasts", values * sizeof *f->samples);
    }
    for (size_t i = 0; i < n_items; i++) {
        const ft_dataset_item *item = &f->dataset.items[i];
        requests[i] = (ft_forecast_request){item->values_single, (int64_t)item->n_rows, 0, (uint32_t)i};
    }
    ft_status status = ft_forecast(f->trainable, requests, (int64_t)n_items, &f->settings, f->samples, err);
    free(requests);
    return status;
}

/* The lines of one series. */
static ft_status write_item(forecaster *f, size_t index, ft_text *out, ft_error *err)
{
    const ft_dataset_item *item = &f->dataset.items[index];
    size_t horizon = (size_t)f->settings.horizon, n_samples = (size_t)f->settings.num_samples;
    const float *samples = f->samples + index * n_samples * horizon;
    ft_frequency frequency = ft_frequency_infer(item->times, item->n_rows, f->dataset.style.zone_minutes);
    for (size_t t = 0; t < horizon; t++) {
        int64_t time;
        char date[FT_TIMESTAMP_CHARS];
        ft_status status =
            ft_frequency_next(&frequency, item->times[item->n_rows - 1], (int64_t)t + 1, &time, err);
        if (status != FT_OK) return status;
        double mean;
        ft_summarize_step(samples, n_samples, horizon, t, f->levels, f->n_levels, f->scratch, &mean,
                          f->quantiles);
        ft_csv_add_field(out, item->id);
        ft_text_add(out, ",");
        ft_csv_add_field(out, ft_timestamp_format(time, &f->dataset.style, date));
        ft_text_add(out, ",");
        ft_csv_add_field(out, f->dataset.target);
        ft_csv_add_number(out, mean);
        for (size_t q = 0; q < f->n_levels; q++) ft_csv_add_number(out, f->quantiles[q]);
        ft_text_add(out, "\n");
    }
    return FT_OK;
}

static ft_status write_csv(forecaster *f, ft_text *out, ft_error *err)
{
    ft_text_add(out, "item_id,timestamp,target_name,predictions");
    for (size_t q = 0; q < f->n_levels; q++) ft_csv_add_number(out, f->levels[q]);
    ft_text_add(out, "\n");
    ft_status status = FT_OK;
    for (size_t i = 0; i < f->dataset.n_items && status == FT_OK; i++) status = write_item(f, i, out, err);
    if (status == FT_OK && out->failed) status = ft_no_memory(err, "the forecasts' text", out->length);
    return status;
}

static ft_status forecast_csv(ft_engine *engine, const ft_forecast_job *job, char **text, ft_error *err)
{
    forecaster f = {.job = job};
    ft_text out = FT_TEXT_EMPTY;
    ft_file_writer writer = {0};
    f.levels = job->n_quantiles > 0 ? job->quantiles : ft_quantile_levels;
    f.n_levels = job->n_quantiles > 0 ? job->n_quantiles : FT_N_QUANTILES;
    ft_dataset_source source = {
        .data = job->data, .target = job->target, .csv = job->csv, .takes_pipes = true};
    ft_status status = check_job(job, err);
    if (status == FT_OK) status = ft_dataset_read(&source, &f.dataset, err);
    if (status == FT_OK) ft_engine_say_notes(engine, f.dataset.notes.data);
    if (status == FT_OK) status = open_model(&f, engine, err);
    if (status == FT_OK && job->out)
        status = ft_file_create(&writer, job->out, err); /* fails now, not later */
    if (status == FT_OK) status = draw_samples(&f, err);
    if (status == FT_OK) status = write_csv(&f, &out, err);
    if (status == FT_OK && job->out) {
        (void)fwrite(out.data, 1, out.length, writer.stream); /* errors are found by the commit */
        status = ft_file_commit(&writer, err);
    }
    if (status == FT_OK && !job->out) {
        *text = out.data;
        out = FT_TEXT_EMPTY;
    }
    ft_file_abandon(&writer);
    ft_text_free(&out);
    free(f.quantiles);
    free(f.scratch);
    free(f.samples);
    ft_trainable_free(f.trainable);
    ft_adapter_free(f.adapter);
    ft_chronos_free(f.chronos);
    ft_weights_free(f.weights);
    ft_dataset_free(&f.dataset);
    return status;
}

ft_status ft_forecast_csv(ft_engine *engine, const ft_forecast_job *job, char **text, ft_error *err)
{
    if (!job || (!job->out && !text) || (job->n_quantiles > 0 && !job->quantiles))
        return ft_fail(err, FT_BAD_INPUT, "a forecast needs a job, its quantiles and a place (NULL given)");
    ft_status status = ft_engine_enter(engine, err);
    if (status != FT_OK) return status;
    status = forecast_csv(engine, job, text, err);
    ft_engine_leave(engine);
    return status;
}
