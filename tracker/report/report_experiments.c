/* The experiments of a report: hyperparameters, metrics, their certainty, losses by
 * epoch. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "tracker/compare.h"
#include "tracker/report/report_parts.h"

/* Losses of all experiments together: more would make the page large, and say nothing
 * more. */
enum { MOST_EPOCHS = 60000 };

static const char hp_prefix[] = "hp_";

static bool is_hyperparameter(const ft_table *table, size_t column)
{
    return strncmp(table->columns[column], hp_prefix, strlen(hp_prefix)) == 0;
}

/* Those that vary, and the values of those that do not, whose columns go. */
static void add_columns(ft_table *table, ft_report_data *data)
{
    cJSON *varying = ft_report_add_list(data, data->root, "hyperparameters");
    cJSON *constants = ft_report_add_list(data, data->root, "constants");
    for (size_t c = 0; c < table->n_columns;) {
        const char *name = table->columns[c] + strlen(hp_prefix);
        if (!is_hyperparameter(table, c)) {
            c++;
        } else if (!ft_compare_is_constant(table, c)) {
            ft_report_add_text(data, varying, NULL, name);
            c++;
        } else {
            cJSON *pair = ft_report_add_list(data, constants, NULL);
            ft_report_add_text(data, pair, NULL, name);
            ft_report_add_cell(data, pair, NULL, &table->cells[c]);
            ft_table_remove_column(table, c);
        }
    }
}

static void add_values(const ft_table *table, size_t row, ft_report_data *data, cJSON *out)
{
    cJSON *values = ft_report_add_list(data, out, "values");
    for (size_t c = 0; c < table->n_columns; c++)
        if (is_hyperparameter(table, c))
            ft_report_add_cell(data, values, NULL, &table->cells[row * table->n_columns + c]);
}

/* Of an experiment that was compared with the best window by window. */
static void add_certainty(const ft_rivals *rivals, const ft_experiment *e, ft_report_data *data, cJSON *out)
{
    for (size_t i = 0; i < rivals->count; i++) {
        if (rivals->experiment[i] != e) continue;
        const ft_certainty *c = &rivals->certainty[i];
        ft_report_add_number(data, out, "error_of_metric", c->standard_error);
        ft_report_add_flag(data, out, "is_tied", c->is_tied);
        if (i == 0) continue;
        ft_report_add_number(data, out, "behind", c->behind);
        ft_report_add_number(data, out, "behind_margin", c->behind_margin);
    }
}

/* Which configuration it is of, and what its replicates say, where there are any. */
static void add_replicates(const ft_report_ranking *ranking, const ft_experiment *e, ft_report_data *data,
                           cJSON *out)
{
    const ft_report_request *request = ranking->request;
    const size_t group = ranking->replicates.group[e - request->experiments->items];
    const ft_spread spread = ft_replicates_spread(request->experiments, &ranking->replicates, group,
                                                  request->metric, request->split);
    if (ranking->replicates.most < 2) return;
    ft_report_add_number(data, out, "configuration", (double)group);
    if (spread.n < 2) return;
    ft_report_add_number(data, out, "seeds", (double)spread.n);
    ft_report_add_number(data, out, "mean", spread.mean);
    ft_report_add_number(data, out, "std", spread.std);
}

/* Every `every`th epoch, the first, the last and that of the lowest val_loss. */
static void add_losses(const ft_experiment *e, size_t every, ft_report_data *data, cJSON *out)
{
    cJSON *epochs = ft_report_add_list(data, out, "epoch"), *loss = ft_report_add_list(data, out, "loss");
    cJSON *val_loss = ft_report_add_list(data, out, "val_loss");
    size_t best = e->n_epochs;
    double seconds = 0;
    for (size_t i = 0; i < e->n_epochs; i++) {
        const double value = e->training_history[i].val_loss;
        if (isfinite(value) && (best == e->n_epochs || value < e->training_history[best].val_loss)) best = i;
        if (isfinite(e->training_history[i].seconds)) seconds += e->training_history[i].seconds;
    }
    for (size_t i = 0; i < e->n_epochs; i++) {
        if (i % every && i != best && i + 1 != e->n_epochs) continue;
        ft_report_add_number(data, epochs, NULL, (double)e->training_history[i].epoch);
        ft_report_add_number(data, loss, NULL, e->training_history[i].loss);
        ft_report_add_number(data, val_loss, NULL, e->training_history[i].val_loss);
    }
    if (best < e->n_epochs)
        ft_report_add_number(data, out, "best_epoch", (double)e->training_history[best].epoch);
    if (e->n_epochs) ft_report_add_number(data, out, "seconds", seconds);
}

static void add_experiment(const ft_report_ranking *ranking, const ft_table *table, const ft_experiment *e,
                           size_t every, ft_report_data *data, cJSON *list)
{
    cJSON *out = ft_report_add_object(data, list, NULL);
    const ft_metric metric = ranking->request->metric;
    ft_report_add_text(data, out, "id", e->experiment_id);
    for (int s = 0; s < FT_N_SPLITS; s++)
        ft_report_add_number(data, out, ft_split_names[s], ft_metrics_get(&e->metrics[s], metric));
    ft_report_add_number(data, out, "train_mae", ft_metrics_get(&e->metrics[FT_TRAIN], FT_MAE));
    ft_report_add_number(data, out, "val_mae", ft_metrics_get(&e->metrics[FT_VAL], FT_MAE));
    add_values(table, (size_t)(e - ranking->request->experiments->items), data, out);
    add_replicates(ranking, e, data, out);
    add_certainty(&ranking->rivals, e, data, out);
    add_losses(e, every, data, out);
    const int64_t pruned_at = ft_experiment_pruned_at(e);
    if (pruned_at) ft_report_add_number(data, out, "pruned_at_epoch", (double)pruned_at);
    if (e->error) ft_report_add_text(data, out, "failed", e->error);
}

ft_status ft_report_add_experiments(const ft_report_ranking *ranking, ft_report_data *data, ft_error *err)
{
    ft_table table = FT_TABLE_EMPTY;
    size_t n_epochs = 0;
    ft_status status = ft_compare(ranking->request->experiments, &table, err);
    if (status == FT_OK) {
        cJSON *list = ft_report_add_list(data, data->root, "experiments");
        for (size_t i = 0; i < ranking->n_ranked; i++) n_epochs += ranking->ranked[i]->n_epochs;
        add_columns(&table, data);
        for (size_t i = 0; i < ranking->n_ranked; i++)
            add_experiment(ranking, &table, ranking->ranked[i], n_epochs / MOST_EPOCHS + 1, data, list);
    }
    ft_table_free(&table);
    return status;
}
