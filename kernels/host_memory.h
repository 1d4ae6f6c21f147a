/* Shared by the backends that run on the host: device memory is plain memory, and every
 * operation is done when it returns. */
#ifndef FT_KERNELS_HOST_MEMORY_H
#define FT_KERNELS_HOST_MEMORY_H

#include "kernels/backend.h"

/* Sets release (for blocks from aligned_alloc), to_device, to_host, fetch, fetched, copy,
 * zero, memory_bytes and host_memory. */
void ft_host_memory_operations(ft_backend *backend);

#endif
