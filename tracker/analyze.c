/* Analyses with a row an experiment, and the summary. Importance is in importance.c. */
#include "tracker/analyze.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sort.h"
#include "tracker/quantiles.h"
#include "tracker/replicates.h"
#include "tracker/statistics.h"

static const double overfitting_ratio = 1.3, lost_limit = 0.3, regime_ratio = 1.5, regime_level = 0.05;

/* "50 %" */
static const char *percent(double share, char room[FT_NUMBER_CHARS])
{
    snprintf(room, FT_NUMBER_CHARS, "%.0f %%", 100 * share);
    return room;
}

static ft_status finish(const ft_table *table, const ft_text *remark, ft_error *err)
{
    return table->failed || remark->failed ? ft_no_memory(err, "an analysis", 0) : FT_OK;
}

/* "1 of 2 experiments <do something>: <what that means>", or none of 2, of those that can
 * be judged; "3 of 5 experiments cannot be judged: <why>" */
static void remark_counts(ft_text *remark, size_t count, size_t n_found, const char *found, size_t n_unknown,
                          const char *why)
{
    if (count == 0) ft_text_add(remark, "there are no experiments\n");
    if (n_unknown < count && n_found == 0)
        ft_text_addf(remark, "none of %zu experiments %.*s\n", count - n_unknown, (int)strcspn(found, ":"),
                     found);
    else if (n_unknown < count)
        ft_text_addf(remark, "%zu of %zu experiments %s\n", n_found, count - n_unknown, found);
    if (n_unknown)
        ft_text_addf(remark, "%zu of %zu experiments cannot be judged: %s\n", n_unknown, count, why);
}

/* 1, 0, or -1 where the experiment has no such metrics. */
static int overfits(const ft_experiment *experiment, double *train_mae, double *val_mae, double *ratio)
{
    *train_mae = ft_metrics_get(&experiment->metrics[FT_TRAIN], FT_MAE);
    *val_mae = ft_metrics_get(&experiment->metrics[FT_VAL], FT_MAE);
    /* a perfect fit of the training split makes it infinite: shown as null */
    *ratio = *val_mae / *train_mae;
    return isnan(*ratio) ? -1 : *ratio > overfitting_ratio;
}

typedef struct convergence {
    double initial, final, reduction, increasing; /* of the training loss */
    /* lowest val_loss; how much of its gain over the first epoch the end lost again */
    double best_val, lost;
    int64_t best_val_epoch; /* -1: no val_loss is known */
    size_t n_val;           /* epochs with a val_loss */
    bool best_is_last;
    int issue; /* 1, 0, or -1 where unknown */
} convergence;

/* Judges by val_loss: the training loss is of windows that shift at random from epoch to
 * epoch. Where there is none, by how often the training loss rose. */
static void judge(convergence *c, double first_val, double last_val, size_t n_steps)
{
    if (c->n_val >= 2) {
        const double gain = first_val - c->best_val, back = last_val - c->best_val;
        c->lost = gain > 0 ? back / gain : NAN;
        c->issue = gain > 0 ? c->lost > lost_limit : back > 0;
    } else if (c->n_val == 0 && n_steps) {
        c->issue = c->increasing > lost_limit;
    }
}

