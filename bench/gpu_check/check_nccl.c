/* NCCL on the device: a communicator of one rank, whose sums are what was summed; see model_check.h. */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "bench/gpu_check/check.h"
#include "kernels/comm.h"

enum { VALUES = 100003 };

/* The version of the library that the communicator has opened, in `text`. */
static void describe_version(char text[64])
{
    int version = 0;
    void *library = dlopen("libnccl.so.2", RTLD_NOW | RTLD_NOLOAD);
    int (*get_version)(int *version);
    void *found = library ? dlsym(library, "ncclGetVersion") : NULL;
    memcpy(&get_version, &found, sizeof get_version);
    if (found && get_version(&version) == 0) /* 22304: 2.23.4 */
        snprintf(text, 64, "NCCL %d.%d.%d", version / 10000, version / 100 % 100, version % 100);
    if (library) dlclose(library);
}

/* Sums plainly, then captured and replayed twice; as all are of one rank, nothing may change. */
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
    char version[64] = "";
    ft_status status = ft_comm_nccl_id(&id, &err);
    if (status == FT_BAD_INPUT) {
        check_missing(run, "nccl", FT_F32, &err);
        return;
    }
    if (status == FT_OK) status = run->create(FT_F32, &backend, &err);
    if (status == FT_OK) status = ft_comm_nccl(backend, &id, 0, 1, 20, &comm, &err);
    if (status == FT_OK) status = sum_and_compare(backend, comm, &different, &err);
    describe_version(version);
    if (comm) comm->free(comm);
    if (backend) backend->free(backend);
    if (status == FT_OK)
        check_result(run, "nccl", FT_F32, different, 0, version);
    else
        check_error(run, "nccl", FT_F32, &err);
}
