# model/: Chronos-T5. Sees devices only through kernels/backend.h and kernels/comm.h.
ft_room(model model ft_kernels ft_base)
file(GLOB synthetic CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/model/synthetic/*.c)
target_sources(ft_model PRIVATE ${synthetic})
# The model that is part of the program: builtin.c's assembler reads its files.
file(GLOB builtin_files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/model/pretrained/ftgpu-nano/*)
target_sources(ft_model PRIVATE ${CMAKE_SOURCE_DIR}/model/pretrained/builtin.c)
set_source_files_properties(${CMAKE_SOURCE_DIR}/model/pretrained/builtin.c TARGET_DIRECTORY ft_model PROPERTIES
  OBJECT_DEPENDS "${builtin_files}"
  COMPILE_DEFINITIONS FT_BUILTIN_DIRECTORY="${CMAKE_SOURCE_DIR}/model/pretrained/ftgpu-nano")
