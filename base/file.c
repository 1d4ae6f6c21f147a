/* Files that are whole or absent: bounded reading, writing through a temporary name. */
#define _GNU_SOURCE /* fopencookie */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/directory.h"
#include "base/text.h"

ft_status ft_status_of_errno(int code)
{
    switch (code) {
    case EACCES:
    case EPERM:
    case ENOENT:
    case ENOTDIR:
    case EISDIR:
    case EROFS:
    case ELOOP:
    case ENAMETOOLONG:
    case EEXIST:
    case ENOTEMPTY:
        return FT_BAD_INPUT;
    case ENOMEM:
        return FT_NO_MEMORY;
    default:
        return FT_FAILED;
    }
}

/* Reads an open file to its end into *data. `expected` is the size by stat; the file
 * may be longer (it grows, or is in /proc). A separate small read finds the end, so
 * that a large file's buffer is not doubled just to see that nothing follows. */
static ft_status read_all(int descriptor, const char *path, size_t expected, size_t max_bytes, char **data,
                          size_t *size, ft_error *err)
{
    size_t capacity = expected + 1, length = 0;
    char *buffer = malloc(capacity);
    if (!buffer) return ft_no_memory(err, path, capacity);
    for (;;) {
        char piece[4096];
        size_t room = capacity - 1 - length;
        ssize_t got = room ? read(descriptor, buffer + length, room > 1 << 30 ? 1 << 30 : room)
                           : read(descriptor, piece, sizeof piece);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) {
            int code = errno;
            free(buffer);
            return ft_fail(err, FT_FAILED, "%s: cannot be read: %s", path, strerror(code));
        }
        if (got == 0) break;
        if (!room) {
            size_t larger = capacity * 2 + sizeof piece;
            char *grown = realloc(buffer, larger);
            if (!grown) {
                free(buffer);
                return ft_no_memory(err, path, larger);
            }
            buffer = grown;
            capacity = larger;
            memcpy(buffer + length, piece, (size_t)got);
        }
        length += (size_t)got;
        if (length > max_bytes) {
            free(buffer);
            return ft_fail(err, FT_BAD_INPUT, "%s: larger than the %zu bytes allowed", path, max_bytes);
        }
    }
    buffer[length] = '\0';
    *data = buffer;
    *size = length;
    return FT_OK;
}

ft_status ft_read_descriptor(int descriptor, const char *path, size_t max_bytes, char **data, size_t *size,
                             ft_error *err)
{
    struct stat info;
    if (fstat(descriptor, &info) < 0)
        return ft_fail(err, ft_status_of_errno(errno), "%s: cannot be opened: %s", path, strerror(errno));
    if (S_ISDIR(info.st_mode))
        return ft_fail(err, FT_BAD_INPUT, "%s: is a directory, a file is needed", path);
    if (!S_ISREG(info.st_mode)) return ft_fail(err, FT_BAD_INPUT, "%s: is not a regular file", path);
    if ((unsigned long long)info.st_size > max_bytes)
        return ft_fail(err, FT_BAD_INPUT, "%s: %lld bytes, larger than the %zu allowed", path,
                       (long long)info.st_size, max_bytes);
    return read_all(descriptor, path, (size_t)info.st_size, max_bytes, data, size, err);
}

ft_status ft_read_stream(int descriptor, const char *path, size_t max_bytes, char **data, size_t *size,
                         ft_error *err)
{
    return read_all(descriptor, path, 0, max_bytes, data, size, err);
}

ft_status ft_read_file(const char *path, size_t max_bytes, char **data, size_t *size, ft_error *err)
{
    /* Without O_NONBLOCK opening a FIFO would wait for a writer. */
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0)
        return ft_fail(err, ft_status_of_errno(errno), "%s: cannot be opened: %s", path, strerror(errno));
    ft_status status = ft_read_descriptor(descriptor, path, max_bytes, data, size, err);
    close(descriptor);
    return status;
}

/* "<path>.tmp.<8 digits>", with random digits: process ids repeat at each start of a
 * container, and a crash may have left such a file. NULL when memory runs out. */
static char *temporary_name(const char *path)
{
    uint32_t number;
    if (getrandom(&number, sizeof number, 0) != sizeof number) {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        number = (uint32_t)now.tv_nsec ^ (uint32_t)getpid() << 16;
    }
    ft_text name = FT_TEXT_EMPTY;
    ft_text_addf(&name, "%s.tmp.%08lx", path, (unsigned long)number);
    if (name.failed) ft_text_free(&name);
    return name.data;
}

