/* A sweep's plan before anything is trained; see dry_run.h. */
#include "host/dry_run.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "host/bench/bench.h"
#include "host/experiment/devices.h"
#include "host/search/train_config.h"
#include "host/sweep/memory_estimate.h"
#include "host/workers/process_pool.h"
#include "host/workers/rank_group.h"
#include "model/flops.h"

/* Parts of the matrix rate that passes reach: attention less than the rest, for its
 * exponentials and random numbers (`ftgpu bench train`, sizes nano to small). */
static const double REACHED = 0.75, REACHED_BY_ATTENTION = 0.4;

/* FLOP/s of the feed-forward product. */
static ft_status measure_rate(const ft_sweep *sweep, double *rate, ft_error *err)
{
    const ft_model_config *config = &sweep->run_context.weights->config;
    ft_bench_product product = {
        .name = "wi", .rows = 2048, .in_features = config->d_model, .out_features = config->d_ff};
    ft_status status = ft_bench_measure(sweep->engine->backend, &product, err);
    *rate = product.forward < product.backward ? product.forward : product.backward;
    return status;
}

static double seconds_of(const ft_flops *flops, double rate)
{
    double attention = flops->attention_forward + flops->attention_backward;
    return attention / (REACHED_BY_ATTENTION * rate) + (ft_flops_total(flops) - attention) / (REACHED * rate);
}

/* Windows that start at rows first, first + stride, ... up to last, and the mean
 * length of their contexts. */
typedef struct window_count {
    double windows, mean_context;
} window_count;

static window_count count_windows(double first, double last, double stride, double context_length)
{
    if (last < first) return (window_count){0, 0};
    double windows = floor((last - first) / stride) + 1;
    double shorter = floor((context_length - first) / stride);
    shorter = fmin(fmax(shorter, 0), windows);
    double mean_of_shorter = first + (shorter - 1) / 2 * stride;
    return (window_count){windows,
                          (shorter * mean_of_shorter + (windows - shorter) * context_length) / windows};
}

/* The steps of a configuration, without the windows that a shift moves over an edge,
 * and its val_losses. */
static double train_seconds(const ft_run_context *run_context, const ft_hyperparameters *config, double rate)
{
    ft_adapter_spec spec = ft_adapter_spec_of(config);
    double seconds = 0, length = (double)config->prediction_length, context = (double)config->context_length;
    for (size_t i = 0; i < run_context->dataset.n_items; i++) {
        const int64_t *start = run_context->series[i].split_start;
        window_count trained =
            count_windows(length, (double)start[1] - length, (double)ft_window_stride(config), context);
        window_count validated = count_windows((double)start[1], (double)start[2] - 1, length, context);
        ft_flops step = ft_flops_train_step(&run_context->weights->config, &spec, 1,
                                            (int64_t)trained.mean_context + 1, config->prediction_length + 1);
        ft_flops loss =
            ft_flops_train_step(&run_context->weights->config, &spec, 1, (int64_t)validated.mean_context + 1,
                                config->prediction_length + 1);
        loss.projections_backward = loss.attention_backward = 0;
        loss.head /= 2;
        loss.lora /= 3;
        seconds += trained.windows * seconds_of(&step, rate) +
                   fmin(validated.windows, (double)run_context->eval_windows) * seconds_of(&loss, rate);
    }
    return seconds * (double)config->epochs;
}

/* Forecasts over the three splits. */
static double evaluation_seconds(const ft_run_context *run_context, const ft_hyperparameters *config,
                                 double rate)
{
    const ft_model_config *model = &run_context->weights->config;
    double seconds = 0, length = (double)config->prediction_length;
    const ft_flops one = ft_flops_forecast(model, 1, (int32_t)run_context->eval_samples,
                                           config->context_length + 1, config->prediction_length);
    for (int split = 0; split < FT_N_SPLITS; split++) {
        double windows = 0;
        for (size_t i = 0; i < run_context->dataset.n_items; i++) {
            const int64_t *start = run_context->series[i].split_start;
            windows +=
                count_windows((double)start[split], (double)start[split + 1] - 1, length, length).windows;
        }
        seconds += fmin(windows, (double)run_context->eval_windows) * seconds_of(&one, rate);
    }
    return seconds;
}

/* Of all configurations: a forecast takes what its lengths say, which most
 * configurations share with the one before. */
static double all_evaluation_seconds(const ft_sweep *sweep, double rate)
{
    const ft_hyperparameters *configs = sweep->grid.configs;
    double all = 0, one = 0;
    for (size_t i = 0; i < sweep->grid.count; i++) {
        if (i == 0 || configs[i].context_length != configs[i - 1].context_length ||
            configs[i].prediction_length != configs[i - 1].prediction_length)
            one = evaluation_seconds(&sweep->run_context, &configs[i], rate);
        all += one;
    }
    return all;
}

static ft_status batch_bytes(const ft_sweep *sweep, const ft_plan_batch *batch, int32_t ranks, double *bytes,
                             ft_error *err)
{
    const ft_hyperparameters **configs = malloc(batch->count * sizeof *configs);
    size_t needed = 0;
    if (!configs) return ft_no_memory(err, "the plan", batch->count * sizeof *configs);
    for (size_t i = 0; i < batch->count; i++)
        configs[i] = &sweep->grid.configs[ft_plan_trained(&sweep->plan, batch->first + i)];
    ft_status status = ft_memory_estimate_bytes(&sweep->run_context, sweep->engine->backend->bf16,
                                                sweep->engine->backend->pass_rows, configs, batch->count,
                                                batch->slots, ranks, &needed, err);
    free(configs);
    *bytes = (double)needed;
    return status;
}

