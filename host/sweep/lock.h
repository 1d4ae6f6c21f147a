/* Who has a sweep, or a shard of it. Locks are the operating system's and end with the
 * process; their files say who holds them. */
#ifndef FT_HOST_SWEEP_LOCK_H
#define FT_HOST_SWEEP_LOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/directory.h"
#include "base/error.h"

/* The part of a sweep that is this process's: `index` of `count`, from 1; {0, 0}: all
 * of it. */
typedef struct ft_shard {
    int32_t index, count;
} ft_shard;

/* Descriptors of lock, lock.<shard> and lock.opening; start from FT_SWEEP_LOCK_NONE. */
typedef struct ft_sweep_lock {
    int sweep, shard, opening;
    int32_t index; /* of the shard */
    bool is_alone; /* when it was taken no other process had a shard of the sweep */
} ft_sweep_lock;
#define FT_SWEEP_LOCK_NONE ((ft_sweep_lock){-1, -1, -1, 0, false})

/* Takes the sweep `name`, whose files are in `directory`, alone, or a shard of it.
 * Until ft_sweep_lock_opened others that want it wait. FT_BAD_INPUT, naming host and
 * process, when another process has the sweep, or the shard, or a shard of another
 * number of them, and still has it two seconds later: one that was killed may take a
 * moment to go. Also where a lock is a link or no regular file. Released by
 * ft_sweep_lock_release, also after a failure. */
ft_status ft_sweep_lock_take(ft_sweep_lock *lock, const ft_directory *directory, const char *name,
                             ft_shard shard, ft_error *err);
void ft_sweep_lock_opened(ft_sweep_lock *lock);
void ft_sweep_lock_release(ft_sweep_lock *lock);

/* FT_FAILED when a lock's file was removed or replaced: others may have the sweep
 * then, and this process must not write to it any more. */
ft_status ft_sweep_lock_check(const ft_sweep_lock *lock, const ft_directory *directory, ft_error *err);

#endif
