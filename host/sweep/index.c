/* What is known of a sweep; see index.h. */
#include "host/sweep/index.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "tracker/experiment.h"

/* Of batches: a double, as which journals have them, holds such a number exactly. */
static const size_t MOST_NUMBER = (size_t)1 << 53;

/* The two ids of a configuration are one text where they are the same, as they mostly are. */
static void replace_text(char **slot, char *text, const char *shared)
{
    if (*slot != shared) free(*slot);
    *slot = text;
}

ft_status ft_books_check_id(const ft_sweep_books *books, size_t index, const char *experiment_id,
                            ft_error *err)
{
    if (ft_experiment_id_fits(experiment_id, books->name, (int64_t)index + 1, (int64_t)books->count))
        return FT_OK;
    return ft_fail(err, FT_BAD_INPUT, "\"%.200s\" is not an id of configuration %zu of sweep \"%s\"",
                   experiment_id, index + 1, books->name);
}

bool ft_books_find_id(const ft_sweep_books *books, const char *experiment_id, size_t *index)
{
    const size_t length = strlen(books->name);
    unsigned long long number = 0;
    ft_error other;
    if (strncmp(experiment_id, books->name, length) != 0 ||
        sscanf(experiment_id + length, "_%llu_", &number) != 1 || number < 1 || number > books->count)
        return false;
    *index = (size_t)number - 1;
    return ft_books_check_id(books, *index, experiment_id, &other) == FT_OK;
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

void ft_books_forget_start(ft_sweep_books *books, size_t index)
{
    replace_text(&books->started[index], NULL, books->experiments[index]);
}

/* A whole number in [0, most], or -1. */
static int64_t whole_number(const cJSON *item, double most)
{
    double value = cJSON_IsNumber(item) ? item->valuedouble : -1;
    return value >= 0 && value <= most && value == floor(value) ? (int64_t)value : -1;
}

static int64_t get_number(const cJSON *entry, const char *key, double most)
{
    return whole_number(cJSON_GetObjectItemCaseSensitive(entry, key), most);
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

/* Whether `some`, (count), are trajectories of the batch, in its order; its others go to rest:
 * (batch->count).
 */
static bool take_out(const ft_sweep_batch *batch, const size_t *some, size_t count, size_t *rest,
                     size_t *n_rest)
{
    size_t at = 0;
    *n_rest = 0;
    for (size_t i = 0; i < batch->count; i++)
        if (at < count && batch->trajectories[i] == some[at])
            at++;
        else
            rest[(*n_rest)++] = batch->trajectories[i];
    return at == count;
}

/* Part k of a batch that is split: these of its trajectories. */
static ft_status add_part(ft_sweep_books *books, const ft_sweep_batch *whole, size_t k,
                          const size_t *trajectories, size_t count, ft_error *err)
{
    size_t *copy = malloc(count * sizeof *copy);
    if (!copy) return ft_no_memory(err, "a batch", count * sizeof *copy);
    memcpy(copy, trajectories, count * sizeof *copy);
    const size_t root = whole->number % books->n_planned;
    return keep_batch(books, copy, count, (size_t)whole->slots < count ? whole->slots : (int32_t)count,
                      root + 3 * (whole->number - root) + (k + 1) * books->n_planned, err);
}

ft_status ft_books_split(ft_sweep_books *books, size_t batch, const size_t *trajectories, size_t count,
                         ft_error *err)
{
    const ft_sweep_batch whole = books->batches[batch];
    const size_t half = (count + 1) / 2, before = books->n_batches;
    size_t n_rest = 0, *rest = malloc(whole.count * sizeof *rest);
    if (!rest) return ft_no_memory(err, "a batch", whole.count * sizeof *rest);
    ft_status status = FT_OK;
    if (whole.is_split || count < 2 || whole.number > MOST_NUMBER / 8 ||
        !take_out(&whole, trajectories, count, rest, &n_rest))
        status = ft_fail(err, FT_BAD_INPUT, "a batch cannot be cut in two like that");
    if (status == FT_OK) status = add_part(books, &whole, 0, trajectories, half, err);
    if (status == FT_OK) status = add_part(books, &whole, 1, trajectories + half, count - half, err);
    if (status == FT_OK && n_rest > 0) status = add_part(books, &whole, 2, rest, n_rest, err);
    if (status == FT_OK) books->batches[batch].is_split = true;
    while (status != FT_OK && books->n_batches > before)
        free(books->batches[--books->n_batches].trajectories);
    free(rest);
    return status;
}

int64_t ft_books_find_batch(const ft_sweep_books *books, size_t number)
{
    for (size_t i = number < books->n_planned ? number : books->n_planned; i < books->n_batches; i++)
        if (books->batches[i].number == number) return (int64_t)i;
    return -1;
}

static ft_status fail_foreign(ft_error *err)
{
    return ft_fail(err, FT_BAD_INPUT, "not an event of this sweep");
}

/* {"event":"split","batch":1,"trajectories":[1,...]} */
static ft_status replay_split(ft_sweep_books *books, const cJSON *entry, ft_error *err)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(entry, "trajectories"), *item;
    int n = cJSON_GetArraySize(list);
    int64_t number = get_number(entry, "batch", (double)MOST_NUMBER),
            batch = number < 1 ? -1 : ft_books_find_batch(books, (size_t)number - 1);
    if (!cJSON_IsArray(list) || n <= 0 || batch < 0) return fail_foreign(err);
    size_t *trajectories = malloc((size_t)n * sizeof *trajectories), count = 0;
    if (!trajectories) return ft_no_memory(err, "a batch", (size_t)n * sizeof *trajectories);
    ft_status status = FT_OK;
    cJSON_ArrayForEach(item, list)
    {
        int64_t trajectory = whole_number(item, (double)books->n_trajectories);
        if (trajectory < 1) status = fail_foreign(err);
        trajectories[count++] = trajectory < 1 ? 0 : (size_t)trajectory - 1;
    }
    if (status == FT_OK) status = ft_books_split(books, (size_t)batch, trajectories, count, err);
    free(trajectories);
    return status;
}

static ft_status replay_judgement(ft_sweep_books *books, const cJSON *entry, ft_error *err)
{
    int64_t trajectory = get_number(entry, "trajectory", (double)books->n_trajectories),
            epoch = get_number(entry, "epoch", 2147483647.0);
    const cJSON *loss = cJSON_GetObjectItemCaseSensitive(entry, "val_loss");
    if (trajectory < 1 || epoch < 1) return fail_foreign(err);
    ft_judgement judgement = {(size_t)trajectory - 1, (int32_t)epoch,
                              cJSON_IsNumber(loss) ? loss->valuedouble : NAN,
                              cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(entry, "pruned"))};
    return keep_judgement(books, &judgement, err);
}

