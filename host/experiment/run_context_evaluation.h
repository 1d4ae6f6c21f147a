/* What is evaluated of a run context: adapters, and the baselines that they have to
 * beat. Ranks that train together (engine->comm) evaluate together, each with a part
 * of the forecasts.
 *
 * One of them records, and what that needs evaluated the others cannot know: an
 * experiment may be recorded already, or cannot be begun. So while it records they
 * follow it: they evaluate with it what it says, until it says that there is no more. */
#ifndef FT_HOST_EXPERIMENT_RUN_CONTEXT_EVALUATION_H
#define FT_HOST_EXPERIMENT_RUN_CONTEXT_EVALUATION_H

#include "host/experiment/run_context.h"

/* Metrics of the adapter with the configuration's lengths and seed, and forecasts.csv
 * at `forecasts_path`. Fails as ft_evaluate_adapter does, and where another rank does. */
ft_status ft_run_context_evaluate(ft_run_context *run_context, const ft_hyperparameters *config,
                                  const ft_adapter *adapter, const char *forecasts_path,
                                  ft_metrics metrics[FT_N_SPLITS], ft_error *err);

/* The baselines for the configuration's lengths and seed, computed when first asked
 * for: not while `full` trains, which has the model's weights in its hands. */
ft_status ft_run_context_baseline_of(ft_run_context *run_context, const ft_hyperparameters *config,
                                     const ft_run_context_baseline **baseline, ft_error *err);

/* Of the rank that records (ft_engine_leads): between these two the others follow, and
 * the second makes its status theirs, or theirs its own where its is FT_OK. Without
 * others, and outside of the two, it evaluates alone. */
void ft_run_context_lead(ft_run_context *run_context);
ft_status ft_run_context_dismiss(ft_run_context *run_context, ft_status status, ft_error *err);
/* Of the others, at the same time. adapter: their copy of the one that may be
 * evaluated; NULL: there is none. */
ft_status ft_run_context_follow(ft_run_context *run_context, const ft_adapter *adapter, ft_error *err);

#endif