static int make_file(const char *name)
{
    return open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
}

static int make_directory(const char *name)
{
    return mkdir(name, 0777);
}

/* Makes a file or directory under a new temporary name. Returns what `make` does; < 0
 * on failure, with errno set and *name NULL. */
static int make_temporary(const char *path, int (*make)(const char *name), char **name)
{
    enum { TRIES = 100 };
    int made = -1;
    errno = EEXIST;
    *name = NULL;
    for (int i = 0; i < TRIES && made < 0 && errno == EEXIST; i++) {
        free(*name);
        *name = temporary_name(path);
        if (*name)
            made = make(*name);
        else
            errno = ENOMEM;
    }
    if (made >= 0) return made;
    int code = errno;
    free(*name);
    *name = NULL;
    errno = code;
    return made;
}

ft_status ft_make_temporary_directory(const char *path, char **temporary, ft_error *err)
{
    if (make_temporary(path, make_directory, temporary) >= 0) return FT_OK;
    return ft_fail(err, ft_status_of_errno(errno), "%s: the directory cannot be made: %s", path,
                   strerror(errno));
}

/* Receives a stream's bytes. A stdio stream of its own would forget why a write
 * failed. */
struct ft_file_sink {
    int descriptor;
    _Atomic int code; /* errno of a write that failed */
};

/* Handles the result of a write: counts the bytes, or keeps the errno. */
static size_t count_written(struct ft_file_sink *sink, ssize_t written)
{
    if (written > 0) return (size_t)written;
    if (written == 0)
        sink->code = ENOSPC;
    else if (errno != EINTR)
        sink->code = errno;
    return 0;
}

static ssize_t write_to_sink(void *cookie, const char *bytes, size_t size)
{
    struct ft_file_sink *sink = cookie;
    size_t done = 0;
    while (done < size && sink->code == 0) {
        done += count_written(sink, write(sink->descriptor, bytes + done, size - done));
    }
    return (ssize_t)done;
}

static int close_sink(void *cookie)
{
    struct ft_file_sink *sink = cookie;
    return close(sink->descriptor);
}

/* Opens a stream on the descriptor, which it owns; on failure the descriptor is
 * closed. */
static ft_status open_stream(ft_file_writer *writer, int descriptor, ft_error *err)
{
    const cookie_io_functions_t functions = {.write = write_to_sink, .close = close_sink};
    writer->sink = malloc(sizeof *writer->sink);
    if (writer->sink) {
        *writer->sink = (struct ft_file_sink){.descriptor = descriptor};
        writer->stream = fopencookie(writer->sink, "w", functions);
    }
    if (writer->stream) return FT_OK;
    close(descriptor);
    return ft_no_memory(err, writer->path, sizeof *writer->sink);
}

ft_status ft_file_create(ft_file_writer *writer, const char *path, ft_error *err)
{
    *writer = (ft_file_writer){0};
    writer->path = ft_copy_string(path);
    if (!writer->path) return ft_no_memory(err, path, strlen(path) + 1);
    struct stat info;
    int descriptor = -1;
    bool exists = stat(path, &info) == 0;
    ft_status status = FT_OK;
    if (!exists && errno != ENOENT) {
        /* It may be a device, which is not to be replaced. */
        status = ft_fail(err, ft_status_of_errno(errno), "%s: cannot be written: %s", path, strerror(errno));
    } else if (exists && S_ISDIR(info.st_mode)) {
        status = ft_fail(err, FT_BAD_INPUT, "%s: is a directory, a file name is needed", path);
    } else {
        /* A device or a pipe (/dev/stdout, /dev/null) must not be replaced by a file: it
         * is written to directly. */
        descriptor = exists && !S_ISREG(info.st_mode) ? open(path, O_WRONLY | O_CLOEXEC)
                                                      : make_temporary(path, make_file, &writer->temporary);
        if (descriptor < 0)
            status =
                ft_fail(err, ft_status_of_errno(errno), "%s: cannot be written: %s", path, strerror(errno));
    }
    if (status == FT_OK) status = open_stream(writer, descriptor, err);
    if (status != FT_OK) ft_file_abandon(writer);
    return status;
}

void ft_file_flush(ft_file_writer *writer)
{
    (void)fflush(writer->stream); /* the stream keeps its error */
}

bool ft_file_has_failed(const ft_file_writer *writer)
{
    return writer->sink->code != 0;
}

