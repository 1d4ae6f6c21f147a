/* The state of a sweep on disk; see store.h. */
#include "host/sweep/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/directory.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "host/sweep/files.h"
#include "host/sweep/journal.h"
#include "host/sweep/results.h"

/* Seconds between looks whether the lock is still this process's. */
static const double LOOK_EVERY = 0.1;

/* The most journal lines that are reported one by one, and the most remarks in all. */
enum { MOST_LINES = 10, MOST_REMARKS = 20 };

struct ft_sweep_store {
    ft_sweep_results results;
    ft_directory directory, checkpoints; /* of this state */
    char *checkpoint;                    /* the path last asked for */
    ft_sweep_index index;
    ft_shard shard;
    ft_sweep_lock lock;
    double last_look; /* when the lock was last checked */
    ft_journal journal;
    char *remarks[MOST_REMARKS];
    size_t n_remarks;
    size_t n_lost;       /* journal lines that are damaged or torn */
    bool had_no_journal; /* this process's journal was missing or empty */
};

/* -- opening -- */

/* The name of the journal that this process writes. */
static const char *own_journal(const ft_sweep_store *store, char name[FT_JOURNAL_NAME])
{
    return ft_journal_name(store->shard.count > 0 ? store->shard.index : 0, name);
}

static size_t n_done(const ft_sweep_store *store)
{
    size_t done = 0;
    for (size_t i = 0; i < store->index.count; i++) done += store->index.experiments[i] != NULL;
    return done;
}

/* *can: the state on disk can be replaced without losing anything, since the sweep is
 * complete, or nothing of it was recorded or kept in a checkpoint. */
static ft_status find_can_make_way(const ft_sweep_store *store, bool *can, ft_error *err)
{
    size_t begun = store->n_lost;
    bool has_checkpoints = false;
    for (size_t i = 0; i < store->index.count; i++) begun += store->index.started[i] != NULL;
    ft_status status = ft_sweep_has_checkpoints(&store->checkpoints, &has_checkpoints, err);
    *can = status == FT_OK && (n_done(store) == store->index.count || (begun == 0 && !has_checkpoints));
    return status;
}

/* Adds a remark for the user, up to a limit. */
static void __attribute__((format(printf, 2, 3))) remark(ft_sweep_store *store, const char *format, ...)
{
    char line[1024];
    va_list args;
    if (store->n_remarks == MOST_REMARKS) return;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    char *text = ft_copy_string(line);
    if (text) store->remarks[store->n_remarks++] = text;
}

/* Adds remarks on the lines that were skipped; `names` are the journals'. */
static void remark_damage(ft_sweep_store *store, const ft_reading *r, char *const *names)
{
    store->n_lost = r->n_damaged + r->n_torn;
    for (size_t i = 0; i < r->n_damaged && i < MOST_LINES; i++)
        remark(store, "%s/%s:%zu: damaged, and passed over: what it told of is found on disk or done again",
               store->directory.path, names[r->damaged[i].journal], r->damaged[i].line);
    if (r->n_damaged > MOST_LINES)
        remark(store, "%s: %zu more lines of its journals are damaged", store->directory.path,
               r->n_damaged - MOST_LINES);
}

/* Reads all journals. own_text: (own_size) is this process's; NULL: reads what the
 * other shards have started and done. */
static ft_status read_journals(ft_sweep_store *store, const char *own_text, size_t own_size, ft_error *err)
{
    ft_reading r = {.results_only = !own_text};
    char **names = NULL, own[FT_JOURNAL_NAME];
    size_t count = 0;
    ft_status status = ft_directory_list(&store->directory, ft_is_journal_name, &names, &count, err);
    own_journal(store, own);
    for (size_t i = 0; i < count && status == FT_OK; i++) {
        char *text = NULL;
        size_t size = 0;
        r.is_own = strcmp(names[i], own) == 0;
        if (r.is_own && !own_text) continue;
        if (!r.is_own)
            status = ft_journal_read_other(&store->directory, names[i], own_text && store->lock.is_alone,
                                           &text, &size, err);
        if (status == FT_OK)
            status = ft_journal_replay(r.is_own ? own_text : text, r.is_own ? own_size : size, i,
                                       &store->index, &r, err);
        free(text);
    }
    if (status == FT_OK) status = ft_sweep_index_end_reading(&store->index, &r, err);
    if (status == FT_OK && own_text) remark_damage(store, &r, names);
    ft_sweep_index_free_reading(&r);
    ft_directory_free_names(names, count);
    return status;
}

