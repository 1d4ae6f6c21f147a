/* Evaluation of adapters and baselines; see run_context_evaluation.h. */
#include "host/experiment/run_context_evaluation.h"

#include <stdlib.h>

#include "base/clock.h"

/* What rank 0 tells the other ranks to evaluate. Sent as a sum over ranks, to which
 * the others add zeros. */
enum subject { NOTHING_MORE, THE_MODEL, THE_ADAPTER };
typedef struct order {
    double subject, context_length, prediction_length;
} order;
enum { ORDER_NUMBERS = sizeof(order) / sizeof(double) };

static order order_of(enum subject subject, const ft_hyperparameters *config)
{
    return (order){subject, (double)config->context_length, (double)config->prediction_length};
}

/* Where the lines of forecasts.csv go; zeroed: nowhere. */
typedef struct output {
    const char *path;
    const ft_text *more_lines; /* for its end */
    ft_forecasts *examples;    /* of the model before tuning, instead */
    ft_text *baseline_windows; /* its lines of baselines.csv */
} output;

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

/* Evaluates what rank 0 announced; runs on every rank. */
static ft_status evaluate(ft_run_context *run_context, const order *said, const ft_adapter *adapter,
                          const output *out, ft_metrics metrics[FT_N_SPLITS], ft_error *err)
{
    ft_evaluation evaluation = evaluation_of(run_context, said);
    evaluation.more_lines = out->more_lines;
    evaluation.examples = out->examples;
    evaluation.baseline_windows = out->baseline_windows;
    ft_trainable *tuned = NULL;
    ft_status status = FT_OK;
    if (said->subject == THE_ADAPTER)
        status = ft_trainable_create(run_context->chronos, &adapter, 1, false, &tuned, err);
    status = ft_comm_agree(evaluation.comm, status, NULL, err);
    if (status == FT_OK)
        status =
            ft_evaluate_adapter(&evaluation, tuned ? tuned : run_context->base, 0, out->path, metrics, err);
    if (tuned) {
        ft_error failed;
        ft_status restored = ft_trainable_restore(tuned, run_context->weights, &failed);
        if (restored != FT_OK && status == FT_OK) status = ft_fail(err, restored, "%s", failed.message);
    }
    ft_trainable_free(tuned);
    return ft_comm_agree(evaluation.comm, status, NULL, err);
}

/* Rank 0: announces the evaluation to the followers, then evaluates with them. */
static ft_status lead_evaluation(ft_run_context *run_context, const order *said, const ft_adapter *adapter,
                                 const output *out, ft_metrics metrics[FT_N_SPLITS], ft_error *err)
{
    ft_comm *comm = run_context->evaluators;
    order heard = *said;
    ft_status status = comm ? comm->all_reduce_host(comm, &heard.subject, ORDER_NUMBERS, err) : FT_OK;
    return status == FT_OK ? evaluate(run_context, said, adapter, out, metrics, err) : status;
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
                                  const ft_adapter *adapter, const char *forecasts_path,
                                  ft_metrics metrics[FT_N_SPLITS], ft_error *err)
{
    const order said = order_of(THE_ADAPTER, config);
    const ft_run_context_baseline *baseline = find_baseline(run_context, config);
    const output out = {.path = forecasts_path, .more_lines = baseline ? &baseline->examples.line : NULL};
    return lead_evaluation(run_context, &said, adapter, &out, metrics, err);
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
    const output examples = {.examples = &baseline->examples, .baseline_windows = &baseline->windows};
    ft_engine_say(run_context->engine,
                  "evaluating the model before tuning and seasonal naive (season %lld: %s)",
                  (long long)run_context->season, run_context->season_reason);
    const double started = ft_now_seconds();
    ft_status status = lead_evaluation(run_context, &said, NULL, &examples, baseline->zero_shot, err);
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

void ft_run_context_lead(ft_run_context *run_context)
{
    run_context->evaluators = run_context->engine->comm;
}

ft_status ft_run_context_dismiss(ft_run_context *run_context, ft_status status, ft_error *err)
{
    ft_comm *comm = run_context->evaluators;
    order said = {.subject = NOTHING_MORE};
    ft_error ignored; /* the ranks cannot be reached any more */
    if (comm) (void)comm->all_reduce_host(comm, &said.subject, ORDER_NUMBERS, &ignored);
    run_context->evaluators = NULL;
    return ft_comm_agree(comm, status, NULL, err);
}

/* Also computes the metrics, which it does not use: that takes no longer than rank 0's
 * recording. */
ft_status ft_run_context_follow(ft_run_context *run_context, const ft_adapter *adapter, ft_error *err)
{
    ft_comm *comm = run_context->evaluators = run_context->engine->comm;
    const output nowhere = {0};
    ft_metrics unused[FT_N_SPLITS];
    ft_error heard_by_all;
    ft_status status;
    for (;;) {
        order heard = {0};
        status = comm->all_reduce_host(comm, &heard.subject, ORDER_NUMBERS, err);
        if (status != FT_OK || heard.subject == NOTHING_MORE) break;
        (void)evaluate(run_context, &heard, adapter, &nowhere, unused, &heard_by_all);
    }
    run_context->evaluators = NULL;
    return ft_comm_agree(comm, status, NULL, err);
}
