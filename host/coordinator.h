/* Trains a sweep in worker processes: hands out adapter batches, keeps the journal, and outlives the death of
 * any of them. DESIGN §5. */
#ifndef FT_HOST_COORDINATOR_H
#define FT_HOST_COORDINATOR_H

#include "host/sweep_run.h"

/* From workers' start to the last record. FT_INTERRUPTED when the engine was told to stop; FT_BAD_INPUT when
 * the engine has opened its device already. The sweep is opened, not started. */
ft_status ft_coordinate(ft_sweep *sweep, ft_error *err);

#endif
