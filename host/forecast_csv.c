/* Forecasts beyond the end of each series of a file, as Chronos' predict_df writes
 * them. See ftgpu.h. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "host/data/dataset.h"
#include "host/experiment/engine.h"
#include "host/experiment/model_source.h"
#include "host/forecast_dates.h"
#include "host/forecast_model.h"
#include "host/output.h"
#include "model/forecast.h"
#include "model/tokenizer.h"
#include "tracker/quantiles.h"
#include "tracker/table.h"

/* Everything that one call owns. */
typedef struct forecaster {
    const ft_forecast_job *job;
    ft_engine *engine;
    ft_dataset dataset;
    ft_forecast_model source;
    char *directory; /* of the model */
    ft_weights *weights;
    ft_chronos *chronos;
    ft_adapter *adapter;
    ft_trainable *trainable;
    ft_forecast_settings settings;
    double *levels; /* (n_levels), 0.5 among them */
    size_t n_levels;
    ft_frequency named; /* job->freq */
    ft_forecast_dates dates;
    float *samples;    /* (n_items, num_samples, horizon) */
    float *scratch;    /* (num_samples) */
    double *quantiles; /* (n_levels) */
} forecaster;

static ft_status check_job(const ft_forecast_job *job, ft_frequency *named, ft_error *err)
{
    if (!job->data) return ft_fail(err, FT_BAD_INPUT, "no data given (--data FILE)");
    if (!job->target) return ft_fail(err, FT_BAD_INPUT, "no target column given (--target COLUMN)");
    if (job->context_length < 0 || job->context_length > 65536)
        return ft_fail(err, FT_BAD_INPUT, "context_length %lld: not in 1 ... 65536",
                       (long long)job->context_length);
    if (job->horizon < 0 || job->horizon > 100000)
        return ft_fail(err, FT_BAD_INPUT, "horizon %lld: not in 1 ... 100000", (long long)job->horizon);
    if (job->num_samples < 0 || job->num_samples > 100000)
        return ft_fail(err, FT_BAD_INPUT, "num_samples %lld: not in 1 ... 100000",
                       (long long)job->num_samples);
    if (!(job->temperature >= 0) || isinf(job->temperature))
        return ft_fail(err, FT_BAD_INPUT, "temperature %g: must be a number above 0", job->temperature);
    if (!(job->top_p >= 0 && job->top_p <= 1))
        return ft_fail(err, FT_BAD_INPUT, "top_p %g: not in (0, 1]", job->top_p);
    for (size_t i = 0; i < job->n_quantiles; i++) {
        if (!(job->quantiles[i] > 0 && job->quantiles[i] < 1))
            return ft_fail(err, FT_BAD_INPUT, "quantile %g: not between 0 and 1", job->quantiles[i]);
        for (size_t k = 0; k < i; k++)
            if (job->quantiles[k] == job->quantiles[i])
                return ft_fail(err, FT_BAD_INPUT, "quantile %g is given twice", job->quantiles[i]);
    }
    return job->freq ? ft_frequency_parse(job->freq, named, err) : FT_OK;
}

/* The columns: what was asked for, and 0.5, which is what metrics measure, before the
 * first that is above it. */
static ft_status choose_levels(forecaster *f, ft_error *err)
{
    const ft_forecast_job *job = f->job;
    const double median = 0.5, *wanted = job->n_quantiles > 0 ? job->quantiles : ft_quantile_levels;
    const size_t n = job->n_quantiles > 0 ? job->n_quantiles : FT_N_QUANTILES;
    f->levels = malloc((n + 1) * sizeof *f->levels);
    if (!f->levels) return ft_no_memory(err, "the quantiles", (n + 1) * sizeof *f->levels);
    bool has_median = false;
    for (size_t i = 0; i < n; i++) has_median = has_median || wanted[i] == median;
    for (size_t i = 0; i < n; i++) {
        if (!has_median && wanted[i] > median) {
            f->levels[f->n_levels++] = median;
            has_median = true;
        }
        f->levels[f->n_levels++] = wanted[i];
    }
    if (!has_median) f->levels[f->n_levels++] = median;
    return FT_OK;
}

