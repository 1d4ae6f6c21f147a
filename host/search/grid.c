/* Expands grids and lists to configurations; see grid.h. */
#define _GNU_SOURCE /* qsort_r */
#include "host/search/grid.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "model/adapter_kinds.h"

/* A key of the grid and its values. */
typedef struct axis {
    const ft_field *field;
    ft_hyperparameters *values; /* (count); only `field` of each is used */
    size_t count;
} axis;

typedef struct axes {
    axis items[FT_N_FIELDS];
    size_t count;
} axes;

/* Adds an axis for a key; refuses a key that has one. */
static ft_status add_axis(axes *all, const char *key, axis **added, ft_error *err)
{
    const ft_field *field;
    ft_status status = ft_field_find(key, &field, err);
    if (status != FT_OK) return status;
    for (size_t i = 0; i < all->count; i++)
        if (all->items[i].field == field)
            return ft_fail(err, FT_BAD_INPUT, "%s is given twice in the grid", field->name);
    *added = &all->items[all->count++];
    (*added)->field = field;
    return FT_OK;
}

static ft_hyperparameters *add_value(axis *to, ft_error *err)
{
    ft_hyperparameters *grown = realloc(to->values, (to->count + 1) * sizeof *grown);
    if (!grown) {
        (void)ft_no_memory(err, "the grid", (to->count + 1) * sizeof *grown);
        return NULL;
    }
    to->values = grown;
    grown[to->count] = ft_hyperparameters_default;
    return &grown[to->count++];
}

/* Reads "key=v1,v2,...". */
static ft_status read_grid_text(const char *text, int64_t max_configs, axes *all, ft_error *err)
{
    const char *equals = strchr(text, '=');
    if (!equals || equals == text)
        return ft_fail(err, FT_BAD_INPUT, "--grid \"%.80s\" is not of the form key=value,value,...", text);
    char key[64], value[128];
    size_t length = (size_t)(equals - text);
    if (length >= sizeof key) length = sizeof key - 1;
    memcpy(key, text, length);
    key[length] = '\0';
    axis *added = NULL;
    ft_status status = add_axis(all, key, &added, err);
    if (status != FT_OK) return status;
    if (equals[1] == '\0')
        return ft_fail(err, FT_BAD_INPUT, "%s: the list of values is empty", added->field->name);
    for (const char *at = equals + 1; status == FT_OK; at++) {
        length = strcspn(at, ",");
        if ((int64_t)added->count == max_configs)
            return ft_fail(err, FT_BAD_INPUT, "%s: more than %lld values (--max-configs)", added->field->name,
                           (long long)max_configs);
        /* longer texts are no valid value */
        size_t kept = length < sizeof value ? length : sizeof value - 1;
        memcpy(value, at, kept);
        value[kept] = '\0';
        ft_hyperparameters *place = add_value(added, err);
        status = place ? ft_field_set_text(added->field, value, place, err) : FT_NO_MEMORY;
        at += length;
        if (!*at) break;
    }
    return status;
}

static ft_status read_axis_json(const cJSON *list, axes *all, ft_error *err)
{
    axis *added = NULL;
    ft_status status = add_axis(all, list->string, &added, err);
    if (status != FT_OK) return status;
    if (!cJSON_IsArray(list))
        return ft_fail(err, FT_BAD_INPUT, "%s: a list of values is needed, like [1, 2]", added->field->name);
    if (!list->child)
        return ft_fail(err, FT_BAD_INPUT, "%s: the list of values is empty", added->field->name);
    for (const cJSON *value = list->child; value && status == FT_OK; value = value->next) {
        ft_hyperparameters *place = add_value(added, err);
        status = place ? ft_field_set_json(added->field, value, place, err) : FT_NO_MEMORY;
    }
    return status;
}

static ft_status read_grid_file(const char *path, axes *all, ft_error *err)
{
    cJSON *root = NULL;
    ft_status status = ft_json_read(path, &root, err);
    if (status != FT_OK) return status;
    if (!cJSON_IsObject(root))
        status =
            ft_fail(err, FT_BAD_INPUT, "%s: an object of lists is needed, like {\"epochs\": [3, 5]}", path);
    else if (!root->child)
        status = ft_fail(err, FT_BAD_INPUT, "%s: the grid is empty", path);
    for (const cJSON *list = status == FT_OK ? root->child : NULL; list && status == FT_OK;
         list = list->next) {
        status = read_axis_json(list, all, err);
        if (status != FT_OK) ft_error_prefix(err, path);
    }
    cJSON_Delete(root);
    return status;
}

