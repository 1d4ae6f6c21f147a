/* Prunes trajectories of a sweep by their val_loss. docs/architecture.md §5.
 *
 * asha: asynchronous successive halving (Li et al., arXiv 1810.05934), the stopping
 * variant. At the rungs grace_epochs * eta^k a trajectory goes on if its val_loss is
 * among the best 1/eta of those that have reached the rung.
 *
 * median: from grace_epochs on, a trajectory stops if its best val_loss is worse than
 * the median of the other trajectories' mean val_loss up to the same epoch (Golovin et
 * al., Google Vizier, 2017). */
#ifndef FT_HOST_SEARCH_PRUNING_H
#define FT_HOST_SEARCH_PRUNING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef enum ft_scheduler_kind {
    FT_SCHEDULER_NONE,
    FT_SCHEDULER_ASHA,
    FT_SCHEDULER_MEDIAN
} ft_scheduler_kind;

/* Parses "none", "asha" or "median"; NULL is none. */
ft_status ft_scheduler_kind_parse(const char *name, ft_scheduler_kind *kind, ft_error *err);

typedef struct ft_scheduler ft_scheduler;

/* Requires eta > 1 and grace_epochs >= 1. */
ft_status ft_scheduler_create(ft_scheduler_kind kind, double eta, int32_t grace_epochs, size_t n_trajectories,
                              ft_scheduler **scheduler, ft_error *err);
void ft_scheduler_free(ft_scheduler *scheduler);

/* Adds the val_loss of a finished epoch (from 1) of a trajectory. An epoch that was
 * added before is ignored. */
ft_status ft_scheduler_add(ft_scheduler *scheduler, size_t trajectory, int32_t epoch, double val_loss,
                           ft_error *err);
/* Whether the trajectory should stop after that epoch, given all that was added. A NaN
 * val_loss is the worst. False if no val_loss is a number. */
bool ft_scheduler_prunes(const ft_scheduler *scheduler, size_t trajectory, int32_t epoch);

#endif
