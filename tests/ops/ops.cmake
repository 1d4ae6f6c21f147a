# The table of operations as a library: op tests run it on a backend. Needs ft_kernels
# only. run_ops.c is a program of its own.
include_guard(GLOBAL)
file(GLOB ops_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/ops/*.c)
list(FILTER ops_sources EXCLUDE REGEX "/run_ops\\.c$")
add_library(ft_ops STATIC ${ops_sources})
target_link_libraries(ft_ops PUBLIC ft_kernels)
