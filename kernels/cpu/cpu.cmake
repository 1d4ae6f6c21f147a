# The CPU backend: matrix products by oneDNN, the vector files compiled once for each
# instruction set.
set(cpu_dir ${CMAKE_SOURCE_DIR}/kernels/cpu)
set(cpu_vector_files
    attention.c attention_backward.c convert.c decode.c lora.c loss.c operations.c optimizer.c rows.c sampling.c tile.c)
list(TRANSFORM cpu_vector_files PREPEND ${cpu_dir}/)

# Contraction to FMA is welcome here, where only this backend's own sums change by it. A
# property of the files, because those come after the -ffp-contract=off of all targets.
set_source_files_properties(${cpu_vector_files} PROPERTIES COMPILE_OPTIONS -ffp-contract=fast)

set(cpu_isas generic)
set(cpu_flags_generic "")
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  set(cpu_isas generic avx2 avx512 avx512_bf16 amx)
  set(cpu_flags_generic -march=x86-64-v2)
  set(cpu_flags_avx2 -march=x86-64-v3)
  set(cpu_flags_avx512 -march=x86-64-v4 -mprefer-vector-width=512)
  set(cpu_flags_avx512_bf16 -march=x86-64-v4 -mavx512bf16 -mprefer-vector-width=512)
  set(cpu_flags_amx ${cpu_flags_avx512_bf16} -mamx-tile -mamx-bf16)
endif()

foreach(isa ${cpu_isas})
  add_library(ft_cpu_${isa} OBJECT ${cpu_vector_files})
  set_target_properties(ft_cpu_${isa} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  target_link_libraries(ft_cpu_${isa} PRIVATE ft_base OpenMP::OpenMP_C)
  target_compile_definitions(ft_cpu_${isa} PRIVATE FT_ISA=${isa})
  # Vectors are passed between inlined functions alone, so that their ABI does not matter.
  # Packed operands are read as f32, pairs of bf16 and integers.
  target_compile_options(ft_cpu_${isa} PRIVATE ${cpu_flags_${isa}} -fno-strict-aliasing -Wno-psabi)
  target_sources(ft_kernels PRIVATE $<TARGET_OBJECTS:ft_cpu_${isa}>)
endforeach()

if(TARGET ft_cpu_amx)
  target_sources(ft_cpu_amx PRIVATE ${cpu_dir}/tile_amx.c)
endif()
target_sources(ft_kernels PRIVATE ${cpu_dir}/create.c ${cpu_dir}/linear.c ${cpu_dir}/matmul.c ${cpu_dir}/parts.c ${cpu_dir}/processor.c)
target_link_libraries(ft_kernels PUBLIC OpenMP::OpenMP_C DNNL::dnnl)
