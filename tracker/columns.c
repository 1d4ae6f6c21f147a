/* Columns of a comparison by name; see columns.h. */
#include "tracker/columns.h"

#include <fnmatch.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

ft_history ft_history_of(const ft_experiment *e)
{
    ft_history h = {e->n_epochs, NAN, NAN, NAN, NAN};
    double sum = 0, seconds = 0;
    size_t n = 0, n_timed = 0;
    for (size_t i = 0; i < e->n_epochs; i++) {
        const ft_epoch_record *record = &e->training_history[i];
        if (isfinite(record->seconds)) seconds += record->seconds, n_timed++;
        if (!isfinite(record->val_loss)) continue;
        sum += record->val_loss;
        if (n++ > 0 && record->val_loss >= h.best_val_loss) continue;
        h.best_val_loss = record->val_loss;
        h.best_epoch = (double)record->epoch;
    }
    if (n) h.mean_val_loss = sum / (double)n;
    if (n_timed) h.seconds = seconds;
    return h;
}

static size_t metric_column(ft_table *table, ft_split split, ft_metric metric)
{
    ft_text name = FT_TEXT_EMPTY;
    ft_text_addf(&name, "%s_%s", ft_split_names[split], ft_metric_names[metric]);
    size_t column = name.failed ? 0 : ft_table_column(table, name.data);
    if (name.failed) table->failed = true;
    ft_text_free(&name);
    return column;
}

/* Adds what ft_compare leaves out to its table of the same experiments. */
static void add_all(const ft_experiments *experiments, ft_table *table)
{
    enum { N_NUMBERS = 5 };
    static const char *const names[N_NUMBERS] = {"best_epoch", "epochs_run", "best_val_loss", "mean_val_loss",
                                                 "seconds"};
    size_t numbers[N_NUMBERS];
    for (int s = FT_TRAIN; s <= FT_VAL; s++)
        for (int m = 0; m < FT_N_METRICS; m++) {
            const size_t column = metric_column(table, (ft_split)s, (ft_metric)m);
            for (size_t i = 0; i < table->n_rows && !table->failed; i++)
                ft_table_put_number(table, i, column,
                                    ft_metrics_get(&experiments->items[i].metrics[s], (ft_metric)m));
        }
    for (int c = 0; c < N_NUMBERS; c++) numbers[c] = ft_table_column(table, names[c]);
    const size_t pruned = ft_table_column(table, "pruned");
    ft_table_column(table, "error");
    for (size_t i = 0; i < table->n_rows && !table->failed; i++) {
        const ft_experiment *e = &experiments->items[i];
        const ft_history h = ft_history_of(e);
        const double values[N_NUMBERS] = {h.best_epoch, (double)h.epochs_run, h.best_val_loss,
                                          h.mean_val_loss, h.seconds};
        for (int c = 0; c < N_NUMBERS; c++) ft_table_put_number(table, i, numbers[c], values[c]);
        table->cells[i * table->n_columns + pruned] =
            (ft_cell){FT_CELL_FLAG, ft_experiment_pruned_at(e) > 0, NULL};
    }
}

/* Adds the columns of `all` that match to the list of those that were chosen: (*n). */
static ft_status choose(const ft_table *all, const char *pattern, bool *is_chosen, size_t *chosen, size_t *n,
                        ft_error *err)
{
    bool any = false;
    for (size_t c = 0; c < all->n_columns; c++) {
        if (fnmatch(pattern, all->columns[c], 0) != 0) continue;
        any = true;
        if (!is_chosen[c]) chosen[(*n)++] = c;
        is_chosen[c] = true;
    }
    if (any) return FT_OK;
    const char *near = ft_nearest_name(pattern, (const char *const *)all->columns, all->n_columns);
    return ft_fail(err, FT_BAD_INPUT,
                   "--columns: no column \"%.100s\"%s%.100s%s (there are hp_*, train_*, val_*, test_*, "
                   "best_epoch, epochs_run, best_val_loss, mean_val_loss, seconds, pruned, timestamp, error)",
                   pattern, near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

/* A copy of the first pattern of a list, which moves behind it and its comma; NULL when
 * memory runs out. */
static char *take_pattern(const char **list)
{
    const size_t length = strcspn(*list, ",");
    char *pattern = ft_copy_bytes(*list, length);
    *list += length + ((*list)[length] == ',');
    return pattern;
}

static ft_status choose_all(const ft_table *all, const char *list, size_t *chosen, size_t *n, ft_error *err)
{
    bool *is_chosen = calloc(all->n_columns + 1, sizeof *is_chosen);
    ft_status status = is_chosen ? choose(all, "experiment_id", is_chosen, chosen, n, err)
                                 : ft_no_memory(err, "columns", all->n_columns);
    while (status == FT_OK && *list) {
        char *pattern = take_pattern(&list);
        status = pattern ? choose(all, pattern, is_chosen, chosen, n, err)
                         : ft_no_memory(err, "a column's name", strlen(list));
        free(pattern);
    }
    free(is_chosen);
    return status;
}

/* Whether a name matches a pattern of the list; *failed when memory runs out. */
static bool is_in_list(const char *name, const char *list, bool *failed)
{
    bool found = false;
    while (*list && !found && !*failed) {
        char *pattern = take_pattern(&list);
        *failed = pattern == NULL;
        found = pattern && fnmatch(pattern, name, 0) == 0;
        free(pattern);
    }
    return found;
}

ft_status ft_groups_keep_columns(ft_table *groups, size_t first, const char *list, ft_error *err)
{
    bool failed = false;
    for (size_t c = first; c < groups->n_columns && !failed;) {
        /* suffix: _mean or _std */
        const char *name = groups->columns[c], *suffix = strrchr(name, '_');
        char *column = ft_copy_bytes(name, suffix ? (size_t)(suffix - name) : strlen(name));
        failed = column == NULL;
        if (column && !is_in_list(column, list, &failed))
            ft_table_remove_column(groups, c);
        else
            c++;
        free(column);
    }
    return failed ? ft_no_memory(err, "columns", groups->n_columns) : FT_OK;
}

ft_status ft_columns_check(const ft_table *all, const char *list, ft_error *err)
{
    size_t n = 0, *chosen = calloc(all->n_columns + 1, sizeof *chosen);
    ft_status status = chosen ? choose_all(all, list, chosen, &n, err)
                              : ft_no_memory(err, "columns", all->n_columns * sizeof *chosen);
    free(chosen);
    return status;
}

ft_status ft_compare_columns(const ft_experiments *experiments, const char *list, ft_table *table,
                             ft_error *err)
{
    ft_table all = FT_TABLE_EMPTY;
    size_t n = 0, *chosen = NULL;
    ft_status status = ft_compare(experiments, &all, err);
    if (status == FT_OK) add_all(experiments, &all);
    if (status == FT_OK && !all.failed) chosen = calloc(all.n_columns + 1, sizeof *chosen);
    if (status == FT_OK && !chosen) status = ft_no_memory(err, "columns", all.n_columns * sizeof *chosen);
    if (status == FT_OK) status = choose_all(&all, list, chosen, &n, err);
    if (status == FT_OK) {
        for (size_t c = 0; c < n; c++) ft_table_column(table, all.columns[chosen[c]]);
        for (size_t r = 0; r < all.n_rows; r++) {
            ft_table_add_row(table);
            for (size_t c = 0; c < n; c++)
                ft_table_set_cell(table, c, &all.cells[r * all.n_columns + chosen[c]]);
        }
        if (table->failed) status = ft_no_memory(err, "the comparison table", 0);
    }
    free(chosen);
    ft_table_free(&all);
    return status;
}
