/* A sweep under way; see run.h. */
#include "host/sweep/run.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "base/version.h"
#include "host/experiment/devices.h"
#include "host/experiment/request_warnings.h"
#include "host/experiment/run_record.h"
#include "host/search/sweep_request.h"
#include "host/sweep/calibration.h"
#include "host/sweep/memory_estimate.h"

enum { DEFAULT_MAX_ADAPTERS = 16, DEFAULT_ETA = 3 };

static int32_t max_adapters(const ft_sweep_request *request)
{
    return request->max_adapters > 0 ? (int32_t)request->max_adapters : DEFAULT_MAX_ADAPTERS;
}

static double eta_of(const ft_sweep_request *request)
{
    return request->eta > 1 ? request->eta : DEFAULT_ETA;
}

static int32_t grace_epochs_of(const ft_sweep_request *request)
{
    return request->grace_epochs > 0 ? (int32_t)request->grace_epochs : 1;
}

void ft_sweep_settle_dtype(ft_sweep *sweep, bool bf16)
{
    const char **dtype = &sweep->engine->settings.dtype;
    if (strcmp(*dtype, "auto") == 0) *dtype = bf16 ? "bf16" : "f32";
}

/* FT_BAD_INPUT if the sweep was begun in bf16 and no device here computes in bf16. */
static ft_status check_bf16(const ft_sweep *sweep, ft_error *err)
{
    int32_t gpus[FT_MOST_GPUS], n_gpus = 0;
    ft_status status = ft_devices_find(sweep->engine->settings.device, gpus, FT_MOST_GPUS, &n_gpus, err);
    if (status != FT_OK || n_gpus > 0 || ft_cpu_takes_bf16()) return status;
    return ft_fail(
        err, FT_BAD_INPUT,
        "sweep \"%s\" was begun in bf16, which takes AVX-512 on a CPU: resume it where it began, or "
        "begin another with --name",
        sweep->run_context.name);
}

/* A resumed sweep keeps the dtype of its plan, whatever `auto` means on this machine.
 * A plan that cannot be read is reported later, when the store is opened. */
static ft_status keep_dtype(ft_sweep *sweep, ft_error *err)
{
    ft_error ignored;
    ft_text path = FT_TEXT_EMPTY;
    cJSON *plan = NULL;
    ft_status status = FT_OK;
    if (strcmp(sweep->engine->settings.dtype, "auto") != 0) return FT_OK;
    ft_text_addf(&path, "%s/.sweeps/%s/plan.json", sweep->engine->settings.results, sweep->run_context.name);
    if (path.failed) return ft_no_memory(err, "a path", strlen(sweep->run_context.name));
    if (ft_json_read(path.data, &plan, &ignored) == FT_OK) {
        const char *dtype = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(plan, "dtype"));
        const bool bf16 = dtype && strcmp(dtype, "bf16") == 0;
        if (dtype) ft_sweep_settle_dtype(sweep, bf16);
        if (bf16) status = check_bf16(sweep, err);
        cJSON_Delete(plan);
    }
    ft_text_free(&path);
    return status;
}

ft_status ft_sweep_open(ft_engine *engine, const ft_sweep_request *request, ft_sweep *sweep, ft_error *err)
{
    *sweep = (ft_sweep){.engine = engine, .request = request, .asked_dtype = engine->settings.dtype};
    ft_status status = ft_scheduler_kind_parse(request->scheduler, &sweep->scheduling, err);
    if (status == FT_OK) status = ft_sweep_configurations(request, &sweep->grid, err);
    status = ft_comm_agree(engine->launcher, status, NULL, err);
    if (status == FT_OK)
        status = ft_run_context_open(engine, &request->base, sweep->grid.configs, sweep->grid.count,
                                     &sweep->run_context, err);
    if (status == FT_OK) status = keep_dtype(sweep, err);
    if (status == FT_OK) ft_request_warn_overridden(engine, &request->base, &sweep->grid);
    if (status == FT_OK) status = ft_request_warn_repeated(engine, &sweep->grid, err);
    if (status != FT_OK) ft_sweep_close(sweep);
    return status;
}

