/* Which process has a sweep, or a shard of it. The locks are the operating system's
 * and end with the process; the files' contents say who holds them. */
#ifndef FT_HOST_SWEEP_LOCK_H
#define FT_HOST_SWEEP_LOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/directory.h"
#include "base/error.h"

/* This process's part of a sweep: shard `index` (from 1) of `count`. {0, 0}: all of
 * it. */
typedef struct ft_shard {
    int32_t index, count;
} ft_shard;

/* Descriptors of the files lock, lock.<shard> and lock.opening. Start from
 * FT_SWEEP_LOCK_NONE. */
typedef struct ft_sweep_lock {
    int sweep, shard, opening;
    int32_t index; /* of the shard; 0: the whole sweep */
    bool is_alone; /* no other process had a shard when it was taken */
} ft_sweep_lock;
#define FT_SWEEP_LOCK_NONE ((ft_sweep_lock){-1, -1, -1, 0, false})

/* Locks the sweep `name`, or a shard of it; its files are in `directory`. Other
 * processes that open the sweep wait until ft_sweep_lock_opened. FT_BAD_INPUT, naming
 * host and process, if another process has the sweep, the same shard, or a shard of
 * another count, and keeps it for two seconds (one that was killed may take a moment
 * to go); also if a lock file is a link or no regular file. Released by
 * ft_sweep_lock_release, also after a failure. */
ft_status ft_sweep_lock_take(ft_sweep_lock *lock, const ft_directory *directory, const char *name,
                             ft_shard shard, ft_error *err);
void ft_sweep_lock_opened(ft_sweep_lock *lock);
void ft_sweep_lock_release(ft_sweep_lock *lock);

/* FT_FAILED if a lock file was removed or replaced: another process may have the sweep
 * now, so this one must not write to it any more. */
ft_status ft_sweep_lock_check(const ft_sweep_lock *lock, const ft_directory *directory, ft_error *err);

#endif
