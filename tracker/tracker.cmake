# tracker/: experiments on disk and what they tell. Knows no model, device or command
# line.
ft_room(tracker tracker ft_base)

# tracker/report/: the page is part of the program, and Chart.js with it if it is there.
file(GLOB report_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tracker/report/*.c)
file(GLOB page_files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tracker/report/*.html ${CMAKE_SOURCE_DIR}/tracker/report/*.css
     ${CMAKE_SOURCE_DIR}/tracker/report/*.js ${CMAKE_SOURCE_DIR}/tracker/report/*.txt)
target_sources(ft_tracker PRIVATE ${report_sources})
find_file(FTGPU_CHART_JS chart.min.js PATHS /usr/share/javascript/chart.js NO_DEFAULT_PATH)
set(page_source ${CMAKE_SOURCE_DIR}/tracker/report/report_page.c)
set(page_definitions FT_REPORT_DIRECTORY="${CMAKE_SOURCE_DIR}/tracker/report")
if(FTGPU_CHART_JS)
  list(APPEND page_definitions FT_CHART_JS="${FTGPU_CHART_JS}")
  list(APPEND page_files ${FTGPU_CHART_JS})
else()
  message(NOTICE "libjs-chart.js is not installed: reports will have tables, but no charts (apt install libjs-chart.js)")
endif()
set_source_files_properties(${page_source} PROPERTIES COMPILE_DEFINITIONS "${page_definitions}" OBJECT_DEPENDS "${page_files}")
