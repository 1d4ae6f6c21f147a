/* What a sweep remembers on disk; see sweep_state.h. */
#include "host/sweep_state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"

struct ft_sweep_state {
    char *results, *directory; /* of experiments; of this state */
    char *checkpoint;          /* the path last asked for */
    ft_sweep_books books;
    ft_shard shard;
    ft_sweep_lock lock;
    int journal;  /* descriptor, -1 where closed */
    bool gathers; /* what is written waits for ft_sweep_state_sync */
    bool is_behind;
};

static char *path_in(const ft_sweep_state *state, const char *name)
{
    return ft_join_path(state->directory, name);
}

static ft_status open_file(const ft_sweep_state *state, const char *name, int flags, int *descriptor,
                           ft_error *err)
{
    char *path = path_in(state, name);
    if (!path) return ft_no_memory(err, "a path", strlen(name));
    *descriptor = open(path, flags | O_CLOEXEC, 0666);
    ft_status status = *descriptor >= 0 ? FT_OK : ft_fail(err, FT_FAILED, "%s: %s", path, strerror(errno));
    free(path);
    return status;
}

/* The name of the journal that this process writes: "journal.2.jsonl". */
static const char *own_journal(const ft_sweep_state *state, char name[64])
{
    if (state->shard.count > 0)
        snprintf(name, 64, "journal.%d.jsonl", (int)state->shard.index);
    else
        strcpy(name, "journal.jsonl");
    return name;
}

/* The first key whose values differ, in an object the one within it, or NULL. Batches are as the first start
 * made them: they depend on devices that may be others now. */
static const char *difference(const cJSON *a, const cJSON *b)
{
    for (const cJSON *item = a->child; item; item = item->next) {
        const cJSON *other = cJSON_GetObjectItemCaseSensitive(b, item->string);
        if (strcmp(item->string, "batches") != 0 && !cJSON_Compare(item, other, true))
            return cJSON_IsObject(item) && cJSON_IsObject(other) ? difference(item, other) : item->string;
    }
    for (const cJSON *item = b->child; item; item = item->next)
        if (!cJSON_GetObjectItemCaseSensitive(a, item->string)) return item->string;
    return NULL;
}

static size_t n_done(const ft_sweep_state *state)
{
    size_t done = 0;
    for (size_t i = 0; i < state->books.count; i++) done += state->books.experiments[i] != NULL;
    return done;
}

static int is_checkpoint(const struct dirent *entry)
{
    int end = 0;
    size_t batch = 0;
    return sscanf(entry->d_name, "batch_%zu.safetensors%n", &batch, &end) == 1 && end > 0 &&
           entry->d_name[end] == '\0';
}

static bool has_checkpoints(const ft_sweep_state *state)
{
    char *path = path_in(state, "checkpoints");
    struct dirent **names = NULL;
    int n = path ? scandir(path, &names, is_checkpoint, NULL) : -1;
    for (int i = 0; i < n; i++) free(names[i]);
    free(names);
    free(path);
    return n > 0;
}

/* Whether nothing would be lost if the state on disk made way: all of its plan is done, or nothing of it was
 * recorded or kept in a checkpoint. */
static bool can_make_way(const ft_sweep_state *state)
{
    size_t begun = 0;
    for (size_t i = 0; i < state->books.count; i++) begun += state->books.started[i] != NULL;
    return n_done(state) == state->books.count || (begun == 0 && !has_checkpoints(state));
}

/* Reads a journal; a last line without its end was torn by a crash and is cut off, or, in one that another
 * process has, is being written. */
