# Run by each build: cmake -DSOURCE=... -DOUTPUT=... -DFTGPU_VERSION=... -P version.cmake.
# The file is touched only when something changed, so that a build without a new commit
# recompiles nothing.
set(FTGPU_COMMIT unknown)
find_program(GIT git)
if(GIT AND EXISTS ${SOURCE}/.git)
  # safe.directory: a checkout built by root may belong to somebody else.
  execute_process(COMMAND ${GIT} -c safe.directory=${SOURCE} -C ${SOURCE} describe --always --dirty --abbrev=12 --exclude=*
                  OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
  if(NOT failed)
    set(FTGPU_COMMIT ${commit})
  endif()
endif()
configure_file(${SOURCE}/base/version.c.in ${OUTPUT} @ONLY)
