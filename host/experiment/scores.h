/* ft_scores of the public interface by ft_metric: its members are the metrics, in the
 * order of the enum. */
#ifndef FT_HOST_EXPERIMENT_SCORES_H
#define FT_HOST_EXPERIMENT_SCORES_H

#include <stddef.h>

#include "host/ftgpu.h"
#include "tracker/metrics.h"

_Static_assert(sizeof(ft_scores) == FT_N_METRICS * sizeof(double), "ft_scores has a member for each metric");
#define FT_SCORE_AT(metric, name, better)                                                                    \
    _Static_assert(offsetof(ft_scores, name) == (metric) * sizeof(double), "ft_scores: " #name);
FT_METRICS(FT_SCORE_AT)

/* The member for a metric. */
static inline double *ft_score(ft_scores *scores, ft_metric metric)
{
    return (double *)(void *)((char *)scores + (size_t)metric * sizeof(double));
}

#endif
