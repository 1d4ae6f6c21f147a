/* What backends whose device is the host share: their device memory is plain memory, and
 * every operation is done when it returns, so that streams and events have nothing to
 * do. */
#ifndef FT_KERNELS_HOST_MEMORY_H
#define FT_KERNELS_HOST_MEMORY_H

#include "kernels/backend.h"

/* Sets release (of blocks from aligned_alloc), to_device, to_host, copy, zero,
 * use_stream, record, wait, memory_bytes and host_memory. */
void ft_host_memory_operations(ft_backend *backend);

#endif
