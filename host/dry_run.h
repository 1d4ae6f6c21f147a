/* A sweep's plan before anything is trained: what would share passes, with predicted
 * memory and time. */
#ifndef FT_HOST_DRY_RUN_H
#define FT_HOST_DRY_RUN_H

#include <cjson/cJSON.h>

#include "host/sweep/run.h"

/* Opens the sweep, checks every configuration against data and model, and plans it for
 * the engine's device, which is opened to measure its matrix rate. *figures, the
 * caller's: {n_configurations, n_trajectories, n_batches, train_seconds,
 * evaluation_seconds, batches: [{batch, slots, memory_bytes, train_seconds,
 * trajectories: [[configuration, ...], ...]}]}, configurations counted from 1.
 * train_seconds are those of steps and val_losses, of a batch on its worker and of all
 * with their workers equally busy; evaluation_seconds those of all configurations'
 * forecasts likewise. They follow from counted FLOPs and rates that are reached. The
 * sweep is closed by ft_sweep_close. */
ft_status ft_dry_run(ft_engine *engine, const ft_sweep_request *request, ft_sweep *sweep, cJSON **figures,
                     ft_error *err);

#endif
