/* Models of the Hugging Face Hub: looked up in its cache (cache.h), or downloaded into
 * it. The environment sets the cache's place and how to reach the Hub (settings.h). */
#ifndef FT_HOST_HUB_HUB_H
#define FT_HOST_HUB_HUB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* Callbacks during a download. Each may be NULL. */
typedef struct ft_hub_watch {
    /* A line for the user: what is downloaded from where, that another process is
     * downloading it, that a request is retried. */
    void (*say)(void *context, const char *line);
    /* Called about 5 times a second: `done` of `total` bytes (-1: unknown) of `file`
     * have arrived; `file` is NULL while it is not known yet. Returns false to stop:
     * the call fails with FT_INTERRUPTED, and a later one resumes. */
    bool (*show)(void *context, const char *file, int64_t done, int64_t total);
    void *context;
} ft_hub_watch;

/* The directory of the model that --model names; malloc'd. If something of that name
 * exists, it is that path. Otherwise "ftgpu-nano" is the built-in model
 * (builtin_place.h), and "ORG/NAME[@revision]" is looked up in the cache, without using
 * the network, and downloaded if it is not there. Any other name is returned unchanged,
 * and reading it fails with a message. FT_BAD_INPUT if the Hub has no such model or
 * revision or denies access, or if a directory ORG exists here, so that a mistyped path
 * may be meant; FT_FAILED if the Hub cannot be reached or fails. */
ft_status ft_hub_resolve(const char *model, const ft_hub_watch *watch, char **directory, ft_error *err);

/* The same from the cache only; *directory is NULL if it is not there, or `model` is
 * no name on the Hub. */
ft_status ft_hub_find(const char *model, char **directory, ft_error *err);

/* Asks the Hub for the revision's newest commit and downloads what the cache lacks.
 * `model` is a name on the Hub. *directory as above. */
ft_status ft_hub_pull(const char *model, const ft_hub_watch *watch, char **directory, ft_error *err);

/* A snapshot in the cache. */
typedef struct ft_hub_cached {
    char *model; /* "ORG/NAME" */
    /* the branches and tags that lead to it: "main, v2"; "" if none does */
    char *revisions;
    char *commit;
    char *path;
    int64_t bytes; /* of its files */
    bool is_whole; /* config.json and all of its safetensors files exist */
} ft_hub_cached;

/* All snapshots of models in the cache, by name, then commit; none if the cache does
 * not exist. *cache, its path, is malloc'd. Freed by ft_hub_free_list. */
ft_status ft_hub_list(ft_hub_cached **list, int64_t *count, char **cache, ft_error *err);
void ft_hub_free_list(ft_hub_cached *list, int64_t count);

#endif
