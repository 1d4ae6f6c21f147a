/* Messages between coordinator and workers; see protocol.h. */
#include "host/workers/protocol.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/json.h"
#include "host/experiment/scores.h"

/* Longer messages are refused. */
static const size_t MOST_BYTES = (size_t)1 << 28;

void ft_channel_close(ft_channel *channel)
{
    if (channel->fd >= 0) close(channel->fd);
    free(channel->text);
    ft_text_free(&channel->unsent);
    *channel = (ft_channel){.fd = -1};
}

ft_status ft_channel_flush(ft_channel *c, ft_error *err)
{
    ft_status status = FT_OK;
    size_t sent = 0;
    while (sent < c->unsent.length && status == FT_OK) {
        ssize_t n = send(c->fd, c->unsent.data + sent, c->unsent.length - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
        if (n > 0)
            sent += (size_t)n;
        else
            status = ft_fail(err, FT_FAILED, "the other process is gone: %s", strerror(errno));
    }
    if (sent > 0) memmove(c->unsent.data, c->unsent.data + sent, c->unsent.length - sent);
    c->unsent.length -= sent;
    return status;
}

ft_status ft_channel_post(ft_channel *c, cJSON *message, ft_error *err)
{
    char *line = message ? ft_json_print_line(message) : NULL;
    cJSON_Delete(message);
    if (!line) return ft_no_memory(err, "a message", 256);
    size_t length = strlen(line);
    line[length] = '\n'; /* replaces the NUL */
    ft_text_add_bytes(&c->unsent, line, length + 1);
    free(line);
    return c->unsent.failed ? ft_no_memory(err, "a message", length) : ft_channel_flush(c, err);
}

ft_status ft_channel_send(ft_channel *c, cJSON *message, ft_error *err)
{
    ft_status status = ft_channel_post(c, message, err);
    while (status == FT_OK && c->unsent.length > 0) {
        struct pollfd room = {c->fd, POLLOUT, 0};
        (void)poll(&room, 1, -1);
        status = ft_channel_flush(c, err);
    }
    return status;
}

bool ft_channel_has_message(const ft_channel *channel)
{
    return channel->length > 0 && memchr(channel->text, '\n', channel->length) != NULL;
}

/* Reads what has arrived; waits for it up to `milliseconds`. */
static ft_status gather(ft_channel *c, int milliseconds, bool *came, ft_error *err)
{
    struct pollfd waiting = {c->fd, POLLIN, 0};
    int ready = poll(&waiting, 1, milliseconds);
    *came = ready > 0;
    if (ready == 0 || (ready < 0 && errno == EINTR)) return FT_OK;
    if (c->length + 65536 > c->capacity) {
        size_t capacity = c->capacity ? 2 * c->capacity : 131072;
        char *grown = capacity <= MOST_BYTES ? realloc(c->text, capacity) : NULL;
        if (!grown) return ft_no_memory(err, "a message", capacity);
        c->text = grown;
        c->capacity = capacity;
    }
    ssize_t n = recv(c->fd, c->text + c->length, c->capacity - c->length, 0);
    if (n < 0 && errno == EINTR) return FT_OK;
    if (n <= 0) return ft_fail(err, FT_FAILED, "the other process is gone");
    c->length += (size_t)n;
    return FT_OK;
}

ft_status ft_channel_receive(ft_channel *c, int milliseconds, cJSON **message, ft_error *err)
{
    *message = NULL;
    while (!ft_channel_has_message(c)) {
        bool came = false;
        ft_status status = gather(c, milliseconds, &came, err);
        if (status != FT_OK) return status;
        if (!came && milliseconds >= 0) return FT_OK;
    }
    size_t length = (size_t)((char *)memchr(c->text, '\n', c->length) - c->text);
    ft_status status = ft_json_parse(c->text, length, "a message", message, err);
    memmove(c->text, c->text + length + 1, c->length - length - 1);
    c->length -= length + 1;
    return status == FT_OK || status == FT_NO_MEMORY ? status : FT_FAILED;
}

cJSON *ft_message(const char *key, const char *value)
{
    cJSON *message = cJSON_CreateObject();
    if (message && cJSON_AddStringToObject(message, key, value)) return message;
    cJSON_Delete(message);
    return NULL;
}

bool ft_message_is(const cJSON *message, const char *key, const char *value)
{
    return strcmp(ft_message_text(message, key), value) == 0;
}

double ft_message_number(const cJSON *message, const char *key, double otherwise)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(message, key);
    return cJSON_IsNumber(item) ? item->valuedouble : otherwise;
}

const char *ft_message_text(const cJSON *message, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(message, key);
    return cJSON_IsString(item) ? item->valuestring : "";
}

static cJSON *scores_to_json(const ft_scores *scores)
{
    ft_scores copy = *scores;
    cJSON *object = cJSON_CreateObject();
    for (int i = 0; i < FT_N_METRICS; i++)
        ft_json_set(&object, ft_metric_names[i], ft_json_number(*ft_score(&copy, (ft_metric)i)));
    return object;
}

