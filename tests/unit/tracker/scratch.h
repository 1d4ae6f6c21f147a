/* A directory of a test's own, removed with everything in it, and files in it. */
#ifndef FT_TESTS_UNIT_TRACKER_SCRATCH_H
#define FT_TESTS_UNIT_TRACKER_SCRATCH_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"

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

#endif