void ft_sweep_close(ft_sweep *sweep)
{
    if (sweep->engine) sweep->engine->settings.dtype = sweep->asked_dtype;
    ft_scheduler_free(sweep->scheduler);
    ft_sweep_store_close(sweep->store);
    free(sweep->pruning_states);
    free(sweep->is_own);
    ft_plan_free(&sweep->plan);
    ft_run_context_close(&sweep->run_context);
    ft_grid_free(&sweep->grid);
    *sweep = (ft_sweep){0};
}

/* What limits the width of a batch. */
typedef struct width_limits {
    const ft_sweep *sweep;
    const ft_sweep_device *device;
} width_limits;

static ft_status slots_that_fit(void *context, const ft_hyperparameters *const *configs, size_t count,
                                int32_t *slots, ft_error *err)
{
    const width_limits *limits = context;
    const ft_sweep_request *request = limits->sweep->request;
    int32_t most = max_adapters(request);
    /* Unless the user asked for a width, no wider than makes the device faster. */
    if (request->max_adapters == 0) {
        int32_t busy =
            ft_memory_estimate_busy_slots(configs, count, limits->device->ranks, limits->device->busy_rows);
        most = busy < most ? busy : most;
    }
    return ft_memory_estimate_slots(&limits->sweep->run_context, limits->device->bf16,
                                    limits->device->is_gpu ? 0 : FT_CPU_PASS_ROWS, configs, count, most,
                                    limits->device->ranks, limits->device->memory_bytes, slots, err);
}

/* Adds the plan's batches, [first trajectory, count, slots] each. */
static bool add_batches(cJSON *object, const ft_plan *plan)
{
    cJSON *batches = cJSON_AddArrayToObject(object, "batches");
    bool ok = batches != NULL;
    for (size_t i = 0; i < plan->n_batches && ok; i++) {
        const ft_plan_batch *batch = &plan->batches[i];
        const double v[] = {(double)batch->first, (double)batch->count, (double)batch->slots};
        ok = cJSON_AddItemToArray(batches, cJSON_CreateDoubleArray(v, 3));
    }
    return ok;
}

/* How the data files were read and split, which their hash does not cover: the
 * columns, the counts of dates and values, and the rows of each split over all series. */
static bool add_reading(cJSON *object, const ft_dataset *dataset)
{
    double rows[3] = {0};
    char checksum[24];
    snprintf(checksum, sizeof checksum, "crc32:%08x", (unsigned)dataset->rows_checksum);
    for (size_t i = 0; i < dataset->n_items; i++)
        for (int s = 0; s < 3; s++)
            rows[s] += (double)(dataset->items[i].split_start[s + 1] - dataset->items[i].split_start[s]);
    return cJSON_AddStringToObject(object, "target", dataset->target) &&
           cJSON_AddStringToObject(object, "timestamp", dataset->timestamp_name) &&
           cJSON_AddStringToObject(object, "id", dataset->id_name ? dataset->id_name : "") &&
           cJSON_AddItemToObject(object, "split_rows", cJSON_CreateDoubleArray(rows, 3)) &&
           cJSON_AddStringToObject(object, "rows_hash", checksum);
}

/* Everything that decides the results, to be compared when the sweep is resumed:
 * {data_hash, model_hash, ..., base, keys, configurations}, and the batches. A
 * configuration is its values of `keys` in one text, which takes a quarter of the
 * memory of a list. The caller owns it; NULL when memory runs out. */
