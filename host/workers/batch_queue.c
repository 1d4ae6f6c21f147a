/* Which batch is trained next, and what becomes of those that fail; see batch_queue.h. */
#include "host/workers/batch_queue.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "host/workers/protocol.h"

enum { DEFAULT_RETRIES = 2 };

int32_t ft_handout_retries(const ft_sweep *sweep)
{
    return sweep->request->retries > 0 ? (int32_t)sweep->request->retries : DEFAULT_RETRIES;
}

/* Whoever had a batch has it no longer. */
static ft_status put_back(ft_handout *h, size_t batch, ft_error *err)
{
    if (ft_sweep_is_over(h->sweep, batch)) return FT_OK;
    return ft_heap_push(&h->waiting, (double)ft_sweep_state_root(h->sweep->state, batch), batch, err);
}

static size_t count_done(const ft_handout *h, const ft_sweep_batch *b)
{
    const ft_sweep *sweep = h->sweep;
    size_t n_done = 0;
    for (size_t i = 0; i < b->count; i++) {
        const ft_trajectory *t = &sweep->plan.trajectories[b->trajectories[i]];
        for (size_t k = 0; k < t->count; k++)
            n_done += ft_sweep_state_done(sweep->state, sweep->plan.members[t->first + k]) != NULL;
    }
    return n_done;
}

/* Takes up the batches that are new in the state, each with `deaths`, but none where it is one trajectory. */
static ft_status know_batches(ft_handout *h, int32_t deaths, ft_error *err)
{
    size_t n = 0;
    const ft_sweep_batch *batches = ft_sweep_state_batches(h->sweep->state, &n);
    if (n <= h->n_fates) return FT_OK;
    ft_batch_fate *grown = realloc(h->fates, n * sizeof *grown);
    if (!grown) return ft_no_memory(err, "the coordinator", n * sizeof *grown);
    h->fates = grown;
    ft_status status = FT_OK;
    for (; h->n_fates < n && status == FT_OK; h->n_fates++) {
        const ft_sweep_batch *b = &batches[h->n_fates];
        h->fates[h->n_fates] =
            (ft_batch_fate){.deaths = b->count > 1 ? deaths : 0, .n_done = count_done(h, b)};
        status = put_back(h, h->n_fates, err);
    }
    return status;
}

ft_status ft_handout_open(ft_handout *handout, ft_sweep *sweep, ft_error *err)
{
    *handout = (ft_handout){.sweep = sweep};
    return know_batches(handout, 0, err);
}

void ft_handout_close(ft_handout *handout)
{
    for (size_t i = 0; i < handout->n_fates; i++) free(handout->fates[i].given_up);
    free(handout->fates);
    free(handout->waiting.entries);
    *handout = (ft_handout){0};
}

int64_t ft_handout_take(ft_handout *handout)
{
    return ft_handout_is_empty(handout) ? FT_NO_BATCH : (int64_t)ft_heap_pop(&handout->waiting).value;
}

/* The configurations of a trajectory, and which of them are recorded, each onto its list. */
static bool add_trajectory(const ft_sweep *sweep, size_t trajectory, cJSON *trajectories, cJSON *recorded)
{
    const ft_trajectory *t = &sweep->plan.trajectories[trajectory];
    cJSON *members = cJSON_CreateArray();
    bool ok = members && cJSON_AddItemToArray(trajectories, members);
    for (size_t k = 0; k < t->count && ok; k++) {
        size_t member = sweep->plan.members[t->first + k];
        ok = cJSON_AddItemToArray(members, cJSON_CreateNumber((double)member));
        if (ft_sweep_state_done(sweep->state, member))
            ok = ok && cJSON_AddItemToArray(recorded, cJSON_CreateNumber((double)member));
    }
    return ok;
}

