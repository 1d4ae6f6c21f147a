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

void ft_message_put(cJSON **message, const char *key, cJSON *item)
{
    if (*message && item && cJSON_AddItemToObject(*message, key, item)) return;
    cJSON_Delete(item);
    cJSON_Delete(*message);
    *message = NULL;
}

void ft_message_append(cJSON **list, cJSON *item)
{
    if (*list && item && cJSON_AddItemToArray(*list, item)) return;
    cJSON_Delete(item);
    cJSON_Delete(*list);
    *list = NULL;
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
        ft_message_put(&object, ft_metric_names[i], ft_json_number(*ft_score(&copy, (ft_metric)i)));
    return object;
}

static void get_scores(const cJSON *object, const char *key, ft_scores *scores)
{
    const cJSON *made = cJSON_GetObjectItemCaseSensitive(object, key);
    for (int i = 0; i < FT_N_METRICS; i++)
        *ft_score(scores, (ft_metric)i) = ft_message_number(made, ft_metric_names[i], NAN);
}

cJSON *ft_outcome_to_json(const ft_outcome *outcome)
{
    cJSON *object = ft_message("experiment_id", outcome->experiment_id);
    ft_message_put(&object, "directory", cJSON_CreateString(outcome->directory));
    ft_message_put(&object, "failed", cJSON_CreateBool(outcome->failed));
    ft_message_put(&object, "error", cJSON_CreateString(outcome->error));
    ft_message_put(&object, "pruned_at_epoch", cJSON_CreateNumber((double)outcome->pruned_at_epoch));
    ft_message_put(&object, "train", scores_to_json(&outcome->train));
    ft_message_put(&object, "val", scores_to_json(&outcome->val));
    ft_message_put(&object, "test", scores_to_json(&outcome->test));
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