static cJSON *describe_plan(const ft_sweep *sweep, const ft_sweep_device *device)
{
    const ft_run_context *run_context = &sweep->run_context;
    const ft_sweep_request *request = sweep->request;
    const ft_grid *grid = &sweep->grid;
    char model[24], data[24];
    ft_hyperparameters base;
    ft_error ignored;
    ft_text values = FT_TEXT_EMPTY;
    snprintf(model, sizeof model, "crc32:%08x", (unsigned)run_context->weights->checksum);
    snprintf(data, sizeof data, "crc32:%08x", (unsigned)run_context->dataset.checksum);
    cJSON *plan = cJSON_CreateObject();
    bool ok = plan && ft_sweep_base_config(&request->base, &base, &ignored) == FT_OK &&
              cJSON_AddNumberToObject(plan, "schema_version", FT_SWEEP_SCHEMA) &&
              cJSON_AddStringToObject(plan, "ftgpu_version", ft_version()) &&
              cJSON_AddStringToObject(plan, "data_hash", data) &&
              cJSON_AddStringToObject(plan, "model_hash", model) &&
              add_reading(plan, &run_context->dataset) &&
              cJSON_AddStringToObject(plan, "dtype", device->bf16 ? "bf16" : "f32") &&
              cJSON_AddNumberToObject(plan, "season", (double)run_context->season) &&
              cJSON_AddNumberToObject(plan, "eval_windows", (double)run_context->eval_windows) &&
              cJSON_AddNumberToObject(plan, "eval_samples", (double)run_context->eval_samples) &&
              cJSON_AddStringToObject(plan, "scheduler", request->scheduler ? request->scheduler : "none") &&
              cJSON_AddNumberToObject(plan, "eta", eta_of(request)) &&
              cJSON_AddNumberToObject(plan, "grace_epochs", grace_epochs_of(request)) &&
              cJSON_AddItemToObject(plan, "hyperparameters", ft_hyperparameters_to_json(&base)) &&
              cJSON_AddNumberToObject(plan, "trajectories", (double)sweep->plan.n_trajectories);
    cJSON *keys = ok ? cJSON_AddArrayToObject(plan, "keys") : NULL;
    cJSON *configurations = keys ? cJSON_AddArrayToObject(plan, "configurations") : NULL;
    ok = configurations != NULL;
    for (size_t k = 0; k < grid->n_keys && ok; k++)
        ok = cJSON_AddItemToArray(keys, cJSON_CreateString(grid->keys[k]->name));
    for (size_t i = 0; i < grid->count && ok; i++) {
        values.length = 0;
        ft_text_add(&values, "");
        for (size_t k = 0; k < grid->n_keys; k++) {
            if (k > 0) ft_text_add(&values, ",");
            ft_field_to_text(grid->keys[k], &grid->configs[i], &values);
        }
        ok = !values.failed && cJSON_AddItemToArray(configurations, cJSON_CreateString(values.data));
    }
    ft_text_free(&values);
    if (ok && add_batches(plan, &sweep->plan)) return plan;
    cJSON_Delete(plan);
    return NULL;
}

static bool says(const cJSON *object, const char *key, const char *text)
{
    const char *value = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
    return value && strcmp(value, text) == 0;
}

static bool counts(const cJSON *object, const char *key, int64_t number)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsNumber(value) && value->valuedouble == (double)number;
}

/* Whether a result on disk comes from this configuration, model and data, trained and
 * evaluated as they would be now. */
static bool is_result_of(const void *context, size_t index, const cJSON *result)
{
    const ft_sweep *sweep = context;
    const ft_run_context *run_context = &sweep->run_context;
    const cJSON *run = cJSON_GetObjectItemCaseSensitive(result, "run");
    char model[FT_HASH_CHARS], data[FT_HASH_CHARS], rows[FT_HASH_CHARS];
    cJSON *wanted = ft_hyperparameters_to_json(&sweep->grid.configs[index]);
    bool is_pruned = cJSON_HasObjectItem(run, "pruned_at_epoch");
    bool is_same =
        wanted && cJSON_Compare(cJSON_GetObjectItemCaseSensitive(result, "hyperparams"), wanted, true) &&
        says(run, "model_hash", ft_hash_text(run_context->weights->checksum, model)) &&
        says(run, "data_hash", ft_hash_text(run_context->dataset.checksum, data)) &&
        says(run, "rows_hash", ft_hash_text(run_context->dataset.rows_checksum, rows)) &&
        says(run, "target", sweep->request->base.target) && says(run, "ftgpu_version", ft_version()) &&
        says(run, "dtype", sweep->bf16 ? "bf16" : "f32") && counts(run, "season", run_context->season) &&
        counts(run, "eval_windows", run_context->eval_windows) &&
        counts(run, "eval_samples", run_context->eval_samples) &&
        (!is_pruned || sweep->scheduling != FT_SCHEDULER_NONE);
    cJSON_Delete(wanted);
    return is_same;
}

