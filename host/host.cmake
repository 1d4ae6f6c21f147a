# host/: libftgpu's public face, and the rooms below it. Each may link what
# docs/architecture.md §1 lets it include.
ft_room(search host/search ft_model ft_tracker ft_base)
ft_room(data host/data ft_tracker ft_base)
ft_room(bench host/bench ft_model ft_base)
ft_room(hub host/hub ft_model ft_base ${GCRYPT_LIBRARY} ${CMAKE_DL_LIBS})
target_include_directories(ft_hub PRIVATE ${CURL_INCLUDE})
ft_room(mlflow host/mlflow ft_hub ft_tracker ft_base)
ft_room(experiment host/experiment ft_search ft_data ft_bench ft_hub)
ft_room(sweep host/sweep ft_experiment)
ft_room(workers host/workers ft_sweep)
ft_room(host host ft_workers)

# libftgpu.a: all rooms in one archive, for programs that use host/ftgpu.h.
set(archive_lines)
foreach(archive ${ft_kernels_archives})
  string(APPEND archive_lines "addlib ${archive}\n")
endforeach()
set(library_script ${CMAKE_BINARY_DIR}/generated/libftgpu.mri)
file(GENERATE OUTPUT ${library_script} CONTENT "create libftgpu.a
addlib $<TARGET_FILE:ft_host>
addlib $<TARGET_FILE:ft_workers>
addlib $<TARGET_FILE:ft_sweep>
addlib $<TARGET_FILE:ft_experiment>
addlib $<TARGET_FILE:ft_hub>
addlib $<TARGET_FILE:ft_bench>
addlib $<TARGET_FILE:ft_data>
addlib $<TARGET_FILE:ft_search>
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
  DEPENDS ft_host ft_workers ft_sweep ft_experiment ft_hub ft_bench ft_data ft_search ft_model ft_tracker ft_kernels ft_base
  COMMENT "libftgpu.a" VERBATIM)
add_custom_target(ftgpu_library_file ALL DEPENDS ${CMAKE_BINARY_DIR}/libftgpu.a)
# The public headers stand in the build tree as they are installed: <ftgpu/ftgpu.h> is
# found in both.
set(public_include ${CMAKE_BINARY_DIR}/include)
file(MAKE_DIRECTORY ${public_include}/ftgpu/base)
file(CREATE_LINK ${CMAKE_SOURCE_DIR}/host/ftgpu.h ${public_include}/ftgpu/ftgpu.h SYMBOLIC)
file(CREATE_LINK ${CMAKE_SOURCE_DIR}/base/error.h ${public_include}/ftgpu/base/error.h SYMBOLIC)
add_library(ftgpu_library INTERFACE)
target_include_directories(ftgpu_library INTERFACE ${public_include})
add_dependencies(ftgpu_library ftgpu_library_file)
target_link_libraries(ftgpu_library INTERFACE
  ft_options ${CMAKE_BINARY_DIR}/libftgpu.a DNNL::dnnl OpenMP::OpenMP_C ${CJSON_LIBRARY} ${GCRYPT_LIBRARY} ZLIB::ZLIB ${ft_kernels_libraries} m)
