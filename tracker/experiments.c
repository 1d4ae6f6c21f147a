/* Loading a whole results directory, and finding one experiment or the best in it. */
#include "tracker/experiments.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/text.h"
#include "tracker/replicates.h"
#include "tracker/table.h"

void ft_experiments_free(ft_experiments *experiments)
{
    for (size_t i = 0; i < experiments->count; i++) ft_experiment_free(&experiments->items[i]);
    for (size_t i = 0; i < experiments->n_warnings; i++) free(experiments->warnings[i]);
    free(experiments->items);
    free(experiments->warnings);
    *experiments = (ft_experiments){0};
}

static ft_status add_warning(ft_experiments *set, const char *warning, ft_error *err)
{
    char **grown = realloc(set->warnings, (set->n_warnings + 1) * sizeof *grown);
    if (!grown) return ft_no_memory(err, "warnings", sizeof *grown);
    set->warnings = grown;
    grown[set->n_warnings] = ft_copy_string(warning);
    if (!grown[set->n_warnings]) return ft_no_memory(err, "a warning", strlen(warning));
    set->n_warnings++;
    return FT_OK;
}

static ft_status add_experiment(ft_experiments *set, size_t *capacity, const ft_experiment *experiment,
                                ft_error *err)
{
    if (set->count == *capacity) {
        size_t larger = *capacity ? 2 * *capacity : 64;
        ft_experiment *grown = realloc(set->items, larger * sizeof *grown);
        if (!grown) return ft_no_memory(err, "experiments", larger * sizeof *grown);
        set->items = grown;
        *capacity = larger;
    }
    set->items[set->count++] = *experiment;
    return FT_OK;
}

/* Why an entry of the results directory gave no experiment: it is unfinished, none of
 * ours, or `broken` says so. */
static ft_status explain(ft_experiments *set, const char *directory, const char *name, const ft_error *broken,
                         ft_error *err)
{
    struct stat about;
    char *path = ft_join_path(directory, "results.json");
    if (!path) return ft_no_memory(err, "a path", strlen(directory) + 16);
    bool exists = false;
    ft_error ignored;
    const bool is_missing = ft_path_exists(path, &exists, &ignored) == FT_OK && !exists;
    /* No complaint about a plain file beside the experiments (a report, an export), or a
     * folder that a user has made. */
    if (is_missing && ft_experiment_is_id(name) && stat(directory, &about) == 0 && S_ISDIR(about.st_mode))
        set->n_unfinished++;
    free(path);
    return is_missing ? FT_OK : add_warning(set, broken->message, err);
}

/* One entry of the results directory. */
static ft_status load_entry(ft_experiments *set, size_t *capacity, const char *results, const char *name,
                            ft_detail detail, ft_error *err)
{
    ft_experiment experiment = {0};
    ft_error broken = {{0}};
    char *directory = ft_join_path(results, name);
    if (!directory) return ft_no_memory(err, "a path", strlen(results) + strlen(name) + 2);
    ft_status status = ft_experiment_read_part(directory, detail, &experiment, &broken);
    if (status == FT_OK) {
        status = add_experiment(set, capacity, &experiment, err);
        if (status != FT_OK) ft_experiment_free(&experiment);
    } else if (status == FT_NO_MEMORY) {
        if (err) *err = broken;
    } else {
        status = explain(set, directory, name, &broken, err);
    }
    free(directory);
    return status;
}

static int by_id(const void *left, const void *right)
{
    const ft_experiment *a = left, *b = right;
    int order = strcmp(a->experiment_id, b->experiment_id);
    return order ? order : strcmp(a->directory, b->directory);
}

/* Of experiments with one id (a copied directory) the one that lies where its id says is
 * kept, else the first. */
static ft_status drop_duplicates(ft_experiments *set, ft_error *err)
{
    size_t kept = 0;
    ft_status status = FT_OK;
    for (size_t i = 0; i < set->count; i++) {
        ft_experiment *this = &set->items[i], *last = kept ? &set->items[kept - 1] : NULL;
        if (!last || strcmp(last->experiment_id, this->experiment_id) != 0) {
            set->items[kept++] = *this;
            continue;
        }
        const char *slash = strrchr(this->directory, '/');
        if (strcmp(slash ? slash + 1 : this->directory, this->experiment_id) == 0) {
            ft_experiment other = *last;
            *last = *this;
            *this = other;
        }
        ft_error warning; /* keeps names of any kind on one line */
        ft_fail(&warning, FT_BAD_INPUT, "%.400s: has the experiment_id of %.400s; skipped", this->directory,
                last->directory);
        if (status == FT_OK) status = add_warning(set, warning.message, err);
        ft_experiment_free(this);
    }
    set->count = kept;
    return status;
}

static int by_text(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

ft_status ft_experiments_load(const char *results, ft_detail detail, ft_experiments *experiments,
                              ft_error *err)
{
    *experiments = (ft_experiments){0};
    DIR *listing = opendir(results);
    if (!listing && errno == ENOENT)
        return ft_fail(
            err, FT_BAD_INPUT,
            "%s: there is no such directory (run and sweep write their experiments there; --results "
            "names another place)",
            results);
    if (!listing)
        return ft_fail(err, ft_status_of_errno(errno), "%s: cannot be read: %s", results, strerror(errno));
    ft_status status = FT_OK;
    size_t capacity = 0;
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(listing);
        if (!entry) {
            if (errno)
                status = ft_fail(err, ft_status_of_errno(errno), "%s: cannot be read: %s", results,
                                 strerror(errno));
            break;
        }
        if (entry->d_name[0] == '.') continue;
        status = load_entry(experiments, &capacity, results, entry->d_name, detail, err);
        if (status != FT_OK) break;
    }
    closedir(listing);
    if (experiments->count) qsort(experiments->items, experiments->count, sizeof *experiments->items, by_id);
    if (status == FT_OK) status = drop_duplicates(experiments, err);
    if (experiments->n_warnings > 1)
        qsort(experiments->warnings, experiments->n_warnings, sizeof *experiments->warnings, by_text);
    if (status != FT_OK) ft_experiments_free(experiments);
    return status;
}

