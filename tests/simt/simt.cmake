# The CUDA backend executed on the CPU (README.md here): the simulator, kernels/cuda
# compiled against its headers, and their tests. Left out, with a message, where
# Boost.Context or a C++ compiler is missing.
if(NOT FTGPU_SIMT)
  return()
endif()
include(CheckLanguage)
check_language(CXX)
find_path(BOOST_CONTEXT_INCLUDE boost/context/detail/fcontext.hpp)
find_library(BOOST_CONTEXT_LIBRARY NAMES libboost_context.a boost_context)
if(NOT CMAKE_CXX_COMPILER OR NOT BOOST_CONTEXT_INCLUDE OR NOT BOOST_CONTEXT_LIBRARY)
  message(STATUS "CUDA kernels are not tested: needs a C++ compiler and libboost-context-dev")
  return()
endif()
enable_language(CXX)
set(CMAKE_CXX_STANDARD 17)

set(simt_dir ${CMAKE_SOURCE_DIR}/tests/simt)
# Indices are unsigned here, shorter there: CUDA code is not written for -Wconversion, nor
# its names for -Wpedantic.
set(simt_options -Wno-conversion -Wno-sign-conversion -Wno-pedantic -O2)
if(FTGPU_SANITIZE)
  set(simt_options ${simt_options} -O1)
endif()
function(simt_library name)
  add_library(${name} STATIC ${ARGN})
  target_include_directories(${name} BEFORE PUBLIC ${simt_dir}/include)
  target_include_directories(${name} PUBLIC ${BOOST_CONTEXT_INCLUDE})
  target_link_libraries(${name} PUBLIC ft_base ${BOOST_CONTEXT_LIBRARY})
  target_compile_options(${name} PRIVATE ${simt_options})
endfunction()

