/* Communication between the devices that share one adapter batch or one copy of the frozen weights.
 *
 * Like a backend, a struct of function pointers. Buffers are device memory of the rank's own backend; calls
 * are queued in that backend's order (and captured with it), and every rank makes the same calls in the same
 * order. Sums are in an order that does not change from run to run, and all ranks get the same bits. */
#ifndef FT_KERNELS_COMM_H
#define FT_KERNELS_COMM_H

#include <stddef.h>

#include "base/error.h"
#include "kernels/backend.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ft_comm ft_comm;
struct ft_comm {
    const char *name; /* "self", "nccl" */
    int rank, size;
    /* `bytes` from rank `root` to all others. */
    ft_status (*broadcast)(ft_comm *self, void *buffer, size_t bytes, int root, ft_error *err);
    /* Sum over ranks, in place; dtype FT_F32 or FT_F64. */
    ft_status (*all_reduce)(ft_comm *self, void *buffer, size_t count, ft_dtype dtype, ft_error *err);
    /* Waits for what this rank has queued, calls of this communicator among it: to be called before a wait of
     * the backend's that would never end if a rank had died. FT_FAILED when one has, or does not come within
     * the communicator's timeout: then the communicator is aborted, what was queued ends with results that
     * mean nothing, and all further calls fail. */
    ft_status (*wait)(ft_comm *self, ft_error *err);
    /* Waits until all ranks have called it; fails as wait does. */
    ft_status (*barrier)(ft_comm *self, ft_error *err);
    void (*free)(ft_comm *self);
};

/* The communicator of a process alone: every call returns at once. */
ft_status ft_comm_self(ft_comm **comm, ft_error *err);

/* NCCL, between GPUs of one machine or several. Its library is opened by the first call of these two. One
 * process makes the id; whoever started the processes hands it round. */
typedef struct ft_comm_id {
    char bytes[128];
} ft_comm_id;
ft_status ft_comm_nccl_id(ft_comm_id *id, ft_error *err);
/* Rank `rank` of `size`, for a CUDA backend, which must outlive the communicator. Returns when all ranks have
 * called it: who started them ends the others if one dies before. timeout_seconds: for wait and barrier, 0:
 * none. FT_BAD_INPUT where the build or the machine has no NCCL. */
ft_status ft_comm_nccl(ft_backend *backend, const ft_comm_id *id, int rank, int size, double timeout_seconds,
                       ft_comm **comm, ft_error *err);

#ifdef __cplusplus
}
#endif
#endif
