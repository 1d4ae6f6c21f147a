# cli/: the program. All but main() is a library, which tests link.
ft_room(cli cli ft_host ft_mlflow)
get_target_property(cli_sources ft_cli SOURCES)
list(REMOVE_ITEM cli_sources ${CMAKE_SOURCE_DIR}/cli/main.c)
set_target_properties(ft_cli PROPERTIES SOURCES "${cli_sources}")
add_executable(ftgpu ${CMAKE_SOURCE_DIR}/cli/main.c)
target_link_libraries(ftgpu PRIVATE ft_cli)
