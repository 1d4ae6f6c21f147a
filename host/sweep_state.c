/* What a sweep remembers on disk; see sweep_state.h. */
#include "host/sweep_state.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
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
    ft_sweep_batch *batches;
    size_t n_batches, batch_capacity;
    ft_judgement *judgements;
    size_t n_judgements, judgement_capacity;
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

/* The first key whose values differ, or NULL. Batches are as the first start made them: they depend on devices
 * that may be others now. */
static const char *difference(const cJSON *a, const cJSON *b)
{
    for (const cJSON *item = a->child; item; item = item->next)
        if (strcmp(item->string, "batches") != 0 &&
            !cJSON_Compare(item, cJSON_GetObjectItemCaseSensitive(b, item->string), true))
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

/* A whole number in [0, most] under `key`, or -1. */
static int64_t get_number(const cJSON *entry, const char *key, double most)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(entry, key);
    double value = cJSON_IsNumber(item) ? item->valuedouble : -1;
    return value >= 0 && value <= most && value == floor(value) ? (int64_t)value : -1;
}

/* Room for one more element of an array that grows. */
static ft_status reserve(void **array, size_t count, size_t *capacity, size_t element_bytes, ft_error *err)
{
    if (count < *capacity) return FT_OK;
    size_t grown = *capacity ? 2 * *capacity : 64;
    void *moved = realloc(*array, grown * element_bytes);
    if (!moved) return ft_no_memory(err, "the sweep's state", grown * element_bytes);
    *array = moved;
    *capacity = grown;
    return FT_OK;
}

static ft_status keep_judgement(ft_sweep_state *state, const ft_judgement *judgement, ft_error *err)
{
    ft_status status = reserve((void **)&state->judgements, state->n_judgements, &state->judgement_capacity,
                               sizeof *state->judgements, err);
    if (status == FT_OK) state->judgements[state->n_judgements++] = *judgement;
    return status;
}

/* trajectories: moves to the state. */
static ft_status keep_batch(ft_sweep_state *state, size_t *trajectories, size_t count, int32_t slots,
                            ft_error *err)
{
    ft_status status = reserve((void **)&state->batches, state->n_batches, &state->batch_capacity,
                               sizeof *state->batches, err);
    if (status != FT_OK) {
        free(trajectories);
        return status;
    }
    state->batches[state->n_batches++] = (ft_sweep_batch){trajectories, count, slots, false};
    return FT_OK;
}

/* Halves of `trajectories` take the place of a batch. */
static ft_status split_batch(ft_sweep_state *state, size_t batch, const size_t *trajectories, size_t count,
                             ft_error *err)
{
    ft_status status = FT_OK;
    size_t half = (count + 1) / 2, slots = (size_t)state->batches[batch].slots;
    state->batches[batch].is_split = true;
    for (size_t first = 0; first < count && status == FT_OK; first += half) {
        size_t n = count - first < half ? count - first : half;
        size_t *copy = malloc(n * sizeof *copy);
        if (!copy) return ft_no_memory(err, "a batch", n * sizeof *copy);
        memcpy(copy, trajectories + first, n * sizeof *copy);
        status = keep_batch(state, copy, n, (int32_t)(slots < n ? slots : n), err);
    }
    return status;
}

/* {"event":"split","batch":1,"trajectories":[1,...]} */
static ft_status replay_split(ft_sweep_state *state, const cJSON *entry, const char *where, ft_error *err)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(entry, "trajectories"), *item;
    int n = cJSON_GetArraySize(list);
    int64_t batch = get_number(entry, "batch", (double)state->n_batches);
    if (!cJSON_IsArray(list) || n <= 0 || batch < 1)
        return ft_fail(err, FT_BAD_INPUT, "%s: not a batch of this sweep", where);
    size_t *trajectories = malloc((size_t)n * sizeof *trajectories), count = 0;
    if (!trajectories) return ft_no_memory(err, "a batch", (size_t)n * sizeof *trajectories);
    ft_status status = FT_OK;
    cJSON_ArrayForEach(item, list)
    {
        bool fits = cJSON_IsNumber(item) && item->valuedouble >= 1 && item->valuedouble <= (double)state->count;
        if (!fits) status = ft_fail(err, FT_BAD_INPUT, "%s: not a batch of this sweep", where);
        trajectories[count++] = fits ? (size_t)item->valuedouble - 1 : 0;
    }
    if (status == FT_OK) status = split_batch(state, (size_t)batch - 1, trajectories, count, err);
    free(trajectories);
    return status;
}