/* Epochs without a loss are passed over. */
static convergence convergence_of(const ft_experiment *experiment)
{
    convergence c = {NAN, NAN, NAN, NAN, INFINITY, NAN, -1, 0, false, -1};
    double first_val = NAN, last_val = NAN;
    size_t n_steps = 0, n_rising = 0;
    for (size_t i = 0; i < experiment->n_epochs; i++) {
        const ft_epoch_record *record = &experiment->training_history[i];
        if (isfinite(record->val_loss)) {
            if (c.n_val++ == 0) first_val = record->val_loss;
            last_val = record->val_loss;
            c.best_is_last = last_val < c.best_val;
            if (c.best_is_last) {
                c.best_val = last_val;
                c.best_val_epoch = record->epoch;
            }
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
    judge(&c, first_val, last_val, n_steps);
    return c;
}

/* Adds ", in the last epoch of 2 (more epochs may help)", or nothing of 0. */
static void add_place(const char *epoch, size_t n, const char *advice, const char **separator,
                      ft_text *remark)
{
    if (n == 0) return;
    ft_text_addf(remark, "%sin %s of %zu (%s)", *separator, epoch, n, advice);
    *separator = ", ";
}

/* A sentence on where val_loss was lowest. */
static void describe_epochs(const ft_experiments *experiments, ft_text *remark)
{
    size_t n_last = 0, n_first = 0, n_between = 0;
    for (size_t i = 0; i < experiments->count; i++) {
        convergence c = convergence_of(&experiments->items[i]);
        if (c.n_val < 2) continue;
        if (c.best_is_last)
            n_last++;
        else if (c.best_val_epoch == experiments->items[i].training_history[0].epoch)
            n_first++;
        else
            n_between++;
    }
    const size_t n = n_last + n_first + n_between;
    if (n == 0) return;
    ft_text_addf(remark, "val_loss of %zu experiment%s was lowest", n, n == 1 ? "" : "s");
    const char *separator = " ";
    add_place("the last epoch", n_last, "more epochs may help", &separator, remark);
    add_place("the first epoch", n_first, "later ones made it worse", &separator, remark);
    add_place("a middle epoch", n_between, "fewer epochs or early stopping", &separator, remark);
    ft_text_add(remark, "\n");
}

/* What became of one experiment, in words. */
static void set_finding(const convergence *c, ft_table *table, size_t column)
{
    char room[FT_NUMBER_CHARS];
    ft_text text = FT_TEXT_EMPTY;
    if (c->n_val == 0) return;
    ft_text_addf(&text, "best val_loss %s in epoch %lld", ft_short_number(c->best_val, room),
                 (long long)c->best_val_epoch);
    if (c->n_val >= 2 && c->best_is_last)
        ft_text_add(&text, ", the last: still falling");
    else if (c->n_val >= 2 && isnan(c->lost))
        ft_text_add(&text, ", the first: later ones made it worse");
    else if (c->n_val >= 2)
        ft_text_addf(&text, "; %s of the gain was lost by the end", percent(c->lost, room));
    ft_table_set_text(table, column, text.data);
    if (text.failed) table->failed = true;
    ft_text_free(&text);
}

ft_status ft_analyze_overfitting(const ft_experiments *experiments, ft_table *table, ft_text *remark,
                                 ft_error *err)
{
    size_t n_unknown = 0, n_found = 0;
    size_t id = ft_table_column(table, "experiment_id"), train = ft_table_column(table, "train_mae");
    size_t val = ft_table_column(table, "val_mae"), ratio = ft_table_column(table, "ratio");
    size_t flag = ft_table_column(table, "overfitting_flag"),
           epoch = ft_table_column(table, "best_val_epoch");
    for (size_t i = 0; i < experiments->count; i++) {
        double train_mae, val_mae, value;
        int overfit = overfits(&experiments->items[i], &train_mae, &val_mae, &value);
        ft_table_add_row(table);
        ft_table_set_text(table, id, experiments->items[i].experiment_id);
        ft_table_set_number(table, train, train_mae);
        ft_table_set_number(table, val, val_mae);
        ft_table_set_number(table, ratio, value);
        if (overfit >= 0) ft_table_set_flag(table, flag, overfit);
        convergence c = convergence_of(&experiments->items[i]);
        if (c.best_val_epoch >= 0) ft_table_set_number(table, epoch, (double)c.best_val_epoch);
        n_unknown += overfit < 0;
        n_found += overfit > 0;
    }
    remark_counts(remark, experiments->count, n_found, "overfit: val mae is above 1.3 times train mae",
                  n_unknown, "they have no mae of both train and val");
    describe_epochs(experiments, remark);
    return finish(table, remark, err);
}

ft_status ft_analyze_convergence(const ft_experiments *experiments, ft_table *table, ft_text *remark,
                                 ft_error *err)
{
    static const char *const names[] = {"experiment_id",     "epochs",         "initial_loss",
                                        "final_loss",        "reduction",      "increasing_pct",
                                        "convergence_issue", "best_val_epoch", "finding"};
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
        set_finding(&c, table, 8);
        n_unknown += c.issue < 0;
        n_found += c.issue > 0;
    }
    remark_counts(
        remark, experiments->count, n_found,
        "have convergence issues: val_loss never fell, or ended with more than 0.3 of its gain lost",
        n_unknown, "they have fewer than two epochs with a loss");
    describe_epochs(experiments, remark);
    return finish(table, remark, err);
}

static const cJSON *insight(const ft_experiment *experiment, const char *part, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(experiment->data_insights, part),
                                            key);
}

