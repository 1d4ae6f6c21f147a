/* A directory of a test's own, removed with everything in it, and files in it. */
#ifndef FT_TESTS_UNIT_TRACKER_SCRATCH_H
#define FT_TESTS_UNIT_TRACKER_SCRATCH_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "tracker/experiments.h"

static char scratch_directory[64];

static inline void scratch_enter(void)
{
    strcpy(scratch_directory, "/tmp/ftgpu-tracker-XXXXXX");
    cr_assert(mkdtemp(scratch_directory));
    /* Times in ids are local. */
    setenv("TZ", "UTC", 1);
}

static inline void scratch_leave(void)
{
    ft_remove_tree(scratch_directory);
}

/* "<scratch directory>/<name>", valid until the next call. */
static inline const char *scratch_path(const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", scratch_directory, name);
    return path;
}

/* Writes <scratch>/<id>/results.json. */
static inline void scratch_results(const char *id, const char *json)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", scratch_directory, id);
    mkdir(path, 0777);
    snprintf(path, sizeof path, "%s/%s/results.json", scratch_directory, id);
    FILE *file = fopen(path, "w");
    cr_assert(file);
    fputs(json, file);
    fclose(file);
}

/* Writes experiments e0, e1, ... with these members, and loads them. */
static inline void scratch_experiments(const char *const *members, size_t count, ft_experiments *set)
{
    ft_error err;
    for (size_t i = 0; i < count; i++) {
        char id[32], json[4000];
        snprintf(id, sizeof id, "e%zu", i);
        snprintf(json, sizeof json, "{\"experiment_id\": \"%s\", %s}", id, members[i]);
        scratch_results(id, json);
    }
    cr_assert_eq(ft_experiments_load(scratch_directory, FT_WHOLE, set, &err), FT_OK, "%s", err.message);
    cr_assert_eq(set->count, count, "%s", set->n_warnings ? set->warnings[0] : "");
}

#endif
