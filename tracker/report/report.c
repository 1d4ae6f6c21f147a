/* Collects a report's data and puts them into the page; see report.h. */
#include "tracker/report/report.h"

#include <math.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/version.h"
#include "tracker/report/report_page.h"
#include "tracker/report/report_parts.h"

typedef struct ranked {
    const ft_experiment *experiment;
    size_t group;
    /* of its replicates, and its own; INFINITY: it has not the metric */
    double mean, cost;
} ranked;

static int by_cost(const void *left, const void *right)
{
    const ranked *a = left, *b = right;
    const bool a_is_out = a->cost == INFINITY, b_is_out = b->cost == INFINITY;
    if (a_is_out != b_is_out) return a_is_out ? 1 : -1;
    if (!a_is_out && a->mean != b->mean) return a->mean < b->mean ? -1 : 1;
    if (!a_is_out && a->group != b->group) return a->group < b->group ? -1 : 1;
    if (a->cost != b->cost) return a->cost < b->cost ? -1 : 1;
    return (a->experiment > b->experiment) - (a->experiment < b->experiment);
}

static ranked rank_of(const ft_report_ranking *ranking, size_t i)
{
    const ft_report_request *request = ranking->request;
    const ft_experiment *e = &request->experiments->items[i];
    const size_t group = ranking->replicates.group[i];
    const double cost =
        ft_metric_cost(request->metric, ft_metrics_get(&e->metrics[request->split], request->metric));
    const ft_spread spread = ft_replicates_spread(request->experiments, &ranking->replicates, group,
                                                  request->metric, request->split);
    return (ranked){e, group, spread.cost, e->error || !isfinite(cost) ? INFINITY : cost};
}

/* All experiments, the best first. */
static ft_status rank(ft_report_ranking *ranking, ft_error *err)
{
    const size_t n = ranking->n_ranked;
    ranked *all = malloc(n * sizeof *all);
    ranking->ranked = malloc(n * sizeof *ranking->ranked);
    ft_status status = all && ranking->ranked ? FT_OK : ft_no_memory(err, "a ranking", n * sizeof *all);
    if (status == FT_OK)
        status = ft_replicates_find(ranking->request->experiments, &ranking->replicates, err);
    for (size_t i = 0; status == FT_OK && i < n; i++) all[i] = rank_of(ranking, i);
    if (status == FT_OK) qsort(all, n, sizeof *all, by_cost);
    for (size_t i = 0; status == FT_OK && i < n; i++) ranking->ranked[i] = all[i].experiment;
    free(all);
    return status;
}

static void add_head(const ft_report_request *request, ft_report_data *data)
{
    ft_text version = FT_TEXT_EMPTY, warning = FT_TEXT_EMPTY;
    ft_text_addf(&version, "ftgpu %s", ft_version());
    ft_experiments_describe_data(request->experiments, &warning);
    if (version.failed || warning.failed) data->failed = true;
    ft_report_add_number(data, data->root, "format", 1);
    ft_report_add_text(data, data->root, "program", version.data);
    ft_report_add_text(data, data->root, "results", request->results);
    ft_report_add_text(data, data->root, "metric", ft_metric_names[request->metric]);
    ft_report_add_text(data, data->root, "direction", ft_metric_direction(request->metric));
    ft_report_add_text(data, data->root, "split", ft_split_names[request->split]);
    ft_report_add_text(data, data->root, "warning", warning.data);
    ft_text_free(&warning);
    ft_text_free(&version);
}

static ft_status add_parts(ft_report_ranking *ranking, const char *why_none, ft_report_data *data,
                           ft_error *err)
{
    const ft_report_request *request = ranking->request;
    ft_status status = FT_OK;
    if (ranking->best)
        status = ft_rivals_find(request->experiments, &ranking->replicates, ranking->best, request->metric,
                                request->split, &ranking->rivals, err);
    if (status == FT_OK) {
        add_head(request, data);
        status = ft_report_add_verdict(ranking, why_none, data, err);
    }
    if (status == FT_OK) status = ft_report_add_findings(ranking, data, err);
    if (status == FT_OK) status = ft_report_add_experiments(ranking, data, err);
    if (status == FT_OK) status = ft_report_add_windows(ranking, data, err);
    if (status == FT_OK) status = ft_report_add_target(ranking, data, err);
    return status == FT_OK && data->failed ? ft_no_memory(err, "a report", 0) : status;
}

ft_status ft_report_collect(const ft_report_request *request, cJSON **out, ft_error *err)
{
    ft_report_ranking ranking = {.request = request, .n_ranked = request->experiments->count};
    ft_report_data data = {.root = cJSON_CreateObject()};
    ft_error why_none = {""};
    *out = NULL;
    if (ranking.n_ranked == 0)
        return cJSON_Delete(data.root), ft_fail(err, FT_BAD_INPUT, "there are no experiments to report");
    ft_status status = rank(&ranking, err);
    if (status == FT_OK) /* the page says why there is none */
        ft_replicates_choose(request->experiments, &ranking.replicates, request->metric, request->split,
                             &ranking.best, &why_none);
    if (status == FT_OK) status = add_parts(&ranking, why_none.message, &data, err);
    ft_replicates_free(&ranking.replicates);
    free(ranking.ranked);
    if (status == FT_OK)
        *out = data.root;
    else
        cJSON_Delete(data.root);
    return status;
}

ft_status ft_report_make(const ft_report_request *request, ft_text *page, ft_error *err)
{
    cJSON *data = NULL;
    ft_status status = ft_report_collect(request, &data, err);
    if (status != FT_OK) return status;
    char *json = ft_json_print_line(data);
    cJSON_Delete(data);
    if (json) ft_report_fill_page(json, page);
    if (!json || page->failed) status = ft_no_memory(err, "a report", page->length);
    free(json);
    return status;
}
