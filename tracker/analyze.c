/* Analyses with a row an experiment, and the summary. Importance is in importance.c. */
#include "tracker/analyze.h"

#include <math.h>
#include <stdlib.h>

#include "tracker/quantiles.h"
#include "tracker/statistics.h"

static const double overfitting_ratio = 1.3, increasing_limit = 0.3, regime_ratio = 1.5;

static ft_status finish(const ft_table *table, const ft_text *remark, ft_error *err)
{
    return table->failed || remark->failed ? ft_no_memory(err, "an analysis", 0) : FT_OK;
}

/* "1 of 2 experiments <do something>", of those that can be judged; "3 of 5 experiments cannot be judged:
 * <why>" */
static void remark_counts(ft_text *remark, size_t count, size_t n_found, const char *found, size_t n_unknown,
                          const char *why)
{
    if (count == 0) ft_text_add(remark, "there are no experiments\n");
    if (n_unknown < count)
        ft_text_addf(remark, "%zu of %zu experiments %s\n", n_found, count - n_unknown, found);
    if (n_unknown)
        ft_text_addf(remark, "%zu of %zu experiments cannot be judged: %s\n", n_unknown, count, why);
}

/* 1, 0, or -1 where the experiment has no such metrics. */
static int overfits(const ft_experiment *experiment, double *train_mae, double *val_mae, double *ratio)
{
    *train_mae = ft_metrics_get(&experiment->metrics[FT_TRAIN], FT_MAE);
    *val_mae = ft_metrics_get(&experiment->metrics[FT_VAL], FT_MAE);
    *ratio = *val_mae / *train_mae; /* a perfect fit of the training split makes it infinite: shown as null */
    return isnan(*ratio) ? -1 : *ratio > overfitting_ratio;
}

ft_status ft_analyze_overfitting(const ft_experiments *experiments, ft_table *table, ft_text *remark,
                                 ft_error *err)
{
    size_t n_unknown = 0, n_found = 0;
    size_t id = ft_table_column(table, "experiment_id"), train = ft_table_column(table, "train_mae");
    size_t val = ft_table_column(table, "val_mae"), ratio = ft_table_column(table, "ratio");
    size_t flag = ft_table_column(table, "overfitting_flag");
    for (size_t i = 0; i < experiments->count; i++) {
        double train_mae, val_mae, value;
        int overfit = overfits(&experiments->items[i], &train_mae, &val_mae, &value);
        ft_table_add_row(table);
        ft_table_set_text(table, id, experiments->items[i].experiment_id);
        ft_table_set_number(table, train, train_mae);
        ft_table_set_number(table, val, val_mae);
        ft_table_set_number(table, ratio, value);
        if (overfit >= 0) ft_table_set_flag(table, flag, overfit);
        n_unknown += overfit < 0;
        n_found += overfit > 0;
    }
    remark_counts(remark, experiments->count, n_found, "overfit: val mae is above 1.3 times train mae",
                  n_unknown, "they have no mae of both train and val");
    return finish(table, remark, err);
}

typedef struct convergence {
    double initial, final, reduction, increasing;
    int64_t best_val_epoch; /* -1: no val_loss is known */
    int issue;              /* 1, 0, or -1 where unknown */
} convergence;

/* Epochs without a loss are passed over. */
static convergence convergence_of(const ft_experiment *experiment)
{
    convergence c = {NAN, NAN, NAN, NAN, -1, -1};
    double best_val = INFINITY;
    size_t n_steps = 0, n_rising = 0;
    for (size_t i = 0; i < experiment->n_epochs; i++) {
        const ft_epoch_record *record = &experiment->training_history[i];
        if (record->val_loss < best_val) {
            best_val = record->val_loss;
            c.best_val_epoch = record->epoch;
        }
        if (isnan(record->loss)) continue;
        if (isnan(c.initial)) {
            c.initial = record->loss;
        } else {
            n_steps++;
            n_rising += record->loss > c.final;
        }
        c.final = record->loss;
    }
    c.reduction = 1 - c.final / c.initial;
    c.increasing = (double)n_rising / (double)n_steps;
    if (n_steps) c.issue = c.increasing > increasing_limit;
    return c;
}

ft_status ft_analyze_convergence(const ft_experiments *experiments, ft_table *table, ft_text *remark,
                                 ft_error *err)
{
    static const char *const names[] = {"experiment_id",     "epochs",        "initial_loss",
                                        "final_loss",        "reduction",     "increasing_pct",
                                        "convergence_issue", "best_val_epoch"};
    size_t n_unknown = 0, n_found = 0;
    for (size_t c = 0; c < sizeof names / sizeof *names; c++) ft_table_column(table, names[c]);
    for (size_t i = 0; i < experiments->count; i++) {
        convergence c = convergence_of(&experiments->items[i]);
        ft_table_add_row(table);
        ft_table_set_text(table, 0, experiments->items[i].experiment_id);
        ft_table_set_number(table, 1, (double)experiments->items[i].n_epochs);
        ft_table_set_number(table, 2, c.initial);
        ft_table_set_number(table, 3, c.final);
        ft_table_set_number(table, 4, c.reduction);
        ft_table_set_number(table, 5, c.increasing);
        if (c.issue >= 0) ft_table_set_flag(table, 6, c.issue);
        if (c.best_val_epoch >= 0) ft_table_set_number(table, 7, (double)c.best_val_epoch);
        n_unknown += c.issue < 0;
        n_found += c.issue > 0;
    }
    remark_counts(remark, experiments->count, n_found,
                  "have convergence issues: the loss rose in more than 0.3 of the epochs", n_unknown,
                  "they have fewer than two epochs with a loss");
    return finish(table, remark, err);
}

