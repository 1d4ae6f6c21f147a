/* What the coordinator of a sweep and its worker processes say to each other: JSON objects, one a line, over
 * a socket pair.
 *
 * A worker says                                       and is answered
 *   {"type":"ready","bf16":true,                      {"type":"train",...} when there is a batch
 *    "memory_bytes":n,"busy_rows":n}
 *   {"type":"failed","status":s,"message":"..."}      (it could not open its device, and ends)
 *   {"type":"line","text":"..."}                      progress for people
 *   {"type":"heartbeat"}                              at least once a second while it trains
 *   {"type":"epochs","trajectories":[..],             {"type":"prune","pruned":[false,..]},
 *    "epochs":[..],"val_losses":[..]}                 if "judge" was asked for
 *   {"type":"begin","configuration":i,                {"type":"go"}: it is in the journal
 *    "experiment_id":"..."}
 *   {"type":"finish","configuration":i,"outcome":{..}}  {"type":"go"}
 *   {"type":"done","status":s,"message":"..."}        of its batch; then the next one
 *
 * The coordinator says, besides the answers,
 *   {"type":"train","slots":n,"checkpoint":"..","trajectories":[[configuration,..],..],"numbers":[..],
 *    "recorded":[configuration,..],"judge":false,"failure":".."}
 *   {"type":"stop","how":1|2}                         as ft_stop; at any time
 *
 * Configurations and trajectories are counted from 0.
 *
 * A message is said whole or not at all. Whoever cannot say one, or cannot answer one, for want of memory or
 * of a journal, closes the socket, which needs neither: nobody waits for what does not come. A worker that
 * finds the socket closed stops within its step, keeps a checkpoint, and ends; that is also how the
 * coordinator ends its workers when nothing is left. When the coordinator finds it closed, it waits for the
 * worker's end, and the batch counts one death more. The coordinator never waits until a worker reads: what
 * does not go at once is kept (ft_channel_post). */
#ifndef FT_HOST_WORKERS_PROTOCOL_H
#define FT_HOST_WORKERS_PROTOCOL_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "base/error.h"
#include "base/text.h"
#include "host/ftgpu.h"

/* One end of the socket pair. Start from {.fd = ...}. */
typedef struct ft_channel {
    int fd;
    char *text; /* lines as they come in */
    size_t length, capacity;
    ft_text unsent; /* what was posted and has not gone yet */
} ft_channel;

/* Closes the socket. */
void ft_channel_close(ft_channel *channel);

/* Sends a message and deletes it; NULL is one that found no memory. FT_FAILED when the
 * other end is gone; FT_NO_MEMORY: nothing of it was sent. */
ft_status ft_channel_send(ft_channel *channel, cJSON *message, ft_error *err);
/* The same without waiting until the other end has read enough: what does not go at
 * once is kept in `unsent`, of which ft_channel_flush sends what goes by then. */
ft_status ft_channel_post(ft_channel *channel, cJSON *message, ft_error *err);
ft_status ft_channel_flush(ft_channel *channel, ft_error *err);
/* The next message, the caller's. *message is NULL where none came within the time
 * (milliseconds; -1: for ever). FT_FAILED when the other end is gone or says what is
 * no message; FT_NO_MEMORY. */
ft_status ft_channel_receive(ft_channel *channel, int milliseconds, cJSON **message, ft_error *err);
/* Whether a whole message is there already. */
bool ft_channel_has_message(const ft_channel *channel);

/* An object with one text member; NULL when memory runs out, which ft_channel_send
 * reports. */
cJSON *ft_message(const char *key, const char *value);
/* Gives the message one member more, or the list one item more, whose owner it
 * becomes. Where memory runs out for either, or ran out before (NULL), all is deleted
 * and *message, *list is NULL. */
void ft_message_put(cJSON **message, const char *key, cJSON *item);
void ft_message_append(cJSON **list, cJSON *item);
/* Whether the member `key` is that text. */
bool ft_message_is(const cJSON *message, const char *key, const char *value);
/* A number; `otherwise` where there is none. A text; "" where there is none. */
double ft_message_number(const cJSON *message, const char *key, double otherwise);
const char *ft_message_text(const cJSON *message, const char *key);

cJSON *ft_outcome_to_json(const ft_outcome *outcome);
void ft_outcome_from_json(const cJSON *object, ft_outcome *outcome);

#endif
