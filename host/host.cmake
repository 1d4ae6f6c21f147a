# host/: libftgpu's public face and the program. main.c and the commands are the program, the rest is the library.
file(GLOB host_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/host/*.c)
if(host_sources)
  add_library(ft_host STATIC ${host_sources})
  set_target_properties(ft_host PROPERTIES POSITION_INDEPENDENT_CODE ON)
  target_link_libraries(ft_host PUBLIC ft_options ft_model ft_tracker ft_base)
endif()
