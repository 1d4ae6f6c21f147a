# The CUDA backend, where nvcc is found (FTGPU_CUDA=AUTO|ON|OFF); else kernels/cuda/absent.c says that there is none.
#
# One binary: the kernels and CUDA's runtime are linked in statically. The runtime loads the driver when it is first asked for
# a device, which without a driver it does not find; cuBLASLt, the only large library, is opened by lt.cu when a GPU is. So a
# machine without a GPU loads nothing of CUDA (tests/e2e checks it).
set(cuda_dir ${CMAKE_SOURCE_DIR}/kernels/cuda)
set(cuda_wanted ${FTGPU_CUDA})
if(cuda_wanted STREQUAL "AUTO" AND FTGPU_SANITIZE)
  set(cuda_wanted OFF) # the simulator's tests cover the kernels then
endif()
if(cuda_wanted)
  find_program(FTGPU_NVCC nvcc HINTS $ENV{CUDA_HOME}/bin $ENV{CUDA_PATH}/bin /usr/local/cuda/bin)
  if(FTGPU_NVCC)
    set(CMAKE_CUDA_COMPILER ${FTGPU_NVCC})
    if(NOT CMAKE_CUDA_ARCHITECTURES)
      set(CMAKE_CUDA_ARCHITECTURES 80 90 100)
    endif()
    set(CMAKE_CUDA_RUNTIME_LIBRARY Static)
    enable_language(CUDA)
  elseif(cuda_wanted STREQUAL "ON")
    message(FATAL_ERROR "FTGPU_CUDA=ON: nvcc is not found; CUDA_HOME may name the toolkit's directory")
  else()
    message(STATUS "CUDA not built: no nvcc")
  endif()
endif()

if(CMAKE_CUDA_COMPILER)
  file(GLOB cuda_sources CONFIGURE_DEPENDS ${cuda_dir}/*.cu)
  # Objects, so that nothing else of the build meets nvcc's flags. -Xptxas -v: registers and spills in the build log.
  add_library(ft_cuda OBJECT ${cuda_sources})
  set_target_properties(ft_cuda PROPERTIES POSITION_INDEPENDENT_CODE ON CUDA_STANDARD 17 CUDA_SEPARABLE_COMPILATION OFF)
  target_include_directories(ft_cuda PRIVATE ${CMAKE_SOURCE_DIR})
  target_compile_options(ft_cuda PRIVATE -Xcompiler=-Wall,-Wextra,-fmacro-prefix-map=${CMAKE_SOURCE_DIR}/= -Xptxas=-v)
  if(FTGPU_WERROR)
    target_compile_options(ft_cuda PRIVATE -Werror=all-warnings)
  endif()
  target_sources(ft_kernels PRIVATE $<TARGET_OBJECTS:ft_cuda>)
  find_library(CUDART_STATIC cudart_static HINTS ${CMAKE_CUDA_TOOLKIT_INCLUDE_DIRECTORIES}/../lib64
                                                 ${CMAKE_CUDA_IMPLICIT_LINK_DIRECTORIES} REQUIRED)
  find_package(Threads REQUIRED)
  target_link_libraries(ft_kernels PUBLIC ${CUDART_STATIC} Threads::Threads ${CMAKE_DL_LIBS} rt stdc++)
else()
  target_sources(ft_kernels PRIVATE ${cuda_dir}/absent.c)
endif()
