/* Messages between the coordinator of a sweep and its worker processes: JSON objects,
 * one a line, over a socket pair.
 *
 * A worker sends                                 and is answered
 *   {"type":"ready","bf16":true,                 {"type":"train",...} if there is a batch
 *    "memory_bytes":n,"busy_rows":n}
 *   {"type":"failed","status":s,"message":"..."} (its device did not open, and it exits)
 *   {"type":"line","text":"..."}                 progress for people
 *   {"type":"event","event":{..}}                what happens, for people and programs
 *   {"type":"heartbeat"}                         at least once a second while it trains
 *   {"type":"epochs","trajectories":[..],        {"type":"prune","pruned":[false,..]},
 *    "epochs":[..],"val_losses":[..]}            if "judge" was true
 *   {"type":"begin","configuration":i,           {"type":"go"}: it is in the journal
 *    "experiment_id":"..."}
 *   {"type":"finish","configuration":i,          {"type":"go"}
 *    "outcome":{..}}
 *   {"type":"done","status":s,"message":"..."}   {"type":"train",...}: the next batch
 *
 * The coordinator also sends
 *   {"type":"train","slots":n,"checkpoint":"..",
 *    "trajectories":[[configuration,..],..],"numbers":[..],
 *    "recorded":[configuration,..],"judge":false,"failure":".."}
 *   {"type":"stop","how":1|2}                    as ft_stop; at any time
 *
 * Configurations and trajectories are counted from 0.
 *
 * A message is sent whole or not at all. A side that cannot send or answer one,
 * because memory ran out or the journal failed, closes the socket, which needs
 * neither; so nobody waits for ever. A worker that finds the socket closed stops
 * within its step, writes a checkpoint and exits; the coordinator ends its workers in
 * this way too, when nothing is left to train. A coordinator that finds a socket
 * closed waits for the worker's exit and counts one death for its batch. The
 * coordinator never waits for a worker to read: what cannot be sent at once is kept
 * and sent later (ft_channel_post). */
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
    char *text; /* received bytes that are no whole line yet */
    size_t length, capacity;
    ft_text unsent; /* posted, but not sent yet */
} ft_channel;

/* Closes the socket. */
void ft_channel_close(ft_channel *channel);

/* Sends a message and deletes it. `message` NULL stands for one that could not be
 * allocated. FT_FAILED when the other side is gone; FT_NO_MEMORY: nothing was sent. */
ft_status ft_channel_send(ft_channel *channel, cJSON *message, ft_error *err);
/* The same without waiting for the other side to read: the rest is kept in `unsent`,
 * which ft_channel_flush sends as far as it can. */
ft_status ft_channel_post(ft_channel *channel, cJSON *message, ft_error *err);
ft_status ft_channel_flush(ft_channel *channel, ft_error *err);
/* Receives the next message, which the caller owns; *message is NULL when none came
 * within `milliseconds` (-1: no limit). FT_FAILED when the other side is gone or sent
 * a malformed line; FT_NO_MEMORY. */
ft_status ft_channel_receive(ft_channel *channel, int milliseconds, cJSON **message, ft_error *err);
/* Whether a whole message has arrived. */
bool ft_channel_has_message(const ft_channel *channel);

/* An object with one text member. NULL when memory runs out; ft_channel_send then
 * fails. */
cJSON *ft_message(const char *key, const char *value);
/* Whether the member `key` is the text `value`. */
bool ft_message_is(const cJSON *message, const char *key, const char *value);
/* A number member, or `otherwise` if it is missing; a text member, or "". */
double ft_message_number(const cJSON *message, const char *key, double otherwise);
const char *ft_message_text(const cJSON *message, const char *key);

/* docs/interface.md §7. An event without a member of its own leaves it out.
 * _from_json: false unless the object is an event; outcome is NULL. */
cJSON *ft_event_to_json(const ft_event *event);
bool ft_event_from_json(const cJSON *object, ft_event *event);

cJSON *ft_outcome_to_json(const ft_outcome *outcome);
void ft_outcome_from_json(const cJSON *object, ft_outcome *outcome);

#endif