/* An event of a configuration. */
static ft_status replay_result(ft_sweep_books *books, bool is_own, const char *event, const cJSON *entry,
                               ft_error *err)
{
    const cJSON *id = cJSON_GetObjectItemCaseSensitive(entry, "experiment_id");
    int64_t number = get_number(entry, "configuration", (double)books->count);
    if (number < 1 || !cJSON_IsString(id)) return fail_foreign(err);
    size_t index = (size_t)number - 1;
    ft_status status = ft_books_check_id(books, index, id->valuestring, err);
    if (status != FT_OK) return status;
    books->begun_here[index] = books->begun_here[index] || is_own;
    if (strcmp(event, "started") == 0) return ft_books_start(books, index, id->valuestring, err);
    return ft_books_finish(books, index, id->valuestring,
                           cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(entry, "failed")), err);
}

ft_status ft_books_replay(ft_sweep_books *books, ft_reading *r, const char *event, size_t length,
                          const ft_journal_line *where, ft_error *err)
{
    cJSON *entry = NULL;
    ft_status status = ft_json_parse(event, length, "event", &entry, err);
    if (status != FT_OK) return status;
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(entry, "event");
    const char *kind = cJSON_IsString(item) ? item->valuestring : NULL;
    if (!kind)
        status = fail_foreign(err);
    else if (strcmp(kind, "started") == 0 || strcmp(kind, "done") == 0)
        status = replay_result(books, r->is_own, kind, entry, err);
    else if (strcmp(kind, "judged") == 0 && !r->results_only)
        status = replay_judgement(books, entry, err);
    else if (strcmp(kind, "split") == 0 && !r->results_only) {
        status = reserve((void **)&r->splits, r->n_splits, &r->split_capacity, sizeof *r->splits, err);
        if (status == FT_OK) {
            r->splits[r->n_splits++] = (ft_read_split){entry, *where};
            return FT_OK;
        }
    }
    cJSON_Delete(entry);
    return status;
}

ft_status ft_books_pass_over(ft_reading *r, const ft_journal_line *where, ft_error *err)
{
    ft_status status =
        reserve((void **)&r->damaged, r->n_damaged, &r->damaged_capacity, sizeof *r->damaged, err);
    if (status == FT_OK) r->damaged[r->n_damaged++] = *where;
    return status;
}

static int by_place(const ft_journal_line *a, const ft_journal_line *b)
{
    if (a->journal != b->journal) return a->journal < b->journal ? -1 : 1;
    return a->line < b->line ? -1 : a->line > b->line;
}

