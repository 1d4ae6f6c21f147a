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
    double cost; /* INFINITY: it has not the metric */
} ranked;

static int by_cost(const void *left, const void *right)
{
    const ranked *a = left, *b = right;
    if (a->cost != b->cost) return a->cost < b->cost ? -1 : 1;
    return (a->experiment > b->experiment) - (a->experiment < b->experiment);
}

/* All experiments, the best first. */
static ft_status rank(const ft_report_request *request, const ft_experiment ***out, ft_error *err)
{
    const size_t n = request->experiments->count;
    ranked *all = malloc(n * sizeof *all);
    *out = malloc(n * sizeof **out);
    for (size_t i = 0; all && *out && i < n; i++) {
        const ft_experiment *e = &request->experiments->items[i];
        double cost =
            ft_metric_cost(request->metric, ft_metrics_get(&e->metrics[request->split], request->metric));
        all[i] = (ranked){e, e->error || !isfinite(cost) ? INFINITY : cost};
    }
    if (all && *out) qsort(all, n, sizeof *all, by_cost);
    for (size_t i = 0; all && *out && i < n; i++) (*out)[i] = all[i].experiment;
    ft_status status = all && *out ? FT_OK : ft_no_memory(err, "a ranking", n * sizeof *all);
    free(all);
    return status;
}

static void add_head(const ft_report_request *request, ft_report_data *data)
{
    ft_text version = FT_TEXT_EMPTY;
    ft_text_addf(&version, "ftgpu %s", ft_version());
    if (version.failed) data->failed = true;
    ft_report_add_number(data, data->root, "format", 1);
    ft_report_add_text(data, data->root, "program", version.data);
    ft_report_add_text(data, data->root, "results", request->results);
    ft_report_add_text(data, data->root, "metric", ft_metric_names[request->metric]);
    ft_report_add_text(data, data->root, "direction", ft_metric_direction(request->metric));
    ft_report_add_text(data, data->root, "split", ft_split_names[request->split]);
    ft_text_free(&version);
}

static ft_status add_parts(ft_report_study *study, const char *why_none, ft_report_data *data, ft_error *err)
{
    const ft_report_request *request = study->request;
    ft_status status = FT_OK;
    if (study->best)
        status = ft_rivals_find(request->experiments, study->best, request->metric, request->split,
                                &study->rivals, err);
    if (status == FT_OK) {
        add_head(request, data);
        status = ft_report_add_verdict(study, why_none, data, err);
    }
    if (status == FT_OK) status = ft_report_add_findings(study, data, err);
    if (status == FT_OK) status = ft_report_add_experiments(study, data, err);
    if (status == FT_OK) status = ft_report_add_windows(study, data, err);
    if (status == FT_OK) status = ft_report_add_target(study, data, err);
    return status == FT_OK && data->failed ? ft_no_memory(err, "a report", 0) : status;
}

ft_status ft_report_collect(const ft_report_request *request, cJSON **out, ft_error *err)
{
    ft_report_study study = {.request = request, .n_ranked = request->experiments->count};
    ft_report_data data = {.root = cJSON_CreateObject()};
    ft_error why_none = {""};
    *out = NULL;
    if (study.n_ranked == 0)
        return cJSON_Delete(data.root), ft_fail(err, FT_BAD_INPUT, "there are no experiments to report");
    ft_status status = rank(request, &study.ranked, err);
    if (status == FT_OK)
        ft_experiments_best(request->experiments, request->metric, request->split, &study.best, &why_none);
    if (status == FT_OK) status = add_parts(&study, why_none.message, &data, err);
    free(study.ranked);
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