/* Lengths as the experiment was tuned with, of which a line tells; else the model's. */
static void choose_lengths(forecaster *f)
{
    const ft_forecast_job *job = f->job;
    const ft_forecast_model *source = &f->source;
    ft_forecast_settings *s = &f->settings;
    if (source->context_length > 0) s->context_length = (int32_t)source->context_length;
    if (source->prediction_length > 0) s->prediction_length = (int32_t)source->prediction_length;
    if (job->context_length > 0) s->context_length = (int32_t)job->context_length;
    s->horizon = job->horizon > 0 ? (int32_t)job->horizon : s->prediction_length;
    if (!source->experiment_id) return;
    if (source->chosen_by)
        ft_engine_say(f->engine, "experiment %s, %s", source->experiment_id, source->chosen_by);
    if (source->harm)
        ft_engine_say(f->engine, "warning: experiment %s: %s (ftgpu best)", source->experiment_id,
                      source->harm);
    char tuned[64] = "";
    if (source->context_length > 0 && source->context_length != s->context_length)
        snprintf(tuned, sizeof tuned, " (it was tuned with %lld)", (long long)source->context_length);
    ft_engine_say(f->engine, "experiment %s: context_length %d%s, prediction_length %d",
                  source->experiment_id, (int)s->context_length, tuned, (int)s->prediction_length);
}

static ft_status open_model(forecaster *f, ft_error *err)
{
    const ft_forecast_job *job = f->job;
    ft_engine *engine = f->engine;
    ft_status status = ft_model_read(engine, f->source.model, &f->weights, &f->directory, err);
    if (status == FT_OK) status = ft_forecast_model_check(&f->source, f->weights, err);
    if (status == FT_OK) status = ft_engine_attach(engine, err);
    if (status == FT_OK && f->source.adapter)
        status = ft_adapter_read(f->source.adapter, f->weights, &f->adapter, err);
    if (status == FT_OK) status = ft_chronos_create(engine->backend, f->weights, false, &f->chronos, err);
    const ft_adapter *adapters[] = {f->adapter};
    if (status == FT_OK)
        status = ft_trainable_create(f->chronos, adapters, f->adapter != NULL, false, &f->trainable, err);
    if (status != FT_OK) return status;
    f->settings = ft_forecast_defaults(&f->weights->config.chronos, 1);
    choose_lengths(f);
    if (job->num_samples > 0) f->settings.num_samples = (int32_t)job->num_samples;
    if (job->temperature > 0) f->settings.temperature = (float)job->temperature;
    if (job->top_p > 0) f->settings.top_p = (float)job->top_p;
    if (job->top_k >= 0) f->settings.top_k = (int32_t)job->top_k;
    f->settings.seed = job->seed;
    return FT_OK;
}

/* What the file must not take the place of. */
static ft_status check_out(const forecaster *f, ft_error *err)
{
    const ft_input inputs[] = {
        {"the data", f->job->data}, {"the model", f->source.model}, {"the adapter", f->source.adapter}};
    return ft_output_check(f->job->out, inputs, sizeof inputs / sizeof *inputs, err);
}

/* Adds a name to a list that stays short. */
static void add_name(ft_text *names, size_t number, const char *name)
{
    enum { MOST = 5 };
    if (number < MOST)
        ft_text_addf(names, "%s%.60s", number ? ", " : "", name);
    else if (number == MOST)
        ft_text_add(names, ", ...");
}

/* Series of which the model sees nothing, and those whose values single precision does
 * not hold. */
