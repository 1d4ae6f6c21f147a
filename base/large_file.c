/* Files in pieces that are read at the same time; see large_file.h. */
#include "base/large_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/pages.h"
#include "base/parallel.h"

enum { PIECE_BYTES = 1 << 20, FEWEST_PIECES = 4 };

typedef struct reading {
    int descriptor;
    char *buffer;
    size_t size;
    atomic_bool failed;
} reading;

static void read_piece(void *context, int64_t i)
{
    reading *r = context;
    size_t from = (size_t)i * PIECE_BYTES, to = r->size - from < PIECE_BYTES ? r->size : from + PIECE_BYTES;
    while (from < to && !atomic_load(&r->failed)) {
        ssize_t got = pread(r->descriptor, r->buffer + from, to - from, (off_t)from);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0)
            atomic_store(&r->failed, true);
        else
            from += (size_t)got;
    }
}

/* The buffer, malloc'd and NUL-terminated; NULL: not all could be read, or the file has
 * grown. */
static char *read_pieces(int descriptor, size_t size)
{
    char beyond;
    reading r = {.descriptor = descriptor, .buffer = malloc(size + 1), .size = size};
    if (!r.buffer) return NULL;
    ft_use_large_pages(r.buffer, size + 1);
    ft_parallel(0, (int64_t)((size + PIECE_BYTES - 1) / PIECE_BYTES), read_piece, &r);
    if (r.failed || pread(descriptor, &beyond, 1, (off_t)size) != 0) {
        free(r.buffer);
        return NULL;
    }
    r.buffer[size] = '\0';
    return r.buffer;
}

ft_status ft_read_large_file(const char *path, size_t max_bytes, char **data, size_t *size, ft_error *err)
{
    struct stat info;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    const bool is_large = descriptor >= 0 && fstat(descriptor, &info) == 0 && S_ISREG(info.st_mode) &&
                          info.st_size >= (off_t)FEWEST_PIECES * PIECE_BYTES &&
                          (size_t)info.st_size <= max_bytes;
    *data = is_large ? read_pieces(descriptor, (size_t)info.st_size) : NULL;
    if (descriptor >= 0) close(descriptor);
    if (!*data) return ft_read_file(path, max_bytes, data, size, err);
    *size = (size_t)info.st_size;
    return FT_OK;
}
