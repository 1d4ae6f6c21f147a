/* What is known of a sweep; see index.h. */
#include "host/sweep/index.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "tracker/experiment.h"

/* The largest batch number: the largest integer that a double, and so JSON, holds
 * exactly. */
static const size_t MOST_NUMBER = (size_t)1 << 53;

/* The "started" and "finished" ids of a configuration share one text when they are
 * equal, as they mostly are. */
static void replace_text(char **slot, char *text, const char *shared)
{
    if (*slot != shared) free(*slot);
    *slot = text;
}

ft_status ft_sweep_index_check_id(const ft_sweep_index *index, size_t configuration,
                                  const char *experiment_id, ft_error *err)
{
    if (ft_experiment_id_fits(experiment_id, index->name, (int64_t)configuration + 1, (int64_t)index->count))
        return FT_OK;
    return ft_fail(err, FT_BAD_INPUT, "\"%.200s\" is not an id of configuration %zu of sweep \"%s\"",
                   experiment_id, configuration + 1, index->name);
}

bool ft_sweep_index_find_id(const ft_sweep_index *index, const char *experiment_id, size_t *configuration)
{
    const size_t length = strlen(index->name);
    unsigned long long number = 0;
    ft_error ignored;
    if (strncmp(experiment_id, index->name, length) != 0 ||
        sscanf(experiment_id + length, "_%llu_", &number) != 1 || number < 1 || number > index->count)
        return false;
    *configuration = (size_t)number - 1;
    return ft_sweep_index_check_id(index, *configuration, experiment_id, &ignored) == FT_OK;
}

ft_status ft_sweep_index_start(ft_sweep_index *index, size_t configuration, const char *experiment_id,
                               ft_error *err)
{
    char *copy = ft_copy_string(experiment_id);
    if (!copy) return ft_no_memory(err, "a journal entry", strlen(experiment_id));
    replace_text(&index->started[configuration], copy, index->experiments[configuration]);
    return FT_OK;
}

ft_status ft_sweep_index_finish(ft_sweep_index *index, size_t configuration, const char *experiment_id,
                                bool failed, ft_error *err)
{
    char *started = index->started[configuration];
    char *id = started && strcmp(started, experiment_id) == 0 ? started : ft_copy_string(experiment_id);
    if (!id) return ft_no_memory(err, "a journal entry", strlen(experiment_id));
    replace_text(&index->experiments[configuration], id, started);
    index->failed[configuration] = failed;
    return FT_OK;
}

void ft_sweep_index_forget(ft_sweep_index *index, size_t configuration)
{
    replace_text(&index->experiments[configuration], NULL, index->started[configuration]);
}

