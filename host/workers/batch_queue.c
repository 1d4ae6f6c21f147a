/* Which batch is trained next, and what happens to batches that fail; see
 * batch_queue.h. */
#include "host/workers/batch_queue.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "host/workers/protocol.h"

enum { DEFAULT_RETRIES = 2 };

int32_t ft_batch_queue_retries(const ft_sweep *sweep)
{
    return sweep->request->retries > 0 ? (int32_t)sweep->request->retries : DEFAULT_RETRIES;
}

/* Puts a batch back in the queue unless it is finished. */
static ft_status put_back(ft_batch_queue *q, size_t batch, ft_error *err)
{
    if (ft_sweep_is_over(q->sweep, batch)) return FT_OK;
    return ft_heap_push(&q->waiting, (double)ft_sweep_store_root(q->sweep->store, batch), batch, err);
}

static size_t count_done(const ft_batch_queue *q, const ft_sweep_batch *b)
{
    const ft_sweep *sweep = q->sweep;
    size_t n_done = 0;
    for (size_t i = 0; i < b->count; i++) {
        const ft_trajectory *t = &sweep->plan.trajectories[b->trajectories[i]];
        for (size_t k = 0; k < t->count; k++)
            n_done += ft_sweep_store_done(sweep->store, sweep->plan.members[t->first + k]) != NULL;
    }
    return n_done;
}

/* Takes up the batches that the store has and the queue does not know yet. Each starts
 * with this count of deaths; a batch of one trajectory starts with none. */
static ft_status know_batches(ft_batch_queue *q, int32_t deaths, ft_error *err)
{
    size_t n = 0;
    const ft_sweep_batch *batches = ft_sweep_store_batches(q->sweep->store, &n);
    if (n <= q->n_statuses) return FT_OK;
    ft_batch_status *grown = realloc(q->statuses, n * sizeof *grown);
    if (!grown) return ft_no_memory(err, "the coordinator", n * sizeof *grown);
    q->statuses = grown;
    ft_status status = FT_OK;
    for (; q->n_statuses < n && status == FT_OK; q->n_statuses++) {
        const ft_sweep_batch *b = &batches[q->n_statuses];
        q->statuses[q->n_statuses] =
            (ft_batch_status){.deaths = b->count > 1 ? deaths : 0, .n_done = count_done(q, b)};
        status = put_back(q, q->n_statuses, err);
    }
    return status;
}

ft_status ft_batch_queue_open(ft_batch_queue *queue, ft_sweep *sweep, ft_error *err)
{
    *queue = (ft_batch_queue){.sweep = sweep};
    return know_batches(queue, 0, err);
}

void ft_batch_queue_close(ft_batch_queue *queue)
{
    for (size_t i = 0; i < queue->n_statuses; i++) free(queue->statuses[i].given_up);
    free(queue->statuses);
    free(queue->waiting.entries);
    *queue = (ft_batch_queue){0};
}

int64_t ft_batch_queue_take(ft_batch_queue *queue)
{
    return ft_batch_queue_is_empty(queue) ? FT_NO_BATCH : (int64_t)ft_heap_pop(&queue->waiting).value;
}

/* Appends a trajectory's configurations to `trajectories`, and those already recorded
 * to `recorded`. */
static bool add_trajectory(const ft_sweep *sweep, size_t trajectory, cJSON *trajectories, cJSON *recorded)
{
    const ft_trajectory *t = &sweep->plan.trajectories[trajectory];
    cJSON *members = cJSON_CreateArray();
    bool ok = members && cJSON_AddItemToArray(trajectories, members);
    for (size_t k = 0; k < t->count && ok; k++) {
        size_t member = sweep->plan.members[t->first + k];
        ok = cJSON_AddItemToArray(members, cJSON_CreateNumber((double)member));
        if (ft_sweep_store_done(sweep->store, member))
            ok = ok && cJSON_AddItemToArray(recorded, cJSON_CreateNumber((double)member));
    }
    return ok;
}

cJSON *ft_batch_queue_describe(const ft_batch_queue *q, size_t batch)
{
    size_t n = 0;
    const ft_sweep *sweep = q->sweep;
    const ft_sweep_batch *b = &ft_sweep_store_batches(sweep->store, &n)[batch];
    const char *checkpoint = ft_sweep_store_checkpoint(sweep->store, batch),
               *failure = q->statuses[batch].given_up;
    cJSON *message = ft_message("type", "train");
    bool ok = message && checkpoint && cJSON_AddNumberToObject(message, "slots", b->slots) &&
              cJSON_AddStringToObject(message, "checkpoint", checkpoint) &&
              cJSON_AddBoolToObject(message, "judge", sweep->scheduling != FT_SCHEDULER_NONE) &&
              cJSON_AddStringToObject(message, "failure", failure ? failure : "");
    cJSON *trajectories = ok ? cJSON_AddArrayToObject(message, "trajectories") : NULL;
    cJSON *numbers = trajectories ? cJSON_AddArrayToObject(message, "numbers") : NULL;
    cJSON *recorded = numbers ? cJSON_AddArrayToObject(message, "recorded") : NULL;
    ok = recorded != NULL;
    for (size_t i = 0; i < b->count && ok; i++)
        ok = cJSON_AddItemToArray(numbers, cJSON_CreateNumber((double)b->trajectories[i])) &&
             add_trajectory(sweep, b->trajectories[i], trajectories, recorded);
    if (ok) return message;
    cJSON_Delete(message);
    return NULL;
}

