/* Experiments in words. */
#include "tracker/show.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "tracker/baselines.h"
#include "tracker/certainty.h"
#include "tracker/replicates.h"
#include "tracker/table.h"
#include "tracker/terminal_text.h"
#include "tracker/verdict.h"

/* A JSON value on one line for people: text without quotes, numbers short. */
static void add_value(ft_text *out, const cJSON *value)
{
    char room[FT_NUMBER_CHARS];
    if (cJSON_IsNumber(value)) {
        ft_text_add(out, ft_people_number(value->valuedouble, room));
    } else if (cJSON_IsString(value)) {
        ft_text_add_line(out, value->valuestring);
    } else if (cJSON_IsNull(value)) {
        ft_text_add(out, "-");
    } else {
        char *printed = ft_json_print_line(value);
        if (printed)
            ft_text_add_line(out, printed);
        else
            out->failed = true;
        free(printed);
    }
}

/* "a 1, b 2" of an object's members. */
static void add_members(ft_text *out, const cJSON *object)
{
    for (const cJSON *member = object ? object->child : NULL; member; member = member->next) {
        ft_text_add_line(out, member->string);
        ft_text_add(out, " ");
        add_value(out, member);
        if (member->next) ft_text_add(out, ", ");
    }
}

/* A row of metrics under the name of whose they are. */
static void add_metrics_row(ft_table *table, const char *whose, const ft_metrics *metrics)
{
    if (!metrics->evaluated) return;
    ft_table_add_row(table);
    ft_table_set_text(table, 0, whose);
    for (int m = 0; m < FT_N_METRICS; m++)
        ft_table_set_number(table, (size_t)m + 1, ft_metrics_get(metrics, (ft_metric)m));
}

/* The metrics of all splits, each followed by those of the baselines. */
static ft_status add_metrics(ft_text *out, const ft_experiment *experiment, size_t width, ft_error *err)
{
    ft_table table = FT_TABLE_EMPTY;
    ft_table_column(&table, "metrics");
    for (int m = 0; m < FT_N_METRICS; m++) ft_table_column(&table, ft_metric_names[m]);
    for (int s = 0; s < FT_N_SPLITS; s++) {
        const char *name;
        ft_metrics baseline[FT_N_SPLITS];
        add_metrics_row(&table, ft_split_names[s], &experiment->metrics[s]);
        for (size_t i = 0; ft_baseline_get(experiment, i, &name, baseline); i++) {
            ft_text label = FT_TEXT_EMPTY;
            ft_text_addf(&label, "  %s of %s", ft_split_names[s], name);
            if (label.failed) table.failed = true;
            if (!label.failed) add_metrics_row(&table, label.data, &baseline[s]);
            ft_text_free(&label);
        }
    }
    ft_status status = FT_OK;
    if (table.n_rows || table.failed)
        status = ft_table_print_fitting(&table, width, out, err);
    else
        ft_text_add(out, "no metrics\n");
    ft_table_free(&table);
    return status;
}

static ft_status add_history(ft_text *out, const ft_experiment *experiment, size_t width, ft_error *err)
{
    static const char *const names[] = {"epoch",     "loss",    "val_loss",         "learning_rate",
                                        "grad_norm", "seconds", "tokens_per_second"};
    ft_table table = FT_TABLE_EMPTY;
    for (size_t c = 0; c < sizeof names / sizeof *names; c++) ft_table_column(&table, names[c]);
    for (size_t i = 0; i < experiment->n_epochs; i++) {
        const ft_epoch_record *record = &experiment->training_history[i];
        const double values[] = {(double)record->epoch,    record->loss,      record->val_loss,
                                 record->learning_rate,    record->grad_norm, record->seconds,
                                 record->tokens_per_second};
        ft_table_add_row(&table);
        for (size_t c = 0; c < sizeof names / sizeof *names; c++) ft_table_set_number(&table, c, values[c]);
    }
    ft_status status = ft_table_print_fitting(&table, width, out, err);
    ft_table_free(&table);
    return status;
}

static void add_insights(ft_text *out, const cJSON *insights)
{
    for (const cJSON *part = insights ? insights->child : NULL; part; part = part->next) {
        ft_text_add(out, "  ");
        ft_text_add_line(out, part->string);
        /* What kurtosis means differs from tool to tool. */
        if (strcmp(part->string, "target_distribution") == 0)
            ft_text_add(out, " (of returns; kurtosis is excess, bias-corrected)");
        ft_text_add(out, ": ");
        if (cJSON_IsObject(part))
            add_members(out, part);
        else
            add_value(out, part);
        ft_text_add(out, "\n");
    }
}

