# A sweep of any size without a device: see bench/sweep_sim/sweep_sim.c.
add_executable(sweep_sim ${CMAKE_SOURCE_DIR}/bench/sweep_sim/sweep_sim.c ${CMAKE_SOURCE_DIR}/bench/sweep_sim/sim_pool.c)
target_link_libraries(sweep_sim PRIVATE ft_host)
