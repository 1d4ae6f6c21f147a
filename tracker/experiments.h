/* A results directory: all its experiments, those that could not be read by name, and
 * finding one. */
#ifndef FT_TRACKER_EXPERIMENTS_H
#define FT_TRACKER_EXPERIMENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/text.h"
#include "tracker/experiment.h"

typedef struct ft_experiments {
    ft_experiment *items; /* (count), sorted by experiment_id */
    size_t count;
    char **warnings; /* (n_warnings): one line each for what was skipped, and why */
    size_t n_warnings;
    /* directories named as experiments are, without a results.json: running, or killed */
    size_t n_unfinished;
} ft_experiments;

/* Loads every <results>/<directory>/results.json; hidden directories are not looked at.
 * Broken and foreign files, and a second file with an id that was seen, are skipped with
 * a warning. Fails only if the directory itself cannot be read (FT_BAD_INPUT), or memory
 * runs out. */
ft_status ft_experiments_load(const char *results, ft_detail detail, ft_experiments *experiments,
                              ft_error *err);
void ft_experiments_free(ft_experiments *experiments);

/* Where the experiments are of several data sets, adds a line that says so, with how many
 * are of each and an example, and how to choose: metrics of different data do not
 * compare. Experiments whose run does not say which data are not looked at. */
void ft_experiments_describe_data(const ft_experiments *experiments, ft_text *out);

/* The experiment with that id, else the only one whose id starts so, else the one in a
 * directory of that name. FT_BAD_INPUT with the nearest id, or with how many ids start
 * so. *found points into `experiments`. */
ft_status ft_experiments_find(const ft_experiments *experiments, const char *id, const ft_experiment **found,
                              ft_error *err);

/* The best experiment by a metric of a split: lowest, but highest directional_accuracy
 * and coverage_80 nearest to 0.8; failed experiments and undefined values are passed
 * over, the first by id wins a tie. Of replicates (replicates.h) the mean counts, and
 * the best of those with the best mean is taken. FT_BAD_INPUT, saying what there is,
 * when no experiment has that value. */
ft_status ft_experiments_best(const ft_experiments *experiments, ft_metric metric, ft_split split,
                              const ft_experiment **best, ft_error *err);

#endif
