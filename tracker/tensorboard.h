/* Experiments as TensorBoard's event files: a run for each, with its epochs as scalars
 * and its hyperparameters and metrics for the HParams page. */
#ifndef FT_TRACKER_TENSORBOARD_H
#define FT_TRACKER_TENSORBOARD_H

#include "tracker/experiment.h"

/* Writes <directory>/<experiment_id>/events.out.tfevents.<seconds>.ftgpu, whole or not
 * at all. The same experiment always gives the same file, which replaces the first.
 * The experiment is needed with its history (FT_HISTORY). Scalars: loss, val_loss,
 * learning_rate, grad_norm and tokens_per_second at each epoch as step, and
 * train/<metric>, val/<metric>, test/<metric> at the last one; what is not defined is
 * left out. FT_BAD_INPUT where the experiment_id cannot name a directory. */
ft_status ft_tensorboard_write(const char *directory, const ft_experiment *experiment, ft_error *err);

#endif
