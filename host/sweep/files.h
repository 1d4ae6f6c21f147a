/* The files of a sweep's state: their names, and reading and writing the plan. */
#ifndef FT_HOST_SWEEP_FILES_H
#define FT_HOST_SWEEP_FILES_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/directory.h"
#include "host/sweep/index.h"

enum { FT_JOURNAL_NAME = 32, FT_CHECKPOINT_NAME = 64 };

/* "journal.2.jsonl" for shard 2; "journal.jsonl" for shard 0, a sweep without shards.
 * Returns `name`. */
const char *ft_journal_name(int32_t shard, char name[FT_JOURNAL_NAME]);
bool ft_is_journal_name(const char *name);

/* "batch_<number + 1>.safetensors". Returns `name`. */
const char *ft_checkpoint_name(size_t number, char name[FT_CHECKPOINT_NAME]);
/* Whether `name` is a checkpoint's. Sets the number of its batch, and whether it is
 * the temporary file of an unfinished write. */
bool ft_read_checkpoint_name(const char *name, size_t *number, bool *is_temporary);
ft_status ft_sweep_has_checkpoints(const ft_directory *checkpoints, bool *has, ft_error *err);

/* Reads plan.json; the caller owns *plan, which is NULL if there is none. FT_BAD_INPUT
 * if it is damaged, of another version, or missing while journals or checkpoints
 * exist. Removes temporary files that a crash left. */
ft_status ft_sweep_plan_read(const ft_directory *state, const ft_directory *checkpoints, cJSON **plan,
                             ft_error *err);
/* Loads a plan into the index. FT_BAD_INPUT if its parts contradict each other. */
ft_status ft_sweep_plan_check(const ft_directory *state, const char *name, const cJSON *plan,
                              ft_sweep_index *index, ft_error *err);
/* Replaces the whole state by a new plan: removes journals and checkpoints first. */
ft_status ft_sweep_plan_write(const ft_directory *state, const ft_directory *checkpoints, const cJSON *plan,
                              ft_error *err);
/* The first key whose values differ (within an object, the inner key), or NULL.
 * Ignores batches: they depend on the devices of the first start. */
const char *ft_sweep_plan_difference(const cJSON *a, const cJSON *b);

#endif
