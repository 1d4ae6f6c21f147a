# libftgpu_mpi.so: communication by MPI, where MPI is found. The program loads it when a
# launcher has started it, and is not linked with it: without a launcher no MPI is loaded,
# and none need be installed.
include(GNUInstallDirs)
find_package(MPI QUIET COMPONENTS C)
target_sources(ft_kernels PRIVATE ${CMAKE_SOURCE_DIR}/kernels/mpi/load.c)
target_compile_definitions(ft_kernels PRIVATE FT_LIBRARY_DIRECTORY="${CMAKE_INSTALL_LIBDIR}")
if(NOT MPI_C_FOUND)
  message(STATUS "MPI not built: no mpi.h")
  return()
endif()
add_library(ftgpu_mpi MODULE ${CMAKE_SOURCE_DIR}/kernels/mpi/plugin.c)
set_target_properties(ftgpu_mpi PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR} C_VISIBILITY_PRESET hidden)
# Its own copy of what it needs of base/, which the program's own does not meet.
target_link_libraries(ftgpu_mpi PRIVATE ft_base MPI::MPI_C)
target_link_options(ftgpu_mpi PRIVATE -Wl,--exclude-libs,ALL)
