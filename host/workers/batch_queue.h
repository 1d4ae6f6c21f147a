/* Which batch of a sweep is trained next, and what becomes of one that brings its
 * workers down or is too much for its device: it is gone on with, cut in two, or given
 * up. */
#ifndef FT_HOST_WORKERS_BATCH_QUEUE_H
#define FT_HOST_WORKERS_BATCH_QUEUE_H

#include "base/heap.h"
#include "host/sweep/run.h"

enum { FT_NO_BATCH = -1 };

/* What is known of a batch beyond its journal. */
typedef struct ft_batch_status {
    /* of workers that had it, and its lacking memory, since it last brought a result */
    int32_t deaths;
    size_t n_done;    /* of its configurations, at the last of these */
    bool begins_anew; /* it was left undone once */
    char *given_up;   /* why; NULL: it is to be trained */
} ft_batch_status;

typedef struct ft_batch_queue {
    ft_sweep *sweep;
    ft_batch_status *statuses; /* (n_statuses), as many as the state's batches */
    size_t n_statuses;
    ft_heap waiting; /* batches that ask something of this process and that nobody has; the plan's order is
                        the key, where halves have the place of their whole: the longest are still first */
} ft_batch_queue;

/* As many deaths of its worker, without a result in between, cut a batch of the sweep
 * in two. */
int32_t ft_batch_queue_retries(const ft_sweep *sweep);

/* All batches of a sweep that was started. Freed by ft_batch_queue_close, also after a
 * failure. */
ft_status ft_batch_queue_open(ft_batch_queue *queue, ft_sweep *sweep, ft_error *err);
void ft_batch_queue_close(ft_batch_queue *queue);

static inline bool ft_batch_queue_is_empty(const ft_batch_queue *queue)
{
    return queue->waiting.count == 0;
}
/* The next batch, which is the caller's until one of the following is told of it.
 * FT_NO_BATCH: none is waiting. */
int64_t ft_batch_queue_take(ft_batch_queue *queue);
/* {"type":"train",...} (protocol.h), the caller's; NULL when memory runs out. */
cJSON *ft_batch_queue_describe(const ft_batch_queue *queue, size_t batch);

/* Its worker is through with it. Where a result is missing all the same (it was
 * deleted, or its lines in the journal were damaged), its checkpoint, which takes that
 * for recorded, is removed, and it waits to begin anew. FT_FAILED: it has done so
 * before, and brought no result since. */
ft_status ft_batch_queue_end(ft_batch_queue *queue, size_t batch, ft_error *err);
/* Its worker left it undone, as it was asked to: it waits again. */
ft_status ft_batch_queue_requeue(ft_batch_queue *queue, size_t batch, ft_error *err);
/* Its worker died, `why` says how. What is on disk of it is settled; it waits again as
 * it is while the sweep is stopping or its deaths without a result in between are few
 * enough, else its halves do, or, where it is a single trajectory, its being recorded
 * as failed. FT_FAILED: not even that can be done. */
ft_status ft_batch_queue_requeue_after_death(ft_batch_queue *queue, size_t batch, bool is_stopping,
                                             const char *why, ft_error *err);
/* There was not enough memory for it: as after a death, but nothing is to be settled,
 * and `why` is recorded as it is. FT_NO_MEMORY, as `why` says: not even a failure can
 * be recorded. */
ft_status ft_batch_queue_split_on_oom(ft_batch_queue *queue, size_t batch, const char *why, ft_error *err);

#endif