void ft_sweep_index_forget_start(ft_sweep_index *index, size_t configuration)
{
    replace_text(&index->started[configuration], NULL, index->experiments[configuration]);
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

static ft_status keep_decision(ft_sweep_index *index, const ft_pruning_decision *decision, ft_error *err)
{
    ft_status status = reserve((void **)&index->decisions, index->n_decisions, &index->decision_capacity,
                               sizeof *index->decisions, err);
    if (status == FT_OK) index->decisions[index->n_decisions++] = *decision;
    return status;
}

/* Takes ownership of `trajectories`. */
static ft_status keep_batch(ft_sweep_index *index, size_t *trajectories, size_t count, int32_t slots,
                            size_t number, ft_error *err)
{
    ft_status status = reserve((void **)&index->batches, index->n_batches, &index->batch_capacity,
                               sizeof *index->batches, err);
    if (status != FT_OK) {
        free(trajectories);
        return status;
    }
    index->batches[index->n_batches++] = (ft_sweep_batch){trajectories, count, slots, number, false};
    return FT_OK;
}

/* Whether some: (count) are trajectories of the batch, in its order. Writes the others
 * to rest: (batch->count). */
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

/* Adds part k of a batch that is split: 0 and 1 are its halves, 2 is what was
 * recorded. */
static ft_status add_part(ft_sweep_index *index, const ft_sweep_batch *whole, size_t k,
                          const size_t *trajectories, size_t count, ft_error *err)
{
    size_t *copy = malloc(count * sizeof *copy);
    if (!copy) return ft_no_memory(err, "a batch", count * sizeof *copy);
    memcpy(copy, trajectories, count * sizeof *copy);
    const size_t root = whole->number % index->n_planned;
    return keep_batch(index, copy, count, (size_t)whole->slots < count ? whole->slots : (int32_t)count,
                      root + 3 * (whole->number - root) + (k + 1) * index->n_planned, err);
}

ft_status ft_sweep_index_split(ft_sweep_index *index, size_t batch, const size_t *trajectories, size_t count,
                               ft_error *err)
{
    const ft_sweep_batch whole = index->batches[batch];
    const size_t half = (count + 1) / 2, before = index->n_batches;
    size_t n_rest = 0, *rest = malloc(whole.count * sizeof *rest);
    if (!rest) return ft_no_memory(err, "a batch", whole.count * sizeof *rest);
    ft_status status = FT_OK;
    if (whole.is_split || count < 2 || whole.number > MOST_NUMBER / 8 ||
        !take_out(&whole, trajectories, count, rest, &n_rest))
        status = ft_fail(err, FT_BAD_INPUT, "a batch cannot be cut in two like that");
    if (status == FT_OK) status = add_part(index, &whole, 0, trajectories, half, err);
    if (status == FT_OK) status = add_part(index, &whole, 1, trajectories + half, count - half, err);
    if (status == FT_OK && n_rest > 0) status = add_part(index, &whole, 2, rest, n_rest, err);
    if (status == FT_OK) index->batches[batch].is_split = true;
    while (status != FT_OK && index->n_batches > before)
        free(index->batches[--index->n_batches].trajectories);
    free(rest);
    return status;
}

int64_t ft_sweep_index_find_batch(const ft_sweep_index *index, size_t number)
{
    for (size_t i = number < index->n_planned ? number : index->n_planned; i < index->n_batches; i++)
        if (index->batches[i].number == number) return (int64_t)i;
    return -1;
}

static ft_status fail_foreign(ft_error *err)
{
    return ft_fail(err, FT_BAD_INPUT, "not an event of this sweep");
}

/* {"event":"split","batch":1,"trajectories":[1,...]} */
static ft_status replay_split(ft_sweep_index *index, const cJSON *entry, ft_error *err)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(entry, "trajectories"), *item;
    int n = cJSON_GetArraySize(list);
    int64_t number = get_number(entry, "batch", (double)MOST_NUMBER),
            batch = number < 1 ? -1 : ft_sweep_index_find_batch(index, (size_t)number - 1);
    if (!cJSON_IsArray(list) || n <= 0 || batch < 0) return fail_foreign(err);
    size_t *trajectories = malloc((size_t)n * sizeof *trajectories), count = 0;
    if (!trajectories) return ft_no_memory(err, "a batch", (size_t)n * sizeof *trajectories);
    ft_status status = FT_OK;
    cJSON_ArrayForEach(item, list)
    {
        int64_t trajectory = whole_number(item, (double)index->n_trajectories);
        if (trajectory < 1) status = fail_foreign(err);
        trajectories[count++] = trajectory < 1 ? 0 : (size_t)trajectory - 1;
    }
    if (status == FT_OK) status = ft_sweep_index_split(index, (size_t)batch, trajectories, count, err);
    free(trajectories);
    return status;
}

static ft_status replay_decision(ft_sweep_index *index, const cJSON *entry, ft_error *err)
{
    int64_t trajectory = get_number(entry, "trajectory", (double)index->n_trajectories),
            epoch = get_number(entry, "epoch", 2147483647.0);
    const cJSON *loss = cJSON_GetObjectItemCaseSensitive(entry, "val_loss");
    if (trajectory < 1 || epoch < 1) return fail_foreign(err);
    ft_pruning_decision decision = {(size_t)trajectory - 1, (int32_t)epoch,
                                    cJSON_IsNumber(loss) ? loss->valuedouble : NAN,
                                    cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(entry, "pruned"))};
    return keep_decision(index, &decision, err);
}

/* Applies an event of a configuration. */
static ft_status replay_result(ft_sweep_index *index, bool is_own, const char *event, const cJSON *entry,
                               ft_error *err)
{
    const cJSON *id = cJSON_GetObjectItemCaseSensitive(entry, "experiment_id");
    int64_t number = get_number(entry, "configuration", (double)index->count);
    if (number < 1 || !cJSON_IsString(id)) return fail_foreign(err);
    size_t configuration = (size_t)number - 1;
    ft_status status = ft_sweep_index_check_id(index, configuration, id->valuestring, err);
    if (status != FT_OK) return status;
    index->begun_here[configuration] = index->begun_here[configuration] || is_own;
    if (strcmp(event, "started") == 0)
        return ft_sweep_index_start(index, configuration, id->valuestring, err);
    return ft_sweep_index_finish(index, configuration, id->valuestring,
                                 cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(entry, "failed")), err);
}

ft_status ft_sweep_index_replay(ft_sweep_index *index, ft_reading *r, const char *event, size_t length,
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
        status = replay_result(index, r->is_own, kind, entry, err);
    else if (strcmp(kind, "judged") == 0 && !r->results_only)
        status = replay_decision(index, entry, err);
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

ft_status ft_sweep_index_pass_over(ft_reading *r, const ft_journal_line *where, ft_error *err)
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

/* A batch is split before its parts are: their numbers are larger. */
static int by_batch_number(const void *x, const void *y)
{
    const ft_read_split *p = x, *q = y;
    double a = cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(p->entry, "batch")),
           b = cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(q->entry, "batch"));
    return a < b ? -1 : a > b ? 1 : by_place(&p->where, &q->where);
}

