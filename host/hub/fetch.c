/* Downloads a file into the cache; see fetch.h. */
#include "host/hub/fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "host/hub/attempts.h"

/* Paths of a blob, and of its lock and its unfinished download. */
typedef struct places {
    char *blob, *incomplete, *lock, *blobs, *locks;
} places;

static char *parent_of(const char *path)
{
    return ft_copy_bytes(path, (size_t)(strrchr(path, '/') - path));
}

static ft_status find_places(const ft_hub_remote *remote, const ft_hub_file *file, places *p, ft_error *err)
{
    const char *cache = remote->settings->cache, *repository = remote->name->repository;
    ft_text incomplete = FT_TEXT_EMPTY;
    p->blob = ft_hub_cache_path(cache, repository, "blobs", file->hash);
    p->lock = ft_hub_cache_lock_path(cache, repository, file->hash);
    if (p->blob) ft_text_addf(&incomplete, "%s.incomplete", p->blob);
    p->incomplete = incomplete.data;
    p->blobs = p->blob ? parent_of(p->blob) : NULL;
    p->locks = p->lock ? parent_of(p->lock) : NULL;
    if (!p->blobs || !p->locks || !p->incomplete || incomplete.failed)
        return ft_no_memory(err, "a path", strlen(cache));
    ft_status status = ft_make_directories(p->blobs, err);
    return status == FT_OK ? ft_make_directories(p->locks, err) : status;
}

static void free_places(places *p)
{
    free(p->blob);
    free(p->incomplete);
    free(p->lock);
    free(p->blobs);
    free(p->locks);
}

/* Waits until no other process downloads the blob. The lock is huggingface_hub's:
 * flock on a file that is never removed. On a file system without locks it goes on
 * without one; if two writers spoil the file the hash shows it. */
static ft_status take_lock(const ft_hub_remote *remote, const ft_hub_file *file, const char *path, int *lock,
                           ft_error *err)
{
    *lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0664);
    if (*lock < 0)
        return ft_fail(err, ft_status_of_errno(errno), "%s: cannot be opened: %s", path, strerror(errno));
    for (bool has_told = false; flock(*lock, LOCK_EX | LOCK_NB) != 0;) {
        if (errno == EINTR) continue;
        if (errno != EWOULDBLOCK) return FT_OK;
        if (!has_told) {
            ft_text line = FT_TEXT_EMPTY;
            ft_text_addf(&line, "%s: waiting for another process that fetches %s", remote->name->repository,
                         file->name);
            if (!line.failed) ft_hub_say(remote, line.data);
            ft_text_free(&line);
        }
        has_told = true;
        if (!ft_hub_show(remote, file->name, 0, file->size)) return ft_hub_stopped(remote, file->name, err);
        nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
    }
    return FT_OK;
}

static bool exists(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

/* Checks that the disk has room for the missing bytes; passes if that is unknown. */
static ft_status check_room(const places *p, const ft_hub_file *file, int64_t have, ft_error *err)
{
    struct statvfs disk;
    const int64_t missing = file->size - have;
    if (file->size < 0 || statvfs(p->blobs, &disk) != 0) return FT_OK;
    const uint64_t room = (uint64_t)disk.f_bavail * disk.f_frsize;
    if ((uint64_t)missing <= room) return FT_OK;
    return ft_fail(err, FT_FAILED,
                   "%s: %lld MB are free, %s needs %lld MB: make room, or name another place by HF_HUB_CACHE",
                   p->blobs, (long long)(room / 1000000), file->name, (long long)(missing / 1000000) + 1);
}

/* How many bytes an earlier try left; 0 if they are of no use. */
static ft_status find_start(int descriptor, const char *path, const ft_hub_file *file, int64_t *have,
                            ft_error *err)
{
    struct stat info;
    *have = 0;
    if (fstat(descriptor, &info) == 0 && info.st_size <= file->size) *have = info.st_size;
    if (ftruncate(descriptor, *have) == 0) return FT_OK;
    return ft_fail(err, ft_status_of_errno(errno), "%s: cannot be written: %s", path, strerror(errno));
}

static ft_status check_hash(ft_hub_remote *remote, const ft_hub_file *file, int descriptor, const char *path,
                            int64_t size, bool *is_right, ft_error *err)
{
    char hash[FT_HUB_HASH_CHARS] = "";
    ft_status status = ft_hub_hash(descriptor, path, size, file->hash, hash, err);
    *is_right = status == FT_OK && strcmp(hash, file->hash) == 0;
    if (status != FT_OK || *is_right) return status;
    return ft_fail(
        err, FT_FAILED,
        "%s: %s: its hash is %s, but %s says %s: it was damaged on the way and is thrown away; run it "
        "again, and check the proxy if that does not help",
        remote->name->repository, file->name, hash, remote->settings->endpoint, file->hash);
}

/* Downloads into the .incomplete file. The lock is held. */
static ft_status fill(ft_hub_remote *remote, const ft_hub_file *file, const places *p, ft_error *err)
{
    const int descriptor = open(p->incomplete, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (descriptor < 0)
        return ft_fail(err, ft_status_of_errno(errno), "%s: cannot be opened: %s", p->incomplete,
                       strerror(errno));
    int64_t have = 0;
    bool is_right = false, is_resumed = true;
    ft_status status = find_start(descriptor, p->incomplete, file, &have, err);
    while (status == FT_OK && !is_right && is_resumed) {
        is_resumed = have > 0;
        status = check_room(p, file, have, err);
        if (status == FT_OK) status = ft_hub_read(remote, file, descriptor, p->incomplete, &have, err);
        if (status != FT_OK) break;
        status = check_hash(remote, file, descriptor, p->incomplete, have, &is_right, err);
        if (is_right) break;
        have = 0; /* the bytes of the earlier try may have been wrong */
        if (ftruncate(descriptor, 0) == 0 && is_resumed && status == FT_FAILED) status = FT_OK;
    }
    if (status == FT_OK && fsync(descriptor) != 0)
        status = ft_fail(err, FT_FAILED, "%s: cannot be written: %s", p->incomplete, strerror(errno));
    struct stat info;
    if (status != FT_OK && fstat(descriptor, &info) == 0 && info.st_size == 0) unlink(p->incomplete);
    close(descriptor);
    return status;
}

ft_status ft_hub_fetch(ft_hub_remote *remote, const ft_hub_file *file, ft_error *err)
{
    places p = {0};
    int lock = -1;
    ft_status status = find_places(remote, file, &p, err);
    if (status == FT_OK && !exists(p.blob)) status = take_lock(remote, file, p.lock, &lock, err);
    if (status == FT_OK && !exists(p.blob)) {
        status = fill(remote, file, &p, err);
        if (status == FT_OK && rename(p.incomplete, p.blob) != 0)
            status = ft_fail(err, ft_status_of_errno(errno), "%s: cannot be renamed: %s", p.incomplete,
                             strerror(errno));
    }
    if (status == FT_OK)
        status = ft_hub_cache_link(remote->settings->cache, remote->name->repository, file->commit,
                                   file->name, file->hash, err);
    if (lock >= 0) close(lock);
    free_places(&p);
    return status;
}