/* -- experiments on disk against the journal -- */

static ft_status append(ft_sweep_store *store, cJSON *event, bool wait, ft_error *err)
{
    ft_status status = ft_sweep_store_check(store, err);
    if (status == FT_OK) return ft_journal_append(&store->journal, event, wait, err);
    cJSON_Delete(event);
    return status;
}

/* A result is on disk whose line in the journal is missing: counts it and adds the
 * line. The result's file says whether it failed. One that cannot be read stays there,
 * and the configuration is trained again. */
static ft_status adopt(ft_sweep_store *store, size_t configuration, ft_error *err)
{
    const char *id = store->index.started[configuration];
    cJSON *result = NULL;
    bool failed = false;
    ft_status status = ft_sweep_results_read(&store->results, id, &result, &failed, err);
    cJSON_Delete(result);
    if (status == FT_OK) return ft_sweep_store_finish(store, configuration, id, failed, err);
    if (status != FT_BAD_INPUT) return status;
    remark(store, "%s; it stays, and its configuration is trained again", err->message);
    ft_sweep_index_forget_start(&store->index, configuration);
    return FT_OK;
}

/* Forgets a result that is in the journal but not on disk any more. */
static ft_status forget_missing(ft_sweep_store *store, size_t configuration, ft_error *err)
{
    bool exists = true;
    if (!store->index.experiments[configuration]) return FT_OK;
    ft_status status =
        ft_sweep_results_has(&store->results, store->index.experiments[configuration], &exists, err);
    if (status == FT_OK && !exists) ft_sweep_index_forget(&store->index, configuration);
    return status;
}

ft_status ft_sweep_store_settle(ft_sweep_store *store, size_t configuration, ft_error *err)
{
    bool has_result = false;
    ft_status status = ft_sweep_store_check(store, err);
    if (status == FT_OK) status = forget_missing(store, configuration, err);
    const char *started = store->index.started[configuration];
    if (status != FT_OK || store->index.experiments[configuration] || !started) return status;
    status = ft_sweep_results_has(&store->results, started, &has_result, err);
    if (status == FT_OK && !has_result)
        status = ft_sweep_results_discard(&store->results, started, &has_result, err);
    return status == FT_OK && has_result ? adopt(store, configuration, err) : status;
}

/* Skips what other shards have begun: they may still be recording it. */
static ft_status settle_all(ft_sweep_store *store, ft_error *err)
{
    ft_status status = FT_OK;
    for (size_t i = 0; i < store->index.count && status == FT_OK; i++)
        if (store->lock.is_alone || store->index.begun_here[i])
            status = ft_sweep_store_settle(store, i, err);
        else
            status = forget_missing(store, i, err);
    return status;
}

/* Removes unfinished experiments that no journal line names, after lines were lost.
 * One with a trained adapter may belong to another run, and stays. */
static ft_status discard_unnamed(ft_sweep_store *store, ft_error *err)
{
    char **names = NULL;
    size_t count = 0, configuration;
    if (store->n_lost == 0 || !store->lock.is_alone) return FT_OK;
    ft_status status = ft_directory_list(&store->results.experiments, NULL, &names, &count, err);
    for (size_t i = 0; i < count && status == FT_OK; i++) {
        bool has_result = false, has_adapter = false;
        if (!ft_sweep_index_find_id(&store->index, names[i], &configuration) ||
            store->index.experiments[configuration])
            continue;
        status = ft_sweep_results_has(&store->results, names[i], &has_result, err);
        if (status == FT_OK && !has_result)
            status = ft_sweep_results_has_adapter(&store->results, names[i], &has_adapter, err);
        if (status == FT_OK && !has_result && !has_adapter)
            status = ft_sweep_results_discard(&store->results, names[i], &has_result, err);
    }
    ft_directory_free_names(names, count);
    return status;
}

