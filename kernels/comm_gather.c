/* All-gather; see comm.h. Built from sums, which every communicator has: for each number,
 * all ranks but its owner add 0. */
#include "kernels/comm.h"

/* Numbers per sum. */
enum { PIECE = 1 << 12 };

ft_status ft_comm_gather(ft_comm *comm, float *values, size_t total, size_t first, size_t count,
                         ft_error *err)
{
    double sums[PIECE];
    ft_status status = FT_OK;
    if (!comm || comm->size == 1) return FT_OK;
    for (size_t at = 0; at < total && status == FT_OK; at += PIECE) {
        size_t n = total - at < PIECE ? total - at : PIECE;
        for (size_t i = 0; i < n; i++) {
            bool is_own = at + i >= first && at + i - first < count;
            sums[i] = is_own ? (double)values[at + i] : 0.0;
        }
        status = comm->all_reduce_host(comm, sums, n, err);
        for (size_t i = 0; i < n && status == FT_OK; i++) values[at + i] = (float)sums[i];
    }
    if (status != FT_OK) comm->abort(comm);
    return status;
}
