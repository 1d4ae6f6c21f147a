/* What is known of a sweep; see sweep_books.h. */
#include "host/sweep_books.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

/* The two ids of a configuration are one text where they are the same, as they mostly are. */
static void replace_text(char **slot, char *text, const char *shared)
{
    if (*slot != shared) free(*slot);
    *slot = text;
}

ft_status ft_books_start(ft_sweep_books *books, size_t index, const char *experiment_id, ft_error *err)
{
    char *copy = ft_copy_string(experiment_id);
    if (!copy) return ft_no_memory(err, "a journal entry", strlen(experiment_id));
    replace_text(&books->started[index], copy, books->experiments[index]);
    return FT_OK;
}

ft_status ft_books_finish(ft_sweep_books *books, size_t index, const char *experiment_id, bool failed,
                          ft_error *err)
{
    char *started = books->started[index];
    char *id = started && strcmp(started, experiment_id) == 0 ? started : ft_copy_string(experiment_id);
    if (!id) return ft_no_memory(err, "a journal entry", strlen(experiment_id));
    replace_text(&books->experiments[index], id, started);
    books->failed[index] = failed;
    return FT_OK;
}

void ft_books_forget(ft_sweep_books *books, size_t index)
{
    replace_text(&books->experiments[index], NULL, books->started[index]);
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

static ft_status keep_judgement(ft_sweep_books *books, const ft_judgement *judgement, ft_error *err)
{
    ft_status status = reserve((void **)&books->judgements, books->n_judgements, &books->judgement_capacity,
                               sizeof *books->judgements, err);
    if (status == FT_OK) books->judgements[books->n_judgements++] = *judgement;
    return status;
}

/* trajectories: moves to the state. */
static ft_status keep_batch(ft_sweep_books *books, size_t *trajectories, size_t count, int32_t slots,
                            size_t number, ft_error *err)
{
    ft_status status = reserve((void **)&books->batches, books->n_batches, &books->batch_capacity,
                               sizeof *books->batches, err);
    if (status != FT_OK) {
        free(trajectories);
        return status;
    }
    books->batches[books->n_batches++] = (ft_sweep_batch){trajectories, count, slots, number, false};
    return FT_OK;
}

ft_status ft_books_split(ft_sweep_books *books, size_t batch, const size_t *trajectories, size_t count,
                         ft_error *err)
{
    ft_status status = FT_OK;
    size_t half = (count + 1) / 2, slots = (size_t)books->batches[batch].slots;
    size_t root = books->batches[batch].number % books->n_planned;
    size_t number = 2 * books->batches[batch].number - root + books->n_planned;
    books->batches[batch].is_split = true;
    for (size_t first = 0; first < count && status == FT_OK; first += half) {
        size_t n = count - first < half ? count - first : half;
        size_t *copy = malloc(n * sizeof *copy);
        if (!copy) return ft_no_memory(err, "a batch", n * sizeof *copy);
        memcpy(copy, trajectories + first, n * sizeof *copy);
        status = keep_batch(books, copy, n, (int32_t)(slots < n ? slots : n), number, err);
        number += books->n_planned;
    }
    return status;
}

/* The index of the batch with that number, or -1. */
static int64_t find_batch(const ft_sweep_books *books, size_t number)
{
    for (size_t i = number < books->n_planned ? number : books->n_planned; i < books->n_batches; i++)
        if (books->batches[i].number == number) return (int64_t)i;
    return -1;
}

/* {"event":"split","batch":1,"trajectories":[1,...]} */
static ft_status replay_split(ft_sweep_books *books, const cJSON *entry, const char *where, ft_error *err)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(entry, "trajectories"), *item;
    int n = cJSON_GetArraySize(list);
    int64_t number = get_number(entry, "batch", 9e15),
            batch = number < 1 ? -1 : find_batch(books, (size_t)number - 1);
    if (!cJSON_IsArray(list) || n <= 0 || batch < 0)
        return ft_fail(err, FT_BAD_INPUT, "%s: not a batch of this sweep", where);
    size_t *trajectories = malloc((size_t)n * sizeof *trajectories), count = 0;
    if (!trajectories) return ft_no_memory(err, "a batch", (size_t)n * sizeof *trajectories);
    ft_status status = FT_OK;
    cJSON_ArrayForEach(item, list)
    {
        bool fits =
            cJSON_IsNumber(item) && item->valuedouble >= 1 && item->valuedouble <= (double)books->count;
        if (!fits) status = ft_fail(err, FT_BAD_INPUT, "%s: not a batch of this sweep", where);
        trajectories[count++] = fits ? (size_t)item->valuedouble - 1 : 0;
    }
    if (status == FT_OK) status = ft_books_split(books, (size_t)batch, trajectories, count, err);
    free(trajectories);
    return status;
}

static ft_status replay_judgement(ft_sweep_books *books, const cJSON *entry, const char *where, ft_error *err)
{
    int64_t trajectory = get_number(entry, "trajectory", (double)books->count),
            epoch = get_number(entry, "epoch", 2147483647.0);
    const cJSON *loss = cJSON_GetObjectItemCaseSensitive(entry, "val_loss");
    if (trajectory < 1 || epoch < 1)
        return ft_fail(err, FT_BAD_INPUT, "%s: not an event of this sweep", where);
    ft_judgement judgement = {(size_t)trajectory - 1, (int32_t)epoch,
                              cJSON_IsNumber(loss) ? loss->valuedouble : NAN,
                              cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(entry, "pruned"))};
    return keep_judgement(books, &judgement, err);
}

