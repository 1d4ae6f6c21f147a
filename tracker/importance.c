/* Which hyperparameters drive a metric: Pearson's correlation with each, and what it means in words. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tracker/analyze.h"
#include "tracker/compare.h"
#include "tracker/statistics.h"

/* Below this nothing is claimed, whatever the number of experiments. */
static const double negligible = 0.1;

/* The finding in words. The sign alone misleads: for an error, a positive correlation means that more is
 * worse. */
static const char *effect_of(ft_metric metric, double correlation)
{
    if (fabs(correlation) < negligible) return "hardly matters";
    bool up = correlation > 0;
    if (metric == FT_COVERAGE_80)
        return up ? "higher values widen the intervals" : "higher values narrow the intervals";
    bool better = up == (metric == FT_DIRECTIONAL_ACCURACY);
    return better ? "higher values are better" : "lower values are better";
}

/* Whether a column holds numbers and nothing else but nulls. */
static bool is_numeric(const ft_table *table, size_t column)
{
    bool any = false;
    for (size_t r = 0; r < table->n_rows; r++) {
        ft_cell_kind kind = table->cells[r * table->n_columns + column].kind;
        if (kind != FT_CELL_NUMBER && kind != FT_CELL_NULL) return false;
        any |= kind == FT_CELL_NUMBER;
    }
    return any;
}

static void take_column(const ft_table *table, size_t column, double *values)
{
    for (size_t r = 0; r < table->n_rows; r++) {
        const ft_cell *cell = &table->cells[r * table->n_columns + column];
        values[r] = cell->kind == FT_CELL_NUMBER ? cell->number : NAN;
    }
}

/* Rows of the table are all experiments; metrics: NaN where the experiment failed or has none. */
static void correlate(const ft_table *compared, ft_metric metric, const double *metrics, double *values,
                      ft_table *table)
{
    for (size_t c = 0; c < compared->n_columns; c++) {
        if (strncmp(compared->columns[c], "hp_", 3) != 0 || !is_numeric(compared, c)) continue;
        take_column(compared, c, values);
        double correlation = ft_correlation(values, metrics, compared->n_rows);
        if (isnan(correlation)) continue;
        ft_table_add_row(table);
        ft_table_set_text(table, 0, compared->columns[c]);
        ft_table_set_number(table, 1, correlation);
        ft_table_set_number(table, 2, fabs(correlation));
        ft_table_set_text(table, 3, effect_of(metric, correlation));
    }
}

ft_status ft_analyze_importance(const ft_experiments *experiments, ft_metric metric, ft_split split,
                                size_t top, ft_table *table, ft_text *remark, ft_error *err)
{
    static const char *const names[] = {"hyperparameter", "correlation", "abs_correlation", "effect"};
    for (size_t c = 0; c < sizeof names / sizeof *names; c++) ft_table_column(table, names[c]);
    ft_table compared = FT_TABLE_EMPTY;
    size_t n = experiments->count, n_usable = 0;
    double *metrics = malloc((2 * n + 1) * sizeof *metrics);
    ft_status status = metrics ? ft_compare(experiments, &compared, err)
                               : ft_no_memory(err, "correlations", 2 * n * sizeof *metrics);
    if (status == FT_OK) {
        for (size_t i = 0; i < n; i++) {
            const ft_experiment *experiment = &experiments->items[i];
            metrics[i] = experiment->error ? NAN : ft_metrics_get(&experiment->metrics[split], metric);
            if (!isnan(metrics[i])) n_usable++;
        }
        correlate(&compared, metric, metrics, metrics + n, table);
        ft_table_sort(table, 2, true);
        if (top) ft_table_keep_rows(table, top);
        const char *of = ft_metric_names[metric], *on = ft_split_names[split];
        if (n_usable < 2)
            ft_text_addf(remark,
                         "%zu of %zu experiments have a %s on %s: two are needed to see what matters\n",
                         n_usable, n, of, on);
        else if (table->n_rows == 0)
            ft_text_addf(remark, "no numeric hyperparameter varies together with a %s on %s that varies\n",
                         of, on);
        else if (n_usable < 10)
            ft_text_addf(remark, "only %zu experiments have a %s on %s: correlations of so few say little\n",
                         n_usable, of, on);
        if (table->failed || remark->failed) status = ft_no_memory(err, "correlations", 0);
    }
    ft_table_free(&compared);
    free(metrics);
    return status;
}