static void note_decision(ft_sweep *sweep, const ft_pruning_decision *decision)
{
    ft_pruning_state *known = &sweep->pruning_states[decision->trajectory];
    if (decision->epoch > known->epochs) known->epochs = decision->epoch;
    if (decision->pruned)
        known->pruned_at = decision->epoch;
    else if (known->pruned_at == decision->epoch)
        known->pruned_at = 0;
}

static ft_status open_scheduler(ft_sweep *sweep, ft_error *err)
{
    const ft_sweep_request *request = sweep->request;
    if (sweep->scheduling == FT_SCHEDULER_NONE) return FT_OK;
    sweep->pruning_states = calloc(sweep->plan.n_trajectories + 1, sizeof *sweep->pruning_states);
    if (!sweep->pruning_states)
        return ft_no_memory(err, "the scheduler", sweep->plan.n_trajectories * sizeof *sweep->pruning_states);
    ft_status status = ft_scheduler_create(sweep->scheduling, eta_of(request), grace_epochs_of(request),
                                           sweep->plan.n_trajectories, &sweep->scheduler, err);
    size_t n = 0;
    const ft_pruning_decision *known = ft_sweep_store_pruning_decisions(sweep->store, &n);
    for (size_t i = 0; i < n && status == FT_OK; i++) {
        note_decision(sweep, &known[i]);
        if (sweep->is_own[known[i].trajectory])
            status = ft_scheduler_add(sweep->scheduler, known[i].trajectory, known[i].epoch,
                                      known[i].val_loss, err);
    }
    ft_sweep_store_drop_pruning_decisions(sweep->store);
    return status;
}

static ft_shard shard_of(const ft_sweep_request *request)
{
    return (ft_shard){(int32_t)request->shard, (int32_t)request->n_shards};
}

/* Sets is_own: which trajectories belong to this process's shard. */
static ft_status find_own(ft_sweep *sweep, ft_error *err)
{
    size_t n = 0;
    const ft_sweep_batch *batches = ft_sweep_store_batches(sweep->store, &n);
    sweep->is_own = calloc(sweep->plan.n_trajectories + 1, sizeof *sweep->is_own);
    if (!sweep->is_own) return ft_no_memory(err, "the plan", sweep->plan.n_trajectories);
    for (size_t b = 0; b < n; b++)
        for (size_t i = 0; i < batches[b].count && ft_sweep_store_owns(sweep->store, b); i++)
            sweep->is_own[batches[b].trajectories[i]] = true;
    return FT_OK;
}

/* Counts the configurations of one trajectory. If it was pruned, its shorter members
 * had finished before. */
static void count_trajectory(const ft_sweep *sweep, size_t trajectory, ft_sweep_summary *summary)
{
    const ft_trajectory *t = &sweep->plan.trajectories[trajectory];
    const int32_t pruned_at = sweep->pruning_states ? sweep->pruning_states[trajectory].pruned_at : 0;
    for (size_t k = 0; k < t->count; k++) {
        size_t member = sweep->plan.members[t->first + k];
        bool is_done = ft_sweep_store_done(sweep->store, member) != NULL;
        summary->all_done += is_done;
        if (!sweep->is_own[trajectory]) continue;
        summary->configurations++;
        summary->done += is_done;
        bool has_failed = ft_sweep_store_failed(sweep->store, member);
        summary->failed += has_failed;
        summary->pruned +=
            is_done && !has_failed && pruned_at > 0 && sweep->grid.configs[member].epochs > pruned_at;
    }
}

static void count_configurations(const ft_sweep *sweep, ft_sweep_summary *summary)
{
    *summary = (ft_sweep_summary){.all = sweep->grid.count, .resumed = sweep->resumed};
    for (size_t t = 0; t < sweep->plan.n_trajectories; t++) count_trajectory(sweep, t, summary);
}

ft_status ft_sweep_summarize(ft_sweep *sweep, ft_sweep_summary *summary, ft_error *err)
{
    ft_status status = ft_sweep_store_refresh(sweep->store, err);
    count_configurations(sweep, summary);
    return status;
}

