/* Baselines in an experiment's record: how the model before tuning and seasonal naive did
 * on the same windows.
 *
 * run.baseline_metrics is {"zero_shot": {"val_metrics": {...}, "test_metrics": {...}},
 * "seasonal_naive": {...}}. */
#ifndef FT_TRACKER_BASELINES_H
#define FT_TRACKER_BASELINES_H

#include <stdbool.h>

#include "base/error.h"
#include "tracker/experiment.h"

/* Adds or replaces baseline `name` in experiment->run (made if NULL). Splits that were
 * not evaluated are left out. */
ft_status ft_baseline_put(ft_experiment *experiment, const char *name, const ft_metrics metrics[FT_N_SPLITS],
                          ft_error *err);

/* The baseline numbered `index` from 0, its name (owned by the experiment) and metrics;
 * false where there is none. */
bool ft_baseline_get(const ft_experiment *experiment, size_t index, const char **name,
                     ft_metrics metrics[FT_N_SPLITS]);

#endif
