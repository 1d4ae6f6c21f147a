# tests/unit/<room>/test_<subject>.c is one Criterion program each, linked with that room and those below it.
find_path(CRITERION_INCLUDE criterion/criterion.h REQUIRED)
find_library(CRITERION_LIBRARY criterion REQUIRED)
include(tests/ops/ops.cmake)
set(test_rooms_base ft_base)
set(test_rooms_kernels ft_ops ft_model) # ft_model: goldens are safetensors files
set(test_rooms_model ft_model)
set(test_rooms_tracker ft_tracker)
set(test_rooms_host ft_host)
set(test_rooms_cli ft_cli)
foreach(room base kernels model tracker host cli)
  file(GLOB test_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/unit/${room}/test_*.c)
  file(GLOB support CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/unit/${room}/support_*.c)
  foreach(source ${test_sources})
    get_filename_component(name ${source} NAME_WE)
    add_executable(${name} ${source} ${support})
    target_include_directories(${name} PRIVATE ${CRITERION_INCLUDE})
    target_link_libraries(${name} PRIVATE ${test_rooms_${room}} ${CRITERION_LIBRARY})
    target_compile_definitions(${name} PRIVATE FT_GOLDEN_DIR="${CMAKE_SOURCE_DIR}/tests/golden")
    add_test(NAME unit/${room}/${name} COMMAND ${name})
    # Criterion does not look at what a test's process says when it ends: a leak alone would pass.
    set_tests_properties(unit/${room}/${name} PROPERTIES FAIL_REGULAR_EXPRESSION "LeakSanitizer;runtime error: "
                         TIMEOUT 600)
  endforeach()
endforeach()
add_library(planted_library SHARED tests/unit/kernels/planted_library.c)
target_link_libraries(planted_library PRIVATE ft_options)
add_dependencies(test_cuda_library planted_library)
target_compile_definitions(test_cuda_library PRIVATE FT_PLANTED_LIBRARY="$<TARGET_FILE:planted_library>")

add_test(NAME unit/arrows COMMAND ${CMAKE_SOURCE_DIR}/tests/unit/arrows/test_arrows.sh ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})
add_test(NAME unit/docs COMMAND ${CMAKE_SOURCE_DIR}/tests/docs.sh ${CMAKE_SOURCE_DIR})
if(NOT FTGPU_SANITIZE) # which would find the same
  add_test(NAME unit/format COMMAND ${CMAKE_SOURCE_DIR}/tests/format.sh ${CMAKE_SOURCE_DIR})
  add_test(NAME unit/tidy COMMAND ${CMAKE_SOURCE_DIR}/tests/tidy.sh ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})
  set_tests_properties(unit/format unit/tidy PROPERTIES SKIP_RETURN_CODE 77)
  set_tests_properties(unit/tidy PROPERTIES LABELS slow TIMEOUT 1200 PROCESSORS 2)
endif()
include(tests/e2e/e2e.cmake)
include(tests/fuzz/fuzz.cmake)
include(tests/faults/faults.cmake)
include(tests/simt/simt.cmake)
include(tests/slurm/slurm.cmake)
include(tests/sweep_sim/sweep_sim.cmake)

# Tools of tests/oracle/check_interop.py, which needs Python and is run by hand.
foreach(tool ftgpu_logits ftgpu_train)
  add_executable(${tool} tests/tools/${tool}.c tests/tools/tool.c)
  target_link_libraries(${tool} PRIVATE ft_model)
endforeach()
add_executable(ftgpu_synthetic tests/tools/ftgpu_synthetic.c) # artificial series: their picture and speed
target_link_libraries(ftgpu_synthetic PRIVATE ft_model)

# What tests measure of this machine stays in the build directory, and is the same for all of them.
get_property(all_tests DIRECTORY PROPERTY TESTS)
foreach(test ${all_tests})
  set_property(TEST ${test} APPEND PROPERTY ENVIRONMENT XDG_CACHE_HOME=${CMAKE_BINARY_DIR}/test-cache)
  set_property(TEST ${test} APPEND PROPERTY ENVIRONMENT HF_HUB_OFFLINE=1) # no test speaks with the network
  # Tests run side by side on the same cores: a thread that waits must not keep one busy. The program sees to that by itself.
  if(NOT test MATCHES "^e2e/")
    set_property(TEST ${test} APPEND PROPERTY ENVIRONMENT OMP_WAIT_POLICY=passive)
  endif()
endforeach()