ft_status ft_sweep_measure(const ft_sweep *sweep, ft_sweep_device *device, ft_error *err)
{
    if (sweep->request->max_adapters > 0 || sweep->plan.n_batches > 0) return FT_OK;
    return ft_calibrate(sweep->engine->backend, &sweep->run_context.weights->config, &device->busy_rows, err);
}

ft_status ft_sweep_make_plan(ft_sweep *sweep, const ft_sweep_device *device, ft_error *err)
{
    width_limits limits = {sweep, device};
    const ft_shard shard = shard_of(sweep->request);
    ft_plan_settings settings = {.max_adapters = max_adapters(sweep->request),
                                 .n_workers = device->n_workers * (shard.count > 0 ? shard.count : 1),
                                 .slots = slots_that_fit,
                                 .context = &limits};
    return ft_plan_make(sweep->grid.configs, sweep->grid.count, &settings, &sweep->plan, err);
}

void ft_sweep_tell(const ft_sweep *sweep, const ft_event *event)
{
    const ft_grid *grid = &sweep->grid;
    ft_event whole = *event;
    ft_text varies = FT_TEXT_EMPTY;
    for (size_t k = 0; k < grid->n_keys && event->configuration > 0; k++) {
        ft_text_addf(&varies, "%s%s=", k ? " " : "", grid->keys[k]->name);
        ft_field_to_text(grid->keys[k], &grid->configs[event->configuration - 1], &varies);
    }
    whole.configurations = grid->count;
    whole.what_varies = varies.data && !varies.failed ? varies.data : "";
    ft_engine_tell(sweep->engine, &whole);
    ft_text_free(&varies);
}

/* The epochs that this process still has to train. */
static int64_t epochs_left(const ft_sweep *sweep)
{
    int64_t epochs = 0;
    for (size_t t = 0; t < sweep->plan.n_trajectories; t++)
        if (sweep->is_own[t] && !ft_sweep_is_trained(sweep, t))
            epochs += sweep->grid.configs[ft_plan_trained(&sweep->plan, t)].epochs;
    return epochs;
}

static void tell_start(const ft_sweep *sweep, const ft_sweep_summary *there)
{
    const ft_event event = {.kind = FT_EVENT_SWEEP,
                            .own = there->configurations,
                            .done = there->done,
                            .failed = there->failed,
                            .pruned = there->pruned,
                            .epochs = epochs_left(sweep)};
    ft_sweep_tell(sweep, &event);
}

ft_status ft_sweep_start(ft_sweep *sweep, const ft_sweep_device *device, ft_error *err)
{
    const ft_shard shard = shard_of(sweep->request);
    ft_status status = ft_sweep_make_plan(sweep, device, err);
    if (status != FT_OK) return status;
    sweep->bf16 = device->bf16;
    cJSON *plan = describe_plan(sweep, device);
    status = plan ? ft_sweep_store_open(sweep->engine->settings.results, sweep->run_context.name, shard, plan,
                                        is_result_of, sweep, &sweep->store, err)
                  : ft_no_memory(err, "the plan", sweep->grid.count * 64);
    cJSON_Delete(plan);
    if (status == FT_OK) status = find_own(sweep, err);
    if (status == FT_OK) status = open_scheduler(sweep, err);
    if (status == FT_OK) status = ft_sweep_tidy(sweep, err);
    if (status != FT_OK) return status;
    for (size_t i = 0; ft_sweep_store_remark(sweep->store, i); i++)
        ft_engine_say(sweep->engine, "%s", ft_sweep_store_remark(sweep->store, i));
    ft_sweep_summary there;
    count_configurations(sweep, &there);
    sweep->resumed = there.done;
    sweep->report.is_stale = there.all_done > 0;
    tell_start(sweep, &there);
    if (there.configurations == 0)
        ft_engine_say(sweep->engine, "shard %d/%d has none of the %zu experiments", (int)shard.index,
                      (int)shard.count, sweep->grid.count);
    else if (there.done > 0)
        ft_engine_say(sweep->engine, "resuming: %zu of %zu experiments are done", there.done,
                      there.configurations);
    return FT_OK;
}

