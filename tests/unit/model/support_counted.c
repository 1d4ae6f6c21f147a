/* Counts what a backend allocates; see counted.h. */
#include "counted.h"

static size_t allocated;
static void *(*real_allocate)(ft_backend *self, size_t bytes, ft_error *err);

static void *counting_allocate(ft_backend *self, size_t bytes, ft_error *err)
{
    allocated += bytes;
    return real_allocate(self, bytes, err);
}

void counted_begin(ft_backend *backend)
{
    allocated = 0;
    real_allocate = backend->allocate;
    backend->allocate = counting_allocate;
}

size_t counted_end(ft_backend *backend)
{
    backend->allocate = real_allocate;
    return allocated;
}
