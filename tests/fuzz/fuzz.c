/* See fuzz.h. */
#define _GNU_SOURCE /* memfd_create, memmem */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"

enum { MAX_FILES = 8 };

typedef struct memory_file {
    char *name, *path;
    int descriptor;
} memory_file;

static char directory[] = "/tmp/ftgpu-fuzz-XXXXXX";
static memory_file files[MAX_FILES];

void fuzz_stop(const char *what, const char *file, int line)
{
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
    abort();
}

static void leave(void)
{
    ft_remove_tree(directory);
}

const char *fuzz_directory(void)
{
    static int made;
    if (!made) {
        FUZZ_EXPECT(mkdtemp(directory) != NULL);
        made = atexit(leave) == 0;
    }
    return directory;
}

const char *fuzz_put(const char *name, const void *data, size_t size)
{
    memory_file *file = files;
    while (file < files + MAX_FILES && file->name && strcmp(file->name, name) != 0) file++;
    FUZZ_EXPECT(file < files + MAX_FILES);
    if (!file->name) {
        char target[64];
        file->name = strdup(name);
        file->path = ft_join_path(fuzz_directory(), name);
        file->descriptor = memfd_create(name, 0);
        snprintf(target, sizeof target, "/proc/self/fd/%d", file->descriptor);
        FUZZ_EXPECT(file->descriptor >= 0 && symlink(target, file->path) == 0);
    }
    FUZZ_EXPECT(ftruncate(file->descriptor, 0) == 0);
    FUZZ_EXPECT(pwrite(file->descriptor, data, size, 0) == (ssize_t)size);
    return file->path;
}

const uint8_t *fuzz_part(const uint8_t **data, size_t *left, size_t *size)
{
    static const char line[] = "===\n";
    const uint8_t *part = *data;
    if (!part) return NULL;
    const uint8_t *found = *left ? memmem(part, *left, line, sizeof line - 1) : NULL;
    *size = found ? (size_t)(found - part) : *left;
    *left -= found ? *size + sizeof line - 1 : *size;
    *data = found ? found + sizeof line - 1 : NULL;
    return part;
}

void fuzz_check(ft_status status, const ft_error *err, const char *place)
{
    if (status == FT_OK) return;
    size_t length = strnlen(err->message, sizeof err->message);
    if (status != FT_BAD_INPUT) fprintf(stderr, "status %d: %.*s\n", (int)status, (int)length, err->message);
    FUZZ_EXPECT(status == FT_BAD_INPUT);
    FUZZ_EXPECT(length > 0 && length < sizeof err->message);
    for (size_t i = 0; i < length; i++) FUZZ_EXPECT((unsigned char)err->message[i] >= 0x20);
    if (place && !strstr(err->message, place)) fprintf(stderr, "no \"%s\" in: %s\n", place, err->message);
    FUZZ_EXPECT(!place || strstr(err->message, place));
}
