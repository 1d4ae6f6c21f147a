/* A directory of a test's own, removed with everything in it, and files in it. */
#ifndef FT_TESTS_UNIT_TRACKER_SCRATCH_H
#define FT_TESTS_UNIT_TRACKER_SCRATCH_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* nftw */
#endif
#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static char scratch_directory[64];

static inline void scratch_enter(void)
{
    strcpy(scratch_directory, "/tmp/ftgpu-tracker-XXXXXX");
    cr_assert(mkdtemp(scratch_directory));
    /* Times in ids are local. */
    setenv("TZ", "UTC", 1);
}

static inline int scratch_remove(const char *path, const struct stat *about, int kind, struct FTW *place)
{
    (void)about, (void)kind, (void)place;
    return remove(path);
}

static inline void scratch_leave(void)
{
    nftw(scratch_directory, scratch_remove, 16, FTW_DEPTH | FTW_PHYS);
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
