/* Which trajectories of a sweep are worth going on with, by their val_loss.
 * docs/architecture.md §5.
 *
 * asha: asynchronous successive halving (Li et al., arXiv 1810.05934), the stopping
 * variant: at the rungs grace_epochs * eta^k a trajectory goes on if its val_loss is
 * among the best 1/eta of those that have reached the rung. median: a trajectory whose
 * best val_loss is worse than the median of the others' means up to the same epoch
 * stops (Golovin et al., Google Vizier, 2017), from grace_epochs on. */
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

/* "none", "asha", "median"; NULL is none. */
ft_status ft_scheduler_kind_parse(const char *name, ft_scheduler_kind *kind, ft_error *err);

typedef struct ft_scheduler ft_scheduler;

/* eta > 1, grace_epochs >= 1. */
ft_status ft_scheduler_create(ft_scheduler_kind kind, double eta, int32_t grace_epochs, size_t n_trajectories,
                              ft_scheduler **scheduler, ft_error *err);
void ft_scheduler_free(ft_scheduler *scheduler);

/* A finished epoch (from 1) of a trajectory. Epochs that are known already are passed
 * over. */
ft_status ft_scheduler_add(ft_scheduler *scheduler, size_t trajectory, int32_t epoch, double val_loss,
                           ft_error *err);
/* Whether the trajectory should stop after that epoch, by all that was added. A
 * val_loss that is no number is the worst; without any there is no reason to stop. */
bool ft_scheduler_prunes(const ft_scheduler *scheduler, size_t trajectory, int32_t epoch);

#endif
