/* Evaluation of adapters and baselines; see run_context_evaluation.h. */
#include "host/experiment/run_context_evaluation.h"

#include <stdlib.h>

#include "base/clock.h"

/* What rank 0 tells the other ranks to forecast: the windows by the base model, or by the
 * adapters of results [first, first + count) that are due. Sent as a sum over ranks, to
 * which the others add zeros. */
enum subject { NOTHING_MORE, THE_MODEL, ADAPTERS };
typedef struct order {
    double subject, context_length, prediction_length, first, count;
} order;
enum { ORDER_NUMBERS = sizeof(order) / sizeof(double) };

static order order_of(enum subject subject, const ft_hyperparameters *config)
{
    return (order){.subject = subject,
                   .context_length = (double)config->context_length,
                   .prediction_length = (double)config->prediction_length};
}

static ft_evaluation evaluation_of(const ft_run_context *run_context, const order *said)
{
    return (ft_evaluation){.engine = run_context->engine,
                           .dataset = &run_context->dataset,
                           .series = run_context->series,
                           .context_length = (int32_t)said->context_length,
                           .prediction_length = (int32_t)said->prediction_length,
                           .eval_windows = run_context->eval_windows,
                           .eval_samples = run_context->eval_samples,
                           .season = run_context->season,
                           .comm = run_context->evaluators};
}

/* ft_trainable_reserve or ft_trainable_measure. */
typedef ft_status make_room(ft_chronos *model, const ft_adapter_spec *const *specs, int32_t n_specs,
                            int32_t n_adapters, bool for_training, ft_trainable **trainable, ft_error *err);

/* Reserves or measures the device memory of n results' adapters. */
static ft_status make_room_for(const ft_run_context *run_context, const ft_train_result *results, int32_t n,
                               make_room *make, ft_trainable **trainable, ft_error *err)
{
    *trainable = NULL;
    const ft_adapter_spec **specs = calloc((size_t)n, sizeof *specs);
    if (!specs) return ft_no_memory(err, "adapters", (size_t)n * sizeof *specs);
    for (int32_t g = 0; g < n; g++) specs[g] = &results[g].spec;
    ft_status status = make(run_context->chronos, specs, n, n, false, trainable, err);
    free(specs);
    return status;
}

/* Copies the adapters of n results to the device, one at a time, so that the host holds
 * one at a time. */
static ft_status open_adapters(const ft_run_context *run_context, const ft_train_result *results, int32_t n,
                               ft_trainable **tuned, ft_error *err)
{
    ft_status status = make_room_for(run_context, results, n, ft_trainable_reserve, tuned, err);
    for (int32_t g = 0; g < n && status == FT_OK; g++) {
        ft_adapter *adapter = NULL;
        status = ft_train_read_adapter(&results[g], &adapter, err);
        if (status == FT_OK) status = ft_trainable_write(*tuned, g, adapter, err);
        ft_adapter_free(adapter);
    }
    if (status == FT_OK) ft_trainable_repack(*tuned);
    return status;
}

/* Forecasts what rank 0 announced; runs on every rank. */
static ft_status sample(ft_run_context *run_context, const order *said, ft_evaluation_samples **samples,
                        ft_error *err)
{
    const ft_evaluation evaluation = evaluation_of(run_context, said);
    ft_trainable *tuned = NULL;
    ft_status status = FT_OK;
    *samples = NULL;
    if (said->subject == ADAPTERS)
        status = open_adapters(run_context, run_context->due.results + (size_t)said->first,
                               (int32_t)said->count, &tuned, err);
    status = ft_comm_agree(evaluation.comm, status, NULL, err);
    if (status == FT_OK)
        status = ft_evaluation_sample(&evaluation, tuned ? tuned : run_context->base, samples, err);
    if (tuned) {
        ft_error failed;
        ft_status restored = ft_trainable_restore(tuned, run_context->weights, &failed);
        if (restored != FT_OK && status == FT_OK) status = ft_fail(err, restored, "%s", failed.message);
    }
    ft_trainable_free(tuned);
    status = ft_comm_agree(evaluation.comm, status, NULL, err);
    if (status == FT_OK) return FT_OK;
    ft_evaluation_samples_free(*samples);
    *samples = NULL;
    return status;
}