/* A whole is split before its parts, whose numbers are larger. */
static int by_batch_number(const void *x, const void *y)
{
    const ft_read_split *p = x, *q = y;
    double a = cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(p->entry, "batch")),
           b = cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(q->entry, "batch"));
    return a < b ? -1 : a > b ? 1 : by_place(&p->where, &q->where);
}

ft_status ft_books_end_reading(ft_sweep_books *books, ft_reading *r, ft_error *err)
{
    ft_status status = FT_OK;
    if (r->n_splits > 0) qsort(r->splits, r->n_splits, sizeof *r->splits, by_batch_number);
    for (size_t i = 0; i < r->n_splits && status == FT_OK; i++) {
        status = replay_split(books, r->splits[i].entry, err);
        if (status == FT_BAD_INPUT) status = ft_books_pass_over(r, &r->splits[i].where, err);
    }
    return status;
}

void ft_books_free_reading(ft_reading *r)
{
    for (size_t i = 0; i < r->n_splits; i++) cJSON_Delete(r->splits[i].entry);
    free(r->splits);
    free(r->damaged);
    *r = (ft_reading){0};
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
    free(books->name);
    free(books->experiments);
    free(books->started);
    free(books->failed);
    free(books->begun_here);
    free(books->batches);
    free(books->judgements);
    *books = (ft_sweep_books){0};
}

static ft_status allocate_entries(ft_sweep_books *books, const char *name, size_t count, ft_error *err)
{
    ft_books_free(books);
    books->name = ft_copy_string(name);
    books->experiments = calloc(count, sizeof *books->experiments);
    books->started = calloc(count, sizeof *books->started);
    books->failed = calloc(count, sizeof *books->failed);
    books->begun_here = calloc(count, sizeof *books->begun_here);
    if (!books->name || !books->experiments || !books->started || !books->failed || !books->begun_here)
        return ft_no_memory(err, "the sweep's state", 2 * count * sizeof *books->started);
    books->count = count;
    return FT_OK;
}

/* One batch of the plan, [first trajectory, count, slots]; marks its trajectories in is_in:
 * (books->n_trajectories). */
static ft_status read_batch(ft_sweep_books *books, const cJSON *item, bool *is_in, ft_error *err)
{
    const double most = (double)books->n_trajectories;
    const cJSON *part = cJSON_IsArray(item) ? item->child : NULL;
    int64_t v[3] = {-1, -1, -1};
    for (int i = 0; i < 3 && part; i++, part = part->next) v[i] = whole_number(part, most);
    const size_t first = (size_t)v[0], count = (size_t)v[1];
    bool fits = !part && v[0] >= 0 && v[1] >= 1 && v[2] >= 1 && v[2] <= v[1] &&
                first + count <= books->n_trajectories;
    for (size_t i = first; fits && i < first + count; i++) {
        fits = !is_in[i];
        is_in[i] = true;
    }
    if (!fits) return ft_fail(err, FT_BAD_INPUT, "has batches that do not hold each trajectory once");
    size_t *trajectories = malloc(count * sizeof *trajectories);
    if (!trajectories) return ft_no_memory(err, "a batch", count * sizeof *trajectories);
    for (size_t i = 0; i < count; i++) trajectories[i] = first + i;
    return keep_batch(books, trajectories, count, (int32_t)v[2], books->n_planned++, err);
}

static ft_status read_batches(ft_sweep_books *books, const cJSON *plan, ft_error *err)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(plan, "batches"), *item;
    int64_t n = get_number(plan, "trajectories", (double)books->count);
    if (n < 1 || !cJSON_IsArray(list))
        return ft_fail(err, FT_BAD_INPUT, "has no trajectories, or no batches");
    books->n_trajectories = (size_t)n;
    bool *is_in = calloc(books->n_trajectories, sizeof *is_in);
    if (!is_in) return ft_no_memory(err, "the sweep's state", books->n_trajectories);
    ft_status status = FT_OK;
    cJSON_ArrayForEach(item, list)
    {
        if (status == FT_OK) status = read_batch(books, item, is_in, err);
    }
    for (size_t i = 0; i < books->n_trajectories && status == FT_OK; i++)
        if (!is_in[i]) status = ft_fail(err, FT_BAD_INPUT, "has batches that leave out a trajectory");
    free(is_in);
    return status;
}

ft_status ft_books_open(ft_sweep_books *books, const char *name, const cJSON *plan, ft_error *err)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(plan, "configurations");
    if (!cJSON_IsArray(list) || !list->child) return ft_fail(err, FT_BAD_INPUT, "has no configurations");
    ft_status status = allocate_entries(books, name, (size_t)cJSON_GetArraySize(list), err);
    return status == FT_OK ? read_batches(books, plan, err) : status;
}
