/* The configurations of a sweep: a grid of values or a list of objects.
 * docs/interface.md §4. */
#ifndef FT_HOST_SEARCH_GRID_H
#define FT_HOST_SEARCH_GRID_H

#include <cjson/cJSON.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "host/search/hyperparameters.h"

enum { FT_DEFAULT_MAX_CONFIGS = 100000 };

/* Where a sweep's configurations come from: `grids` ("key=v1,v2,..." each, later ones
 * vary faster) and `grid_file` (an object of lists; its keys come before those of
 * `grids`), or `configs_file` (a list of objects). */
typedef struct ft_grid_source {
    const char *const *grids; /* (n_grids) */
    size_t n_grids;
    const char *grid_file, *configs_file; /* or NULL */
    int64_t max_configs;                  /* > 0 */
} ft_grid_source;

typedef struct ft_grid {
    ft_hyperparameters *configs; /* (count), in grid order: the last key varies fastest */
    size_t count;
    /* what varies, in the order given (of a list: what any entry sets) */
    const ft_field *keys[FT_N_FIELDS];
    size_t n_keys;
    bool covers[FT_N_FIELDS]; /* by field: every configuration sets it, so that the base's value is of no
                                 account */
} ft_grid;

/* Each configuration is `base` (defaults and --set) with its own values over it.
 * FT_BAD_INPUT: nothing given, or both a grid and a list; an unknown key, or a key, a
 * value of it or a configuration given twice; an empty list; a wrong type; a value out
 * of range; more than max_configs. */
ft_status ft_grid_expand(const ft_grid_source *source, const ft_hyperparameters *base, ft_grid *grid,
                         ft_error *err);
/* How many configurations train just what an earlier one does, since they differ only
 * in values that their adapter_type or lr_scheduler leaves unused; two of them, by
 * their places. Fails with FT_NO_MEMORY. */
ft_status ft_grid_count_repeated(const ft_grid *grid, size_t *count, size_t *first, size_t *second,
                                 ft_error *err);
void ft_grid_free(ft_grid *grid);

#endif