/* Adopts a result on disk that is one of `configuration` and in no journal. */
static ft_status adopt_found(ft_sweep_store *store, size_t configuration, const char *id,
                             ft_is_result_of *is_result, const void *context, size_t *n_found, ft_error *err)
{
    bool has_result = false, failed;
    cJSON *result = NULL;
    ft_error read_error;
    ft_status status = ft_sweep_results_has(&store->results, id, &has_result, err);
    if (status != FT_OK || !has_result) return status;
    status = ft_sweep_results_read(&store->results, id, &result, &failed, &read_error);
    if (status == FT_NO_MEMORY) return ft_fail(err, status, "%s", read_error.message);
    if (status == FT_OK && is_result(context, configuration, result)) {
        status = ft_sweep_store_start(store, configuration, id, err);
        if (status == FT_OK) status = ft_sweep_store_finish(store, configuration, id, failed, err);
        *n_found += status == FT_OK;
    } else {
        status = FT_OK; /* of another sweep of this name, or damaged */
    }
    cJSON_Delete(result);
    return status;
}

/* After journals lost lines or files: looks through the results on disk for those of
 * this plan. */
static ft_status find_results(ft_sweep_store *store, ft_is_result_of *is_result, const void *context,
                              ft_error *err)
{
    char **names = NULL, own[FT_JOURNAL_NAME];
    size_t count = 0, configuration, n_found = 0;
    if (!is_result || (store->n_lost == 0 && !store->had_no_journal)) return FT_OK;
    ft_status status = ft_directory_list(&store->results.experiments, NULL, &names, &count, err);
    for (size_t i = 0; i < count && status == FT_OK; i++)
        if (ft_sweep_index_find_id(&store->index, names[i], &configuration) &&
            !store->index.experiments[configuration])
            status = adopt_found(store, configuration, names[i], is_result, context, &n_found, err);
    if (n_found > 0)
        remark(store, "%s/%s does not tell of %zu results of this sweep that are on disk: they count",
               store->directory.path, own_journal(store, own), n_found);
    ft_directory_free_names(names, count);
    return status;
}

ft_status ft_sweep_store_refresh(ft_sweep_store *store, ft_error *err)
{
    ft_status status = read_journals(store, NULL, 0, err);
    for (size_t i = 0; i < store->index.count && status == FT_OK; i++) status = forget_missing(store, i, err);
    return status;
}

/* Whether only this process may touch a discarded experiment. */
static bool is_ours(const void *context, const char *experiment_id)
{
    const ft_sweep_store *store = context;
    size_t configuration;
    return store->lock.is_alone || (ft_sweep_index_find_id(&store->index, experiment_id, &configuration) &&
                                    store->index.begun_here[configuration]);
}

/* Loads the plan on disk and what was done of it. */
static ft_status take_up(ft_sweep_store *store, const char *name, const cJSON *existing, ft_error *err)
{
    char own[FT_JOURNAL_NAME], *text = NULL;
    size_t size = 0;
    ft_status status = ft_sweep_plan_check(&store->directory, name, existing, &store->index, err);
    if (status == FT_OK)
        status =
            ft_journal_open(&store->journal, &store->directory, own_journal(store, own), &text, &size, err);
    store->had_no_journal = size == 0;
    if (status == FT_OK && store->lock.is_alone)
        status = ft_sweep_results_restore(&store->results, is_ours, store, err);
    if (status == FT_OK) status = read_journals(store, text, size, err);
    if (status == FT_OK) status = settle_all(store, err);
    if (status == FT_OK) status = discard_unnamed(store, err);
    free(text);
    return status;
}

/* Compares `plan` with the one on disk, and loads what was done of it. *fresh: there
 * is none, or one that may be replaced. */
static ft_status read_existing(ft_sweep_store *store, const char *name, const cJSON *plan,
                               ft_is_result_of *is_result, const void *context, bool *fresh, ft_error *err)
{
    cJSON *existing = NULL;
    ft_status status = ft_sweep_plan_read(&store->directory, &store->checkpoints, &existing, err);
    *fresh = status == FT_OK && !existing;
    if (!existing) return status;
    status = take_up(store, name, existing, err);
    const char *differs = status == FT_OK ? ft_sweep_plan_difference(existing, plan) : NULL;
    const char *s = differs && differs[strlen(differs) - 1] == 's' ? "" : "s";
    if (differs && store->lock.is_alone) status = find_can_make_way(store, fresh, err);
    if (status == FT_OK && differs && !store->lock.is_alone)
        status = ft_fail(err, FT_BAD_INPUT,
                         "sweep \"%s\" is being run by other shards, and its %s differ%s from theirs", name,
                         differs, s);
    else if (status == FT_OK && differs && !*fresh)
        status = ft_fail(err, FT_BAD_INPUT,
                         "sweep \"%s\" stopped after %zu of %zu experiments, and its %s differ%s now: "
                         "start it with the same data, model and "
                         "arguments to resume it, or choose another --name",
                         name, n_done(store), store->index.count, differs, s);
    else if (status == FT_OK && !differs)
        status = find_results(store, is_result, context, err);
    cJSON_Delete(existing);
    return status;
}

