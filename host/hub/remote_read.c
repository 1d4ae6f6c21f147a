/* Downloads the bytes of a file; see remote.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "host/hub/attempts.h"
#include "host/hub/remote.h"

enum {
    MOST_REDIRECTS = 8,
    MOST_RESTARTS = 2,          /* of a download, from the first byte */
    MOST_UNSAID_BYTES = 1 << 26 /* limit for a file whose size the Hub does not say */
};

/* A download in progress. */
typedef struct reader {
    const ft_hub_remote *remote;
    const ft_hub_file *file;
    int descriptor;
    int64_t *have, most;
    int write_error; /* errno */
    bool is_too_long, is_stopped, is_placed;
    int n_restarts;
} reader;

/* At the first bytes of an answer: positions the file where they belong. */
static bool place(reader *r, const ft_http_answer *answer)
{
    if (r->is_placed) return true;
    r->is_placed = true;
    if (answer->status == 206 && answer->range_from == *r->have) return true;
    if (answer->status == 206 && answer->range_from != 0) return false;
    *r->have = 0;
    if (ftruncate(r->descriptor, 0) == 0) return true;
    r->write_error = errno;
    return false;
}

static bool take_bytes(void *context, const ft_http_answer *answer, const char *bytes, size_t size)
{
    reader *r = context;
    if (!place(r, answer)) return false;
    if ((int64_t)size > r->most - *r->have) {
        r->is_too_long = true;
        return false;
    }
    while (size > 0) {
        const ssize_t n = pwrite(r->descriptor, bytes, size, *r->have);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) {
            r->write_error = n < 0 ? errno : ENOSPC;
            return false;
        }
        bytes += n;
        size -= (size_t)n;
        *r->have += n;
    }
    return true;
}

static bool go_on_reading(void *context)
{
    reader *r = context;
    r->is_stopped = r->is_stopped || !ft_hub_show(r->remote, r->file->name, *r->have, r->file->size);
    return !r->is_stopped;
}

/* Sends one GET request and follows redirects. Redirects are followed anew at each
 * try, since their last address is valid for minutes only. */
static ft_status get(const ft_hub_remote *remote, const char *url, reader *r, ft_http_answer *answer,
                     ft_http_outcome *outcome, ft_error *err)
{
    char *at = ft_copy_string(url);
    ft_status status = at ? FT_OK : ft_no_memory(err, "an address", strlen(url));
    *outcome = FT_HTTP_ANSWERED;
    for (int i = 0; status == FT_OK; i++) {
        r->is_placed = false;
        const ft_http_request request = {.url = at,
                                         .token =
                                             ft_http_is_same_origin(at, url) ? remote->settings->token : NULL,
                                         .from = *r->have,
                                         .take = take_bytes,
                                         .go_on = go_on_reading,
                                         .context = r};
        status = ft_http_send(remote->http, &request, answer, outcome, err);
        if (status != FT_OK || !ft_hub_is_redirect(answer)) break;
        const bool is_downgrade =
            strncmp(at, "https:", 6) == 0 && strncmp(answer->location, "https:", 6) != 0;
        if (!*answer->location || i == MOST_REDIRECTS || is_downgrade) {
            status = ft_fail(err, FT_FAILED, "%s is sent on %s", url,
                             is_downgrade ? "to an address without encryption" : "without an end");
            ft_error_prefix(err, remote->name->repository);
            break;
        }
        free(at);
        at = ft_copy_string(answer->location);
        if (!at) status = ft_no_memory(err, "an address", sizeof answer->location);
    }
    free(at);
    return status;
}

/* The failure that the body's callback found, if any. */
static ft_status fault_of(const reader *r, const char *path, ft_error *err)
{
    const ft_hub_remote *remote = r->remote;
    if (r->is_stopped) return ft_hub_stopped(remote, r->file->name, err);
    if (r->write_error)
        return ft_fail(err, ft_status_of_errno(r->write_error), "%s: cannot be written: %s", path,
                       strerror(r->write_error));
    if (r->is_too_long)
        return ft_fail(
            err, FT_FAILED,
            "%s: %s: more than the %lld bytes come that it should have: the Hub, or a proxy on the way, "
            "has a fault; run it again",
            remote->name->repository, r->file->name, (long long)r->most);
    return FT_OK;
}

static ft_status refuse_range(const ft_hub_remote *remote, const ft_hub_file *file, ft_error *err)
{
    return ft_fail(
        err, FT_FAILED,
        "%s: %s: %s announces %lld bytes but does not send them: a fault of its own, or of a proxy on "
        "the way: try again later",
        remote->name->repository, file->name, remote->settings->endpoint, (long long)file->size);
}

/* Judges a GET. FT_OK without *is_done means: try again. */
static ft_status judge(ft_hub_remote *remote, reader *r, const ft_http_answer *a, ft_http_outcome outcome,
                       const char *path, int *tries, int64_t before, bool *is_done, ft_error *err)
{
    const ft_hub_file *file = r->file;
    ft_error reason = *err;
    ft_status status = fault_of(r, path, err);
    if (status != FT_OK) return status;
    if (outcome == FT_HTTP_UNREACHABLE && before == 0) return ft_hub_unreachable(remote, file->name, err);
    const bool is_body = outcome == FT_HTTP_ANSWERED && (a->status == 200 || a->status == 206);
    *is_done = is_body && (file->size < 0 || *r->have == file->size);
    if (*is_done) return FT_OK;
    /* no bytes from there on: start again */
    if (a->status == 416 || outcome == FT_HTTP_REFUSED) {
        if (++r->n_restarts > MOST_RESTARTS) return refuse_range(remote, file, err);
        *r->have = 0;
        if (ftruncate(r->descriptor, 0) != 0) r->write_error = errno;
    } else if (outcome == FT_HTTP_ANSWERED && !is_body && !ft_hub_may_pass(a)) {
        return ft_hub_refuse(remote, a, file->commit, file->name, err);
    }
    if (*r->have > before) *tries = 1;
    status = ft_hub_pause(remote, a, *tries, file->name, *r->have, file->size, err);
    if (status != FT_FAILED) return status;
    if (outcome == FT_HTTP_ANSWERED && !is_body)
        return ft_hub_refuse(remote, a, file->commit, file->name, err);
    if (is_body)
        snprintf(reason.message, sizeof reason.message, "%lld of %lld bytes come", (long long)*r->have,
                 (long long)file->size);
    *err = reason;
    return ft_hub_cut(remote, file->name, err);
}

ft_status ft_hub_read(ft_hub_remote *remote, const ft_hub_file *file, int descriptor, const char *path,
                      int64_t *have, ft_error *err)
{
    ft_http_answer *a = malloc(sizeof *a);
    char *url = ft_hub_address(remote, file->commit, file->name);
    ft_status status = a && url ? FT_OK : ft_no_memory(err, "an address", sizeof *a);
    reader r = {.remote = remote,
                .file = file,
                .descriptor = descriptor,
                .have = have,
                .most = file->size >= 0 ? file->size : MOST_UNSAID_BYTES};
    bool is_done = *have == file->size && file->size >= 0;
    remote->is_unreachable = false;
    for (int tries = 1; status == FT_OK && !is_done; tries++) {
        ft_http_outcome outcome;
        const int64_t before = *have;
        status = get(remote, url, &r, a, &outcome, err);
        if (status == FT_OK || outcome != FT_HTTP_ANSWERED)
            status = judge(remote, &r, a, outcome, path, &tries, before, &is_done, err);
    }
    if (status == FT_OK) ft_hub_show(remote, file->name, *have, file->size);
    free(url);
    free(a);
    return status;
}
