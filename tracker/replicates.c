/* Replicates; see replicates.h. */
#include "tracker/replicates.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "tracker/table.h"

/* An experiment on its way into a group. */
typedef struct entry {
    char *key; /* data, model, hyperparameters but for the seed; NULL: it has no seed */
    double seed;
    size_t index;
    size_t nth; /* which of those with this key and seed */
} entry;

static int by_name(const void *left, const void *right)
{
    const cJSON *const *a = left, *const *b = right;
    return strcmp((*a)->string, (*b)->string);
}

/* Adds "name:value;". Equal numbers have equal bits, which cost less to print than
 * digits: of thousands of experiments the numbers are most of the work. */
static void add_member(const cJSON *member, ft_text *key)
{
    ft_text_add(key, member->string);
    ft_text_add(key, ":");
    if (cJSON_IsNumber(member)) {
        const double value = member->valuedouble + 0.0; /* -0 is 0 */
        uint64_t bits;
        memcpy(&bits, &value, sizeof bits);
        ft_text_addf(key, "%" PRIx64, bits);
    } else {
        char *value = ft_json_print_line(member);
        ft_text_add(key, value ? value : "");
        if (!value) key->failed = true;
        free(value);
    }
    ft_text_add(key, ";");
}

/* Data, model, and the hyperparameters but `seed` in the order of their names; NULL when
 * memory runs out. */
static char *print_key(const ft_experiment *e)
{
    const cJSON *hyperparams = e->hyperparams;
    size_t n = 0, n_all = (size_t)cJSON_GetArraySize(hyperparams);
    const cJSON **members = malloc((n_all + 1) * sizeof *members);
    ft_text key = FT_TEXT_EMPTY;
    if (!members) return NULL;
    for (const cJSON *m = hyperparams->child; m; m = m->next)
        if (strcmp(m->string, "seed") != 0) members[n++] = m;
    qsort(members, n, sizeof *members, by_name);
    ft_text_addf(&key, "%s;%s;", ft_experiment_data(e), ft_experiment_run_text(e, "model_hash"));
    for (size_t i = 0; i < n; i++) add_member(members[i], &key);
    free(members);
    if (key.failed) ft_text_free(&key);
    return key.data;
}

/* By key, seed and place: those with one key and seed follow each other. */
static int by_key_and_seed(const void *left, const void *right)
{
    const entry *a = left, *b = right;
    if (!a->key || !b->key) return a->key ? -1 : b->key ? 1 : (a->index > b->index) - (a->index < b->index);
    int order = strcmp(a->key, b->key);
    if (order == 0) order = (a->seed > b->seed) - (a->seed < b->seed);
    return order ? order : (a->index > b->index) - (a->index < b->index);
}

static bool has_same_key(const entry *a, const entry *b)
{
    return a->key && b->key && strcmp(a->key, b->key) == 0;
}

/* By key, then the nth of a seed, then place: a group's entries follow each other. */
static int by_group(const void *left, const void *right)
{
    const entry *a = left, *b = right;
    if (a->key && b->key && has_same_key(a, b) && a->nth != b->nth) return a->nth < b->nth ? -1 : 1;
    if (a->key && b->key && !has_same_key(a, b)) return strcmp(a->key, b->key);
    if (!a->key != !b->key) return a->key ? -1 : 1;
    return (a->index > b->index) - (a->index < b->index);
}

static void number_repetitions(entry *entries, size_t n)
{
    qsort(entries, n, sizeof *entries, by_key_and_seed);
    for (size_t i = 1; i < n; i++)
        if (has_same_key(&entries[i - 1], &entries[i]) && entries[i - 1].seed == entries[i].seed)
            entries[i].nth = entries[i - 1].nth + 1;
    qsort(entries, n, sizeof *entries, by_group);
}

/* Gives each experiment the lowest experiment of its group, then numbers groups in
 * that order. */
static void number_groups(const entry *entries, size_t n, ft_replicates *r)
{
    size_t lowest = 0;
    for (size_t i = 0; i < n; i++) {
        const bool same =
            i > 0 && has_same_key(&entries[i - 1], &entries[i]) && entries[i - 1].nth == entries[i].nth;
        if (!same) lowest = entries[i].index;
        r->group[entries[i].index] = lowest;
    }
    for (size_t e = 0; e < n; e++) r->group[e] = r->group[e] == e ? r->n_groups++ : r->group[r->group[e]];
    for (size_t e = 0; e < n; e++) r->first[r->group[e] + 1]++;
    for (size_t g = 0; g < r->n_groups; g++) {
        if (r->first[g + 1] > r->most) r->most = r->first[g + 1];
        r->first[g + 1] += r->first[g];
    }
    size_t *next = r->members + n; /* room behind the members */
    memcpy(next, r->first, r->n_groups * sizeof *next);
    for (size_t e = 0; e < n; e++) r->members[next[r->group[e]]++] = e;
}

