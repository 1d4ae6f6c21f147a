# tests/e2e/test_<subject>.sh: the program as its users meet it, one script a subject. A
# script runs in an empty directory of its own, sources lib.sh and finds the program in
# $FTGPU. Those named slow_<subject>.sh run only with ./test.sh --all. One that cannot run
# here says why and ends with 77.
file(GLOB e2e_scripts CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/e2e/test_*.sh ${CMAKE_SOURCE_DIR}/tests/e2e/slow_*.sh)
foreach(script ${e2e_scripts})
  get_filename_component(name ${script} NAME_WE)
  # Nobody installs a sanitized package, which has no CUDA, or measures one; others build
  # for themselves. What a slow test does is sanitized in small by the others, but for
  # horizons, which are about memory beyond the end.
  if(FTGPU_SANITIZE AND (name MATCHES "^test_(no_cuda|cuda_found)$" OR name MATCHES "^slow_(package|gpu_check|mutate|busy_machine|mpi|bench_sweep|compare|report)$"))
    continue()
  elseif(name STREQUAL slow_horizons AND NOT FTGPU_SANITIZE)
    continue()
  endif()
  add_test(NAME e2e/${name} COMMAND ${CMAKE_SOURCE_DIR}/tests/e2e/run.sh $<TARGET_FILE:ftgpu> ${script})
  set_tests_properties(e2e/${name} PROPERTIES TIMEOUT 600 SKIP_RETURN_CODE 77)
  # Under sanitizers with ./test.sh --all alone: what is about speed and threads more than
  # about memory, and sweeps that are killed and resumed many times, which take half as
  # long as all others together.
  if(name MATCHES "^slow_" OR (FTGPU_SANITIZE AND name MATCHES "^test_(width|threads|bench|workers|shard|resume|damage|coordinator)$"))
    set_tests_properties(e2e/${name} PROPERTIES LABELS slow TIMEOUT 1800)
  endif()
  if(name MATCHES "^slow_(busy_machine|report)$")
    set_tests_properties(e2e/${name} PROPERTIES RUN_SERIAL TRUE) # they measure
  endif()
endforeach()

# The C example of the public header, run by test_library.sh.
add_executable(example ${CMAKE_SOURCE_DIR}/tests/e2e/example.c)
target_link_libraries(example PRIVATE ftgpu_library)

# The Hub that test_hub.sh fetches from.
add_executable(hub_server ${CMAKE_SOURCE_DIR}/tests/e2e/hub_server.c)
target_link_libraries(hub_server PRIVATE ft_options)

# The MLflow server that test_mlflow.sh sends to.
add_executable(mlflow_server ${CMAKE_SOURCE_DIR}/tests/e2e/mlflow_server.c)
target_link_libraries(mlflow_server PRIVATE ft_options)
