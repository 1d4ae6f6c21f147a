/* A finer grid around the best experiment; see refinement.h. */
#include "host/search/refinement.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "host/search/grid.h"
#include "host/search/hyperparameters.h"

/* The grid under construction, and its inputs. */
typedef struct refinement {
    const ft_experiments *experiments;
    const ft_experiment *best;
    bool taken[FT_N_FIELDS]; /* fields that the grid has */
    cJSON *grid;
    ft_table *table;
    ft_text *remark;
    size_t count; /* configurations so far */
} refinement;

enum { FIELD_COLUMN, BEST_COLUMN, TRIED_COLUMN, GRID_COLUMN };

static bool is_number(const ft_field *field)
{
    return field->type == FT_FIELD_REAL || field->type == FT_FIELD_INTEGER;
}

/* The experiment's value of a field; NaN if it has none. */
static double number_of(const ft_experiment *experiment, const ft_field *field)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(experiment->hyperparams, field->name);
    return cJSON_IsNumber(value) && isfinite(value->valuedouble) ? value->valuedouble : NAN;
}

static int by_size(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* Writes the distinct values that were tried, rising, to tried: (experiments->count).
 * Returns how many. */
static size_t find_tried(const ft_experiments *experiments, const ft_field *field, double *tried)
{
    size_t n = 0, kept = 0;
    for (size_t i = 0; i < experiments->count; i++) {
        double value = number_of(&experiments->items[i], field);
        if (!isnan(value)) tried[n++] = value;
    }
    qsort(tried, n, sizeof *tried, by_size);
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || tried[kept - 1] != tried[i]) tried[kept++] = tried[i];
    return kept;
}

/* The geometric mean, to three digits: of 0.0001 and 0.0002 it is 0.000141. */
static double between(double a, double b)
{
    char digits[FT_NUMBER_CHARS];
    double middle = sqrt(a) * sqrt(b);
    snprintf(digits, sizeof digits, "%.3g", middle);
    double rounded;
    return ft_parse_double(digits, strlen(digits), &rounded) ? rounded : middle;
}

/* The value if it is in the field's range, else halfway from `best` to the limit it
 * exceeds. */
static double in_range(const ft_field *field, double value, double best)
{
    if (value > field->most || (field->below && value >= field->most)) value = (best + field->most) / 2;
    if (value < field->least || (field->above && value <= field->least)) value = (best + field->least) / 2;
    return field->type == FT_FIELD_INTEGER ? floor(value + 0.5) : value;
}

/* Writes values below, at and above the best one, rising, to values: (3). Returns how
 * many. tried: (n_tried), rising. */
static size_t neighbours(const ft_field *field, double best, const double *tried, size_t n_tried,
                         double *values)
{
    double lower = best / 2, upper = best * 2, smallest_above = NAN;
    for (size_t i = 0; i < n_tried; i++) {
        if (tried[i] > best && isnan(smallest_above)) smallest_above = tried[i];
        if (tried[i] < best && tried[i] > 0 && tried[i] >= best / 2) lower = between(tried[i], best);
    }
    if (best == 0)
        upper = isnan(smallest_above) ? 0 : smallest_above / 2;
    else if (smallest_above <= best * 2)
        upper = between(best, smallest_above);
    const double candidates[] = {in_range(field, lower, best), best, in_range(field, upper, best)};
    size_t count = 0;
    for (int i = 0; i < 3; i++)
        if (count == 0 || candidates[i] > values[count - 1]) values[count++] = candidates[i];
    return count;
}

/* Appends "0.0001, 0.001": at most `most` values, then their count. */
static void add_values(ft_text *out, const cJSON *list, int most)
{
    int n = cJSON_GetArraySize(list), shown = 0;
    for (const cJSON *value = list->child; value && shown < most; value = value->next, shown++) {
        char *printed = cJSON_IsString(value) ? NULL : ft_json_print_line(value);
        if (!printed && !cJSON_IsString(value)) out->failed = true;
        if (shown) ft_text_add(out, ", ");
        if (!out->failed) ft_text_add(out, printed ? printed : value->valuestring);
        free(printed);
    }
    if (n > shown) ft_text_addf(out, ", ... (%d)", n);
}

/* A list of numbers; NULL when memory runs out. */
static cJSON *list_of(const double *values, size_t count)
{
    cJSON *list = cJSON_CreateArray();
    for (size_t i = 0; list && i < count; i++) {
        cJSON *number = cJSON_CreateNumber(values[i]);
        if (number && cJSON_AddItemToArray(list, number)) continue;
        cJSON_Delete(number);
        cJSON_Delete(list);
        list = NULL;
    }
    return list;
}

/* Adds a list to the grid, which takes ownership, and a row to the table. `tried` may
 * be NULL. */
