/* The workers of a sweep as its coordinator sees them: how to start, talk to and end
 * one, and what time it is. Implemented by processes (process_pool.h) and by the
 * simulated workers of bench/sweep_sim. */
#ifndef FT_HOST_WORKERS_WORKER_POOL_H
#define FT_HOST_WORKERS_WORKER_POOL_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Workers are numbered from 0. Messages are those of protocol.h. */
typedef struct ft_worker_pool {
    void *context;
    int32_t n_workers; /* > 0 */
    bool is_gpu;
    /* devices that train each batch of a worker together, >= 1 */
    int32_t ranks;
    /* workers that share the memory which each of them reports, >= 1 */
    int32_t sharing;

    /* Seconds on a clock whose zero has no meaning. */
    double (*now)(void *context);
    /* Starts a worker that is not running. It sends "ready" or "failed" later. */
    ft_status (*start)(void *context, int32_t worker, ft_error *err);
    /* Sends a message and deletes it, without waiting for the worker to read it.
     * FT_FAILED when the worker is gone; FT_NO_MEMORY: nothing was sent. */
    ft_status (*send)(void *context, int32_t worker, cJSON *message, ft_error *err);
    /* The next message that has arrived, which the caller owns; NULL: none. FT_FAILED
     * when the worker is gone or sent a malformed line; FT_NO_MEMORY. Call until NULL:
     * `wait` reports messages that arrived together only once. */
    ft_status (*receive)(void *context, int32_t worker, cJSON **message, ft_error *err);
    /* Waits at most `seconds` until running workers have sent something or are gone.
     * Returns how many, and their numbers in spoke: (n_workers). */
    int32_t (*wait)(void *context, double seconds, int32_t *spoke);
    /* Kills a running worker. The next `receive` finds it gone. */
    void (*kill)(void *context, int32_t worker);
    /* Tells a running worker that it gets nothing more; cannot fail. It stops within
     * its step, writes a checkpoint and exits. Only `reap` may be called for it then. */
    void (*hang_up)(void *context, int32_t worker);
    /* Waits until a worker that is gone, or about to be, has exited, and writes how it
     * ended into `how`: (size). Kills it after `seconds`. */
    void (*reap)(void *context, int32_t worker, double seconds, char *how, size_t size);
} ft_worker_pool;

#endif
