/* Retries and error messages of failed requests; see attempts.h. */
#include "host/hub/attempts.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

enum {
    MOST_TRIES = 5,        /* in a row without a byte */
    MOST_WAIT_SECONDS = 60 /* that a 429 may ask for */
};
static const double FIRST_PAUSE = 0.4, LONGEST_PAUSE = 8;

void ft_hub_say(const ft_hub_remote *remote, const char *line)
{
    if (remote->watch && remote->watch->say) remote->watch->say(remote->watch->context, line);
}

bool ft_hub_show(const ft_hub_remote *remote, const char *file, int64_t done, int64_t total)
{
    return !remote->watch || !remote->watch->show ||
           remote->watch->show(remote->watch->context, file, done, total);
}

bool ft_hub_is_redirect(const ft_http_answer *answer)
{
    return answer->status >= 300 && answer->status < 400 && answer->status != 304;
}

bool ft_hub_may_pass(const ft_http_answer *a)
{
    return a->status == 408 || a->status == 429 || a->status >= 500;
}

ft_status ft_hub_stopped(const ft_hub_remote *remote, const char *file, ft_error *err)
{
    return ft_fail(err, FT_INTERRUPTED, "%s: %s: stopped; the next download resumes it",
                   remote->name->repository, file);
}

static ft_status refuse_access(const ft_hub_remote *remote, const ft_http_answer *a, ft_error *err)
{
    const ft_hub_settings *s = remote->settings;
    const char *name = remote->name->repository;
    if (a->status == 403 || strcmp(a->error_code, "GatedRepo") == 0)
        return ft_fail(err, FT_BAD_INPUT,
                       s->token
                           ? "%s: %s refuses access (%ld): agree to the model's conditions at %s/%s with "
                             "the account whose token is used, or use a token that may read it"
                           : "%s: %s refuses access (%ld): agree to the model's conditions at %s/%s, then "
                             "set HF_TOKEN to a token of yours",
                       name, s->endpoint, a->status, s->endpoint, name);
    if (s->token)
        return ft_fail(err, FT_BAD_INPUT,
                       "%s: %s does not accept the token (401), which is from %s: renew it at "
                       "%s/settings/tokens, or check the model's name",
                       name, s->endpoint, s->token_origin, s->endpoint);
    return ft_fail(
        err, FT_BAD_INPUT,
        "%s: %s has no such model, or it is private (401): check the name; for a private model set "
        "HF_TOKEN to a token of yours",
        name, s->endpoint);
}

static ft_status refuse_missing(const ft_hub_remote *remote, const ft_http_answer *a, const char *revision,
                                ft_error *err)
{
    const char *name = remote->name->repository, *endpoint = remote->settings->endpoint;
    if (strcmp(a->error_code, "RevisionNotFound") == 0)
        return ft_fail(
            err, FT_BAD_INPUT,
            "%s: has no revision \"%s\" (404): its branches and tags are listed at %s/%s/tree/main", name,
            revision, endpoint, name);
    return ft_fail(err, FT_BAD_INPUT, "%s: %s has no such model (404): check the name", name, endpoint);
}

ft_status ft_hub_refuse(const ft_hub_remote *remote, const ft_http_answer *a, const char *revision,
                        const char *file, ft_error *err)
{
    const char *name = remote->name->repository, *endpoint = remote->settings->endpoint;
    if (a->status == 401 || a->status == 403) return refuse_access(remote, a, err);
    if (a->status == 404 || a->status == 410) return refuse_missing(remote, a, revision, err);
    if (a->status == 429 && a->retry_after > 0)
        return ft_fail(err, FT_FAILED, "%s: %s: %s answers 429, too many requests: try again in %lld s%s",
                       name, file, endpoint, (long long)a->retry_after,
                       remote->settings->token ? "" : " (with a token in HF_TOKEN more are allowed)");
    if (a->status == 429)
        return ft_fail(err, FT_FAILED, "%s: %s: %s answers 429, too many requests: try again later", name,
                       file, endpoint);
    if (a->status >= 500)
        return ft_fail(err, FT_FAILED,
                       "%s: %s: %s answers %ld again and again, a fault of its own: try again later", name,
                       file, endpoint, a->status);
    return ft_fail(err, FT_FAILED, "%s: %s: %s answers %ld, which ftgpu does not know: check HF_ENDPOINT",
                   name, file, endpoint, a->status);
}

/* Waits; false if told to stop meanwhile. */
static bool wait_seconds(const ft_hub_remote *remote, const char *file, double seconds, int64_t done,
                         int64_t total)
{
    for (const double until = ft_now_seconds() + seconds; ft_now_seconds() < until;) {
        if (!ft_hub_show(remote, file, done, total)) return false;
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    }
    return true;
}

ft_status ft_hub_pause(const ft_hub_remote *remote, const ft_http_answer *a, int tries, const char *file,
                       int64_t done, int64_t total, ft_error *err)
{
    double seconds = FIRST_PAUSE;
    for (int i = 1; i < tries && seconds < LONGEST_PAUSE; i++) seconds *= 2;
    if (tries >= MOST_TRIES || a->retry_after > MOST_WAIT_SECONDS) return FT_FAILED;
    if ((double)a->retry_after > seconds) {
        char line[160];
        seconds = (double)a->retry_after;
        snprintf(line, sizeof line, "%s asks to wait %lld s (%ld)", remote->settings->endpoint,
                 (long long)a->retry_after, a->status);
        ft_hub_say(remote, line);
    }
    return wait_seconds(remote, file, seconds, done, total) ? FT_OK : ft_hub_stopped(remote, file, err);
}

ft_status ft_hub_unreachable(ft_hub_remote *remote, const char *file, ft_error *err)
{
    const ft_error reason = *err;
    remote->is_unreachable = true;
    return ft_fail(err, FT_FAILED, "%s: %s: %s cannot be reached: %s", remote->name->repository, file,
                   remote->settings->endpoint, reason.message);
}

ft_status ft_hub_cut(const ft_hub_remote *remote, const char *file, ft_error *err)
{
    const ft_error reason = *err;
    return ft_fail(
        err, FT_FAILED,
        "%s: %s: the connection breaks again and again (%s): run it again, what has come is resumed",
        remote->name->repository, file, reason.message);
}
