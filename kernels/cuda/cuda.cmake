target_sources(ft_kernels PRIVATE ${CMAKE_SOURCE_DIR}/kernels/cuda/absent.c)