void ft_file_write_at(ft_file_writer *writer, int64_t offset, const void *data, size_t size)
{
    struct ft_file_sink *sink = writer->sink;
    size_t done = 0;
    while (done < size && sink->code == 0) {
        done += count_written(sink, pwrite(sink->descriptor, (const char *)data + done, size - done,
                                           (off_t)offset + (off_t)done));
    }
}

/* Syncs the directory, or a power cut may lose the new name. Not every file system
 * can; that is no failure. */
static void sync_directory_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *directory =
        !slash ? ft_copy_string(".") : ft_copy_bytes(path, slash == path ? 1 : (size_t)(slash - path));
    if (!directory) return;
    int descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(directory);
    if (descriptor < 0) return;
    (void)fsync(descriptor);
    close(descriptor);
}

ft_status ft_file_commit(ft_file_writer *writer, ft_error *err)
{
    int code = 0;
    if (fflush(writer->stream) != 0 || ferror(writer->stream)) code = EIO;
    if (writer->sink->code) code = writer->sink->code;
    if (!code && writer->temporary && fsync(writer->sink->descriptor) != 0) code = errno;
    if (fclose(writer->stream) != 0 && !code) code = errno;
    writer->stream = NULL;
    if (!code && writer->temporary) {
        if (rename(writer->temporary, writer->path) != 0) {
            code = errno;
        } else {
            sync_directory_of(writer->path);
            free(writer->temporary);
            writer->temporary = NULL;
        }
    }
    ft_status status = FT_OK;
    if (code) status = ft_fail(err, FT_FAILED, "%s: cannot be written: %s", writer->path, strerror(code));
    ft_file_abandon(writer);
    return status;
}

void ft_file_abandon(ft_file_writer *writer)
{
    if (writer->stream) fclose(writer->stream);
    free(writer->sink);
    if (writer->temporary) {
        unlink(writer->temporary);
        free(writer->temporary);
    }
    free(writer->path);
    *writer = (ft_file_writer){0};
}

ft_status ft_write_file(const char *path, const void *data, size_t size, ft_error *err)
{
    ft_file_writer writer;
    ft_status status = ft_file_create(&writer, path, err);
    if (status != FT_OK) return status;
    /* errors are found by the commit */
    if (size) (void)fwrite(data, 1, size, writer.stream);
    return ft_file_commit(&writer, err);
}

ft_status ft_make_directories(const char *path, ft_error *err)
{
    char *copy = ft_copy_string(path);
    if (!copy) return ft_no_memory(err, path, strlen(path) + 1);
    ft_status status = FT_OK;
    size_t length = strlen(copy);
    for (size_t i = 1; i <= length && status == FT_OK; i++) {
        if (copy[i] != '/' && copy[i] != '\0') continue;
        char kept = copy[i];
        copy[i] = '\0';
        if (mkdir(copy, 0777) != 0) {
            int code = errno;
            struct stat info;
            const bool is_seen = stat(copy, &info) == 0;
            /* it exists, but stat fails */
            if (!is_seen && code == EEXIST && errno != ENOENT) code = errno;
            if (!is_seen)
                status = ft_fail(err, ft_status_of_errno(code), "%s: the directory cannot be made: %s", copy,
                                 strerror(code));
            else if (!S_ISDIR(info.st_mode))
                status = ft_fail(err, FT_BAD_INPUT, "%s: is a file, a directory is needed", copy);
        }
        copy[i] = kept;
    }
    if (length == 0) status = ft_fail(err, FT_BAD_INPUT, "a directory without a name");
    free(copy);
    return status;
}

char *ft_cache_directory(void)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (cache && *cache == '/') return ft_join_path(cache, "ftgpu");
    return home && *home == '/' ? ft_join_path(home, ".cache/ftgpu") : NULL;
}

char *ft_join_path(const char *directory, const char *name)
{
    ft_text path = FT_TEXT_EMPTY;
    size_t length = strlen(directory);
    ft_text_add(&path, directory);
    if (length && directory[length - 1] != '/') ft_text_add(&path, "/");
    ft_text_add(&path, name);
    if (path.failed) ft_text_free(&path);
    return path.data;
}

/* Paths as they are given. */
static const ft_directory here = {AT_FDCWD, NULL};

ft_status ft_path_exists(const char *path, bool *exists, ft_error *err)
{
    return ft_directory_has(&here, path, exists, err);
}

void ft_remove_tree(const char *path)
{
    ft_error ignored;
    (void)ft_directory_remove_tree(&here, path, &ignored);
}
