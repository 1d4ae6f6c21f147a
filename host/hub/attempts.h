/* What comes of a request to the Hub that did not succeed: another try after a pause,
 * or words that say what is wrong and what to do. */
#ifndef FT_HOST_HUB_ATTEMPTS_H
#define FT_HOST_HUB_ATTEMPTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "host/hub/http.h"
#include "host/hub/remote.h"

/* The watch's functions, where there is one. ft_hub_show returns false where all is to
 * be stopped. */
void ft_hub_say(const ft_hub_remote *remote, const char *line);
bool ft_hub_show(const ft_hub_remote *remote, const char *file, int64_t done, int64_t total);

bool ft_hub_is_redirect(const ft_http_answer *answer);
/* Whether the answer may be another one soon: 408, 429, 5xx. */
bool ft_hub_may_pass(const ft_http_answer *answer);

/* Waits after the try number `tries`, longer each time and as long as a 429 asks.
 * FT_FAILED, without a message, where no further try makes sense. `done` and `total`
 * are for ft_hub_show. */
ft_status ft_hub_pause(const ft_hub_remote *remote, const ft_http_answer *answer, int tries, const char *file,
                       int64_t done, int64_t total, ft_error *err);

/* These fail, with the message. Of an answer that is neither success nor redirect: */
ft_status ft_hub_refuse(const ft_hub_remote *remote, const ft_http_answer *answer, const char *revision,
                        const char *file, ft_error *err);
/* No connection, and one that breaks; libcurl's reason is in `err`. */
ft_status ft_hub_unreachable(ft_hub_remote *remote, const char *file, ft_error *err);
ft_status ft_hub_cut(const ft_hub_remote *remote, const char *file, ft_error *err);
/* The watch wants it so. */
ft_status ft_hub_stopped(const ft_hub_remote *remote, const char *file, ft_error *err);

#endif
