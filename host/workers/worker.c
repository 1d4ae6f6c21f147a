/* Trains an adapter batch and records every configuration in it; see worker.h. */
#include "host/workers/worker.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "host/experiment/record.h"
#include "host/experiment/run_context_evaluation.h"
#include "host/search/train_config.h"

typedef struct worker {
    ft_run_context *run_context;
    const ft_job *job;
    const ft_worker_callbacks *callbacks;
    ft_train_config *configs; /* (n_trajectories) */
    int32_t *milestones;      /* of all trajectories, one after the other */
    size_t *members;          /* configurations of the batch */
    size_t n_members;
    double *told_at; /* (n_trajectories): when the last TRAINING event was sent */
} worker;

/* Between two TRAINING events. */
static const double TELL_EVERY = 0.2;

static const ft_trajectory *trajectory_at(const worker *w, size_t index)
{
    return &w->job->plan->trajectories[w->job->trajectories[index]];
}

static size_t trained_config(const worker *w, size_t index)
{
    return ft_plan_trained(w->job->plan, w->job->trajectories[index]);
}

/* Makes the training settings of each trajectory: those of its longest member; the
 * epochs of the shorter ones are its milestones. */
static ft_status make_configs(worker *w, ft_error *err)
{
    const ft_job *job = w->job;
    for (size_t i = 0; i < job->n_trajectories; i++) w->n_members += trajectory_at(w, i)->count;
    w->configs = calloc(job->n_trajectories, sizeof *w->configs);
    w->milestones = calloc(w->n_members, sizeof *w->milestones);
    w->members = calloc(w->n_members, sizeof *w->members);
    w->told_at = calloc(job->n_trajectories, sizeof *w->told_at);
    if (!w->configs || !w->milestones || !w->members || !w->told_at)
        return ft_no_memory(err, "an adapter batch", w->n_members * sizeof *w->members);
    size_t at = 0;
    for (size_t i = 0; i < job->n_trajectories; i++) {
        const ft_trajectory *t = trajectory_at(w, i);
        ft_train_config *config = &w->configs[i];
        *config = ft_train_config_of(&job->configs[trained_config(w, i)], &w->run_context->weights->config,
                                     w->run_context->start);
        config->milestones = w->milestones + at;
        for (size_t k = 0; k < t->count; k++) {
            size_t member = job->plan->members[t->first + k];
            int32_t epochs = (int32_t)job->configs[member].epochs, n = config->n_milestones;
            w->members[at + k] = member;
            if (epochs < config->epochs && (n == 0 || config->milestones[n - 1] != epochs))
                w->milestones[at + (size_t)config->n_milestones++] = epochs;
        }
        at += t->count;
    }
    return FT_OK;
}

static void tell(const worker *w, const ft_event *event)
{
    if (w->callbacks->event) w->callbacks->event(w->callbacks->context, event);
}

/* An event without figures. */
static void tell_kind(const worker *w, ft_event_kind kind, size_t configuration)
{
    const ft_event event = {.kind = kind, .configuration = configuration};
    tell(w, &event);
}

/* Whether a result is one of member k of its trajectory that is not recorded yet. */
static bool is_to_record(const worker *w, const ft_train_result *result, size_t k)
{
    const size_t member = w->job->plan->members[trajectory_at(w, (size_t)result->index)->first + k];
    const int64_t epochs = w->job->configs[member].epochs;
    const bool is_of_it = result->ended ? epochs >= result->n_epochs : epochs == result->n_epochs;
    return is_of_it && !w->callbacks->is_recorded(w->callbacks->context, member);
}

/* Records the members of a trajectory that this result belongs to. */
static ft_status record_result(worker *w, const ft_train_result *result, ft_error *err)
{
    const ft_job *job = w->job;
    const ft_trajectory *t = trajectory_at(w, (size_t)result->index);
    ft_status status = FT_OK;
    for (size_t k = 0; k < t->count && status == FT_OK; k++) {
        if (!is_to_record(w, result, k)) continue;
        size_t member = job->plan->members[t->first + k];
        ft_outcome outcome;
        ft_sweep_place place = {member, job->n_configs, w->members, w->n_members};
        status = ft_record_experiment(w->run_context, &job->configs[member], job->checkpoint ? &place : NULL,
                                      result, w->callbacks, &outcome, err);
    }
    return status;
}

static ft_status record_results(worker *w, const ft_train_result *results, int32_t n, ft_error *err)
{
    ft_status status = FT_OK;
    for (int32_t i = 0; i < n && status == FT_OK; i++) status = record_result(w, &results[i], err);
    return status;
}

static bool is_evaluated(const ft_train_result *result)
{
    return ft_train_has_adapter(result) && result->status == FT_OK && !result->pruned;
}

/* Tells of each configuration that will be evaluated, before the first of them is: they
 * are forecast together. */
static void tell_evaluating(const worker *w, const ft_train_result *due, int32_t n_due)
{
    for (int32_t i = 0; i < n_due; i++) {
        const ft_trajectory *t = trajectory_at(w, (size_t)due[i].index);
        for (size_t k = 0; k < t->count; k++)
            if (is_to_record(w, &due[i], k))
                tell_kind(w, FT_EVENT_EVALUATING, w->job->plan->members[t->first + k] + 1);
    }
}