ft_status ft_batch_queue_end(ft_batch_queue *queue, size_t batch, ft_error *err)
{
    size_t n = 0;
    const ft_sweep_batch *b = &ft_sweep_store_batches(queue->sweep->store, &n)[batch];
    ft_batch_status *batch_status = &queue->statuses[batch];
    const size_t n_done = count_done(queue, b);
    const bool is_over = ft_sweep_is_over(queue->sweep, batch);
    if (!is_over && batch_status->begins_anew && n_done <= batch_status->n_done)
        return ft_fail(err, FT_FAILED, "a worker left its batch undone");
    ft_sweep_store_drop_checkpoint(queue->sweep->store, batch);
    if (is_over) return FT_OK;
    ft_engine_say(queue->sweep->engine, "a batch of %zu trajectories begins anew: results of it are gone",
                  b->count);
    batch_status->begins_anew = true;
    batch_status->n_done = n_done;
    return put_back(queue, batch, err);
}

ft_status ft_batch_queue_requeue(ft_batch_queue *queue, size_t batch, ft_error *err)
{
    return put_back(queue, batch, err);
}

/* A batch failed; `told` says why. It is retried as it is up to the retry limit, then
 * split in two; a single trajectory is given up instead. A half keeps its parent's
 * count, so it is split again at its next failure; a trajectory that stands alone
 * starts counting anew. */
static ft_status try_again(ft_batch_queue *q, size_t batch, const char *told, ft_error *err)
{
    bool is_split = false;
    if (q->statuses[batch].deaths < ft_batch_queue_retries(q->sweep)) return put_back(q, batch, err);
    ft_status status = ft_sweep_split(q->sweep, batch, &is_split, err);
    if (status != FT_OK || is_split)
        return status == FT_OK ? know_batches(q, ft_batch_queue_retries(q->sweep) - 1, err) : status;
    q->statuses[batch].given_up = ft_copy_string(told);
    if (!q->statuses[batch].given_up) return ft_no_memory(err, "the reason of a failure", 256);
    return put_back(q, batch, err);
}

/* Deaths before a new result count together. A batch that made progress since the last
 * one starts again at 1: machines die too, and memory may have been short for a
 * moment. */
static void count_death(ft_batch_queue *q, size_t batch)
{
    size_t n = 0;
    ft_batch_status *batch_status = &q->statuses[batch];
    size_t n_done = count_done(q, &ft_sweep_store_batches(q->sweep->store, &n)[batch]);
    batch_status->deaths = n_done > batch_status->n_done ? 1 : batch_status->deaths + 1;
    batch_status->n_done = n_done;
}

/* Brings the journal up to what the dead worker left on disk of a batch. */
static ft_status settle(ft_batch_queue *q, const ft_sweep_batch *b, ft_error *err)
{
    const ft_sweep *sweep = q->sweep;
    ft_status status = FT_OK;
    for (size_t i = 0; i < b->count && status == FT_OK; i++) {
        const ft_trajectory *t = &sweep->plan.trajectories[b->trajectories[i]];
        for (size_t k = 0; k < t->count && status == FT_OK; k++)
            status = ft_sweep_store_settle(sweep->store, sweep->plan.members[t->first + k], err);
    }
    return status;
}

ft_status ft_batch_queue_requeue_after_death(ft_batch_queue *q, size_t batch, bool is_stopping,
                                             const char *why, ft_error *err)
{
    size_t n = 0;
    const ft_sweep_batch *b = &ft_sweep_store_batches(q->sweep->store, &n)[batch];
    const ft_batch_status *batch_status = &q->statuses[batch];
    ft_status status = settle(q, b, err);
    count_death(q, batch);
    if (status != FT_OK) return status;
    if (is_stopping) return put_back(q, batch, err);
    if (batch_status->given_up) return ft_fail(err, FT_FAILED, "a failure cannot be recorded: %s", why);
    ft_engine_say(q->sweep->engine, "a batch of %zu trajectories: %s", b->count, why);
    char told[256];
    snprintf(told, sizeof told, "%s, %d times", why, batch_status->deaths);
    return try_again(q, batch, told, err);
}

ft_status ft_batch_queue_split_on_oom(ft_batch_queue *q, size_t batch, const char *why, ft_error *err)
{
    if (q->statuses[batch].given_up) return ft_fail(err, FT_NO_MEMORY, "%s", why);
    count_death(q, batch);
    return try_again(q, batch, why, err);
}