static ft_status no_such_id(const ft_experiments *set, const char *id, ft_error *err)
{
    if (set->count == 0) return ft_fail(err, FT_BAD_INPUT, "no experiment \"%.200s\": there are none", id);
    const char **names = malloc(set->count * sizeof *names);
    if (!names) return ft_no_memory(err, "names", set->count * sizeof *names);
    for (size_t i = 0; i < set->count; i++) names[i] = set->items[i].experiment_id;
    const char *near = ft_nearest_name(id, names, set->count);
    ft_fail(err, FT_BAD_INPUT, "no experiment \"%.200s\"%s%.200s%s", id, near ? "; did you mean \"" : "",
            near ? near : "", near ? "\"?" : "");
    free(names);
    return FT_BAD_INPUT;
}

ft_status ft_experiments_find(const ft_experiments *experiments, const char *id, const ft_experiment **found,
                              ft_error *err)
{
    *found = NULL;
    if (experiments->count == 0) return no_such_id(experiments, id, err);
    size_t length = strlen(id), first = 0, end = experiments->count;
    while (first < end) { /* ids are sorted: the first that is not before `id` */
        size_t middle = first + (end - first) / 2;
        if (strcmp(experiments->items[middle].experiment_id, id) < 0)
            first = middle + 1;
        else
            end = middle;
    }
    size_t n_matches = 0;
    const ft_experiment *match = experiments->items + first;
    while (first + n_matches < experiments->count && strncmp(match[n_matches].experiment_id, id, length) == 0)
        n_matches++;
    /* a directory that was renamed */
    for (size_t i = 0; n_matches == 0 && i < experiments->count; i++) {
        const char *directory = experiments->items[i].directory, *slash = strrchr(directory, '/');
        if (strcmp(slash ? slash + 1 : directory, id) != 0) continue;
        *found = &experiments->items[i];
        return FT_OK;
    }
    if (length == 0 || n_matches == 0) return no_such_id(experiments, id, err);
    if (n_matches > 1 && match->experiment_id[length] != '\0')
        return ft_fail(err, FT_BAD_INPUT,
                       "\"%.200s\" begins the ids of %zu experiments, the last \"%.200s\"; say more of it",
                       id, n_matches, match[n_matches - 1].experiment_id);
    *found = match;
    return FT_OK;
}

/* -- data -- */

/* Experiments of the same data: how many, and the first; before the merge only one. */
typedef struct data_set {
    const char *data; /* ft_experiment_data */
    size_t first, n;
} data_set;

static int by_data(const void *left, const void *right)
{
    const data_set *a = left, *b = right;
    const int order = strcmp(a->data, b->data);
    return order ? order : (a->first > b->first) - (a->first < b->first);
}

static int by_size(const void *left, const void *right)
{
    const data_set *a = left, *b = right;
    if (a->n != b->n) return a->n < b->n ? 1 : -1;
    return (a->first > b->first) - (a->first < b->first);
}

/* The data sets of (n) experiments, the largest first; returns how many there are. */
static size_t merge_data_sets(data_set *sets, size_t n)
{
    size_t n_sets = 0;
    qsort(sets, n, sizeof *sets, by_data);
    for (size_t i = 0; i < n; i++)
        if (n_sets && strcmp(sets[n_sets - 1].data, sets[i].data) == 0)
            sets[n_sets - 1].n++;
        else
            sets[n_sets++] = sets[i];
    qsort(sets, n_sets, sizeof *sets, by_size);
    return n_sets;
}

void ft_experiments_describe_data(const ft_experiments *experiments, ft_text *out)
{
    enum { MOST_NAMED = 3 };
    data_set *sets = malloc((experiments->count + 1) * sizeof *sets);
    size_t n = 0, n_sets = 0;
    if (!sets) out->failed = true;
    for (size_t i = 0; sets && i < experiments->count; i++) {
        const char *data = ft_experiment_data(&experiments->items[i]);
        if (*data) sets[n++] = (data_set){data, i, 1};
    }
    if (n) n_sets = merge_data_sets(sets, n);
    for (size_t s = 0; n_sets > 1 && s < n_sets && s < MOST_NAMED; s++) {
        if (s == 0) ft_text_addf(out, "experiments of %zu data sets (", n_sets);
        ft_text_addf(out, "%s%zu as ", s ? ", " : "", sets[s].n);
        ft_text_add_line(out, experiments->items[sets[s].first].experiment_id);
    }
    if (n_sets > 1)
        ft_text_addf(out, "%s): their metrics do not compare; choose by --match, --where or ids",
                     n_sets > MOST_NAMED ? ", ..." : "");
    free(sets);
}

/* -- the best -- */

ft_status ft_experiments_best(const ft_experiments *experiments, ft_metric metric, ft_split split,
                              const ft_experiment **best, ft_error *err)
{
    *best = NULL;
    ft_replicates replicates;
    ft_status status = ft_replicates_find(experiments, &replicates, err);
    if (status != FT_OK) return status;
    status = ft_replicates_choose(experiments, &replicates, metric, split, best, err);
    ft_replicates_free(&replicates);
    return status;
}
