/* A metric window by window, read back from the files of an experiment: what intervals
 * are made of. */
#ifndef FT_TRACKER_WINDOW_SCORES_H
#define FT_TRACKER_WINDOW_SCORES_H

#include "tracker/experiment.h"

/* Sums over the steps of a window whose truth is known. Every metric is a quotient of
 * two (rmse its root). */
typedef struct ft_window_sums {
    double steps; /* how many */
    double absolute_error, squared_error, smape;
    double quantile_loss; /* mean over the quantiles; wql divides it by absolute_target */
    double covered;       /* steps within the 80 % interval */
    double absolute_target;
    /* steps whose direction is known; of these, those forecast in the right direction */
    double directions, right_directions;
    double scaled_steps, scaled_error; /* of mase; 0 where the series has no scale */
} ft_window_sums;
/* Adds the next step of a window, if its truth is not NaN, to all sums but scaled_steps
 * and scaled_error; *before becomes this step (ft_step_direction). quantiles: those of
 * ft_quantile_levels. */
void ft_window_sums_add(ft_window_sums *sums, ft_step_before *before, double truth,
                        const double quantiles[FT_N_QUANTILES]);

/* The metric over some of the windows is the sum of their `sum` over the sum of their
 * `weight`; of rmse the root of that. */
typedef struct ft_window_scores {
    size_t n_windows;
    /* (n_windows), in the order of the file: series by series, by time */
    double *sum, *weight;
    size_t *series; /* (n_windows): the number of the window's series */
    size_t n_series;
    /* CRC-32 of all windows' series, origins, dates and truths as the file has them:
     * equal for the same windows. 0 where read from baselines.csv. */
    uint32_t window_checksum;
    uint32_t origin_checksum; /* CRC-32 of their series and origins alone */
    /* why n_windows is 0, be it by FT_BAD_INPUT: a clause that nobody frees; else NULL */
    const char *why_none;
} ft_window_scores;

/* Reads an experiment's windows of a split from its directory, as ft_window_scores_read
 * does; but where there is one series and no windows.csv, the scale of mase follows from
 * the recorded mae and mase. Windows that do not add up to the recorded metric are
 * dropped. */
ft_status ft_window_scores_of(const ft_experiment *experiment, ft_split split, ft_metric metric,
                              ft_window_scores *scores, ft_error *err);
/* The same of a baseline in its test windows. */
ft_status ft_window_scores_of_baseline(const ft_experiment *experiment, const char *baseline,
                                       ft_metric metric, ft_window_scores *scores, ft_error *err);

/* Reads the windows of a split from forecasts.csv and, for mase and directional_accuracy,
 * windows.csv; freed by _free. Without windows.csv, as in older records, these two
 * metrics have no windows. Windows in which no step counts are left out. FT_BAD_INPUT,
 * naming file and line, where there is no forecasts.csv, or one of the two is no such
 * file. */
ft_status ft_window_scores_read(const char *directory, ft_split split, ft_metric metric,
                                ft_window_scores *scores, ft_error *err);
/* The same of what a baseline ("zero_shot") forecast in the test windows, from
 * baselines.csv. */
ft_status ft_window_scores_read_baseline(const char *directory, const char *baseline, ft_metric metric,
                                         ft_window_scores *scores, ft_error *err);
/* Whether both are of the same windows, by their series, origins and known truths. */
bool ft_window_scores_match(const ft_window_scores *a, const ft_window_scores *b);
void ft_window_scores_free(ft_window_scores *scores);

#endif
