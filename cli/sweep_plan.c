/* Printing the plan of a sweep; see sweep_plan.h. */
#include "cli/sweep_plan.h"

#include <stdio.h>
#include <stdlib.h>

#include "cli/command.h"

/* Where a configuration is trained: its batch, and the configuration of the longest
 * training in its trajectory; both from 1. */
typedef struct plan_place {
    size_t batch, trained_with;
} plan_place;

/* places: (grid.count) */
static void find_places(const ft_plan *plan, plan_place *places)
{
    for (size_t b = 0; b < plan->n_batches; b++)
        for (size_t i = 0; i < plan->batches[b].count; i++) {
            const ft_trajectory *t = &plan->trajectories[plan->batches[b].first + i];
            for (size_t k = 0; k < t->count; k++)
                places[plan->members[t->first + k]] =
                    (plan_place){b + 1, plan->members[t->first + t->count - 1] + 1};
        }
}

static void fill_table(const ft_grid *grid, const plan_place *places, ft_table *table)
{
    ft_text cell = FT_TEXT_EMPTY;
    const size_t number = ft_table_column(table, "configuration");
    for (size_t k = 0; k < grid->n_keys; k++) ft_table_column(table, grid->keys[k]->name);
    const size_t batch = ft_table_column(table, "batch"), with = ft_table_column(table, "trained_with");
    for (size_t i = 0; i < grid->count && !table->failed; i++) {
        ft_table_add_row(table);
        ft_table_set_number(table, number, (double)i + 1);
        for (size_t k = 0; k < grid->n_keys; k++) {
            cell.length = 0;
            ft_field_to_text(grid->keys[k], &grid->configs[i], &cell);
            table->failed = table->failed || cell.failed;
            ft_table_set_text(table, number + 1 + k, cell.data);
        }
        ft_table_set_number(table, batch, (double)places[i].batch);
        ft_table_set_number(table, with, (double)places[i].trained_with);
    }
    ft_text_free(&cell);
}

ft_status ft_print_plan(const ft_sweep *sweep, ft_table_format format, ft_error *err)
{
    ft_table table = FT_TABLE_EMPTY;
    plan_place *places = calloc(sweep->grid.count, sizeof *places);
    if (!places) return ft_no_memory(err, "the plan", sweep->grid.count * sizeof *places);
    find_places(&sweep->plan, places);
    fill_table(&sweep->grid, places, &table);
    ft_status status = ft_print_table(&table, format, err);
    ft_table_free(&table);
    free(places);
    return status;
}

static double figure(const cJSON *figures, const char *key)
{
    return cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(figures, key));
}

void ft_tell_plan_figures(const cJSON *figures)
{
    double n_configurations = figure(figures, "n_configurations"),
           n_trajectories = figure(figures, "n_trajectories"), n_batches = figure(figures, "n_batches");
    fprintf(stderr,
            "%.0f configuration%s, %.0f trajector%s, %.0f batch%s, about %.3g s of training and %.3g s of "
            "evaluation\n",
            n_configurations, n_configurations == 1 ? "" : "s", n_trajectories,
            n_trajectories == 1 ? "y" : "ies", n_batches, n_batches == 1 ? "" : "es",
            figure(figures, "train_seconds"), figure(figures, "evaluation_seconds"));
    const cJSON *batch, *list = cJSON_GetObjectItemCaseSensitive(figures, "batches");
    if (n_batches > 20) return;
    cJSON_ArrayForEach(batch, list)
    {
        int count = cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(batch, "trajectories"));
        fprintf(stderr, "batch %.0f: %d trajector%s, %.0f at a time, %.3g GB, about %.3g s\n",
                figure(batch, "batch"), count, count == 1 ? "y" : "ies", figure(batch, "slots"),
                figure(batch, "memory_bytes") / 1e9, figure(batch, "train_seconds"));
    }
}
