/* The files of a sweep's state: how they are called, and its plan. */
#ifndef FT_HOST_SWEEP_FILES_H
#define FT_HOST_SWEEP_FILES_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/directory.h"
#include "host/sweep/index.h"

enum { FT_JOURNAL_NAME = 32, FT_CHECKPOINT_NAME = 64 };

/* "journal.2.jsonl" of a shard; "journal.jsonl" of shard 0: the whole sweep. Returns
 * `name`. */
const char *ft_journal_name(int32_t shard, char name[FT_JOURNAL_NAME]);
bool ft_is_journal_name(const char *name);

/* "batch_<number + 1>.safetensors". Returns `name`. */
const char *ft_checkpoint_name(size_t number, char name[FT_CHECKPOINT_NAME]);
/* The number of the batch whose checkpoint a file is, or was about to be: then it is
 * temporary. */
bool ft_read_checkpoint_name(const char *name, size_t *number, bool *is_temporary);
ft_status ft_sweep_has_checkpoints(const ft_directory *checkpoints, bool *has, ft_error *err);

/* Reads plan.json; *plan is the caller's, NULL where there is none. FT_BAD_INPUT where
 * it is damaged or another version's, or gone while journals and checkpoints are not.
 * Removes what a crash has left of one. */
ft_status ft_sweep_plan_read(const ft_directory *state, const ft_directory *checkpoints, cJSON **plan,
                             ft_error *err);
/* Takes a plan into the index. FT_BAD_INPUT where it does not hold together. */
ft_status ft_sweep_plan_check(const ft_directory *state, const char *name, const cJSON *plan,
                              ft_sweep_index *index, ft_error *err);
/* Writes a plan in the place of all that is there. */
ft_status ft_sweep_plan_write(const ft_directory *state, const ft_directory *checkpoints, const cJSON *plan,
                              ft_error *err);
/* The first key whose values differ, in an object the one within it, or NULL. Batches
 * are as the first start made them: they depend on devices that may be others now. */
const char *ft_sweep_plan_difference(const cJSON *a, const cJSON *b);

#endif