static ft_status read_journal(ft_sweep_state *state, ft_reading *r, const char *name, ft_error *err)
{
    char *path = path_in(state, name), *text = NULL;
    size_t size = 0, at = 0, line = 1;
    if (!path) return ft_no_memory(err, "a path", 32);
    ft_status status = ft_path_exists(path) ? ft_read_file(path, (size_t)1 << 32, &text, &size, err) : FT_OK;
    while (status == FT_OK && at < size) {
        const char *end = memchr(text + at, '\n', size - at);
        if (!end) break;
        char where[4200];
        snprintf(where, sizeof where, "%s:%zu", path, line++);
        status = ft_books_replay(&state->books, r, text + at, (size_t)(end - (text + at)), where, err);
        at = (size_t)(end - text) + 1;
    }
    if (status == FT_OK && at < size && (r->is_own || state->lock.is_alone) && truncate(path, (off_t)at) != 0)
        status = ft_fail(err, FT_FAILED, "%s: %s", path, strerror(errno));
    free(text);
    free(path);
    return status;
}

static int is_journal(const struct dirent *entry)
{
    int end = 0, shard = 0;
    return strcmp(entry->d_name, "journal.jsonl") == 0 ||
           (sscanf(entry->d_name, "journal.%d.jsonl%n", &shard, &end) == 1 && end > 0 &&
            entry->d_name[end] == '\0');
}

/* Reads all journals; of others_only those of other processes, and of these what was started and done. */
static ft_status read_journals(ft_sweep_state *state, bool others_only, ft_error *err)
{
    ft_reading r = {.results_only = others_only};
    struct dirent **names = NULL;
    char own[64];
    ft_status status = FT_OK;
    int n = scandir(state->directory, &names, is_journal, alphasort);
    if (n < 0) return ft_fail(err, FT_FAILED, "%s: %s", state->directory, strerror(errno));
    for (int i = 0; i < n; i++) {
        r.is_own = strcmp(names[i]->d_name, own_journal(state, own)) == 0;
        if (status == FT_OK && !(r.is_own && others_only))
            status = read_journal(state, &r, names[i]->d_name, err);
        free(names[i]);
    }
    free(names);
    return ft_books_end_reading(&state->books, &r, status, state->directory, err);
}

/* Whether an experiment's result is on disk. */
static bool has_result(const ft_sweep_state *state, const char *id)
{
    char *directory = ft_join_path(state->results, id),
         *file = directory ? ft_join_path(directory, "results.json") : NULL;
    bool exists = file && ft_path_exists(file);
    free(file);
    free(directory);
    return exists;
}

/* Counts a result on disk whose line in the journal is missing, and adds the line: whether it failed, the
 * result's file tells. */
static ft_status adopt(ft_sweep_state *state, size_t index, ft_error *err)
{
    char *directory = ft_join_path(state->results, state->books.started[index]),
         *file = directory ? ft_join_path(directory, "results.json") : NULL;
    cJSON *result = NULL;
    ft_status status = file ? ft_json_read(file, &result, err) : ft_no_memory(err, "a path", 32);
    if (status == FT_OK)
        status =
            ft_sweep_state_finish(state, index, state->books.started[index],
                                  cJSON_IsString(cJSON_GetObjectItemCaseSensitive(result, "error")), err);
    cJSON_Delete(result);
    free(file);
    free(directory);
    return status;
}

/* A result that was journalled and is gone does not count. */
static void forget_missing(ft_sweep_state *state, size_t index)
{
    if (state->books.experiments[index] && !has_result(state, state->books.experiments[index]))
        ft_books_forget(&state->books, index);
}

ft_status ft_sweep_state_settle(ft_sweep_state *state, size_t index, ft_error *err)
{
    forget_missing(state, index);
    if (state->books.experiments[index] || !state->books.started[index]) return FT_OK;
    if (has_result(state, state->books.started[index])) return adopt(state, index, err);
    char *left = ft_join_path(state->results, state->books.started[index]);
    if (left) ft_remove_tree(left);
    free(left);
    return FT_OK;
}

/* What other shards have begun they may still be at. */
static ft_status settle_all(ft_sweep_state *state, ft_error *err)
{
    ft_status status = FT_OK;
    for (size_t i = 0; i < state->books.count && status == FT_OK; i++)
        if (state->lock.is_alone || state->books.begun_here[i])
            status = ft_sweep_state_settle(state, i, err);
        else
            forget_missing(state, i);
    return status;
}