/* [[configuration, ...], ...] of a batch. */
static bool add_trajectories(cJSON *object, const ft_plan *plan, const ft_plan_batch *batch)
{
    cJSON *list = cJSON_AddArrayToObject(object, "trajectories");
    bool ok = list != NULL;
    for (size_t i = 0; i < batch->count && ok; i++) {
        const ft_trajectory *t = &plan->trajectories[batch->first + i];
        cJSON *members = cJSON_CreateArray();
        ok = members && cJSON_AddItemToArray(list, members);
        for (size_t k = 0; k < t->count && ok; k++)
            ok = cJSON_AddItemToArray(members, cJSON_CreateNumber((double)plan->members[t->first + k] + 1));
    }
    return ok;
}

static ft_status describe(const ft_sweep *sweep, double rate, const ft_sweep_device *device, cJSON **out,
                          ft_error *err)
{
    const ft_plan *plan = &sweep->plan;
    cJSON *o = cJSON_CreateObject();
    bool ok = o && cJSON_AddNumberToObject(o, "n_configurations", (double)plan->n_members) &&
              cJSON_AddNumberToObject(o, "n_trajectories", (double)plan->n_trajectories) &&
              cJSON_AddNumberToObject(o, "n_batches", (double)plan->n_batches);
    cJSON *batches = ok ? cJSON_AddArrayToObject(o, "batches") : NULL;
    double all_seconds = 0, at_work = fmin(device->n_workers, (double)plan->n_batches);
    ft_status status = FT_OK;
    ok = batches != NULL;
    for (size_t b = 0; b < plan->n_batches && ok && status == FT_OK; b++) {
        const ft_plan_batch *batch = &plan->batches[b];
        double bytes = 0, seconds = 0;
        status = batch_bytes(sweep, batch, device->ranks, &bytes, err);
        for (size_t i = 0; i < batch->count; i++)
            seconds += train_seconds(&sweep->run_context,
                                     &sweep->grid.configs[ft_plan_trained(plan, batch->first + i)], rate);
        all_seconds += seconds;
        cJSON *one = cJSON_CreateObject();
        ok = one && cJSON_AddItemToArray(batches, one) &&
             cJSON_AddNumberToObject(one, "batch", (double)b + 1) &&
             cJSON_AddNumberToObject(one, "slots", batch->slots) &&
             cJSON_AddNumberToObject(one, "memory_bytes", bytes) &&
             cJSON_AddNumberToObject(one, "train_seconds", seconds) && add_trajectories(one, plan, batch);
    }
    ok = ok && cJSON_AddNumberToObject(o, "train_seconds", all_seconds / at_work) &&
         cJSON_AddNumberToObject(o, "evaluation_seconds", all_evaluation_seconds(sweep, rate) / at_work);
    if (status == FT_OK && !ok) status = ft_no_memory(err, "the plan", plan->n_members * 64);
    if (status == FT_OK)
        *out = o;
    else
        cJSON_Delete(o);
    return status;
}

/* Who would train. */
static ft_sweep_device devices_of(const ft_engine *engine, const ft_sweep_request *request, int32_t n_gpus)
{
    int64_t k = request->base.gpus_per_experiment;
    int32_t ranks = k > 1 ? (int32_t)k : engine->launcher ? engine->launcher->size : 1;
    int64_t workers = request->workers > 0 ? request->workers : n_gpus > 0 ? n_gpus / ranks : 1;
    return (ft_sweep_device){
        .is_gpu = n_gpus > 0, .n_workers = engine->launcher ? 1 : (int32_t)workers, .ranks = ranks};
}

/* Opens one of the devices, as its worker would. */
static ft_status open_device(const ft_sweep *sweep, ft_sweep_device *device, ft_error *err)
{
    ft_engine *engine = sweep->engine;
    if (!device->is_gpu)
        engine->settings.threads = ft_process_pool_threads(&engine->settings, device->n_workers);
    ft_status status = ft_engine_attach(engine, err);
    if (status != FT_OK) return status;
    device->bf16 = engine->backend->bf16;
    device->memory_bytes = engine->backend->memory_bytes / (size_t)(device->is_gpu ? 1 : device->n_workers);
    return ft_sweep_measure(sweep, device, err);
}

ft_status ft_dry_run(ft_engine *engine, const ft_sweep_request *request, ft_sweep *sweep, cJSON **figures,
                     ft_error *err)
{
    *figures = NULL;
    int32_t gpus[FT_MOST_GPUS], n_gpus = 0;
    double rate = 1;
    ft_status status = ft_devices_find(engine->settings.device, gpus, FT_MOST_GPUS, &n_gpus, err);
    if (status == FT_OK)
        status =
            ft_rank_group_check(engine, request->base.gpus_per_experiment, n_gpus, request->workers, err);
    if (status == FT_OK) status = ft_sweep_open(engine, request, sweep, err);
    if (status != FT_OK) return status;
    ft_sweep_device device = devices_of(engine, request, n_gpus);
    status = open_device(sweep, &device, err);
    if (status == FT_OK) status = ft_sweep_make_plan(sweep, &device, err);
    if (status == FT_OK) status = measure_rate(sweep, &rate, err);
    /* as if nothing were lost in between */
    if (request->base.gpus_per_experiment > 1) rate *= device.ranks;
    if (status == FT_OK) status = describe(sweep, rate, &device, figures, err);
    if (status != FT_OK) ft_sweep_close(sweep);
    return status;
}
