/* Files of a model on the Hub: what they are, and their bytes. Retries what may pass
 * (429 after the time that the Hub asks for, 5xx, cut connections), follows redirects,
 * and shows the token to the Hub alone. */
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
    bool is_unreachable; /* why the last call failed: no connection to the Hub */
} ft_hub_remote;

typedef struct ft_hub_file {
    const char *name;
    /* false: the revision has no such file; then the rest is "" or -1 */
    bool exists;
    char commit[FT_HUB_COMMIT_CHARS]; /* which the revision is */
    char hash[FT_HUB_HASH_CHARS];
    int64_t size; /* -1: the Hub does not say */
} ft_hub_file;

/* "<endpoint>/ORG/NAME/resolve/<revision>/<file>", malloc'd; a slash within the
 * revision is %2F. NULL when memory runs out. */
char *ft_hub_address(const ft_hub_remote *remote, const char *revision, const char *file);

/* What the Hub says of a file at a revision. A missing file is no failure; a missing
 * model or revision is FT_BAD_INPUT, as is no permission; a Hub that cannot be reached
 * or does not do its work is FT_FAILED. */
ft_status ft_hub_look(ft_hub_remote *remote, const char *revision, const char *name, ft_hub_file *file,
                      ft_error *err);

/* Writes the file's bytes from `*have` on to the descriptor, and counts them there.
 * What the Hub sends anew from its beginning begins anew here. More bytes than
 * file->size are refused. */
ft_status ft_hub_read(ft_hub_remote *remote, const ft_hub_file *file, int descriptor, const char *path,
                      int64_t *have, ft_error *err);

#endif