ft_status ft_sweep_state_refresh(ft_sweep_state *state, ft_error *err)
{
    ft_status status = read_journals(state, true, err);
    for (size_t i = 0; i < state->books.count && status == FT_OK; i++) forget_missing(state, i);
    return status;
}

static ft_status open_journal(ft_sweep_state *state, ft_error *err)
{
    char name[64];
    return open_file(state, own_journal(state, name), O_WRONLY | O_CREAT | O_APPEND, &state->journal, err);
}

/* Compares with the plan on disk and reads what was done of it. *fresh: there is none, or a complete one of
 * other arguments. */
static ft_status read_existing(ft_sweep_state *state, const char *name, const cJSON *plan, bool *fresh,
                               ft_error *err)
{
    char *path = path_in(state, "plan.json");
    cJSON *existing = NULL;
    *fresh = true;
    if (!path) return ft_no_memory(err, "a path", 32);
    ft_status status = FT_OK;
    if (ft_path_exists(path)) {
        status = ft_json_read(path, &existing, err);
        if (status == FT_OK) status = ft_books_open(&state->books, existing, path, err);
        if (status == FT_OK) status = read_journals(state, false, err);
        if (status == FT_OK) status = open_journal(state, err);
        if (status == FT_OK) status = settle_all(state, err);
        const char *differs = status == FT_OK ? difference(existing, plan) : NULL;
        *fresh = status == FT_OK && differs && can_make_way(state);
        if (differs && !state->lock.is_alone) {
            *fresh = false;
            status = ft_fail(err, FT_BAD_INPUT,
                             "sweep \"%s\" is being run by other shards, and its %s differ%s from theirs",
                             name, differs, differs[strlen(differs) - 1] == 's' ? "" : "s");
        } else if (differs && !*fresh)
            status = ft_fail(err, FT_BAD_INPUT,
                             "sweep \"%s\" stopped after %zu of %zu experiments, and its %s differ%s now: "
                             "start it with the same data, model and "
                             "arguments to go on, or choose another --name",
                             name, n_done(state), state->books.count, differs,
                             differs[strlen(differs) - 1] == 's' ? "" : "s");
    }
    cJSON_Delete(existing);
    free(path);
    return status;
}

static ft_status remove_journals(ft_sweep_state *state, ft_error *err)
{
    struct dirent **names = NULL;
    int n = scandir(state->directory, &names, is_journal, alphasort);
    if (n < 0) return ft_fail(err, FT_FAILED, "%s: %s", state->directory, strerror(errno));
    for (int i = 0; i < n; i++) {
        char *path = path_in(state, names[i]->d_name);
        if (path) unlink(path);
        free(path);
        free(names[i]);
    }
    free(names);
    if (state->journal >= 0) close(state->journal);
    state->journal = -1;
    return FT_OK;
}

/* Writes a new plan over an empty journal. */
static ft_status write_fresh(ft_sweep_state *state, const cJSON *plan, ft_error *err)
{
    char *path = path_in(state, "plan.json"), *checkpoints = path_in(state, "checkpoints");
    ft_status status = path && checkpoints ? FT_OK : ft_no_memory(err, "a path", 32);
    if (status == FT_OK) {
        /* In this order: a crash between leaves the old plan with nothing done, never the new one with the
         * old's results. */
        status = remove_journals(state, err);
        ft_remove_tree(checkpoints);
        if (status == FT_OK) status = ft_make_directories(checkpoints, err);
    }
    if (status == FT_OK) status = ft_json_write(path, plan, err);
    if (status == FT_OK) status = ft_books_open(&state->books, plan, path, err);
    if (status == FT_OK) status = open_journal(state, err);
    free(path);
    free(checkpoints);
    return status;
}

