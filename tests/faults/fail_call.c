/* A library for LD_PRELOAD that makes one file operation of the program fail, so that
 * tests can try each of them in turn. Counted are the calls on files of one directory.
 *
 * FTGPU_FAULT_UNDER=DIRECTORY: that directory, by an absolute path without links. A call
 * counts if it names the directory or something in it, or has a descriptor of one.
 *
 * FTGPU_FAULT_COUNTER=FILE: 8 bytes, the number of the last call, shared by a program and
 * all processes that it forks. FILE.struck says which call failed.
 *
 * FTGPU_FAULT_CALL=N: the call that fails, from 1. 0: calls are counted, none fails.
 *
 * FTGPU_FAULT=
 *   eio       call N fails with EIO, later ones do not;
 *   gone      call N and all later ones fail with EIO: the disk is gone;
 *   full      from call N on, calls that need space fail with ENOSPC;
 *   short     write N writes half of its bytes, later writes fail with ENOSPC;
 *   torn      write N writes half of its bytes, then all processes are killed;
 *   kill      the process is killed (SIGKILL) before call N;
 *   kill_all  the whole process group is killed before call N. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What a call is to the disk. */
typedef enum need { LOOKS, NEEDS_ROOM, WRITES } need;

typedef enum fault { NONE, EIO_ONCE, GONE, FULL, SHORT, TORN, KILL, KILL_ALL } fault;

static const struct {
    const char *name;
    need least; /* calls that need less do not count */
} faults[] = {
    [NONE] = {"none", LOOKS},      [EIO_ONCE] = {"eio", LOOKS},      [GONE] = {"gone", LOOKS},
    [FULL] = {"full", NEEDS_ROOM}, [SHORT] = {"short", WRITES},      [TORN] = {"torn", WRITES},
    [KILL] = {"kill", LOOKS},      [KILL_ALL] = {"kill_all", LOOKS},
};

static const char *root, *counter_path;
static fault wanted;
static uint64_t wanted_call;
static _Atomic uint64_t *counter; /* NULL: nothing is counted */