bool ft_sweep_is_trained(const ft_sweep *sweep, size_t trajectory)
{
    const ft_trajectory *t = &sweep->plan.trajectories[trajectory];
    for (size_t k = 0; k < t->count; k++)
        if (!ft_sweep_store_done(sweep->store, sweep->plan.members[t->first + k])) return false;
    return true;
}

bool ft_sweep_is_over(const ft_sweep *sweep, size_t batch)
{
    size_t n = 0;
    const ft_sweep_batch *b = &ft_sweep_store_batches(sweep->store, &n)[batch];
    if (!ft_sweep_store_owns(sweep->store, batch)) return true;
    for (size_t i = 0; i < b->count && !b->is_split; i++)
        if (!ft_sweep_is_trained(sweep, b->trajectories[i])) return false;
    return true;
}

static bool batch_is_over(void *context, size_t batch)
{
    return ft_sweep_is_over(context, batch);
}

ft_status ft_sweep_tidy(ft_sweep *sweep, ft_error *err)
{
    return ft_sweep_store_tidy(sweep->store, batch_is_over, sweep, err);
}

ft_status ft_sweep_begin_record(ft_sweep *sweep, size_t configuration, const char *experiment_id,
                                ft_error *err)
{
    return ft_sweep_store_start(sweep->store, configuration, experiment_id, err);
}

ft_status ft_sweep_finish_record(ft_sweep *sweep, size_t configuration, const ft_outcome *outcome,
                                 ft_error *err)
{
    ft_status status =
        ft_sweep_store_finish(sweep->store, configuration, outcome->experiment_id, outcome->failed, err);
    sweep->report.is_stale = true;
    if (status != FT_OK) return status;
    const ft_event event = {
        .kind = FT_EVENT_FINISHED, .configuration = configuration + 1, .outcome = outcome};
    ft_sweep_tell(sweep, &event);
    if (sweep->request->finished) sweep->request->finished(sweep->request->context, outcome);
    return FT_OK;
}

ft_status ft_sweep_judge(ft_sweep *sweep, const size_t *trajectories, const ft_epoch *epochs, int32_t n,
                         bool *pruned, ft_error *err)
{
    ft_status status = FT_OK;
    if (sweep->scheduling == FT_SCHEDULER_NONE) return FT_OK;
    ft_pruning_decision *fresh = malloc((size_t)n * sizeof *fresh);
    if (!fresh) return ft_no_memory(err, "the scheduler", (size_t)n * sizeof *fresh);
    size_t n_fresh = 0;
    for (int32_t k = 0; k < n && status == FT_OK; k++)
        status =
            ft_scheduler_add(sweep->scheduler, trajectories[k], epochs[k].epoch, epochs[k].val_loss, err);
    for (int32_t k = 0; k < n && status == FT_OK; k++) {
        size_t t = trajectories[k];
        int32_t epoch = epochs[k].epoch;
        if (epoch <= sweep->pruning_states[t].epochs) {
            pruned[k] = sweep->pruning_states[t].pruned_at == epoch;
            continue;
        }
        pruned[k] = ft_scheduler_prunes(sweep->scheduler, t, epoch);
        fresh[n_fresh++] = (ft_pruning_decision){t, epoch, epochs[k].val_loss, pruned[k]};
        note_decision(sweep, &fresh[n_fresh - 1]);
    }
    if (status == FT_OK) status = ft_sweep_store_judge(sweep->store, fresh, n_fresh, err);
    free(fresh);
    return status;
}

ft_status ft_sweep_split(ft_sweep *sweep, size_t batch, bool *is_split, ft_error *err)
{
    size_t n = 0, left = 0;
    const ft_sweep_batch *b = &ft_sweep_store_batches(sweep->store, &n)[batch];
    size_t *trajectories = malloc(b->count * sizeof *trajectories);
    if (!trajectories) return ft_no_memory(err, "a batch", b->count * sizeof *trajectories);
    for (size_t i = 0; i < b->count; i++)
        if (!ft_sweep_is_trained(sweep, b->trajectories[i])) trajectories[left++] = b->trajectories[i];
    *is_split = left > 1;
    ft_status status = *is_split ? ft_sweep_store_split(sweep->store, batch, trajectories, left, err) : FT_OK;
    free(trajectories);
    return status;
}
