/* Builds `run` of results.json; see run_record.h. */
#include "host/experiment/run_record.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/version.h"

enum { SCHEMA_VERSION = 1 };

const char *ft_hash_text(uint32_t checksum, char text[FT_HASH_CHARS])
{
    snprintf(text, FT_HASH_CHARS, "crc32:%08x", (unsigned)checksum);
    return text;
}

static bool add_checksum(cJSON *run, const char *key, uint32_t checksum)
{
    char text[FT_HASH_CHARS];
    return cJSON_AddStringToObject(run, key, ft_hash_text(checksum, text)) != NULL;
}

/* Adds the working directory, which relative paths refer to; left out if it was
 * deleted. */
static bool add_directory(cJSON *run)
{
    char *here = getcwd(NULL, 0);
    const bool ok = here ? cJSON_AddStringToObject(run, "directory", here) != NULL : errno != ENOMEM;
    free(here);
    return ok;
}

/* Adds the other configurations of the adapter batch, from 1 as in the experiments'
 * ids. */
static bool add_shared(cJSON *run, const ft_sweep_place *place)
{
    cJSON *shared = cJSON_AddArrayToObject(run, "shared_with");
    bool ok = shared != NULL;
    for (size_t i = 0; place && i < place->n_shared && ok; i++)
        if (place->shared_with[i] != place->index)
            ok = cJSON_AddItemToArray(shared, cJSON_CreateNumber((double)place->shared_with[i] + 1));
    return ok;
}

/* The frequency of the dates, which the insights have found. */
static bool add_frequency(cJSON *run, const cJSON *insights)
{
    const cJSON *frequency = cJSON_GetObjectItemCaseSensitive(insights, "frequency");
    const cJSON *inferred = cJSON_GetObjectItemCaseSensitive(frequency, "inferred");
    return cJSON_IsString(inferred) ? cJSON_AddStringToObject(run, "frequency", inferred->valuestring) != NULL
                                    : cJSON_AddNullToObject(run, "frequency") != NULL;
}

ft_status ft_run_record_seconds(cJSON *run, const char *what, double seconds, ft_error *err)
{
    cJSON *object = cJSON_AddObjectToObject(run, what);
    if (object && cJSON_AddNumberToObject(object, "seconds", seconds)) return FT_OK;
    return ft_no_memory(err, "the record of a run", 64);
}

cJSON *ft_run_record(const ft_run_context *run_context, const ft_sweep_place *place)
{
    const ft_backend *backend = run_context->engine->backend;
    const char *command = run_context->engine->settings.command_line;
    cJSON *run = cJSON_CreateObject();
    bool ok = run && cJSON_AddNumberToObject(run, "schema_version", SCHEMA_VERSION) &&
              cJSON_AddStringToObject(run, "ftgpu_version", ft_version()) &&
              cJSON_AddStringToObject(run, "commit", ft_commit()) &&
              cJSON_AddStringToObject(run, "command_line", command ? command : "") && add_directory(run) &&
              cJSON_AddStringToObject(run, "device", backend->device) &&
              cJSON_AddStringToObject(run, "dtype", backend->bf16 ? "bf16" : "f32") &&
              cJSON_AddNumberToObject(run, "threads", backend->n_threads) &&
              cJSON_AddNumberToObject(run, "ranks",
                                      run_context->engine->comm ? run_context->engine->comm->size : 1) &&
              cJSON_AddStringToObject(run, "model", run_context->model) &&
              add_checksum(run, "model_hash", run_context->weights->checksum) &&
              add_checksum(run, "data_hash", run_context->dataset.checksum) &&
              add_checksum(run, "rows_hash", run_context->dataset.rows_checksum) &&
              cJSON_AddStringToObject(run, "target", run_context->request->target) &&
              add_frequency(run, run_context->insights) &&
              cJSON_AddNumberToObject(run, "season", (double)run_context->season) &&
              cJSON_AddStringToObject(run, "season_reason", run_context->season_reason) &&
              cJSON_AddNumberToObject(run, "eval_windows", (double)run_context->eval_windows) &&
              cJSON_AddNumberToObject(run, "eval_samples", (double)run_context->eval_samples) &&
              add_shared(run, place);
    if (ok && run_context->request->adapter)
        ok = cJSON_AddStringToObject(run, "start_adapter", run_context->request->adapter) != NULL;
    if (ok) return run;
    cJSON_Delete(run);
    return NULL;
}
