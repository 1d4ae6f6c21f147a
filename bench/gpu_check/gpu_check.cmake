# What bench/gpu_pack.sh builds besides ftgpu (FTGPU_GPU_CHECK): kernels, model and
# measurements with nothing but a C compiler and nvcc. No oneDNN, so no CPU backend; no
# cJSON, so no file of a model is read; no zlib. FTGPU_GPU_CHECK=SIMULATED has
# tests/simt's simulator in nvcc's place.
function(ft_part name)
  add_library(ft_${name} STATIC ${ARGN})
  target_link_libraries(ft_${name} PUBLIC ft_options)
  set_target_properties(ft_${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
endfunction()
ft_part(base base/error.c base/checksum.c base/cgroup.c base/directory.c base/file.c base/limits.c base/parallel.c base/text.c base/utf8.c)
target_compile_definitions(ft_base PUBLIC FT_NO_ZLIB)
find_package(Threads REQUIRED)
target_link_libraries(ft_base PUBLIC Threads::Threads m)

file(GLOB kernel_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/kernels/*.c ${CMAKE_SOURCE_DIR}/kernels/ref/*.c)
if(FTGPU_GPU_CHECK STREQUAL "SIMULATED")
  ft_part(kernels ${kernel_sources})
else()
  # One library for run_ops and gpu_bench: kernels are most of what is carried to a GPU.
  add_library(ft_kernels SHARED ${kernel_sources})
  target_link_libraries(ft_kernels PUBLIC ft_options)
endif()
target_link_libraries(ft_kernels PUBLIC ft_base)
include(kernels/cuda/cuda.cmake)
include(tests/ops/ops.cmake)

# Whole models are computed by ref here (gpu_bench check), whose sums may run in any
# order: three times as fast.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  set_source_files_properties(kernels/ref/linear.c PROPERTIES COMPILE_OPTIONS "-fno-trapping-math;-fno-signed-zeros;-fassociative-math;-mavx2")
endif()

# Of model/ the files that know no JSON; of these the linker takes those that a step or a
# forecast needs.
file(GLOB model_parts CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/model/*.c)
foreach(part ${model_parts})
  file(STRINGS ${part} json REGEX "#include.*json")
  if(json)
    list(REMOVE_ITEM model_parts ${part})
  endif()
endforeach()
file(GLOB bench_parts CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/host/bench/*.c)
ft_part(bench ${model_parts} ${bench_parts})
target_link_libraries(ft_bench PUBLIC ft_kernels)

# Under sanitizers the kernels are looked at, not what they are compared with:
# tests/mutate.sh runs it hundreds of times. A property of the files, because those come
# after the options of all targets.
if(FTGPU_SANITIZE)
  set_source_files_properties(${kernel_sources} ${ops_sources} base/error.c PROPERTIES COMPILE_OPTIONS "-O2;-fno-sanitize=all")
endif()

add_executable(run_ops tests/ops/run_ops.c)
file(GLOB gpu_bench_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/bench/gpu_check/*.c)
add_executable(gpu_bench ${gpu_bench_sources})
if(FTGPU_GPU_CHECK STREQUAL "SIMULATED")
  include(tests/simt/simt.cmake)
  target_compile_definitions(run_ops PRIVATE FT_SIMULATED)
  foreach(program run_ops gpu_bench)
    target_link_libraries(${program} PRIVATE ft_cuda_simt)
    set_target_properties(${program} PROPERTIES LINKER_LANGUAGE CXX)
  endforeach()
endif()
target_link_libraries(run_ops PRIVATE ft_ops)
target_link_libraries(gpu_bench PRIVATE ft_bench)
