# base/: what all rooms use, the program's version included, which each build writes anew.
ft_room(base base ZLIB::ZLIB Threads::Threads m)
target_include_directories(ft_base PUBLIC ${CJSON_INCLUDE})
target_link_libraries(ft_base PUBLIC ${CJSON_LIBRARY})
set(version_source ${CMAKE_BINARY_DIR}/generated/version.c)
add_custom_target(ft_version_source
  COMMAND ${CMAKE_COMMAND} -DSOURCE=${CMAKE_SOURCE_DIR} -DOUTPUT=${version_source} -DFTGPU_VERSION=${PROJECT_VERSION}
          -P ${CMAKE_SOURCE_DIR}/base/version.cmake
  BYPRODUCTS ${version_source}
  COMMENT "")
target_sources(ft_base PRIVATE ${version_source})
add_dependencies(ft_base ft_version_source)
