/* The Hugging Face cache, in the layout of Python's huggingface_hub, so that each reuses what the other
 * fetched:
 *
 *   <cache>/models--ORG--NAME/blobs/<hash>                   the files, named by their hashes (hash.h)
 *   <cache>/models--ORG--NAME/blobs/<hash>.incomplete        the first bytes of one that is being fetched
 *   <cache>/models--ORG--NAME/snapshots/<commit>/<file>      links to blobs: a model's directory
 *   <cache>/models--ORG--NAME/refs/<revision>                the commit that a branch or tag had
 *   <cache>/models--ORG--NAME/.no_exist/<commit>/<file>      empty: the commit has no such file
 *   <cache>/.locks/models--ORG--NAME/<hash>.lock             who holds it (flock) fetches that blob
 *
 * A blob gets its name when it is whole and its hash is right; a link is made after its blob. */
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
/* "<cache>/models--ORG--NAME/<kind>/<name>", the same. */
char *ft_hub_cache_path(const char *cache, const char *repository, const char *kind, const char *name);
/* "<cache>/.locks/models--ORG--NAME/<hash>.lock", the same. */
char *ft_hub_cache_lock_path(const char *cache, const char *repository, const char *hash);

/* The snapshot of a model's revision: its commit from refs, or the revision itself if
 * it is one. *snapshot is malloc'd; NULL where there is none, or one without all that
 * a model needs (ft_hub_cache_is_whole). */
ft_status ft_hub_cache_find(const char *cache, const ft_hub_name *name, char **snapshot, ft_error *err);

/* Whether a directory has config.json, and model.safetensors or all that its index
 * names. */
bool ft_hub_cache_is_whole(const char *snapshot);

/* The files that an index (model.safetensors.index.json) names, each once. Freed by
 * ft_hub_free_names. FT_BAD_INPUT where it is no index, or names something else than
 * files beside it. */
ft_status ft_hub_cache_shards(const char *index, char ***names, size_t *count, ft_error *err);
void ft_hub_free_names(char **names, size_t count);

/* Makes snapshots/<commit>/<file> a link to the blob, which is there. On a file system
 * without links the blob itself moves there, as huggingface_hub does it. */
ft_status ft_hub_cache_link(const char *cache, const char *repository, const char *commit, const char *file,
                            const char *hash, ft_error *err);
/* Notes that the commit has no such file. */
ft_status ft_hub_cache_note_absent(const char *cache, const char *repository, const char *commit,
                                   const char *file, ft_error *err);
/* Notes the commit of a revision, unless that is the commit itself. */
ft_status ft_hub_cache_set_revision(const char *cache, const ft_hub_name *name, const char *commit,
                                    ft_error *err);

#endif
