/* Agreement between ranks; see comm.h. Built from sums, which every communicator has. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/comm.h"

/* Broadcasts the status and message of rank `from`, character by character. */
static ft_status share_failure(ft_comm *comm, int from, ft_status status, ft_error *err)
{
    double words[1 + sizeof err->message] = {0};
    ft_error ignored;
    if (comm->rank == from) {
        words[0] = (double)status;
        for (size_t i = 0; i < sizeof err->message; i++) words[1 + i] = (double)err->message[i];
    }
    if (comm->all_reduce_host(comm, words, sizeof words / sizeof *words, &ignored) != FT_OK) {
        comm->abort(comm);
        return status == FT_OK ? ft_fail(err, FT_FAILED, "rank %d failed", from) : status;
    }
    for (size_t i = 0; i < sizeof err->message; i++) err->message[i] = (char)words[1 + i];
    if (from > 0) {
        char who[40];
        snprintf(who, sizeof who, "rank %d", from);
        ft_error_prefix(err, who);
    }
    return (ft_status)words[0];
}

ft_status ft_comm_agree(ft_comm *comm, ft_status status, bool *flag, ft_error *err)
{
    if (!comm || comm->size == 1) return status;
    ft_error failure, ignored = {""};
    if (!err) err = &ignored;
    /* For each rank whether it failed, then how many ranks have the flag. */
    size_t count = (size_t)comm->size + 1;
    double *votes = calloc(count, sizeof *votes);
    if (!votes) {
        comm->abort(comm);
        return ft_no_memory(err, "an agreement", count * sizeof *votes);
    }
    votes[comm->rank] = status != FT_OK;
    votes[comm->size] = flag && *flag;
    ft_status heard = comm->all_reduce_host(comm, votes, count, &failure);
    int failed = 0;
    while (failed < comm->size && votes[failed] == 0) failed++;
    if (flag) *flag = votes[comm->size] > 0;
    free(votes);
    if (heard != FT_OK) {
        comm->abort(comm);
        if (status == FT_OK) *err = failure;
        return status == FT_OK ? heard : status;
    }
    return failed == comm->size ? FT_OK : share_failure(comm, failed, status, err);
}