/* FT_BAD_INPUT if another shard runs though its plan was removed. */
static ft_status check_nobody_runs(const ft_sweep_store *store, ft_error *err)
{
    char **names = NULL;
    size_t count = 0;
    ft_status status = ft_directory_list(&store->directory, ft_is_journal_name, &names, &count, err);
    for (size_t i = 0; i < count && status == FT_OK; i++) {
        bool held = false;
        status = ft_journal_is_held(&store->directory, names[i], &held, err);
        if (status == FT_OK && held)
            status = ft_fail(err, FT_BAD_INPUT,
                             "%s/plan.json is gone while another shard runs (it has %s): wait until that has "
                             "ended, then start all shards again",
                             store->directory.path, names[i]);
    }
    ft_directory_free_names(names, count);
    return status;
}

/* Writes a new plan and an empty journal. */
static ft_status write_fresh(ft_sweep_store *store, const char *name, const cJSON *plan, ft_error *err)
{
    char own[FT_JOURNAL_NAME], *text = NULL;
    size_t size = 0;
    ft_journal_close(&store->journal);
    ft_status status = store->lock.is_alone ? FT_OK : check_nobody_runs(store, err);
    if (status == FT_OK) status = ft_sweep_plan_check(&store->directory, name, plan, &store->index, err);
    if (status == FT_OK) status = ft_sweep_plan_write(&store->directory, &store->checkpoints, plan, err);
    if (status == FT_OK)
        status =
            ft_journal_open(&store->journal, &store->directory, own_journal(store, own), &text, &size, err);
    free(text);
    return status;
}

static ft_status open_directories(ft_sweep_store *store, const char *results, const char *name, ft_error *err)
{
    ft_directory sweeps = FT_NO_DIRECTORY;
    ft_status status = ft_make_directories(results, err);
    if (status == FT_OK) status = ft_directory_open(results, &store->results.experiments, err);
    if (status == FT_OK) status = ft_directory_open_in(&store->results.experiments, ".sweeps", &sweeps, err);
    if (status == FT_OK) status = ft_directory_open_in(&sweeps, name, &store->directory, err);
    if (status == FT_OK)
        status = ft_directory_open_in(&store->directory, "checkpoints", &store->checkpoints, err);
    if (status == FT_OK)
        status = ft_directory_open_in(&store->directory, "discarded", &store->results.discarded, err);
    ft_directory_close(&sweeps);
    return status;
}

ft_status ft_sweep_store_open(const char *results, const char *name, ft_shard shard, const cJSON *plan,
                              ft_is_result_of *is_result, const void *context, ft_sweep_store **out,
                              ft_error *err)
{
    *out = NULL;
    ft_sweep_store *store = calloc(1, sizeof *store);
    if (!store) return ft_no_memory(err, "the sweep's state", sizeof *store);
    *store = (ft_sweep_store){.results = {FT_NO_DIRECTORY, FT_NO_DIRECTORY},
                              .directory = FT_NO_DIRECTORY,
                              .checkpoints = FT_NO_DIRECTORY,
                              .shard = shard,
                              .lock = FT_SWEEP_LOCK_NONE,
                              .journal = FT_NO_JOURNAL};
    bool fresh = true;
    ft_status status = open_directories(store, results, name, err);
    if (status == FT_OK) status = ft_sweep_lock_take(&store->lock, &store->directory, name, shard, err);
    if (status == FT_OK) status = read_existing(store, name, plan, is_result, context, &fresh, err);
    if (status == FT_OK && fresh) status = write_fresh(store, name, plan, err);
    if (status == FT_OK) ft_sweep_lock_opened(&store->lock);
    if (status != FT_OK) {
        ft_sweep_store_close(store);
        return status;
    }
    *out = store;
    return FT_OK;
}

