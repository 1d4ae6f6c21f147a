/* Communication between the devices that share one adapter batch or one copy of the
 * frozen weights.
 *
 * Like a backend, a struct of function pointers. Buffers are device memory of the rank's
 * own backend; calls are queued in that backend's order (and captured with it), and every
 * rank makes the same calls in the same order. Sums are in an order that does not change
 * from run to run, and all ranks get the same bits. */
#ifndef FT_KERNELS_COMM_H
#define FT_KERNELS_COMM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "kernels/backend.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ft_comm ft_comm;
struct ft_comm {
    const char *name; /* "self", "nccl", "mpi" */
    int rank, size;
    int local_rank, local_size; /* "mpi": among the ranks of this machine */
    /* `bytes` from rank `root` to all others. */
    ft_status (*broadcast)(ft_comm *self, void *buffer, size_t bytes, int root, ft_error *err);
    /* Sums over ranks, in place, of FT_F32 or FT_F64, of what the backend's queue holds
     * by then. They are made beside what is queued afterwards, which must leave the
     * buffer alone until it is queued after `join`. */
    ft_status (*all_reduce)(ft_comm *self, ft_tensor values, ft_error *err);
    /* What is queued from here on comes after the sums queued before. */
    ft_status (*join)(ft_comm *self, ft_error *err);
    /* Sums over ranks, in place, of numbers on the host; there when it returns, or a
     * failure as of wait. */
    ft_status (*add_up)(ft_comm *self, double *values, size_t count, ft_error *err);
    /* Waits for what this rank has queued, calls of this communicator among it: to be
     * called before a wait of the backend's that would never end if a rank had died.
     * FT_FAILED when one has, or does not come within the communicator's timeout: then
     * the communicator is aborted, what was queued ends with results that mean nothing,
     * and all further calls fail, replays of the backend's graphs among them. */
    ft_status (*wait)(ft_comm *self, ft_error *err);
    /* Waits until all ranks have called it; fails as wait does. */
    ft_status (*barrier)(ft_comm *self, ft_error *err);
    /* This rank goes on without the others: what it has queued ends with results that
     * mean nothing, all further calls fail, and so do the others' as soon as they notice.
     * For a rank that fails where the others do not; before memory of the backend's is
     * released, which would wait for what is queued. */
    void (*abandon)(ft_comm *self);
    void (*free)(ft_comm *self); /* after the graphs that its calls were captured in */
    /* May be set by who knows of the ranks' processes: whether one is gone. Calls that
     * wait ask now and then (NCCL's, which hears of no process by itself), and end as by
     * their timeout. */
    bool (*is_lost)(void *context);
    void *context; /* of is_lost */
};

/* The communicator of a process alone: every call returns at once. */
ft_status ft_comm_self(ft_comm **comm, ft_error *err);

/* NCCL, between GPUs of one machine or several. Its library is opened by the first call
 * of these two. One process makes the id; whoever started the processes hands it
 * round. */
typedef struct ft_comm_id {
    char bytes[128];
} ft_comm_id;
ft_status ft_comm_nccl_id(ft_comm_id *id, ft_error *err);
/* Rank `rank` of `size`, for a CUDA backend, which must outlive the communicator. Returns
 * when all ranks have called it: who started them ends the others if one dies before.
 * timeout_seconds: for wait and barrier, 0: none. FT_BAD_INPUT where the build or the
 * machine has no NCCL. */
ft_status ft_comm_nccl(ft_backend *backend, const ft_comm_id *id, int rank, int size, double timeout_seconds,
                       ft_comm **comm, ft_error *err);

/* MPI, between the processes that a launcher (mpirun, srun) has started: buffers are in
 * host memory, sums are made by join, and every other call is done when it returns. MPI
 * is in a plugin, libftgpu_mpi.so beside the program or installed with it, which the
 * first call of ft_comm_mpi loads; one a process, as MPI is. Freeing it ends MPI, where
 * the other ranks free theirs as well; where they do not, the launcher is left to end
 * them. */
ft_status ft_comm_mpi(double timeout_seconds, ft_comm **comm, ft_error *err);
/* What the environment says, without MPI: whether a launcher has started this process
 * with others, and its rank among them. */
bool ft_comm_is_launched(void);
int ft_comm_launched_rank(void);

/* Whether all ranks go on: FT_OK where all of them come with it, else all return the
 * status and the message of the first rank that came with another. *flag (may be NULL)
 * becomes true on all if it was on any. `comm` may be NULL: this process alone. A rank
 * that cannot take part abandons the communicator, so that the others do not wait for
 * it. */
ft_status ft_comm_agree(ft_comm *comm, ft_status status, bool *flag, ft_error *err);

/* Numbers on the host of which each rank has some: values[first] to values[first + count
 * - 1] are this rank's, no number is two ranks', and those of no rank are 0 afterwards.
 * All have all `total` when it returns, bit for bit but for the sign of zeros. NULL and
 * failures as for ft_comm_agree. */
ft_status ft_comm_gather(ft_comm *comm, float *values, size_t total, size_t first, size_t count,
                         ft_error *err);

#ifdef __cplusplus
}
#endif
#endif
