/* Asks the Hub about a file; see remote.h. */
#include "host/hub/remote.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "host/hub/attempts.h"

enum { MOST_REDIRECTS = 8 };

char *ft_hub_address(const ft_hub_remote *remote, const char *revision, const char *file)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    ft_text url = FT_TEXT_EMPTY;
    ft_text_addf(&url, "%s/%s/resolve/", remote->settings->endpoint, remote->name->repository);
    for (const char *c = revision; *c; c++) {
        if (strchr(plain, *c))
            ft_text_add_bytes(&url, c, 1);
        else
            ft_text_addf(&url, "%%%02X", (unsigned)(unsigned char)*c);
    }
    ft_text_addf(&url, "/%s", file);
    if (url.failed) ft_text_free(&url);
    return url.data;
}

static bool go_on_looking(void *context)
{
    const ft_hub_remote *remote = context;
    return ft_hub_show(remote, NULL, 0, -1);
}

/* Sends one HEAD request and follows redirects. The Hub describes the file in the
 * answer that redirects to its bytes. */
static ft_status head(ft_hub_remote *remote, const char *url, ft_http_answer *answer,
                      ft_http_outcome *outcome, ft_error *err)
{
    char commit[sizeof answer->commit] = "", hash[sizeof answer->etag] = "";
    int64_t size = -1;
    char *at = ft_copy_string(url);
    ft_status status = at ? FT_OK : ft_no_memory(err, "an address", strlen(url));
    *outcome = FT_HTTP_ANSWERED;
    for (int i = 0; status == FT_OK; i++) {
        const ft_http_request request = {.url = at,
                                         .token =
                                             ft_http_is_same_origin(at, url) ? remote->settings->token : NULL,
                                         .is_head = true,
                                         .go_on = go_on_looking,
                                         .context = remote};
        status = ft_http_send(remote->http, &request, answer, outcome, err);
        if (status != FT_OK) break;
        if (*answer->commit) memcpy(commit, answer->commit, sizeof commit);
        if (*answer->linked_etag) memcpy(hash, answer->linked_etag, sizeof hash);
        if (answer->linked_size >= 0) size = answer->linked_size;
        if (!ft_hub_is_redirect(answer) || (*commit && ft_hub_is_hash(hash))) break;
        if (!*answer->location || i == MOST_REDIRECTS) {
            status =
                ft_fail(err, FT_FAILED, "%s is sent on without an end (status %ld)", url, answer->status);
            ft_error_prefix(err, remote->name->repository);
            break;
        }
        free(at);
        at = ft_copy_string(answer->location);
        if (!at) status = ft_no_memory(err, "an address", sizeof answer->location);
    }
    if (*commit) memcpy(answer->commit, commit, sizeof commit);
    memcpy(answer->linked_etag, hash, sizeof hash);
    if (!*hash && !ft_hub_is_redirect(answer)) memcpy(answer->linked_etag, answer->etag, sizeof hash);
    answer->linked_size = size >= 0 ? size : ft_hub_is_redirect(answer) ? -1 : answer->length;
    free(at);
    return status;
}

/* Reads the description of a file; fails if a header is missing. */
static ft_status take_answer(const ft_hub_remote *remote, const ft_http_answer *a, ft_hub_file *file,
                             ft_error *err)
{
    if (!ft_hub_is_commit(a->commit) || !ft_hub_is_hash(a->linked_etag))
        return ft_fail(err, FT_FAILED,
                       "%s: %s: %s does not answer as the Hub does (no %s): check HF_ENDPOINT and the proxy",
                       remote->name->repository, file->name, remote->settings->endpoint,
                       ft_hub_is_commit(a->commit) ? "ETag that is a hash" : "X-Repo-Commit");
    memcpy(file->commit, a->commit, FT_HUB_COMMIT_CHARS);
    snprintf(file->hash, sizeof file->hash, "%.64s", a->linked_etag);
    file->size = a->linked_size;
    file->exists = true;
    return FT_OK;
}

ft_status ft_hub_look(ft_hub_remote *remote, const char *revision, const char *name, ft_hub_file *file,
                      ft_error *err)
{
    ft_http_answer *a = malloc(sizeof *a);
    char *url = ft_hub_address(remote, revision, name);
    ft_status status = a && url ? FT_OK : ft_no_memory(err, "an address", sizeof *a);
    *file = (ft_hub_file){.name = name, .size = -1};
    remote->is_unreachable = false;
    for (int tries = 1; status == FT_OK; tries++) {
        ft_http_outcome outcome;
        status = head(remote, url, a, &outcome, err);
        if (outcome == FT_HTTP_REFUSED) status = ft_hub_stopped(remote, name, err);
        if (outcome == FT_HTTP_UNREACHABLE) status = ft_hub_unreachable(remote, name, err);
        const bool is_cut = outcome == FT_HTTP_CUT;
        if (is_cut || (status == FT_OK && ft_hub_may_pass(a))) {
            status = ft_hub_pause(remote, a, tries, name, 0, -1, err);
            if (status == FT_FAILED)
                status =
                    is_cut ? ft_hub_cut(remote, name, err) : ft_hub_refuse(remote, a, revision, name, err);
            if (status == FT_OK) continue;
        }
        if (status != FT_OK) break;
        if (a->status == 404 && strcmp(a->error_code, "EntryNotFound") == 0) {
            if (ft_hub_is_commit(a->commit)) memcpy(file->commit, a->commit, FT_HUB_COMMIT_CHARS);
        } else if (a->status == 200 || ft_hub_is_redirect(a)) {
            status = take_answer(remote, a, file, err);
        } else {
            status = ft_hub_refuse(remote, a, revision, name, err);
        }
        break;
    }
    free(url);
    free(a);
    return status;
}