static ft_status add_list(refinement *to, const ft_field *field, cJSON *list, const cJSON *tried,
                          ft_error *err)
{
    enum { MOST_SHOWN = 6 };
    ft_text words = FT_TEXT_EMPTY;
    if (!list || !cJSON_AddItemToObject(to->grid, field->name, list)) {
        cJSON_Delete(list);
        return ft_no_memory(err, "the grid", 0);
    }
    to->taken[field - ft_fields] = true;
    to->count *= (size_t)cJSON_GetArraySize(list);
    ft_table_add_row(to->table);
    ft_table_set_text(to->table, FIELD_COLUMN, field->name);
    const cJSON *best = cJSON_GetObjectItemCaseSensitive(to->best->hyperparams, field->name);
    if (cJSON_IsNumber(best)) ft_table_set_number(to->table, BEST_COLUMN, best->valuedouble);
    if (cJSON_IsString(best)) ft_table_set_text(to->table, BEST_COLUMN, best->valuestring);
    if (cJSON_IsBool(best)) ft_table_set_flag(to->table, BEST_COLUMN, cJSON_IsTrue(best));
    if (tried) add_values(&words, tried, MOST_SHOWN);
    if (words.length) ft_table_set_text(to->table, TRIED_COLUMN, words.data);
    words.length = 0;
    add_values(&words, list, MOST_SHOWN);
    if (words.length) ft_table_set_text(to->table, GRID_COLUMN, words.data);
    bool failed = words.failed || to->table->failed;
    ft_text_free(&words);
    return failed ? ft_no_memory(err, "the grid", 0) : FT_OK;
}

/* Refines one number. tried: (experiments->count) scratch. */
static ft_status refine_field(refinement *to, const ft_field *field, double *tried, ft_error *err)
{
    double best = number_of(to->best, field), values[3];
    ft_hyperparameters scratch = ft_hyperparameters_default;
    if (isnan(best))
        return ft_fail(err, FT_BAD_INPUT, "%s: has no number %s to refine", to->best->experiment_id,
                       field->name);
    if (to->taken[field - ft_fields])
        return ft_fail(err, FT_BAD_INPUT, "%s is given twice to refine", field->name);
    ft_status status = ft_field_set_json(
        field, cJSON_GetObjectItemCaseSensitive(to->best->hyperparams, field->name), &scratch, err);
    if (status != FT_OK) {
        ft_error_prefix(err, to->best->experiment_id);
        return status;
    }
    size_t n_tried = find_tried(to->experiments, field, tried);
    cJSON *tried_list = list_of(tried, n_tried);
    if (!tried_list) return ft_no_memory(err, "the grid", n_tried * sizeof *tried);
    size_t count = neighbours(field, best, tried, n_tried, values);
    status = add_list(to, field, list_of(values, count), tried_list, err);
    cJSON_Delete(tried_list);
    bool smallest = best == tried[0], largest = best == tried[n_tried - 1];
    if (n_tried > 1 && (smallest || largest)) {
        char number[FT_NUMBER_CHARS];
        ft_text_addf(to->remark, "the best %s, %s, is the %s that was tried: better ones may lie beyond\n",
                     field->name, ft_format_double(best, number), smallest ? "smallest" : "largest");
    }
    return status;
}

/* Whether a field is refined if the user names none. */
static bool is_worth_refining(const refinement *of, const ft_field *field, double *tried)
{
    return is_number(field) && strcmp(field->name, "prediction_length") != 0 &&
           strcmp(field->name, "seed") != 0 && !isnan(number_of(of->best, field)) &&
           find_tried(of->experiments, field, tried) > 1;
}

static ft_status refine_fields(refinement *to, const ft_refinement_request *request, double *tried,
                               ft_error *err)
{
    ft_status status = FT_OK;
    const ft_field *field;
    for (size_t i = 0; i < request->n_keys && status == FT_OK; i++) {
        status = ft_field_find(request->keys[i], &field, err);
        if (status == FT_OK && !is_number(field))
            return ft_fail(err, FT_BAD_INPUT,
                           "%s is no number: there is nothing between its values to refine", field->name);
        if (status == FT_OK) status = refine_field(to, field, tried, err);
    }
    if (request->n_keys) return status;
    bool any = false;
    for (size_t f = 0; f < FT_N_FIELDS && status == FT_OK; f++) {
        /* A field that the user gave a list for is not refined. */
        if (to->taken[f] || !is_worth_refining(to, &ft_fields[f], tried)) continue;
        status = refine_field(to, &ft_fields[f], tried, err);
        any = true;
    }
    if (status == FT_OK && !any) {
        status = ft_field_find("learning_rate", &field, err);
        if (status == FT_OK && !to->taken[field - ft_fields]) status = refine_field(to, field, tried, err);
    }
    return status;
}

