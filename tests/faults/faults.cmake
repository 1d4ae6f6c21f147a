# Faults of the disk, kills and power cuts against a sweep; see README.md here.
add_library(ft_fail_call MODULE ${CMAKE_SOURCE_DIR}/tests/faults/fail_call.c)
target_link_libraries(ft_fail_call PRIVATE ft_options)
set_target_properties(ft_fail_call PROPERTIES C_VISIBILITY_PRESET default)
