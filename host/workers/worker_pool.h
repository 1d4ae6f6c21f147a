/* The workers of a sweep as its coordinator meets them: how one is started, spoken
 * with and ended, and what time it is. Bodies: processes (process_pool.h), and the
 * simulated workers of bench/sweep_sim. */
#ifndef FT_HOST_WORKERS_WORKER_POOL_H
#define FT_HOST_WORKERS_WORKER_POOL_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Workers have numbers from 0. Messages are those of protocol.h. */
typedef struct ft_worker_pool {
    void *context;
    int32_t n_workers; /* > 0 */
    bool is_gpu;
    /* devices of each worker, which train its batches together, at least 1 */
    int32_t ranks;
    /* workers that share the memory which each of them says it has, at least 1 */
    int32_t sharing;

    /* Seconds, of which only differences mean something. */
    double (*now)(void *context);
    /* Starts a worker that is not running. It says "ready" or "failed" in its time. */
    ft_status (*start)(void *context, int32_t worker, ft_error *err);
    /* Sends a message and deletes it, without waiting until the worker reads it.
     * FT_FAILED when the worker is gone; FT_NO_MEMORY: nothing was sent. */
    ft_status (*send)(void *context, int32_t worker, cJSON *message, ft_error *err);
    /* The next message that is there, the caller's; NULL: none is. FT_FAILED when the
     * worker is gone or says what is no message; FT_NO_MEMORY. Ask until NULL: `wait`
     * may not tell again of what came together. */
    ft_status (*receive)(void *context, int32_t worker, cJSON **message, ft_error *err);
    /* Waits until running workers have something to say or are gone, `seconds` at
     * most. Returns how many, their numbers in spoke: (n_workers). */
    int32_t (*wait)(void *context, double seconds, int32_t *spoke);
    /* Ends a running worker by force. It is gone when it is next listened to. */
    void (*kill)(void *context, int32_t worker);
    /* Tells a running worker that nothing more comes, which cannot fail: it stops
     * within its step, keeps a checkpoint, and ends. It is reaped then, and not
     * listened to. */
    void (*hang_up)(void *context, int32_t worker);
    /* Waits for the end of a worker that is gone, or about to be, and says how it
     * ended. One that has not ended within `seconds` is ended by force. */
    void (*reap)(void *context, int32_t worker, double seconds, char *how, size_t size);
} ft_worker_pool;

#endif
