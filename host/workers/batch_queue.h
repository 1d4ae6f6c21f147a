/* Which batch of a sweep is trained next. A batch whose worker dies, or that needs
 * more memory than its device has, is retried from its checkpoint, then split in two;
 * a single trajectory is given up. */
#ifndef FT_HOST_WORKERS_BATCH_QUEUE_H
#define FT_HOST_WORKERS_BATCH_QUEUE_H

#include "base/heap.h"
#include "host/sweep/run.h"

enum { FT_NO_BATCH = -1 };

/* What the queue knows of a batch beyond the journal. */
typedef struct ft_batch_status {
    /* deaths of its workers and times it ran out of memory, since its last result */
    int32_t deaths;
    size_t n_done;    /* of its configurations, when `deaths` was last counted */
    bool begins_anew; /* a worker ended it once with results missing */
    char *given_up;   /* why it was given up; NULL: it is still to be trained */
} ft_batch_status;

typedef struct ft_batch_queue {
    ft_sweep *sweep;
    ft_batch_status *statuses; /* (n_statuses), as many as the state's batches */
    size_t n_statuses;
    /* Batches that this process has to train and no worker has. The key is the plan's
     * order, in which the longest batches come first; halves keep the place of their
     * parent. */
    ft_heap waiting;
} ft_batch_queue;

/* This many deaths of its workers without a result in between split a batch of the
 * sweep in two. */
int32_t ft_batch_queue_retries(const ft_sweep *sweep);

/* Takes all batches of a sweep that was started. Freed by ft_batch_queue_close, also
 * after a failure. */
ft_status ft_batch_queue_open(ft_batch_queue *queue, ft_sweep *sweep, ft_error *err);
void ft_batch_queue_close(ft_batch_queue *queue);

static inline bool ft_batch_queue_is_empty(const ft_batch_queue *queue)
{
    return queue->waiting.count == 0;
}
/* Takes the next batch out of the queue until one of the functions below is called
 * with it. FT_NO_BATCH: none is waiting. */
int64_t ft_batch_queue_take(ft_batch_queue *queue);
/* The message {"type":"train",...} of protocol.h; the caller owns it. NULL when memory
 * runs out. */
cJSON *ft_batch_queue_describe(const ft_batch_queue *queue, size_t batch);

/* The worker has finished the batch. If a result is missing all the same (someone
 * deleted it, or its journal lines were damaged), the checkpoint is removed, since it
 * takes that configuration for recorded, and the batch is queued to start over.
 * FT_FAILED if that happened before and brought no result since. */
ft_status ft_batch_queue_end(ft_batch_queue *queue, size_t batch, ft_error *err);
/* The worker stopped before the batch was finished, because it was told to: requeues
 * it. */
ft_status ft_batch_queue_requeue(ft_batch_queue *queue, size_t batch, ft_error *err);
/* The worker died; `why` says how. Settles what it left on disk and requeues the
 * batch: as it is while the sweep is stopping or the retry limit is not reached, else
 * as two halves, or, if it is a single trajectory, to be recorded as failed. FT_FAILED
 * if even that is impossible. */
ft_status ft_batch_queue_requeue_after_death(ft_batch_queue *queue, size_t batch, bool is_stopping,
                                             const char *why, ft_error *err);
/* The batch needed more memory than there is: as after a death, but nothing on disk
 * has to be settled, and `why` is recorded unchanged. FT_NO_MEMORY with the message
 * `why` if not even a failure can be recorded. */
ft_status ft_batch_queue_split_on_oom(ft_batch_queue *queue, size_t batch, const char *why, ft_error *err);

#endif