ft_status ft_sweep_index_end_reading(ft_sweep_index *index, ft_reading *r, ft_error *err)
{
    ft_status status = FT_OK;
    if (r->n_splits > 0) qsort(r->splits, r->n_splits, sizeof *r->splits, by_batch_number);
    for (size_t i = 0; i < r->n_splits && status == FT_OK; i++) {
        status = replay_split(index, r->splits[i].entry, err);
        if (status == FT_BAD_INPUT) status = ft_sweep_index_pass_over(r, &r->splits[i].where, err);
    }
    return status;
}

void ft_sweep_index_free_reading(ft_reading *r)
{
    for (size_t i = 0; i < r->n_splits; i++) cJSON_Delete(r->splits[i].entry);
    free(r->splits);
    free(r->damaged);
    *r = (ft_reading){0};
}

void ft_sweep_index_drop_pruning_decisions(ft_sweep_index *index)
{
    free(index->decisions);
    index->decisions = NULL;
    index->n_decisions = index->decision_capacity = 0;
}

void ft_sweep_index_free(ft_sweep_index *index)
{
    for (size_t i = 0; i < index->count; i++) {
        ft_sweep_index_forget(index, i);
        free(index->started[i]);
    }
    for (size_t i = 0; i < index->n_batches; i++) free(index->batches[i].trajectories);
    free(index->name);
    free(index->experiments);
    free(index->started);
    free(index->failed);
    free(index->begun_here);
    free(index->batches);
    free(index->decisions);
    *index = (ft_sweep_index){0};
}

static ft_status allocate_entries(ft_sweep_index *index, const char *name, size_t count, ft_error *err)
{
    ft_sweep_index_free(index);
    index->name = ft_copy_string(name);
    index->experiments = calloc(count, sizeof *index->experiments);
    index->started = calloc(count, sizeof *index->started);
    index->failed = calloc(count, sizeof *index->failed);
    index->begun_here = calloc(count, sizeof *index->begun_here);
    if (!index->name || !index->experiments || !index->started || !index->failed || !index->begun_here)
        return ft_no_memory(err, "the sweep's state", 2 * count * sizeof *index->started);
    index->count = count;
    return FT_OK;
}

/* Reads one batch of the plan, [first trajectory, count, slots], and marks its
 * trajectories in is_in: (index->n_trajectories). */
static ft_status read_batch(ft_sweep_index *index, const cJSON *item, bool *is_in, ft_error *err)
{
    const double most = (double)index->n_trajectories;
    const cJSON *part = cJSON_IsArray(item) ? item->child : NULL;
    int64_t v[3] = {-1, -1, -1};
    for (int i = 0; i < 3 && part; i++, part = part->next) v[i] = whole_number(part, most);
    const size_t first = (size_t)v[0], count = (size_t)v[1];
    bool fits = !part && v[0] >= 0 && v[1] >= 1 && v[2] >= 1 && v[2] <= v[1] &&
                first + count <= index->n_trajectories;
    for (size_t i = first; fits && i < first + count; i++) {
        fits = !is_in[i];
        is_in[i] = true;
    }
    if (!fits) return ft_fail(err, FT_BAD_INPUT, "has batches that do not hold each trajectory once");
    size_t *trajectories = malloc(count * sizeof *trajectories);
    if (!trajectories) return ft_no_memory(err, "a batch", count * sizeof *trajectories);
    for (size_t i = 0; i < count; i++) trajectories[i] = first + i;
    return keep_batch(index, trajectories, count, (int32_t)v[2], index->n_planned++, err);
}

static ft_status read_batches(ft_sweep_index *index, const cJSON *plan, ft_error *err)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(plan, "batches"), *item;
    int64_t n = get_number(plan, "trajectories", (double)index->count);
    if (n < 1 || !cJSON_IsArray(list))
        return ft_fail(err, FT_BAD_INPUT, "has no trajectories, or no batches");
    index->n_trajectories = (size_t)n;
    bool *is_in = calloc(index->n_trajectories, sizeof *is_in);
    if (!is_in) return ft_no_memory(err, "the sweep's state", index->n_trajectories);
    ft_status status = FT_OK;
    cJSON_ArrayForEach(item, list)
    {
        if (status == FT_OK) status = read_batch(index, item, is_in, err);
    }
    for (size_t i = 0; i < index->n_trajectories && status == FT_OK; i++)
        if (!is_in[i]) status = ft_fail(err, FT_BAD_INPUT, "has batches that leave out a trajectory");
    free(is_in);
    return status;
}

ft_status ft_sweep_index_open(ft_sweep_index *index, const char *name, const cJSON *plan, ft_error *err)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(plan, "configurations");
    if (!cJSON_IsArray(list) || !list->child) return ft_fail(err, FT_BAD_INPUT, "has no configurations");
    ft_status status = allocate_entries(index, name, (size_t)cJSON_GetArraySize(list), err);
    return status == FT_OK ? read_batches(index, plan, err) : status;
}