/* Rank 0: announces the forecasts to the followers, then makes them with them. */
static ft_status lead_sampling(ft_run_context *run_context, const order *said,
                               ft_evaluation_samples **samples, ft_error *err)
{
    ft_comm *comm = run_context->evaluators;
    order heard = *said;
    ft_status status = comm ? comm->all_reduce_host(comm, &heard.subject, ORDER_NUMBERS, err) : FT_OK;
    return status == FT_OK ? sample(run_context, said, samples, err) : status;
}

/* Sets *fits: whether the adapters of results [first, first + count), which are on the
 * device, and their samples, which are on the host, take together at most a 32nd of the
 * device's memory. sample_bytes: of the samples of one adapter. */
static ft_status fit(const ft_run_context *run_context, int32_t first, int32_t count, size_t sample_bytes,
                     bool *fits, ft_error *err)
{
    ft_trainable *measured;
    ft_status status = make_room_for(run_context, run_context->due.results + first, count,
                                     ft_trainable_measure, &measured, err);
    if (status != FT_OK) return status;
    *fits = ft_trainable_bytes(measured) + (size_t)count * sample_bytes <=
            run_context->chronos->backend->memory_bytes / 32;
    ft_trainable_free(measured);
    return FT_OK;
}

/* Sets first and count of `said`: the results that are forecast in one call with result
 * k. Starts from result 0 whatever k is, so that the calls do not depend on k. */
static ft_status find_group(const ft_run_context *run_context, int32_t k, order *said, ft_error *err)
{
    const ft_evaluation evaluation = evaluation_of(run_context, said);
    const int32_t n = run_context->due.n;
    int32_t first = 0, count = 0;
    size_t sample_bytes = 0;
    ft_status status = ft_evaluation_sample_bytes(&evaluation, &sample_bytes, err);
    while (status == FT_OK && first + count <= k) {
        bool fits = false;
        first += count;
        count = n - first;
        while (status == FT_OK && !fits && count > 1) {
            status = fit(run_context, first, count, sample_bytes, &fits, err);
            if (!fits) count = (count + 1) / 2;
        }
    }
    said->first = first;
    said->count = count;
    return status;
}

/* Forecasts as `said`, and keeps the samples until others are made. */
static ft_status sample_due(ft_run_context *run_context, const order *said, ft_error *err)
{
    ft_due_results *due = &run_context->due;
    const double started = ft_now_seconds();
    ft_evaluation_samples_free(due->samples);
    due->samples = NULL;
    ft_status status = lead_sampling(run_context, said, &due->samples, err);
    due->first = (int32_t)said->first;
    due->count = (int32_t)said->count;
    due->seconds = ft_now_seconds() - started;
    return status;
}

/* Forecasts result k, and those that share its call, unless that was done. */
static ft_status need_samples(ft_run_context *run_context, const ft_hyperparameters *config, int32_t k,
                              ft_error *err)
{
    ft_due_results *due = &run_context->due;
    if (due->samples && k >= due->first && k < due->first + due->count) return FT_OK;
    order said = order_of(ADAPTERS, config);
    if (!due->has_failed_together) {
        ft_status status = find_group(run_context, k, &said, err);
        if (status == FT_OK) status = sample_due(run_context, &said, err);
        due->has_failed_together = said.count > 1 && (status == FT_DIVERGED || status == FT_NO_MEMORY);
        if (!due->has_failed_together) return status;
    }
    said.first = k;
    said.count = 1;
    return sample_due(run_context, &said, err);
}

/* The baseline of the configuration's lengths; NULL where it is not computed yet. */
static const ft_run_context_baseline *find_baseline(const ft_run_context *run_context,
                                                    const ft_hyperparameters *config)
{
    for (size_t i = 0; i < run_context->n_baselines; i++) {
        const ft_run_context_baseline *b = &run_context->baselines[i];
        if (b->context_length == config->context_length && b->prediction_length == config->prediction_length)
            return b;
    }
    return NULL;
}

