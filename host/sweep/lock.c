/* Which process has a sweep; see lock.h. Shards hold the sweep's lock as a shared one;
 * a process without shards holds it exclusively. */
#include "host/sweep/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

enum { HOLDER_CHARS = 256, LOCK_NAME_CHARS = 32, TRIES = 100 };

/* Seconds to wait for a lock. A killed process, its workers and its locks are gone
 * after PATIENCE. */
static const double PATIENCE = 2, OPENING_PATIENCE = 30;

/* Whether the name still leads to the open file. True if that cannot be told, as when
 * a network file system is away for a moment. */
static bool is_current(const ft_directory *directory, const char *file, int descriptor)
{
    struct stat held, there;
    if (fstat(descriptor, &held) != 0) return true;
    if (fstatat(directory->descriptor, file, &there, AT_SYMLINK_NOFOLLOW) != 0)
        return errno != ENOENT && errno != ENOTDIR;
    return held.st_dev == there.st_dev && held.st_ino == there.st_ino;
}

/* Opens a lock file, if it is not open, and locks it. *taken is false if LOCK_NB was
 * given and another process has it. If the file was removed or replaced meanwhile,
 * others would not see this lock: it is opened and locked again. */
static ft_status take(const ft_directory *directory, const char *file, int how, int *descriptor, bool *taken,
                      ft_error *err)
{
    *taken = false;
    for (int i = 0; i < TRIES; i++) {
        ft_status status = FT_OK;
        if (*descriptor < 0)
            status = ft_directory_open_file(directory, file, O_RDWR | O_CREAT, descriptor, err);
        if (status != FT_OK) return status;
        while (!(*taken = flock(*descriptor, how) == 0) && errno == EINTR) continue;
        if (!*taken && errno != EWOULDBLOCK)
            return ft_fail(err, FT_FAILED, "%s/%s: cannot be locked: %s", directory->path, file,
                           strerror(errno));
        if (is_current(directory, file, *descriptor)) return FT_OK;
        close(*descriptor);
        *descriptor = -1;
    }
    return ft_fail(err, FT_FAILED, "%s/%s: cannot be locked: it is removed again and again", directory->path,
                   file);
}

static void read_holder(int descriptor, char holder[HOLDER_CHARS])
{
    ssize_t n = pread(descriptor, holder, HOLDER_CHARS - 1, 0);
    holder[n > 0 ? n : 0] = '\0';
    if (n <= 0) strcpy(holder, "another process");
    holder[strcspn(holder, "\n")] = '\0';
}

/* Writes who holds the lock into its file. */
static ft_status write_holder(int descriptor, const ft_directory *directory, const char *file, ft_shard shard,
                              ft_error *err)
{
    char host[128] = "this host", holder[HOLDER_CHARS], when[32], part[48] = "";
    time_t now = time(NULL);
    struct tm local;
    gethostname(host, sizeof host - 1);
    strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S", localtime_r(&now, &local));
    if (shard.count > 0) snprintf(part, sizeof part, ", shard %d/%d", (int)shard.index, (int)shard.count);
    int n =
        snprintf(holder, sizeof holder, "process %ld on %s since %s%s\n", (long)getpid(), host, when, part);
    errno = ENOSPC; /* for a short write */
    if (ftruncate(descriptor, 0) == 0 && pwrite(descriptor, holder, (size_t)n, 0) == n) return FT_OK;
    return ft_fail(err, FT_FAILED, "%s/%s: cannot be written: %s", directory->path, file, strerror(errno));
}

/* Into how many shards the holder cut the sweep; 0: it has the whole sweep. */
static int shards_of(const char *holder)
{
    int shard = 0, count = 0;
    const char *part = strstr(holder, ", shard ");
    return part && sscanf(part, ", shard %d/%d", &shard, &count) == 2 ? count : 0;
}

/* Takes the sweep's lock: exclusively if possible; a shard shares it with shards of
 * the same count. *is_held: other processes have it. */
