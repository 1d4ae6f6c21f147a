# model/: Chronos-T5. Sees devices only through kernels/backend.h and kernels/comm.h.
ft_room(model model ft_kernels ft_base)
file(GLOB synthetic CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/model/synthetic/*.c)
target_sources(ft_model PRIVATE ${synthetic})
