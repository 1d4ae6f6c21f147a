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
    /* (n_keys) what to refine; none: what varies, else learning_rate */
    const char *const *keys;
    size_t n_keys;
    /* (n_grids) "key=v1,v2,...": lists that are taken as they are */
    const char *const *grids;
    size_t n_grids;
} ft_refinement_request;

/* The grid is an object of lists, as `ftgpu sweep --grid-file` reads it. It holds, in this order:
 *
 * - each refined hyperparameter, a number, with half its best value, the value and its double. Where a value
 * in that reach was tried already, the geometric mean between it and the best stands for the half or the
 * double, to three digits: so a refinement of a refinement closes in. A best value of 0 is followed by half
 * the smallest that was tried above it. Whole numbers are rounded, values kept in the hyperparameter's range,
 *   and what is then there twice is left out. By default refined are the numbers that vary among the
 *   experiments, but prediction_length (errors over different horizons don't compare) and seed;
 * - the lists of `grids`;
 * - what else the best experiment has that is not the default, as a list of one.
 *
 * table: a row for each: hyperparameter, best, tried (what the experiments hold), grid. remark: whole lines
 * on what people should know, such as a best value at the end of what was tried, and keys of foreign
 * experiments that are left out. *count is the number of configurations. FT_BAD_INPUT for a key that is
 * unknown, given twice, not a number, or that the best experiment lacks. *grid is the caller's; table and
 * remark start empty. */
ft_status ft_refine(const ft_experiments *experiments, const ft_refinement_request *request, cJSON **grid,
                    ft_table *table, ft_text *remark, size_t *count, ft_error *err);

#endif