/* Reads "key=v1,v2,..." as --grid of a sweep does. */
static ft_status read_list(const char *text, const ft_field **field, cJSON **list, ft_error *err)
{
    ft_grid values = {0};
    ft_grid_source source = {.grids = &text, .n_grids = 1, .max_configs = FT_DEFAULT_MAX_CONFIGS};
    ft_status status = ft_grid_expand(&source, &ft_hyperparameters_default, &values, err);
    if (status != FT_OK) return status;
    *field = values.keys[0];
    *list = cJSON_CreateArray();
    for (size_t i = 0; *list && i < values.count; i++) {
        cJSON *value = ft_field_to_json(*field, &values.configs[i]);
        if (value && cJSON_AddItemToArray(*list, value)) continue;
        cJSON_Delete(value);
        cJSON_Delete(*list);
        *list = NULL;
    }
    ft_grid_free(&values);
    return *list ? FT_OK : ft_no_memory(err, "the grid", 0);
}

/* Adds the best experiment's other hyperparameters, so that the grid alone says how to
 * train. */
static ft_status keep_others(refinement *to, ft_error *err)
{
    ft_status status = FT_OK;
    const cJSON *hyperparams = to->best->hyperparams;
    for (const cJSON *value = hyperparams ? hyperparams->child : NULL; value && status == FT_OK;
         value = value->next) {
        const ft_field *field;
        ft_error why = {""};
        ft_hyperparameters set = ft_hyperparameters_default;
        if (ft_field_find(value->string, &field, &why) != FT_OK) {
            ft_text_addf(to->remark, "left out: %s\n", why.message);
            continue;
        }
        if (to->taken[field - ft_fields]) continue;
        if (strcmp(field->name, "seed") == 0) continue; /* the next sweep has its own */
        if (ft_field_set_json(field, value, &set, &why) != FT_OK) {
            ft_text_addf(to->remark, "left out: %s\n", why.message);
            continue;
        }
        if (ft_field_equal(field, &set, &ft_hyperparameters_default)) continue;
        cJSON *list = cJSON_CreateArray(), *item = list ? ft_field_to_json(field, &set) : NULL;
        if (!item || !cJSON_AddItemToArray(list, item)) {
            cJSON_Delete(item);
            cJSON_Delete(list);
            return ft_no_memory(err, "the grid", 0);
        }
        status = add_list(to, field, list, NULL, err);
    }
    return status;
}

/* The user's lists, kept until the refined fields are in the grid before them. */
typedef struct user_lists {
    const ft_field *fields[FT_N_FIELDS];
    cJSON *lists[FT_N_FIELDS];
    size_t count;
} user_lists;

static ft_status read_lists(refinement *to, const ft_refinement_request *request, user_lists *all,
                            ft_error *err)
{
    for (size_t i = 0; i < request->n_grids; i++) {
        const ft_field *field;
        cJSON *list = NULL;
        ft_status status = read_list(request->grids[i], &field, &list, err);
        if (status != FT_OK) return status;
        if (to->taken[field - ft_fields]) {
            cJSON_Delete(list);
            return ft_fail(err, FT_BAD_INPUT, "%s is given twice in the grid", field->name);
        }
        to->taken[field - ft_fields] = true;
        all->fields[all->count] = field;
        all->lists[all->count++] = list;
    }
    return FT_OK;
}

ft_status ft_refine(const ft_experiments *experiments, const ft_refinement_request *request, cJSON **grid,
                    ft_table *table, ft_text *remark, size_t *count, ft_error *err)
{
    static const char *const names[] = {"hyperparameter", "best", "tried", "grid"};
    refinement r = {.experiments = experiments,
                    .best = request->best,
                    .grid = cJSON_CreateObject(),
                    .table = table,
                    .remark = remark,
                    .count = 1};
    user_lists lists = {.count = 0};
    for (size_t c = 0; c < sizeof names / sizeof *names; c++) ft_table_column(table, names[c]);
    double *tried = malloc((experiments->count + 1) * sizeof *tried);
    ft_status status = tried && r.grid ? FT_OK : ft_no_memory(err, "the grid", 0);
    if (status == FT_OK) status = read_lists(&r, request, &lists, err);
    if (status == FT_OK) status = refine_fields(&r, request, tried, err);
    for (size_t i = 0; i < lists.count; i++) {
        if (status == FT_OK)
            status = add_list(&r, lists.fields[i], lists.lists[i], NULL, err);
        else
            cJSON_Delete(lists.lists[i]);
    }
    if (status == FT_OK) status = keep_others(&r, err);
    if (status == FT_OK && (table->failed || remark->failed)) status = ft_no_memory(err, "the grid", 0);
    free(tried);
    if (status != FT_OK) {
        cJSON_Delete(r.grid);
        return status;
    }
    *grid = r.grid;
    *count = r.count;
    return FT_OK;
}
