/* What is evaluated of a study; see run_context_evaluation.h. */
#include "host/experiment/run_context_evaluation.h"

#include <stdlib.h>

#include "base/clock.h"

/* What all ranks evaluate next, in numbers that can be added up: one rank says it, the others' are zeros. */
enum subject { NOTHING_MORE, THE_MODEL, THE_ADAPTER };
typedef struct order {
    double subject, context_length, prediction_length, seed;
} order;
enum { ORDER_NUMBERS = sizeof(order) / sizeof(double) };

static order order_of(enum subject subject, const ft_hyperparameters *config)
{
    return (order){subject, (double)config->context_length, (double)config->prediction_length,
                   (double)(uint32_t)config->seed};
}

static ft_evaluation evaluation_of(const ft_study *study, const order *said)
{
    return (ft_evaluation){.engine = study->engine,
                           .dataset = &study->dataset,
                           .series = study->series,
                           .context_length = (int32_t)said->context_length,
                           .prediction_length = (int32_t)said->prediction_length,
                           .eval_windows = study->eval_windows,
                           .season = study->season,
                           .seed = (uint32_t)said->seed,
                           .comm = study->evaluators};
}

/* What was ordered, on every rank. */
static ft_status evaluate(ft_study *study, const order *said, const ft_adapter *adapter,
                          const char *forecasts_path, ft_metrics metrics[FT_N_SPLITS], ft_error *err)
{
    const ft_evaluation evaluation = evaluation_of(study, said);
    ft_trainable *tuned = NULL;
    ft_status status = FT_OK;
    if (said->subject == THE_ADAPTER)
        status = ft_trainable_create(study->chronos, &adapter, 1, false, &tuned, err);
    status = ft_comm_agree(evaluation.comm, status, NULL, err);
    if (status == FT_OK)
        status =
            ft_evaluate_adapter(&evaluation, tuned ? tuned : study->base, 0, forecasts_path, metrics, err);
    if (tuned && tuned->kind == FT_FULL) {
        ft_error failed;
        ft_status restored = ft_trainable_restore(tuned, study->weights, &failed);
        if (restored != FT_OK && status == FT_OK) status = ft_fail(err, restored, "%s", failed.message);
    }
    ft_trainable_free(tuned);
    return ft_comm_agree(evaluation.comm, status, NULL, err);
}

/* The same with all that follow. */
static ft_status lead_evaluation(ft_study *study, const order *said, const ft_adapter *adapter,
                                 const char *forecasts_path, ft_metrics metrics[FT_N_SPLITS], ft_error *err)
{
    ft_comm *comm = study->evaluators;
    order heard = *said;
    ft_status status = comm ? comm->add_up(comm, &heard.subject, ORDER_NUMBERS, err) : FT_OK;
    return status == FT_OK ? evaluate(study, said, adapter, forecasts_path, metrics, err) : status;
}

ft_status ft_study_evaluate(ft_study *study, const ft_hyperparameters *config, const ft_adapter *adapter,
                            const char *forecasts_path, ft_metrics metrics[FT_N_SPLITS], ft_error *err)
{
    const order said = order_of(THE_ADAPTER, config);
    return lead_evaluation(study, &said, adapter, forecasts_path, metrics, err);
}

ft_status ft_study_baseline_of(ft_study *study, const ft_hyperparameters *config,
                               const ft_study_baseline **out, ft_error *err)
{
    for (size_t i = 0; i < study->n_baselines; i++) {
        *out = &study->baselines[i];
        if ((*out)->context_length == config->context_length &&
            (*out)->prediction_length == config->prediction_length && (*out)->seed == config->seed)
            return FT_OK;
    }
    ft_study_baseline *grown = realloc(study->baselines, (study->n_baselines + 1) * sizeof *grown);
    if (!grown) return ft_no_memory(err, "baselines", (study->n_baselines + 1) * sizeof *grown);
    study->baselines = grown;
    ft_study_baseline *baseline = &grown[study->n_baselines];
    *baseline = (ft_study_baseline){.context_length = config->context_length,
                                    .prediction_length = config->prediction_length,
                                    .seed = config->seed};
    const order said = order_of(THE_MODEL, config);
    const ft_evaluation evaluation = evaluation_of(study, &said);
    ft_engine_say(study->engine, "evaluating the model before tuning and seasonal naive (season %lld)",
                  (long long)study->season);
    const double started = ft_now_seconds();
    ft_status status = lead_evaluation(study, &said, NULL, NULL, baseline->zero_shot, err);
    if (status == FT_OK) status = ft_evaluate_naive(&evaluation, baseline->naive, err);
    if (status != FT_OK) return status;
    baseline->seconds = ft_now_seconds() - started;
    study->n_baselines++;
    *out = baseline;
    return FT_OK;
}

void ft_study_lead(ft_study *study)
{
    study->evaluators = study->engine->comm;
}

ft_status ft_study_dismiss(ft_study *study, ft_status status, ft_error *err)
{
    ft_comm *comm = study->evaluators;
    order said = {.subject = NOTHING_MORE};
    ft_error unsaid; /* then there is no agreement either */
    if (comm) (void)comm->add_up(comm, &said.subject, ORDER_NUMBERS, &unsaid);
    study->evaluators = NULL;
    return ft_comm_agree(comm, status, NULL, err);
}

/* It measures, too, what it has no use for: that takes no longer than the other's recording. */
ft_status ft_study_follow(ft_study *study, const ft_adapter *adapter, ft_error *err)
{
    ft_comm *comm = study->evaluators = study->engine->comm;
    ft_metrics unused[FT_N_SPLITS];
    ft_error heard_by_all;
    ft_status status;
    for (;;) {
        order heard = {0};
        status = comm->add_up(comm, &heard.subject, ORDER_NUMBERS, err);
        if (status != FT_OK || heard.subject == NOTHING_MORE) break;
        (void)evaluate(study, &heard, adapter, NULL, unused, &heard_by_all);
    }
    study->evaluators = NULL;
    return ft_comm_agree(comm, status, NULL, err);
}
