/* What a sweep remembers on disk, so that it can be interrupted at any instant and go on. DESIGN §5.
 *
 * <results>/.sweeps/<name>/ holds plan.json (what was asked for, and the hashes of data and model),
 * journal.jsonl (append-only, each line synced: started, done), checkpoints/ and a lock that names the
 * process which has it. The lock is the operating system's: it ends with the process. */
#ifndef FT_HOST_SWEEP_STATE_H
#define FT_HOST_SWEEP_STATE_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

typedef struct ft_sweep_state ft_sweep_state;

/* Opens the state of sweep `name` with `plan` (an object with "configurations", an array; the caller's). If
 * there is a state, its plan must be the same: else FT_BAD_INPUT that says what differs, unless that sweep is
 * complete, whose state then makes way. FT_BAD_INPUT, naming host and process, when another process holds the
 * lock. */
ft_status ft_sweep_state_open(const char *results, const char *name, const cJSON *plan,
                              ft_sweep_state **state, ft_error *err);
void ft_sweep_state_close(ft_sweep_state *state);

/* The experiment that holds the result of configuration `index`, or NULL where it is still to be done. Where
 * the last process died between writing a result and its line in the journal, the result counts; what it left
 * of an unfinished one is removed. */
const char *ft_sweep_state_done(const ft_sweep_state *state, size_t index);
size_t ft_sweep_state_n_done(const ft_sweep_state *state);
size_t ft_sweep_state_n_failed(const ft_sweep_state *state); /* of those done, recorded as failed */

/* The file of the configuration's checkpoint; the state's until the next call. NULL when memory runs out. */
const char *ft_sweep_state_checkpoint(ft_sweep_state *state, size_t index);

/* Journals that a configuration is being trained as `experiment_id`, and that its result is on disk (its
 * checkpoint is removed). */
ft_status ft_sweep_state_start(ft_sweep_state *state, size_t index, const char *experiment_id, ft_error *err);
ft_status ft_sweep_state_finish(ft_sweep_state *state, size_t index, const char *experiment_id, bool failed,
                                ft_error *err);

#endif
