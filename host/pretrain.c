/* Pretraining into a model directory; see pretrain.h. */
#include "host/pretrain.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/version.h"
#include "host/experiment/model_source.h"
#include "host/output.h"

/* The files in job->out, malloc'd. */
typedef struct paths {
    char *record, *checkpoint;
} paths;

static ft_status make_paths(const char *out, paths *p, ft_error *err)
{
    p->record = ft_join_path(out, "pretraining.json");
    p->checkpoint = ft_join_path(out, "checkpoint.safetensors");
    return p->record && p->checkpoint ? FT_OK : ft_no_memory(err, "paths", strlen(out));
}

static void free_paths(paths *p)
{
    free(p->record);
    free(p->checkpoint);
}

static void duration(double seconds, char out[32])
{
    if (seconds < 90)
        snprintf(out, 32, "%.0f s", seconds);
    else if (seconds < 5400)
        snprintf(out, 32, "%.0f min", seconds / 60);
    else
        snprintf(out, 32, "%.1f h", seconds / 3600);
}

static void say_report(void *context, const ft_pretrain_report *r)
{
    const ft_engine *engine = context;
    char left[32], validation[48] = "";
    duration(r->done > 0 ? r->seconds * (1 - r->done) / r->done : 0, left);
    if (isfinite(r->val_loss)) snprintf(validation, sizeof validation, "  val_loss %.4f", r->val_loss);
    ft_engine_say(engine, "step %lld  %.1f %%  loss %.4f%s  learning_rate %.2e  %.3g tokens/s  %s left",
                  (long long)r->step, 100 * r->done, r->loss, validation, r->learning_rate,
                  r->tokens_per_second, left);
}

static ft_stop ask_to_stop(void *context)
{
    return ft_engine_stop(context);
}

/* What made the model: enough to make it again. */
static ft_status write_record(const ft_engine *engine, const ft_pretrain_job *job, const char *path,
                              const ft_pretrain_settings *s, const ft_pretrain_result *result, ft_error *err)
{
    cJSON *record = cJSON_CreateObject();
    const char *command = engine->settings.command_line;
    bool ok =
        record &&
        cJSON_AddStringToObject(record, job->size ? "size" : "model", job->size ? job->size : job->model) &&
        cJSON_AddStringToObject(record, "command", command ? command : "") &&
        cJSON_AddStringToObject(record, "version", ft_version()) &&
        cJSON_AddStringToObject(record, "commit", ft_commit()) &&
        cJSON_AddStringToObject(record, "device", engine->backend->device);
    const struct {
        const char *key;
        double value;
    } numbers[] = {
        {"steps", (double)result->steps},      {"tokens", (double)result->tokens},
        {"seconds", result->seconds},          {"loss", result->loss},
        {"val_loss", result->val_loss},        {"batch_size", s->batch_size},
        {"context_length", s->context_length}, {"prediction_length", s->prediction_length},
        {"learning_rate", s->learning_rate},   {"warmup", s->warmup},
        {"weight_decay", s->weight_decay},     {"max_grad_norm", s->max_grad_norm},
        {"dropout", (double)s->dropout},       {"seed", s->seed},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers && ok; i++)
        ok = cJSON_AddItemToObject(record, numbers[i].key, ft_json_number(numbers[i].value));
    ft_status status = ok ? ft_json_write(path, record, err) : ft_no_memory(err, path, 1024);
    cJSON_Delete(record);
    return status;
}

/* The weights to begin with, and the lengths that the model is for. */
static ft_status first_weights(const ft_engine *engine, const ft_pretrain_job *job,
                               ft_pretrain_settings *settings, ft_weights **weights, ft_error *err)
{
    ft_model_config fresh;
    char *directory = NULL;
    ft_status status = job->model ? ft_model_read(engine, job->model, weights, &directory, err)
                                  : ft_config_for_size(job->size, &fresh, err);
    free(directory);
    if (status != FT_OK) return status;
    ft_chronos_config *chronos = job->model ? &(*weights)->config.chronos : &fresh.chronos;
    if (settings->context_length == 0) settings->context_length = chronos->context_length;
    if (settings->prediction_length == 0) settings->prediction_length = chronos->prediction_length;
    chronos->context_length = settings->context_length;
    chronos->prediction_length = settings->prediction_length;
    return job->model ? FT_OK : ft_weights_init(&fresh, settings->seed, weights, err);
}

static ft_status train(ft_engine *engine, const ft_pretrain_job *job, const paths *p,
                       ft_pretrain_result *result, ft_error *err)
{
    ft_pretrain_settings settings = job->settings;
    ft_weights *weights = NULL;
    ft_chronos *chronos = NULL;
    ft_status status = first_weights(engine, job, &settings, &weights, err);
    settings.checkpoint = p->checkpoint;
    settings.stop = ask_to_stop;
    settings.report = say_report;
    settings.context = engine;
    settings.comm = engine->comm;
    if (status == FT_OK) status = ft_chronos_create(engine->backend, weights, true, &chronos, err);
    if (status == FT_OK) status = ft_pretrain(chronos, weights, &settings, result, err);
    /* Tuning drops out what config.json says: as much as the model is used to. */
    if (status == FT_OK) weights->config.dropout_rate = settings.dropout;
    if (status == FT_OK && ft_engine_leads(engine)) {
        status = write_record(engine, job, p->record, &settings, result, err);
        if (status == FT_OK)
            status = job->stores_bf16 ? ft_weights_write_bf16(job->out, weights, NULL, err)
                                      : ft_weights_write(job->out, weights, NULL, err);
        if (status == FT_OK) unlink(p->checkpoint);
    }
    ft_chronos_free(chronos);
    ft_weights_free(weights);
    return status;
}

ft_status ft_run_pretraining(ft_engine *engine, const ft_pretrain_job *job, ft_pretrain_result *result,
                             ft_error *err)
{
    paths p = {0};
    if (!job->size == !job->model)
        return ft_fail(err, FT_BAD_INPUT,
                       "what is to be trained? give --size SIZE for a fresh model, or --model DIR to go on");
    ft_status status = ft_engine_enter(engine, err);
    if (status != FT_OK) return status;
    status = make_paths(job->out, &p, err);
    if (status == FT_OK) status = ft_output_check_absent(job->out, "model.safetensors", err);
    if (status == FT_OK) status = ft_make_directories(job->out, err);
    if (status == FT_OK) status = ft_engine_attach(engine, err);
    if (status == FT_OK) status = train(engine, job, &p, result, err);
    free_paths(&p);
    ft_engine_leave(engine);
    return status;
}
