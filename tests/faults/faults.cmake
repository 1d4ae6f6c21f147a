# Faults of the disk, kills and power cuts against a sweep; see README.md here. The
# library is not for a program with AddressSanitizer.
if(NOT FTGPU_SANITIZE)
  add_library(ft_fail_call MODULE ${CMAKE_SOURCE_DIR}/tests/faults/fail_call.c)
  target_link_libraries(ft_fail_call PRIVATE ft_options)
  set_target_properties(ft_fail_call PROPERTIES C_VISIBILITY_PRESET default)
  foreach(name test_faults slow_faults slow_power_cut)
    string(REPLACE "slow_power_cut" "power_cut" script ${name})
    add_test(NAME faults/${name} COMMAND ${CMAKE_SOURCE_DIR}/tests/e2e/run.sh $<TARGET_FILE:ftgpu>
             ${CMAKE_SOURCE_DIR}/tests/faults/${script}.sh)
    set_tests_properties(faults/${name} PROPERTIES TIMEOUT 600 SKIP_RETURN_CODE 77 PROCESSORS 2)
    if(name MATCHES "^slow_")
      set_tests_properties(faults/${name} PROPERTIES LABELS slow TIMEOUT 1800)
    endif()
  endforeach()
endif()
