/* The comparison table, its folding for people and its grouping. */
#include "tracker/compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "tracker/statistics.h"

static const char hp_prefix[] = "hp_", test_prefix[] = "test_", val_prefix[] = "val_";

static bool begins(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* The column "<prefix><name>", made if missing. */
static size_t prefixed_column(ft_table *table, ft_text *scratch, const char *prefix, const char *name)
{
    scratch->length = 0;
    ft_text_add(scratch, prefix);
    ft_text_add(scratch, name);
    if (scratch->failed) {
        table->failed = true;
        return 0;
    }
    return ft_table_column(table, scratch->data);
}

/* The column of a hyperparameter. Most experiments have theirs in one order: `guess` is
 * the column after that of the one before. */
static size_t hyperparam_column(ft_table *table, ft_text *scratch, size_t guess, const char *name)
{
    const char *there = guess < table->n_columns ? table->columns[guess] : "";
    if (begins(there, hp_prefix) && strcmp(there + strlen(hp_prefix), name) == 0) return guess;
    return prefixed_column(table, scratch, hp_prefix, name);
}

static void set_json(ft_table *table, size_t column, const cJSON *value)
{
    if (cJSON_IsNumber(value)) {
        ft_table_set_number(table, column, value->valuedouble);
    } else if (cJSON_IsBool(value)) {
        ft_table_set_flag(table, column, cJSON_IsTrue(value));
    } else if (cJSON_IsString(value)) {
        ft_table_set_text(table, column, value->valuestring);
        /* a list, as lora_targets may be written elsewhere */
    } else if (!cJSON_IsNull(value)) {
        char *printed = ft_json_print_line(value);
        if (!printed) table->failed = true;
        ft_table_set_text(table, column, printed);
        free(printed);
    }
}

ft_status ft_compare(const ft_experiments *experiments, ft_table *table, ft_error *err)
{
    ft_text name = FT_TEXT_EMPTY;
    bool any_failed = false;
    size_t id = ft_table_column(table, "experiment_id"), timestamp = ft_table_column(table, "timestamp");
    for (size_t i = 0; i < experiments->count; i++) {
        any_failed |= experiments->items[i].error != NULL;
        const cJSON *hyperparams = experiments->items[i].hyperparams;
        size_t column = timestamp;
        for (const cJSON *value = hyperparams ? hyperparams->child : NULL; value; value = value->next)
            column = hyperparam_column(table, &name, column + 1, value->string);
    }
    size_t metrics[FT_N_METRICS];
    for (int m = 0; m < FT_N_METRICS; m++)
        metrics[m] = prefixed_column(table, &name, test_prefix, ft_metric_names[m]);
    size_t error = any_failed ? ft_table_column(table, "error") : 0;

    for (size_t i = 0; i < experiments->count && !table->failed; i++) {
        const ft_experiment *experiment = &experiments->items[i];
        ft_table_add_row(table);
        ft_table_set_text(table, id, experiment->experiment_id);
        ft_table_set_text(table, timestamp, experiment->timestamp);
        size_t column = timestamp;
        for (const cJSON *value = experiment->hyperparams ? experiment->hyperparams->child : NULL; value;
             value = value->next) {
            column = hyperparam_column(table, &name, column + 1, value->string);
            set_json(table, column, value);
        }
        for (int m = 0; m < FT_N_METRICS; m++)
            ft_table_set_number(table, metrics[m],
                                ft_metrics_get(&experiment->metrics[FT_TEST], (ft_metric)m));
        if (any_failed) ft_table_set_text(table, error, experiment->error);
    }
    ft_text_free(&name);
    return table->failed ? ft_no_memory(err, "the comparison table", 0) : FT_OK;
}

size_t ft_compare_add_val(const ft_experiments *experiments, ft_metric metric, ft_table *table)
{
    ft_text name = FT_TEXT_EMPTY;
    size_t column = prefixed_column(table, &name, val_prefix, ft_metric_names[metric]);
    for (size_t i = 0; i < experiments->count && i < table->n_rows && !table->failed; i++)
        ft_table_put_number(table, i, column, ft_metrics_get(&experiments->items[i].metrics[FT_VAL], metric));
    ft_text_free(&name);
    return column;
}

static int compare_cells(const ft_cell *a, const ft_cell *b)
{
    if (a->kind != b->kind) return (a->kind > b->kind) - (a->kind < b->kind);
    if (a->kind == FT_CELL_TEXT) return strcmp(a->text, b->text);
    return (a->number > b->number) - (a->number < b->number);
}

bool ft_compare_is_constant(const ft_table *table, size_t column)
{
    for (size_t r = 1; r < table->n_rows; r++)
        if (compare_cells(&table->cells[column], &table->cells[r * table->n_columns + column]) != 0)
            return false;
    return true;
}

void ft_compare_fold_constants(ft_table *table, ft_text *caption)
{
    bool first = true;
    for (size_t c = 0; table->n_rows >= 2 && !table->failed && c < table->n_columns;) {
        if (!begins(table->columns[c], hp_prefix) || !ft_compare_is_constant(table, c)) {
            c++;
            continue;
        }
        char room[FT_NUMBER_CHARS];
        ft_text_add(caption, first ? "the same in all: " : ", ");
        ft_text_add_line(caption, table->columns[c] + strlen(hp_prefix));
        ft_text_add(caption, " ");
        ft_text_add_line(caption, ft_cell_for_people(&table->cells[c], room));
        first = false;
        ft_table_remove_column(table, c);
    }
    if (!first) ft_text_add(caption, "\n");
}

/* The column that a user calls `key`; FT_BAD_INPUT if there is none. */
static ft_status find_key(const ft_table *table, const char *key, size_t *column, ft_error *err)
{
    for (*column = 0; *column < table->n_columns; ++*column) {
        const char *name = table->columns[*column];
        if (strcmp(name, key) == 0 || (begins(name, hp_prefix) && strcmp(name + strlen(hp_prefix), key) == 0))
            return FT_OK;
    }
    const char *near = ft_nearest_name(key, (const char *const *)table->columns, table->n_columns);
    if (strchr(key, ','))
        return ft_fail(err, FT_BAD_INPUT,
                       "no column \"%.100s\" to group by (give --group-by once for each hyperparameter)",
                       key);
    return ft_fail(err, FT_BAD_INPUT, "no column \"%.100s\" to group by%s%.100s%s", key,
                   near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

/* The columns that rows are grouped by, and those that are averaged. */
typedef struct grouping {
    const ft_table *table;
    const size_t *keys;
    size_t n_keys;
    size_t *metrics; /* (n_metrics) columns to average */
    size_t n_metrics;
} grouping;

static int compare_rows(const grouping *by, size_t a, size_t b)
{
    for (size_t k = 0; k < by->n_keys; k++) {
        const ft_cell *cells = by->table->cells;
        size_t width = by->table->n_columns, key = by->keys[k];
        int order = compare_cells(&cells[a * width + key], &cells[b * width + key]);
        if (order) return order;
    }
    return 0;
}

/* Sorts row numbers by their keys, stable (merge sort: qsort has no place for the
 * keys). */
static void sort_rows(const grouping *by, size_t *rows, size_t *spare, size_t count)
{
    if (count < 2) return;
    size_t half = count / 2, left = 0, right = half;
    sort_rows(by, rows, spare, half);
    sort_rows(by, rows + half, spare, count - half);
    for (size_t i = 0; i < count; i++) {
        bool take_left = right == count || (left < half && compare_rows(by, rows[left], rows[right]) <= 0);
        spare[i] = take_left ? rows[left++] : rows[right++];
    }
    memcpy(rows, spare, count * sizeof *rows);
}

/* One row of `groups` for the rows[0 .. count) of the table, which share their keys.
 * values: (count) scratch. */
static void add_group(const grouping *by, const size_t *rows, size_t count, double *values, ft_table *groups)
{
    const ft_table *table = by->table;
    ft_table_add_row(groups);
    for (size_t k = 0; k < by->n_keys; k++)
        ft_table_set_cell(groups, k, &table->cells[rows[0] * table->n_columns + by->keys[k]]);
    size_t column = by->n_keys;
    ft_table_set_number(groups, column++, (double)count);
    for (size_t m = 0; m < by->n_metrics; m++) {
        for (size_t i = 0; i < count; i++) {
            const ft_cell *cell = &table->cells[rows[i] * table->n_columns + by->metrics[m]];
            values[i] = cell->kind == FT_CELL_NUMBER ? cell->number : NAN;
        }
        ft_moments moments = ft_moments_of(values, count);
        ft_table_set_number(groups, column++, moments.mean);
        ft_table_set_number(groups, column++, moments.std);
    }
}

/* Whether a column is of numbers, in some row at least. */
static bool is_numeric(const ft_table *table, size_t column)
{
    bool any = false;
    for (size_t r = 0; r < table->n_rows; r++) {
        const ft_cell_kind kind = table->cells[r * table->n_columns + column].kind;
        if (kind != FT_CELL_NUMBER && kind != FT_CELL_NULL) return false;
        any |= kind == FT_CELL_NUMBER;
    }
    return any;
}

/* Where a column stands among those that are averaged: 0 metrics of validation, which
 * chooses, 1 those of test, 2 other numbers; 3: it is not averaged. */
static int order_of(const ft_table *table, size_t column)
{
    const char *name = table->columns[column];
    if (begins(name, val_prefix)) return 0;
    if (begins(name, test_prefix)) return 1;
    return begins(name, hp_prefix) || !is_numeric(table, column) ? 3 : 2;
}

/* Fills metrics, in that order. */
static void find_metrics(grouping *by)
{
    for (int order = 0; order < 3; order++)
        for (size_t c = 0; c < by->table->n_columns; c++)
            if (order_of(by->table, c) == order) by->metrics[by->n_metrics++] = c;
}

static ft_status add_group_columns(const grouping *by, ft_table *groups, ft_error *err)
{
    for (size_t k = 0; k < by->n_keys; k++) {
        const char *name = by->table->columns[by->keys[k]];
        if (ft_table_find(groups, name) < groups->n_columns)
            return ft_fail(err, FT_BAD_INPUT, "\"%.100s\" is given twice to group by", name);
        ft_table_column(groups, name);
    }
    ft_text name = FT_TEXT_EMPTY;
    ft_table_column(groups, "count");
    for (size_t m = 0; m < by->n_metrics; m++) {
        prefixed_column(groups, &name, by->table->columns[by->metrics[m]], "_mean");
        prefixed_column(groups, &name, by->table->columns[by->metrics[m]], "_std");
    }
    ft_text_free(&name);
    return FT_OK;
}

ft_status ft_compare_group(const ft_table *table, const char *const *keys, size_t n_keys, ft_table *groups,
                           ft_error *err)
{
    size_t n = table->n_rows;
    size_t *columns = calloc(n_keys + 1, sizeof *columns), *rows = calloc(2 * n + 1, sizeof *rows),
           *metrics = calloc(table->n_columns + 1, sizeof *metrics);
    double *values = calloc(n + 1, sizeof *values);
    ft_status status =
        columns && rows && metrics && values ? FT_OK : ft_no_memory(err, "groups", n * sizeof *rows);
    for (size_t k = 0; k < n_keys && status == FT_OK; k++)
        status = find_key(table, keys[k], &columns[k], err);
    grouping by = {.table = table, .keys = columns, .n_keys = n_keys, .metrics = metrics};
    if (status == FT_OK) find_metrics(&by);
    if (status == FT_OK) status = add_group_columns(&by, groups, err);
    if (status == FT_OK) {
        for (size_t r = 0; r < n; r++) rows[r] = r;
        sort_rows(&by, rows, rows + n, n);
        for (size_t start = 0, end; start < n; start = end) {
            for (end = start + 1; end < n && compare_rows(&by, rows[start], rows[end]) == 0;) end++;
            add_group(&by, rows + start, end - start, values, groups);
        }
        if (groups->failed) status = ft_no_memory(err, "groups", 0);
    }
    free(columns);
    free(rows);
    free(metrics);
    free(values);
    return status;
}