static double volatility_mean(const ft_experiment *experiment, const char *regimes)
{
    const cJSON *part = cJSON_GetObjectItemCaseSensitive(experiment->data_insights, regimes);
    const cJSON *mean = cJSON_GetObjectItemCaseSensitive(part, "volatility_mean");
    return cJSON_IsNumber(mean) ? mean->valuedouble : NAN;
}

ft_status ft_analyze_regimes(const ft_experiments *experiments, ft_table *table, ft_text *remark,
                             ft_error *err)
{
    size_t n_unknown = 0, n_found = 0;
    size_t id = ft_table_column(table, "experiment_id"),
           train = ft_table_column(table, "train_volatility_mean");
    size_t test = ft_table_column(table, "test_volatility_mean"), ratio = ft_table_column(table, "ratio");
    size_t shift = ft_table_column(table, "regime_shift");
    for (size_t i = 0; i < experiments->count; i++) {
        const ft_experiment *experiment = &experiments->items[i];
        double before = volatility_mean(experiment, "train_regimes"),
               after = volatility_mean(experiment, "test_regimes");
        double change = after / before;
        ft_table_add_row(table);
        ft_table_set_text(table, id, experiment->experiment_id);
        ft_table_set_number(table, train, before);
        ft_table_set_number(table, test, after);
        ft_table_set_number(table, ratio, change);
        if (isnan(change)) {
            n_unknown++;
            continue;
        }
        bool shifted = change > regime_ratio || change < 1 / regime_ratio;
        ft_table_set_flag(table, shift, shifted);
        n_found += shifted;
    }
    remark_counts(remark, experiments->count, n_found,
                  "are tested in another regime: volatility outside 1/1.5 to 1.5 times that of training",
                  n_unknown, "their data insights have no volatility of both train and test");
    return finish(table, remark, err);
}

/* One metric's row; values: (count) scratch. */
static void add_metric_summary(const ft_experiments *experiments, ft_metric metric, double *values,
                               ft_table *table)
{
    const ft_experiment *best;
    size_t n_known = 0;
    for (size_t i = 0; i < experiments->count; i++) {
        double value = ft_metrics_get(&experiments->items[i].metrics[FT_TEST], metric);
        if (!experiments->items[i].error && !isnan(value)) values[n_known++] = value;
    }
    ft_moments moments = ft_moments_of(values, n_known);
    ft_sort_doubles(values, n_known);
    ft_table_add_row(table);
    ft_table_set_text(table, 0, ft_metric_names[metric]);
    ft_table_set_number(table, 1, (double)n_known);
    ft_table_set_number(table, 2, moments.mean);
    ft_table_set_number(table, 3, moments.std);
    ft_table_set_number(table, 4, moments.min);
    ft_table_set_number(table, 5, ft_quantile_double(values, n_known, 0.5));
    ft_table_set_number(table, 6, moments.max);
    if (ft_experiments_best(experiments, metric, FT_TEST, &best, NULL) == FT_OK)
        ft_table_set_text(table, 7, best->experiment_id);
}

static void add_counts(const ft_experiments *experiments, ft_text *remark)
{
    size_t n_failed = 0, n_overfit = 0, n_issues = 0;
    for (size_t i = 0; i < experiments->count; i++) {
        double train_mae, val_mae, ratio;
        n_failed += experiments->items[i].error != NULL;
        n_overfit += overfits(&experiments->items[i], &train_mae, &val_mae, &ratio) > 0;
        n_issues += convergence_of(&experiments->items[i]).issue > 0;
    }
    ft_text_addf(remark,
                 "%zu experiments: %zu succeeded, %zu failed; besides, %zu directories without a result\n",
                 experiments->count, experiments->count - n_failed, n_failed, experiments->n_unfinished);
    ft_text_addf(
        remark,
        "%zu overfit (val mae above %g times train mae), %zu have convergence issues (loss rose in more "
        "than %g of the epochs)\n",
        n_overfit, overfitting_ratio, n_issues, increasing_limit);
}

ft_status ft_analyze_summary(const ft_experiments *experiments, ft_table *table, ft_text *remark,
                             ft_error *err)
{
    static const char *const names[] = {"metric", "count",  "mean", "std",
                                        "min",    "median", "max",  "best_experiment"};
    for (size_t c = 0; c < sizeof names / sizeof *names; c++) ft_table_column(table, names[c]);
    double *values = malloc((experiments->count + 1) * sizeof *values);
    if (!values) return ft_no_memory(err, "a summary", experiments->count * sizeof *values);
    for (int m = 0; m < FT_N_METRICS; m++) add_metric_summary(experiments, (ft_metric)m, values, table);
    free(values);

    add_counts(experiments, remark);
    ft_table strongest = FT_TABLE_EMPTY;
    ft_status status = ft_analyze_importance(experiments, FT_MAE, FT_TEST, 1, &strongest, remark, err);
    if (status == FT_OK && strongest.n_rows) {
        char room[FT_NUMBER_CHARS];
        ft_text_add(remark, "strongest for test mae: ");
        ft_text_add_line(remark, strongest.cells[0].text);
        ft_text_addf(remark, ", correlation %s: %s\n", ft_people_number(strongest.cells[1].number, room),
                     strongest.cells[3].text);
    }
    ft_table_free(&strongest);
    return status == FT_OK ? finish(table, remark, err) : status;
}
