# tests/unit/<room>/test_<subject>.c is one Criterion program each, linked with that room
# and those below it.
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
    # Criterion does not look at what a test's process says when it ends: a leak alone
    # would pass.
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
find_program(FTGPU_CUOBJDUMP cuobjdump HINTS ${cuda_root}/bin)
add_test(NAME unit/slots COMMAND ${CMAKE_SOURCE_DIR}/tests/slots.sh)
set_tests_properties(unit/slots PROPERTIES SKIP_RETURN_CODE 77 LABELS slow) # half a minute of nvcc
if(FTGPU_NVCC AND FTGPU_CUOBJDUMP)
  list(JOIN cuda_headers_in " -isystem " slots_headers)
  set_tests_properties(unit/slots PROPERTIES ENVIRONMENT
                       "NVCC=${FTGPU_NVCC};CUOBJDUMP=${FTGPU_CUOBJDUMP};NVCC_OPTIONS=-isystem ${slots_headers}")
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
add_executable(ftgpu_read_csv tests/tools/ftgpu_read_csv.c) # how long files take to be read
target_link_libraries(ftgpu_read_csv PRIVATE ft_data)
add_executable(ftgpu_synthetic tests/tools/ftgpu_synthetic.c) # artificial series: their picture and speed
target_link_libraries(ftgpu_synthetic PRIVATE ft_model)

# The longest tests first, so that none of them runs alone at the end while a core is
# idle: about how many seconds of processor time each takes, plain or under sanitizers. Of
# a test that is not in this build nothing is said.
set(costs
    fuzz 200 faults/slow_faults 130 simt/test_model_check 150 e2e/slow_gpu_check 115 simt/test_ops_cuda 100 e2e/slow_bad_allocations 110
    simt/test_cuda_together 160 simt/test_cuda_ranks 90 fuzz/checkpoints 75 e2e/slow_worker_allocations 75 simt/gpu_bench_check 45
    e2e/slow_mutate 90 e2e/slow_horizons 90 faults/slow_power_cut 80 e2e/test_workers 80 e2e/test_shard 75 unit/kernels/test_ops_cpu 75
    unit/model/test_checkpoint 75 e2e/test_coordinator 70 simt/cuda_adapter_batch 65 simt/cuda_parity 60 e2e/slow_resume 60
    simt/test_cuda_training 57 simt/test_cuda_step 55 e2e/test_resume 50 e2e/test_damage 50 e2e/test_width 45 e2e/slow_valgrind 45
    e2e/slow_package 40 e2e/slow_mpi 40 simt/test_ops_cuda_rounding 37 e2e/slow_coordinator_allocations 37 e2e/test_hub 35
    sweep_sim/large 30 e2e/test_dtype 20 e2e/test_bad_disk 20 e2e/slow_compare 20 e2e/test_threads 20)
while(costs)
  list(POP_FRONT costs test cost)
  if(TEST ${test})
    set_tests_properties(${test} PROPERTIES COST ${cost})
  endif()
endwhile()

# What tests measure of this machine stays in the build directory, and is the same for all
# of them.
get_property(all_tests DIRECTORY PROPERTY TESTS)
foreach(test ${all_tests})
  set_property(TEST ${test} APPEND PROPERTY ENVIRONMENT XDG_CACHE_HOME=${CMAKE_BINARY_DIR}/test-cache)
  set_property(TEST ${test} APPEND PROPERTY ENVIRONMENT HF_HUB_OFFLINE=1) # no test speaks with the network
  # Tests run side by side on the same cores: a thread that waits must not keep one busy.
  # The program sees to that by itself.
  if(NOT test MATCHES "^e2e/")
    set_property(TEST ${test} APPEND PROPERTY ENVIRONMENT OMP_WAIT_POLICY=passive)
  endif()
endforeach()
