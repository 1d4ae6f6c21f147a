/* What a sweep remembers on disk; see sweep_state.h. */
#include "host/sweep_state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"

struct ft_sweep_state {
    char *results, *directory; /* of experiments; of this state */
    char *checkpoint;          /* the path last asked for */
    char **experiments;        /* (count): id of the finished experiment, or NULL */
    char **started;            /* (count): id of one that was begun, or NULL */
    bool *failed;              /* (count): the finished experiment was recorded as failed */
    size_t count;
    int lock, journal; /* descriptors, -1 where closed */
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

/* Says who holds the lock, as its file tells. */
static ft_status refuse_locked(const ft_sweep_state *state, const char *name, ft_error *err)
{
    char holder[256] = {0};
    ssize_t n = pread(state->lock, holder, sizeof holder - 1, 0);
    if (n <= 0) strcpy(holder, "another process");
    holder[strcspn(holder, "\n")] = '\0';
    return ft_fail(err, FT_BAD_INPUT, "sweep \"%s\" is being run by %s: wait for it or choose another --name",
                   name, holder);
}

static ft_status take_lock(ft_sweep_state *state, const char *name, ft_error *err)
{
    ft_status status = open_file(state, "lock", O_RDWR | O_CREAT, &state->lock, err);
    if (status != FT_OK) return status;
    if (flock(state->lock, LOCK_EX | LOCK_NB) != 0) return refuse_locked(state, name, err);
    char host[128] = "this host", holder[256], when[32];
    time_t now = time(NULL);
    struct tm local;
    gethostname(host, sizeof host - 1);
    strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S", localtime_r(&now, &local));
    int n = snprintf(holder, sizeof holder, "process %ld on %s since %s\n", (long)getpid(), host, when);
    if (ftruncate(state->lock, 0) != 0 || pwrite(state->lock, holder, (size_t)n, 0) != n)
        return ft_fail(err, FT_FAILED, "%s/lock: %s", state->directory, strerror(errno));
    return FT_OK;
}

/* The first key whose values differ, or NULL. */
static const char *difference(const cJSON *a, const cJSON *b)
{
    for (const cJSON *item = a->child; item; item = item->next)
        if (!cJSON_Compare(item, cJSON_GetObjectItemCaseSensitive(b, item->string), true))
            return item->string;
    for (const cJSON *item = b->child; item; item = item->next)
        if (!cJSON_GetObjectItemCaseSensitive(a, item->string)) return item->string;
    return NULL;
}

/* Whether nothing would be lost if the state on disk made way: all of its plan is done, or nothing of it was
 * begun. */
static bool can_make_way(const ft_sweep_state *state)
{
    size_t begun = 0;
    for (size_t i = 0; i < state->count; i++) begun += state->started[i] != NULL;
    return begun == 0 || ft_sweep_state_n_done(state) == state->count;
}

static ft_status set_text(char **slot, const char *text, ft_error *err)
{
    char *copy = ft_copy_string(text);
    if (!copy) return ft_no_memory(err, "a journal entry", strlen(text));
    free(*slot);
    *slot = copy;
    return FT_OK;
}

/* One line of the journal. */
static ft_status replay(ft_sweep_state *state, const char *line, size_t length, const char *where,
                        ft_error *err)
{
    cJSON *entry = NULL;
    ft_status status = ft_json_parse(line, length, where, &entry, err);
    if (status != FT_OK) return status;
    const cJSON *event = cJSON_GetObjectItemCaseSensitive(entry, "event");
    const cJSON *number = cJSON_GetObjectItemCaseSensitive(entry, "configuration");
    const cJSON *id = cJSON_GetObjectItemCaseSensitive(entry, "experiment_id");
    double index = cJSON_IsNumber(number) ? number->valuedouble - 1 : -1;
    if (!cJSON_IsString(event) || !cJSON_IsString(id) || strchr(id->valuestring, '/') ||
        !(index >= 0 && index < (double)state->count))
        status = ft_fail(err, FT_BAD_INPUT, "%s: not an event of this sweep", where);
    else if (strcmp(event->valuestring, "started") == 0)
        status = set_text(&state->started[(size_t)index], id->valuestring, err);
    else if (strcmp(event->valuestring, "done") == 0) {
        status = set_text(&state->experiments[(size_t)index], id->valuestring, err);
        state->failed[(size_t)index] = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(entry, "failed"));
    }
    cJSON_Delete(entry);
    return status;
}