static ft_status take_results(void *context, const ft_train_result *results, int32_t n, ft_error *err)
{
    worker *w = context;
    ft_train_result due[n];
    int32_t n_due = 0;
    for (int32_t i = 0; i < n; i++)
        if (is_evaluated(&results[i])) due[n_due++] = results[i];
    if (!ft_engine_leads(w->run_context->engine))
        return ft_run_context_follow(w->run_context, due, n_due, err);
    tell_evaluating(w, due, n_due);
    ft_run_context_lead(w->run_context, due, n_due);
    return ft_run_context_dismiss(w->run_context, record_results(w, results, n, err), err);
}

/* Computes the baselines before anything is trained: `full` has not changed the model
 * yet, and a stop during training then finds them computed. */
static ft_status find_baselines(worker *w, ft_error *err)
{
    if (!ft_engine_leads(w->run_context->engine)) return ft_run_context_follow(w->run_context, NULL, 0, err);
    const ft_run_context_baseline *baseline;
    ft_status status = FT_OK;
    tell_kind(w, FT_EVENT_BASELINES, 0);
    ft_run_context_lead(w->run_context, NULL, 0);
    for (size_t i = 0; i < w->job->n_trajectories && status == FT_OK; i++)
        status = ft_run_context_baseline_of(w->run_context, &w->job->configs[trained_config(w, i)], &baseline,
                                            err);
    return ft_run_context_dismiss(w->run_context, status, err);
}

static ft_event event_of(const worker *w, ft_event_kind kind, int32_t index, const ft_epoch *epoch,
                         double epochs_done)
{
    const size_t configuration = trained_config(w, (size_t)index);
    return (ft_event){.kind = kind,
                      .configuration = configuration + 1,
                      .epochs = w->job->configs[configuration].epochs,
                      .epochs_done = epochs_done,
                      .loss = epoch->loss,
                      .val_loss = epoch->val_loss,
                      .learning_rate = epoch->learning_rate,
                      .grad_norm = epoch->grad_norm,
                      .tokens_per_second = epoch->tokens_per_second};
}

static void step_ended(void *context, int32_t index, const ft_epoch *so_far, double epochs_done)
{
    const worker *w = context;
    const double now = ft_now_seconds();
    if (now - w->told_at[index] < TELL_EVERY) return;
    const ft_event event = event_of(w, FT_EVENT_TRAINING, index, so_far, epochs_done);
    w->told_at[index] = now;
    tell(w, &event);
}

static ft_status epochs_ended(void *context, const int32_t *indices, const ft_epoch *epochs, int32_t n,
                              bool *pruned, ft_error *err)
{
    const worker *w = context;
    size_t trajectories[n];
    for (int32_t k = 0; k < n; k++) {
        trajectories[k] = w->job->trajectories[indices[k]];
        const ft_event event = event_of(w, FT_EVENT_EPOCH, indices[k], &epochs[k], epochs[k].epoch);
        tell(w, &event);
    }
    return w->callbacks->epochs
               ? w->callbacks->epochs(w->callbacks->context, trajectories, epochs, n, pruned, err)
               : FT_OK;
}

static ft_stop how_to_stop(void *context)
{
    const worker *w = context;
    return w->callbacks->stop(w->callbacks->context);
}

static void say(void *context, const char *line)
{
    const worker *w = context;
    ft_engine_say(w->run_context->engine, "%s", line);
}

/* Records all configurations that are not recorded yet as failed. */
static ft_status give_up(worker *w, ft_error *err)
{
    ft_status status = FT_OK;
    for (size_t i = 0; i < w->n_members && status == FT_OK; i++) {
        size_t member = w->members[i];
        if (w->callbacks->is_recorded(w->callbacks->context, member)) continue;
        ft_outcome outcome;
        ft_sweep_place place = {member, w->job->n_configs, w->members, w->n_members};
        status = ft_record_failure(w->run_context, &w->job->configs[member], &place, w->job->failure,
                                   w->callbacks, &outcome, err);
    }
    return status;
}

static ft_status train(worker *w, ft_error *err)
{
    const ft_run_context *run_context = w->run_context;
    const ft_hyperparameters *first = &w->job->configs[trained_config(w, 0)];
    ft_train_settings settings = {.context_length = (int32_t)first->context_length,
                                  .prediction_length = (int32_t)first->prediction_length,
                                  .eval_windows = run_context->eval_windows,
                                  .slots = w->job->slots,
                                  .checkpoint = w->job->checkpoint,
                                  .results = take_results,
                                  .epochs = epochs_ended,
                                  .step = step_ended,
                                  .stop = how_to_stop,
                                  .say = say,
                                  .context = w,
                                  .comm = run_context->engine->comm};
    return ft_train(run_context->chronos, run_context->weights, run_context->series,
                    (int32_t)run_context->dataset.n_items, w->configs, (int32_t)w->job->n_trajectories,
                    &settings, err);
}

ft_status ft_worker_train(ft_run_context *run_context, const ft_job *job,
                          const ft_worker_callbacks *callbacks, ft_error *err)
{
    worker w = {.run_context = run_context, .job = job, .callbacks = callbacks};
    ft_status status = make_configs(&w, err);
    if (job->failure) {
        if (status == FT_OK) status = give_up(&w, err);
    } else {
        status = ft_comm_agree(run_context->engine->comm, status, NULL, err);
        if (status == FT_OK) status = find_baselines(&w, err);
        if (status == FT_OK) status = train(&w, err);
    }
    free(w.told_at);
    free(w.members);
    free(w.milestones);
    free(w.configs);
    return status;
}
