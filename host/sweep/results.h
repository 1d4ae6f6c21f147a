/* The experiments of a sweep as they lie in the results directory: whether one has its
 * result, and how what was left unfinished is taken away. Nothing in which a
 * results.json is, or may be, is ever removed. */
#ifndef FT_HOST_SWEEP_RESULTS_H
#define FT_HOST_SWEEP_RESULTS_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "base/directory.h"

/* Both directories are the state's. An unfinished experiment is moved to `discarded`
 * first: whoever still writes into it cannot finish it there unseen. */
typedef struct ft_sweep_results {
    ft_directory experiments, discarded;
} ft_sweep_results;

/* Whether an experiment's results.json is on disk; an empty one is none. FT_FAILED
 * where that cannot be told. */
ft_status ft_sweep_results_has(const ft_sweep_results *results, const char *experiment_id, bool *has,
                               ft_error *err);
/* Whether it holds a trained adapter. FT_FAILED likewise. */
ft_status ft_sweep_results_has_adapter(const ft_sweep_results *results, const char *experiment_id, bool *has,
                                       ft_error *err);
/* Reads a result, an object that is the caller's, and whether it is that of a failure.
 * FT_BAD_INPUT or FT_FAILED where it cannot be read. */
ft_status ft_sweep_results_read(const ft_sweep_results *results, const char *experiment_id, cJSON **result,
                                bool *failed, ft_error *err);
/* Takes an unfinished experiment away, if there is one; a link in its place stays, for
 * what it leads to may be away for the moment. *has_result: it was finished meanwhile,
 * and stays. */
ft_status ft_sweep_results_discard(const ft_sweep_results *results, const char *experiment_id,
                                   bool *has_result, ft_error *err);
/* What of those that `is_wanted` names is left in `discarded`, by a crash or because
 * it could not be removed: results go back, the rest is removed as far as that is
 * possible. Nobody else discards these. */
ft_status ft_sweep_results_restore(const ft_sweep_results *results,
                                   bool (*is_wanted)(const void *context, const char *experiment_id),
                                   const void *context, ft_error *err);

#endif