static ft_status take_sweep(ft_sweep_lock *lock, const ft_directory *directory, const char *name,
                            ft_shard shard, bool *is_held, ft_error *err)
{
    char holder[HOLDER_CHARS];
    bool shared = false;
    ft_status status = take(directory, "lock", LOCK_EX | LOCK_NB, &lock->sweep, &lock->is_alone, err);
    if (status != FT_OK || lock->is_alone) return status;
    read_holder(lock->sweep, holder);
    if (shard.count > 0) status = take(directory, "lock", LOCK_SH | LOCK_NB, &lock->sweep, &shared, err);
    if (status != FT_OK) return status;
    *is_held = !shared || shards_of(holder) != shard.count;
    if (!shared)
        return ft_fail(err, FT_BAD_INPUT,
                       "sweep \"%s\" is being run by %s: wait for it or choose another --name", name, holder);
    if (*is_held)
        return ft_fail(err, FT_BAD_INPUT,
                       "sweep \"%s\" is being run by %s: all that run it at a time must have shards of the "
                       "same number",
                       name, holder);
    return FT_OK;
}

static void name_of_shard(int32_t index, char name[LOCK_NAME_CHARS])
{
    snprintf(name, LOCK_NAME_CHARS, "lock.%d", (int)index);
}

static ft_status take_shard(ft_sweep_lock *lock, const ft_directory *directory, const char *name,
                            ft_shard shard, bool *is_held, ft_error *err)
{
    char file[LOCK_NAME_CHARS], holder[HOLDER_CHARS];
    bool taken = false;
    name_of_shard(shard.index, file);
    lock->index = shard.index;
    ft_status status = take(directory, file, LOCK_EX | LOCK_NB, &lock->shard, &taken, err);
    if (status != FT_OK) return status;
    if (taken) return write_holder(lock->shard, directory, file, shard, err);
    *is_held = true;
    read_holder(lock->shard, holder);
    return ft_fail(err, FT_BAD_INPUT, "shard %d/%d of sweep \"%s\" is being run by %s", (int)shard.index,
                   (int)shard.count, name, holder);
}

/* Lets one process at a time open a sweep's state. Waits at most OPENING_PATIENCE
 * seconds, since the other process may be suspended. */
static ft_status take_opening(ft_sweep_lock *lock, const ft_directory *directory, const char *name,
                              ft_error *err)
{
    const double until = ft_now_seconds() + OPENING_PATIENCE;
    for (;;) {
        bool taken = false;
        ft_status status = take(directory, "lock.opening", LOCK_EX | LOCK_NB, &lock->opening, &taken, err);
        if (status != FT_OK || taken) return status;
        if (ft_now_seconds() > until)
            return ft_fail(err, FT_FAILED, "sweep \"%s\" is being opened by another process, for %g s now",
                           name, OPENING_PATIENCE);
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    }
}

ft_status ft_sweep_lock_take(ft_sweep_lock *lock, const ft_directory *directory, const char *name,
                             ft_shard shard, ft_error *err)
{
    bool is_held = false;
    ft_status status = take_opening(lock, directory, name, err);
    if (status != FT_OK) return status;
    const double until = ft_now_seconds() + PATIENCE;
    do {
        if (is_held) nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
        is_held = false;
        status = take_sweep(lock, directory, name, shard, &is_held, err);
        if (status == FT_OK && shard.count > 0)
            status = take_shard(lock, directory, name, shard, &is_held, err);
    } while (is_held && ft_now_seconds() < until);
    return status == FT_OK ? write_holder(lock->sweep, directory, "lock", shard, err) : status;
}

ft_status ft_sweep_lock_check(const ft_sweep_lock *lock, const ft_directory *directory, ft_error *err)
{
    char file[LOCK_NAME_CHARS] = "lock";
    bool holds = is_current(directory, file, lock->sweep);
    if (holds && lock->shard >= 0) {
        name_of_shard(lock->index, file);
        holds = is_current(directory, file, lock->shard);
    }
    if (holds) return FT_OK;
    return ft_fail(
        err, FT_FAILED,
        "%s/%s was removed or replaced while process %ld had it: the process stops, lest two run the "
        "sweep; its checkpoints stay, and the same command resumes",
        directory->path, file, (long)getpid());
}

static void close_lock(int *descriptor)
{
    if (*descriptor >= 0) close(*descriptor);
    *descriptor = -1;
}

void ft_sweep_lock_opened(ft_sweep_lock *lock)
{
    /* a weaker lock never waits */
    if (lock->shard >= 0 && lock->is_alone) flock(lock->sweep, LOCK_SH);
    lock->is_alone = lock->is_alone && lock->shard < 0;
    close_lock(&lock->opening);
}

void ft_sweep_lock_release(ft_sweep_lock *lock)
{
    close_lock(&lock->shard);
    close_lock(&lock->sweep);
    close_lock(&lock->opening);
}