void ft_sweep_store_close(ft_sweep_store *store)
{
    if (!store) return;
    ft_journal_close(&store->journal);
    ft_sweep_lock_release(&store->lock);
    ft_sweep_index_free(&store->index);
    ft_directory_close(&store->results.experiments);
    ft_directory_close(&store->results.discarded);
    ft_directory_close(&store->checkpoints);
    ft_directory_close(&store->directory);
    for (size_t i = 0; i < store->n_remarks; i++) free(store->remarks[i]);
    free(store->checkpoint);
    free(store);
}

const char *ft_sweep_store_remark(const ft_sweep_store *store, size_t configuration)
{
    return configuration < store->n_remarks ? store->remarks[configuration] : NULL;
}

ft_status ft_sweep_store_check(ft_sweep_store *store, ft_error *err)
{
    const double now = ft_now_seconds();
    ft_error why;
    if (now - store->last_look >= LOOK_EVERY) {
        store->last_look = now;
        ft_status status = ft_sweep_lock_check(&store->lock, &store->directory, &why);
        if (status != FT_OK) ft_journal_end(&store->journal, status, why.message);
        char own[FT_JOURNAL_NAME];
        ft_journal_look(&store->journal, &store->directory, own_journal(store, own));
    }
    return ft_journal_check(&store->journal, err);
}

/* -- what is known -- */

const char *ft_sweep_store_done(const ft_sweep_store *store, size_t configuration)
{
    return store->index.experiments[configuration];
}

bool ft_sweep_store_failed(const ft_sweep_store *store, size_t configuration)
{
    return store->index.experiments[configuration] && store->index.failed[configuration];
}

const ft_sweep_batch *ft_sweep_store_batches(const ft_sweep_store *store, size_t *n)
{
    *n = store->index.n_batches;
    return store->index.batches;
}

size_t ft_sweep_store_root(const ft_sweep_store *store, size_t batch)
{
    return store->index.batches[batch].number % store->index.n_planned;
}

/* Whether the batch of that number belongs, or would belong, to this process's shard. */
static bool owns_number(const ft_sweep_store *store, size_t number)
{
    size_t count = (size_t)store->shard.count;
    return count == 0 || number % store->index.n_planned % count == (size_t)store->shard.index - 1;
}

bool ft_sweep_store_owns(const ft_sweep_store *store, size_t batch)
{
    return owns_number(store, store->index.batches[batch].number);
}

const ft_pruning_decision *ft_sweep_store_pruning_decisions(const ft_sweep_store *store, size_t *n)
{
    *n = store->index.n_decisions;
    return store->index.decisions;
}

void ft_sweep_store_drop_pruning_decisions(ft_sweep_store *store)
{
    ft_sweep_index_drop_pruning_decisions(&store->index);
}

/* -- checkpoints -- */

const char *ft_sweep_store_checkpoint(ft_sweep_store *store, size_t batch)
{
    char name[FT_CHECKPOINT_NAME];
    free(store->checkpoint);
    store->checkpoint =
        ft_join_path(store->checkpoints.path, ft_checkpoint_name(store->index.batches[batch].number, name));
    return store->checkpoint;
}

void ft_sweep_store_drop_checkpoint(ft_sweep_store *store, size_t batch)
{
    char name[FT_CHECKPOINT_NAME];
    ft_error ignored;
    if (ft_sweep_store_check(store, &ignored) != FT_OK) return;
    unlinkat(store->checkpoints.descriptor, ft_checkpoint_name(store->index.batches[batch].number, name), 0);
}

/* Removes those checkpoints of this process from which no batch can resume. */
static ft_status tidy_checkpoints(ft_sweep_store *store, bool (*is_over)(void *context, size_t batch),
                                  void *context, ft_error *err)
{
    char **names = NULL;
    size_t count = 0, number;
    ft_status status = ft_directory_list(&store->checkpoints, NULL, &names, &count, err);
    for (size_t i = 0; i < count && status == FT_OK; i++) {
        bool is_temporary;
        if (!ft_read_checkpoint_name(names[i], &number, &is_temporary) || !owns_number(store, number))
            continue;
        int64_t batch = ft_sweep_index_find_batch(&store->index, number);
        if (is_temporary || batch < 0 || is_over(context, (size_t)batch))
            unlinkat(store->checkpoints.descriptor, names[i], 0);
    }
    ft_directory_free_names(names, count);
    return status;
}

