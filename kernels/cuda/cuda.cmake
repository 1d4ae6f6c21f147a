# The CUDA backend, where nvcc is found (FTGPU_CUDA=AUTO|ON|OFF); else kernels/cuda/absent.c says that there is none.
#
# One binary: the kernels and CUDA's runtime are linked in statically. The runtime looks for the driver when it is first asked
# for a device, and does not find it on a machine without; cuBLASLt, the one large library, is opened by lt.cu when a GPU is.
# So a machine without a GPU loads nothing of CUDA.
#
# nvcc is called by rules of our own: as one of CMake's languages it would also link every program, with flags that are gcc's.
set(cuda_dir ${CMAKE_SOURCE_DIR}/kernels/cuda)
target_sources(ft_kernels PRIVATE ${cuda_dir}/library.c) # knows nothing of CUDA, and its test needs none
set(FTGPU_CUDA_ARCHITECTURES "80;90;100" CACHE STRING "Compute capabilities to build for, each without its point")
set(cuda_wanted ${FTGPU_CUDA})
if(cuda_wanted STREQUAL "AUTO" AND FTGPU_SANITIZE)
  set(cuda_wanted OFF) # the kernels' tests are those of tests/simt
endif()
if(cuda_wanted)
  find_program(FTGPU_NVCC nvcc HINTS $ENV{CUDA_HOME}/bin $ENV{CUDA_PATH}/bin /usr/local/cuda/bin)
  if(FTGPU_NVCC)
    get_filename_component(cuda_root ${FTGPU_NVCC} REALPATH)
    get_filename_component(cuda_root ${cuda_root}/../.. ABSOLUTE)
    find_library(FTGPU_CUDART cudart_static HINTS ${cuda_root}/lib64 ${cuda_root}/lib ${cuda_root}/targets/x86_64-linux/lib)
  endif()
  if(NOT FTGPU_NVCC OR NOT FTGPU_CUDART)
    if(cuda_wanted STREQUAL "ON")
      message(FATAL_ERROR "FTGPU_CUDA=ON: nvcc or libcudart_static.a is not found; CUDA_HOME may name the toolkit's directory")
    endif()
    message(STATUS "CUDA not built: no nvcc")
    set(cuda_wanted OFF)
  endif()
endif()
if(NOT cuda_wanted)
  target_sources(ft_kernels PRIVATE ${cuda_dir}/absent.c)
  return()
endif()

set(nvcc_options -std=c++17 -O3 -lineinfo -Xcompiler=-fPIC,-fno-threadsafe-statics,-fno-exceptions,-fno-rtti,-Wall,-Wextra,-fmacro-prefix-map=${CMAKE_SOURCE_DIR}/=
    -Xptxas=-v,--warn-on-spills,--warn-on-local-memory-usage -I${CMAKE_SOURCE_DIR})
foreach(architecture ${FTGPU_CUDA_ARCHITECTURES})
  list(APPEND nvcc_options -gencode=arch=compute_${architecture},code=sm_${architecture})
endforeach()
if(FTGPU_WERROR)
  list(APPEND nvcc_options -Werror=all-warnings -Xptxas=--warning-as-error)
endif()

file(GLOB cuda_sources CONFIGURE_DEPENDS ${cuda_dir}/*.cu)
file(GLOB cuda_headers CONFIGURE_DEPENDS ${cuda_dir}/*.h ${CMAKE_SOURCE_DIR}/kernels/*.h ${CMAKE_SOURCE_DIR}/base/*.h)
foreach(source ${cuda_sources})
  get_filename_component(name ${source} NAME_WE)
  set(object ${CMAKE_BINARY_DIR}/cuda/${name}.o)
  # The log holds registers and spills of every kernel.
  add_custom_command(OUTPUT ${object} COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/cuda
                     COMMAND ${FTGPU_NVCC} ${nvcc_options} -c ${source} -o ${object} DEPENDS ${source} ${cuda_headers}
                     COMMENT "Building CUDA object ${name}.o" VERBATIM)
  list(APPEND cuda_objects ${object})
endforeach()
set_source_files_properties(${cuda_objects} PROPERTIES EXTERNAL_OBJECT TRUE GENERATED TRUE)
add_custom_target(ft_cuda DEPENDS ${cuda_objects})
add_dependencies(ft_kernels ft_cuda)
target_sources(ft_kernels PRIVATE ${cuda_objects})
# libftgpu.a takes CUDA's runtime in, so that its users link nothing of CUDA.
set(ft_kernels_archives ${FTGPU_CUDART})
set(ft_kernels_libraries Threads::Threads ${CMAKE_DL_LIBS} rt)
find_package(Threads REQUIRED)
target_link_libraries(ft_kernels PUBLIC ${ft_kernels_archives} ${ft_kernels_libraries})
