# host/: libftgpu's public face and the program. program/ holds the commands, the rest is the library.
file(GLOB host_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/host/*.c ${CMAKE_SOURCE_DIR}/host/hub/*.c)
set(version_source ${CMAKE_BINARY_DIR}/generated/version.c)
add_custom_target(ft_version_source
  COMMAND ${CMAKE_COMMAND} -DSOURCE=${CMAKE_SOURCE_DIR} -DOUTPUT=${version_source} -DFTGPU_VERSION=${PROJECT_VERSION}
          -P ${CMAKE_SOURCE_DIR}/host/version.cmake
  BYPRODUCTS ${version_source}
  COMMENT "")
add_library(ft_host STATIC ${host_sources} ${version_source})
add_dependencies(ft_host ft_version_source)
set_target_properties(ft_host PROPERTIES POSITION_INDEPENDENT_CODE ON)
target_include_directories(ft_host PRIVATE ${CURL_INCLUDE})
target_link_libraries(ft_host PUBLIC ft_options ft_model ft_tracker ft_base ${GCRYPT_LIBRARY} ${CMAKE_DL_LIBS})

# libftgpu.a: all rooms in one archive, for programs that use host/ftgpu.h.
set(archive_lines)
foreach(archive ${ft_kernels_archives})
  string(APPEND archive_lines "addlib ${archive}\n")
endforeach()
set(library_script ${CMAKE_BINARY_DIR}/generated/libftgpu.mri)
file(GENERATE OUTPUT ${library_script} CONTENT "create libftgpu.a
addlib $<TARGET_FILE:ft_host>
addlib $<TARGET_FILE:ft_model>
addlib $<TARGET_FILE:ft_tracker>
addlib $<TARGET_FILE:ft_kernels>
addlib $<TARGET_FILE:ft_base>
${archive_lines}save
end
")
add_custom_command(OUTPUT ${CMAKE_BINARY_DIR}/libftgpu.a
  COMMAND ${CMAKE_AR} -M < ${library_script}
  WORKING_DIRECTORY ${CMAKE_BINARY_DIR}
  DEPENDS ft_host ft_model ft_tracker ft_kernels ft_base
  COMMENT "libftgpu.a" VERBATIM)
add_custom_target(ftgpu_library_file ALL DEPENDS ${CMAKE_BINARY_DIR}/libftgpu.a)
# The public headers stand in the build tree as they are installed: <ftgpu/ftgpu.h> is found in both.
set(public_include ${CMAKE_BINARY_DIR}/include)
file(MAKE_DIRECTORY ${public_include}/ftgpu/base)
file(CREATE_LINK ${CMAKE_SOURCE_DIR}/host/ftgpu.h ${public_include}/ftgpu/ftgpu.h SYMBOLIC)
file(CREATE_LINK ${CMAKE_SOURCE_DIR}/base/error.h ${public_include}/ftgpu/base/error.h SYMBOLIC)
add_library(ftgpu_library INTERFACE)
target_include_directories(ftgpu_library INTERFACE ${public_include})
add_dependencies(ftgpu_library ftgpu_library_file)
target_link_libraries(ftgpu_library INTERFACE
  ft_options ${CMAKE_BINARY_DIR}/libftgpu.a DNNL::dnnl OpenMP::OpenMP_C ${CJSON_LIBRARY} ${GCRYPT_LIBRARY} ZLIB::ZLIB ${ft_kernels_libraries} m)

file(GLOB program_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/host/program/*.c)
add_executable(ftgpu ${program_sources})
target_link_libraries(ftgpu PRIVATE ft_host)
