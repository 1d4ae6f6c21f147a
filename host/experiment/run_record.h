/* `run` in results.json: how and where an experiment ran. docs/interface.md §3. */
#ifndef FT_HOST_EXPERIMENT_RUN_RECORD_H
#define FT_HOST_EXPERIMENT_RUN_RECORD_H

#include <cjson/cJSON.h>

#include "host/experiment/record.h"

/* Version and commit, command line, directory, device, dtype, threads, hashes of model
 * and data, evaluation settings, and the configurations that shared its passes (place
 * NULL: none). Baselines are added later. The caller owns it; NULL when memory runs
 * out. */
cJSON *ft_run_record(const ft_run_context *run_context, const ft_sweep_place *place);

/* Writes a hash as "crc32:a5c74c20", as model_hash and data_hash have it. Returns
 * `text`. */
enum { FT_HASH_CHARS = 24 };
const char *ft_hash_text(uint32_t checksum, char text[FT_HASH_CHARS]);

/* Adds the duration of a step: {<what>: {"seconds": ...}}. */
ft_status ft_run_record_seconds(cJSON *run, const char *what, double seconds, ft_error *err);

#endif