/* Orders indices by the value of one field, or of all fields. */
typedef struct order {
    const ft_hyperparameters *configs;
    const ft_field *fields;
    size_t n_fields;
} order;

static int compare_values(const order *by, size_t i, size_t j)
{
    int comes = 0;
    for (size_t f = 0; f < by->n_fields && comes == 0; f++)
        comes = ft_field_compare(&by->fields[f], &by->configs[i], &by->configs[j]);
    return comes;
}

static int by_values(const void *x, const void *y, void *context)
{
    const size_t i = *(const size_t *)x, j = *(const size_t *)y;
    const int comes = compare_values(context, i, j);
    return comes != 0 ? comes : i < j ? -1 : i > j;
}

/* Finds the first two configurations that are equal in the ordering's fields; *second
 * is 0 if all differ. *n_equal: how many equal an earlier one. */
static ft_status find_equal(const order *by, size_t count, size_t *first, size_t *second, size_t *n_equal,
                            ft_error *err)
{
    *first = *second = *n_equal = 0;
    size_t *places = malloc(count * sizeof *places);
    if (!places) return ft_no_memory(err, "the grid", count * sizeof *places);
    for (size_t i = 0; i < count; i++) places[i] = i;
    qsort_r(places, count, sizeof *places, by_values, (void *)(uintptr_t)by);
    for (size_t i = 1; i < count; i++) {
        if (compare_values(by, places[i - 1], places[i]) != 0) continue;
        ++*n_equal;
        if (*second > 0 && places[i] > *second) continue;
        *first = places[i - 1];
        *second = places[i];
    }
    free(places);
    return FT_OK;
}

/* Refuses a value given twice in different spellings: it would be trained once and
 * counted twice. */
static ft_status check_axes(const axes *all, ft_error *err)
{
    for (size_t i = 0; i < all->count; i++) {
        const axis *a = &all->items[i];
        const order by = {a->values, a->field, 1};
        size_t first, second, n_equal;
        ft_status status = find_equal(&by, a->count, &first, &second, &n_equal, err);
        if (status != FT_OK) return status;
        if (second == 0) continue;
        ft_text value = FT_TEXT_EMPTY;
        ft_field_to_text(a->field, &a->values[second], &value);
        status = ft_fail(err, FT_BAD_INPUT, "%s: the value %.60s is given twice in the grid", a->field->name,
                         value.failed ? "" : value.data);
        ft_text_free(&value);
        return status;
    }
    return FT_OK;
}

static ft_status check_list(const char *path, const ft_grid *grid, ft_error *err)
{
    const order by = {grid->configs, ft_fields, FT_N_FIELDS};
    size_t first, second, n_equal;
    ft_status status = find_equal(&by, grid->count, &first, &second, &n_equal, err);
    if (status == FT_OK && second > 0)
        status = ft_fail(err, FT_BAD_INPUT, "%s: configurations %zu and %zu are equal", path, first + 1,
                         second + 1);
    return status;
}

static ft_status too_many(int64_t max_configs, ft_error *err)
{
    return ft_fail(err, FT_BAD_INPUT, "more than %lld configurations (--max-configs allows more)",
                   (long long)max_configs);
}

/* Copies the value of one field. */
static void copy_field(const ft_field *field, const ft_hyperparameters *from, ft_hyperparameters *to)
{
    static const size_t sizes[] = {[FT_FIELD_REAL] = sizeof(double),
                                   [FT_FIELD_INTEGER] = sizeof(int64_t),
                                   [FT_FIELD_FLAG] = sizeof(bool),
                                   [FT_FIELD_CHOICE] = sizeof(int64_t),
                                   [FT_FIELD_TARGETS] = sizeof(uint32_t)};
    memcpy((char *)to + field->offset, (const char *)from + field->offset, sizes[field->type]);
}