static ft_status check_histories(const forecaster *f, ft_error *err)
{
    const ft_dataset *dataset = &f->dataset;
    size_t n_empty = 0;
    ft_text names = FT_TEXT_EMPTY;
    ft_status status = FT_OK;
    for (size_t i = 0; i < dataset->n_items && status == FT_OK; i++) {
        const ft_dataset_item *item = &dataset->items[i];
        const size_t length = (size_t)f->settings.context_length;
        const size_t first = item->n_rows > length ? item->n_rows - length : 0;
        double largest = NAN; /* of the known values' sizes */
        for (size_t k = first; k < item->n_rows; k++)
            if (!isnan(item->values[k])) largest = fmax(largest, fabs(item->values[k]));
        if (isnan(largest))
            add_name(&names, n_empty++, item->id);
        else if (largest > 0 && largest < FLT_MIN)
            status =
                ft_fail(err, FT_BAD_INPUT,
                        "%s: series \"%.100s\": its values are below %.3g, too small for single precision "
                        "(multiply them)",
                        f->job->data, item->id, (double)FLT_MIN);
        else if (isinf(ft_tokenizer_scale(item->values_single + first, (int64_t)(item->n_rows - first))))
            status = ft_fail(
                err, FT_BAD_INPUT,
                "%s: series \"%.100s\": the sum of its values is beyond single precision (divide them)",
                f->job->data, item->id);
    }
    if (status == FT_OK && n_empty == dataset->n_items)
        status =
            ft_fail(err, FT_BAD_INPUT,
                    "%s: column \"%.100s\": no value is known in the last %d rows of any series: there is "
                    "nothing to forecast from",
                    f->job->data, f->job->target, (int)f->settings.context_length);
    else if (status == FT_OK && n_empty > 0)
        ft_engine_say(
            f->engine,
            "warning: %zu of %zu series have no known value in their last %d rows; their forecasts say "
            "nothing: %s",
            n_empty, dataset->n_items, (int)f->settings.context_length, names.failed ? "" : names.data);
    ft_text_free(&names);
    return status;
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
    for (size_t t = 0; t < horizon; t++) {
        char date[FT_TIMESTAMP_CHARS];
        double mean;
        ft_summarize_step(samples, n_samples, horizon, t, f->levels, f->n_levels, f->scratch, &mean,
                          f->quantiles);
        if (!isfinite(mean))
            return ft_fail(
                err, FT_BAD_INPUT,
                "%s: series \"%.100s\": its forecast is beyond single precision (divide its values)",
                f->job->data, item->id);
        ft_csv_add_field(out, item->id);
        ft_text_add(out, ",");
        ft_csv_add_field(out, ft_forecast_date(&f->dates, &f->dataset, index, t, date));
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
    forecaster f = {.job = job, .engine = engine};
    ft_text out = FT_TEXT_EMPTY;
    ft_file_writer writer = {0};
    ft_dataset_source source = {
        .data = job->data, .target = job->target, .csv = job->csv, .takes_pipes = true};
    ft_status status = check_job(job, &f.named, err);
    if (status == FT_OK) status = choose_levels(&f, err);
    if (status == FT_OK) status = ft_forecast_model_find(engine, job, &f.source, err);
    if (status == FT_OK && job->out) status = check_out(&f, err);
    if (status == FT_OK) status = ft_dataset_read(&source, &f.dataset, err);
    if (status == FT_OK) ft_engine_say_notes(engine, f.dataset.notes.data);
    if (status == FT_OK) status = open_model(&f, err);
    if (status == FT_OK) status = check_histories(&f, err);
    if (status == FT_OK && job->out)
        status = ft_file_create(&writer, job->out, err); /* fails now, not later */
    if (status == FT_OK)
        status = ft_forecast_dates_create(&f.dataset, job->data, job->freq ? &f.named : NULL,
                                          (size_t)f.settings.horizon, &f.dates, err);
    if (status == FT_OK && f.dates.remark.length > 0) ft_engine_say(engine, "%s", f.dates.remark.data);
    if (status == FT_OK) status = draw_samples(&f, err);
    if (status == FT_OK) status = write_csv(&f, &out, err);
    if (status == FT_OK && job->out) {
        /* errors are found by the commit */
        (void)fwrite(out.data, 1, out.length, writer.stream);
        status = ft_file_commit(&writer, err);
    }
    if (status == FT_OK && !job->out) {
        *text = out.data;
        out = FT_TEXT_EMPTY;
    }
    ft_file_abandon(&writer);
    ft_text_free(&out);
    ft_forecast_dates_free(&f.dates);
    free(f.quantiles);
    free(f.scratch);
    free(f.samples);
    ft_trainable_free(f.trainable);
    ft_adapter_free(f.adapter);
    ft_chronos_free(f.chronos);
    ft_weights_free(f.weights);
    ft_dataset_free(&f.dataset);
    ft_forecast_model_free(&f.source);
    free(f.levels);
    free(f.directory);
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
