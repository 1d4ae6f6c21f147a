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

/* The sources of a sweep's configurations: `grids`, each "key=v1,v2,..." (later keys
 * vary faster), and `grid_file`, an object of lists whose keys come before those of
 * `grids`; or else `configs_file`, a list of objects; or `seeds` alone, which repeat the
 * base. */
typedef struct ft_grid_source {
    const char *const *grids; /* (n_grids) */
    size_t n_grids;
    const char *grid_file, *configs_file; /* or NULL */
    /* how many times each configuration is trained: with its own seed, and with the next
     * ones. 0: not given, as 1; but 1 alone, without the other sources, is a sweep */
    int64_t seeds;
    int64_t max_configs; /* > 0 */
} ft_grid_source;

typedef struct ft_grid {
    ft_hyperparameters *configs; /* (count), in grid order: the last key varies fastest */
    size_t count;
    /* keys that vary, in the order given (for a list: all keys that an entry sets) */
    const ft_field *keys[FT_N_FIELDS];
    size_t n_keys;
    /* by field: every configuration sets it, so the base's value has no effect */
    bool covers[FT_N_FIELDS];
} ft_grid;

/* Expands the source: each configuration is `base` (defaults and --set) overridden by
 * its own values. FT_BAD_INPUT if there is no source, or a grid and a list; an unknown
 * key; a key, a value of one key, or a configuration given twice; an empty list; a
 * wrong type; a value out of range; more than max_configs configurations;
 * `seeds` where the source sets the seed, or beyond its range. Seeds vary fastest. */
ft_status ft_grid_expand(const ft_grid_source *source, const ft_hyperparameters *base, ft_grid *grid,
                         ft_error *err);
/* Counts the configurations that train the same as an earlier one, because they differ
 * only in values that their adapter_type or lr_scheduler ignores. *first and *second
 * are the indices of two such. Fails only with FT_NO_MEMORY. */
ft_status ft_grid_count_repeated(const ft_grid *grid, size_t *count, size_t *first, size_t *second,
                                 ft_error *err);
void ft_grid_free(ft_grid *grid);

#endif