file(GLOB simt_sources CONFIGURE_DEPENDS ${simt_dir}/*.cpp)
simt_library(ft_simt ${simt_sources})

# The kernels' files are nvcc's in this build; here they are included, unmodified, by
# files of C++, which lie in the build directory's simt or rounding. Further options come
# after those of all libraries, so that they count.
file(GLOB simt_kernels CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/kernels/cuda/*.cu)
function(simt_kernel_library library directory)
  set(sources)
  foreach(kernel ${simt_kernels})
    get_filename_component(name ${kernel} NAME_WE)
    set(source ${CMAKE_BINARY_DIR}/${directory}/${name}.cpp)
    file(CONFIGURE OUTPUT ${source} CONTENT "#include \"${kernel}\"\n")
    set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS "${ARGN}")
    list(APPEND sources ${source})
  endforeach()
  simt_library(${library} ${sources})
  # #pragma unroll is nvcc's, and so is reading memory by 16 bytes whatever it holds.
  # Messages name files from the root.
  target_compile_options(${library} PRIVATE -Wno-unknown-pragmas -fno-strict-aliasing
                         -fmacro-prefix-map=${CMAKE_SOURCE_DIR}/=)
  target_link_libraries(${library} PUBLIC ft_simt ft_kernels)
endfunction()
simt_kernel_library(ft_cuda_simt simt)

if(FTGPU_GPU_CHECK)
  return() # bench/gpu_check.sh --simulate has its own programs
endif()

# A test of tests/ of one of the kernels' libraries, with further libraries after it.
function(simt_test source kernels)
  get_filename_component(name ${source} NAME_WE)
  add_executable(${name} ${simt_dir}/tests/${source})
  target_include_directories(${name} PRIVATE ${CRITERION_INCLUDE})
  target_link_libraries(${name} PRIVATE ${kernels} ${ARGN} ${CRITERION_LIBRARY})
  set_target_properties(${name} PROPERTIES LINKER_LANGUAGE CXX)
  add_test(NAME simt/${name} COMMAND ${name})
endfunction()
foreach(name test_simt test_simt_devices)
  simt_test(${name}.cpp ft_cuda_simt)
  target_compile_options(${name} PRIVATE ${simt_options} -Wno-unknown-pragmas -Wno-missing-field-initializers)
endforeach()
simt_test(test_cuda_backend.c ft_cuda_simt)
simt_test(test_cuda_comm.c ft_cuda_simt)
simt_test(test_cuda_failures.c ft_cuda_simt)
simt_test(test_ops_cuda.c ft_cuda_simt ft_ops)
simt_test(test_cuda_limits.c ft_cuda_simt ft_ops)
simt_test(test_cuda_devices.c ft_cuda_simt ft_host)
foreach(source devices command command_parse options help manual completion completion_bash completion_zsh)
  target_sources(test_cuda_devices PRIVATE ${CMAKE_SOURCE_DIR}/cli/${source}.c)
endforeach()
simt_test(test_cuda_bench.c ft_cuda_simt ft_host)

# A second build of the kernels, with arithmetic as inexact as a GPU's (rounding.h).
set(simt_rounding_options -ffp-contract=fast -fexpensive-optimizations -DFT_SIMT_ROUNDING) # or -O1 contracts nothing
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  list(APPEND simt_rounding_options -mfma)
endif()
simt_kernel_library(ft_cuda_simt_rounding rounding ${simt_rounding_options})
simt_test(test_rounding.cpp ft_cuda_simt_rounding)
set_source_files_properties(${simt_dir}/tests/test_rounding.cpp PROPERTIES COMPILE_OPTIONS
                            "${simt_options};-Wno-unknown-pragmas;-Wno-missing-field-initializers;${simt_rounding_options}")
simt_test(test_ops_cuda_rounding.c ft_cuda_simt_rounding ft_ops)
simt_test(test_cuda_fused.c ft_cuda_simt_rounding)
set_tests_properties(simt/test_rounding simt/test_ops_cuda_rounding simt/test_cuda_fused PROPERTIES SKIP_REGULAR_EXPRESSION
                     "this processor has no fused multiply-add")

# The table of operations as bench/gpu_check.sh runs it, and with mistakes planted.
add_executable(run_ops_planted ${CMAKE_SOURCE_DIR}/tests/ops/run_ops.c ${simt_dir}/tests/planted_ops.cpp)
target_compile_definitions(run_ops_planted PRIVATE FT_SIMULATED)
target_compile_options(run_ops_planted PRIVATE ${simt_options} -Wno-unknown-pragmas)
target_link_libraries(run_ops_planted PRIVATE ft_ops ft_cuda_simt)
target_link_options(run_ops_planted PRIVATE -Wl,--wrap=ft_cuda_create)
set_target_properties(run_ops_planted PROPERTIES LINKER_LANGUAGE CXX)
add_test(NAME simt/test_run_ops COMMAND ${CMAKE_SOURCE_DIR}/tests/e2e/run.sh $<TARGET_FILE:run_ops_planted>
         ${simt_dir}/tests/test_run_ops.sh)

# The model on simulated GPUs. cuda_<name>: the model's own golden tests (parity with
# transformers and PEFT, adapter batches, forecasts), half a minute to a minute each on
# two idle cores. test_cuda_<name>: what only a GPU does.
file(GLOB simt_model_support CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/unit/model/support_*.c)
list(FILTER simt_model_support EXCLUDE REGEX support_backends)
function(simt_model_test name source)
  add_executable(${name} ${source} ${simt_dir}/tests/golden_backends.c ${simt_model_support})
  target_include_directories(${name} PRIVATE ${CRITERION_INCLUDE} ${CMAKE_SOURCE_DIR}/tests/unit/model)
  target_compile_definitions(${name} PRIVATE FT_GOLDEN_DIR="${CMAKE_SOURCE_DIR}/tests/golden")
  target_link_libraries(${name} PRIVATE ft_cuda_simt ft_model ${CRITERION_LIBRARY})
  set_target_properties(${name} PROPERTIES LINKER_LANGUAGE CXX)
  add_test(NAME simt/${name} COMMAND ${name})
endfunction()
foreach(name step ranks together)
  simt_model_test(test_cuda_${name} ${simt_dir}/tests/test_cuda_${name}.c)
endforeach()
if(NOT FTGPU_SANITIZE) # whole models take minutes there, and each kernel in them is sanitized by itself
  foreach(name parity adapter_batch generation)
    simt_model_test(cuda_${name} ${CMAKE_SOURCE_DIR}/tests/unit/model/test_${name}.c)
    set_tests_properties(simt/cuda_${name} PROPERTIES LABELS slow)
  endforeach()
  target_compile_definitions(cuda_adapter_batch PRIVATE FT_BATCH_STEPS=5) # one is queued, one captured, the others are replayed
  simt_model_test(test_cuda_training ${simt_dir}/tests/test_cuda_training.c)
  set_tests_properties(simt/test_cuda_training PROPERTIES LABELS slow)
endif()

# `gpu_bench check` (bench/gpu_check): the program, and what it notices. Not under
# sanitizers: whole models would take an hour there, and each kernel in them is sanitized
# by itself.
if(NOT FTGPU_SANITIZE)
  file(GLOB model_check_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/bench/gpu_check/*.c)
  add_executable(gpu_bench_simulated ${model_check_sources})
  target_link_libraries(gpu_bench_simulated PRIVATE ft_cuda_simt ft_host)
  set_target_properties(gpu_bench_simulated PROPERTIES LINKER_LANGUAGE CXX)
  add_test(NAME simt/gpu_bench_check COMMAND gpu_bench_simulated check nano)
  list(FILTER model_check_sources EXCLUDE REGEX "/gpu_bench\\.c$")
  simt_test(test_model_check.c ft_cuda_simt ft_host)
  target_sources(test_model_check PRIVATE ${model_check_sources})
  target_link_options(test_model_check PRIVATE -Wl,--wrap=ft_comm_nccl -Wl,--wrap=ft_comm_nccl_id)
  set_tests_properties(simt/gpu_bench_check simt/test_model_check PROPERTIES LABELS slow)
endif()
if(FTGPU_SANITIZE)
  set_tests_properties(simt/test_ops_cuda simt/test_ops_cuda_rounding simt/test_cuda_ranks simt/test_cuda_together
                       simt/test_cuda_step simt/test_cuda_limits PROPERTIES LABELS slow) # up to minutes there
endif()