static ft_status replay_judgement(ft_sweep_state *state, const cJSON *entry, const char *where, ft_error *err)
{
    int64_t trajectory = get_number(entry, "trajectory", (double)state->count),
            epoch = get_number(entry, "epoch", 2147483647.0);
    const cJSON *loss = cJSON_GetObjectItemCaseSensitive(entry, "val_loss");
    if (trajectory < 1 || epoch < 1) return ft_fail(err, FT_BAD_INPUT, "%s: not an event of this sweep", where);
    ft_judgement judgement = {(size_t)trajectory - 1, (int32_t)epoch,
                              cJSON_IsNumber(loss) ? loss->valuedouble : NAN,
                              cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(entry, "pruned"))};
    return keep_judgement(state, &judgement, err);
}

/* An event of a configuration. */
static ft_status replay_result(ft_sweep_state *state, const char *event, const cJSON *entry,
                               const char *where, ft_error *err)
{
    const cJSON *id = cJSON_GetObjectItemCaseSensitive(entry, "experiment_id");
    int64_t number = get_number(entry, "configuration", (double)state->count);
    if (number < 1 || !cJSON_IsString(id) || strchr(id->valuestring, '/'))
        return ft_fail(err, FT_BAD_INPUT, "%s: not an event of this sweep", where);
    size_t index = (size_t)number - 1;
    if (strcmp(event, "started") == 0) return set_text(&state->started[index], id->valuestring, err);
    state->failed[index] = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(entry, "failed"));
    return set_text(&state->experiments[index], id->valuestring, err);
}

