/* Communication between the devices that share one adapter batch or one copy of the frozen weights.
 *
 * Like a backend, a struct of function pointers. Buffers are device memory of the rank's own backend; calls are queued in that backend's
 * order, and every rank makes the same calls in the same order. Sums are in an order that does not change from run to run. */
#ifndef FT_KERNELS_COMM_H
#define FT_KERNELS_COMM_H

#include <stddef.h>

#include "base/error.h"
#include "kernels/backend.h"

typedef struct ft_comm ft_comm;
struct ft_comm {
    const char *name; /* "self", later "nccl", "mpi" */
    int rank, size;
    /* `bytes` from rank `root` to all others. */
    ft_status (*broadcast)(ft_comm *self, void *buffer, size_t bytes, int root, ft_error *err);
    /* Sum over ranks, in place; dtype FT_F32 or FT_F64. */
    ft_status (*all_reduce)(ft_comm *self, void *buffer, size_t count, ft_dtype dtype, ft_error *err);
    ft_status (*barrier)(ft_comm *self, ft_error *err);
    void (*free)(ft_comm *self);
};

/* The communicator of a process alone: every call returns at once. */
ft_status ft_comm_self(ft_comm **comm, ft_error *err);

#endif
