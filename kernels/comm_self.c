/* The communicator of a single process. */
#include <stdlib.h>

#include "kernels/comm.h"

static ft_status broadcast(ft_comm *self, void *buffer, size_t bytes, int root, ft_error *err)
{
    (void)self, (void)buffer, (void)bytes, (void)root, (void)err;
    return FT_OK;
}

static ft_status all_reduce(ft_comm *self, ft_tensor values, ft_error *err)
{
    (void)self, (void)values, (void)err;
    return FT_OK;
}

static ft_status all_reduce_host(ft_comm *self, double *values, size_t count, ft_error *err)
{
    (void)self, (void)values, (void)count, (void)err;
    return FT_OK;
}

static ft_status nothing(ft_comm *self, ft_error *err)
{
    (void)self, (void)err;
    return FT_OK;
}

static void abort_rank(ft_comm *self)
{
    (void)self;
}

static void free_comm(ft_comm *self)
{
    free(self);
}

ft_status ft_comm_self(ft_comm **comm, ft_error *err)
{
    *comm = malloc(sizeof **comm);
    if (!*comm) return ft_no_memory(err, "a communicator", sizeof **comm);
    **comm = (ft_comm){.name = "self",
                       .rank = 0,
                       .size = 1,
                       .local_size = 1,
                       .broadcast = broadcast,
                       .all_reduce = all_reduce,
                       .join = nothing,
                       .all_reduce_host = all_reduce_host,
                       .wait = nothing,
                       .abort = abort_rank,
                       .free = free_comm};
    return FT_OK;
}
