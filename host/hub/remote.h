/* Files of a model on the Hub: their descriptions and their bytes. Retries what may be
 * temporary (429 after the time that the Hub asks for, 5xx, broken connections),
 * follows redirects, and sends the token to the Hub alone. */
#ifndef FT_HOST_HUB_REMOTE_H
#define FT_HOST_HUB_REMOTE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "host/hub/cache.h"
#include "host/hub/hash.h"
#include "host/hub/http.h"
#include "host/hub/hub.h"
#include "host/hub/name.h"
#include "host/hub/settings.h"

typedef struct ft_hub_remote {
    const ft_hub_settings *settings;
    const ft_hub_name *name;
    const ft_hub_watch *watch; /* may be NULL */
    ft_http *http;
    bool is_unreachable; /* the last call failed because the Hub could not be reached */
} ft_hub_remote;

typedef struct ft_hub_file {
    const char *name;
    /* false: the revision has no such file, and the other members are "" or -1 */
    bool exists;
    char commit[FT_HUB_COMMIT_CHARS]; /* that the revision names */
    char hash[FT_HUB_HASH_CHARS];
    int64_t size; /* -1: the Hub does not say */
} ft_hub_file;

/* "<endpoint>/ORG/NAME/resolve/<revision>/<file>", malloc'd; a slash in the revision
 * becomes %2F. NULL when memory runs out. */
char *ft_hub_address(const ft_hub_remote *remote, const char *revision, const char *file);

/* Describes a file at a revision. A missing file is not a failure (file->exists).
 * FT_BAD_INPUT if the model or revision does not exist or access is denied; FT_FAILED
 * if the Hub cannot be reached or fails. */
ft_status ft_hub_look(ft_hub_remote *remote, const char *revision, const char *name, ft_hub_file *file,
                      ft_error *err);

/* Appends the file's bytes from offset *have to the descriptor and advances *have. If
 * the Hub starts again from the beginning, so does the file. More bytes than
 * file->size are refused. */
ft_status ft_hub_read(ft_hub_remote *remote, const ft_hub_file *file, int descriptor, const char *path,
                      int64_t *have, ft_error *err);

#endif