static double number_of(const ft_experiment *experiment, const char *part, const char *key)
{
    const cJSON *item = insight(experiment, part, key);
    return cJSON_IsNumber(item) ? item->valuedouble : NAN;
}

typedef struct regime {
    double train, test, ratio; /* volatility, and test / train */
    double statistic, p_value; /* of the test on returns; NaN in records of before it */
    const char *method;
    int shifted; /* 1, 0, or -1 where unknown */
} regime;

static regime regime_of(const ft_experiment *e)
{
    regime r = {.train = number_of(e, "train_regimes", "volatility_mean"),
                .test = number_of(e, "test_regimes", "volatility_mean"),
                .statistic = number_of(e, "returns_test", "ks_statistic"),
                .p_value = number_of(e, "returns_test", "ks_pvalue"),
                .shifted = -1};
    const cJSON *method = insight(e, "returns_test", "method");
    r.method = cJSON_IsString(method) ? method->valuestring : "";
    r.ratio = r.test / r.train;
    if (!isnan(r.p_value))
        r.shifted = r.p_value < regime_level;
    else if (!isnan(r.ratio))
        r.shifted = r.ratio > regime_ratio || r.ratio < 1 / regime_ratio;
    return r;
}

/* One sentence, where all experiments that tell have the same data. */
static void describe_regime(const ft_experiments *experiments, ft_text *remark)
{
    regime first = {.p_value = NAN};
    char room[4][FT_NUMBER_CHARS];
    for (size_t i = 0; i < experiments->count; i++) {
        regime r = regime_of(&experiments->items[i]);
        if (isnan(r.p_value)) continue;
        if (!isnan(first.p_value) && (r.p_value != first.p_value || r.statistic != first.statistic)) return;
        first = r;
    }
    if (isnan(first.p_value)) return;
    if (isfinite(first.ratio))
        ft_text_addf(remark, "volatility is %s in training and %s in test, %s times that; ",
                     ft_short_number(first.train, room[0]), ft_short_number(first.test, room[1]),
                     ft_short_number(first.ratio, room[2]));
    ft_text_addf(remark, "returns of the two %s (Kolmogorov-Smirnov D %s, p ",
                 first.shifted ? "are distributed differently" : "cannot be told apart",
                 ft_short_number(first.statistic, room[0]));
    ft_text_addf(remark, "%s, ", ft_short_number(first.p_value, room[3]));
    ft_text_add_line(remark, first.method);
    ft_text_add(remark, ")\n");
}

ft_status ft_analyze_regimes(const ft_experiments *experiments, ft_table *table, ft_text *remark,
                             ft_error *err)
{
    static const char *const names[] = {"experiment_id", "train_volatility_mean", "test_volatility_mean",
                                        "ratio",         "regime_shift",          "ks_statistic",
                                        "ks_pvalue"};
    size_t n_unknown = 0, n_found = 0, n_untested = 0;
    for (size_t c = 0; c < sizeof names / sizeof *names; c++) ft_table_column(table, names[c]);
    for (size_t i = 0; i < experiments->count; i++) {
        const regime r = regime_of(&experiments->items[i]);
        ft_table_add_row(table);
        ft_table_set_text(table, 0, experiments->items[i].experiment_id);
        ft_table_set_number(table, 1, r.train);
        ft_table_set_number(table, 2, r.test);
        ft_table_set_number(table, 3, r.ratio);
        if (r.shifted >= 0) ft_table_set_flag(table, 4, r.shifted);
        ft_table_set_number(table, 5, r.statistic);
        ft_table_set_number(table, 6, r.p_value);
        n_unknown += r.shifted < 0;
        n_found += r.shifted > 0;
        n_untested += r.shifted >= 0 && isnan(r.p_value);
    }
    remark_counts(remark, experiments->count, n_found, "are tested in another regime", n_unknown,
                  "their data insights have no volatility of both train and test");
    describe_regime(experiments, remark);
    if (n_untested)
        ft_text_addf(
            remark,
            "%zu have no test on returns recorded: judged by volatility outside 1/1.5 to 1.5 times that of "
            "training\n",
            n_untested);
    return finish(table, remark, err);
}

