/* Baselines in run.baseline_metrics. */
#include "tracker/baselines.h"

#include <stdio.h>
#include <string.h>

static const char key[] = "baseline_metrics";

/* Sets object[name] = item, in place of what is there; false (item freed) when memory ran
 * out. */
static bool put(cJSON *object, const char *name, cJSON *item)
{
    if (!object || !item) {
        cJSON_Delete(item);
        return false;
    }
    cJSON_DeleteItemFromObjectCaseSensitive(object, name);
    if (cJSON_AddItemToObject(object, name, item)) return true;
    cJSON_Delete(item);
    return false;
}

static cJSON *splits_to_json(const ft_metrics metrics[FT_N_SPLITS])
{
    cJSON *object = cJSON_CreateObject();
    for (int s = 0; object && s < FT_N_SPLITS; s++) {
        char name[32];
        snprintf(name, sizeof name, "%s_metrics", ft_split_names[s]);
        if (!metrics[s].evaluated || put(object, name, ft_metrics_to_json(&metrics[s]))) continue;
        cJSON_Delete(object);
        object = NULL;
    }
    return object;
}

ft_status ft_baseline_put(ft_experiment *experiment, const char *name, const ft_metrics metrics[FT_N_SPLITS],
                          ft_error *err)
{
    if (!experiment->run) experiment->run = cJSON_CreateObject();
    cJSON *baselines = cJSON_GetObjectItemCaseSensitive(experiment->run, key);
    if (!cJSON_IsObject(baselines)) {
        baselines = cJSON_CreateObject();
        if (!put(experiment->run, key, baselines)) return ft_no_memory(err, key, 0);
    }
    return put(baselines, name, splits_to_json(metrics)) ? FT_OK : ft_no_memory(err, key, 0);
}

bool ft_baseline_get(const ft_experiment *experiment, size_t index, const char **name,
                     ft_metrics metrics[FT_N_SPLITS])
{
    const cJSON *baselines = cJSON_GetObjectItemCaseSensitive(experiment->run, key);
    const cJSON *entry = cJSON_IsObject(baselines) ? baselines->child : NULL;
    for (; entry && index > 0; index--) entry = entry->next;
    if (!entry) return false;
    *name = entry->string;
    for (int s = 0; s < FT_N_SPLITS; s++) {
        char split[32];
        snprintf(split, sizeof split, "%s_metrics", ft_split_names[s]);
        /* A file of another origin may hold anything here: what is not metrics is not
         * evaluated. */
        if (ft_metrics_from_json(cJSON_GetObjectItemCaseSensitive(entry, split), &metrics[s], NULL) != FT_OK)
            metrics[s] = (ft_metrics){0};
    }
    return true;
}