ft_status ft_replicates_find(const ft_experiments *experiments, ft_replicates *r, ft_error *err)
{
    const size_t n = experiments->count;
    entry *entries = calloc(n + 1, sizeof *entries);
    *r = (ft_replicates){.group = calloc(n + 1, sizeof *r->group),
                         .members = calloc(2 * n + 1, sizeof *r->members),
                         .first = calloc(n + 2, sizeof *r->first)};
    bool ok = entries && r->group && r->members && r->first;
    for (size_t i = 0; ok && i < n; i++) {
        const cJSON *hyperparams = experiments->items[i].hyperparams;
        const cJSON *seed = cJSON_GetObjectItemCaseSensitive(hyperparams, "seed");
        entries[i].index = i;
        if (!cJSON_IsNumber(seed)) continue;
        entries[i].seed = seed->valuedouble;
        entries[i].key = print_key(&experiments->items[i]);
        ok = entries[i].key != NULL;
    }
    if (ok) number_repetitions(entries, n);
    if (ok) number_groups(entries, n, r);
    for (size_t i = 0; entries && i < n; i++) free(entries[i].key);
    free(entries);
    if (ok) return FT_OK;
    ft_replicates_free(r);
    return ft_no_memory(err, "replicates", n * sizeof *entries);
}

void ft_replicates_split(ft_replicates *r, size_t n)
{
    for (size_t i = 0; i < n; i++) r->group[i] = r->members[i] = r->first[i] = i;
    r->first[n] = r->n_groups = n;
    r->most = n > 0;
}

void ft_replicates_free(ft_replicates *r)
{
    free(r->group);
    free(r->members);
    free(r->first);
    *r = (ft_replicates){0};
}

ft_spread ft_replicates_spread(const ft_experiments *experiments, const ft_replicates *r, size_t group,
                               ft_metric metric, ft_split split)
{
    ft_spread s = {.mean = NAN, .std = NAN, .cost = NAN};
    double sum = 0, costs = 0, least = INFINITY, squares = 0;
    for (size_t i = r->first[group]; i < r->first[group + 1]; i++) {
        const ft_experiment *e = &experiments->items[r->members[i]];
        const double value = ft_metrics_get(&e->metrics[split], metric), cost = ft_metric_cost(metric, value);
        if (e->error || !isfinite(cost)) continue;
        if (cost < least) least = cost, s.best = r->members[i];
        sum += value, costs += cost, s.n++;
    }
    if (s.n == 0) return s;
    s.mean = sum / (double)s.n;
    s.cost = costs / (double)s.n;
    for (size_t i = r->first[group]; i < r->first[group + 1]; i++) {
        const ft_experiment *e = &experiments->items[r->members[i]];
        const double off = ft_metrics_get(&e->metrics[split], metric) - s.mean;
        if (!e->error && isfinite(off)) squares += off * off;
    }
    if (s.n > 1) s.std = sqrt(squares / (double)(s.n - 1));
    return s;
}

const ft_experiment *ft_replicates_best(const ft_experiments *experiments, const ft_replicates *r,
                                        ft_metric metric, ft_split split)
{
    const ft_experiment *best = NULL;
    double least = INFINITY;
    for (size_t g = 0; g < r->n_groups; g++) {
        const ft_spread spread = ft_replicates_spread(experiments, r, g, metric, split);
        if (!(spread.cost < least)) continue;
        least = spread.cost;
        best = &experiments->items[spread.best];
    }
    return best;
}

static ft_status none_has_it(const ft_experiments *experiments, ft_metric metric, ft_split split,
                             ft_error *err)
{
    size_t n_failed = 0;
    for (size_t i = 0; i < experiments->count; i++) n_failed += experiments->items[i].error != NULL;
    if (experiments->count == 0) return ft_fail(err, FT_BAD_INPUT, "there are no experiments to choose from");
    return ft_fail(err, FT_BAD_INPUT, "no experiment has a %s on %s: of %zu, %zu failed and %zu have none%s",
                   ft_metric_names[metric], ft_split_names[split], experiments->count, n_failed,
                   experiments->count - n_failed,
                   split == FT_VAL ? "; --split test would choose by test" : "");
}

ft_status ft_replicates_choose(const ft_experiments *experiments, const ft_replicates *r, ft_metric metric,
                               ft_split split, const ft_experiment **best, ft_error *err)
{
    *best = ft_replicates_best(experiments, r, metric, split);
    return *best ? FT_OK : none_has_it(experiments, metric, split, err);
}

void ft_spread_describe(const ft_spread *spread, ft_text *out)
{
    char room[FT_NUMBER_CHARS], digits[FT_NUMBER_CHARS];
    ft_text_add(out, ft_short_number(spread->mean, room));
    if (spread->n < 2) return;
    snprintf(digits, sizeof digits, "%.2g", spread->std);
    ft_text_addf(out, " ± %s", digits);
}

void ft_replicates_describe(const ft_experiments *experiments, const ft_replicates *r,
                            const ft_experiment *best, ft_metric metric, ft_split split, ft_text *out)
{
    const size_t group = r->group[best - experiments->items];
    const ft_spread chosen = ft_replicates_spread(experiments, r, group, metric, split),
                    test = ft_replicates_spread(experiments, r, group, metric, FT_TEST);
    if (chosen.n < 2) return;
    ft_text_addf(out, "%zu seeds: %s %s ", chosen.n, ft_split_names[split], ft_metric_names[metric]);
    ft_spread_describe(&chosen, out);
    if (split != FT_TEST && test.n > 1) {
        ft_text_addf(out, ", test %s ", ft_metric_names[metric]);
        ft_spread_describe(&test, out);
    }
    ft_text_addf(out, "; means of seeds were compared, of %zu configurations", r->n_groups);
}
