/* Loading the plugin that holds MPI; see comm.h. */
#include <dlfcn.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernels/comm.h"
#include "kernels/mpi/plugin.h"

/* A number in the environment; -1 where there is none. */
static int number_of(const char *variable)
{
    const char *text = getenv(variable);
    return text && *text >= '0' && *text <= '9' ? atoi(text) : -1;
}

/* OpenMPI's mpirun sets the first, MPICH's and Slurm's PMI-2 the second. PMIx, as of
 * Slurm's srun, has no variable for the size; Slurm has. */
bool ft_comm_is_launched(void)
{
    int size = number_of("OMPI_COMM_WORLD_SIZE");
    if (size < 0) size = number_of("PMI_SIZE");
    if (size < 0 && number_of("PMIX_RANK") >= 0) size = number_of("SLURM_STEP_NUM_TASKS");
    return size > 1;
}

int ft_comm_launched_rank(void)
{
    const char *const variables[] = {"OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK"};
    int rank = -1;
    for (int i = 0; i < 3 && rank < 0; i++) rank = number_of(variables[i]);
    return ft_comm_is_launched() && rank > 0 ? rank : 0;
}

/* Beside the program, as in a build tree, or where it was installed. Its symbols are
 * global, since MPI's own plugins look for them there. */
static void *open_plugin(ft_error *err)
{
    char program[PATH_MAX], path[PATH_MAX + 100];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    program[length > 0 ? length : 0] = '\0';
    const char *directory = dirname(program);
    const char *const places[] = {"", "../" FT_LIBRARY_DIRECTORY "/ftgpu/"};
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%slibftgpu_mpi.so", directory, places[i]);
        if (access(path, F_OK) != 0) continue;
        void *plugin = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
        if (!plugin) ft_fail(err, FT_BAD_INPUT, "MPI cannot be loaded: %s", dlerror());
        return plugin;
    }
    ft_fail(
        err, FT_BAD_INPUT,
        "an MPI launcher has started this process, but libftgpu_mpi.so is not installed (it is built where "
        "mpi.h is found)");
    return NULL;
}

ft_status ft_comm_mpi(double timeout_seconds, ft_comm **comm, ft_error *err)
{
    *comm = NULL;
    void *plugin = open_plugin(err);
    if (!plugin) return FT_BAD_INPUT;
    ft_mpi_open *open;
    *(void **)&open = dlsym(plugin, FT_MPI_OPEN);
    if (!open) return ft_fail(err, FT_BAD_INPUT, "MPI cannot be loaded: %s", dlerror());
    return open(timeout_seconds, comm, err);
}
