/* The Hugging Face cache, in the layout of Python's huggingface_hub, so that each
 * reuses what the other downloaded:
 *   <cache>/models--ORG--NAME/
 *     blobs/<hash>               the files, named by their hashes (hash.h)
 *     blobs/<hash>.incomplete    the first bytes of a download in progress
 *     snapshots/<commit>/<file>  links to blobs: a model's directory
 *     refs/<revision>            the commit that a branch or tag had
 *     .no_exist/<commit>/<file>  empty: the commit has no such file
 *   <cache>/.locks/models--ORG--NAME/<hash>.lock
 *                                flock'ed by the process that downloads that blob
 *
 * A blob gets its name when it is complete and its hash is right; a link is made after
 * its blob. */
#ifndef FT_HOST_HUB_CACHE_H
#define FT_HOST_HUB_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "host/hub/name.h"

enum { FT_HUB_COMMIT_CHARS = 41 };

/* "<cache>/models--ORG--NAME", malloc'd; NULL when memory runs out. */
char *ft_hub_cache_repository(const char *cache, const char *repository);
/* "<cache>/models--ORG--NAME/<kind>/<name>", malloc'd. */
char *ft_hub_cache_path(const char *cache, const char *repository, const char *kind, const char *name);
/* "<cache>/.locks/models--ORG--NAME/<hash>.lock", malloc'd. */
char *ft_hub_cache_lock_path(const char *cache, const char *repository, const char *hash);

/* The snapshot directory of a model's revision: of the commit in refs, or of the
 * revision itself if it is a commit. *snapshot is malloc'd; NULL if there is none, or
 * it lacks a file that a model needs (ft_hub_cache_is_whole). */
ft_status ft_hub_cache_find(const char *cache, const ft_hub_name *name, char **snapshot, ft_error *err);

/* Whether a directory has config.json, and model.safetensors or all files that its
 * index names. */
bool ft_hub_cache_is_whole(const char *snapshot);

/* The distinct file names in an index (model.safetensors.index.json). Freed by
 * ft_hub_free_names. FT_BAD_INPUT if it is no index, or names anything but files
 * beside it. */
ft_status ft_hub_cache_shards(const char *index, char ***names, size_t *count, ft_error *err);
void ft_hub_free_names(char **names, size_t count);

/* Makes snapshots/<commit>/<file> a link to the blob, which exists. On a file system
 * without links the blob is moved there, as huggingface_hub does. */
ft_status ft_hub_cache_link(const char *cache, const char *repository, const char *commit, const char *file,
                            const char *hash, ft_error *err);
/* Marks that the commit has no such file. */
ft_status ft_hub_cache_note_absent(const char *cache, const char *repository, const char *commit,
                                   const char *file, ft_error *err);
/* Writes the commit of a branch or tag to refs/; does nothing if the revision is the
 * commit. */
ft_status ft_hub_cache_set_revision(const char *cache, const ft_hub_name *name, const char *commit,
                                    ft_error *err);

#endif