ft_status ft_run_context_evaluate(ft_run_context *run_context, const ft_hyperparameters *config,
                                  const ft_train_result *result, const char *forecasts_path,
                                  ft_metrics metrics[FT_N_SPLITS], double *seconds, ft_error *err)
{
    const order said = order_of(ADAPTERS, config);
    const ft_run_context_baseline *baseline = find_baseline(run_context, config);
    ft_due_results *due = &run_context->due;
    ft_evaluation evaluation = evaluation_of(run_context, &said);
    if (baseline) evaluation.more_lines = &baseline->examples.line;
    int32_t k = 0;
    while (k < due->n && due->results[k].index != result->index) k++;
    if (k == due->n) return ft_fail(err, FT_FAILED, "the result of a configuration that is not due");
    ft_status status = need_samples(run_context, config, k, err);
    if (status != FT_OK) return status;
    const double started = ft_now_seconds();
    status = ft_evaluation_measure(&evaluation, due->samples, k - due->first, forecasts_path, metrics, err);
    *seconds = ft_now_seconds() - started;
    if (status != FT_OK || k < due->timed) return status;
    *seconds += due->seconds / due->count;
    due->timed = k + 1;
    return FT_OK;
}

ft_status ft_run_context_baseline_of(ft_run_context *run_context, const ft_hyperparameters *config,
                                     const ft_run_context_baseline **out, ft_error *err)
{
    *out = find_baseline(run_context, config);
    if (*out) return FT_OK;
    ft_run_context_baseline *grown =
        realloc(run_context->baselines, (run_context->n_baselines + 1) * sizeof *grown);
    if (!grown) return ft_no_memory(err, "baselines", (run_context->n_baselines + 1) * sizeof *grown);
    run_context->baselines = grown;
    ft_run_context_baseline *baseline = &grown[run_context->n_baselines];
    *baseline = (ft_run_context_baseline){.context_length = config->context_length,
                                          .prediction_length = config->prediction_length};
    const order said = order_of(THE_MODEL, config);
    ft_evaluation evaluation = evaluation_of(run_context, &said);
    evaluation.examples = &baseline->examples;
    evaluation.baseline_windows = &baseline->windows;
    evaluation.window_starts = &baseline->window_starts;
    ft_evaluation_samples *samples = NULL;
    ft_engine_say(run_context->engine,
                  "evaluating the model before tuning and seasonal naive (season %lld: %s)",
                  (long long)run_context->season, run_context->season_reason);
    const double started = ft_now_seconds();
    ft_status status = lead_sampling(run_context, &said, &samples, err);
    if (status == FT_OK)
        status = ft_evaluation_measure(&evaluation, samples, 0, NULL, baseline->zero_shot, err);
    ft_evaluation_samples_free(samples);
    if (status == FT_OK) status = ft_evaluate_naive(&evaluation, baseline->naive, err);
    if (status != FT_OK) {
        ft_forecasts_close(&baseline->examples);
        ft_text_free(&baseline->windows);
        ft_text_free(&baseline->window_starts);
        return status;
    }
    baseline->seconds = ft_now_seconds() - started;
    run_context->n_baselines++;
    *out = baseline;
    return FT_OK;
}

void ft_run_context_lead(ft_run_context *run_context, const ft_train_result *due, int32_t n_due)
{
    run_context->evaluators = run_context->engine->comm;
    run_context->due = (ft_due_results){.results = due, .n = n_due};
}

static void forget_due(ft_run_context *run_context)
{
    ft_evaluation_samples_free(run_context->due.samples);
    run_context->due = (ft_due_results){0};
    run_context->evaluators = NULL;
}

ft_status ft_run_context_dismiss(ft_run_context *run_context, ft_status status, ft_error *err)
{
    ft_comm *comm = run_context->evaluators;
    order said = {.subject = NOTHING_MORE};
    ft_error ignored; /* the ranks cannot be reached any more */
    if (comm) (void)comm->all_reduce_host(comm, &said.subject, ORDER_NUMBERS, &ignored);
    forget_due(run_context);
    return ft_comm_agree(comm, status, NULL, err);
}

ft_status ft_run_context_follow(ft_run_context *run_context, const ft_train_result *due, int32_t n_due,
                                ft_error *err)
{
    ft_run_context_lead(run_context, due, n_due);
    ft_comm *comm = run_context->evaluators;
    ft_evaluation_samples *unused;
    ft_error heard_by_all;
    ft_status status;
    for (;;) {
        order heard = {0};
        status = comm->all_reduce_host(comm, &heard.subject, ORDER_NUMBERS, err);
        if (status != FT_OK || heard.subject == NOTHING_MORE) break;
        (void)sample(run_context, &heard, &unused, &heard_by_all);
        ft_evaluation_samples_free(unused);
    }
    forget_due(run_context);
    return ft_comm_agree(comm, status, NULL, err);
}
