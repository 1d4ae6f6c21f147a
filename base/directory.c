/* Directories by their descriptors; see directory.h. */
#include "base/directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"

static const char not_followed[] = "is a symbolic link, which is not followed: remove it";

/* "<path of the directory>/<name>: " before the reason. */
static ft_status fail_at(const ft_directory *directory, const char *name, ft_status status, const char *why,
                         ft_error *err)
{
    const char *path = directory->path ? directory->path : "";
    return ft_fail(err, status, "%s%s%s: %s", path, *path ? "/" : "", name, why);
}

static ft_status take_descriptor(ft_directory *directory, int descriptor, char *path, ft_error *err)
{
    *directory = (ft_directory){descriptor, path};
    if (path) return FT_OK;
    ft_directory_close(directory);
    return ft_no_memory(err, "a path", 64);
}

ft_status ft_directory_open(const char *path, ft_directory *directory, ft_error *err)
{
    *directory = FT_NO_DIRECTORY;
    int descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0)
        return ft_fail(err, FT_FAILED, "%s: the directory cannot be opened: %s", path, strerror(errno));
    return take_descriptor(directory, descriptor, ft_copy_string(path), err);
}

static bool is_link(const ft_directory *directory, const char *name)
{
    struct stat info;
    return fstatat(directory->descriptor, name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(info.st_mode);
}

ft_status ft_directory_open_in(const ft_directory *parent, const char *name, ft_directory *directory,
                               ft_error *err)
{
    *directory = FT_NO_DIRECTORY;
    if (mkdirat(parent->descriptor, name, 0777) != 0 && errno != EEXIST)
        return fail_at(parent, name, FT_FAILED, strerror(errno), err);
    int descriptor = openat(parent->descriptor, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int code = errno;
    if (descriptor < 0 && is_link(parent, name))
        return fail_at(parent, name, FT_BAD_INPUT, not_followed, err);
    if (descriptor < 0)
        return fail_at(parent, name, code == ENOTDIR ? FT_BAD_INPUT : FT_FAILED,
                       code == ENOTDIR ? "is a file, a directory is needed" : strerror(code), err);
    return take_descriptor(directory, descriptor, ft_join_path(parent->path, name), err);
}

void ft_directory_close(ft_directory *directory)
{
    if (directory->descriptor >= 0) close(directory->descriptor);
    free(directory->path);
    *directory = FT_NO_DIRECTORY;
}

/* Examines an entry of the directory. Where that fails, says whether it does not
 * exist. */
static ft_status look(const ft_directory *directory, const char *name, int flags, struct stat *info,
                      bool *has, ft_error *err)
{
    *has = fstatat(directory->descriptor, name, info, flags) == 0;
    if (*has || errno == ENOENT || errno == ENOTDIR) return FT_OK;
    char why[160] = "cannot be looked at: ";
    strncat(why, strerror(errno), 60);
    strcat(why, " (try again when it can be read)");
    return fail_at(directory, name, FT_FAILED, why, err);
}

ft_status ft_directory_has(const ft_directory *directory, const char *name, bool *has, ft_error *err)
{
    struct stat info;
    return look(directory, name, 0, &info, has, err);
}

ft_status ft_directory_has_content(const ft_directory *directory, const char *name, bool *has, ft_error *err)
{
    struct stat info;
    ft_status status = look(directory, name, 0, &info, has, err);
    *has = *has && info.st_size > 0;
    return status;
}

ft_status ft_directory_has_directory(const ft_directory *directory, const char *name, bool *has,
                                     ft_error *err)
{
    struct stat info;
    ft_status status = look(directory, name, AT_SYMLINK_NOFOLLOW, &info, has, err);
    if (status == FT_OK && *has) *has = S_ISDIR(info.st_mode);
    return status;
}

/* Why an open file cannot be used; NULL if it can. */
static const char *fault_of(int descriptor, int flags, ft_status *status)
{
    struct stat info;
    *status = FT_FAILED;
    if (fstat(descriptor, &info) != 0) return strerror(errno);
    *status = FT_BAD_INPUT;
    if (!S_ISREG(info.st_mode)) return "is not a regular file";
    if ((flags & O_ACCMODE) != O_RDONLY && info.st_nlink > 1)
        return "has another name (a hard link), whose file would change too: put a copy in its place";
    return NULL;
}

ft_status ft_directory_open_file(const ft_directory *directory, const char *name, int flags, int *descriptor,
                                 ft_error *err)
{
    /* Without O_NONBLOCK opening a FIFO would wait for its other end. */
    *descriptor = openat(directory->descriptor, name, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0666);
    int code = errno;
    if (*descriptor < 0 && code == ENOENT && !(flags & O_CREAT)) return FT_OK;
    if (*descriptor < 0 && is_link(directory, name))
        return fail_at(directory, name, FT_BAD_INPUT, not_followed, err);
    if (*descriptor < 0) return fail_at(directory, name, FT_FAILED, strerror(code), err);
    ft_status status;
    const char *fault = fault_of(*descriptor, flags, &status);
    if (!fault) return FT_OK;
    close(*descriptor);
    *descriptor = -1;
    return fail_at(directory, name, status, fault, err);
}

ft_status ft_directory_read_file(const ft_directory *directory, const char *name, size_t max_bytes,
                                 char **data, size_t *size, ft_error *err)
{
    int descriptor = -1;
    *data = NULL;
    *size = 0;
    ft_status status = ft_directory_open_file(directory, name, O_RDONLY, &descriptor, err);
    if (status != FT_OK || descriptor < 0) return status;
    char *path = directory->path ? ft_join_path(directory->path, name) : ft_copy_string(name);
    status = path ? ft_read_descriptor(descriptor, path, max_bytes, data, size, err)
                  : ft_no_memory(err, "a path", strlen(name));
    free(path);
    close(descriptor);
    return status;
}

static int by_name(const void *x, const void *y)
{
    return strcmp(*(char *const *)x, *(char *const *)y);
}

void ft_directory_free_names(char **names, size_t count)
{
    for (size_t i = 0; i < count; i++) free(names[i]);
    free(names);
}

/* A stream of the entries of a directory, which may be opened again while it is read. */
static DIR *open_stream(int directory, const char *name)
{
    int descriptor = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *stream = descriptor >= 0 ? fdopendir(descriptor) : NULL;
    if (!stream && descriptor >= 0) close(descriptor);
    return stream;
}

/* Returns the next entry except "." and "..". NULL at the end, with errno 0, or after a
 * failure, with errno set. */
static const char *next_name(DIR *stream)
{
    const struct dirent *entry;
    do {
        errno = 0;
        entry = readdir(stream);
    } while (entry && (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0));
    return entry ? entry->d_name : NULL;
}

ft_status ft_directory_list(const ft_directory *directory, bool (*wanted)(const char *name), char ***names,
                            size_t *count, ft_error *err)
{
    *names = NULL;
    *count = 0;
    DIR *stream = open_stream(directory->descriptor, ".");
    size_t capacity = 0;
    const char *name = NULL;
    ft_status status = FT_OK;
    while (stream && status == FT_OK && (name = next_name(stream))) {
        if (wanted && !wanted(name)) continue;
        if (*count == capacity) {
            capacity = capacity ? 2 * capacity : 16;
            char **grown = realloc(*names, capacity * sizeof *grown);
            if (!grown) {
                status = ft_no_memory(err, "the names in a directory", capacity * sizeof *grown);
                continue;
            }
            *names = grown;
        }
        (*names)[*count] = ft_copy_string(name);
        if ((*names)[*count])
            ++*count;
        else
            status = ft_no_memory(err, "the names in a directory", strlen(name));
    }
    if (status == FT_OK && (!stream || errno != 0))
        status = ft_fail(err, FT_FAILED, "%s: cannot be listed: %s", directory->path, strerror(errno));
    if (stream) closedir(stream);
    if (status == FT_OK && *count > 0) qsort(*names, *count, sizeof **names, by_name);
    if (status != FT_OK) {
        ft_directory_free_names(*names, *count);
        *names = NULL;
        *count = 0;
    }
    return status;
}

/* ft_directory_tree_holds, but returns an errno. */
static int look_in_tree(int directory, const char *name, const char *file, bool *holds)
{
    struct stat info;
    if (fstatat(directory, name, &info, AT_SYMLINK_NOFOLLOW) != 0) return errno == ENOENT ? 0 : errno;
    if (!S_ISDIR(info.st_mode)) return 0;
    DIR *stream = open_stream(directory, name);
    if (!stream) return errno;
    const char *entry;
    int code = 0;
    while (code == 0 && !*holds && (entry = next_name(stream))) {
        *holds = strcmp(entry, file) == 0;
        if (!*holds) code = look_in_tree(dirfd(stream), entry, file, holds);
    }
    if (code == 0 && !*holds) code = errno;
    closedir(stream);
    return code;
}

ft_status ft_directory_tree_holds(const ft_directory *directory, const char *name, const char *file,
                                  bool *holds, ft_error *err)
{
    *holds = false;
    int code = look_in_tree(directory->descriptor, name, file, holds);
    return code == 0 ? FT_OK : fail_at(directory, name, FT_FAILED, strerror(code), err);
}

/* ft_directory_remove_tree, but returns the first errno. */
static int remove_at(int directory, const char *name)
{
    if (unlinkat(directory, name, 0) == 0 || errno == ENOENT) return 0;
    const int refused = errno;
    if (refused != EISDIR && refused != EPERM) return refused;
    DIR *stream = open_stream(directory, name);
    if (!stream) return errno == ENOTDIR ? refused : errno;
    /* If a removal hides an entry from the stream, the next round finds it. */
    size_t before = SIZE_MAX, n = SIZE_MAX - 1;
    int code = 0;
    while (n > 0 && n < before) {
        before = n;
        n = 0;
        rewinddir(stream);
        for (const char *entry; (entry = next_name(stream)); n++) {
            const int failed = remove_at(dirfd(stream), entry);
            if (code == 0) code = failed;
        }
    }
    closedir(stream);
    if (unlinkat(directory, name, AT_REMOVEDIR) == 0 || errno == ENOENT) return 0;
    return code != 0 ? code : errno;
}

ft_status ft_directory_remove_tree(const ft_directory *directory, const char *name, ft_error *err)
{
    const int code = remove_at(directory->descriptor, name);
    if (code == 0) return FT_OK;
    char why[160] = "cannot be removed: ";
    strncat(why, strerror(code), 100);
    return fail_at(directory, name, FT_FAILED, why, err);
}

ft_status ft_directory_sync(const ft_directory *directory, ft_error *err)
{
    if (fsync(directory->descriptor) == 0 || errno == EINVAL || errno == ENOTSUP) return FT_OK;
    return ft_fail(err, FT_FAILED, "%s: cannot be put on disk: %s", directory->path, strerror(errno));
}
