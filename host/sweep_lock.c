/* Who has a sweep; see sweep_lock.h. Shards share its lock, which a process without a shard has alone. */
#include "host/sweep_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"

enum { HOLDER_CHARS = 256 };

static ft_status open_lock(const char *directory, const char *file, int *descriptor, ft_error *err)
{
    char *path = ft_join_path(directory, file);
    if (!path) return ft_no_memory(err, "a path", strlen(file));
    *descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    ft_status status = *descriptor >= 0 ? FT_OK : ft_fail(err, FT_FAILED, "%s: %s", path, strerror(errno));
    free(path);
    return status;
}

/* Takes it if that can be done at once; *taken tells. */
static ft_status try_lock(int descriptor, int how, const char *directory, bool *taken, ft_error *err)
{
    *taken = flock(descriptor, how | LOCK_NB) == 0;
    if (*taken || errno == EWOULDBLOCK) return FT_OK;
    return ft_fail(err, FT_FAILED, "%s: cannot be locked: %s", directory, strerror(errno));
}

static void read_holder(int descriptor, char holder[HOLDER_CHARS])
{
    ssize_t n = pread(descriptor, holder, HOLDER_CHARS - 1, 0);
    holder[n > 0 ? n : 0] = '\0';
    if (n <= 0) strcpy(holder, "another process");
    holder[strcspn(holder, "\n")] = '\0';
}

static ft_status write_holder(int descriptor, const char *directory, ft_shard shard, ft_error *err)
{
    char host[128] = "this host", holder[HOLDER_CHARS], when[32], part[48] = "";
    time_t now = time(NULL);
    struct tm local;
    gethostname(host, sizeof host - 1);
    strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S", localtime_r(&now, &local));
    if (shard.count > 0) snprintf(part, sizeof part, ", shard %d/%d", (int)shard.index, (int)shard.count);
    int n =
        snprintf(holder, sizeof holder, "process %ld on %s since %s%s\n", (long)getpid(), host, when, part);
    if (ftruncate(descriptor, 0) != 0 || pwrite(descriptor, holder, (size_t)n, 0) != n)
        return ft_fail(err, FT_FAILED, "%s: a lock cannot be written: %s", directory, strerror(errno));
    return FT_OK;
}

/* The number of shards of which the holder has one; 0: it has the whole sweep. */
static int shards_of(const char *holder)
{
    int shard = 0, count = 0;
    const char *part = strstr(holder, ", shard ");
    return part && sscanf(part, ", shard %d/%d", &shard, &count) == 2 ? count : 0;
}

/* The sweep's lock: alone if possible, else, for a shard, with others of as many. */
static ft_status take_sweep(ft_sweep_lock *lock, const char *directory, const char *name, ft_shard shard,
                            ft_error *err)
{
    char holder[HOLDER_CHARS];
    bool shared = false;
    ft_status status = try_lock(lock->sweep, LOCK_EX, directory, &lock->is_alone, err);
    if (status != FT_OK || lock->is_alone) return status;
    read_holder(lock->sweep, holder);
    if (shard.count > 0) status = try_lock(lock->sweep, LOCK_SH, directory, &shared, err);
    if (status != FT_OK) return status;
    if (!shared)
        return ft_fail(err, FT_BAD_INPUT,
                       "sweep \"%s\" is being run by %s: wait for it or choose another --name", name, holder);
    if (shards_of(holder) != shard.count)
        return ft_fail(err, FT_BAD_INPUT,
                       "sweep \"%s\" is being run by %s: all that run it at a time must have shards of the "
                       "same number",
                       name, holder);
    return FT_OK;
}

static ft_status take_shard(ft_sweep_lock *lock, const char *directory, const char *name, ft_shard shard,
                            ft_error *err)
{
    char file[32], holder[HOLDER_CHARS];
    bool taken = false;
    snprintf(file, sizeof file, "lock.%d", (int)shard.index);
    ft_status status = open_lock(directory, file, &lock->shard, err);
    if (status == FT_OK) status = try_lock(lock->shard, LOCK_EX, directory, &taken, err);
    if (status != FT_OK) return status;
    if (taken) return write_holder(lock->shard, directory, shard, err);
    read_holder(lock->shard, holder);
    return ft_fail(err, FT_BAD_INPUT, "shard %d/%d of sweep \"%s\" is being run by %s", (int)shard.index,
                   (int)shard.count, name, holder);
}

ft_status ft_sweep_lock_take(ft_sweep_lock *lock, const char *directory, const char *name, ft_shard shard,
                             ft_error *err)
{
    ft_status status = open_lock(directory, "lock.opening", &lock->opening, err);
    if (status == FT_OK && flock(lock->opening, LOCK_EX) != 0)
        status = ft_fail(err, FT_FAILED, "%s: cannot be locked: %s", directory, strerror(errno));
    if (status == FT_OK) status = open_lock(directory, "lock", &lock->sweep, err);
    if (status == FT_OK) status = take_sweep(lock, directory, name, shard, err);
    if (status == FT_OK && shard.count > 0) status = take_shard(lock, directory, name, shard, err);
    if (status == FT_OK) status = write_holder(lock->sweep, directory, shard, err);
    return status;
}

static void close_lock(int *descriptor)
{
    if (*descriptor >= 0) close(*descriptor);
    *descriptor = -1;
}

void ft_sweep_lock_opened(ft_sweep_lock *lock)
{
    if (lock->shard >= 0 && lock->is_alone) flock(lock->sweep, LOCK_SH); /* to a weaker lock: at once */
    lock->is_alone = lock->is_alone && lock->shard < 0;
    close_lock(&lock->opening);
}

void ft_sweep_lock_release(ft_sweep_lock *lock)
{
    close_lock(&lock->shard);
    close_lock(&lock->sweep);
    close_lock(&lock->opening);
}
