# Run by cpack between installing into its staging directories, one a component, and
# packing them: what Debian's policy asks for beyond cmake --install.
set(staging ${CPACK_TEMPORARY_DIRECTORY})
find_program(GZIP gzip REQUIRED)
find_program(STRIP strip REQUIRED)

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE failed)
  if(failed)
    message(FATAL_ERROR "failed: ${ARGN}")
  endif()
endfunction()

string(TIMESTAMP date "%a, %d %b %Y %H:%M:%S +0000" UTC)
foreach(pair runtime:ftgpu development:libftgpu-dev mpi:ftgpu-mpi)
  string(REPLACE ":" ";" pair ${pair})
  list(GET pair 0 component)
  list(GET pair 1 package)
  if(NOT EXISTS ${staging}/${component})
    continue()
  endif()
  set(documents ${staging}/${component}/usr/share/doc/${package})
  configure_file(${CPACK_FTGPU_PACKAGING}/copyright ${documents}/copyright COPYONLY)
  file(WRITE ${documents}/changelog "ftgpu (${CPACK_PACKAGE_VERSION}) unstable; urgency=low

  * This version.

 -- ${CPACK_PACKAGE_CONTACT}  ${date}
")
  run(${GZIP} -9nf ${documents}/changelog)
endforeach()
file(REMOVE ${staging}/runtime/usr/share/doc/ftgpu/LICENSE) # copyright names it
# Debian's zsh looks here, and not in site-functions.
file(MAKE_DIRECTORY ${staging}/runtime/usr/share/zsh/vendor-completions)
file(RENAME ${staging}/runtime/usr/share/zsh/site-functions/_ftgpu
     ${staging}/runtime/usr/share/zsh/vendor-completions/_ftgpu)
file(REMOVE_RECURSE ${staging}/runtime/usr/share/zsh/site-functions)
run(${GZIP} -9nf ${staging}/runtime/usr/share/man/man1/ftgpu.1)
file(GLOB_RECURSE library ${staging}/development/usr/libftgpu.a)
run(${STRIP} --strip-debug ${library})