__attribute__((constructor)) static void begin(void)
{
    const char *call = getenv("FTGPU_FAULT_CALL"), *name = getenv("FTGPU_FAULT");
    root = getenv("FTGPU_FAULT_UNDER");
    counter_path = getenv("FTGPU_FAULT_COUNTER");
    wanted_call = call ? strtoull(call, NULL, 10) : 0;
    for (size_t i = 0; name && i < sizeof faults / sizeof *faults; i++)
        if (strcmp(name, faults[i].name) == 0) wanted = (fault)i;
    if (!root || !counter_path) return;
    int descriptor = open(counter_path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    void *page = MAP_FAILED;
    if (descriptor >= 0 && ftruncate(descriptor, sizeof *counter) == 0)
        page = mmap(NULL, sizeof *counter, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    if (descriptor >= 0) close(descriptor);
    if (page == MAP_FAILED) _exit(99);
    counter = page;
}

static bool is_inside(const char *path)
{
    const size_t length = strlen(root);
    return strncmp(path, root, length) == 0 && (path[length] == '\0' || path[length] == '/');
}

/* The path of an open descriptor, "" where it has none. */
static void path_of(int descriptor, char path[PATH_MAX])
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t n = readlink(link, path, PATH_MAX - 1);
    path[n > 0 ? n : 0] = '\0';
}

static void join(int directory, const char *name, char path[PATH_MAX])
{
    if (*name == '/')
        path[0] = '\0';
    else if (directory != AT_FDCWD)
        path_of(directory, path);
    else if (!getcwd(path, PATH_MAX - 1))
        path[0] = '\0';
    const size_t length = strlen(path);
    snprintf(path + length, PATH_MAX - length, "%s%s", *name == '/' ? "" : "/", name);
}

static void tell(uint64_t number, const char *call, const char *path)
{
    char file[PATH_MAX], line[PATH_MAX + 128];
    snprintf(file, sizeof file, "%s.struck", counter_path);
    int length = snprintf(line, sizeof line, "%s %llu: %s %s\n", faults[wanted].name,
                          (unsigned long long)number, call, path);
    long descriptor = syscall(SYS_openat, AT_FDCWD, file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (descriptor < 0 || syscall(SYS_write, descriptor, line, length) != length) _exit(98);
    syscall(SYS_close, descriptor);
}

/* Of a call on a path: 0 if it is to be made, else the errno with which it fails. *halve:
 * of a write half is to be written. */
static int strike(const char *call, need needs, const char *path, bool *halve)
{
    *halve = false;
    if (!counter || needs < faults[wanted].least || !is_inside(path)) return 0;
    const uint64_t number = atomic_fetch_add(counter, 1) + 1;
    if (wanted == NONE || wanted_call == 0 || number < wanted_call) return 0;
    const bool is_first = number == wanted_call;
    if (is_first) tell(number, call, path);
    switch (wanted) {
    case EIO_ONCE:
        return is_first ? EIO : 0;
    case GONE:
        return EIO;
    case FULL:
        return ENOSPC;
    case SHORT:
    case TORN:
        *halve = is_first;
        return is_first ? 0 : ENOSPC;
    case KILL:
        if (is_first) kill(getpid(), SIGKILL);
        return 0;
    case KILL_ALL:
        kill(0, SIGKILL);
        return 0;
    default:
        return 0;
    }
}

/* As strike, for all but writes: -1 with errno set, or 0. */
static int fails(const char *call, need needs, const char *path)
{
    bool unused;
    const int saved = errno, code = strike(call, needs, path, &unused);
    errno = code ? code : saved;
    return code ? -1 : 0;
}

static int fails_at(const char *call, need needs, int directory, const char *name)
{
    char path[PATH_MAX];
    if (!counter) return 0;
    join(directory, name, path);
    return fails(call, needs, path);
}

static int fails_on(const char *call, need needs, int descriptor)
{
    char path[PATH_MAX];
    if (!counter) return 0;
    path_of(descriptor, path);
    return fails(call, needs, path);
}

/* Of a write of `size` bytes: how many are to be written, or -1. */
static ssize_t bytes_to_write(const char *call, int descriptor, size_t size)
{
    char path[PATH_MAX];
    bool halve = false;
    if (counter) path_of(descriptor, path);
    const int saved = errno, code = counter ? strike(call, WRITES, path, &halve) : 0;
    errno = code ? code : saved;
    return code ? -1 : (ssize_t)(halve ? size / 2 : size);
}

static ssize_t end_write(ssize_t written, size_t size)
{
    if (wanted == TORN && written >= 0 && (size_t)written < size) kill(0, SIGKILL);
    return written;
}

/* -- the calls -- */

ssize_t write(int descriptor, const void *data, size_t size)
{
    const ssize_t n = bytes_to_write("write", descriptor, size);
    return n < 0 ? n : end_write(syscall(SYS_write, descriptor, data, (size_t)n), size);
}

ssize_t pwrite(int descriptor, const void *data, size_t size, off_t offset)
{
    const ssize_t n = bytes_to_write("pwrite", descriptor, size);
    return n < 0 ? n : end_write(syscall(SYS_pwrite64, descriptor, data, (size_t)n, offset), size);
}

ssize_t pwrite64(int descriptor, const void *data, size_t size, off_t offset)
{
    return pwrite(descriptor, data, size, offset);
}

ssize_t read(int descriptor, void *data, size_t size)
{
    return fails_on("read", LOOKS, descriptor) ? -1 : syscall(SYS_read, descriptor, data, size);
}

ssize_t pread(int descriptor, void *data, size_t size, off_t offset)
{
    return fails_on("pread", LOOKS, descriptor) ? -1 : syscall(SYS_pread64, descriptor, data, size, offset);
}

ssize_t pread64(int descriptor, void *data, size_t size, off_t offset)
{
    return pread(descriptor, data, size, offset);
}

static int open_at(const char *call, int directory, const char *name, int flags, mode_t mode)
{
    if (fails_at(call, flags & O_CREAT ? NEEDS_ROOM : LOOKS, directory, name)) return -1;
    return (int)syscall(SYS_openat, directory, name, flags, mode);
}

int open(const char *name, int flags, ...)
{
    va_list rest;
    va_start(rest, flags);
    const mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return open_at("open", AT_FDCWD, name, flags, mode);
}

int openat(int directory, const char *name, int flags, ...)
{
    va_list rest;
    va_start(rest, flags);
    const mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return open_at("openat", directory, name, flags, mode);
}

int fstat(int descriptor, struct stat *info)
{
    return fails_on("fstat", LOOKS, descriptor) ? -1 : (int)syscall(SYS_fstat, descriptor, info);
}

int fstatat(int directory, const char *name, struct stat *info, int flags)
{
    if (fails_at("fstatat", LOOKS, directory, name)) return -1;
    return (int)syscall(SYS_newfstatat, directory, name, info, flags);
}

int access(const char *name, int how)
{
    if (fails_at("access", LOOKS, AT_FDCWD, name)) return -1;
    return (int)syscall(SYS_faccessat, AT_FDCWD, name, how);
}

int stat(const char *name, struct stat *info)
{
    return fstatat(AT_FDCWD, name, info, 0);
}

int lstat(const char *name, struct stat *info)
{
    return fstatat(AT_FDCWD, name, info, AT_SYMLINK_NOFOLLOW);
}

struct dirent *readdir(DIR *stream)
{
    static struct dirent *(*next)(DIR *);
    if (!next) *(void **)&next = dlsym(RTLD_NEXT, "readdir");
    return fails_on("readdir", LOOKS, dirfd(stream)) ? NULL : next(stream);
}

int fsync(int descriptor)
{
    return fails_on("fsync", NEEDS_ROOM, descriptor) ? -1 : (int)syscall(SYS_fsync, descriptor);
}

int fdatasync(int descriptor)
{
    return fails_on("fdatasync", NEEDS_ROOM, descriptor) ? -1 : (int)syscall(SYS_fdatasync, descriptor);
}

int ftruncate(int descriptor, off_t length)
{
    return fails_on("ftruncate", LOOKS, descriptor) ? -1 : (int)syscall(SYS_ftruncate, descriptor, length);
}

int flock(int descriptor, int how)
{
    return fails_on("flock", LOOKS, descriptor) ? -1 : (int)syscall(SYS_flock, descriptor, how);
}

int renameat(int from, const char *name, int to, const char *new_name)
{
    if (fails_at("rename", NEEDS_ROOM, to, new_name)) return -1;
    return (int)syscall(SYS_renameat2, from, name, to, new_name, 0);
}

int rename(const char *name, const char *new_name)
{
    return renameat(AT_FDCWD, name, AT_FDCWD, new_name);
}

int unlinkat(int directory, const char *name, int flags)
{
    if (fails_at("unlink", LOOKS, directory, name)) return -1;
    return (int)syscall(SYS_unlinkat, directory, name, flags);
}

int unlink(const char *name)
{
    return unlinkat(AT_FDCWD, name, 0);
}

int mkdirat(int directory, const char *name, mode_t mode)
{
    if (fails_at("mkdir", NEEDS_ROOM, directory, name)) return -1;
    return (int)syscall(SYS_mkdirat, directory, name, mode);
}

int mkdir(const char *name, mode_t mode)
{
    return mkdirat(AT_FDCWD, name, mode);
}