cJSON *ft_handout_describe(const ft_handout *h, size_t batch)
{
    size_t n = 0;
    const ft_sweep *sweep = h->sweep;
    const ft_sweep_batch *b = &ft_sweep_state_batches(sweep->state, &n)[batch];
    const char *checkpoint = ft_sweep_state_checkpoint(sweep->state, batch),
               *failure = h->fates[batch].given_up;
    cJSON *message = ft_message("do", "train");
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

ft_status ft_handout_end(ft_handout *handout, size_t batch, ft_error *err)
{
    size_t n = 0;
    const ft_sweep_batch *b = &ft_sweep_state_batches(handout->sweep->state, &n)[batch];
    ft_batch_fate *fate = &handout->fates[batch];
    const size_t n_done = count_done(handout, b);
    const bool is_over = ft_sweep_is_over(handout->sweep, batch);
    if (!is_over && fate->begins_anew && n_done <= fate->n_done)
        return ft_fail(err, FT_FAILED, "a worker left its batch undone");
    ft_sweep_state_drop_checkpoint(handout->sweep->state, batch);
    if (is_over) return FT_OK;
    ft_engine_say(handout->sweep->engine, "a batch of %zu trajectories begins anew: results of it are gone",
                  b->count);
    fate->begins_anew = true;
    fate->n_done = n_done;
    return put_back(handout, batch, err);
}

ft_status ft_handout_return(ft_handout *handout, size_t batch, ft_error *err)
{
    return put_back(handout, batch, err);
}

/* A batch was not trained, `told` says why. It waits again as it is while that happened a few times only,
 * else it is cut in two or, where one trajectory is left, given up. A half that fails as well is cut at once;
 * one that stands alone has all its tries. */
static ft_status try_again(ft_handout *h, size_t batch, const char *told, ft_error *err)
{
    bool is_split = false;
    if (h->fates[batch].deaths < ft_handout_retries(h->sweep)) return put_back(h, batch, err);
    ft_status status = ft_sweep_split(h->sweep, batch, &is_split, err);
    if (status != FT_OK || is_split)
        return status == FT_OK ? know_batches(h, ft_handout_retries(h->sweep) - 1, err) : status;
    h->fates[batch].given_up = ft_copy_string(told);
    if (!h->fates[batch].given_up) return ft_no_memory(err, "the reason of a failure", 256);
    return put_back(h, batch, err);
}

/* One that comes on is not to blame: machines die as well, and others have had the memory for a moment. */
static void count_death(ft_handout *h, size_t batch)
{
    size_t n = 0;
    ft_batch_fate *fate = &h->fates[batch];
    size_t n_done = count_done(h, &ft_sweep_state_batches(h->sweep->state, &n)[batch]);
    fate->deaths = n_done > fate->n_done ? 1 : fate->deaths + 1;
    fate->n_done = n_done;
}

/* What the dead worker has left on disk of a batch. */
static ft_status settle(ft_handout *h, const ft_sweep_batch *b, ft_error *err)
{
    const ft_sweep *sweep = h->sweep;
    ft_status status = FT_OK;
    for (size_t i = 0; i < b->count && status == FT_OK; i++) {
        const ft_trajectory *t = &sweep->plan.trajectories[b->trajectories[i]];
        for (size_t k = 0; k < t->count && status == FT_OK; k++)
            status = ft_sweep_state_settle(sweep->state, sweep->plan.members[t->first + k], err);
    }
    return status;
}

ft_status ft_handout_bury(ft_handout *h, size_t batch, bool is_stopping, const char *why, ft_error *err)
{
    size_t n = 0;
    const ft_sweep_batch *b = &ft_sweep_state_batches(h->sweep->state, &n)[batch];
    const ft_batch_fate *fate = &h->fates[batch];
    ft_status status = settle(h, b, err);
    count_death(h, batch);
    if (status != FT_OK) return status;
    if (is_stopping) return put_back(h, batch, err);
    if (fate->given_up) return ft_fail(err, FT_FAILED, "a failure cannot be recorded: %s", why);
    ft_engine_say(h->sweep->engine, "a batch of %zu trajectories: %s", b->count, why);
    char told[256];
    snprintf(told, sizeof told, "%s, %d times", why, fate->deaths);
    return try_again(h, batch, told, err);
}

ft_status ft_handout_shrink(ft_handout *h, size_t batch, const char *why, ft_error *err)
{
    if (h->fates[batch].given_up) return ft_fail(err, FT_NO_MEMORY, "%s", why);
    count_death(h, batch);
    return try_again(h, batch, why, err);
}