static ft_status expand_axes(const axes *all, int64_t max_configs, const ft_hyperparameters *base,
                             ft_grid *grid, ft_error *err)
{
    uint64_t count = 1, most = (uint64_t)max_configs;
    for (size_t i = 0; i < all->count; i++) {
        if (all->items[i].count > most / count) return too_many(max_configs, err);
        count *= all->items[i].count;
        grid->keys[i] = all->items[i].field;
        grid->covers[grid->keys[i] - ft_fields] = true;
    }
    grid->n_keys = all->count;
    grid->configs = calloc(count, sizeof *grid->configs);
    if (!grid->configs) return ft_no_memory(err, "configurations", count * sizeof *grid->configs);
    grid->count = count;
    for (size_t n = 0; n < grid->count; n++) {
        grid->configs[n] = *base;
        size_t rest = n;
        for (size_t i = all->count; i-- > 0;) { /* the last key varies fastest */
            const axis *a = &all->items[i];
            copy_field(a->field, &a->values[rest % a->count], &grid->configs[n]);
            rest /= a->count;
        }
    }
    return FT_OK;
}

static void add_key(ft_grid *grid, const ft_field *field)
{
    for (size_t i = 0; i < grid->n_keys; i++)
        if (grid->keys[i] == field) return;
    grid->keys[grid->n_keys++] = field;
}

static ft_status read_configs_file(const char *path, int64_t max_configs, const ft_hyperparameters *base,
                                   ft_grid *grid, ft_error *err)
{
    cJSON *root = NULL;
    ft_status status = ft_json_read(path, &root, err);
    if (status != FT_OK) return status;
    int64_t count = 0;
    size_t times[FT_N_FIELDS] = {0}; /* how often each field is set */
    for (const cJSON *entry = root->child; entry; entry = entry->next) count++;
    if (!cJSON_IsArray(root))
        status = ft_fail(err, FT_BAD_INPUT, "%s: a list of objects is needed, like [{\"epochs\": 3}]", path);
    else if (count == 0)
        status = ft_fail(err, FT_BAD_INPUT, "%s: the list of configurations is empty", path);
    else if (count > max_configs)
        status = too_many(max_configs, err);
    else if (!(grid->configs = calloc((size_t)count, sizeof *grid->configs)))
        status = ft_no_memory(err, path, (unsigned long long)count * sizeof *grid->configs);
    for (const cJSON *entry = status == FT_OK ? root->child : NULL; entry && status == FT_OK;
         entry = entry->next) {
        char where[64];
        ft_hyperparameters *config = &grid->configs[grid->count++];
        *config = *base;
        snprintf(where, sizeof where, "configuration %zu", grid->count);
        status = ft_hyperparameters_from_json(config, entry, where, err);
        if (status != FT_OK) {
            ft_error_prefix(err, path);
            break;
        }
        for (const cJSON *value = entry->child; value; value = value->next) {
            const ft_field *field = NULL;
            if (ft_field_find(value->string, &field, NULL) != FT_OK) continue;
            add_key(grid, field);
            times[field - ft_fields]++;
        }
    }
    for (size_t i = 0; i < FT_N_FIELDS; i++) grid->covers[i] = times[i] == grid->count;
    if (status == FT_OK) status = check_list(path, grid, err);
    cJSON_Delete(root);
    return status;
}

/* Repeats each configuration with source->seeds seeds, one after the other. */
static ft_status repeat_with_seeds(const ft_grid_source *source, ft_grid *grid, ft_error *err)
{
    const ft_field *seed = NULL;
    ft_status status = ft_field_find("seed", &seed, err);
    if (status != FT_OK) return status;
    for (size_t i = 0; i < grid->n_keys; i++)
        if (grid->keys[i] == seed)
            return ft_fail(err, FT_BAD_INPUT,
                           "--seeds repeats each configuration with seeds of its own, but the %s has seeds, "
                           "too: leave out one of them",
                           source->configs_file ? "list" : "grid");
    const uint64_t repeats = (uint64_t)source->seeds;
    const int64_t first = grid->configs[0].seed; /* of all configurations */
    if (first + source->seeds - 1 > (int64_t)seed->most)
        return ft_fail(err, FT_BAD_INPUT, "--seeds %lld: from seed %lld on there are not so many",
                       (long long)source->seeds, (long long)first);
    if (grid->count > (uint64_t)source->max_configs / repeats) return too_many(source->max_configs, err);
    const size_t count = grid->count * repeats;
    ft_hyperparameters *all = calloc(count, sizeof *all);
    if (!all) return ft_no_memory(err, "configurations", count * sizeof *all);
    for (size_t i = 0; i < count; i++) {
        all[i] = grid->configs[i / repeats];
        all[i].seed += (int64_t)(i % repeats);
    }
    free(grid->configs);
    grid->configs = all;
    grid->count = count;
    grid->keys[grid->n_keys++] = seed;
    return FT_OK;
}

