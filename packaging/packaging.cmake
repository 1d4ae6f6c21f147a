# cmake --install: the program with manual page and completion (component runtime), the
# plugin that it loads under an MPI launcher (component mpi, where MPI was found), the
# library with header and ftgpu.pc (component development). cpack makes a .deb of each.
include(GNUInstallDirs)

# Manual page and completion are what the program itself prints.
set(printed_files)
foreach(form man:ftgpu.1 bash:ftgpu.bash zsh:_ftgpu)
  string(REPLACE ":" ";" form ${form})
  list(GET form 0 option)
  list(GET form 1 file)
  set(file ${CMAKE_BINARY_DIR}/generated/${file})
  add_custom_command(OUTPUT ${file} COMMAND ftgpu --help=${option} > ${file} DEPENDS ftgpu COMMENT "" VERBATIM)
  list(APPEND printed_files ${file})
endforeach()
add_custom_target(ftgpu_printed_files ALL DEPENDS ${printed_files})

# ftgpu.pc names each library as -lNAME, and its directory where the linker would not look
# by itself. It says where it is relative to itself, so that the installed tree may be
# moved.
function(ft_link_flags out)
  set(flags)
  foreach(library ${ARGN})
    get_filename_component(directory ${library} DIRECTORY)
    get_filename_component(name ${library} NAME)
    string(REGEX REPLACE "^lib(.*)\\.(so|a|dylib)[.0-9]*$" "\\1" name ${name})
    if(directory AND NOT directory IN_LIST CMAKE_C_IMPLICIT_LINK_DIRECTORIES)
      string(APPEND flags " -L${directory}")
    endif()
    string(APPEND flags " -l${name}")
  endforeach()
  set(${out} "${flags}" PARENT_SCOPE)
endfunction()

foreach(property IMPORTED_LOCATION IMPORTED_LOCATION_RELEASE IMPORTED_LOCATION_NONE IMPORTED_LOCATION_RELWITHDEBINFO)
  get_target_property(dnnl_library DNNL::dnnl ${property})
  if(dnnl_library)
    break()
  endif()
endforeach()
if(NOT dnnl_library)
  set(dnnl_library libdnnl.so)
endif()
list(GET ZLIB_LIBRARIES 0 zlib_library)
ft_link_flags(FTGPU_PC_LIBRARIES ${dnnl_library} ${CJSON_LIBRARY} ${GCRYPT_LIBRARY} ${zlib_library})
string(APPEND FTGPU_PC_LIBRARIES " ${OpenMP_C_FLAGS} -lpthread -ldl -lrt -lm")
if(FTGPU_SANITIZE)
  string(APPEND FTGPU_PC_LIBRARIES " -fsanitize=address,undefined")
endif()
file(RELATIVE_PATH FTGPU_PC_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" FTGPU_PC_PREFIX ${FTGPU_PC_PREFIX})
configure_file(packaging/ftgpu.pc.in ${CMAKE_BINARY_DIR}/generated/ftgpu.pc @ONLY)

install(TARGETS ftgpu RUNTIME COMPONENT runtime)
install(FILES ${CMAKE_BINARY_DIR}/generated/ftgpu.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT runtime)
install(FILES ${CMAKE_BINARY_DIR}/generated/ftgpu.bash RENAME ftgpu
        DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions COMPONENT runtime)
install(FILES ${CMAKE_BINARY_DIR}/generated/_ftgpu
        DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions COMPONENT runtime)
install(FILES README.md LICENSE CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT runtime OPTIONAL)
install(DIRECTORY docs DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT runtime FILES_MATCHING PATTERN "*.md")

if(TARGET ftgpu_mpi)
  install(TARGETS ftgpu_mpi LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/ftgpu COMPONENT mpi)
endif()

install(FILES ${CMAKE_BINARY_DIR}/libftgpu.a DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT development)
install(FILES host/ftgpu.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/ftgpu COMPONENT development)
install(FILES base/error.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/ftgpu/base COMPONENT development)
install(FILES ${CMAKE_BINARY_DIR}/generated/ftgpu.pc
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT development)

# cpack: ftgpu_VERSION_ARCHITECTURE.deb, libftgpu-dev_VERSION_ARCHITECTURE.deb and
# ftgpu-mpi_VERSION_ARCHITECTURE.deb.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME ftgpu)
set(CPACK_PACKAGE_VENDOR "ftgpu developers")
set(CPACK_PACKAGE_CONTACT "ftgpu developers <ftgpu@localhost>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_COMPONENTS_ALL runtime development)
if(TARGET ftgpu_mpi)
  list(APPEND CPACK_COMPONENTS_ALL mpi)
endif()
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME ftgpu)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SHLIBDEPS ON)
# Opened, not linked (host/hub/http.c), so that no tool sees that it is needed.
set(CPACK_DEBIAN_RUNTIME_PACKAGE_RECOMMENDS "libcurl4 | libcurl3-gnutls, ca-certificates")
set(CPACK_COMPONENT_RUNTIME_DESCRIPTION "fine-tunes Chronos-T5 time-series models over grids of hyperparameters
One binary trains many LoRA adapters of a Chronos-T5 model at once, records
each experiment, compares them, tells which hyperparameters matter, forecasts.")
set(CPACK_DEBIAN_MPI_PACKAGE_NAME ftgpu-mpi)
set(CPACK_DEBIAN_MPI_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_MPI_PACKAGE_DEPENDS "ftgpu (= ${PROJECT_VERSION})")
set(CPACK_COMPONENT_MPI_DESCRIPTION "fine-tunes Chronos-T5 time-series models: communication by MPI
What the program ftgpu loads when mpirun or srun starts it, so that several
processes train the same models together.")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libftgpu-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS "libdnnl-dev, libcjson-dev, libgcrypt20-dev, zlib1g-dev, libgomp1")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_RECOMMENDS "libcurl4 | libcurl3-gnutls, ca-certificates")
set(CPACK_COMPONENT_DEVELOPMENT_DESCRIPTION "fine-tunes Chronos-T5 time-series models: library and header
What the program ftgpu does, for C programs: the static library libftgpu.a and
its header ftgpu/ftgpu.h.")
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_SOURCE_DIR}/packaging/debian_files.cmake)
set(CPACK_FTGPU_PACKAGING ${CMAKE_SOURCE_DIR}/packaging)
include(CPack)
