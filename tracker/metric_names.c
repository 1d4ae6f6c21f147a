/* Metrics by name: their places in ft_metrics, which way is better, and their JSON. */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "tracker/metrics.h"

#define NAME(metric, name, better) #name,
const char *const ft_metric_names[FT_N_METRICS] = {FT_METRICS(NAME)};

#define OFFSET(metric, name, better) offsetof(ft_metrics, name),
static const size_t offsets[FT_N_METRICS] = {FT_METRICS(OFFSET)};

#define BETTER(metric, name, better) better,
static const ft_better betters[FT_N_METRICS] = {FT_METRICS(BETTER)};

ft_status ft_metric_parse(const char *name, ft_metric *metric, ft_error *err)
{
    for (int m = 0; m < FT_N_METRICS; m++) {
        if (strcmp(name, ft_metric_names[m]) == 0) {
            *metric = (ft_metric)m;
            return FT_OK;
        }
    }
    if (strcmp(name, "val_loss") == 0 || strcmp(name, "loss") == 0)
        return ft_fail(err, FT_BAD_INPUT,
                       "\"%s\" is of training; the metrics are of forecasts (" FT_METRIC_LIST
                       "). To sort by it: "
                       "ftgpu compare --columns 'hp_*,best_val_loss' --sort best_val_loss",
                       name);
    const char *near = ft_nearest_name(name, ft_metric_names, FT_N_METRICS);
    return ft_fail(err, FT_BAD_INPUT, "unknown metric \"%.100s\"%s%s%s (known: " FT_METRIC_LIST ")", name,
                   near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

double ft_metrics_get(const ft_metrics *metrics, ft_metric metric)
{
    double value;
    memcpy(&value, (const char *)metrics + offsets[metric], sizeof value);
    return metrics->evaluated ? value : NAN;
}

void ft_metrics_set(ft_metrics *metrics, ft_metric metric, double value)
{
    if (!metrics->evaluated) {
        *metrics = (ft_metrics){.evaluated = true};
        for (int m = 0; m < FT_N_METRICS; m++) ft_metrics_set(metrics, (ft_metric)m, NAN);
    }
    memcpy((char *)metrics + offsets[metric], &value, sizeof value);
}

ft_better ft_metric_better(ft_metric metric)
{
    return betters[metric];
}

double ft_metric_cost(ft_metric metric, double value)
{
    if (betters[metric] == FT_HIGHER_IS_BETTER) return -value;
    return betters[metric] == FT_NEAR_80_IS_BETTER ? fabs(value - 0.8) : value;
}

const char *ft_metric_direction(ft_metric metric)
{
    static const char *const words[] = {[FT_LOWER_IS_BETTER] = "lower is better",
                                        [FT_HIGHER_IS_BETTER] = "higher is better",
                                        [FT_NEAR_80_IS_BETTER] = "nearest to 0.8 is best"};
    return words[betters[metric]];
}

cJSON *ft_metrics_to_json(const ft_metrics *metrics)
{
    cJSON *object = cJSON_CreateObject();
    for (int m = 0; metrics->evaluated && m < FT_N_METRICS; m++)
        ft_json_set(&object, ft_metric_names[m], ft_json_number(ft_metrics_get(metrics, (ft_metric)m)));
    return object;
}

ft_status ft_metrics_from_json(const cJSON *object, ft_metrics *metrics, ft_error *err)
{
    *metrics = (ft_metrics){0};
    if (!object || cJSON_IsNull(object)) return FT_OK;
    if (!cJSON_IsObject(object)) return ft_fail(err, FT_BAD_INPUT, "metrics must be an object");
    for (const cJSON *entry = object->child; entry; entry = entry->next) {
        for (int m = 0; m < FT_N_METRICS; m++) {
            if (strcmp(entry->string, ft_metric_names[m]) != 0) continue;
            if (!cJSON_IsNumber(entry) && !cJSON_IsNull(entry))
                return ft_fail(err, FT_BAD_INPUT, "\"%s\" must be a number or null", ft_metric_names[m]);
            /* 1e999 reads as infinity, which is no metric either. */
            bool known = cJSON_IsNumber(entry) && isfinite(entry->valuedouble);
            ft_metrics_set(metrics, (ft_metric)m, known ? entry->valuedouble : NAN);
        }
    }
    return FT_OK;
}
