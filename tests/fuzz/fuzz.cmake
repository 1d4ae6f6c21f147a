# Fuzzing is a build of its own by clang, which run.sh makes: 15 seconds a target, with
# ./test.sh --all.
if(NOT FTGPU_SANITIZE)
  add_test(NAME fuzz COMMAND ${CMAKE_SOURCE_DIR}/tests/fuzz/run.sh 15 ${CMAKE_BINARY_DIR}/fuzz)
  set_tests_properties(fuzz PROPERTIES LABELS slow TIMEOUT 1800 SKIP_RETURN_CODE 77)
endif()

# A thousand damaged checkpoints, 100 under sanitizers, where each takes most of a second;
# every run of test_checkpoint takes 25 of them.
if(FTGPU_SANITIZE)
  set(checkpoint_mutations 100)
else()
  set(checkpoint_mutations 1000)
endif()
add_test(NAME fuzz/checkpoints COMMAND test_checkpoint --filter "checkpoint/damaged*")
set_tests_properties(fuzz/checkpoints PROPERTIES LABELS slow TIMEOUT 3600 ENVIRONMENT FTGPU_CHECKPOINT_MUTATIONS=${checkpoint_mutations}
                     FAIL_REGULAR_EXPRESSION "LeakSanitizer;runtime error: ")

# Makes single allocations of the program fail: tests/e2e/slow_bad_allocations.sh preloads
# it.
add_library(ft_fail_allocation MODULE ${CMAKE_SOURCE_DIR}/tests/fuzz/fail_allocation.c)
set_target_properties(ft_fail_allocation PROPERTIES C_VISIBILITY_PRESET default)

# Memcheck over the readers of files (AddressSanitizer does not see what was never set):
# with ./test.sh --all. valgrind knows no AVX-512, and -q says nothing but faults. Tests
# that measure time are left out.
find_program(VALGRIND valgrind)
if(VALGRIND AND NOT FTGPU_SANITIZE)
  foreach(name test_json test_file test_safetensors test_config test_adapter_files test_grid test_table)
    add_test(NAME memcheck/${name} COMMAND ${VALGRIND} -q --trace-children=yes --leak-check=full --show-leak-kinds=definite
             $<TARGET_FILE:${name}>)
    set_tests_properties(memcheck/${name} PROPERTIES LABELS slow TIMEOUT 600 ENVIRONMENT FTGPU_ISA=generic
                         FAIL_REGULAR_EXPRESSION "==[0-9]+== ")
  endforeach()
endif()

# ThreadSanitizer is not run: all threads but those of base/parallel.c, which share one
# counter, are OpenMP's, and gcc's libgomp is not built for it: it sees no barrier and
# reports every parallel loop. That results are the same bits from run to run, which
# tests/unit/kernels/test_ops_cpu.c checks, is what tells of a race.
