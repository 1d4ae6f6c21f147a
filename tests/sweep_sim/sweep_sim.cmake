# The planner and the coordinator at a size that no device here could train:
# bench/sweep_sim.
add_test(NAME sweep_sim/small COMMAND ${CMAKE_SOURCE_DIR}/tests/sweep_sim/test_sweep_sim.sh $<TARGET_FILE:sweep_sim>)
set_tests_properties(sweep_sim/small PROPERTIES TIMEOUT 600)
if(FTGPU_SANITIZE)
  set_tests_properties(sweep_sim/small PROPERTIES LABELS slow)
else() # the large one is about time and size
  add_test(NAME sweep_sim/large COMMAND ${CMAKE_SOURCE_DIR}/tests/sweep_sim/slow_sweep_sim.sh $<TARGET_FILE:sweep_sim>)
  set_tests_properties(sweep_sim/large PROPERTIES LABELS slow TIMEOUT 600)
endif()