ft_status ft_sweep_state_open(const char *results, const char *name, ft_shard shard, const cJSON *plan,
                              ft_sweep_state **out, ft_error *err)
{
    *out = NULL;
    ft_sweep_state *state = calloc(1, sizeof *state);
    if (!state) return ft_no_memory(err, "the sweep's state", sizeof *state);
    state->lock = FT_SWEEP_LOCK_NONE;
    state->journal = -1;
    state->shard = shard;
    char *sweeps = ft_join_path(results, ".sweeps");
    state->results = ft_copy_string(results);
    state->directory = sweeps ? ft_join_path(sweeps, name) : NULL;
    free(sweeps);
    bool fresh = true;
    ft_status status =
        state->results && state->directory ? FT_OK : ft_no_memory(err, "a path", strlen(results));
    if (status == FT_OK) status = ft_make_directories(state->directory, err);
    if (status == FT_OK) status = ft_sweep_lock_take(&state->lock, state->directory, name, shard, err);
    if (status == FT_OK) status = read_existing(state, name, plan, &fresh, err);
    if (status == FT_OK && fresh) status = write_fresh(state, plan, err);
    if (status == FT_OK) ft_sweep_lock_opened(&state->lock);
    if (status != FT_OK) {
        ft_sweep_state_close(state);
        return status;
    }
    *out = state;
    return FT_OK;
}

void ft_sweep_state_close(ft_sweep_state *state)
{
    if (!state) return;
    if (state->journal >= 0) close(state->journal);
    ft_sweep_lock_release(&state->lock);
    ft_books_free(&state->books);
    free(state->checkpoint);
    free(state->directory);
    free(state->results);
    free(state);
}

const char *ft_sweep_state_done(const ft_sweep_state *state, size_t index)
{
    return state->books.experiments[index];
}

bool ft_sweep_state_failed(const ft_sweep_state *state, size_t index)
{
    return state->books.experiments[index] && state->books.failed[index];
}

const ft_sweep_batch *ft_sweep_state_batches(const ft_sweep_state *state, size_t *n)
{
    *n = state->books.n_batches;
    return state->books.batches;
}

size_t ft_sweep_state_root(const ft_sweep_state *state, size_t batch)
{
    return state->books.batches[batch].number % state->books.n_planned;
}

bool ft_sweep_state_owns(const ft_sweep_state *state, size_t batch)
{
    size_t count = (size_t)state->shard.count;
    return count == 0 || ft_sweep_state_root(state, batch) % count == (size_t)state->shard.index - 1;
}

const ft_judgement *ft_sweep_state_judgements(const ft_sweep_state *state, size_t *n)
{
    *n = state->books.n_judgements;
    return state->books.judgements;
}

void ft_sweep_state_drop_judgements(ft_sweep_state *state)
{
    ft_books_drop_judgements(&state->books);
}

const char *ft_sweep_state_checkpoint(ft_sweep_state *state, size_t batch)
{
    char name[64];
    snprintf(name, sizeof name, "checkpoints/batch_%zu.safetensors", state->books.batches[batch].number + 1);
    free(state->checkpoint);
    state->checkpoint = path_in(state, name);
    return state->checkpoint;
}

void ft_sweep_state_gather(ft_sweep_state *state)
{
    state->gathers = true;
}

ft_status ft_sweep_state_sync(ft_sweep_state *state, ft_error *err)
{
    char name[64];
    if (!state->is_behind) return FT_OK;
    if (fsync(state->journal) != 0)
        return ft_fail(err, FT_FAILED, "%s/%s: %s", state->directory, own_journal(state, name),
                       strerror(errno));
    state->is_behind = false;
    return FT_OK;
}

/* Appends an event (which it deletes) as one line; `wait`: until it is on disk, if the state does not gather.
 */
