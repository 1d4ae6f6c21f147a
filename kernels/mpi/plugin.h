/* The interface of libftgpu_mpi.so, the plugin. Only the plugin is linked with MPI. */
#ifndef FT_KERNELS_MPI_PLUGIN_H
#define FT_KERNELS_MPI_PLUGIN_H

#include "kernels/comm.h"

/* As ft_comm_mpi. The plugin's one function; FT_MPI_OPEN is its name. */
typedef ft_status ft_mpi_open(double timeout_seconds, ft_comm **comm, ft_error *err);
#define FT_MPI_OPEN "ft_mpi_plugin_open"

#endif
