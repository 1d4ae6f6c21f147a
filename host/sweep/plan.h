/* What a sweep trains, and in which passes: a pure function of its configurations.
 * docs/architecture.md §5.
 *
 * Configurations become trajectories: two that differ in `epochs` alone under a
 * constant schedule are one training, recorded at both lengths; exact duplicates are
 * trained once. Trajectories become adapter batches: trajectories that share passes,
 * in the order in which they take the slots of their batch. */
#ifndef FT_HOST_SWEEP_PLAN_H
#define FT_HOST_SWEEP_PLAN_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "host/search/hyperparameters.h"

/* One training. Its members are the configurations plan.members[first, first + count),
 * by rising epochs and, among equals, in the order of the grid. The last member is
 * trained; the others are recorded on the way. */
typedef struct ft_trajectory {
    size_t first, count;
} ft_trajectory;

/* Trajectories [first, first + count) of the plan, trained `slots` at a time. */
typedef struct ft_plan_batch {
    size_t first, count;
    int32_t slots;
} ft_plan_batch;

typedef struct ft_plan {
    size_t *members; /* (n_members) indices of configurations, from 0 */
    size_t n_members;
    ft_trajectory *trajectories;
    size_t n_trajectories;
    ft_plan_batch *batches; /* (n_batches), the longest first */
    size_t n_batches;
} ft_plan;

typedef struct ft_plan_settings {
    int32_t max_adapters; /* the most slots of a batch, > 0 */
    int32_t n_workers;    /* > 0: makes at least as many batches, if possible */
    /* Sets how many of these configs: (count), which may share a pass, a device should
     * train at a time, >= 1. NULL: max_adapters. */
    ft_status (*slots)(void *context, const ft_hyperparameters *const *configs, size_t count, int32_t *slots,
                       ft_error *err);
    void *context;
} ft_plan_settings;

/* Plans configs: (count). Freed by ft_plan_free. */
ft_status ft_plan_make(const ft_hyperparameters *configs, size_t count, const ft_plan_settings *settings,
                       ft_plan *plan, ft_error *err);
void ft_plan_free(ft_plan *plan);

/* The index of the configuration that a trajectory trains: its longest member. */
static inline size_t ft_plan_trained(const ft_plan *plan, size_t trajectory)
{
    const ft_trajectory *t = &plan->trajectories[trajectory];
    return plan->members[t->first + t->count - 1];
}

#endif
