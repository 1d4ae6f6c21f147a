/* See sweep_scratch.h. */
#include "sweep_scratch.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/sealed.h"

enum { PATH_CHARS = 512, N_PATHS = 8 };

static char scratch[64], results[96], state_directory[128];

void sweep_enter(void)
{
    ft_error err;
    /* In memory where that can be: what a disk takes to sync is none of the tests'. */
    strcpy(scratch,
           access("/dev/shm", W_OK) == 0 ? "/dev/shm/ftgpu_sweep_XXXXXX" : "/tmp/ftgpu_sweep_XXXXXX");
    cr_assert(mkdtemp(scratch));
    snprintf(results, sizeof results, "%s/results", scratch);
    snprintf(state_directory, sizeof state_directory, "%s/.sweeps/s", results);
    cr_assert_eq(ft_make_directories(results, &err), FT_OK, "%s", err.message);
}

void sweep_leave(void)
{
    ft_remove_tree(scratch);
}

const char *sweep_results(void)
{
    return results;
}

static const char *path_in(const char *directory, const char *name)
{
    static char paths[N_PATHS][PATH_CHARS];
    static int next;
    next = (next + 1) % N_PATHS;
    int length = snprintf(paths[next], PATH_CHARS, "%s/%s", directory, name);
    cr_assert(length > 0 && length < PATH_CHARS);
    return paths[next];
}

const char *sweep_path(const char *name)
{
    return path_in(results, name);
}

const char *sweep_store_path(const char *name)
{
    return path_in(state_directory, name);
}

cJSON *sweep_plan(int seed)
{
    char text[256];
    cJSON *plan = NULL;
    ft_error err;
    snprintf(
        text, sizeof text,
        "{\"schema_version\":%d,\"seed\":%d,\"trajectories\":6,"
        "\"configurations\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\"],\"batches\":[[0,2,2],[2,2,2],[4,2,2]]}",
        (int)FT_SWEEP_SCHEMA, seed);
    cr_assert_eq(ft_json_parse(text, strlen(text), "plan", &plan, &err), FT_OK, "%s", err.message);
    return plan;
}

ft_status sweep_open(int32_t shard, int32_t n_shards, int seed, ft_sweep_store **store, ft_error *err)
{
    cJSON *plan = sweep_plan(seed);
    ft_status status =
        ft_sweep_store_open(results, "s", (ft_shard){shard, n_shards}, plan, NULL, NULL, store, err);
    cJSON_Delete(plan);
    return status;
}

ft_sweep_store *sweep_must_open(int32_t shard, int32_t n_shards)
{
    ft_sweep_store *store = NULL;
    ft_error err = {""};
    cr_assert_eq(sweep_open(shard, n_shards, 0, &store, &err), FT_OK, "%s", err.message);
    return store;
}

void sweep_expect_refused(int32_t shard, int32_t n_shards, int seed, ft_status status, const char *why)
{
    ft_sweep_store *store = NULL;
    ft_error err = {""};
    cr_expect_eq(sweep_open(shard, n_shards, seed, &store, &err), status, "%d/%d, refused for \"%s\": %s",
                 shard, n_shards, why, err.message);
    cr_expect(strstr(err.message, why), "%d/%d: \"%s\" does not say \"%s\"", shard, n_shards, err.message,
              why);
    ft_sweep_store_close(store);
}

const char *sweep_id(size_t index)
{
    static char ids[CONFIGURATIONS][32];
    snprintf(ids[index], sizeof ids[index], "s_%03zu_20260101_000000", index + 1);
    return ids[index];
}

void sweep_make_experiment(const char *id, bool has_result)
{
    ft_error err;
    char file[128];
    cr_assert_eq(ft_make_directories(sweep_path(id), &err), FT_OK, "%s", err.message);
    snprintf(file, sizeof file, "%s/forecasts.csv", id);
    sweep_write(sweep_path(file), "row\n");
    snprintf(file, sizeof file, "%s/results.json", id);
    if (has_result) sweep_write(sweep_path(file), "{\"error\":null}");
}

void sweep_start(ft_sweep_store *store, size_t index, const char *id, bool has_result)
{
    ft_error err = {""};
    cr_assert_eq(ft_sweep_store_start(store, index, id, &err), FT_OK, "%s", err.message);
    sweep_make_experiment(id, has_result);
}

void sweep_record(ft_sweep_store *store, size_t index, const char *id)
{
    ft_error err = {""};
    sweep_start(store, index, id, true);
    cr_assert_eq(ft_sweep_store_finish(store, index, id, false, &err), FT_OK, "%s", err.message);
}

bool sweep_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

char *sweep_read(const char *path)
{
    char *text = NULL;
    size_t size;
    ft_error err;
    cr_assert_eq(ft_read_file(path, 1 << 20, &text, &size, &err), FT_OK, "%s", err.message);
    return text;
}

void sweep_write(const char *path, const char *text)
{
    ft_error err;
    cr_assert_eq(ft_write_file(path, text, strlen(text), &err), FT_OK, "%s", err.message);
}

void sweep_journal(const char *journal, const char *event)
{
    cJSON *entry = NULL;
    ft_error err;
    cr_assert_eq(ft_json_parse(event, strlen(event), "event", &entry, &err), FT_OK, "%s", err.message);
    char *line = ft_sealed_print(entry, FT_SEALED_LINE);
    FILE *file = fopen(sweep_store_path(journal), "a");
    cr_assert(line && file);
    fprintf(file, "%s\n", line);
    fclose(file);
    free(line);
    cJSON_Delete(entry);
}