/* Reads the journal; a last line without its end was torn by a crash and is cut off. */
static ft_status read_journal(ft_sweep_state *state, ft_error *err)
{
    char *path = path_in(state, "journal.jsonl"), *text = NULL;
    size_t size = 0, at = 0, line = 1;
    if (!path) return ft_no_memory(err, "a path", 32);
    ft_status status = ft_path_exists(path) ? ft_read_file(path, (size_t)1 << 32, &text, &size, err) : FT_OK;
    while (status == FT_OK && at < size) {
        const char *end = memchr(text + at, '\n', size - at);
        if (!end) break;
        char where[4200];
        snprintf(where, sizeof where, "%s:%zu", path, line++);
        status = replay(state, text + at, (size_t)(end - (text + at)), where, err);
        at = (size_t)(end - text) + 1;
    }
    if (status == FT_OK && at < size && truncate(path, (off_t)at) != 0)
        status = ft_fail(err, FT_FAILED, "%s: %s", path, strerror(errno));
    free(text);
    free(path);
    return status;
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

/* Counts a result on disk whose line in the journal is missing: whether it failed, its file tells. */
static ft_status adopt(ft_sweep_state *state, size_t index, ft_error *err)
{
    char *directory = ft_join_path(state->results, state->started[index]),
         *file = directory ? ft_join_path(directory, "results.json") : NULL;
    cJSON *result = NULL;
    ft_status status = file ? ft_json_read(file, &result, err) : ft_no_memory(err, "a path", 32);
    if (status == FT_OK) status = set_text(&state->experiments[index], state->started[index], err);
    if (status == FT_OK)
        state->failed[index] = cJSON_IsString(cJSON_GetObjectItemCaseSensitive(result, "error"));
    cJSON_Delete(result);
    free(file);
    free(directory);
    return status;
}

/* What the journal says against what is there: results that are gone are to be done again, results whose line
 * is missing count, and the rest of an unfinished experiment is removed. */
static ft_status settle(ft_sweep_state *state, ft_error *err)
{
    for (size_t i = 0; i < state->count; i++) {
        if (state->experiments[i] && !has_result(state, state->experiments[i])) {
            free(state->experiments[i]);
            state->experiments[i] = NULL;
        }
        if (state->experiments[i] || !state->started[i]) continue;
        if (has_result(state, state->started[i])) {
            ft_status status = adopt(state, i, err);
            if (status != FT_OK) return status;
            continue;
        }
        char *left = ft_join_path(state->results, state->started[i]);
        if (left) ft_remove_tree(left);
        free(left);
    }
    return FT_OK;
}

static ft_status allocate_entries(ft_sweep_state *state, size_t count, ft_error *err)
{
    for (size_t i = 0; i < state->count; i++) {
        free(state->experiments[i]);
        free(state->started[i]);
    }
    free(state->experiments);
    free(state->started);
    free(state->failed);
    state->count = count;
    state->experiments = calloc(count + 1, sizeof *state->experiments);
    state->started = calloc(count + 1, sizeof *state->started);
    state->failed = calloc(count + 1, sizeof *state->failed);
    if (state->experiments && state->started && state->failed) return FT_OK;
    state->count = 0;
    return ft_no_memory(err, "the sweep's state", 2 * count * sizeof *state->started);
}

static size_t n_configurations(const cJSON *plan)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(plan, "configurations");
    return list ? (size_t)cJSON_GetArraySize(list) : 0;
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
        if (status == FT_OK) status = allocate_entries(state, n_configurations(existing), err);
        if (status == FT_OK) status = read_journal(state, err);
        if (status == FT_OK) status = settle(state, err);
        const char *differs = status == FT_OK ? difference(existing, plan) : NULL;
        *fresh = status == FT_OK && differs && can_make_way(state);
        if (status == FT_OK && differs && !*fresh)
            status = ft_fail(err, FT_BAD_INPUT,
                             "sweep \"%s\" stopped after %zu of %zu experiments, and its %s differ%s now: "
                             "start it with the same data, model and "
                             "arguments to go on, or choose another --name",
                             name, ft_sweep_state_n_done(state), state->count, differs,
                             differs[strlen(differs) - 1] == 's' ? "" : "s");
    }
    cJSON_Delete(existing);
    free(path);
    return status;
}

/* Writes a new plan over an empty journal. */
static ft_status write_fresh(ft_sweep_state *state, const cJSON *plan, ft_error *err)
{
    char *path = path_in(state, "plan.json"), *journal = path_in(state, "journal.jsonl"),
         *checkpoints = path_in(state, "checkpoints");
    ft_status status = path && journal && checkpoints ? FT_OK : ft_no_memory(err, "a path", 32);
    if (status == FT_OK) {
        /* In this order: a crash between leaves the old plan with nothing done, never the new one with the
         * old's results. */
        unlink(journal);
        ft_remove_tree(checkpoints);
        status = ft_make_directories(checkpoints, err);
    }
    if (status == FT_OK) status = ft_json_write(path, plan, err);
    if (status == FT_OK) status = allocate_entries(state, n_configurations(plan), err);
    free(path);
    free(journal);
    free(checkpoints);
    return status;
}