/* The base alone, for its seeds. */
static ft_status take_base(const ft_hyperparameters *base, ft_grid *grid, ft_error *err)
{
    grid->configs = malloc(sizeof *grid->configs);
    if (!grid->configs) return ft_no_memory(err, "configurations", sizeof *grid->configs);
    grid->configs[grid->count++] = *base;
    return FT_OK;
}

ft_status ft_grid_expand(const ft_grid_source *source, const ft_hyperparameters *base, ft_grid *grid,
                         ft_error *err)
{
    *grid = (ft_grid){0};
    axes all = {.count = 0};
    ft_status status = FT_OK;
    const bool is_grid = source->n_grids || source->grid_file, is_alone = !is_grid && !source->configs_file;
    if (is_grid && source->configs_file)
        return ft_fail(err, FT_BAD_INPUT,
                       "a grid (--grid, --grid-file) or a list (--configs) can be given, not both");
    if (is_alone && source->seeds < 1)
        return ft_fail(err, FT_BAD_INPUT,
                       "nothing to sweep over: --grid, --grid-file, --configs or --seeds is needed");
    if (is_alone) {
        status = take_base(base, grid, err);
    } else if (source->configs_file) {
        status = read_configs_file(source->configs_file, source->max_configs, base, grid, err);
    } else {
        if (source->grid_file) status = read_grid_file(source->grid_file, &all, err);
        for (size_t i = 0; i < source->n_grids && status == FT_OK; i++)
            status = read_grid_text(source->grids[i], source->max_configs, &all, err);
        if (status == FT_OK) status = check_axes(&all, err);
        if (status == FT_OK) status = expand_axes(&all, source->max_configs, base, grid, err);
    }
    for (size_t i = 0; i < all.count; i++) free(all.items[i].values);
    if (status == FT_OK && (source->seeds > 1 || is_alone)) status = repeat_with_seeds(source, grid, err);
    if (status != FT_OK) ft_grid_free(grid);
    return status;
}

/* Resets hyperparameters that training does not use to their defaults. */
static void drop_unused(ft_hyperparameters *h)
{
    const ft_hyperparameters *usual = &ft_hyperparameters_default;
    if (!ft_adapter_kinds[h->adapter_type].is_low_rank) {
        h->lora_rank = usual->lora_rank;
        h->lora_alpha = usual->lora_alpha;
        h->dropout_rate = usual->dropout_rate;
        h->lora_targets = usual->lora_targets;
        h->use_rslora = usual->use_rslora;
    }
    if (h->lr_scheduler == FT_SCHEDULE_CONSTANT) h->warmup_steps = usual->warmup_steps;
    h->window_stride = ft_window_stride(h);
}

ft_status ft_grid_count_repeated(const ft_grid *grid, size_t *count, size_t *first, size_t *second,
                                 ft_error *err)
{
    ft_hyperparameters *used = malloc(grid->count * sizeof *used);
    if (!used) return ft_no_memory(err, "the grid", grid->count * sizeof *used);
    /* Without a value dropped from one of the grid's keys, all configurations differ. */
    bool differ = true;
    for (size_t i = 0; i < grid->count; i++) {
        used[i] = grid->configs[i];
        drop_unused(&used[i]);
        for (size_t k = 0; k < grid->n_keys; k++)
            differ = differ && ft_field_equal(grid->keys[k], &used[i], &grid->configs[i]);
    }
    *count = *first = *second = 0;
    const order by = {used, ft_fields, FT_N_FIELDS};
    const ft_status status = differ ? FT_OK : find_equal(&by, grid->count, first, second, count, err);
    free(used);
    return status;
}

void ft_grid_free(ft_grid *grid)
{
    free(grid->configs);
    *grid = (ft_grid){0};
}
