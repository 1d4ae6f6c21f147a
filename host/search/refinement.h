/* A finer grid around the best experiment so far: the second stage of a search. */
#ifndef FT_HOST_SEARCH_REFINEMENT_H
#define FT_HOST_SEARCH_REFINEMENT_H

#include <cjson/cJSON.h>
#include <stddef.h>

#include "base/error.h"
#include "base/text.h"
#include "tracker/experiments.h"
#include "tracker/table.h"

typedef struct ft_refinement_request {
    const ft_experiment *best; /* one of the experiments */
    /* (n_keys) fields to refine; none: those that vary, or learning_rate */
    const char *const *keys;
    size_t n_keys;
    /* (n_grids) "key=v1,v2,...": lists taken as they are */
    const char *const *grids;
    size_t n_grids;
} ft_refinement_request;

/* Makes the grid, an object of lists as `ftgpu sweep --grid-file` reads it. It has, in
 * this order:
 *
 * - each refined number with three values: half the best one, the best one, and its
 *   double. If a value between was tried already, its geometric mean with the best one,
 *   to three digits, replaces the half or the double; so repeated refinements close in. A
 *   best value of 0 is followed by half the smallest value tried above it. Whole numbers
 *   are rounded, values kept in the field's range, and duplicates dropped. By default the
 *   numbers that vary among the experiments are refined, except prediction_length (errors
 *   over different horizons cannot be compared) and seed;
 * - the lists of `grids`;
 * - the best experiment's other values that are not the default, as lists of one, but
 *   not its seed.
 *
 * table: a row for each: hyperparameter, best, tried (values among the experiments),
 * grid. remark: lines for the user, such as that the best value is the smallest or
 * largest tried, or that keys of foreign experiments were left out. *count: the number
 * of configurations. FT_BAD_INPUT for a key that is unknown, given twice, not a
 * number, or missing in the best experiment. The caller owns *grid; table and remark
 * start empty. */
ft_status ft_refine(const ft_experiments *experiments, const ft_refinement_request *request, cJSON **grid,
                    ft_table *table, ft_text *remark, size_t *count, ft_error *err);

#endif
