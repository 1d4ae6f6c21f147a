# What bench/gpu_check.sh builds (FTGPU_GPU_CHECK): kernels, model and measurements with nothing but a C compiler and nvcc. No
# oneDNN, so no CPU backend; no cJSON, so no file of a model is read; no zlib. FTGPU_GPU_CHECK=SIMULATED has tests/simt's
# simulator in nvcc's place.
function(ft_part name)
  add_library(ft_${name} STATIC ${ARGN})
  target_link_libraries(ft_${name} PUBLIC ft_options)
  set_target_properties(ft_${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
endfunction()
ft_part(base base/error.c base/checksum.c)
target_compile_definitions(ft_base PUBLIC FT_NO_ZLIB)
target_link_libraries(ft_base PUBLIC m)

file(GLOB kernel_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/kernels/*.c ${CMAKE_SOURCE_DIR}/kernels/ref/*.c)
ft_part(kernels ${kernel_sources})
target_link_libraries(ft_kernels PUBLIC ft_base)
include(kernels/cuda/cuda.cmake)
include(tests/ops/ops.cmake)

# Of model/ and host/ the files that know no JSON.
set(model_parts adapter backward chronos config_sizes decode flops forecast forward initial_values pass step tokenizer trainable
    weights_draw weights_layout weights_parts window_batch windows workspace)
list(TRANSFORM model_parts PREPEND model/)
list(TRANSFORM model_parts APPEND .c)
ft_part(bench ${model_parts} host/bench.c host/bench_gemm.c host/bench_ops.c host/bench_ops_cases.c)
target_link_libraries(ft_bench PUBLIC ft_kernels)

add_executable(run_ops tests/ops/run_ops.c)
add_executable(gpu_bench bench/gpu_check/gpu_bench.c)
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
