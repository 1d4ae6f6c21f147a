/* What `run` in results.json says about the circumstances of an experiment. INTERFACE §3. */
#ifndef FT_HOST_RUN_RECORD_H
#define FT_HOST_RUN_RECORD_H

#include <cjson/cJSON.h>

#include "host/study.h"

/* Version and commit, command line, device, dtype, threads, hashes of model and data, evaluation settings. The baselines are added later.
 * The caller's; NULL when memory runs out. */
cJSON *ft_run_record(const ft_study *study);

#endif
