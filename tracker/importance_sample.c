/* The configurations that importance is computed from; see importance_sample.h. */
#include "tracker/importance_sample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tracker/certainty.h"
#include "tracker/replicates.h"

const char *ft_importance_unit(const ft_importance_sample *s)
{
    return s->n_experiments > s->n ? "configurations" : "experiments";
}

const ft_cell *ft_importance_cell(const ft_importance_sample *s, size_t i, size_t column)
{
    return &s->all.cells[s->row[i] * s->all.n_columns + column];
}

static bool is_same(const ft_cell *a, const ft_cell *b)
{
    return a->kind == b->kind &&
           (a->kind == FT_CELL_TEXT ? strcmp(a->text, b->text) == 0 : a->number == b->number);
}

ft_ped_parameter ft_importance_take_column(const ft_importance_sample *s, size_t column, bool *varies)
{
    ft_ped_parameter p = {.values = s->values, .is_whole = true};
    double low = INFINITY, high = -INFINITY;
    bool numbers = true;
    for (size_t i = 0; i < s->n; i++) {
        const ft_cell *cell = ft_importance_cell(s, i, column);
        numbers &= cell->kind == FT_CELL_NUMBER || cell->kind == FT_CELL_NULL;
        s->values[i] = cell->kind == FT_CELL_NUMBER ? cell->number : NAN;
        if (isnan(s->values[i])) continue;
        low = fmin(low, cell->number), high = fmax(high, cell->number);
        p.is_whole &= cell->number == floor(cell->number);
    }
    for (size_t i = 0; i < s->n && !numbers; i++) {
        const ft_cell *cell = ft_importance_cell(s, i, column);
        size_t before = 0;
        s->values[i] = NAN;
        if (cell->kind == FT_CELL_NULL) continue;
        while (before < i && !is_same(cell, ft_importance_cell(s, before, column))) before++;
        s->values[i] = before < i ? s->values[before] : (double)p.n_choices++;
    }
    p.is_log = numbers && low > 0 && high >= 10 * low;
    for (size_t i = 0; i < s->n; i++) s->scaled[i] = p.is_log ? log(s->values[i]) : s->values[i];
    *varies = numbers ? low < high : p.n_choices > 1;
    return p;
}

/* Marks the rows that `ftgpu best` cannot tell from the best one. */
static ft_status mark_tied(ft_importance_sample *s, const ft_experiments *experiments,
                           const ft_replicates *replicates, ft_error *err)
{
    ft_rivals rivals = {0};
    const ft_experiment *best = ft_replicates_best(experiments, replicates, s->metric, s->split);
    ft_status status =
        best ? ft_rivals_find(experiments, replicates, best, s->metric, s->split, &rivals, err) : FT_OK;
    s->can_tell = rivals.n_blocks >= FT_LEAST_BLOCKS;
    for (size_t i = 0; i < s->n; i++) {
        s->is_tied[i] = false;
        for (size_t r = 0; r < rivals.count; r++)
            s->is_tied[i] |=
                rivals.certainty[r].is_tied &&
                replicates->group[rivals.experiment[r] - experiments->items] == replicates->group[s->row[i]];
    }
    return status;
}

static ft_status take_rows(ft_importance_sample *s, const ft_experiments *experiments, ft_error *err)
{
    ft_replicates replicates;
    ft_status status = ft_replicates_find(experiments, &replicates, err);
    if (status != FT_OK) return status;
    for (size_t g = 0; g < replicates.n_groups; g++) {
        const ft_spread spread = ft_replicates_spread(experiments, &replicates, g, s->metric, s->split);
        if (spread.n == 0) continue;
        s->n_experiments += spread.n;
        s->row[s->n] = spread.best;
        s->metrics[s->n] = spread.mean;
        s->cost[s->n] = spread.cost;
        s->test[s->n++] = ft_replicates_spread(experiments, &replicates, g, s->metric, FT_TEST).mean;
    }
    s->n_best = ft_ped_mark_best(s->cost, s->n, s->is_best, s->scratch);
    status = mark_tied(s, experiments, &replicates, err);
    ft_replicates_free(&replicates);
    return status;
}

ft_status ft_importance_sample_take(const ft_experiments *experiments, ft_metric metric, ft_split split,
                                    ft_importance_sample *s, ft_error *err)
{
    const size_t n = experiments->count + 1;
    double *numbers = malloc(8 * n * sizeof *numbers);
    *s = (ft_importance_sample){.metric = metric,
                                .split = split,
                                .all = FT_TABLE_EMPTY,
                                .metrics = numbers,
                                .row = malloc(n * sizeof *s->row),
                                .is_best = malloc(n * sizeof *s->is_best),
                                .is_tied = malloc(n * sizeof *s->is_tied)};
    if (!numbers || !s->row || !s->is_best || !s->is_tied)
        return ft_no_memory(err, "correlations", 8 * n * sizeof *numbers);
    s->cost = numbers + n;
    s->test = numbers + 2 * n;
    s->values = numbers + 3 * n;
    s->scaled = numbers + 4 * n;
    s->scratch = numbers + 5 * n;
    ft_status status = ft_compare(experiments, &s->all, err);
    return status == FT_OK ? take_rows(s, experiments, err) : status;
}

void ft_importance_sample_free(ft_importance_sample *s)
{
    free(s->metrics); /* with all other numbers */
    free(s->row);
    free(s->is_best);
    free(s->is_tied);
    ft_table_free(&s->all);
    *s = (ft_importance_sample){0};
}
