/* One experiment, by the public interface; see ftgpu.h. */
#include "host/experiment/devices.h"
#include "host/experiment/record.h"
#include "host/experiment/request_warnings.h"
#include "host/search/sweep_request.h"
#include "host/workers/mpi_ranks.h"
#include "host/workers/rank_group.h"
#include "host/workers/worker.h"

/* What a run of its own keeps: no journal, the outcome. */
typedef struct lone_run {
    const ft_engine *engine;
    ft_outcome *outcome;
} lone_run;

static bool lone_is_recorded(void *context, size_t configuration)
{
    (void)context;
    (void)configuration;
    return false;
}

static ft_status lone_begin(void *context, size_t configuration, const char *experiment_id, ft_error *err)
{
    (void)context;
    (void)configuration;
    (void)experiment_id;
    (void)err;
    return FT_OK;
}

static void lone_tell(void *context, const ft_event *event)
{
    ft_event whole = *event;
    whole.what_varies = "";
    ft_engine_tell(((lone_run *)context)->engine, &whole);
}

static ft_status lone_finish(void *context, size_t configuration, const ft_outcome *outcome, ft_error *err)
{
    (void)err;
    const ft_event event = {
        .kind = FT_EVENT_FINISHED, .configuration = configuration + 1, .outcome = outcome};
    *((lone_run *)context)->outcome = *outcome;
    lone_tell(context, &event);
    return FT_OK;
}

static ft_stop lone_stop(void *context)
{
    return ft_engine_stop(((lone_run *)context)->engine);
}

/* What a process of the rank group has that records the experiment, or follows. */
typedef struct experiment {
    ft_run_context *run_context;
    const ft_job *job;
} experiment;

/* The life of the others, where several GPUs train the experiment. */
static void follow(void *context, ft_channel *leader)
{
    const experiment *e = context;
    ft_error err = {""};
    const ft_worker_callbacks callbacks = ft_follower_callbacks(e->run_context->engine);
    ft_status status = ft_run_context_attach(e->run_context, &err);
    status = ft_rank_group_follow(e->run_context->engine, leader, status, &err);
    if (status == FT_OK) ft_worker_train(e->run_context, e->job, &callbacks, &err);
}

/* Opens the device, and with it those that are to train together. */
static ft_status open_devices(experiment *e, ft_rank_group **group, ft_error *err)
{
    ft_engine *engine = e->run_context->engine;
    int64_t k = e->run_context->request->gpus_per_experiment;
    *group = NULL;
    if (k <= 1) return ft_run_context_attach(e->run_context, err);
    int32_t gpus[FT_MOST_GPUS], n_gpus = 0;
    char names[FT_MOST_GPUS][FT_DEVICE_NAME];
    const char *devices[FT_MOST_GPUS];
    ft_status status = ft_devices_find(engine->settings.device, gpus, FT_MOST_GPUS, &n_gpus, err);
    if (status == FT_OK) status = ft_rank_group_check(engine, k, n_gpus, 1, err);
    if (status == FT_OK && engine->backend)
        status =
            ft_fail(err, FT_BAD_INPUT, "--gpus-per-experiment: the engine has opened its device already");
    if (status != FT_OK) return status;
    for (int64_t i = 0; i < k; i++) {
        ft_device_name(gpus[i], names[i]);
        devices[i] = names[i];
    }
    const ft_rank_group_settings settings = {.devices = devices,
                                             .size = (int32_t)k,
                                             .descriptor = -1,
                                             .follow = follow,
                                             .context = e,
                                             .connect = ft_rank_group_connect_nccl};
    const char *named = engine->settings.device;
    status = ft_rank_group_start(engine, &settings, group, err);
    if (status == FT_OK) status = ft_run_context_attach(e->run_context, err);
    engine->settings.device = named;
    return status == FT_OK ? ft_rank_group_join(*group, err) : status;
}

static ft_status run_experiment(ft_engine *engine, const ft_experiment_request *request, ft_outcome *outcome,
                                ft_error *err)
{
    ft_hyperparameters config;
    ft_run_context run_context;
    ft_status status = ft_sweep_base_config(request, &config, err);
    if (status == FT_OK) status = ft_run_context_open(engine, request, &config, 1, &run_context, err);
    if (status != FT_OK) return status;
    ft_request_warn_overridden(engine, request, NULL);
    lone_run run = {engine, outcome};
    bool leads = ft_engine_leads(engine);
    const ft_worker_callbacks callbacks =
        leads ? (ft_worker_callbacks){&run, lone_is_recorded, lone_begin, lone_finish,
                                      NULL, lone_stop,        lone_tell}
              : ft_follower_callbacks(engine);
    size_t zero = 0;
    ft_trajectory trajectory = {0, 1};
    const ft_plan plan = {.members = &zero, .n_members = 1, .trajectories = &trajectory, .n_trajectories = 1};
    const ft_job job = {.configs = &config,
                        .n_configs = 1,
                        .plan = &plan,
                        .trajectories = &zero,
                        .n_trajectories = 1,
                        .slots = 1};
    *outcome = (ft_outcome){0};
    experiment e = {&run_context, &job};
    ft_rank_group *group = NULL;
    status = open_devices(&e, &group, err);
    if (status == FT_OK) status = ft_worker_train(&run_context, &job, &callbacks, err);
    if (status == FT_NO_MEMORY && run_context.base && leads) {
        const ft_error why = *err;
        status = ft_record_failure(&run_context, &config, NULL, why.message, &callbacks, outcome, err);
    }
    if (status == FT_OK && outcome->failed)
        status = ft_fail(err, FT_FAILED, "%s: %s", outcome->experiment_id, outcome->error);
    ft_rank_group_end(group);
    ft_run_context_close(&run_context);
    return ft_mpi_ranks_share_results(engine, status, outcome, sizeof *outcome, err);
}

ft_status ft_run_experiment(ft_engine *engine, const ft_experiment_request *request, ft_outcome *outcome,
                            ft_error *err)
{
    ft_error ignored = {""};
    if (!err) err = &ignored; /* its message is recorded */
    if (!request || !outcome || (request->n_set > 0 && !request->set))
        return ft_fail(err, FT_BAD_INPUT,
                       "an experiment needs a request, its settings and an outcome (NULL given)");
    ft_status status = ft_engine_enter(engine, err);
    if (status != FT_OK) return status;
    status = run_experiment(engine, request, outcome, err);
    ft_engine_leave(engine);
    return status;
}