/* One line of the journal. Events that this version does not know are passed over. */
static ft_status replay(ft_sweep_state *state, const char *line, size_t length, const char *where,
                        ft_error *err)
{
    cJSON *entry = NULL;
    ft_status status = ft_json_parse(line, length, where, &entry, err);
    if (status != FT_OK) return status;
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(entry, "event");
    const char *event = cJSON_IsString(item) ? item->valuestring : NULL;
    if (!event)
        status = ft_fail(err, FT_BAD_INPUT, "%s: not an event of this sweep", where);
    else if (strcmp(event, "started") == 0 || strcmp(event, "done") == 0)
        status = replay_result(state, event, entry, where, err);
    else if (strcmp(event, "judged") == 0)
        status = replay_judgement(state, entry, where, err);
    else if (strcmp(event, "split") == 0)
        status = replay_split(state, entry, where, err);
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

ft_status ft_sweep_state_settle(ft_sweep_state *state, size_t index, ft_error *err)
{
    if (state->experiments[index] && !has_result(state, state->experiments[index])) {
        free(state->experiments[index]);
        state->experiments[index] = NULL;
    }
    if (state->experiments[index] || !state->started[index]) return FT_OK;
    if (has_result(state, state->started[index])) return adopt(state, index, err);
    char *left = ft_join_path(state->results, state->started[index]);
    if (left) ft_remove_tree(left);
    free(left);
    return FT_OK;
}

static ft_status settle_all(ft_sweep_state *state, ft_error *err)
{
    ft_status status = FT_OK;
    for (size_t i = 0; i < state->count && status == FT_OK; i++)
        status = ft_sweep_state_settle(state, i, err);
    return status;
}

static void free_entries(ft_sweep_state *state)
{
    for (size_t i = 0; i < state->count; i++) {
        free(state->experiments[i]);
        free(state->started[i]);
    }
    for (size_t i = 0; i < state->n_batches; i++) free(state->batches[i].trajectories);
    free(state->experiments);
    free(state->started);
    free(state->failed);
    state->count = state->n_batches = state->n_judgements = 0;
}

static ft_status allocate_entries(ft_sweep_state *state, size_t count, ft_error *err)
{
    free_entries(state);
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

/* The plan's batches: [first trajectory, count, slots] each. */
static ft_status read_batches(ft_sweep_state *state, const cJSON *plan, const char *path, ft_error *err)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(plan, "batches"), *item;
    ft_status status = FT_OK;
    cJSON_ArrayForEach(item, list)
    {
        double v[3] = {-1, -1, -1};
        for (int i = 0; i < 3; i++) {
            const cJSON *number = cJSON_GetArrayItem(item, i);
            if (cJSON_IsNumber(number)) v[i] = number->valuedouble;
        }
        if (!(v[0] >= 0 && v[1] >= 1 && v[2] >= 1 && v[2] <= v[1] && v[0] + v[1] <= (double)state->count))
            return ft_fail(err, FT_BAD_INPUT, "%s: batches: not trajectories of this sweep", path);
        size_t count = (size_t)v[1], *trajectories = malloc(count * sizeof *trajectories);
        if (!trajectories) return ft_no_memory(err, "a batch", count * sizeof *trajectories);
        for (size_t i = 0; i < count; i++) trajectories[i] = (size_t)v[0] + i;
        status = keep_batch(state, trajectories, count, (int32_t)v[2], err);
        if (status != FT_OK) return status;
    }
    return status;
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
        if (status == FT_OK) status = read_batches(state, existing, path, err);
        if (status == FT_OK) status = read_journal(state, err);
        if (status == FT_OK) status = settle_all(state, err);
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
    if (status == FT_OK) status = read_batches(state, plan, path, err);
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
    free_entries(state);
    free(state->batches);
    free(state->judgements);
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

const ft_sweep_batch *ft_sweep_state_batches(const ft_sweep_state *state, size_t *n)
{
    *n = state->n_batches;
    return state->batches;
}

const ft_judgement *ft_sweep_state_judgements(const ft_sweep_state *state, size_t *n)
{
    *n = state->n_judgements;
    return state->judgements;
}

const char *ft_sweep_state_checkpoint(ft_sweep_state *state, size_t batch)
{
    char name[64];
    snprintf(name, sizeof name, "checkpoints/batch_%zu.safetensors", batch + 1);
    free(state->checkpoint);
    state->checkpoint = path_in(state, name);
    return state->checkpoint;
}

/* Appends an event (which it deletes) as one line; `wait`: until it is on disk. */
static ft_status append(ft_sweep_state *state, cJSON *event, bool wait, ft_error *err)
{
    char *text = event ? ft_json_print_line(event) : NULL;
    ft_text line = FT_TEXT_EMPTY;
    if (text) ft_text_addf(&line, "%s\n", text);
    ft_status status = FT_OK;
    errno = 0;
    if (!text || line.failed)
        status = ft_no_memory(err, "a journal entry", 256);
    else if (write(state->journal, line.data, line.length) != (ssize_t)line.length ||
             (wait && fsync(state->journal) != 0))
        status = ft_fail(err, FT_FAILED, "%s/journal.jsonl: %s", state->directory,
                         errno ? strerror(errno) : "not written whole");
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
    return status == FT_OK ? set_text(&state->started[index], experiment_id, err) : status;
}

ft_status ft_sweep_state_finish(ft_sweep_state *state, size_t index, const char *experiment_id, bool failed,
                                ft_error *err)
{
    ft_status status = append_result(state, "done", index, experiment_id, failed, err);
    if (status == FT_OK) status = set_text(&state->experiments[index], experiment_id, err);
    if (status == FT_OK) state->failed[index] = failed;
    return status;
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
        if (status == FT_OK) status = keep_judgement(state, j, err);
    }
    return status;
}

ft_status ft_sweep_state_split(ft_sweep_state *state, size_t batch, const size_t *trajectories, size_t count,
                               ft_error *err)
{
    cJSON *entry = make_event("split", "batch", batch + 1);
    cJSON *list = entry ? cJSON_AddArrayToObject(entry, "trajectories") : NULL;
    bool ok = list != NULL;
    for (size_t i = 0; i < count && ok; i++)
        ok = cJSON_AddItemToArray(list, cJSON_CreateNumber((double)trajectories[i] + 1));
    if (!ok) {
        cJSON_Delete(entry);
        entry = NULL;
    }
    ft_status status = append(state, entry, true, err);
    if (status == FT_OK) ft_sweep_state_end_batch(state, batch);
    return status == FT_OK ? split_batch(state, batch, trajectories, count, err) : status;
}

void ft_sweep_state_end_batch(ft_sweep_state *state, size_t batch)
{
    const char *checkpoint = ft_sweep_state_checkpoint(state, batch);
    if (checkpoint) unlink(checkpoint);
}
