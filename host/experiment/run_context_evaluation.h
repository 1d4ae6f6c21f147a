/* Evaluates adapters and the baselines.
 *
 * Results that are due with the same step have their adapters forecast in one call, when
 * the first of them is evaluated: a GPU takes as long for a token of many adapters' paths
 * as for one of a single adapter's. They are cut into several calls where one would take
 * too much memory. Where a call for several adapters fails because one of them diverged
 * or memory ran out, each is forecast alone, so that only the one at fault fails. A call
 * is for results that are due whether they are recorded already or not: a resumed
 * training makes the same calls.
 *
 * Ranks that train together (engine->comm) share each call: each forecasts a part of the
 * windows. Rank 0 records, and it alone knows which results it evaluates: an experiment
 * may be recorded already, or fail to begin. So while rank 0 records, the others follow
 * it: they forecast what it announces until it dismisses them. */
#ifndef FT_HOST_EXPERIMENT_RUN_CONTEXT_EVALUATION_H
#define FT_HOST_EXPERIMENT_RUN_CONTEXT_EVALUATION_H

#include "host/experiment/run_context.h"

/* Metrics of the adapter of a result that is due (_lead), with the configuration's
 * lengths; writes forecasts.csv to `forecasts_path`. *seconds: what measuring took, and
 * this result's equal share of the call that forecast it, at the first evaluation of the
 * result alone. Fails as ft_evaluation_sample does, or when another rank fails. */
ft_status ft_run_context_evaluate(ft_run_context *run_context, const ft_hyperparameters *config,
                                  const ft_train_result *result, const char *forecasts_path,
                                  ft_metrics metrics[FT_N_SPLITS], double *seconds, ft_error *err);

/* The baselines for the configuration's lengths, computed at the first call.
 * Not to be called while `full` trains, since that changes the base model's weights. */
ft_status ft_run_context_baseline_of(ft_run_context *run_context, const ft_hyperparameters *config,
                                     const ft_run_context_baseline **baseline, ft_error *err);

/* Rank 0 only (ft_engine_leads). Between _lead and _dismiss the other ranks forecast what
 * rank 0 evaluates. due: (n_due) the results whose adapters may be evaluated meanwhile,
 * all of one pair of lengths; they must outlive _dismiss. _dismiss shares the first
 * failing status among all ranks; with a single rank it returns `status`. */
void ft_run_context_lead(ft_run_context *run_context, const ft_train_result *due, int32_t n_due);
ft_status ft_run_context_dismiss(ft_run_context *run_context, ft_status status, ft_error *err);
/* Ranks other than 0, during the same time: forecasts what rank 0 announces. due: the
 * same results on this rank. */
ft_status ft_run_context_follow(ft_run_context *run_context, const ft_train_result *due, int32_t n_due,
                                ft_error *err);

#endif
