# The CUDA backend executed on the CPU (README.md here): the simulator, kernels/cuda compiled against its headers, and their
# tests. Left out, with a message, where Boost.Context or a C++ compiler is missing.
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
# Indices are unsigned here, shorter there: CUDA code is not written for -Wconversion, nor its names for -Wpedantic.
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

# The kernels' files are nvcc's in this build; here they are included, unmodified, by files of C++.
file(GLOB simt_kernels CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/kernels/cuda/*.cu)
set(simt_kernel_sources)
foreach(kernel ${simt_kernels})
  get_filename_component(name ${kernel} NAME_WE)
  set(source ${CMAKE_BINARY_DIR}/simt/${name}.cpp)
  file(CONFIGURE OUTPUT ${source} CONTENT "#include \"${kernel}\"\n")
  list(APPEND simt_kernel_sources ${source})
endforeach()
simt_library(ft_cuda_simt ${simt_kernel_sources})
# #pragma unroll is nvcc's, and so is reading memory by 16 bytes whatever it holds. Messages name files from the root.
target_compile_options(ft_cuda_simt PRIVATE -Wno-unknown-pragmas -fno-strict-aliasing -fmacro-prefix-map=${CMAKE_SOURCE_DIR}/=)
target_link_libraries(ft_cuda_simt PUBLIC ft_simt ft_kernels)

if(FTGPU_GPU_CHECK)
  return() # bench/gpu_check.sh --simulate has its own programs
endif()

# A test of tests/, with further libraries after it.
function(simt_test source)
  get_filename_component(name ${source} NAME_WE)
  add_executable(${name} ${simt_dir}/tests/${source})
  target_include_directories(${name} PRIVATE ${CRITERION_INCLUDE})
  target_link_libraries(${name} PRIVATE ft_cuda_simt ${ARGN} ${CRITERION_LIBRARY})
  set_target_properties(${name} PROPERTIES LINKER_LANGUAGE CXX)
  add_test(NAME simt/${name} COMMAND ${name})
endfunction()
simt_test(test_simt.cpp)
target_compile_options(test_simt PRIVATE ${simt_options} -Wno-unknown-pragmas -Wno-missing-field-initializers)
simt_test(test_cuda_backend.c)
simt_test(test_cuda_comm.c)
simt_test(test_ops_cuda.c ft_ops)

# The model on simulated GPUs. cuda_<name>: the model's own golden tests (parity with transformers and PEFT, adapter batches,
# forecasts), half a minute to a minute each on two idle cores. test_cuda_<name>: what only a GPU does.
function(simt_model_test name source)
  add_executable(${name} ${source} ${simt_dir}/tests/golden_backends.c ${CMAKE_SOURCE_DIR}/tests/unit/model/support_golden.c
                         ${CMAKE_SOURCE_DIR}/tests/unit/model/support_adapter_batch.c)
  target_include_directories(${name} PRIVATE ${CRITERION_INCLUDE} ${CMAKE_SOURCE_DIR}/tests/unit/model)
  target_compile_definitions(${name} PRIVATE FT_GOLDEN_DIR="${CMAKE_SOURCE_DIR}/tests/golden")
  target_link_libraries(${name} PRIVATE ft_cuda_simt ft_model ${CRITERION_LIBRARY})
  set_target_properties(${name} PROPERTIES LINKER_LANGUAGE CXX)
  add_test(NAME simt/${name} COMMAND ${name})
endfunction()
foreach(name parity adapter_batch generation)
  simt_model_test(cuda_${name} ${CMAKE_SOURCE_DIR}/tests/unit/model/test_${name}.c)
  set_tests_properties(simt/cuda_${name} PROPERTIES LABELS slow)
endforeach()
simt_model_test(test_cuda_step ${simt_dir}/tests/test_cuda_step.c)
simt_model_test(test_cuda_ranks ${simt_dir}/tests/test_cuda_ranks.c)
