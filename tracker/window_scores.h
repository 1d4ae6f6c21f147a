/* A metric of an experiment window by window, read back from its forecasts.csv: what
 * intervals are made of. */
#ifndef FT_TRACKER_WINDOW_SCORES_H
#define FT_TRACKER_WINDOW_SCORES_H

#include "tracker/experiment.h"

/* The metric over some of the windows is the sum of their `sum` over the sum of their
 * `weight`; of rmse the root of that. */
typedef struct ft_window_scores {
    size_t n_windows;
    /* (n_windows), in the order of the file: series by series, by time */
    double *sum, *weight;
    size_t *series; /* (n_windows): the number of the window's series */
    size_t n_series;
    /* a checksum of the windows' series and dates: equal for the same windows */
    uint32_t windows;
} ft_window_scores;

/* Whether a metric can be told window by window. directional_accuracy needs the value
 * before the window and mase the scale of each series, which the file does not have. */
bool ft_metric_has_windows(ft_metric metric);

/* Reads the windows of a split. FT_BAD_INPUT, naming file and line, where there is no
 * forecasts.csv or it is not one. Windows without a known truth are left out. */
ft_status ft_window_scores_read(const char *directory, ft_split split, ft_metric metric,
                                ft_window_scores *scores, ft_error *err);
void ft_window_scores_free(ft_window_scores *scores);

#endif