static void add_labelled(ft_text *out, const char *label, const char *text)
{
    if (!text || !*text) return;
    ft_text_add(out, label);
    ft_text_add_line(out, text);
    ft_text_add(out, "\n");
}

ft_status ft_show_experiment(const ft_experiment *experiment, size_t width, ft_text *out, ft_error *err)
{
    add_labelled(out, "experiment   ", experiment->experiment_id);
    add_labelled(out, "timestamp    ", experiment->timestamp);
    add_labelled(out, "failed       ", experiment->error);
    add_labelled(out, "model        ",
                 cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(experiment->run, "model")));
    add_labelled(out, "adapter      ", experiment->model_path);
    add_labelled(out, "directory    ", experiment->directory);
    add_labelled(out, "notes        ", experiment->notes);
    ft_text_add(out, "hyperparams  ");
    add_members(out, experiment->hyperparams);
    ft_text_add(out, "\n\n");
    ft_status status = add_metrics(out, experiment, width, err);
    if (status == FT_OK && experiment->n_epochs) {
        ft_text_add(out, "\n");
        status = add_history(out, experiment, width, err);
    }
    if (status == FT_OK && experiment->data_insights && experiment->data_insights->child) {
        ft_text_add(out, "\ndata insights\n");
        add_insights(out, experiment->data_insights);
    }
    if (status == FT_OK && out->failed) status = ft_no_memory(err, "text", out->length);
    return status;
}

/* "val mae 1.25" */
static void add_figure(ft_text *out, const ft_experiment *experiment, ft_split split, ft_metric metric)
{
    char room[FT_NUMBER_CHARS];
    ft_text_addf(out, "%s %s %s", ft_split_names[split], ft_metric_names[metric],
                 ft_short_number(ft_metrics_get(&experiment->metrics[split], metric), room));
}

/* Chosen by validation, the figure on test is honest. */
static void add_test(ft_text *out, const ft_experiment *best, ft_metric metric)
{
    char room[FT_NUMBER_CHARS];
    ft_text_addf(out, "test         %s %s; test had no part in the choice\n", ft_metric_names[metric],
                 ft_short_number(ft_metrics_get(&best->metrics[FT_TEST], metric), room));
}

/* Whether choosing by validation, which is how one would choose before seeing the test
 * data, agrees. */
static void add_what_validation_says(ft_text *out, const ft_experiments *experiments,
                                     const ft_experiment *best, ft_metric metric, ft_split split)
{
    const ft_experiment *by_val;
    if (split == FT_VAL) {
        add_test(out, best, metric);
        return;
    }
    ft_text_addf(
        out,
        "optimism     chosen by %s: the best of several looks better there than it is; --split val does "
        "not\n",
        ft_split_names[split]);
    const ft_status found = ft_experiments_best(experiments, metric, FT_VAL, &by_val, NULL);
    if (found == FT_NO_MEMORY) out->failed = true;
    if (found != FT_OK) {
        ft_text_addf(out, "validation   no experiment has a %s on val to choose by\n",
                     ft_metric_names[metric]);
        return;
    }
    if (by_val == best) {
        ft_text_add(out, "validation   would choose the same\n");
        return;
    }
    ft_text_add(out, "validation   would choose ");
    ft_text_add_line(out, by_val->experiment_id);
    ft_text_add(out, ": ");
    add_figure(out, by_val, FT_VAL, metric);
    ft_text_add(out, " (here ");
    add_figure(out, best, FT_VAL, metric);
    ft_text_add(out, "), but ");
    add_figure(out, by_val, split, metric);
    ft_text_addf(out, "; choosing by %s looks at what was held back\n", ft_split_names[split]);
}

/* "16 experiments", or how many of them have what the best was chosen by: those that
 * failed or were pruned have not. */
static void add_compared(ft_text *out, const ft_experiments *experiments, ft_metric metric, ft_split split)
{
    size_t n = 0;
    for (size_t i = 0; i < experiments->count; i++)
        n += isfinite(ft_metrics_get(&experiments->items[i].metrics[split], metric)) != 0;
    if (n < experiments->count) ft_text_addf(out, "%zu of ", n);
    ft_text_addf(out, "%zu experiment%s", experiments->count, experiments->count == 1 ? "" : "s");
    if (n < experiments->count) ft_text_add(out, n == 1 ? " has it" : " have it");
}

/* A labelled line of what was found, if anything was. */
static void add_finding(ft_text *out, const char *label, const ft_text *finding)
{
    if (finding->failed) out->failed = true;
    if (finding->length == 0) return;
    ft_text_add(out, label);
    ft_text_add(out, finding->data);
    ft_text_add(out, "\n");
}