/* One metric's row; values: (count) scratch. */
static void add_metric_summary(const ft_experiments *experiments, const ft_replicates *replicates,
                               ft_metric metric, ft_split split, double *values, ft_table *table)
{
    const ft_experiment *best = ft_replicates_best(experiments, replicates, metric, split);
    size_t n_known = 0;
    for (size_t i = 0; i < experiments->count; i++) {
        double value = ft_metrics_get(&experiments->items[i].metrics[split], metric);
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
    if (!best) return;
    ft_table_set_text(table, 7, best->experiment_id);
    if (split != FT_TEST) ft_table_set_number(table, 8, ft_metrics_get(&best->metrics[FT_TEST], metric));
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
    const size_t n = experiments->count, n_unfinished = experiments->n_unfinished;
    ft_text_addf(remark, "%zu experiment%s: %zu succeeded, %zu failed", n, n == 1 ? "" : "s", n - n_failed,
                 n_failed);
    if (n_unfinished)
        ft_text_addf(remark, "; besides, %zu director%s without a result", n_unfinished,
                     n_unfinished == 1 ? "y" : "ies");
    ft_text_add(remark, "\n");
    ft_text_addf(
        remark,
        "%zu overfit (val mae above %g times train mae), %zu have convergence issues (val_loss never "
        "fell, or lost more than %g of its gain)\n",
        n_overfit, overfitting_ratio, n_issues, lost_limit);
}

ft_status ft_analyze_summary(const ft_experiments *experiments, ft_split split, ft_table *table,
                             ft_text *remark, ft_error *err)
{
    static const char *const names[] = {"metric", "count",  "mean", "std",
                                        "min",    "median", "max",  "best_experiment"};
    for (size_t c = 0; c < sizeof names / sizeof *names; c++) ft_table_column(table, names[c]);
    if (split != FT_TEST) ft_table_column(table, "best_test");
    double *values = malloc((experiments->count + 1) * sizeof *values);
    if (!values) return ft_no_memory(err, "a summary", experiments->count * sizeof *values);
    ft_replicates replicates;
    ft_status status = ft_replicates_find(experiments, &replicates, err);
    if (status != FT_OK) return free(values), status;
    for (int m = 0; m < FT_N_METRICS; m++)
        add_metric_summary(experiments, &replicates, (ft_metric)m, split, values, table);
    ft_replicates_free(&replicates);
    free(values);

    add_counts(experiments, remark);
    ft_table strongest = FT_TABLE_EMPTY;
    ft_text details = FT_TEXT_EMPTY; /* are for `importance` */
    status = ft_analyze_importance(experiments, FT_MAE, split, 1, &strongest, &details, err);
    ft_text_free(&details);
    if (status == FT_OK && strongest.n_rows && strongest.cells[1].kind == FT_CELL_NUMBER) {
        char room[FT_NUMBER_CHARS];
        ft_text_addf(remark, "strongest for %s mae: ", ft_split_names[split]);
        ft_text_add_line(remark, strongest.cells[0].text);
        ft_text_addf(remark, ", correlation %s: %s\n", ft_short_number(strongest.cells[1].number, room),
                     strongest.cells[strongest.n_columns - 1].text);
    }
    ft_table_free(&strongest);
    if (split == FT_TEST && experiments->count > 1)
        ft_text_add(remark,
                    "the best by test look better there than they are; --split val holds test back\n");
    return status == FT_OK ? finish(table, remark, err) : status;
}