/* An event of a configuration. */
static ft_status replay_result(ft_sweep_books *books, bool is_own, const char *event, const cJSON *entry,
                               const char *where, ft_error *err)
{
    const cJSON *id = cJSON_GetObjectItemCaseSensitive(entry, "experiment_id");
    int64_t number = get_number(entry, "configuration", (double)books->count);
    if (number < 1 || !cJSON_IsString(id) || strchr(id->valuestring, '/'))
        return ft_fail(err, FT_BAD_INPUT, "%s: not an event of this sweep", where);
    size_t index = (size_t)number - 1;
    books->begun_here[index] = books->begun_here[index] || is_own;
    if (strcmp(event, "started") == 0) return ft_books_start(books, index, id->valuestring, err);
    return ft_books_finish(books, index, id->valuestring,
                           cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(entry, "failed")), err);
}

ft_status ft_books_replay(ft_sweep_books *books, ft_reading *r, const char *line, size_t length,
                          const char *where, ft_error *err)
{
    cJSON *entry = NULL;
    ft_status status = ft_json_parse(line, length, where, &entry, err);
    if (status != FT_OK) return status;
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(entry, "event");
    const char *event = cJSON_IsString(item) ? item->valuestring : NULL;
    if (!event)
        status = ft_fail(err, FT_BAD_INPUT, "%s: not an event of this sweep", where);
    else if (strcmp(event, "started") == 0 || strcmp(event, "done") == 0)
        status = replay_result(books, r->is_own, event, entry, where, err);
    else if (strcmp(event, "judged") == 0 && !r->results_only)
        status = replay_judgement(books, entry, where, err);
    else if (strcmp(event, "split") == 0 && !r->results_only) {
        status = reserve((void **)&r->splits, r->n_splits, &r->split_capacity, sizeof *r->splits, err);
        if (status == FT_OK) {
            r->splits[r->n_splits++] = entry;
            return FT_OK;
        }
    }
    cJSON_Delete(entry);
    return status;
}

/* A whole is split before its halves, whose numbers are larger. */
static int by_batch_number(const void *x, const void *y)
{
    double a = cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(*(cJSON *const *)x, "batch")),
           b = cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(*(cJSON *const *)y, "batch"));
    return a < b ? -1 : a > b;
}

ft_status ft_books_end_reading(ft_sweep_books *books, ft_reading *r, ft_status status, const char *where,
                               ft_error *err)
{
    if (r->n_splits > 0) qsort(r->splits, r->n_splits, sizeof *r->splits, by_batch_number);
    for (size_t i = 0; i < r->n_splits; i++) {
        if (status == FT_OK) status = replay_split(books, r->splits[i], where, err);
        cJSON_Delete(r->splits[i]);
    }
    free(r->splits);
    return status;
}

void ft_books_drop_judgements(ft_sweep_books *books)
{
    free(books->judgements);
    books->judgements = NULL;
    books->n_judgements = books->judgement_capacity = 0;
}

void ft_books_free(ft_sweep_books *books)
{
    for (size_t i = 0; i < books->count; i++) {
        ft_books_forget(books, i);
        free(books->started[i]);
    }
    for (size_t i = 0; i < books->n_batches; i++) free(books->batches[i].trajectories);
    free(books->experiments);
    free(books->started);
    free(books->failed);
    free(books->begun_here);
    free(books->batches);
    free(books->judgements);
    *books = (ft_sweep_books){0};
}

static ft_status allocate_entries(ft_sweep_books *books, size_t count, ft_error *err)
{
    ft_books_free(books);
    books->count = count;
    books->experiments = calloc(count + 1, sizeof *books->experiments);
    books->started = calloc(count + 1, sizeof *books->started);
    books->failed = calloc(count + 1, sizeof *books->failed);
    books->begun_here = calloc(count + 1, sizeof *books->begun_here);
    if (books->experiments && books->started && books->failed && books->begun_here) return FT_OK;
    books->count = 0;
    return ft_no_memory(err, "the sweep's state", 2 * count * sizeof *books->started);
}

static size_t n_configurations(const cJSON *plan)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(plan, "configurations");
    return list ? (size_t)cJSON_GetArraySize(list) : 0;
}

/* The plan's batches: [first trajectory, count, slots] each. */
static ft_status read_batches(ft_sweep_books *books, const cJSON *plan, const char *path, ft_error *err)
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
        if (!(v[0] >= 0 && v[1] >= 1 && v[2] >= 1 && v[2] <= v[1] && v[0] + v[1] <= (double)books->count))
            return ft_fail(err, FT_BAD_INPUT, "%s: batches: not trajectories of this sweep", path);
        size_t count = (size_t)v[1], *trajectories = malloc(count * sizeof *trajectories);
        if (!trajectories) return ft_no_memory(err, "a batch", count * sizeof *trajectories);
        for (size_t i = 0; i < count; i++) trajectories[i] = (size_t)v[0] + i;
        status = keep_batch(books, trajectories, count, (int32_t)v[2], books->n_planned++, err);
        if (status != FT_OK) return status;
    }
    return status;
}

ft_status ft_books_open(ft_sweep_books *books, const cJSON *plan, const char *where, ft_error *err)
{
    ft_status status = allocate_entries(books, n_configurations(plan), err);
    return status == FT_OK ? read_batches(books, plan, where, err) : status;
}