static void get_scores(const cJSON *object, const char *key, ft_scores *scores)
{
    const cJSON *made = cJSON_GetObjectItemCaseSensitive(object, key);
    for (int i = 0; i < FT_N_METRICS; i++)
        *ft_score(scores, (ft_metric)i) = ft_message_number(made, ft_metric_names[i], NAN);
}

static const char *const event_names[] = {"sweep", "baselines",  "training",
                                          "epoch", "evaluating", "finished"};
_Static_assert(sizeof event_names / sizeof *event_names == FT_N_EVENTS, "a name for each event");

static void put_figures(cJSON **object, const ft_event *e)
{
    ft_json_set_whole(object, "epochs", (int64_t)e->epochs);
    ft_json_set(object, "epochs_done", ft_json_number(e->epochs_done));
    ft_json_set(object, "loss", ft_json_number(e->loss));
    ft_json_set(object, "val_loss", ft_json_number(e->val_loss));
    ft_json_set(object, "learning_rate", ft_json_number(e->learning_rate));
    ft_json_set(object, "grad_norm", ft_json_number(e->grad_norm));
    ft_json_set(object, "tokens_per_second", ft_json_number(e->tokens_per_second));
}

static void put_counts(cJSON **object, const ft_event *e)
{
    ft_json_set_whole(object, "own", (int64_t)e->own);
    ft_json_set_whole(object, "done", (int64_t)e->done);
    ft_json_set_whole(object, "failed", (int64_t)e->failed);
    ft_json_set_whole(object, "pruned", (int64_t)e->pruned);
    ft_json_set_whole(object, "epochs", (int64_t)e->epochs);
}

cJSON *ft_event_to_json(const ft_event *e)
{
    cJSON *object = ft_message("event", event_names[e->kind]);
    if (e->configurations > 0) ft_json_set_whole(&object, "configurations", (int64_t)e->configurations);
    if (e->configuration > 0) ft_json_set_whole(&object, "configuration", (int64_t)e->configuration);
    if (e->what_varies && *e->what_varies) ft_json_set_string(&object, "what_varies", e->what_varies);
    if (e->kind == FT_EVENT_TRAINING || e->kind == FT_EVENT_EPOCH) put_figures(&object, e);
    if (e->kind == FT_EVENT_SWEEP) put_counts(&object, e);
    if (e->outcome) ft_json_set(&object, "outcome", ft_outcome_to_json(e->outcome));
    return object;
}

static double figure(const cJSON *object, const char *key)
{
    return ft_message_number(object, key, NAN);
}

bool ft_event_from_json(const cJSON *object, ft_event *event)
{
    const char *name = ft_message_text(object, "event");
    int kind = 0;
    while (kind < FT_N_EVENTS && strcmp(name, event_names[kind]) != 0) kind++;
    const double configuration = ft_message_number(object, "configuration", 0),
                 epochs = ft_message_number(object, "epochs", 0);
    if (kind == FT_N_EVENTS || !(configuration >= 0 && configuration < 1e9) ||
        !(epochs >= 0 && epochs < 1e15))
        return false;
    *event = (ft_event){.kind = (ft_event_kind)kind,
                        .configuration = (size_t)configuration,
                        .epochs = (int64_t)epochs,
                        .epochs_done = figure(object, "epochs_done"),
                        .loss = figure(object, "loss"),
                        .val_loss = figure(object, "val_loss"),
                        .learning_rate = figure(object, "learning_rate"),
                        .grad_norm = figure(object, "grad_norm"),
                        .tokens_per_second = figure(object, "tokens_per_second")};
    return true;
}

cJSON *ft_outcome_to_json(const ft_outcome *outcome)
{
    cJSON *object = ft_message("experiment_id", outcome->experiment_id);
    ft_json_set_string(&object, "directory", outcome->directory);
    ft_json_set_bool(&object, "failed", outcome->failed);
    ft_json_set_string(&object, "error", outcome->error);
    ft_json_set_whole(&object, "pruned_at_epoch", outcome->pruned_at_epoch);
    ft_json_set(&object, "train", scores_to_json(&outcome->train));
    ft_json_set(&object, "val", scores_to_json(&outcome->val));
    ft_json_set(&object, "test", scores_to_json(&outcome->test));
    return object;
}

void ft_outcome_from_json(const cJSON *object, ft_outcome *outcome)
{
    *outcome = (ft_outcome){.failed = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, "failed"))};
    strncpy(outcome->experiment_id, ft_message_text(object, "experiment_id"),
            sizeof outcome->experiment_id - 1);
    strncpy(outcome->directory, ft_message_text(object, "directory"), sizeof outcome->directory - 1);
    strncpy(outcome->error, ft_message_text(object, "error"), sizeof outcome->error - 1);
    outcome->pruned_at_epoch = (int64_t)ft_message_number(object, "pruned_at_epoch", 0);
    get_scores(object, "train", &outcome->train);
    get_scores(object, "val", &outcome->val);
    get_scores(object, "test", &outcome->test);
}
