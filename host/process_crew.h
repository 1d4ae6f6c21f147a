/* Workers that are processes of this host, one a device. */
#ifndef FT_HOST_PROCESS_CREW_H
#define FT_HOST_PROCESS_CREW_H

#include "host/crew.h"
#include "host/sweep_run.h"

/* Places workers on the devices that the sweep's request and engine name; starts none. Freed by
 * ft_process_crew_close, when none is running. The sweep must outlive the crew. */
ft_status ft_process_crew_open(ft_sweep *sweep, ft_crew *crew, ft_error *err);
void ft_process_crew_close(ft_crew *crew);

#endif
