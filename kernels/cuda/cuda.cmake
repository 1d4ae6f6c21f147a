# The CUDA backend, where nvcc is found (FTGPU_CUDA=AUTO|ON|OFF); else
# kernels/cuda/absent.c says that there is none.
#
# One binary: the kernels and CUDA's runtime are linked in statically. The runtime looks
# for the driver when it is first asked for a device, and does not find it on a machine
# without; cuBLASLt, the one large library, is opened by lt.cu when a GPU is, and NCCL by
# comm_nccl.cu when there are several. So a machine without a GPU loads nothing of CUDA.
#
# nvcc is called by rules of our own: as one of CMake's languages it would also link every
# program, with flags that are gcc's.
set(cuda_dir ${CMAKE_SOURCE_DIR}/kernels/cuda)
target_sources(ft_kernels PRIVATE ${cuda_dir}/library.c) # knows nothing of CUDA, and its test needs none
set(cuda_wanted ${FTGPU_CUDA})
if(cuda_wanted STREQUAL "AUTO" AND FTGPU_SANITIZE)
  set(cuda_wanted OFF) # the kernels' tests are those of tests/simt
endif()
if(cuda_wanted)
  include(${cuda_dir}/find.cmake)
  if(cuda_missing)
    if(cuda_wanted STREQUAL "ON")
      message(FATAL_ERROR "FTGPU_CUDA=ON: ${cuda_missing}")
    endif()
    message(STATUS "CUDA not built: ${cuda_missing}")
    set(cuda_wanted OFF)
  endif()
endif()
if(NOT cuda_wanted)
  target_sources(ft_kernels PRIVATE ${cuda_dir}/absent.c)
  return()
endif()

set(nvcc_options -std=c++17 -O3 -lineinfo -Xcompiler=-fPIC,-fno-threadsafe-statics,-fno-exceptions,-fno-rtti,-Wall,-Wextra,-fmacro-prefix-map=${CMAKE_SOURCE_DIR}/=
    -Xptxas=-v,--warn-on-spills,--warn-on-local-memory-usage -I${CMAKE_SOURCE_DIR})
# A directory of the system's must not come before the compiler's own.
set(cuda_headers_in ${FTGPU_CUDART_INCLUDE} ${FTGPU_CUBLASLT_INCLUDE})
if(FTGPU_NCCL_INCLUDE)
  list(APPEND cuda_headers_in ${FTGPU_NCCL_INCLUDE})
else()
  message(WARNING "nccl.h is not found, so that this build can neither share an experiment among GPUs (--gpus-per-experiment) nor be "
                  "started by an MPI launcher on several: install libnccl-dev or pip's nvidia-nccl-cu${cuda_major}, or name its "
                  "directory by -DFTGPU_NCCL_INCLUDE=")
endif()
list(REMOVE_DUPLICATES cuda_headers_in)
list(REMOVE_ITEM cuda_headers_in ${CMAKE_C_IMPLICIT_INCLUDE_DIRECTORIES})
foreach(directory ${cuda_headers_in})
  list(APPEND nvcc_options -isystem ${directory})
endforeach()
if(FTGPU_NCCL_INCLUDE)
  list(APPEND nvcc_options -DFT_NCCL)
endif()

# Machine code for each of the architectures that nvcc knows, and PTX of the newest, which
# the driver compiles for a newer GPU.
execute_process(COMMAND ${FTGPU_NVCC} --list-gpu-arch OUTPUT_VARIABLE known ERROR_QUIET)
set(architectures 80 90 100)
if(known)
  foreach(architecture ${architectures})
    if(NOT known MATCHES "compute_${architecture}\n")
      list(REMOVE_ITEM architectures ${architecture})
    endif()
  endforeach()
endif()
set(FTGPU_CUDA_ARCHITECTURES "${architectures}" CACHE STRING "Compute capabilities to build for, each without its point")
set(architectures ${FTGPU_CUDA_ARCHITECTURES})
list(SORT architectures COMPARE NATURAL)
foreach(architecture ${architectures})
  list(APPEND nvcc_options -gencode=arch=compute_${architecture},code=sm_${architecture})
endforeach()
# Code for 100a runs on nothing else; its PTX would, too.
list(GET architectures -1 newest)
string(REGEX MATCH "[0-9]+" newest ${newest})
list(APPEND nvcc_options -gencode=arch=compute_${newest},code=compute_${newest})
list(JOIN architectures " " shown)
message(STATUS "CUDA: code for ${shown} and PTX of ${newest}")
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