/* Adds the lines "replicates" and "certainty". */
static ft_status add_certainty(ft_text *out, const ft_experiments *experiments,
                               const ft_replicates *replicates, const ft_experiment *best, ft_metric metric,
                               ft_split split, ft_error *err)
{
    ft_rivals rivals;
    ft_text sentence = FT_TEXT_EMPTY;
    ft_replicates_describe(experiments, replicates, best, metric, split, &sentence);
    add_finding(out, "replicates   ", &sentence);
    sentence.length = 0;
    ft_status status = ft_rivals_find(experiments, replicates, best, metric, split, &rivals, err);
    if (status == FT_OK) ft_rivals_describe(&rivals, metric, split, FT_RIVALS_NAMES, &sentence);
    if (status == FT_OK) add_finding(out, "certainty    ", &sentence);
    ft_text_free(&sentence);
    return status;
}

ft_status ft_describe_judgement(const ft_experiments *experiments, const ft_experiment *best,
                                ft_metric metric, ft_split split, ft_text *out, ft_error *err)
{
    ft_judgement judgement;
    ft_text sentence = FT_TEXT_EMPTY;
    ft_status status = ft_judge(best, experiments, metric, split, &judgement, err);
    if (status != FT_OK) return status;
    ft_judgement_describe(&judgement, &sentence);
    add_finding(out, "verdict      ", &sentence);
    for (size_t i = 0; i < judgement.n_baselines; i++) {
        sentence.length = 0;
        ft_judgement_describe_against(&judgement, &judgement.against[i], &sentence);
        add_finding(out, "against      ", &sentence);
    }
    ft_text_free(&sentence);
    return FT_OK;
}

/* The best one's line: "best   ID: val mae 1.25 (lower is better; 16 experiments)". */
static void add_best(ft_text *out, const ft_experiments *experiments, const ft_experiment *best,
                     ft_metric metric, ft_split split)
{
    ft_text_add(out, "best         ");
    ft_text_add_line(out, best->experiment_id);
    ft_text_add(out, ": ");
    add_figure(out, best, split, metric);
    ft_text_addf(out, " (%s; ", ft_metric_direction(metric));
    add_compared(out, experiments, metric, split);
    ft_text_add(out, ")\n");
}

ft_status ft_describe_verdict(const ft_experiments *experiments, ft_metric metric, ft_split split,
                              ft_text *out, ft_error *err)
{
    const ft_experiment *best;
    ft_replicates replicates;
    ft_status status = ft_replicates_find(experiments, &replicates, err);
    if (status != FT_OK) return status;
    if (ft_replicates_choose(experiments, &replicates, metric, split, &best, NULL) == FT_OK) {
        add_best(out, experiments, best, metric, split);
        if (split != FT_TEST) add_test(out, best, metric);
        status = add_certainty(out, experiments, &replicates, best, metric, split, err);
        if (status == FT_OK) status = ft_describe_judgement(experiments, best, metric, split, out, err);
    }
    ft_replicates_free(&replicates);
    return status;
}

/* All lines of ft_describe_best but the tables of metrics. */
static ft_status add_lines(ft_text *out, const ft_experiments *experiments, const ft_replicates *replicates,
                           const ft_experiment *best, ft_metric metric, ft_split split, ft_error *err)
{
    add_best(out, experiments, best, metric, split);
    ft_text_add(out, "hyperparams  ");
    add_members(out, best->hyperparams);
    ft_text_add(out, "\n");
    add_what_validation_says(out, experiments, best, metric, split);
    ft_status status = add_certainty(out, experiments, replicates, best, metric, split, err);
    return status == FT_OK ? ft_describe_judgement(experiments, best, metric, split, out, err) : status;
}

ft_status ft_describe_best(const ft_experiments *experiments, ft_metric metric, ft_split split, size_t width,
                           ft_text *out, ft_error *err)
{
    const ft_experiment *best;
    ft_replicates replicates;
    ft_status status = ft_replicates_find(experiments, &replicates, err);
    if (status != FT_OK) return status;
    status = ft_replicates_choose(experiments, &replicates, metric, split, &best, err);
    if (status == FT_OK) status = add_lines(out, experiments, &replicates, best, metric, split, err);
    ft_replicates_free(&replicates);
    if (status != FT_OK) return status;
    ft_text_add(out, "\n");
    status = add_metrics(out, best, width, err);
    return status == FT_OK && out->failed ? ft_no_memory(err, "text", out->length) : status;
}
