/* What the tests of a sweep's state share: a results directory of their own with six
 * configurations, and files as a crash, a full disk or an edit may leave them. */
#ifndef FT_TESTS_SWEEP_SCRATCH_H
#define FT_TESTS_SWEEP_SCRATCH_H

#include "host/sweep/store.h"

enum { CONFIGURATIONS = 6 };

/* The results directory, in a directory of its own, and what else is beside it: for .init
 * and .fini. */
void sweep_enter(void);
void sweep_leave(void);
/* "<results>/<name>", until the eighth next call. */
const char *sweep_path(const char *name);
/* The same in the state of sweep "s". */
const char *sweep_store_path(const char *name);
const char *sweep_results(void);

/* Six configurations, each a trajectory, in three batches of two; `seed` makes it another
 * sweep. */
cJSON *sweep_plan(int seed);
ft_status sweep_open(int32_t shard, int32_t n_shards, int seed, ft_sweep_store **store, ft_error *err);
ft_sweep_store *sweep_must_open(int32_t shard, int32_t n_shards);
/* Opening it fails so, with a message of one line that says `why`. */
void sweep_expect_refused(int32_t shard, int32_t n_shards, int seed, ft_status status, const char *why);

/* The id of configuration `index`, from 0, at its first try: "s_001_20260101_000000". */
const char *sweep_id(size_t index);
/* An experiment's directory with a file in it, and with a result or none. */
void sweep_make_experiment(const char *id, bool has_result);
/* Journals that it is begun, and makes the directory; and that it is done. */
void sweep_start(ft_sweep_store *store, size_t index, const char *id, bool has_result);
void sweep_record(ft_sweep_store *store, size_t index, const char *id);
bool sweep_exists(const char *path);

/* A file's text, malloc'd; and a file with this text. */
char *sweep_read(const char *path);
void sweep_write(const char *path, const char *text);
/* Appends an event to a journal of sweep "s", sealed: {"event":"done",...}. */
void sweep_journal(const char *journal, const char *event);

#endif
