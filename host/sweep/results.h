/* The experiments of a sweep in the results directory: whether one has a result, and
 * removing unfinished ones. Nothing that holds, or may hold, a results.json is ever
 * removed. */
#ifndef FT_HOST_SWEEP_RESULTS_H
#define FT_HOST_SWEEP_RESULTS_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "base/directory.h"

/* Two directories, both owned by the store. An unfinished experiment is first moved to
 * `discarded`: a process that still writes into it cannot finish it in the old place. */
typedef struct ft_sweep_results {
    ft_directory experiments, discarded;
} ft_sweep_results;

/* Whether an experiment has a results.json that is not empty. FT_FAILED if that cannot
 * be told. */
ft_status ft_sweep_results_has(const ft_sweep_results *results, const char *experiment_id, bool *has,
                               ft_error *err);
/* Whether it holds a trained adapter. FT_FAILED if that cannot be told. */
ft_status ft_sweep_results_has_adapter(const ft_sweep_results *results, const char *experiment_id, bool *has,
                                       ft_error *err);
/* Reads a result; the caller owns the object. *failed: it records a failure.
 * FT_BAD_INPUT or FT_FAILED if it cannot be read. */
ft_status ft_sweep_results_read(const ft_sweep_results *results, const char *experiment_id, cJSON **result,
                                bool *failed, ft_error *err);
/* Removes an unfinished experiment, if there is one. A symbolic link in its place
 * stays: what it points to may be unavailable for the moment. *has_result: it was
 * finished meanwhile and stays. */
ft_status ft_sweep_results_discard(const ft_sweep_results *results, const char *experiment_id,
                                   bool *has_result, ft_error *err);
/* Clears `discarded` of the experiments that `is_wanted` accepts, after a crash or a
 * failed removal: those with a result move back, the others are removed as far as
 * possible. No other process may discard them meanwhile. */
ft_status ft_sweep_results_restore(const ft_sweep_results *results,
                                   bool (*is_wanted)(const void *context, const char *experiment_id),
                                   const void *context, ft_error *err);

#endif
