/* Evaluates adapters and the baselines. Ranks that train together (engine->comm) share
 * each evaluation: each forecasts a part of the windows.
 *
 * Rank 0 records. What it evaluates for that the other ranks cannot know: an
 * experiment may be recorded already, or fail to begin. So while rank 0 records, the
 * others follow it: they evaluate what it announces until it dismisses them. */
#ifndef FT_HOST_EXPERIMENT_RUN_CONTEXT_EVALUATION_H
#define FT_HOST_EXPERIMENT_RUN_CONTEXT_EVALUATION_H

#include "host/experiment/run_context.h"

/* Metrics of the adapter with the configuration's lengths; writes
 * forecasts.csv to `forecasts_path`. Fails as ft_evaluate_adapter does, or when
 * another rank fails. */
ft_status ft_run_context_evaluate(ft_run_context *run_context, const ft_hyperparameters *config,
                                  const ft_adapter *adapter, const char *forecasts_path,
                                  ft_metrics metrics[FT_N_SPLITS], ft_error *err);

/* The baselines for the configuration's lengths, computed at the first call.
 * Not to be called while `full` trains, since that changes the base model's weights. */
ft_status ft_run_context_baseline_of(ft_run_context *run_context, const ft_hyperparameters *config,
                                     const ft_run_context_baseline **baseline, ft_error *err);

/* Rank 0 only (ft_engine_leads). Between _lead and _dismiss the other ranks evaluate
 * what rank 0 evaluates. _dismiss shares the first failing status among all ranks.
 * With a single rank both do nothing, and evaluations are not shared. */
void ft_run_context_lead(ft_run_context *run_context);
ft_status ft_run_context_dismiss(ft_run_context *run_context, ft_status status, ft_error *err);
/* Ranks other than 0, during the same time: evaluates what rank 0 announces. adapter:
 * this rank's copy of the adapter that may be evaluated; NULL: none. */
ft_status ft_run_context_follow(ft_run_context *run_context, const ft_adapter *adapter, ft_error *err);

#endif
