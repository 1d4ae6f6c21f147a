/* What to do after a failed request to the Hub: retry after a pause, or fail with a
 * message that says what is wrong and what to do. */
#ifndef FT_HOST_HUB_ATTEMPTS_H
#define FT_HOST_HUB_ATTEMPTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "host/hub/http.h"
#include "host/hub/remote.h"

/* Call the watch's functions, if there is a watch. ft_hub_show returns false when the
 * download is to stop. */
void ft_hub_say(const ft_hub_remote *remote, const char *line);
bool ft_hub_show(const ft_hub_remote *remote, const char *file, int64_t done, int64_t total);

bool ft_hub_is_redirect(const ft_http_answer *answer);
/* Whether a retry may get another answer: after 408, 429 and 5xx. */
bool ft_hub_may_pass(const ft_http_answer *answer);

/* Waits before the next try: longer after each, and as long as a 429 asks for.
 * FT_FAILED, without a message, when there were too many tries or a 429 asks for too
 * long a wait. `done` and `total` (bytes) are for ft_hub_show. */
ft_status ft_hub_pause(const ft_hub_remote *remote, const ft_http_answer *answer, int tries, const char *file,
                       int64_t done, int64_t total, ft_error *err);

/* The functions below always fail; they choose status and message. This one is for an
 * answer that is neither success nor redirect. */
ft_status ft_hub_refuse(const ft_hub_remote *remote, const ft_http_answer *answer, const char *revision,
                        const char *file, ft_error *err);
/* There was no connection, or it broke; `err` has libcurl's reason and gets the
 * message. */
ft_status ft_hub_unreachable(ft_hub_remote *remote, const char *file, ft_error *err);
ft_status ft_hub_cut(const ft_hub_remote *remote, const char *file, ft_error *err);
/* The watch asked to stop: FT_INTERRUPTED. */
ft_status ft_hub_stopped(const ft_hub_remote *remote, const char *file, ft_error *err);

#endif