ft_status ft_sweep_state_open(const char *results, const char *name, const cJSON *plan, ft_sweep_state **out,
                              ft_error *err)
{
    *out = NULL;
    ft_sweep_state *state = calloc(1, sizeof *state);
    if (!state) return ft_no_memory(err, "the sweep's state", sizeof *state);
    state->lock = state->journal = -1;
    char *sweeps = ft_join_path(results, ".sweeps");
    state->results = ft_copy_string(results);
    state->directory = sweeps ? ft_join_path(sweeps, name) : NULL;
    free(sweeps);
    bool fresh = true;
    ft_status status =
        state->results && state->directory ? FT_OK : ft_no_memory(err, "a path", strlen(results));
    if (status == FT_OK) status = ft_make_directories(state->directory, err);
    if (status == FT_OK) status = take_lock(state, name, err);
    if (status == FT_OK) status = read_existing(state, name, plan, &fresh, err);
    if (status == FT_OK && fresh) status = write_fresh(state, plan, err);
    if (status == FT_OK)
        status = open_file(state, "journal.jsonl", O_WRONLY | O_CREAT | O_APPEND, &state->journal, err);
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
    if (state->lock >= 0) close(state->lock);
    for (size_t i = 0; i < state->count; i++) {
        free(state->experiments[i]);
        free(state->started[i]);
    }
    free(state->experiments);
    free(state->started);
    free(state->failed);
    free(state->checkpoint);
    free(state->directory);
    free(state->results);
    free(state);
}

const char *ft_sweep_state_done(const ft_sweep_state *state, size_t index)
{
    return state->experiments[index];
}

size_t ft_sweep_state_n_done(const ft_sweep_state *state)
{
    size_t done = 0;
    for (size_t i = 0; i < state->count; i++) done += state->experiments[i] != NULL;
    return done;
}

size_t ft_sweep_state_n_failed(const ft_sweep_state *state)
{
    size_t failed = 0;
    for (size_t i = 0; i < state->count; i++) failed += state->experiments[i] != NULL && state->failed[i];
    return failed;
}

const char *ft_sweep_state_checkpoint(ft_sweep_state *state, size_t index)
{
    char name[64];
    snprintf(name, sizeof name, "checkpoints/%zu.safetensors", index + 1);
    free(state->checkpoint);
    state->checkpoint = path_in(state, name);
    return state->checkpoint;
}

/* Appends one line and waits until it is on disk. */
static ft_status append(ft_sweep_state *state, const char *event, size_t index, const char *experiment_id,
                        bool failed, ft_error *err)
{
    ft_text line = FT_TEXT_EMPTY;
    cJSON *entry = cJSON_CreateObject();
    char *text = NULL;
    if (entry && cJSON_AddStringToObject(entry, "event", event) &&
        cJSON_AddNumberToObject(entry, "configuration", (double)index + 1) &&
        cJSON_AddStringToObject(entry, "experiment_id", experiment_id) &&
        (!failed || cJSON_AddTrueToObject(entry, "failed")))
        text = ft_json_print_line(entry);
    if (text) ft_text_addf(&line, "%s\n", text);
    ft_status status = FT_OK;
    if (!text || line.failed)
        status = ft_no_memory(err, "a journal entry", 256);
    else if (write(state->journal, line.data, line.length) != (ssize_t)line.length ||
             fsync(state->journal) != 0)
        status = ft_fail(err, FT_FAILED, "%s/journal.jsonl: %s", state->directory,
                         errno ? strerror(errno) : "not written whole");
    ft_text_free(&line);
    free(text);
    cJSON_Delete(entry);
    return status;
}

ft_status ft_sweep_state_start(ft_sweep_state *state, size_t index, const char *experiment_id, ft_error *err)
{
    ft_status status = append(state, "started", index, experiment_id, false, err);
    return status == FT_OK ? set_text(&state->started[index], experiment_id, err) : status;
}

ft_status ft_sweep_state_finish(ft_sweep_state *state, size_t index, const char *experiment_id, bool failed,
                                ft_error *err)
{
    ft_status status = append(state, "done", index, experiment_id, failed, err);
    if (status == FT_OK) status = set_text(&state->experiments[index], experiment_id, err);
    if (status == FT_OK) state->failed[index] = failed;
    const char *checkpoint = status == FT_OK ? ft_sweep_state_checkpoint(state, index) : NULL;
    if (checkpoint) unlink(checkpoint);
    return status;
}
