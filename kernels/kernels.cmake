# kernels/*.c: what all backends share; ref/ and cpu/ implement kernels/backend.h.
file(GLOB shared CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/kernels/*.c)
file(GLOB ref CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/kernels/ref/*.c)
add_library(ft_kernels STATIC ${shared} ${ref})
set_target_properties(ft_kernels PROPERTIES POSITION_INDEPENDENT_CODE ON)
target_link_libraries(ft_kernels PUBLIC ft_base ${CMAKE_DL_LIBS})
include(kernels/cpu/cpu.cmake OPTIONAL)
include(kernels/cuda/cuda.cmake)
include(kernels/mpi/mpi.cmake)
