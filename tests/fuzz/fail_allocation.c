/* A library for LD_PRELOAD that makes one allocation of the program fail, so that tests
 * can try each of them in turn.
 *
 * FTGPU_FAIL_ALLOCATION=N: allocation N (from 1; 0: none) returns NULL. "N-": that one
 * and all later ones. Counted are the allocations of the program, cJSON and the C library
 * after main has begun. Not counted are those of oneDNN, OpenMP, the C++ runtime and the
 * loader, which end the process when an allocation fails.
 *
 * FTGPU_FAIL_PROCESS=K: the process in which it fails: 0 (default) is the program itself,
 * K the K-th process that it forks. "K-": process K and all later ones. Each process
 * counts its own allocations.
 *
 * FTGPU_FAIL_SIGNAL=S: the process gets signal S instead of NULL.
 *
 * FTGPU_ALLOCATIONS=FILE: the count is written to FILE at the end, and to FILE.K by
 * process K. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* glibc's own, which need no look-up and so no allocation. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

typedef struct range {
    uintptr_t from, to;
} range;

static range counted[8];
static int n_counted;
static long wanted;
static bool all_that_follow, all_processes_that_follow;
static long wanted_process, process, n_forks; /* process: -1: a fork of a fork */
static int wanted_signal;                     /* 0: none */
static bool ready;
static atomic_long count;

static int add_object(struct dl_phdr_info *object, size_t size, void *context)
{
    (void)size;
    (void)context;
    const char *slash = strrchr(object->dlpi_name, '/'), *name = slash ? slash + 1 : object->dlpi_name;
    /* The program itself has no name. */
    if (*name && strncmp(name, "libcjson.", 9) != 0 && strncmp(name, "libc.so", 7) != 0) return 0;
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
        if (segment->p_type != PT_LOAD || !(segment->p_flags & PF_X)) continue;
        uintptr_t from = (uintptr_t)object->dlpi_addr + segment->p_vaddr;
        if (n_counted < 8) counted[n_counted++] = (range){from, from + segment->p_memsz};
    }
    return 0;
}

static void count_fork(void)
{
    n_forks++;
}

static void begin_process(void)
{
    process = process == 0 ? n_forks + 1 : -1;
    atomic_store(&count, 0);
}

/* The number in a variable, 0 where there is none; "N-" sets *and_more. */
static long read_number(const char *variable, bool *and_more)
{
    const char *text = getenv(variable);
    char *end = NULL;
    long number = text ? strtol(text, &end, 10) : 0;
    *and_more = end && *end == '-';
    return number;
}

__attribute__((constructor)) static void begin(void)
{
    bool unused;
    wanted = read_number("FTGPU_FAIL_ALLOCATION", &all_that_follow);
    wanted_process = read_number("FTGPU_FAIL_PROCESS", &all_processes_that_follow);
    wanted_signal = (int)read_number("FTGPU_FAIL_SIGNAL", &unused);
    dl_iterate_phdr(add_object, NULL);
    pthread_atfork(NULL, count_fork, begin_process);
}

typedef int program_main(int argc, char **argv, char **environment);
static program_main *program;

static void end_counting(void)
{
    ready = false;
}

static int counted_main(int argc, char **argv, char **environment)
{
    atexit(end_counting);
    ready = true;
    return program(argc, argv, environment);
}

/* The C library's, which runs constructors and then main. */
int __libc_start_main(program_main *main, int argc, char **argv, void (*init)(void), void (*fini)(void),
                      void (*loader_fini)(void), void *stack_end)
{
    int (*start)(program_main *, int, char **, void (*)(void), void (*)(void), void (*)(void), void *);
    *(void **)&start = dlsym(RTLD_NEXT, "__libc_start_main");
    program = main;
    return start(counted_main, argc, argv, init, fini, loader_fini, stack_end);
}

static void write_count(void)
{
    const char *file = getenv("FTGPU_ALLOCATIONS");
    char path[4096], text[32];
    ready = false;
    if (!file || process < 0) return;
    snprintf(path, sizeof path, process > 0 ? "%s.%ld" : "%s", file, process);
    int descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (descriptor < 0) return;
    int length = snprintf(text, sizeof text, "%ld\n", atomic_load(&count));
    if (write(descriptor, text, (size_t)length) != length) syscall(SYS_exit_group, 99);
    close(descriptor);
}

__attribute__((destructor)) static void end(void)
{
    write_count();
}

/* How a process that was forked ends: without destructors. */
void _exit(int status)
{
    write_count();
    for (;;) syscall(SYS_exit_group, status);
}

/* Whether the allocation that returns to `caller` is to fail. */
static bool fails(const void *caller)
{
    if (!ready) return false;
    for (int i = 0; i < n_counted; i++) {
        if ((uintptr_t)caller < counted[i].from || (uintptr_t)caller >= counted[i].to) continue;
        long number = atomic_fetch_add(&count, 1) + 1;
        if (process != wanted_process && !(all_processes_that_follow && process > wanted_process))
            return false;
        if (wanted <= 0 || number < wanted || (number > wanted && !all_that_follow)) return false;
        if (wanted_signal) {
            raise(wanted_signal);
            return false;
        }
        errno = ENOMEM;
        return true;
    }
    return false;
}

void *malloc(size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

void *calloc(size_t number, size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_calloc(number, size);
}

void *realloc(void *block, size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_realloc(block, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_memalign(alignment, size);
}

int posix_memalign(void **block, size_t alignment, size_t size)
{
    if (fails(__builtin_return_address(0))) return ENOMEM;
    *block = __libc_memalign(alignment, size);
    return *block ? 0 : ENOMEM;
}
