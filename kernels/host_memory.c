/* Memory operations of the backends that run on the host; see host_memory.h. */
#include "kernels/host_memory.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"

static void release(ft_backend *self, void *block)
{
    (void)self;
    free(block);
}

static void to_device(ft_backend *self, void *device, const void *host, size_t bytes)
{
    (void)self;
    if (bytes) memcpy(device, host, bytes);
}

static void to_host(ft_backend *self, void *host, const void *device, size_t bytes)
{
    (void)self;
    if (bytes) memcpy(host, device, bytes);
}

/* The copy is done. */
static ft_status fetched(ft_backend *self, ft_error *err)
{
    return self->synchronize(self, err);
}

static void copy(ft_backend *self, void *to, const void *from, size_t bytes)
{
    (void)self;
    if (bytes) memmove(to, from, bytes);
}

static void zero(ft_backend *self, void *device, size_t bytes)
{
    (void)self;
    if (bytes) memset(device, 0, bytes);
}

void ft_host_memory_operations(ft_backend *backend)
{
    backend->memory_bytes = ft_memory_bytes();
    backend->host_memory = true;
    backend->release = release;
    backend->to_device = to_device;
    backend->to_host = to_host;
    backend->fetch = to_host;
    backend->fetched = fetched;
    backend->copy = copy;
    backend->zero = zero;
}
