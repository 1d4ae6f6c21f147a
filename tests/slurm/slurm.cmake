# The whole way through a real Slurm, for ./test.sh --all: its daemons are the test's own.
if(NOT FTGPU_SANITIZE)
  add_test(NAME slurm/array COMMAND ${CMAKE_SOURCE_DIR}/tests/e2e/run.sh $<TARGET_FILE:ftgpu>
           ${CMAKE_SOURCE_DIR}/tests/slurm/test_array.sh)
  set_tests_properties(slurm/array PROPERTIES LABELS slow TIMEOUT 600 SKIP_RETURN_CODE 77 RUN_SERIAL TRUE)
endif()
