/* What a report's charts show, in words: the remarks of the analyses (analyze.h), and the
 * importance of hyperparameters. */
#include <math.h>
#include <string.h>

#include "tracker/analyze.h"
#include "tracker/report/report_parts.h"

/* The ranking's: how many cannot be told from the best. */
static void add_ranking(const ft_report_ranking *ranking, ft_report_data *data, cJSON *out)
{
    const ft_rivals *r = &ranking->rivals;
    const size_t n_tied = ft_rivals_tied(r);
    ft_text lines = FT_TEXT_EMPTY;
    if (!ranking->best)
        ft_text_addf(&lines, "%zu experiments, none of which can be ranked\n", ranking->n_ranked);
    else if (r->count == 0)
        ft_text_add(&lines, "how sure the ranking is cannot be told: no two experiments have forecasts of "
                            "the same windows\n");
    else if (r->n_blocks < FT_LEAST_BLOCKS)
        ft_text_add(&lines, "there are too few windows to tell experiments apart\n");
    else if (n_tied == 0)
        ft_text_addf(&lines, "the best is better than the %zu other%s, beyond chance\n", r->count - 1,
                     r->count == 2 ? "" : "s");
    else
        ft_text_addf(&lines, "%zu of %zu other%s cannot be told from the best\n", n_tied, r->count - 1,
                     r->count == 2 ? "" : "s");
    ft_rivals_describe(r, ranking->request->metric, ranking->request->split, FT_RIVALS_ERROR, &lines);
    ft_report_add_finding(data, out, "ranking", &lines);
    ft_text_free(&lines);
}

typedef ft_status analysis(const ft_experiments *experiments, ft_table *table, ft_text *remark,
                           ft_error *err);

/* What an analysis remarks. */
static ft_status add_remark(const ft_report_ranking *ranking, const char *key, analysis *analyze,
                            ft_report_data *data, cJSON *out, ft_error *err)
{
    ft_table table = FT_TABLE_EMPTY;
    ft_text remark = FT_TEXT_EMPTY;
    ft_status status = analyze(ranking->request->experiments, &table, &remark, err);
    if (status == FT_OK) ft_report_add_finding(data, out, key, &remark);
    ft_text_free(&remark);
    ft_table_free(&table);
    return status;
}

/* The row that PED-ANOVA gives the largest share; n_rows where there is none. */
static size_t find_strongest(const ft_table *table, size_t share)
{
    size_t strongest = table->n_rows;
    double most = 0;
    for (size_t r = 0; r < table->n_rows; r++) {
        const ft_cell *cell = &table->cells[r * table->n_columns + share];
        if (cell->kind == FT_CELL_NUMBER && cell->number > most) most = cell->number, strongest = r;
    }
    return strongest;
}

static ft_status add_importance(const ft_report_ranking *ranking, ft_report_data *data, cJSON *out,
                                ft_error *err)
{
    ft_table table = FT_TABLE_EMPTY;
    ft_text remark = FT_TEXT_EMPTY, lines = FT_TEXT_EMPTY;
    const ft_report_request *request = ranking->request;
    ft_status status =
        ft_analyze_importance(request->experiments, request->metric, request->split, 0, &table, &remark, err);
    if (status == FT_OK) {
        cJSON *list = ft_report_add_list(data, data->root, "importance");
        for (size_t r = 0; r < table.n_rows; r++) {
            cJSON *row = ft_report_add_object(data, list, NULL);
            for (size_t c = 0; c < table.n_columns; c++)
                ft_report_add_cell(data, row, table.columns[c], &table.cells[r * table.n_columns + c]);
        }
        const size_t strongest = find_strongest(&table, ft_table_find(&table, "ped_anova"));
        if (strongest < table.n_rows) {
            const ft_cell *row = &table.cells[strongest * table.n_columns];
            ft_text_add_line(&lines, row[0].text + strlen("hp_"));
            ft_text_addf(&lines, " decides most about %s on %s: ", ft_metric_names[request->metric],
                         ft_split_names[request->split]);
            ft_text_add_line(&lines, row[table.n_columns - 1].text);
            ft_text_add(&lines, "\n");
        }
        ft_text_add(&lines, remark.data ? remark.data : "");
        ft_report_add_finding(data, out, "importance", &lines);
    }
    ft_text_free(&lines);
    ft_text_free(&remark);
    ft_table_free(&table);
    return status;
}

/* Whether the 80 % band of the best is right, by what it covers on test. */
static void add_coverage(const ft_report_ranking *ranking, ft_report_data *data, cJSON *out)
{
    ft_text lines = FT_TEXT_EMPTY;
    const double covered =
        ranking->best ? ft_metrics_get(&ranking->best->metrics[FT_TEST], FT_COVERAGE_80) : NAN;
    if (isfinite(covered))
        ft_text_addf(&lines, "the 80 %% band of the best holds the truth in %.0f %% of the steps on test%s\n",
                     100 * covered,
                     covered < 0.7   ? ": it is too narrow"
                     : covered > 0.9 ? ": it is too wide"
                                     : "");
    else
        ft_text_add(&lines, "forecasts of the best on test\n");
    ft_report_add_finding(data, out, "forecasts", &lines);
    ft_text_free(&lines);
}

ft_status ft_report_add_findings(const ft_report_ranking *ranking, ft_report_data *data, ft_error *err)
{
    cJSON *out = ft_report_add_object(data, data->root, "findings");
    add_ranking(ranking, data, out);
    add_coverage(ranking, data, out);
    ft_status status = add_importance(ranking, data, out, err);
    if (status == FT_OK) status = add_remark(ranking, "losses", ft_analyze_convergence, data, out, err);
    if (status == FT_OK) status = add_remark(ranking, "overfitting", ft_analyze_overfitting, data, out, err);
    if (status == FT_OK) status = add_remark(ranking, "regimes", ft_analyze_regimes, data, out, err);
    return status;
}
