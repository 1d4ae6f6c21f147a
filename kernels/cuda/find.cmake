# Where nvcc, CUDA's headers and its libraries are: in the toolkit, in the system's
# directories, or in NVIDIA's packages for Python. Of the latter CUDA 12's have a
# directory each (nvidia/cublas/include), CUDA 13's share one (nvidia/cu13/include); NCCL
# has its own in both. What is found is told line by line.
#
# Sets FTGPU_NVCC, FTGPU_CUDART, FTGPU_CUDART_INCLUDE, FTGPU_CUBLASLT_INCLUDE,
# FTGPU_NCCL_INCLUDE (all in the cache), cuda_version and cuda_missing: what there is no
# building without, in words.

# The directories of NVIDIA's packages, if there is a python3 that knows of some.
set(cuda_packages)
find_program(cuda_python python3 NO_CACHE) # another one may be on PATH next time
if(cuda_python)
  execute_process(COMMAND ${cuda_python} -c "import sys; print('\\n'.join(sys.path))" OUTPUT_VARIABLE python_path ERROR_QUIET)
  string(REGEX REPLACE "\n+" ";" python_path "${python_path}")
  foreach(place ${python_path})
    file(GLOB found LIST_DIRECTORIES true ${place}/nvidia/*)
    list(APPEND cuda_packages ${found})
  endforeach()
endif()

# CUDA_HOME names the toolkit; without it the usual directory is tried. A compiler on PATH
# comes after the one and before the other.
set(cuda_usual /usr/local/cuda/bin)
if(NOT "$ENV{CUDA_HOME}" STREQUAL "")
  set(cuda_usual)
endif()
list(TRANSFORM cuda_packages APPEND /bin OUTPUT_VARIABLE cuda_package_programs)
find_program(FTGPU_NVCC nvcc HINTS $ENV{CUDA_HOME}/bin $ENV{CUDA_PATH}/bin PATHS ${cuda_usual} ${cuda_package_programs})
if(NOT FTGPU_NVCC)
  set(cuda_missing "nvcc is not found; CUDA_HOME may name the toolkit's directory")
  return()
endif()
execute_process(COMMAND ${FTGPU_NVCC} --version OUTPUT_VARIABLE cuda_version)
string(REGEX REPLACE ".*release ([0-9.]+).*" "\\1" cuda_version "${cuda_version}")
string(REGEX REPLACE "\\..*" "" cuda_major "${cuda_version}")

get_filename_component(cuda_root ${FTGPU_NVCC} REALPATH)
get_filename_component(cuda_root ${cuda_root}/../.. ABSOLUTE)
set(cuda_targets ${cuda_root}/targets/${CMAKE_SYSTEM_PROCESSOR}-linux ${cuda_root}/targets/sbsa-linux)
list(TRANSFORM cuda_targets APPEND /include OUTPUT_VARIABLE cuda_includes)
list(TRANSFORM cuda_targets APPEND /lib OUTPUT_VARIABLE cuda_libraries)
list(PREPEND cuda_includes ${cuda_root}/include)
list(PREPEND cuda_libraries ${cuda_root}/lib64 ${cuda_root}/lib)

# Another CUDA's headers do not go with this nvcc.
set(cuda_package_includes)
set(cuda_package_libraries)
foreach(package ${cuda_packages})
  if(NOT package MATCHES "/nvidia/cu[0-9]+$" OR package MATCHES "/nvidia/cu${cuda_major}$")
    list(APPEND cuda_package_includes ${package}/include)
    list(APPEND cuda_package_libraries ${package}/lib)
  endif()
endforeach()

function(cuda_found name place)
  if(NOT place)
    set(place "not found")
  endif()
  message(STATUS "CUDA: ${name}  ${place}")
endfunction()
function(cuda_find_header variable name)
  find_path(${variable} ${name} HINTS ${cuda_includes} PATHS ${cuda_package_includes})
  cuda_found(${name} "${${variable}}")
endfunction()

cuda_found("nvcc ${cuda_version}" ${FTGPU_NVCC})
find_library(FTGPU_CUDART cudart_static HINTS ${cuda_libraries} PATHS ${cuda_package_libraries})
cuda_found(libcudart_static.a "${FTGPU_CUDART}")
cuda_find_header(FTGPU_CUDART_INCLUDE cuda_runtime.h)
cuda_find_header(FTGPU_CUBLASLT_INCLUDE cublasLt.h)
cuda_find_header(FTGPU_NCCL_INCLUDE nccl.h)
if(NOT FTGPU_CUDART)
  set(cuda_missing "libcudart_static.a is not found (FTGPU_CUDART may name the file)")
elseif(NOT FTGPU_CUDART_INCLUDE)
  set(cuda_missing "cuda_runtime.h is not found (FTGPU_CUDART_INCLUDE may name its directory)")
elseif(NOT FTGPU_CUBLASLT_INCLUDE)
  set(cuda_missing "cublasLt.h is not found (FTGPU_CUBLASLT_INCLUDE may name its directory)")
endif()