static ft_status append(ft_sweep_state *state, cJSON *event, bool wait, ft_error *err)
{
    char *text = event ? ft_json_print_line(event) : NULL;
    char name[64];
    ft_text line = FT_TEXT_EMPTY;
    if (text) ft_text_addf(&line, "%s\n", text);
    ft_status status = FT_OK;
    errno = 0;
    if (!text || line.failed)
        status = ft_no_memory(err, "a journal entry", 256);
    else if (write(state->journal, line.data, line.length) != (ssize_t)line.length)
        status = ft_fail(err, FT_FAILED, "%s/%s: %s", state->directory, own_journal(state, name),
                         errno ? strerror(errno) : "not written whole");
    state->is_behind = state->is_behind || wait;
    if (status == FT_OK && !state->gathers) status = ft_sweep_state_sync(state, err);
    ft_text_free(&line);
    free(text);
    cJSON_Delete(event);
    return status;
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

static ft_status append_result(ft_sweep_state *state, const char *event, size_t index,
                               const char *experiment_id, bool failed, ft_error *err)
{
    cJSON *entry = make_event(event, "configuration", index + 1);
    if (entry && (!cJSON_AddStringToObject(entry, "experiment_id", experiment_id) ||
                  (failed && !cJSON_AddTrueToObject(entry, "failed")))) {
        cJSON_Delete(entry);
        entry = NULL;
    }
    return append(state, entry, true, err);
}

ft_status ft_sweep_state_start(ft_sweep_state *state, size_t index, const char *experiment_id, ft_error *err)
{
    ft_status status = append_result(state, "started", index, experiment_id, false, err);
    return status == FT_OK ? ft_books_start(&state->books, index, experiment_id, err) : status;
}

ft_status ft_sweep_state_finish(ft_sweep_state *state, size_t index, const char *experiment_id, bool failed,
                                ft_error *err)
{
    ft_status status = append_result(state, "done", index, experiment_id, failed, err);
    return status == FT_OK ? ft_books_finish(&state->books, index, experiment_id, failed, err) : status;
}

ft_status ft_sweep_state_judge(ft_sweep_state *state, const ft_judgement *judgements, size_t n, ft_error *err)
{
    ft_status status = FT_OK;
    for (size_t i = 0; i < n && status == FT_OK; i++) {
        const ft_judgement *j = &judgements[i];
        cJSON *entry = make_event("judged", "trajectory", j->trajectory + 1);
        cJSON *loss = entry ? ft_json_number(j->val_loss) : NULL;
        if (!loss || !cJSON_AddNumberToObject(entry, "epoch", j->epoch) ||
            !cJSON_AddItemToObject(entry, "val_loss", loss) ||
            !cJSON_AddBoolToObject(entry, "pruned", j->pruned)) {
            cJSON_Delete(entry);
            entry = NULL;
        }
        status = append(state, entry, i + 1 == n, err);
    }
    return status;
}

ft_status ft_sweep_state_split(ft_sweep_state *state, size_t batch, const size_t *trajectories, size_t count,
                               ft_error *err)
{
    cJSON *entry = make_event("split", "batch", state->books.batches[batch].number + 1);
    cJSON *list = entry ? cJSON_AddArrayToObject(entry, "trajectories") : NULL;
    bool ok = list != NULL;
    for (size_t i = 0; i < count && ok; i++)
        ok = cJSON_AddItemToArray(list, cJSON_CreateNumber((double)trajectories[i] + 1));
    if (!ok) {
        cJSON_Delete(entry);
        entry = NULL;
    }
    ft_status status = append(state, entry, true, err);
    if (status == FT_OK) status = ft_sweep_state_sync(state, err);
    if (status == FT_OK) ft_sweep_state_end_batch(state, batch);
    return status == FT_OK ? ft_books_split(&state->books, batch, trajectories, count, err) : status;
}

void ft_sweep_state_end_batch(ft_sweep_state *state, size_t batch)
{
    const char *checkpoint = ft_sweep_state_checkpoint(state, batch);
    if (checkpoint) unlink(checkpoint);
}
