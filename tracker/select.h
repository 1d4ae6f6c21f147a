/* Choosing among experiments: by id, by pattern, by hyperparameter. */
#ifndef FT_TRACKER_SELECT_H
#define FT_TRACKER_SELECT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "tracker/experiments.h"

/* An experiment is kept if every condition holds; zeroed fields are no condition. */
typedef struct ft_selection {
    /* (n_ids): one of these, or the only one that begins so (as ft_experiments_find) */
    const char *const *ids;
    size_t n_ids;
    /* the id matches this glob, or this extended regular expression anywhere in it */
    const char *match;
    bool regex;
    /* (n_where) "key=value": hyperparameters; numbers are compared as numbers */
    const char *const *where;
    size_t n_where;
} ft_selection;

/* Drops the others from `experiments`. FT_BAD_INPUT for an id that is not there, a broken
 * pattern, or a key that no experiment has (with the nearest one). */
ft_status ft_experiments_select(ft_experiments *experiments, const ft_selection *selection, ft_error *err);

#endif
