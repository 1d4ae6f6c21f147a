/* Models of the Hugging Face Hub: found in its cache (cache.h), else fetched into it.
 * The environment decides where the cache is and how the Hub is spoken with
 * (settings.h). */
#ifndef FT_HOST_HUB_HUB_H
#define FT_HOST_HUB_HUB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* What is told while files are fetched. Either function may be NULL. */
typedef struct ft_hub_watch {
    /* A line for people: what is fetched from where, that another process fetches it,
     * that a try is repeated. */
    void (*say)(void *context, const char *line);
    /* About 5 times a second: `done` of `total` bytes (-1: unknown) of a file are
     * here; `file` is NULL before it is known which. False: stop, which is
     * FT_INTERRUPTED; what has come stays and is resumed. */
    bool (*show)(void *context, const char *file, int64_t done, int64_t total);
    void *context;
} ft_hub_watch;

/* The directory of the model that --model names; malloc'd. A directory (or whatever
 * else) of that name is taken as it is. Else "ORG/NAME[@revision]" is sought in the
 * cache, without a word to the network, then fetched. A name that is neither is
 * returned as it is, so that its reader explains what it is not. FT_BAD_INPUT where
 * the Hub has no such model, revision or permission, or where ORG is a directory here,
 * which may mean two things; FT_FAILED where the Hub cannot be reached or does not do
 * its work. */
ft_status ft_hub_resolve(const char *model, const ft_hub_watch *watch, char **directory, ft_error *err);

/* The same, of what is in the cache alone; *directory is NULL where it is not there,
 * or `model` is no such name. */
ft_status ft_hub_find(const char *model, char **directory, ft_error *err);

/* Asks the Hub for the revision's newest commit, and fetches what of it is not in the
 * cache. `model` is a name on the Hub. *directory as above. */
ft_status ft_hub_pull(const char *model, const ft_hub_watch *watch, char **directory, ft_error *err);

/* A snapshot in the cache. */
typedef struct ft_hub_cached {
    char *model; /* "ORG/NAME" */
    /* the branches and tags that lead to it, "main, v2"; "" where none does */
    char *revisions;
    char *commit;
    char *path;
    int64_t bytes; /* of its files */
    bool is_whole; /* config.json and all of its safetensors files are there */
} ft_hub_cached;

/* All snapshots of models in the cache, by name, then commit; a cache that is not
 * there has none. *cache, its path, is malloc'd. Freed by ft_hub_free_list. */
ft_status ft_hub_list(ft_hub_cached **list, int64_t *count, char **cache, ft_error *err);
void ft_hub_free_list(ft_hub_cached *list, int64_t count);

#endif
