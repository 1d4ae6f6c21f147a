/* NCCL on the device: a communicator of one rank, whose sums are what was summed; see
 * model_check.h. */
#include <string.h>

#include "bench/gpu_check/check.h"
#include "kernels/comm.h"

enum { VALUES = 100003 };

/* Sums plainly, then captured and replayed twice; as all are of one rank, nothing may
 * change. */
static ft_status sum(ft_backend *backend, ft_comm *comm, ft_tensor values, ft_error *err)
{
    ft_status status = comm->all_reduce(comm, values, err);
    if (status == FT_OK) status = comm->join(comm, err);
    if (status != FT_OK) return status;
    backend->capture_begin(backend);
    status = comm->all_reduce(comm, values, err);
    if (status == FT_OK) status = comm->join(comm, err);
    void *graph = backend->capture_end(backend);
    for (int i = 0; i < 2 && graph; i++) backend->replay(backend, graph);
    if (status == FT_OK) status = comm->wait(comm, err);
    if (status == FT_OK && !graph) status = backend->synchronize(backend, err);
    if (status == FT_OK && !graph) status = ft_fail(err, FT_FAILED, "the sum was not captured");
    if (graph) backend->graph_free(backend, graph);
    return status;
}

static ft_status sum_and_compare(ft_backend *backend, ft_comm *comm, int32_t *different, ft_error *err)
{
    static float values[VALUES], got[VALUES];
    ft_tensor tensor = {backend->allocate(backend, sizeof values, err), FT_F32, 1, VALUES, VALUES};
    if (!tensor.data) return FT_NO_MEMORY;
    for (int i = 0; i < VALUES; i++) values[i] = (float)i / 7 - 5000;
    ft_status status = ft_write_tensor(backend, tensor, values, err);
    if (status == FT_OK) status = sum(backend, comm, tensor, err);
    if (status == FT_OK) status = ft_read_tensor(backend, tensor, got, err);
    if (status == FT_OK) status = backend->synchronize(backend, err);
    for (int i = 0; i < VALUES; i++) *different += memcmp(&values[i], &got[i], sizeof got[i]) != 0;
    backend->release(backend, tensor.data);
    return status;
}

void check_nccl(check_run *run)
{
    if (run->lost) return;
    ft_comm_id id;
    ft_error err = {""};
    ft_backend *backend = NULL;
    ft_comm *comm = NULL;
    int32_t different = 0;
    ft_cuda_parts parts = {.nccl = ""};
    ft_status status = ft_comm_nccl_id(&id, &err);
    if (status == FT_BAD_INPUT) {
        check_missing(run, "nccl", FT_F32, &err);
        return;
    }
    if (status == FT_OK) status = run->create(FT_F32, &backend, &err);
    if (status == FT_OK) status = ft_comm_nccl(backend, &id, 0, 1, 20, &comm, &err);
    if (status == FT_OK) status = sum_and_compare(backend, comm, &different, &err);
    if (comm) comm->free(comm);
    if (backend) backend->free(backend);
    if (status == FT_OK) ft_cuda_describe(true, &parts);
    if (status == FT_OK)
        check_result(run, "nccl", FT_F32, different, 0, parts.nccl);
    else
        check_error(run, "nccl", FT_F32, &err);
}
