/* Communication between devices that train one adapter batch together (data-parallel) or
 * load the same frozen weights.
 *
 * Like a backend, a communicator is a struct of function pointers. Buffers are device
 * memory of the rank's own backend. Calls are queued on that backend's stream, and
 * captured with it; every rank makes the same calls in the same order. Sums are
 * deterministic: they are added in an order that does not change from run to run, and all
 * ranks get the same bits. */
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
    int local_rank, local_size; /* "mpi" only: rank and count within this machine */
    /* Broadcasts `bytes` of rank `root`'s buffer to all other ranks. */
    ft_status (*broadcast)(ft_comm *self, void *buffer, size_t bytes, int root, ft_error *err);
    /* Sums `values` (FT_F32 or FT_F64) over the ranks, in place, once what is queued so
     * far is done. The sum may overlap with what is queued afterwards: nothing may touch
     * the buffer until it is queued after `join`. */
    ft_status (*all_reduce)(ft_comm *self, ft_tensor values, ft_error *err);
    /* Makes everything queued from here on wait for all sums queued before. */
    ft_status (*join)(ft_comm *self, ft_error *err);
    /* Sums numbers on the host over the ranks, in place. Returns when the sums are there,
     * so no rank returns before all have called it. Fails as `wait` does. */
    ft_status (*all_reduce_host)(ft_comm *self, double *values, size_t count, ft_error *err);
    /* Waits for everything this rank has queued, calls of this communicator included.
     * Call it before any wait of the backend that would never end if a rank had died.
     * FT_FAILED when a rank has died or does not arrive within the communicator's
     * timeout. The communicator is then aborted: queued work ends with meaningless
     * results, and all further calls fail, replays of the backend's graphs included. */
    ft_status (*wait)(ft_comm *self, ft_error *err);
    /* Aborts the communicator: queued work of this rank ends with meaningless results,
     * all its further calls fail, and so do those of the other ranks as soon as they
     * notice. A rank calls it when it alone fails, before it releases memory of its
     * backend: a release would wait for queued work that never ends. */
    void (*abort)(ft_comm *self);
    /* Free the graphs first that captured its calls. */
    void (*free)(ft_comm *self);
    /* Optional, set by a caller that knows the ranks' processes: whether a rank is gone.
     * NCCL does not notice that by itself, so its calls that wait ask from time to time,
     * and then fail as after a timeout. */
    bool (*is_lost)(void *context);
    void *context; /* passed to is_lost */
};

/* The communicator of a single process: every call returns at once. */
ft_status ft_comm_self(ft_comm **comm, ft_error *err);

/* NCCL, between GPUs of one or several machines. The first call of either function loads
 * the library. One process makes the id, and the launcher of the processes passes it to
 * the others. */
typedef struct ft_comm_id {
    char bytes[128];
} ft_comm_id;
ft_status ft_comm_nccl_id(ft_comm_id *id, ft_error *err);
/* Creates rank `rank` of `size` for a CUDA backend, which must outlive the communicator.
 * Returns when all ranks have called it; if one dies before, the launcher of the
 * processes must end the others. timeout_seconds: for `wait` and `all_reduce_host`; 0:
 * none. FT_BAD_INPUT where the build or the machine has no NCCL. */
ft_status ft_comm_nccl(ft_backend *backend, const ft_comm_id *id, int rank, int size, double timeout_seconds,
                       ft_comm **comm, ft_error *err);

/* MPI, between the processes that a launcher (mpirun, srun) started. Buffers are in host
 * memory; `join` computes the queued sums, and every other call is done when it returns.
 *
 * MPI is in a plugin, libftgpu_mpi.so, beside the program or installed with it. The first
 * call of ft_comm_mpi loads it. A process can have one such communicator. Freeing it
 * calls MPI_Finalize if the other ranks free theirs too; otherwise the launcher has to
 * end them. */
ft_status ft_comm_mpi(double timeout_seconds, ft_comm **comm, ft_error *err);
/* Read from the environment, without MPI: whether a launcher started this process with
 * others, and its rank among them. */
bool ft_comm_is_launched(void);
int ft_comm_launched_rank(void);

/* All ranks agree on a status: FT_OK if every rank passes FT_OK; otherwise all return the
 * status and the message of the first rank that passed another. *flag (may be NULL)
 * becomes true on all ranks if it was true on any. `comm` NULL: this process alone. A
 * rank that cannot take part aborts the communicator, so that the others do not wait
 * for it. */
ft_status ft_comm_agree(ft_comm *comm, ft_status status, bool *flag, ft_error *err);

/* All-gather of numbers on the host. This rank passes values[first] to values[first +
 * count - 1]; no two ranks pass the same element. On return all ranks have all `total`
 * values, bit for bit except the sign of zeros; elements that no rank passed are 0.
 * `comm` NULL and failures as for ft_comm_agree. */
ft_status ft_comm_gather(ft_comm *comm, float *values, size_t total, size_t first, size_t count,
                         ft_error *err);

#ifdef __cplusplus
}
#endif
#endif