ft_status ft_sweep_store_tidy(ft_sweep_store *store, bool (*is_over)(void *context, size_t batch),
                              void *context, ft_error *err)
{
    ft_status status = ft_sweep_store_check(store, err);
    for (size_t i = 0; i < store->index.count && status == FT_OK; i++)
        if (store->index.begun_here[i] && !store->index.experiments[i])
            status = ft_sweep_store_settle(store, i, err);
    if (status == FT_OK) status = ft_sweep_results_restore(&store->results, is_ours, store, err);
    return status == FT_OK ? tidy_checkpoints(store, is_over, context, err) : status;
}

/* -- what happens -- */

void ft_sweep_store_gather(ft_sweep_store *store)
{
    store->journal.gathers = true;
}

ft_status ft_sweep_store_sync(ft_sweep_store *store, ft_error *err)
{
    return ft_journal_sync(&store->journal, err);
}

/* {"event":event,key:number}, or NULL when memory runs out. */
static cJSON *make_event(const char *event, const char *key, size_t number)
{
    cJSON *entry = cJSON_CreateObject();
    if (entry && cJSON_AddStringToObject(entry, "event", event) &&
        cJSON_AddNumberToObject(entry, key, (double)number))
        return entry;
    cJSON_Delete(entry);
    return NULL;
}

static ft_status append_result(ft_sweep_store *store, const char *event, size_t configuration,
                               const char *experiment_id, bool failed, ft_error *err)
{
    ft_status status = ft_sweep_index_check_id(&store->index, configuration, experiment_id, err);
    if (status != FT_OK) return status;
    cJSON *entry = make_event(event, "configuration", configuration + 1);
    if (entry && (!cJSON_AddStringToObject(entry, "experiment_id", experiment_id) ||
                  (failed && !cJSON_AddTrueToObject(entry, "failed")))) {
        cJSON_Delete(entry);
        entry = NULL;
    }
    return append(store, entry, true, err);
}

ft_status ft_sweep_store_start(ft_sweep_store *store, size_t configuration, const char *experiment_id,
                               ft_error *err)
{
    ft_status status = append_result(store, "started", configuration, experiment_id, false, err);
    if (status == FT_OK) store->index.begun_here[configuration] = true;
    return status == FT_OK ? ft_sweep_index_start(&store->index, configuration, experiment_id, err) : status;
}

ft_status ft_sweep_store_finish(ft_sweep_store *store, size_t configuration, const char *experiment_id,
                                bool failed, ft_error *err)
{
    ft_status status = append_result(store, "done", configuration, experiment_id, failed, err);
    return status == FT_OK ? ft_sweep_index_finish(&store->index, configuration, experiment_id, failed, err)
                           : status;
}

ft_status ft_sweep_store_judge(ft_sweep_store *store, const ft_pruning_decision *decisions, size_t n,
                               ft_error *err)
{
    ft_status status = FT_OK;
    for (size_t i = 0; i < n && status == FT_OK; i++) {
        const ft_pruning_decision *j = &decisions[i];
        cJSON *entry = make_event("judged", "trajectory", j->trajectory + 1);
        cJSON *loss = entry ? ft_json_number(j->val_loss) : NULL;
        if (!loss || !cJSON_AddNumberToObject(entry, "epoch", j->epoch) ||
            !cJSON_AddItemToObject(entry, "val_loss", loss) ||
            !cJSON_AddBoolToObject(entry, "pruned", j->pruned)) {
            cJSON_Delete(entry);
            entry = NULL;
        }
        status = append(store, entry, i + 1 == n, err);
    }
    return status;
}

ft_status ft_sweep_store_split(ft_sweep_store *store, size_t batch, const size_t *trajectories, size_t count,
                               ft_error *err)
{
    cJSON *entry = make_event("split", "batch", store->index.batches[batch].number + 1);
    cJSON *list = entry ? cJSON_AddArrayToObject(entry, "trajectories") : NULL;
    bool ok = list != NULL;
    for (size_t i = 0; i < count && ok; i++)
        ok = cJSON_AddItemToArray(list, cJSON_CreateNumber((double)trajectories[i] + 1));
    if (!ok) {
        cJSON_Delete(entry);
        entry = NULL;
    }
    ft_status status = append(store, entry, true, err);
    if (status == FT_OK) status = ft_sweep_store_sync(store, err);
    if (status == FT_OK) ft_sweep_store_drop_checkpoint(store, batch);
    return status == FT_OK ? ft_sweep_index_split(&store->index, batch, trajectories, count, err) : status;
}
